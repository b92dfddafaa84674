/**
 * The geometry of a model's hidden states on a corpus, layer by layer: of windows (mean over
 * tokens, the input of probes) and of single tokens in context, and linear CKA between layers
 * (`geometry.ts`, `kernel-alignment.ts`). No token is hidden from the model; the paper's code
 * (lbcb-sci/GFMs) masks 15% of the tokens and uses pooled last hidden states only. Pooling and
 * selection run inside the graph. Effective rank and similar measures grow with the number of rows:
 * compare models over equal numbers of rows.
 */

import { centredColumns, denseOf, frobeniusNorm, gram } from '../../algebra/dense.ts';
import type { Matrix } from '../../core/matrix.ts';
import { createRandom } from '../../core/random.ts';
import type { Encoder, FrozenModel } from '../../models/model.ts';
import { Graph } from '../../onnx/graph.ts';
import { maskedMean } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import { openGraph } from '../../runtime/graph-session.ts';
import type { Session, TensorValue } from '../../runtime/session.ts';
import { type Compute, pick } from '../../runtime/training/network.ts';
import { overBatches, type TokenReader, type WindowBatch } from '../predictions/token-batches.ts';
import { type Geometry, geometry } from './geometry.ts';

/** Approximate number of token vectors: the same number from every window, at least one. */
const TOKEN_VECTORS = 256;

export interface ContextualOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number) => void;
}

export interface LayerGeometry {
  /** 0: the embeddings. */
  readonly layer: number;
  /** One row per window: the mean over its tokens. */
  readonly pooled: Geometry;
  /** One row per token, drawn by seed. Missing for models that give pooled vectors only. */
  readonly tokens?: Geometry;
}

export interface Contextual {
  readonly layers: readonly LayerGeometry[];
  /** `[layers + 1][layers + 1]` linear CKA between layers, from the pooled vectors. */
  readonly layerCka: readonly (readonly number[])[];
}

/** Vectors of all layers. */
export interface LayerVectors {
  readonly pooled: readonly Matrix[];
  readonly tokens?: readonly Matrix[];
}

/** @throws for fewer than 3 windows, or hidden states that are not finite. */
export async function contextual(
  reader: TokenReader,
  windows: readonly string[],
  options: ContextualOptions,
): Promise<Contextual> {
  const progress = options.progress;
  const running = { ...options, progress: (done: number) => progress?.(0.7 * done) };
  return describeLayers(await layerVectors(reader, windows, running), (done) => progress?.(0.7 + 0.3 * done));
}

/** The same for an encoder that is run as exported: windows only. */
export async function contextualOfEncoder(
  encoder: Encoder,
  windows: readonly string[],
  progress?: (fraction: number) => void,
): Promise<Contextual> {
  const layers = Array.from({ length: encoder.layers + 1 }, (_, layer) => ({ layer, pooling: 'mean' as const }));
  const pooled = await encoder.embed(windows, layers, (done) => progress?.(0.7 * done));
  return describeLayers({ pooled }, (done) => progress?.(0.7 + 0.3 * done));
}

function describeLayers({ pooled, tokens }: LayerVectors, progress: (fraction: number) => void): Contextual {
  const layers = pooled.map((matrix, layer): LayerGeometry => {
    const described = {
      layer,
      pooled: named(`layer ${layer}`, matrix),
      ...(tokens && { tokens: named(`layer ${layer}, tokens`, tokens[layer]) }),
    };
    progress((layer + 1) / (pooled.length + 1));
    return described;
  });
  return { layers, layerCka: ckaBetween(pooled) };
}

function named(name: string, matrix: Matrix): Geometry {
  try {
    return geometry(matrix);
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

/** Linear CKA of all pairs. Each kernel is computed once. */
export function ckaBetween(matrices: readonly Matrix[]): number[][] {
  const kernels = matrices.map((matrix) => gram(centredColumns(denseOf(matrix, 'pooled vectors')))); // [windows, windows]
  const norms = kernels.map(frobeniusNorm);
  return kernels.map((a, i) =>
    kernels.map((b, j) => a.values.reduce((sum, value, at) => sum + value * b.values[at], 0) / (norms[i] * norms[j])),
  );
}

/** Inputs of the model and `picked` [m]; outputs `pooled<layer>` [rows, dimension] and `tokens<layer>` [m, dimension]. */
async function open(model: FrozenModel, compute: Compute): Promise<Session> {
  const graph = new Graph();
  const { hiddenStates, attentionMask } = model.build(graph);
  const picked = graph.input('picked', 'int64', ['picked']);
  hiddenStates.forEach((hidden, layer) => {
    graph.output(`pooled${layer}`, maskedMean(hidden, attentionMask));
    graph.output(`tokens${layer}`, op.gather(op.reshape(hidden, [-1, model.dimension]), picked));
  });
  return openGraph(graph, model, { ...compute, label: `${model.label}, hidden states` });
}

/**
 * Runs the windows through the model. The selected tokens depend on seed and window alone, so they
 * are the same for models that cut windows alike.
 */
export async function layerVectors(
  reader: TokenReader,
  windows: readonly string[],
  { compute, seed, progress }: ContextualOptions,
): Promise<LayerVectors> {
  const { model } = reader;
  const width = model.dimension;
  const count = tokensPerWindow(windows.length);
  const layers = Array.from({ length: model.layers + 1 }, (_, layer) => layer);
  const collected = () => layers.map(() => new Array<Float32Array>(windows.length)); // per window
  const [pooled, tokens] = [collected(), collected()];
  const session = await open(model, compute);
  try {
    let done = 0;
    await overBatches(reader, windows, compute, async (batch) => {
      const picked = pickTokens(batch, count, seed);
      const flat = BigInt64Array.from(picked.flat(), BigInt);
      const asked: TensorValue = { type: 'int64', data: flat, dims: [flat.length] };
      const outputs = await session.run(pick(session, { ...batch.feeds, picked: asked }));
      for (const layer of layers) {
        const means = outputs[`pooled${layer}`].data as Float32Array; // [windows of the batch, dimension]
        const vectors = outputs[`tokens${layer}`].data as Float32Array; // [picked, dimension]
        let at = 0;
        batch.places.forEach((place, r) => {
          pooled[layer][place] = means.slice(r * width, (r + 1) * width);
          const end = at + picked[r].length * width;
          tokens[layer][place] = vectors.slice(at, end);
          at = end;
        });
      }
      done += batch.places.length;
      progress?.(done / windows.length);
    });
  } finally {
    await session.dispose();
  }
  const together = (parts: readonly Float32Array[]): Matrix => {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    const values = new Float32Array(size);
    parts.reduce((at, part) => {
      values.set(part, at);
      return at + part.length;
    }, 0);
    return { rows: size / width, columns: width, values };
  };
  return { pooled: pooled.map(together), tokens: tokens.map(together) };
}

/** Number of token vectors taken from each of so many windows. */
export function tokensPerWindow(windows: number): number {
  return Math.max(1, Math.floor(TOKEN_VECTORS / windows));
}

/**
 * Flat positions of at most `count` ordinary tokens of every window, drawn by the seed and the
 * window's index.
 */
export function pickTokens({ letters, tokens, places }: WindowBatch, count: number, seed: number): number[][] {
  return places.map((place, r) => {
    const own = Array.from({ length: tokens }, (_, t) => r * tokens + t).filter((at) => letters[at] > 0);
    return createRandom(`diagnose:tokens:${seed}:${place}`).shuffle(own).slice(0, count);
  });
}
