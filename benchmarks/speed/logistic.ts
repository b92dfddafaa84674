/**
 * Speed of the logistic probe's solver against scikit-learn's LogisticRegression (`torch_peer.py`) on the same data, threads and
 * penalty: 20,000 rows x 768 features, C = 1, with 2 and with 100 classes. The features are made, not measured: correlated like
 * embeddings (standard deviations of the latent factors falling as j^-0.7), with noisy linear labels. Both sides are timed on
 * standardised features, without making, reading and scaling them. Both objective values are printed, since a solver that stops
 * earlier is not faster.
 *
 *   node --import tsx benchmarks/speed/logistic.ts --python PYTHON [--threads 2] [--classes 2,100] [--rows 20000] [--json]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type Algebra, openAlgebra } from '../../src/algebra/linear-algebra.ts';
import { createRandom } from '../../src/core/random.ts';
import { openLogisticSolver } from '../../src/probes/linear/logistic.ts';
import { fitStandardiser } from '../../src/probes/linear/standardise.ts';
import { writeNpy } from '../../src/runtime/arrays/npy.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: '2' },
    classes: { type: 'string', default: '2,100' },
    rows: { type: 'string', default: '20000' },
    json: { type: 'boolean', default: false },
  },
});

const DIM = 768;

async function makeData(rows: number, classes: number, algebra: Algebra) {
  const random = createRandom(`logistic speed ${classes}`);
  const normals = (r: number, c: number, scale: (column: number) => number) => ({
    rows: r,
    columns: c,
    values: Float64Array.from({ length: r * c }, (_, i) => random.normal() * scale(i % c)),
  });
  const latent = normals(rows, DIM, (j) => (j + 1) ** -0.7);
  const raw = await algebra.product(
    latent,
    normals(DIM, DIM, () => 1),
  );
  const standardiser = fitStandardiser(raw);
  const truth = normals(DIM, classes, () => 2 / Math.sqrt(DIM));
  const scores = await algebra.product(standardiser.apply64(raw), truth);
  const labels = Int32Array.from({ length: rows }, (_, r) => {
    const row = Array.from(
      { length: classes },
      (_, k) => scores.values[r * classes + k] - Math.log(-Math.log(random.next() || 0.5)),
    );
    return row.indexOf(Math.max(...row));
  });
  return { features: standardiser.apply(raw), labels };
}

interface Peer {
  readonly median_seconds: number;
  readonly objective: number;
  readonly iterations: number;
  readonly version: string;
}

const threads = Number(flags.threads);
const folder = await mkdtemp(join(tmpdir(), 'logistic-speed-'));
const algebra = await openAlgebra(threads);
const results: Record<string, unknown>[] = [];
try {
  for (const classes of flags.classes.split(',').map(Number)) {
    const { features, labels } = await makeData(Number(flags.rows), classes, algebra);
    const started = performance.now();
    const [link, columns] = classes === 2 ? (['sigmoid', 1] as const) : (['softmax', classes] as const);
    const solver = await openLogisticSolver({ features, labels, link, columns }, { device: 'cpu', threads });
    const { objective, iterations, evaluations, stopped } = await solver.solve(1);
    const seconds = (performance.now() - started) / 1000;
    await solver.dispose();

    const [x, y] = [join(folder, 'features.npy'), join(folder, 'labels.npy')];
    await writeNpy(x, features);
    await writeNpy(y, { rows: labels.length, columns: 1, values: labels });
    const script = join(import.meta.dirname, 'torch_peer.py');
    const timing = ['--threads', String(threads), '--repeats', '1', '--warmup', '0'];
    const { stdout } = await promisify(execFile)(
      flags.python,
      [script, '--case', `logistic-${classes}`, '--x', x, '--y', y, ...timing],
      { maxBuffer: 1 << 24 },
    );
    const peer = JSON.parse(stdout.trim()) as Peer;
    const ratio = seconds / peer.median_seconds;
    const objectiveDifference = (objective - peer.objective) / peer.objective;
    const own = { seconds, objective, iterations, evaluations, stopped };
    results.push({ classes, threads, rows: features.rows, columns: DIM, ...own, peer, ratio, objectiveDifference });
    if (!flags.json) {
      console.log(`${classes} classes, ${features.rows} x ${DIM}, ${threads} threads`);
      console.log(`  ours: ${seconds.toFixed(2)} s, ${iterations} iterations, objective ${objective.toFixed(3)}`);
      console.log(
        `  ${peer.version}: ${peer.median_seconds.toFixed(2)} s, ${peer.iterations} iterations, objective ${peer.objective.toFixed(3)}`,
      );
      console.log(
        `  ${ratio.toFixed(3)} x its time, objective ${objectiveDifference.toExponential(1)} relative to its`,
      );
    }
  }
  if (flags.json) console.log(JSON.stringify(results, null, 2));
} finally {
  await algebra.dispose();
  await rm(folder, { recursive: true });
}
