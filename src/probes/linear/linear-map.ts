/** What linear probes predict with: standardised features times weights plus intercept, on the engine, in blocks of rows. */

import { requireFinite } from '../../algebra/finite.ts';
import type { Matrix } from '../../core/matrix.ts';
import { Graph } from '../../onnx/graph.ts';
import { serialise } from '../../onnx/io/serialise.ts';
import * as op from '../../onnx/operators/functions.ts';
import { runInBatches } from '../../runtime/batches.ts';
import { type Device, parseDevice } from '../../runtime/device.ts';
import { openSession, type TensorValue } from '../../runtime/session.ts';
import type { Standardiser } from './standardise.ts';

export interface LinearMap {
  /** `[rows, columns]` of x W + b for raw features x (standardised here). `parameters` holds W `[dim, columns]`, then b. */
  apply(features: Matrix, parameters: Float64Array): Promise<Matrix>;
  dispose(): Promise<void>;
}

const BLOCK_ROWS = 4096;

/** A probe's device by name; `auto` must have been resolved before. */
export function probeDeviceName(name: string): Device {
  const device = parseDevice(name);
  if (device === 'auto') throw new Error('A probe needs a device by name; resolve "auto" first.');
  return device;
}

/** Opens the map for features of the standardiser's width. */
export async function openLinearMap(
  standardiser: Standardiser,
  columns: number,
  options: { device: Device; threads: number },
): Promise<LinearMap> {
  const dim = standardiser.mean.length;
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', dim]);
  const w = graph.input('w', 'float32', [dim, columns]);
  graph.output('y', op.gemm(x, w, graph.input('b', 'float32', [columns])));
  const session = await openSession(serialise(graph).bytes, { ...options, label: 'linear prediction' });
  return {
    async apply(features, parameters) {
      requireFinite(features, 'Features');
      const tensor = (data: Float32Array, dims: number[]): TensorValue => ({ type: 'float32', data, dims });
      const w = tensor(Float32Array.from(parameters.subarray(0, dim * columns)), [dim, columns]);
      const b = tensor(Float32Array.from(parameters.subarray(dim * columns)), [columns]);
      const values = new Float32Array(features.rows * columns);
      await runInBatches(features.rows, BLOCK_ROWS, async (start, end) => {
        const block = standardiser.apply(features, start, end);
        const { y } = await session.run({ x: tensor(block.values, [block.rows, dim]), w, b });
        values.set(y.data as Float32Array, start * columns);
      });
      return { rows: features.rows, columns, values };
    },
    dispose: () => session.dispose(),
  };
}
