/**
 * Speed and peak memory of Ward clustering and of the nearest neighbour by cosine against scikit-learn (`sklearn_clustering.py`),
 * at the sizes of the BIOSCAN-5M protocols: 21,744 points x 50 into 4,363 clusters, and 3,401 queries against 118,051 x 768.
 * One after the other on the same made-up points, with the same threads; answers of both sides are compared.
 *
 * Ward's time depends on the points here (not in scikit-learn), so two sorts are clustered: with columns of falling spread, like
 * principal components of embeddings (standard deviations j^-0.7), and with columns alike, which is the worst for a search that
 * gives up candidates early. Peak memory of ours is that of the whole process, making the points included.
 *
 *   node --import tsx benchmarks/speed/clustering.ts --python PYTHON [--threads 2] [--cases ward,ward-alike,nearest] [--json]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { METRICS } from '../../src/metrics/metric-table.ts';
import { cutTree } from '../../src/probes/clustering/linkage.ts';
import { ward } from '../../src/probes/clustering/ward.ts';
import { openNeighbourSearch } from '../../src/probes/neighbours/knn.ts';
import { decodeNpy, writeNpy } from '../../src/runtime/arrays/npy.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    threads: { type: 'string', default: '2' },
    cases: { type: 'string', default: 'ward,ward-alike,nearest' },
    json: { type: 'boolean', default: false },
  },
});
const threads = Number(flags.threads);
const folder = await mkdtemp(join(tmpdir(), 'clustering-speed-'));
const path = (name: string) => join(folder, `${name}.npy`);

interface Side {
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly peak_rss_mib: number;
  readonly version: string;
}

async function timed<T>(work: () => Promise<T>): Promise<Side & { readonly answer: T }> {
  const before = process.cpuUsage();
  const started = performance.now();
  const answer = await work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const peak = process.resourceUsage().maxRSS / 1024;
  return { seconds, cpu_seconds: (user + system) / 1e6, peak_rss_mib: peak, version: 'ours', answer };
}

async function peer(flagsOfCase: readonly string[]): Promise<Side & { readonly answer: Int32Array }> {
  const script = join(import.meta.dirname, 'sklearn_clustering.py');
  const command = [script, ...flagsOfCase, '--answers', path('answers'), '--threads', String(threads)];
  const { stdout } = await promisify(execFile)(flags.python, command);
  const { values } = decodeNpy(await readFile(path('answers')));
  return { ...(JSON.parse(stdout.trim()) as Side), answer: Int32Array.from(values) };
}

/** 21,744 points around 4,363 centres; agreement is the adjusted Rand index of both sides' clusters. */
async function wardCase(decay: number) {
  const [rows, columns, clusters] = [21744, 50, 4363];
  const random = createRandom('ward speed');
  const centres = Float64Array.from({ length: clusters * columns }, () => 3 * random.normal());
  const values = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const centre = random.integer(clusters) * columns;
    for (let c = 0; c < columns; c++) {
      values[r * columns + c] = (centres[centre + c] + 0.5 * random.normal()) * (c + 1) ** -decay;
    }
  }
  const points = { rows, columns, values };
  await writeNpy(path('points'), points);
  const ours = await timed(async () => cutTree(ward(points), clusters));
  const theirs = await peer(['--case', 'ward', '--points', path('points'), '--clusters', String(clusters)]);
  const column = (labels: Int32Array) => ({ rows, columns: 1, values: Float64Array.from(labels) });
  return { ours, theirs, agreement: METRICS.ari.prepare(column(ours.answer), column(theirs.answer))() };
}

/** Every point is a class of its own, so agreement is the share of queries with the same nearest point. */
async function nearestCase() {
  const [rows, queries, columns] = [118051, 3401, 768];
  const random = createRandom('nearest speed');
  const uniform = (count: number) => ({
    rows: count,
    columns,
    values: Float32Array.from({ length: count * columns }, () => random.next() - 0.4),
  });
  const [points, questions] = [uniform(rows), uniform(queries)];
  await writeNpy(path('points'), points);
  await writeNpy(path('queries'), questions);
  await writeNpy(path('labels'), { rows, columns: 1, values: Int32Array.from({ length: rows }, (_, i) => i) });
  const ours = await timed(async () => {
    const search = await openNeighbourSearch(points, 'cosine', { device: 'cpu', threads });
    const nearest = await search.nearest(questions, 1);
    await search.dispose();
    return nearest;
  });
  const files = ['--points', path('points'), '--labels', path('labels'), '--queries', path('queries')];
  const theirs = await peer(['--case', 'nearest', ...files]);
  return { ours, theirs, agreement: ours.answer.filter((row, i) => row === theirs.answer[i]).length / queries };
}

const CASES: Readonly<Record<string, () => ReturnType<typeof wardCase>>> = {
  ward: () => wardCase(0.7),
  'ward-alike': () => wardCase(0),
  nearest: nearestCase,
};

const results: Record<string, unknown>[] = [];
try {
  for (const name of flags.cases.split(',')) {
    if (!Object.hasOwn(CASES, name)) throw new Error(`No case "${name}"; there are ${Object.keys(CASES).join(', ')}`);
    const { ours, theirs, agreement } = await CASES[name]();
    const ratio = ours.seconds / theirs.seconds;
    const side = ({ seconds, cpu_seconds, peak_rss_mib, version }: Side) => ({
      version,
      seconds,
      cpu_seconds,
      peak_rss_mib,
    });
    results.push({ case: name, threads, ours: side(ours), theirs: side(theirs), ratio, agreement });
    if (flags.json) continue;
    console.log(`${name}, ${threads} threads`);
    for (const { version, seconds, cpu_seconds: cpu, peak_rss_mib: peak } of [ours, theirs]) {
      const figures = `${seconds.toFixed(2)} s, ${cpu.toFixed(2)} s of CPU, peak ${peak.toFixed(0)} MiB`;
      console.log(`  ${version}: ${figures}`);
    }
    console.log(`  ${ratio.toFixed(3)} x its time, agreement ${agreement.toFixed(6)}`);
  }
  if (flags.json) console.log(JSON.stringify(results, null, 2));
} finally {
  await rm(folder, { recursive: true });
}
