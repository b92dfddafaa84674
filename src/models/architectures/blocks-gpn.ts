/**
 * The residual blocks of GPN's encoders, dilated convolutions over tokens: that of the first release (songlab-cal/gpn `gpn/legacy.py`), its successor and ByteNet's
 * (Kalchbrenner et al. 2016), both in `gpn/modules.py`. Parameters have the authors' names, which count the parts of a block.
 *
 * The reference knows no padding mask. Here what stands at padding enters every convolution as zeros, which is what lies beyond a sequence's end,
 * so a padded sequence gets what it would get alone.
 */

import type { Tensor } from '../../onnx/graph.ts';
import { dropout, type Mode } from '../../onnx/layers/dropout.ts';
import { normal, zeros } from '../../onnx/layers/initialisers.ts';
import { conv1d, dense, layerNorm } from '../../onnx/layers/layers.ts';
import * as op from '../../onnx/operators/functions.ts';

export interface GpnBlockSizes {
  readonly width: number;
  readonly feedForward: number;
  /** Kernel size of the first layer's convolution, and of the others. */
  readonly kernels: readonly [number, number];
  /** Per layer. */
  readonly dilations: readonly number[];
  /** Depthwise from the second layer on. */
  readonly depthwise: boolean;
  /** ByteNet's convolutions work on half the width. */
  readonly slim: boolean;
  readonly bias: boolean;
  readonly dropout: number;
  /** Standard deviation of dense weights; convolutions use PyTorch's initialisation. */
  readonly deviation: number;
}

/** x [b, t, d], real [b, t, 1] (1 where a token is real) -> [b, t, d] */
export type GpnBlock = (
  x: Tensor,
  real: Tensor,
  name: string,
  layer: number,
  sizes: GpnBlockSizes,
  mode: Mode,
) => Tensor;

/**
 * First release: convolution and dense layer, each followed by GELU and normalisation, with
 * residual connections.
 */
export const legacyBlock: GpnBlock = (x, real, name, layer, sizes) => {
  const convolved = op.gelu(convolution(x, real, `${name}.conv.1`, layer, sizes));
  const y = op.add(x, norm(convolved, `${name}.conv.4`, sizes));
  return op.add(y, norm(op.gelu(project(y, `${name}.ffn.0`, sizes.width, sizes)), `${name}.ffn.2`, sizes));
};

/** Successor: both parts are normalised first; the feed-forward part has a larger inner width. */
export const convNetBlock: GpnBlock = (x, real, name, layer, sizes, mode) => {
  const normed = norm(x, `${name}.conv.0`, sizes);
  const convolved = op.gelu(convolution(normed, real, `${name}.conv.2`, layer, sizes));
  const mixed = project(convolved, `${name}.conv.5`, sizes.width, sizes);
  const y = op.add(x, dropout(mixed, sizes.dropout, mode));
  const inner = op.gelu(project(norm(y, `${name}.ffn.0`, sizes), `${name}.ffn.1`, sizes.feedForward, sizes));
  return op.add(y, dropout(project(inner, `${name}.ffn.3`, sizes.width, sizes), sizes.dropout, mode));
};

/**
 * ByteNet: projection to the convolution's width, convolution, projection back; each step after
 * normalisation and GELU.
 */
export const byteNetBlock: GpnBlock = (x, real, name, layer, sizes) => {
  const step = (y: Tensor, part: number) => op.gelu(norm(y, `${name}.layer.${part}`, sizes));
  const narrow = sizes.slim ? Math.floor(sizes.width / 2) : sizes.width;
  const down = project(step(x, 0), `${name}.layer.2`, narrow, sizes); // [b, t, narrow]
  const convolved = convolution(step(down, 3), real, `${name}.layer.6`, layer, sizes);
  return op.add(x, project(step(convolved, 8), `${name}.layer.10`, sizes.width, sizes));
};

/** Convolution over tokens with as many output as input channels. [b, t, c] -> [b, t, c] */
function convolution(x: Tensor, real: Tensor, name: string, layer: number, sizes: GpnBlockSizes): Tensor {
  const channels = Number(x.shape[2]);
  const byChannel = op.transpose(op.multiply(x, real), [0, 2, 1]); // [b, c, t]
  const y = conv1d(byChannel, name, channels, sizes.kernels[layer === 0 ? 0 : 1], {
    dilation: sizes.dilations[layer],
    groups: sizes.depthwise && layer > 0 ? channels : 1,
    bias: sizes.bias,
  });
  return op.transpose(y, [0, 2, 1]);
}

export function project(x: Tensor, name: string, out: number, { bias, deviation }: GpnBlockSizes): Tensor {
  return dense(x, name, out, { bias, weight: normal(deviation), biasInitialiser: zeros });
}

export function norm(x: Tensor, name: string, { bias }: GpnBlockSizes): Tensor {
  return layerNorm(x, name, { epsilon: 1e-5, bias });
}
