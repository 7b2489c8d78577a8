// Solves models with HiGHS, over and over, in one process: the first argument is a file with one model a line, as the Go type
// model is in JSON. A line on standard input is a JSON list of positions in it: those are solved, and answered by a line. Counted is run() alone: neither
// starting, nor making a model, nor handing it over, nor reading its solution.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import highsLoader from 'highs';

const models = readFileSync(process.argv[2], 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
const highs = await highsLoader();
const solver = highs.createModel();
solver.options.set({ output_flag: false, mip_rel_gap: 0, mip_abs_gap: 0.5, time_limit: 60 });
const { optimal, infeasible } = highs.constants.modelStatus;

// A model as HiGHS takes it: rows of a sparse matrix.
function data(m) {
  const starts = [0], indices = [], values = [];
  for (const r of m.rows) {
    indices.push(...r.columns);
    values.push(...r.factors);
    starts.push(indices.length);
  }
  const n = m.costs.length;
  return {
    numCols: n, numRows: m.rows.length, offset: m.offset, colCost: Float64Array.from(m.costs),
    colLower: new Float64Array(n), colUpper: new Float64Array(n).fill(1), integrality: new Int32Array(n).fill(1),
    rowLower: Float64Array.from(m.rows, (r) => (r.equal ? r.bound : -highs.infinity)), rowUpper: Float64Array.from(m.rows, (r) => r.bound),
    matrix: {
      format: 'csr', numRows: m.rows.length, numCols: n, starts: Int32Array.from(starts), indices: Int32Array.from(indices), values: Float64Array.from(values),
    },
  };
}
const given = models.map(data);

function round(which) {
  const taken = [], status = [], each = [];
  let cpu = 0;
  for (const model of which.map((i) => given[i])) {
    solver.clearModel();
    solver.passModel(model);
    solver.zeroAllClocks();
    const spent = process.cpuUsage(), start = performance.now();
    solver.run();
    const wall = 1000 * (performance.now() - start), { user, system } = process.cpuUsage(spent);
    cpu += user + system;
    each.push(Math.min(wall, user + system || wall));
    const found = solver.getModelStatus();
    status.push(found === optimal ? 'optimal' : found === infeasible ? 'infeasible' : String(found));
    taken.push(found === optimal ? Array.from(solver.getSolution().colValue).flatMap((x, j) => (x > 0.5 ? [j] : [])) : []);
  }
  return { cpu: cpu / which.length, each, status, taken };
}

// The first calls compile, and are not to be measured.
round(given.slice(0, 20).map((_, i) => i));
console.log(JSON.stringify({ node: process.version, highs: JSON.parse(readFileSync(new URL('node_modules/highs/package.json', import.meta.url), 'utf8')).version }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(round(JSON.parse(line))));
}
