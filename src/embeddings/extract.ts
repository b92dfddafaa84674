/**
 * Embeds sequences with a frozen model: a graph with fixed weights, pooled inside the graph, run
 * over sequences sorted by length in batches of a token budget, smaller when memory is short
 * (`batch-plan.ts`). Only `[rows, dimension]` is returned. Results do not depend on the batches, up
 * to rounding in the last bits.
 */

import { hashJson } from '../core/files.ts';
import type { Matrix } from '../core/matrix.ts';
import { coverageShares, requireCoverage } from '../models/coverage.ts';
import type { Encoder, FrozenModel, Pooling, Representation } from '../models/model.ts';
import { Graph, type Tensor } from '../onnx/graph.ts';
import { HalfGraph } from '../onnx/half-precision/graph.ts';
import { maskedMax, maskedMean } from '../onnx/layers/layers.ts';
import * as op from '../onnx/operators/functions.ts';
import { batchMemory, runInBatches } from '../runtime/batches.ts';
import { openGraph } from '../runtime/graph-session.ts';
import type { Session } from '../runtime/session.ts';
import { type Compute, pick } from '../runtime/training/network.ts';
import { unusable } from '../sequences/sequence-error.ts';
import { planBatches, rowsPerBatch, tokenBudget } from './batch-plan.ts';
import { windowRemedy } from './limits.ts';

/** hidden [b, t, d], mask [b, t] -> [b, d]. */
const POOLINGS: Readonly<Record<Exclude<Pooling, 'frames'>, (hidden: Tensor, mask: Tensor) => Tensor>> = {
  mean: maskedMean,
  max: maskedMax,
  first: (hidden) => op.squeeze(op.slice(hidden, 1, 0, 1), [1]),
};

export function isEncoder(model: FrozenModel | Encoder): model is Encoder {
  return 'embed' in model;
}

export interface ExtractionOptions {
  /**
   * `float16`: weights and products in half precision, everything else in float32
   * (`onnx/half-precision/graph.ts`). Default float32.
   */
  readonly precision?: 'float32' | 'float16';
  /** Round on the CPU as on a GPU, without gain in speed: for tests. */
  readonly emulate?: boolean;
}

/**
 * Adds `embed` to a frozen model. An encoder is returned unchanged; it defines its own precision.
 * Throws for float16 on the CPU.
 */
export function encoderOf(
  given: FrozenModel | Encoder,
  compute: Compute,
  { precision = 'float32', emulate = false }: ExtractionOptions = {},
): Encoder {
  const isHalf = precision === 'float16';
  if (isHalf && compute.device === 'cpu' && !emulate)
    throw new Error('float16 is for GPUs (--device cuda or webgpu): on a CPU it would be slower and less exact');
  if (isEncoder(given)) {
    if (isHalf)
      throw new Error('float16 is for weights of known architectures; this model runs with the precision of its file');
    return given;
  }
  const model = isHalf ? inHalf(given) : given;
  const sessions = new Map<string, Promise<Session>>();
  const open = (representations: readonly Representation[]): Promise<Session> => {
    const key = representations.map(nameOf).join(' ');
    let session = sessions.get(key);
    if (!session) {
      session = compile(model, representations, compute, isHalf ? { emulate } : undefined);
      sessions.set(key, session);
      session.catch(() => sessions.delete(key)); // reported to the caller
    }
    return session;
  };
  let maskName: string | undefined;
  return {
    dimension: model.dimension,
    layers: model.layers,
    fingerprint: model.fingerprint,
    card: model.card,
    limits: model.limits,
    coverage: model.coverage,
    unknown: model.unknown,
    notices: model.notices,
    model: given,
    pooledTokens(sequence) {
      maskName ??= model.build(new Graph()).attentionMask.name;
      return (model.encode([sequence])[maskName].data as BigInt64Array).reduce((sum, seen) => sum + Number(seen), 0);
    },
    async embed(sequences, representations, progress) {
      for (const { layer, pooling } of representations) {
        if (!Number.isInteger(layer) || layer < 0 || layer > model.layers)
          throw new Error(`${model.label} has layers 0 (embeddings) to ${model.layers}, not ${layer}`);
        if (pooling === 'frames' ? model.frames === undefined : !Object.hasOwn(POOLINGS, pooling))
          throw new Error(
            pooling === 'frames'
              ? `${model.label} has no k-mers of one length, so it has no reading frames to average over`
              : `unknown pooling '${pooling}'; known: ${Object.keys(POOLINGS).join(', ')}, frames`,
          );
      }
      const whole = representations.filter(({ pooling }) => pooling !== 'frames');
      const framed = representations.filter(({ pooling }) => pooling === 'frames');
      const passes = (whole.length > 0 ? 1 : 0) + (framed.length > 0 ? (model.frames ?? 1) : 0);
      let pass = 0;
      const run = async (rows: readonly string[], asked: readonly Representation[]) => {
        const report = (fraction: number, message: string) => progress?.((pass + fraction) / passes, message);
        const matrices = await extract(model, await open(asked), compute, rows, asked, report);
        pass += 1;
        return matrices;
      };
      const plain = whole.length > 0 ? await run(sequences, whole) : [];
      const averaged = framed.length > 0 ? await overFrames(model, sequences, framed, run) : [];
      return representations.map((representation) =>
        representation.pooling === 'frames'
          ? averaged[framed.indexOf(representation)]
          : plain[whole.indexOf(representation)],
      );
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
      sessions.clear();
    },
  };
}

/** The model with a label, fingerprint and card that differ from those in float32. */
function inHalf(model: FrozenModel): FrozenModel {
  return {
    ...model,
    label: `${model.label} in float16`,
    fingerprint: hashJson({ precision: 'float16', of: model.fingerprint }),
    card: { ...model.card, precision: 'weights and products in float16, everything else in float32' },
  };
}

const nameOf = ({ layer, pooling }: Representation) => `layer${layer}:${pooling}`;

/**
 * Means over tokens, averaged over the reading frames; for a sequence too short for a frame, over
 * the frames that it has.
 */
async function overFrames(
  model: FrozenModel,
  sequences: readonly string[],
  framed: readonly Representation[],
  run: (rows: readonly string[], asked: readonly Representation[]) => Promise<Matrix[]>,
): Promise<Matrix[]> {
  const frames = model.frames ?? 1;
  const asked = framed.map(({ layer }): Representation => ({ layer, pooling: 'mean' }));
  const sums = framed.map(() => new Float32Array(sequences.length * model.dimension));
  const counts = new Float32Array(sequences.length);
  for (let frame = 0; frame < frames; frame++) {
    const rows = sequences.flatMap((sequence, i) => (frame === 0 || sequence.length >= 2 * frames ? [i] : []));
    if (rows.length === 0) continue;
    const matrices = await run(
      rows.map((row) => sequences[row].slice(frame)),
      asked,
    );
    for (const row of rows) counts[row] += 1;
    for (const [m, { values }] of matrices.entries())
      for (const [place, row] of rows.entries())
        for (let c = 0; c < model.dimension; c++)
          sums[m][row * model.dimension + c] += values[place * model.dimension + c];
  }
  return sums.map((values) => {
    const means = values.map((sum, i) => sum / counts[Math.floor(i / model.dimension)]);
    return { rows: sequences.length, columns: model.dimension, values: means };
  });
}

async function compile(
  model: FrozenModel,
  representations: readonly Representation[],
  compute: Compute,
  float16?: { readonly emulate: boolean },
): Promise<Session> {
  const stored = (name: string) => model.values.get(name) instanceof Float32Array;
  const half = float16 && new HalfGraph(stored, float16.emulate);
  const graph = half ?? new Graph();
  const { hiddenStates, attentionMask } = model.build(graph);
  for (const representation of representations) {
    const name = nameOf(representation);
    if (!graph.outputs.has(name))
      graph.output(
        name,
        POOLINGS[representation.pooling as keyof typeof POOLINGS](hiddenStates[representation.layer], attentionMask),
      );
  }
  const { label, externalData } = model;
  return openGraph(graph, { values: half?.values(model.values) ?? model.values, externalData }, { ...compute, label });
}

/** Whether the model can read a prefix of a sequence that it refuses. */
function isTooLong(model: FrozenModel, sequence: string): boolean {
  for (let letters = sequence.length >> 1; letters > 0; letters >>= 1) {
    try {
      if (model.tokens(sequence.slice(0, letters)) > 0) return true;
    } catch {} // still longer than that
  }
  return false;
}

async function extract(
  model: FrozenModel,
  session: Session,
  compute: Compute,
  sequences: readonly string[],
  representations: readonly Representation[],
  progress?: (fraction: number, message: string) => void,
): Promise<Matrix[]> {
  const tokens = sequences.map((sequence, i) => {
    try {
      return model.tokens(sequence);
    } catch (error) {
      const remedy = isTooLong(model, sequence) ? windowRemedy(model.limits) : '';
      throw unusable(error, i, sequences.length, model.label, remedy);
    }
  });
  if (model.coverage) requireCoverage(model.label, coverageShares(sequences, model.coverage), model.unknown);
  const order = sequences.map((_, i) => i).sort((a, b) => tokens[a] - tokens[b] || a - b);
  const results = representations.map(() => new Float32Array(sequences.length * model.dimension));
  const memory = batchMemory(compute.device);
  const budget = tokenBudget(compute);
  const pooledLayers = new Set(representations.map(({ layer }) => layer)).size;
  const mostRows = (longest: number) => rowsPerBatch(model.dimension, pooledLayers, longest, memory, budget);
  const ends = planBatches(
    order.map((row) => tokens[row]),
    mostRows,
    compute.device,
  );
  let done = 0;
  for (const end of ends) {
    const bucket = order.slice(done, end);
    await runInBatches(bucket.length, bucket.length, async (from, to) => {
      const rows = bucket.slice(from, to);
      // A graph that does not use the mask has no input for it.
      const outputs = await session.run(pick(session, model.encode(rows.map((row) => sequences[row]))));
      representations.forEach((representation, r) => {
        const pooled = outputs[nameOf(representation)]; // [rows, dimension]
        if (pooled.dims[0] !== rows.length || pooled.dims[1] !== model.dimension)
          throw new Error(
            `${model.label}: the model returned [${pooled.dims.join(', ')}] for ${rows.length} sequences`,
          );
        const data = pooled.data as Float32Array;
        rows.forEach((row, i) => {
          results[r].set(data.subarray(i * model.dimension, (i + 1) * model.dimension), row * model.dimension);
        });
      });
    });
    done = end;
    progress?.(done / order.length, `embedded ${done} of ${order.length} sequences`);
  }
  return results.map((values, r) => {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new Error(
        `${model.label}: ${values[bad]} in the embedding of sequence ${Math.floor(bad / model.dimension) + 1} of ${sequences.length} (${nameOf(representations[r])})`,
      );
    return { rows: sequences.length, columns: model.dimension, values };
  });
}
