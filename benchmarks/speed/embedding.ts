/**
 * Embedding throughput of pre-trained models against transformers + PyTorch on the CPU (`torch_embedding.py`): the same random weights from one folder, the
 * same sequences of 60 to 660 letters, the mean over tokens of the last hidden state. Both sides take turns, --repeats times, and the median of the ratios
 * counts; the vectors of both are compared, and the run fails where they differ by more than 1e-3 of the largest entry.
 *
 *   node --import tsx benchmarks/speed/embedding.ts --python PYTHON [--code FOLDER] [--models dnabert-6,nt-v2-50m,dnabert-2]
 *     [--sequences 256] [--repeats 3] [--budgets 1024,4096,16384] [--threads 2] [--clock wall] [--json FILE]
 *
 * Ours is timed with its tokenizer, PyTorch gets the ids for nothing. PyTorch is timed with batches of each of --budgets tokens, of which the
 * fastest counts. dnabert-2 needs --code, the folder of its authors' bert_layers.py, and is passed over without. Each side is a process of its own; peak
 * memory is the system's (VmHWM), weights included. --clock cpu counts the processor's seconds, whatever else runs on the machine: only with --threads 1.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { createRandom } from '../../src/random.ts';
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
    budgets: { type: 'string', default: '1024,4096,16384' },
    threads: { type: 'string', default: '2' },
    clock: { type: 'string', default: 'wall' },
    json: { type: 'string' },
  },
});
const [count, repeats, threads] = [flags.sequences, flags.repeats, flags.threads].map(Number);
const budgets = flags.budgets.split(',').map(Number);
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

/** One model, both sides in turns. */
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
  const theirs = await startPeer(flags.python, [script, 'serve', ...common, ...settings], threads);
  const mineOn = (file: string) => ours.ask<Turn>({ sequences: path(file), out: path('ours.bin') });
  const theirsOn = (rows: number, budget: number) =>
    theirs.ask<Turn>({ ids: path('ids.bin'), lengths: lengths.slice(0, rows), budget, out: path('theirs.bin') });
  await mineOn('warm-up.json');
  await theirsOn(WARM_UP, budgets[0]);
  const mine: number[] = [];
  const byBudget = budgets.map((): number[] => []);
  for (let turn = 0; turn < repeats; turn++) {
    mine.push((await mineOn('sequences.json')).seconds);
    for (const [b, budget] of budgets.entries()) byBudget[b].push((await theirsOn(count, budget)).seconds);
  }
  const fastest = byBudget.reduce((best, times) => (median(times) < median(best) ? times : best));
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  return {
    model: name,
    tokens,
    ours: median(mine),
    theirs: median(fastest),
    budget: budgets[byBudget.indexOf(fastest)],
    byBudget: budgets.map((budget, b) => ({ budget, seconds: median(byBudget[b]) })),
    ratios: mine.map((seconds, i) => seconds / fastest[i]),
    difference: difference(floats(path('ours.bin')), floats(path('theirs.bin'))),
    peaks: { ours: await ours.peak(), theirs: await theirs.peak() },
    version: theirs.version,
  };
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
    rows.push({ ...row, ratio: median(row.ratios), threads, clock: flags.clock, sequences: count });
    const { ours, theirs, budget, byBudget, ratios, peaks, tokens } = row;
    const others = byBudget.filter((other) => other.budget !== budget);
    const slower = others.map((other) => `${other.seconds.toFixed(2)} s with ${other.budget}`).join(', ');
    console.log(
      `${name.padEnd(10)} ours ${ours.toFixed(2)} s (${Math.round(tokens / ours)} tokens/s, peak ${Math.round(peaks.ours)} MiB)  ` +
        `PyTorch ${theirs.toFixed(2)} s (batches of ${budget} tokens${slower && `; ${slower}`}; peak ${Math.round(peaks.theirs)} MiB)  ` +
        `ratio ${median(ratios).toFixed(2)} (${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})  vectors differ by ${row.difference.toExponential(1)}`,
    );
    if (!(row.difference < TOLERANCE)) {
      console.error(`${name}: the vectors of both sides differ by ${row.difference}`);
      process.exitCode = 1;
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
