// The cases as mixed-integer models in the LP format. They share no code with the solver that is measured. An order:
//
//   y[w,d,s] = 1   warehouse w ships one parcel at step s of the rates of divisor d
//   x[w,l]         units of line l from warehouse w (all or none unless quantities may be split); z[w,l] = 1 if any
//   min  sum y (per shipment + rate + split) + sum z (per line) + sum x (per unit) - split
//   sum_w x[w,l] = quantity; sum_{d,s} y[w,d,s] <= 1
//   sum_l weight x <= sum y upper(s); sum_l volume x <= sum y upper(s) d
//   x <= stock z, z <= sum y, sum_l x <= units left
//
// A wave has a variable for every order, warehouse, carrier and set of whole lines instead, one for every line left
// unfilled, and e[order] >= its shipments - 1; stock, unit and parcel capacities are rows.

// The cheapest usable rates of a warehouse: divisor, upper bound of the step, price; without those that a cheaper
// and wider step makes useless.
function rates(card, order, w) {
  const best = new Map();
  for (const s of card.services) {
    const prices = s.rates_by_zone[w.zone];
    const days = w.processing_days + s.transit_days_by_zone[w.zone];
    if (!w.carriers.includes(s.carrier) || !prices?.length || !(days <= order.promise_days)) continue;
    prices.forEach((price, step) => {
      const upper = Math.min(card.weight_step_upper_bounds_g[step], s.max_billable_g);
      const key = `${s.dim_divisor_cm3_per_g} ${upper}`;
      if (!best.has(key) || best.get(key).price > price) best.set(key, { divisor: s.dim_divisor_cm3_per_g, upper, price });
    });
  }
  const all = [...best.values()];
  return all.filter((a) => !all.some((b) => b !== a && b.price <= a.price && b.upper >= a.upper && b.upper * b.divisor >= a.upper * a.divisor));
}

export function orderModel(card, order) {
  const cost = [], rows = [], binaries = [], integers = [], bounds = [];
  const filled = order.lines.map(() => []);
  const split = order.split_penalty_per_extra_shipment;
  order.warehouses.forEach((w, i) => {
    const lines = order.lines.map((_, l) => l).filter((l) => w.stock_by_line[l] >= (order.allow_quantity_split ? 1 : order.lines[l].qty));
    const ways = lines.length ? rates(card, order, w) : [];
    if (!ways.length) return;
    const ship = [], weight = [], volume = [], units = [];
    ways.forEach((r, s) => {
      const y = `y${i}_${s}`;
      binaries.push(y);
      ship.push(y);
      cost.push(`${w.cost_per_shipment + r.price + split} ${y}`);
      weight.push(`- ${r.upper} ${y}`);
      volume.push(`- ${r.upper * r.divisor} ${y}`);
    });
    rows.push(`${ship.join(' + ')} <= 1`);
    for (const l of lines) {
      const { qty, unit_g, unit_cm3 } = order.lines[l];
      const z = `z${i}_${l}`;
      binaries.push(z);
      let n = `${qty} ${z}`;
      if (order.allow_quantity_split) {
        const x = `x${i}_${l}`, most = Math.min(qty, w.stock_by_line[l]);
        integers.push(x);
        bounds.push(`0 <= ${x} <= ${most}`);
        rows.push(`${x} - ${most} ${z} <= 0`);
        cost.push(`${w.cost_per_line} ${z}`, `${w.cost_per_unit} ${x}`);
        n = `1 ${x}`;
      } else {
        cost.push(`${w.cost_per_line + w.cost_per_unit * qty} ${z}`);
      }
      const [factor, name] = n.split(' ');
      filled[l].push(n);
      weight.push(`+ ${unit_g * factor} ${name}`);
      volume.push(`+ ${unit_cm3 * factor} ${name}`);
      units.push(n);
      rows.push(`${z} - ${ship.join(' - ')} <= 0`);
    }
    rows.push(`${weight.join(' ')} <= 0`, `${volume.join(' ')} <= 0`);
    if (w.unit_capacity_left >= 0) rows.push(`${units.join(' + ')} <= ${w.unit_capacity_left}`);
  });
  if (filled.some((f) => !f.length)) return null;
  filled.forEach((f, l) => rows.push(`${f.join(' + ')} = ${order.lines[l].qty}`));
  return text(cost, rows, bounds, binaries, integers);
}

// The same order with a variable for every warehouse and set of whole lines that it could ship: stronger, and larger
// where lines are many. null where quantities may be split or there are more than most such sets.
export function orderSets(card, order, most = 20000) {
  if (order.allow_quantity_split) return null;
  const cost = [], rows = [], binaries = [];
  const filled = order.lines.map(() => []);
  for (const [i, w] of order.warehouses.entries()) {
    const lines = order.lines.map((_, l) => l).filter((l) => w.stock_by_line[l] >= order.lines[l].qty);
    const ways = lines.length ? rates(card, order, w) : [];
    if (binaries.length + 2 ** lines.length > most) return null;
    const ship = [];
    for (let set = 1; set < 1 << lines.length; set++) {
      const held = lines.filter((_, n) => set & (1 << n));
      const [g, v, units] = totals(held.map((l) => order.lines[l]));
      const price = cheapest(ways, g, v);
      if (price === null || (w.unit_capacity_left >= 0 && units > w.unit_capacity_left)) continue;
      const y = `y${i}_${set}`;
      ship.push(y);
      cost.push(`${w.cost_per_shipment + price + w.cost_per_line * held.length + w.cost_per_unit * units + order.split_penalty_per_extra_shipment} ${y}`);
      for (const l of held) filled[l].push(y);
    }
    binaries.push(...ship);
    if (ship.length) rows.push(`${ship.join(' + ')} <= 1`);
  }
  if (filled.some((f) => !f.length)) return null;
  filled.forEach((f) => rows.push(`${f.join(' + ')} = 1`));
  return text(cost, rows, [], binaries, []);
}

// Weight, volume and units of whole lines.
function totals(lines) {
  const sum = (f) => lines.reduce((t, l) => t + l.qty * f(l), 0);
  return [sum((l) => l.unit_g), sum((l) => l.unit_cm3), sum(() => 1)];
}

// The cheapest of the rates that carry so much, or null.
function cheapest(ways, g, v) {
  const prices = ways.filter((r) => r.upper >= g && r.upper * r.divisor >= v).map((r) => r.price);
  return prices.length ? Math.min(...prices) : null;
}

// The lines of a model in the LP format, none of them too long for a reader.
function text(cost, rows, bounds, binaries, integers) {
  return [
    'Minimize', ` obj: ${cost.join(' + ')}`, 'Subject To', ...rows.map((r, i) => ` c${i}: ${r}`),
    ...(bounds.length ? ['Bounds', ...bounds.map((b) => ` ${b}`)] : []),
    'Binary', ` ${binaries.join(' ')}`, ...(integers.length ? ['General', ` ${integers.join(' ')}`] : []), 'End',
  ].join('\n').replace(/: - /g, ': -').replace(/[^\n]{400,}/g, (line) => line.replace(/(.{200,240}?) /g, '$1\n '));
}

export function batchModel(card, batch) {
  if (batch.allow_quantity_split) throw new Error(`${batch.name}: waves with split quantities are not modelled`);
  const cost = [], rows = [], binaries = [], bounds = [];
  const stock = new Map(), capacity = new Map();
  const add = (map, key, term) => map.set(key, [...(map.get(key) ?? []), term]);
  batch.orders.forEach((o, i) => {
    const filled = o.lines.map((l, n) => {
      binaries.push(`u${i}_${n}`);
      cost.push(`${l.unfilled_penalty_per_unit * l.qty} u${i}_${n}`);
      return [`u${i}_${n}`];
    });
    const shipments = [];
    batch.warehouses.forEach((w, j) => {
      const from = { processing_days: w.processing_days, zone: o.zone_by_warehouse[j] };
      for (const carrier of Object.keys(w.carrier_parcel_capacity)) {
        const ways = rates(card, o, { ...from, carriers: [carrier] });
        for (let set = 1; set < 1 << o.lines.length; set++) {
          const lines = o.lines.map((_, n) => n).filter((n) => set & (1 << n));
          if (lines.some((n) => (w.stock[o.lines[n].sku] ?? 0) < o.lines[n].qty)) continue;
          const [g, v, units] = totals(lines.map((n) => o.lines[n]));
          const price = cheapest(ways, g, v);
          if (price === null) continue;
          const y = `y${i}_${j}_${carrier}_${set}`;
          binaries.push(y);
          shipments.push(y);
          cost.push(`${w.cost_per_shipment + price + w.cost_per_line * lines.length + w.cost_per_unit * units} ${y}`);
          for (const n of lines) {
            filled[n].push(y);
            add(stock, `${j} ${o.lines[n].sku}`, `${o.lines[n].qty} ${y}`);
          }
          add(capacity, `units ${j}`, `${units} ${y}`);
          add(capacity, `${carrier} ${j}`, `1 ${y}`);
          add(capacity, `once ${j} ${i}`, `1 ${y}`);
        }
      }
    });
    filled.forEach((f) => rows.push(`${f.join(' + ')} = 1`));
    if (shipments.length > 1) {
      cost.push(`${batch.split_penalty_per_extra_shipment} e${i}`);
      bounds.push(`0 <= e${i} <= ${o.lines.length}`);
      rows.push(`${shipments.join(' + ')} - e${i} <= 1`);
    }
  });
  for (const [key, terms] of stock) {
    const [j, sku] = key.split(' ');
    rows.push(`${terms.join(' + ')} <= ${batch.warehouses[j].stock[sku]}`);
  }
  for (const [key, terms] of capacity) {
    const [what, j] = key.split(' ');
    const w = batch.warehouses[j];
    const most = what === 'once' ? 1 : what === 'units' ? w.unit_capacity : w.carrier_parcel_capacity[what];
    if (most >= 0) rows.push(`${terms.join(' + ')} <= ${most}`);
  }
  return text(cost, rows, bounds, binaries, []);
}
