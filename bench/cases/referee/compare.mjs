// Times HiGHS and the Go solver on the same orders in one run, and CBC where it is installed, and checks that all find
// the same optimum.
//
//   npm install && node compare.mjs [--repeat 5] [--least 1000] [--seconds 60] [--every 1] [--kind order] DIR|FILE.tar.gz
//
// It builds bench/cases and runs it on the orders, takes its median of --repeat runs, from the parsed case to the plan,
// and then has HiGHS (npm highs, WebAssembly) solve each order to optimality: one call of solve on the text of the model
// that proves the cases. Making the text is not counted, nor is the start of HiGHS, nor, for both, the time that others
// have the processor. "highs, better model" is kinder to HiGHS and takes the faster of two models: the second has a
// variable for every warehouse and set of lines, which code outside HiGHS has priced, and that is not counted either.
// model.mjs states both. CBC is a process of its own and has the faster model; its time is of the wall, less what it takes
// on an empty model. Every --every-th order is compared.
//
// One line of JSON per order, then the ratios: their quantiles in all and by number of lines. It fails where an
// optimum differs, or where the median ratio to HiGHS is below --least.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import highsLoader from 'highs';
import { orderModel, orderSets } from './model.mjs';

const given = { repeat: 5, least: 1000, seconds: 60, every: 1, kind: 'order' };
const args = process.argv.slice(2);
while (args[0]?.startsWith('--')) {
  const name = args.shift().slice(2);
  if (!(name in given)) throw new Error(`unknown flag --${name}`);
  given[name] = name === 'kind' ? args.shift() : Number(args.shift());
}
if (!args[0]) throw new Error('give the directory or the archive with the cases');

const here = dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'compare-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

// The cases: a directory as it is, an archive unpacked.
let dir = resolve(args[0]);
if (statSync(dir).isFile()) {
  execFileSync('tar', ['-xzf', dir, '-C', scratch]);
  dir = scratch;
}
const card = JSON.parse(readFileSync(join(dir, 'ratecard.json'), 'utf8'));

// The Go solver.
const binary = join(scratch, 'cases.bin');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: join(here, '..'), stdio: 'inherit' });
const ran = spawnSync(binary, ['--repeat', String(given.repeat), '--only', given.kind, dir], { encoding: 'utf8', maxBuffer: 1 << 30 });
if (ran.status !== 0) throw new Error(`bench/cases: ${ran.stderr}`);
const ours = ran.stdout.trim().split('\n').map((line) => JSON.parse(line)).filter((line) => line.file);
for (const our of ours) our.microseconds = Math.min(our.microseconds, our.cpu_microseconds || our.microseconds);

let highs = await highsLoader();
highs.solve('Minimize\n obj: x\nSubject To\n c: x >= 1\nEnd', {}); // the first call compiles
const options = { mip_rel_gap: 0, mip_abs_gap: 0.5, time_limit: given.seconds };

// What HiGHS says about a model, and the microseconds.
function askHighs(lp) {
  try {
    const [found, took] = timed(() => highs.solve(lp, options), true);
    const status = { Optimal: 'optimal', Infeasible: 'infeasible' }[found.Status] ?? 'unproven';
    return { status, cost: status === 'optimal' ? Math.round(found.ObjectiveValue) : null, took };
  } catch {
    return { status: 'unproven', cost: null, failed: true };
  }
}

// The value and the microseconds of a call. With busy they are of processor time where that is less, and long enough to
// be told apart from the system's ticks: so what else runs on the machine is not counted.
function timed(f, busy = false) {
  const spent = process.cpuUsage(), start = performance.now();
  const value = f();
  const took = 1000 * (performance.now() - start);
  const { user, system } = process.cpuUsage(spent);
  return [value, busy && user + system > 8000 ? Math.min(took, user + system) : took];
}

// CBC, when it is there.
const cbcVersion = spawnSync('cbc', ['-stop'], { encoding: 'utf8' }).stdout?.match(/Version: (\S+)/)?.[1];
function askCbc(lp) {
  const model = join(scratch, 'model.lp'), solution = join(scratch, 'model.sol');
  writeFileSync(model, lp);
  const [, took] = timed(() => spawnSync('cbc', [model, 'ratio', '0', 'allow', '0.5', 'sec', String(given.seconds), 'solve', 'solu', solution]));
  const first = readFileSync(solution, 'utf8').split('\n')[0];
  const status = /^Optimal/.test(first) ? 'optimal' : /infeasible/i.test(first) ? 'infeasible' : 'unproven';
  return { status, cost: status === 'optimal' ? Math.round(Number(first.match(/objective value\s+(\S+)/)[1])) : null, took };
}
const empty = 'Minimize\n obj: x\nSubject To\n c: x >= 1\nBinary\n x\nEnd\n';
const cbcStart = cbcVersion ? Math.min(...[1, 2, 3, 4, 5].map(() => askCbc(empty).took)) : 0;

const ratios = { highs: [], 'highs, better model': [], cbc: [] };
let disagree = 0, unproven = 0;
for (const [i, our] of ours.entries()) {
  if (i % given.every) continue;
  const order = JSON.parse(readFileSync(join(dir, our.file), 'utf8'));
  const plain = orderModel(card, order);
  if (!plain) { // a line that lies nowhere: there is no model to solve
    if (our.status !== 'infeasible') disagree++;
    continue;
  }
  const split = order.split_penalty_per_extra_shipment;
  const answers = [plain, orderSets(card, order)].filter(Boolean).map((lp) => ({ lp, ...askHighs(lp) }));
  if (answers.some((a) => a.failed)) highs = await highsLoader(); // one that failed may not be used again
  const line = { file: our.file, lines: our.lines, warehouses: our.warehouses, status: our.status, cost: our.cost, microseconds: our.microseconds };
  const note = (name, took) => ratios[name].push({ lines: our.lines, ratio: took / our.microseconds });
  const [first] = answers;
  const proven = answers.filter((a) => a.status !== 'unproven').sort((a, b) => a.took - b.took);
  if (first.status === 'unproven') unproven++;
  else {
    line.highs_microseconds = Math.round(first.took);
    note('highs', first.took);
  }
  if (proven.length) {
    line.better_model_microseconds = Math.round(proven[0].took);
    note('highs, better model', proven[0].took);
  }
  if (cbcVersion) {
    const cbc = askCbc((proven[0] ?? first).lp);
    answers.push(cbc);
    if (cbc.status !== 'unproven') {
      line.cbc_microseconds = Math.max(Math.round(cbc.took - cbcStart), 0);
      note('cbc', Math.max(cbc.took - cbcStart, 0));
    }
  }
  const same = answers.every((a) => a.status === 'unproven' || (a.status === our.status && (a.cost === null || a.cost - split === our.cost)));
  if (!same) disagree++;
  console.log(JSON.stringify({ ...line, same }));
}

function quantiles(list) {
  const sorted = list.map((r) => r.ratio).sort((a, b) => a - b);
  const at = (percent) => Math.round(sorted[Math.max(Math.ceil((sorted.length * percent) / 100), 1) - 1]);
  return { orders: sorted.length, min: at(0), p10: at(10), p50: at(50), p90: at(90), max: at(100) };
}
const { version } = JSON.parse(readFileSync(join(here, 'node_modules', 'highs', 'package.json'), 'utf8'));
const go = execFileSync('go', ['version'], { encoding: 'utf8' }).trim();
console.log(JSON.stringify({
  machine: `${cpus().length} x ${cpus()[0]?.model}`, go, node: process.version, highs: version, cbc: cbcVersion ?? null, load: loadavg()[0],
}));
for (const [name, list] of Object.entries(ratios).filter(([, list]) => list.length)) {
  console.log(JSON.stringify({ ratio_to: name, ...quantiles(list) }));
  for (const lines of [...new Set(list.map((r) => r.lines))].sort((a, b) => a - b)) {
    console.log(JSON.stringify({ ratio_to: name, lines, ...quantiles(list.filter((r) => r.lines === lines)) }));
  }
}
if (unproven) console.error(`HiGHS did not finish ${unproven} orders`);
const median = ratios.highs.length ? quantiles(ratios.highs).p50 : 0;
if (disagree || median < given.least) {
  console.error(`another optimum on ${disagree} orders; the median ratio to HiGHS is ${median}, wanted at least ${given.least}`);
  process.exit(1);
}
