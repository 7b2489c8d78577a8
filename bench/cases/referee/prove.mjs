// Proves the optimum of every order and wave below a directory of cases with HiGHS and writes it into the case.
//
//   npm install && node prove.mjs [--seconds 60] [--check] DIR
//
// --check writes nothing, and fails where HiGHS disagrees with what a case states. One line of JSON per case says what
// HiGHS found and how long it took. model.mjs states the models.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import highsLoader from 'highs';
import { batchModel, orderModel } from './model.mjs';

const args = process.argv.slice(2);
let seconds = 60;
let check = false;
while (args[0]?.startsWith('--')) {
  const flag = args.shift();
  if (flag === '--check') check = true;
  else if (flag === '--seconds') seconds = Number(args.shift());
  else throw new Error(`unknown flag ${flag}`);
}
const dir = args[0];
if (!dir) throw new Error('give the directory with the cases');
const card = JSON.parse(readFileSync(join(dir, 'ratecard.json'), 'utf8'));

let highs = await highsLoader();
let disagree = 0;
for (const kind of ['order', 'order_large', 'batch']) {
  let files = [];
  try {
    files = readdirSync(join(dir, kind)).filter((f) => f.endsWith('.json')).sort();
  } catch { /* there are none of this kind */ }
  for (const file of files) {
    const path = join(dir, kind, file);
    const order = JSON.parse(readFileSync(path, 'utf8'));
    const start = performance.now();
    let status = 'infeasible', cost = null;
    const lp = kind === 'batch' ? batchModel(card, order) : orderModel(card, order);
    if (lp) {
      try {
        const found = highs.solve(lp, { mip_rel_gap: 0, mip_abs_gap: 0.5, time_limit: seconds });
        if (found.Status === 'Optimal') {
          status = 'optimal';
          cost = Math.round(found.ObjectiveValue) - (kind === 'batch' ? 0 : order.split_penalty_per_extra_shipment);
        } else if (found.Status !== 'Infeasible') status = 'unproven';
      } catch (e) {
        status = 'unproven';
        highs = await highsLoader(); // one that failed may not be used again
      }
    }
    const took = Math.round(1000 * (performance.now() - start));
    const stated = ['optimal', 'infeasible'].includes(order.status);
    const agrees = !stated || status === 'unproven' || (order.status === status && (order.optimal_cost ?? null) === cost);
    if (!agrees) disagree++;
    console.log(JSON.stringify({ file: `${kind}/${file}`, status, cost, stated: order.optimal_cost ?? null, agrees, microseconds: took }));
    if (!check && status !== 'unproven') {
      writeFileSync(path, JSON.stringify({ ...order, status, optimal_cost: cost, proof: 'HiGHS 1.15.3 (wasm), mip_rel_gap 0' }) + '\n');
    }
  }
}
if (disagree) {
  console.error(`HiGHS disagrees on ${disagree} cases`);
  process.exit(1);
}
