/**
 * All parameters as one vector, all buffers as another. Training graphs take and give two or three long tensors instead of
 * hundreds of short ones: optimisers, clipping and checkpoints become a handful of nodes, and double-buffering is a swap.
 */
import type { BufferInfo, Graph, ParameterInfo, Tensor } from './graph.ts';
import * as op from './operators/functions.ts';

export interface FlatLayout {
  readonly names: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly sizes: readonly number[];
  readonly offsets: readonly number[];
  readonly total: number;
}

const count = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

export function layoutOf(entries: readonly { name: string; shape: readonly number[] }[]): FlatLayout {
  const sizes = entries.map((entry) => count(entry.shape));
  const offsets: number[] = [];
  let total = 0;
  for (const size of sizes) {
    offsets.push(total);
    total += size;
  }
  return { names: entries.map((e) => e.name), shapes: entries.map((e) => e.shape), sizes, offsets, total };
}

/**
 * Makes every entry a view of `flat` (float32 [total]): the entries' tensors are yielded by Slices and Reshapes. One Split of them all would be a
 * shader with a buffer for every entry, of which GPUs allow about ten.
 */
export function bindFlat(flat: Tensor, entries: readonly (ParameterInfo | BufferInfo)[]): FlatLayout {
  const layout = layoutOf(entries);
  const piece = (i: number) => op.slice(flat, 0, layout.offsets[i], layout.offsets[i] + layout.sizes[i]);
  entries.forEach((entry, i) => {
    const view = flat.graph.node('Reshape', [piece(i), flat.graph.integers(entry.shape)])[0];
    // The declared tensor takes over the view's place as the node's output.
    const producer = view.producer;
    if (!producer) return;
    producer.outputs[0] = entry.tensor;
    entry.tensor.producer = producer;
  });
  return layout;
}

/** One vector of many tensors, in order. */
export function flatten(graph: Graph, tensors: readonly Tensor[]): Tensor {
  const rows = tensors.map((tensor) => graph.node('Reshape', [tensor, graph.integers([-1])])[0]);
  return op.concat(rows, 0);
}

/** First values of all parameters, drawn in declaration order from one source of uniform numbers. */
export function initialValues(entries: readonly ParameterInfo[], random: () => number): Float32Array {
  const layout = layoutOf(entries);
  const flat = new Float32Array(layout.total);
  entries.forEach((entry, i) => {
    flat.set(entry.initialise(random, entry.shape), layout.offsets[i]);
  });
  return flat;
}

/** Values by name: views into the vector, not copies. */
export function unflatten(flat: Float32Array, layout: FlatLayout): Map<string, Float32Array> {
  return new Map(
    layout.names.map((name, i) => [name, flat.subarray(layout.offsets[i], layout.offsets[i] + layout.sizes[i])]),
  );
}
