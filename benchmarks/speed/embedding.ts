/**
 * Embedding throughput of pre-trained models against transformers + PyTorch on the CPU (`torch_embedding.py`): the same random weights from one folder, the
 * same sequences of 60 to 660 letters, the mean over tokens of the last hidden state. PyTorch is run in two ways, and a ratio is given for each:
 *
 *   as usually run                batches of N sequences in the order of the file, padded to the longest of them, as transformers' examples and the published
 *                                 evaluation scripts do it; the fastest N of --plain counts
 *   sorted by length, best budget  sequences sorted by length first, in batches of at most N tokens; the fastest N of --budgets counts
 *
 * All sides take turns, --repeats times, and the median of the ratios counts; the vectors of all are compared, and the run fails where they differ by more
 * than 1e-3 of the largest entry.
 *
 *   node --import tsx benchmarks/speed/embedding.ts --python PYTHON [--code FOLDER] [--models dnabert-6,nt-v2-50m,dnabert-2]
 *     [--sequences 256] [--repeats 3] [--plain 8,32] [--budgets 1024,4096,16384] [--threads 2] [--clock wall] [--json FILE]
 *
 * An empty --plain= or --budgets= leaves that way out. Ours is timed with its tokenizer, PyTorch gets the ids for nothing. dnabert-2 needs --code, the folder
 * of its authors' bert_layers.py, and is passed over without. Each side is a process of its own, and so is each way of PyTorch; peak memory is the system's
 * (VmHWM), weights included. --clock cpu counts the processor's seconds, whatever else runs on the machine: only with --threads 1.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { startPeer } from './peer-process.ts';

const MODELS = ['dnabert-6', 'nt-v2-50m', 'dnabert-2'] as const;
type ModelName = (typeof MODELS)[number];
const LENGTHS = { shortest: 60, longest: 660 };
/** Sequences that each side embeds once before it is timed. */
const WARM_UP = 8;
const TOLERANCE = 1e-3;

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    code: { type: 'string' },
    models: { type: 'string', default: MODELS.join(',') },
    sequences: { type: 'string', default: '256' },
    repeats: { type: 'string', default: '3' },
    plain: { type: 'string', default: '8,32' },
    budgets: { type: 'string', default: '1024,4096,16384' },
    threads: { type: 'string', default: '2' },
    clock: { type: 'string', default: 'wall' },
    json: { type: 'string' },
  },
});
const [count, repeats, threads] = [flags.sequences, flags.repeats, flags.threads].map(Number);
const sizes = (list: string) => list.split(',').filter(Boolean).map(Number);
/** How PyTorch is run. `field` is what its process is asked with, `unit` what the sizes of a batch count. */
const WAYS = [
  { id: 'plain', title: 'as usually run', field: 'rows', unit: 'sequences', sizes: sizes(flags.plain) },
  {
    id: 'sorted',
    title: 'sorted by length, best budget',
    field: 'budget',
    unit: 'tokens',
    sizes: sizes(flags.budgets),
  },
].filter((way) => way.sizes.length > 0);
type Way = (typeof WAYS)[number];
if (WAYS.length === 0) throw new Error('nothing to compare with: give --plain, --budgets or both');
if (flags.clock === 'cpu' && threads !== 1)
  throw new Error('--clock cpu needs --threads 1: waiting threads spend time too');
const chosen = flags.models.split(',').map((name) => {
  const found = MODELS.find((model) => model === name);
  if (!found) throw new Error(`no model "${name}"; there are ${MODELS.join(', ')}`);
  return found;
});

/** Sequences of A, C, G and T whose lengths are spread evenly. */
function mixedSequences(): string[] {
  const random = createRandom('embedding speed');
  const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
  const { shortest, longest } = LENGTHS;
  return Array.from({ length: count }, () => letters(shortest + random.integer(longest - shortest + 1)));
}

/** Token ids, int32, row after row, and how many each row has. */
async function writeIds(folder: string, sequences: readonly string[], path: string): Promise<number[]> {
  const model = await loadModelFolder(folder, { external: true });
  const lengths: number[] = [];
  const ids = sequences.flatMap((sequence) => {
    const row = Array.from(model.encode([sequence]).ids.data as BigInt64Array, Number);
    lengths.push(row.length);
    return row;
  });
  writeFileSync(path, Int32Array.from(ids));
  return lengths;
}

const floats = (path: string) => {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function difference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`vectors of ${a.length} and ${b.length} values`);
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0) / largest;
}

interface Turn {
  readonly seconds: number;
}

/** One way of PyTorch in a process of its own: seconds of each turn for each size of its batches. */
async function startTorch(
  way: Way,
  args: readonly string[],
  lengths: readonly number[],
  path: (file: string) => string,
) {
  const peer = await startPeer(flags.python, args, threads);
  const out = path(`${way.id}.bin`);
  const turn = (size: number, rows = lengths.length) =>
    peer.ask<Turn>({ ids: path('ids.bin'), lengths: lengths.slice(0, rows), [way.field]: size, out });
  const times = way.sizes.map((): number[] => []);
  await turn(way.sizes[0], WARM_UP);
  return {
    version: peer.version,
    async turn() {
      for (const [s, size] of way.sizes.entries()) times[s].push((await turn(size)).seconds);
    },
    /** The fastest size, and how its turns compare with ours. */
    async finish(mine: readonly number[], ours: Float32Array) {
      const fastest = times.reduce((best, other) => (median(other) < median(best) ? other : best));
      const ratios = mine.map((seconds, i) => seconds / fastest[i]);
      return {
        way: way.title,
        unit: way.unit,
        batch: way.sizes[times.indexOf(fastest)],
        seconds: median(fastest),
        ratio: median(ratios),
        ratios,
        bySize: way.sizes.map((size, s) => ({ batch: size, seconds: median(times[s]) })),
        peak: await peer.peak(),
        difference: difference(ours, floats(out)),
      };
    },
  };
}

/** One model, all sides in turns. */
async function compare(name: ModelName, folder: string) {
  const sequences = mixedSequences();
  const path = (file: string) => join(folder, file);
  const code = flags.code ? ['--code', flags.code] : [];
  const script = join(import.meta.dirname, 'torch_embedding.py');
  const common = ['--model', name, '--folder', folder, ...code];
  execFileSync(flags.python, [script, 'make', ...common], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lengths = await writeIds(folder, sequences, path('ids.bin'));
  writeFileSync(path('sequences.json'), JSON.stringify(sequences));
  writeFileSync(path('warm-up.json'), JSON.stringify(sequences.slice(0, WARM_UP)));

  const settings = ['--threads', `${threads}`, '--clock', flags.clock];
  const ours = await startPeer(process.execPath, [
    ...process.execArgv,
    join(import.meta.dirname, 'embedding-side.ts'),
    ...['--folder', folder, ...settings],
  ]);
  const mineOn = (file: string) => ours.ask<Turn>({ sequences: path(file), out: path('ours.bin') });
  await mineOn('warm-up.json');
  const peers = [];
  for (const way of WAYS) peers.push(await startTorch(way, [script, 'serve', ...common, ...settings], lengths, path));
  const mine: number[] = [];
  for (let turn = 0; turn < repeats; turn++) {
    mine.push((await mineOn('sequences.json')).seconds);
    for (const peer of peers) await peer.turn();
  }
  const vectors = floats(path('ours.bin'));
  const theirs = [];
  for (const peer of peers) theirs.push(await peer.finish(mine, vectors));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return { model: name, tokens, ours: median(mine), peak: await ours.peak(), theirs, version: peers[0].version };
}

const rows = [];
for (const name of chosen) {
  if (name === 'dnabert-2' && !flags.code) {
    console.log("dnabert-2: passed over; give the folder of its authors' bert_layers.py as --code");
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), 'embedding-speed-'));
  try {
    const row = await compare(name, folder);
    rows.push({ ...row, threads, clock: flags.clock, sequences: count });
    const { ours, peak, theirs, tokens } = row;
    console.log(
      `${name}: ours ${ours.toFixed(2)} s (${Math.round(tokens / ours)} tokens/s, peak ${Math.round(peak)} MiB)`,
    );
    for (const { way, unit, batch, seconds, ratio, ratios, bySize, difference: distance, ...other } of theirs) {
      const slower = bySize.filter((size) => size.batch !== batch);
      const rest = slower.map((size) => `; ${size.seconds.toFixed(2)} s with ${size.batch}`).join('');
      console.log(
        `  PyTorch ${way}: ${seconds.toFixed(2)} s (batches of ${batch} ${unit}${rest}; peak ${Math.round(other.peak)} MiB)  ` +
          `ratio ${ratio.toFixed(2)} (${ratios.map((each) => each.toFixed(2)).join(', ')})  vectors differ by ${distance.toExponential(1)}`,
      );
      if (!(distance < TOLERANCE)) {
        console.error(`${name}: the vectors of both sides differ by ${distance}`);
        process.exitCode = 1;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(`load of the machine over the last minute: ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`);
if (flags.json) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0], node: process.version };
  writeFileSync(flags.json, `${JSON.stringify({ ...machine, rows }, null, 2)}\n`);
}
