/** Activation functions by their names in a `config.json`. */

import type { Tensor } from '../../onnx/graph.ts';
import { silu } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { RawConfig } from './architecture.ts';
import { oneOf } from './config-fields.ts';

const tanhGelu = (x: Tensor) => op.gelu(x, 'tanh');

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu: (x) => op.gelu(x),
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  relu: op.relu,
  silu,
  swish: silu,
};

/**
 * The activation named by `field`. Throws with the known names. `fallback` is the reference's
 * default.
 */
export function activation(config: RawConfig, field: string, where: string, fallback: string): (x: Tensor) => Tensor {
  return ACTIVATIONS[oneOf(config, field, where, Object.keys(ACTIVATIONS), fallback)];
}
