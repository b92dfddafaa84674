/**
 * Train steps and inference of our engine against PyTorch (`torch_peer.py`) on the same machine, threads, shapes and amount of work.
 *
 *   node --import tsx benchmarks/speed/engine.ts [--python PYTHON] [--threads 2] [--repeats 5] [--case NAME ...] [--json FILE]
 *
 * Without --python only our side is timed. The sides take turns case by case, each gives the median of its repeats after a warm-up. Encoders:
 * logits at every position, half of the positions masked and counted in the loss, as the peer does.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Architecture, chipCnn, resNet } from '../../baselines/networks/architectures.ts';
import { createRandom, type Random } from '../../src/core/random.ts';
import { engine } from '../../src/index.ts';
import {
  type BertConfig,
  bertHiddenStates,
  bertMaskedLanguageModel,
} from '../../src/models/architectures/bert-graph.ts';
import { compileForward, type Feeds, initialState, type Network } from '../../src/runtime/training/network.ts';
import { compileTrainingStep } from '../../src/runtime/training/training-step.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    threads: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '5' },
    case: { type: 'string', multiple: true },
    json: { type: 'string' },
  },
});
const threads = Number(flags.threads);
const repeats = Number(flags.repeats);
const compute = { device: 'cpu', threads } as const;

interface Case {
  readonly name: string;
  run(): Promise<number[]>;
}

/** Seconds of each repeat after one warm-up. */
async function timed(step: () => Promise<unknown>): Promise<number[]> {
  await step();
  await step();
  const seconds: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await step();
    seconds.push((performance.now() - start) / 1000);
  }
  return seconds;
}

async function timeTraining(network: Network, feeds: Feeds): Promise<number[]> {
  const { state } = initialState(network, 1);
  const step = await compileTrainingStep(network, { kind: 'adam' }, 1, compute);
  const moments = [0, 1].map(() => new Float32Array(state.parameters.length));
  let at = 0;
  const seconds = await timed(() => step.run(state, moments, feeds, 1e-4, at++));
  await step.dispose();
  return seconds;
}

const int64 = (values: readonly number[], dims: readonly number[]) =>
  ({ type: 'int64', data: BigInt64Array.from(values, BigInt), dims }) as const;
const float32 = (data: Float32Array, dims: readonly number[]) => ({ type: 'float32', data, dims }) as const;

async function cnn(architecture: Architecture, loss: 'binary' | 'squared', random: Random): Promise<number[]> {
  const [rows, length] = [128, 200];
  const tools = await engine();
  const network: Network = {
    label: 'CNN',
    build(graph, mode) {
      const x = graph.input('x', 'float32', ['rows', 4, length]);
      const logits = architecture.logits(x, { engine: tools, mode, outputs: 1 });
      const targets = graph.input('targets', 'float32', ['rows', 1]);
      const weights = graph.input('weights', 'float32', ['rows']);
      const criterion = loss === 'binary' ? tools.losses.binaryCrossEntropy : tools.losses.meanSquaredError;
      return { loss: criterion(logits, targets, weights) };
    },
  };
  const x = new Float32Array(rows * 4 * length);
  for (let r = 0; r < rows; r++) for (let t = 0; t < length; t++) x[(r * 4 + random.integer(4)) * length + t] = 1;
  return timeTraining(network, {
    x: float32(x, [rows, 4, length]),
    targets: float32(
      Float32Array.from({ length: rows }, () => random.integer(2)),
      [rows, 1],
    ),
    weights: float32(new Float32Array(rows).fill(1), [rows]),
  });
}

const VOCABULARY = 4098;

async function encoder(
  layers: number,
  width: number,
  heads: number,
  tokens: number,
  training: boolean,
): Promise<number[]> {
  const random = createRandom(tokens);
  const rows = 32;
  const config: BertConfig = {
    vocab_size: VOCABULARY,
    hidden_size: width,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: 4 * width,
    max_position_embeddings: tokens,
    type_vocab_size: 1,
    layer_norm_eps: 1e-5,
    initializer_range: 0.02,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  };
  const labels = Array.from({ length: rows * tokens }, () => 2 + random.integer(VOCABULARY - 2));
  const counted = Float32Array.from(labels, () => random.integer(2));
  const shape = [rows, tokens];
  const feeds: Feeds = {
    ids: int64(
      labels.map((label, i) => (counted[i] === 1 && training ? 0 : label)),
      shape,
    ),
    mask: int64(
      labels.map(() => 1),
      shape,
    ),
    masked: int64(
      labels.map((_, i) => i % tokens),
      shape,
    ),
    labels: int64(labels, shape),
    tokenWeights: float32(counted, shape),
    weights: float32(new Float32Array(rows).fill(tokens), [rows]),
  };
  if (training)
    return timeTraining(
      { label: 'encoder', build: (graph, mode) => bertMaskedLanguageModel(graph, config, mode) },
      feeds,
    );
  const network: Network = {
    label: 'encoder',
    build(graph, mode) {
      const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
      return { last: bertHiddenStates(ids, null, config, mode)[layers] };
    },
  };
  const { state } = initialState(network, 1);
  const forward = await compileForward(network, ['last'], compute);
  const seconds = await timed(() => forward.run(state, { ids: feeds.ids }));
  await forward.dispose();
  return seconds;
}

const SIZES = { '4x256': [4, 256, 4], '6x768': [6, 768, 12] } as const;
const cases: Case[] = [
  { name: 'chip-cnn-train', run: () => cnn(chipCnn(), 'binary', createRandom(1)) },
  { name: 'resnet-train', run: () => cnn(resNet(), 'squared', createRandom(2)) },
  ...Object.entries(SIZES).flatMap(([size, [layers, width, heads]]) =>
    [110, 165].flatMap((tokens) =>
      ['train', 'inference'].map((mode) => ({
        name: `encoder-${size}-${tokens}-${mode}`,
        run: () => encoder(layers, width, heads, tokens, mode === 'train'),
      })),
    ),
  ),
];

const chosen = flags.case ? cases.filter((item) => flags.case?.includes(item.name)) : cases;
if (chosen.length === 0) throw new Error(`no such case; known: ${cases.map((item) => item.name).join(', ')}`);
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const rows = [];
for (const item of chosen) {
  const ours = median(await item.run());
  let peer: { median_seconds: number; version: string } | undefined;
  if (flags.python) {
    const script = fileURLToPath(new URL('./torch_peer.py', import.meta.url));
    const said = execFileSync(
      flags.python,
      [script, '--case', item.name, '--threads', `${threads}`, '--repeats', `${repeats}`],
      { encoding: 'utf8' },
    );
    peer = JSON.parse(said.trim().split('\n').at(-1) as string) as { median_seconds: number; version: string };
  }
  const row = {
    case: item.name,
    threads,
    ours,
    pytorch: peer?.median_seconds,
    ratio: peer ? ours / peer.median_seconds : undefined,
    version: peer?.version,
  };
  rows.push(row);
  const cell = (value: number | undefined, unit = 's') =>
    (value === undefined ? '-' : `${value.toFixed(3)} ${unit}`).padStart(10);
  console.log(
    `${item.name.padEnd(30)} ours ${cell(row.ours)}  PyTorch ${cell(row.pytorch)}  ratio ${cell(row.ratio, 'x')}`,
  );
}
if (flags.json)
  writeFileSync(
    flags.json,
    `${JSON.stringify({ cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, rows }, null, 2)}\n`,
  );
