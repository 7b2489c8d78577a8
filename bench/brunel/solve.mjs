// Solves the Supply Chain Logistics Problem of Brunel University with HiGHS, from the published tables, without Allot.
//
//   npm install && node solve.mjs [--penalty 1000000] [--wait COST] [--first N] [--dump FILE] DATA
//
// One day, which is the default:
//
//   x[o,p] = 1   plant p takes order o today        u[o] = 1   order o is left unfilled
//   min  sum c[o,p] x[o,p] + penalty sum u[o]
//   sum_p x[o,p] + u[o] = 1 for every order;  sum_o x[o,p] <= capacity[p] for every plant
//
// With --wait, day after day: n[p,d] orders leave plant p on day d = 0, 1, ...
//
//   min  sum c[o,p] x[o,p] + wait sum d n[p,d]
//   sum_p x[o,p] = 1;  sum_o x[o,p] = sum_d n[p,d];  n[p,d] <= capacity[p]
//
// c[o,p] = quantity x cost per unit of p + the cheapest freight over p's ports, the carriers and their rates at the
// order's level that hold for its weight: max(minimum, rate x weight), the weight in started tenths of a gram, rounded
// half-up to the cent; none for CRF. There is no x[o,p] where p does not make the product, is another customer's, or
// has no rate. Bands are read as "above the band before and up to max_wgh_qty".
//
// Both are flows in a network, whose linear relaxation has an integral optimum: HiGHS gets the relaxation with --lp and
// the integers without. The bound is not HiGHS's: the duals of the plants, rounded to cents, give one in whole numbers
// that holds whatever the tolerances were. --first takes the first N orders only; --dump writes the costs c as CSV.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import highsLoader from 'highs';

const args = process.argv.slice(2);
const flags = { '--penalty': '1000000', '--wait': '0', '--first': 'Infinity', '--dump': '', '--lp': false };
while (args[0]?.startsWith('--')) {
  const flag = args.shift();
  if (!(flag in flags)) throw new Error(`unknown flag ${flag}`);
  flags[flag] = flag === '--lp' ? true : args.shift();
}
if (!args[0]) throw new Error('give the directory with the tables');

function table(name) {
  const [head, ...rows] = readFileSync(join(args[0], `${name}.csv`), 'utf8').replace(/^\ufeff/, '').trim().split(/\r?\n/)
    .map((line) => [...line.matchAll(/(?:^|,)(?:"([^"]*)"|([^,]*))/g)].map((m) => (m[1] ?? m[2]).trim()));
  return rows.filter((r) => r.some(Boolean)).map((r) => Object.fromEntries(head.map((h, i) => [h, r[i]])));
}

// A decimal as a whole number of 10^-places.
function fixed(text, places) {
  const [, whole, part = ''] = /^(\d*)(?:\.(\d*))?$/.exec(text.replace(/[$,\s]/g, '')) ?? [];
  if (whole === undefined || part.slice(places).replace(/0/g, '')) throw new Error(`${text} is not a number of ${places} decimals`);
  return Number(whole + part.slice(0, places).padEnd(places, '0'));
}
const cents = (text) => fixed(text, 2);
const micrograms = (text) => fixed(text, 9); // of a figure in kilograms

const plants = table('WhCapacities').map((r) => ({ name: r['Plant ID'], capacity: Number(r['Daily Capacity']), ports: [], makes: new Set(), only: null }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));
const byName = new Map(plants.map((p) => [p.name, p]));
for (const r of table('WhCosts')) byName.get(r.WH).unit = cents(r['Cost/unit']);
for (const r of table('PlantPorts')) byName.get(r['Plant Code'])?.ports.push(r.Port);
for (const r of table('ProductsPerPlant')) byName.get(r['Plant Code'])?.makes.add(r['Product ID']);
for (const r of table('VmiCustomers')) (byName.get(r['Plant Code']).only ??= new Set()).add(r.Customers);

// Rates by port and level, in chains of bands; a band begins where the one below it in its chain ends.
const rates = new Map();
for (const r of table('FreightRates')) {
  const key = `${r.orig_port_cd} ${r.svc_cd}`;
  if (!rates.has(key)) rates.set(key, []);
  rates.get(key).push({
    chain: `${r.Carrier} ${r.tpt_day_cnt}`, lo: micrograms(r.minm_wgh_qty), hi: micrograms(r.max_wgh_qty), least: cents(r['minimum cost']), rate: cents(r.rate), ground: r.mode_dsc === 'GROUND',
  });
}
for (const list of rates.values()) {
  for (const r of list) {
    const below = Math.max(0, ...list.filter((b) => b.chain === r.chain && b.hi <= r.lo).map((b) => b.hi));
    r.from = r.lo - below <= 10_000_000 ? below : r.lo - 1;
  }
}

function freight(list, weight) {
  let best = { cost: Infinity };
  for (const r of list) {
    if (Math.max(weight, 1) <= r.from || weight > r.hi) continue;
    const micros = Math.max(r.least * 10_000, Math.ceil(weight / 100_000) * r.rate); // 0.1 g at a cent a kilogram is a micro
    const cost = Math.floor((micros + 5_000) / 10_000);
    if (cost < best.cost) best = { cost, ground: r.ground, least: micros === r.least * 10_000 };
  }
  return best;
}

const orders = table('OrderList').slice(0, Number(flags['--first'])).map((r) => ({
  id: r['Order ID'], level: r['Service Level'], customer: r.Customer, product: r['Product ID'], quantity: Number(r['Unit quantity']), weight: micrograms(r.Weight),
}));
const carriage = (o, p) => (o.level === 'CRF' ? { cost: 0 } : freight(p.ports.flatMap((port) => rates.get(`${port} ${o.level}`) ?? []), o.weight));
const costs = orders.map((o) => plants.map((p) => (
  p.makes.has(o.product) && (!p.only || p.only.has(o.customer)) ? o.quantity * p.unit + carriage(o, p).cost : Infinity)));
if (flags['--dump']) {
  writeFileSync(flags['--dump'], costs.flatMap((row, o) => row.flatMap((c, p) => (c < Infinity ? [`${orders[o].id},${plants[p].name},${(c / 100).toFixed(2)}\n`] : []))).join(''));
}

// The model in the LP format, its amounts in cents.
const penalty = cents(flags['--penalty']), wait = cents(flags['--wait']);
const days = wait ? Math.ceil(orders.length / Math.min(...plants.map((p) => p.capacity))) : 0;
const objective = [], rows = [], bounds = [], columns = [], integers = [];
const loads = plants.map(() => []);
costs.forEach((row, o) => {
  const ways = [];
  row.forEach((c, p) => {
    if (c === Infinity) return;
    objective.push(`${c} x${o}_${p}`);
    ways.push(`x${o}_${p}`);
    loads[p].push(`x${o}_${p}`);
  });
  if (!wait) {
    objective.push(`${penalty} u${o}`);
    ways.push(`u${o}`);
  }
  columns.push(...ways);
  rows.push(`o${o}: ${ways.join(' + ')} = 1`);
});
plants.forEach((p, i) => {
  if (!loads[i].length) return;
  if (!wait) {
    rows.push(`p${i}: ${loads[i].join(' + ')} <= ${p.capacity}`);
    return;
  }
  const slots = [];
  for (let d = 0; d * p.capacity < loads[i].length; d++) {
    slots.push(`n${i}_${d}`);
    if (d) objective.push(`${d * wait} n${i}_${d}`);
    bounds.push(`0 <= n${i}_${d} <= ${p.capacity}`);
  }
  integers.push(...slots);
  rows.push(`p${i}: ${loads[i].join(' + ')} - ${slots.join(' - ')} <= 0`);
});
const text = [
  'Minimize', ` obj: ${objective.join(' + ')}`, 'Subject To', ...rows.map((r) => ` ${r}`), 'Bounds', ...bounds.map((b) => ` ${b}`),
  ...(flags['--lp'] ? columns.map((c) => ` 0 <= ${c} <= 1`) : ['Binary', ` ${columns.join(' ')}`, 'General', ` ${integers.join(' ')}`]), 'End',
].join('\n').replace(/[^\n]{400,}/g, (line) => line.replace(/(.{200,240}?) /g, '$1\n '));

const highs = await highsLoader();
const solve = (model, options) => {
  const start = process.cpuUsage(), wall = performance.now();
  const answer = highs.solve(model, options);
  const cpu = process.cpuUsage(start);
  return { ...answer, seconds: (performance.now() - wall) / 1_000, cpu: (cpu.user + cpu.system) / 1e6 };
};
const answer = solve(text, { mip_rel_gap: 0, output_flag: false });
// Duals come with the relaxation only.
const relaxed = flags['--lp'] ? answer : solve(text.replace(/\nBinary\n[\s\S]*End$/, '\nEnd').replace(/\nBounds/, `\nBounds\n${columns.map((c) => ` 0 <= ${c} <= 1`).join('\n')}`), { output_flag: false });

let total = 0, handling = 0, placed = 0, waited = 0, ground = 0, least = 0, fractional = 0;
const load = plants.map(() => 0);
costs.forEach((row, o) => row.forEach((c, p) => {
  const x = answer.Columns[`x${o}_${p}`]?.Primal ?? 0;
  fractional += Math.abs(x - Math.round(x)) > 1e-6;
  if (c === Infinity || x < 0.5) return;
  placed++;
  load[p]++;
  total += c;
  handling += orders[o].quantity * plants[p].unit;
  const by = carriage(orders[o], plants[p]);
  ground += by.ground ?? false;
  least += by.least ?? false;
}));
plants.forEach((p, i) => {
  if (!wait && load[i] > p.capacity) throw new Error(`${p.name} takes ${load[i]} orders, more than ${p.capacity}`);
  for (let n = load[i] - p.capacity, d = 1; n > 0; n -= p.capacity, d++) waited += Math.min(n, p.capacity) * d;
});
const cost = total + waited * wait + (wait ? 0 : (orders.length - placed) * penalty);

// The bound: every plant's places at their price, and every order at its cheapest with those prices.
const price = plants.map((_, i) => Math.max(0, Math.round(-(relaxed.Rows.find((r) => r.Name === `p${i}`)?.Dual ?? 0))));
let bound = 0;
for (const row of costs) bound += Math.min(wait ? Infinity : penalty, ...row.map((c, p) => c + price[p]));
plants.forEach((p, i) => {
  if (!wait) bound -= price[i] * p.capacity;
  else for (let d = 0; d * p.capacity < loads[i].length; d++) bound -= Math.max(0, price[i] - d * wait) * p.capacity;
});

const money = (c) => (c / 100).toFixed(2);
console.log(JSON.stringify({
  status: answer.Status, orders: orders.length, placed, unfilled: orders.length - placed, cost: money(cost), of_placed: money(total), handling: money(handling),
  freight: money(total - handling), waiting_days: waited, bound: money(bound), gap: money(cost - bound), proven: cost === bound, fractional,
  by_ground: ground, at_minimum: least, columns: objective.length, rows: rows.length, seconds: Number(answer.seconds.toFixed(2)), cpu_seconds: Number(answer.cpu.toFixed(2)),
  relaxed_seconds: Number(relaxed.seconds.toFixed(2)), load: Object.fromEntries(plants.map((p, i) => [p.name, `${load[i]}/${p.capacity}`])),
}));
