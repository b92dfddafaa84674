/**
 * The CNN baseline of BarcodeBERT (bioscan-ml/BarcodeBERT, baselines/cnn/cnn_utils.py; Millan Arias
 * et al. 2023, arXiv:2311.02401), from one-hot letters to its 500 features and to logits. Its
 * kernels are 3 positions by 1 letter: the row of every letter passes through the same convolutions
 * separately until the dense layer, so letters are part of the batch axis.
 */

import type { Tensor } from '../../onnx/graph.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';
import { batchNorm, conv1d, dense, maxPool1d } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';

export interface BarcodeCnnWidths {
  /** Filters of the three convolutions; published: 64, 32, 16. */
  readonly widths: readonly number[];
  /** Features; published: 500. */
  readonly hidden: number;
}

/**
 * x `[rows, letters, length]` -> features `[rows, hidden]`, the output of the first dense layer
 * before its tanh. A pooling layer is omitted when fewer than its 3 positions are left.
 */
export function barcodeCnnFeatures(x: Tensor, mode: Mode, { widths, hidden }: BarcodeCnnWidths): Tensor {
  const [rows, letters, length] = x.shape;
  let y = op.reshape(x, [-1, 1, length]); // [rows * letters, 1, t]
  for (const [i, width] of widths.entries()) {
    y = batchNorm(op.relu(conv1d(y, `conv${i + 1}`, width, 3)), `bn${i + 1}`, mode); // [rows * letters, width, t]
    if (Number(y.shape[2]) >= 3) y = maxPool1d(y, 3);
  }
  const [, channels, steps] = y.shape;
  const flat = Number(letters) * Number(channels) * Number(steps);
  y = op.transpose(op.reshape(y, [-1, letters, channels, steps]), [0, 2, 3, 1]); // [rows, 16, t / 27, letters]
  return dense(batchNorm(op.reshape(y, [rows, flat]), 'bn4', mode), 'fc1', hidden);
}

/** features `[rows, hidden]` -> logits `[rows, outputs]`. */
export function barcodeCnnLogits(features: Tensor, outputs: number): Tensor {
  return dense(op.tanh(features), 'fc2', outputs);
}
