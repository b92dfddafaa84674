/**
 * The cost of `diagnose` for a BERT, part by part, against transformers + PyTorch on the CPU (`torch_diagnose.py`, which says what its side of each part is): the
 * same random weights from one folder, the same windows, the same hidden tokens, drawn by our side beforehand. The sides take turns part by part, --rounds
 * times; medians count. All numbers that both sides arrive at are compared, and the run fails where they differ by more than 1e-3.
 *
 *   node --import tsx benchmarks/speed/diagnose.ts --python PYTHON [--sequences 256] [--tokens 128] [--layers 6] [--width 768] [--parts per-token,...]
 *     [--rounds 1] [--threads 1] [--clock cpu|wall] [--json FILE]
 *
 * Ours is timed as `diagnose` runs it, tokenizing and opening sessions included; PyTorch gets token ids and its loaded model for nothing, runs each part in the
 * fastest of several ways, and repeats nothing. N-gram floors have no counterpart and are left out. --clock cpu counts the processor's seconds, whatever else
 * runs on the machine: only with --threads 1. Without --python ours alone is timed, and nothing compared, in a folder made before: --folder.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Matrix } from '../../src/core/matrix.ts';
import { createRandom } from '../../src/core/random.ts';
import { shuffleText } from '../../src/diagnostics/corpus/shuffle.ts';
import { fisherBatches } from '../../src/diagnostics/fisher/batches.ts';
import { differentiableModel } from '../../src/diagnostics/fisher/differentiable-model.ts';
import { empiricalFisher, type FisherSummary, sampler } from '../../src/diagnostics/fisher/fisher.ts';
import { sampledShare } from '../../src/diagnostics/fisher/parameter-information.ts';
import { type Contextual, contextual, pickTokens, tokensPerWindow } from '../../src/diagnostics/geometry/contextual.ts';
import type { Geometry } from '../../src/diagnostics/geometry/geometry.ts';
import {
  evenlySpaced,
  type WordTableFacts,
  wordTable,
  wordTableFacts,
} from '../../src/diagnostics/geometry/word-table.ts';
import { DISTRIBUTION_SHARE } from '../../src/diagnostics/predictions/evaluation-masking.ts';
import { askedPredictions, askTokens } from '../../src/diagnostics/predictions/predictions.ts';
import type { PredictiveSummary } from '../../src/diagnostics/predictions/predictive.ts';
import { overBatches, tokenReader } from '../../src/diagnostics/predictions/token-batches.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { startPeer } from './peer-process.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    folder: { type: 'string' },
    sequences: { type: 'string', default: '256' },
    tokens: { type: 'string', default: '128' },
    layers: { type: 'string', default: '6' },
    width: { type: 'string', default: '768' },
    parts: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '1' },
    clock: { type: 'string', default: 'cpu' },
    json: { type: 'string' },
  },
});
const [sequences, tokens, rounds, threads] = [flags.sequences, flags.tokens, flags.rounds, flags.threads].map(Number);
const CLOCKS: Readonly<Record<string, () => number>> = {
  wall: () => performance.now() / 1000,
  cpu: () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
};
const clock = CLOCKS[flags.clock];
if (!clock) throw new Error(`--clock ${flags.clock}; known: ${Object.keys(CLOCKS).join(', ')}`);
if (flags.clock === 'cpu' && threads !== 1)
  throw new Error('--clock cpu needs --threads 1: waiting threads spend time too');
if (!flags.python && !flags.folder) throw new Error('give --python, or a --folder with a model');
const TOLERANCE = 1e-3;
/** Shares of the largest number of its kind below which a number is rounding: biases of keys have no gradient. */
const FLOOR = 1e-5;
const SEED = 1;
const compute = { device: 'cpu', threads } as const;

/** What a side of a part arrives at, by name. */
type Numbers = Readonly<Record<string, number | readonly number[]>>;
interface Part {
  /** Timed. */
  run(): Promise<Numbers>;
  /** For the peer: plain lists. */
  questions(): Promise<unknown>;
}

const folder = flags.folder ?? mkdtempSync(join(tmpdir(), 'diagnose-speed-'));
const script = join(import.meta.dirname, 'torch_diagnose.py');
if (flags.python)
  execFileSync(flags.python, [script, 'make', '--folder', folder, '--layers', flags.layers, '--width', flags.width], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
const model = await loadModelFolder(folder);
const reader = tokenReader(model);
const random = createRandom('diagnose speed');
const K = 6;
const letters = tokens - 2 + K - 1; // of overlapping k-mers between [CLS] and [SEP]
const windows = Array.from({ length: sequences }, () =>
  Array.from({ length: letters }, () => 'ACGT'[random.integer(4)]).join(''),
);
const shuffled = windows.map((window, i) => shuffleText(window, createRandom(`shuffled ${i}`)));
const parts: Readonly<Record<string, Part>> = {
  predictions: predictionsOf(windows),
  shuffled: predictionsOf(shuffled),
  hidden: {
    run: async () => hiddenNumbers(await contextual(reader, windows, { compute, seed: SEED })),
    async questions() {
      const count = tokensPerWindow(windows.length);
      const chosen: number[] = [];
      const ids = await idsInOrder(windows, (batch) => {
        for (const [row, picked] of pickTokens(batch, count, SEED).entries())
          for (const place of picked) chosen.push(batch.places[row] * tokens + (place % tokens));
      });
      return { ids, picked: chosen.sort((a, b) => a - b) };
    },
  },
  table: {
    run: async () => tableNumbers(wordTableFacts(wordTable(model) as Matrix)),
    questions: async () => ({ words: evenlySpaced(model.vocabularySize as number) }),
  },
  'batch-mean': {
    run: async () =>
      fisherNumbers(await empiricalFisher(differentiableModel(model), batches(), { ...compute, form: 'batch-mean' })),
    async questions() {
      const all = [];
      for await (const { feeds, places, targets } of batches())
        all.push([rowsOf(feeds.ids.data as BigInt64Array), [...places], [...targets]]);
      return all;
    },
  },
  'per-token': {
    run: async () =>
      fisherNumbers(
        await empiricalFisher(differentiableModel(model), batches(), { ...compute, form: 'per-token', sample }),
      ),
    async questions() {
      const draw = sampler(sample);
      const all = [];
      for await (const batch of batches()) {
        const rows = rowsOf(batch.feeds.ids.data as BigInt64Array);
        for (const i of draw(batch)) {
          const place = batch.places[i];
          all.push([rows[Math.floor(place / tokens)], place % tokens, batch.targets[i]]);
        }
      }
      return all;
    },
  },
};
const sample = { share: sampledShare(model, windows), seed: SEED };
const batches = () => fisherBatches(windows, model, { seed: SEED });

function predictionsOf(texts: readonly string[]): Part {
  const asking = { seed: SEED, share: DISTRIBUTION_SHARE };
  return {
    run: async () => predictionNumbers(await askedPredictions(reader, texts, { compute, ...asking })),
    async questions() {
      const asked: { place: number; target: number }[] = [];
      const ids = await idsInOrder(texts, (batch) => {
        const drawn = askTokens(batch, model, asking);
        drawn.rows.forEach((row, i) => {
          const place = batch.places[Math.floor(Number(row) / tokens)] * tokens + (Number(row) % tokens);
          asked.push({ place, target: drawn.targets[i] });
        });
      });
      asked.sort((a, b) => a.place - b.place);
      for (const { place } of asked) ids[Math.floor(place / tokens)][place % tokens] = model.maskId as number;
      return { ids, places: asked.map(({ place }) => place), targets: asked.map(({ target }) => target) };
    },
  };
}

/** Token ids of every window, in the order of the windows. */
async function idsInOrder(
  texts: readonly string[],
  visit: (batch: Parameters<Parameters<typeof overBatches>[3]>[0]) => void,
): Promise<number[][]> {
  const ids: number[][] = new Array(texts.length);
  await overBatches(reader, texts, compute, async (batch) => {
    if (batch.tokens !== tokens) throw new Error(`windows of ${batch.tokens} tokens, not ${tokens}`);
    const rows = rowsOf(batch.ids);
    for (const [row, place] of batch.places.entries()) ids[place] = rows[row];
    visit(batch);
  });
  return ids;
}

function rowsOf(flat: BigInt64Array): number[][] {
  return Array.from({ length: flat.length / tokens }, (_, row) =>
    Array.from(flat.subarray(row * tokens, (row + 1) * tokens), Number),
  );
}

function predictionNumbers(summary: PredictiveSummary): Numbers {
  const { paper, accuracy, rankedDistribution } = summary;
  if (!accuracy) throw new Error('predictions without targets');
  return {
    entropy: summary.entropyNats,
    uniformToModel: summary.klUniformToModelBits * Math.LN2,
    nll: accuracy.nllNats,
    top1: accuracy.top1,
    paperEntropy: paper.entropyBits,
    paperModel: paper.klModelToUniformBits,
    paperUniform: paper.klUniformToModelBits,
    calibrationError: accuracy.calibrationError,
    first: rankedDistribution[0],
    tenth: rankedDistribution[9],
  };
}

const geometryNumbers = (g: Geometry) => [
  ...[g.effectiveRank, g.participationRatio, g.uniformity, g.anisotropy],
  ...[g.meanCosine, g.meanDistance, g.distanceStandardDeviation],
];

function hiddenNumbers({ layers, layerCka }: Contextual): Numbers {
  const named = layers.flatMap(({ layer, pooled, tokens: single }): [string, number[]][] => [
    [`pooled ${layer}`, geometryNumbers(pooled)],
    [`tokens ${layer}`, geometryNumbers(single as Geometry)],
  ]);
  return { ...Object.fromEntries(named), cka: layerCka.flat() };
}

function tableNumbers({ geometry, norms, nearestCosine }: WordTableFacts): Numbers {
  const lengths = [norms.mean, norms.least, norms.most];
  return { geometry: geometryNumbers(geometry), lengths, nearest: nearestCosine.mean };
}

function fisherNumbers({ loss, tensors }: FisherSummary): Numbers {
  const roles = tensors.flatMap((tensor) => (tensor.roles ? [tensor.roles.input, tensor.roles.output] : []));
  return { loss, roles, ...Object.fromEntries(tensors.map(({ name, fisher }) => [name, fisher])) };
}

const flat = (value: Numbers[string]): readonly number[] => (typeof value === 'number' ? [value] : value);

/** Largest relative difference. @throws where it is above the tolerance, or names differ. */
function compare(part: string, ours: Numbers, theirs: Numbers): number {
  const names = Object.keys(ours).sort();
  if (names.join() !== Object.keys(theirs).sort().join())
    throw new Error(`${part}: ours has ${names.join()}, PyTorch's ${Object.keys(theirs).sort().join()}`);
  const largest = names.flatMap((name) => flat(ours[name])).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let worst = 0;
  for (const name of names)
    flat(ours[name]).forEach((own, i) => {
      const other = flat(theirs[name])[i];
      const difference = Math.abs(own - other);
      if (!(difference <= TOLERANCE * Math.abs(other) + FLOOR * largest))
        throw new Error(`${part}, ${name}[${i}]: ours ${own}, PyTorch ${other}`);
      if (Math.abs(other) > FLOOR * largest) worst = Math.max(worst, difference / Math.abs(other));
    });
  return worst;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const chosen = flags.parts ? flags.parts.split(',') : Object.keys(parts);
for (const name of chosen)
  if (!parts[name]) throw new Error(`no part "${name}"; there are ${Object.keys(parts).join(', ')}`);
const questions: Record<string, unknown> = {};
for (const [name, part] of Object.entries(parts)) questions[name] = await part.questions();
writeFileSync(join(folder, 'questions.json'), JSON.stringify(questions));
const peer = flags.python
  ? await startPeer(
      flags.python,
      [script, 'serve', '--folder', folder, '--threads', `${threads}`, '--clock', flags.clock],
      threads,
    )
  : undefined;

interface Answer {
  readonly seconds: number;
  readonly numbers: Numbers;
  readonly way: string;
  readonly tried: Readonly<Record<string, number>>;
}
const cell = (value: number | undefined, unit: string) =>
  (value === undefined ? '-' : `${value.toFixed(2)} ${unit}`).padStart(10);
const line = (name: string, ours: number, theirs: number | undefined, rest = '') =>
  console.log(
    `${name.padEnd(12)} ours ${cell(ours, 's')}  PyTorch ${cell(theirs, 's')}  ratio ${cell(theirs && ours / theirs, 'x')}  ${rest}`,
  );
const rows = [];
for (const name of chosen) {
  const mine: number[] = [];
  const theirs: Answer[] = [];
  let difference = 0;
  for (let round = 0; round < rounds; round++) {
    const start = clock();
    const numbers = await parts[name].run();
    mine.push(clock() - start);
    if (!peer) continue;
    const answer = await peer.ask<Answer>({ part: name });
    theirs.push(answer);
    difference = compare(name, numbers, answer.numbers);
  }
  const ours = median(mine);
  const pytorch = peer && median(theirs.map(({ seconds }) => seconds));
  const [answer] = theirs;
  line(name, ours, pytorch, answer && `differ by ${difference.toExponential(1)}; PyTorch by ${answer.way}`);
  rows.push({ part: name, ours, pytorch, ratio: pytorch && ours / pytorch, difference, ways: answer?.tried });
}
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const whole = { ours: sum(rows.map(({ ours }) => ours)), pytorch: peer && sum(rows.map((row) => row.pytorch ?? 0)) };
line('in all', whole.ours, whole.pytorch);
await peer?.peak();
if (flags.json) {
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg(), node: process.version };
  const setting = { ...flags, python: undefined, folder: undefined, json: undefined, peer: peer?.version };
  const all = { ...whole, ratio: whole.pytorch && whole.ours / whole.pytorch };
  writeFileSync(flags.json, `${JSON.stringify({ ...machine, ...setting, rows, all }, null, 2)}\n`);
}
if (!flags.folder) rmSync(folder, { recursive: true });
