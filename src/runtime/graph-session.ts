/**
 * A graph with its weights as a session. Large weights are handed to the runtime where they lie, not written into the model first: that spares a copy and the time for
 * it, and a model may have more than the 2 GiB that one protobuf message holds.
 */
import type { ConstantData, Graph } from '../onnx/graph.ts';
import { serialise } from '../onnx/io/serialise.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

/** Smaller ones are written into the model: constants that the runtime may fold. */
const LEAST_BYTES = 2 ** 16;

export interface Weights {
  readonly values: ReadonlyMap<string, ConstantData>;
  /** Files that values point into. */
  readonly externalData?: SessionOptions['externalData'];
}

/** @throws, naming them, where parameters of the graph have no value. */
export async function openGraph(
  graph: Graph,
  { values, externalData = [] }: Weights,
  options: Omit<SessionOptions, 'externalData'> & { readonly label: string },
): Promise<Session> {
  const inPlace: { path: string; data: Uint8Array }[] = [];
  const bound = new Map<string, ConstantData>();
  for (const [name, value] of values) {
    const dtype = (graph.parameters.get(name) ?? graph.buffers.get(name))?.tensor.dtype;
    if (dtype === 'float32' && value instanceof Float32Array && value.byteLength >= LEAST_BYTES) {
      const path = `weights:${name}`;
      inPlace.push({ path, data: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) });
      bound.set(name, { location: path, offset: 0, length: value.byteLength });
    } else bound.set(name, value);
  }
  const { bytes, unbound } = serialise(graph, { values: bound });
  if (unbound.length > 0) throw new Error(`${options.label}: the weights lack ${unbound.slice(0, 5).join(', ')}`);
  return openSession(bytes, { ...options, externalData: [...externalData, ...inPlace] });
}
