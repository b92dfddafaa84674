/**
 * Pre-training steps of BarcodeMAE, BarcodeBERT and the causal comparison against the same models in PyTorch (`torch_barcode.py`), on the
 * same machine, threads, shapes and model: dropout 0.1, half of the k-mers masked, logits where the loss looks, AdamW, clipping; the loss and
 * every gradient are the same. The peer is transformers' model as it is, which computes its last layer at every token; ours, from what follows
 * that layer's attention on, at the tokens whose prediction is asked for (`src/onnx/gather-rows.ts`).
 *
 *   node --import tsx benchmarks/speed/barcode.ts [--python PYTHON] [--threads 2] [--steps 5] [--rounds 1] [--clock wall] [--case NAME ...] [--json FILE]
 *
 * Without --python only our side is timed. The sides take turns, --rounds times per case; each gives the median of its steps after two that
 * don't count, and the ratio is the median over rounds. --clock cpu counts the seconds the processor spent on either side, whatever else
 * runs on the machine: only with --threads 1, because threads that wait spend them too.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import { causalMasking, drawMasking, feedsOf, type Objective } from '../../src/pretraining/masking.ts';
import { PRESETS, type PretrainConfig } from '../../src/pretraining/presets.ts';
import { trainingGraph } from '../../src/pretraining/pretrain.ts';
import { kmerVocabulary } from '../../src/pretraining/training-tokenizers.ts';
import { initialState, type Network } from '../../src/runtime/training/network.ts';
import { compileTrainingStep } from '../../src/runtime/training/training-step.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '1' },
    clock: { type: 'string', default: 'wall' },
    case: { type: 'string', multiple: true },
    json: { type: 'string' },
  },
});
const threads = Number(flags.threads);
const steps = Number(flags.steps);
const rounds = Number(flags.rounds);
/** Seconds since some moment. */
const CLOCKS: Readonly<Record<string, () => number>> = {
  wall: () => performance.now() / 1000,
  cpu: () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6,
};
const clock = CLOCKS[flags.clock];
if (!clock) throw new Error(`--clock ${flags.clock}; known: ${Object.keys(CLOCKS).join(', ')}`);
if (flags.clock === 'cpu' && threads !== 1)
  throw new Error('--clock cpu needs --threads 1: waiting threads spend time too');
const BATCH = 32;

interface Case {
  readonly name: string;
  readonly objective: Objective;
  readonly peer: 'mae' | 'mlm' | 'causal';
  readonly shape: { readonly hidden: number; readonly layers: number; readonly heads: number; readonly k: number };
}

const OBJECTIVES = { 'mae-v2': 'mae', barcodebert: 'mlm', causal: 'causal' } as const;
const SHAPES = {
  'small-4x128-k6': { hidden: 128, layers: 4, heads: 4, k: 6 },
  '4x256-k6': { hidden: 256, layers: 4, heads: 4, k: 6 },
  'paper-6x768-k6': { hidden: 768, layers: 6, heads: 6, k: 6 },
} as const;
const cases: Case[] = Object.entries(SHAPES).flatMap(([size, shape]) =>
  (Object.keys(OBJECTIVES) as (keyof typeof OBJECTIVES)[]).map((objective) => ({
    name: `${objective}-${size}`,
    objective,
    peer: OBJECTIVES[objective],
    shape,
  })),
);

/** Seconds of each step after two that don't count. */
async function ours({ objective, shape }: Case): Promise<number[]> {
  const { hidden, layers, heads, k } = shape;
  const decoder = objective.startsWith('mae') ? { decoderLayers: layers } : {};
  const config: PretrainConfig = {
    ...PRESETS['barcodemae-6-6-6'],
    ...{ decoderLayers: undefined, ...decoder, objective, hidden, layers, heads, k, feedForward: 4 * hidden },
  };
  const tokens = Math.floor(config.length / k);
  const random = createRandom('speed');
  const vocabulary = kmerVocabulary(k);
  const batch = {
    ids: Int32Array.from({ length: BATCH * tokens }, () => vocabulary.idOf(random.integer(vocabulary.classes))),
    mask: new Uint8Array(BATCH * tokens).fill(1),
    rows: BATCH,
    tokens,
    vocabulary,
  };
  const network: Network = {
    label: objective,
    build: (graph, mode) => trainingGraph(graph, config, mode),
  };
  const { state } = initialState(network, 1);
  const step = await compileTrainingStep(network, { kind: 'adamw', weightDecay: 1e-5, maxGradientNorm: 1 }, 1, {
    device: 'cpu',
    threads,
  });
  const moments = [0, 1].map(() => new Float32Array(state.parameters.length));
  const seconds: number[] = [];
  for (let at = 0; at < steps + 2; at++) {
    const masking = objective === 'causal' ? causalMasking(batch) : drawMasking(batch, config, () => random);
    const feeds = feedsOf(batch, masking, config, true);
    const start = clock();
    await step.run(state, moments, feeds, 1e-4, at);
    seconds.push(clock() - start);
  }
  await step.dispose();
  return seconds.slice(2);
}

function peer({ peer: objective, shape }: Case): { secondsPerStep: number; version: string; attention: string } {
  const script = fileURLToPath(new URL('./torch_barcode.py', import.meta.url));
  const settings = {
    objective,
    ...shape,
    'decoder-layers': shape.layers,
    batch: BATCH,
    tokens: Math.floor(660 / shape.k),
    threads,
    steps,
    clock: flags.clock,
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const said = execFileSync(flags.python as string, [script, ...words], { encoding: 'utf8' });
  return JSON.parse(said.trim().split('\n').at(-1) as string) as ReturnType<typeof peer>;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const chosen = flags.case ? cases.filter(({ name }) => flags.case?.includes(name)) : cases;
if (chosen.length === 0) throw new Error(`no such case; known: ${cases.map(({ name }) => name).join(', ')}`);
const rows = [];
for (const item of chosen) {
  const mine: number[] = [];
  const theirs: ReturnType<typeof peer>[] = [];
  for (let round = 0; round < rounds; round++) {
    mine.push(median(await ours(item)));
    if (flags.python) theirs.push(peer(item));
  }
  const ratios = theirs.map(({ secondsPerStep }, round) => mine[round] / secondsPerStep);
  const pytorch = theirs.length > 0 ? median(theirs.map(({ secondsPerStep }) => secondsPerStep)) : undefined;
  const ratio = ratios.length > 0 ? median(ratios) : undefined;
  const { version } = theirs[0] ?? {};
  rows.push({ case: item.name, threads, clock: flags.clock, ours: median(mine), pytorch, ratio, ratios, version });
  const cell = (value: number | undefined, unit: string) =>
    (value === undefined ? '-' : `${value.toFixed(3)} ${unit}`).padStart(10);
  console.log(
    `${item.name.padEnd(28)} ours ${cell(median(mine), 's')}  PyTorch ${cell(pytorch, 's')}  ratio ${cell(ratio, 'x')}  (${ratios.map((r) => r.toFixed(2)).join(', ')})`,
  );
}
if (flags.json)
  writeFileSync(
    flags.json,
    `${JSON.stringify({ cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, rows }, null, 2)}\n`,
  );
