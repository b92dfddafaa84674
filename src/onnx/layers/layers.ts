/**
 * Layers over the operators: weights are declared on the graph under PyTorch's names and layouts, so that checkpoints load by name.
 * Tensor lines carry shapes; b = batch, t = tokens or positions, c = channels, d = model width, h = heads.
 */

import { GraphError, type Initialiser, type Tensor } from '../graph.ts';
import * as op from '../operators/functions.ts';
import { lastAxis } from '../shapes.ts';
import type { Mode } from './dropout.ts';
import { normal, ones, torchBias, torchUniform, zeros } from './initialisers.ts';

/** y = x W^T + bias over the last axis. x [..., in] -> [..., out]; weight [out, in]. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [out, inner] = weight.shape;
  const flat = x.rank === 2 ? x : op.reshape(x, [-1, inner]); // [rows, in]
  const y = op.gemm(flat, weight, bias, { transB: true }); // [rows, out]
  return x.rank === 2 ? y : op.reshape(y, [...x.shape.slice(0, -1), out]);
}

export interface DenseOptions {
  readonly bias?: boolean;
  readonly weight?: Initialiser;
  readonly biasInitialiser?: Initialiser;
}

/** A dense layer with parameters `name.weight` [out, in] and `name.bias` [out]; PyTorch's default initialisation. */
export function dense(x: Tensor, name: string, out: number, options: DenseOptions = {}): Tensor {
  const inner = x.shape[x.rank - 1];
  if (typeof inner !== 'number') throw new GraphError(`dense '${name}': the last axis of '${x.name}' must be a number`);
  const weight = x.graph.parameter(`${name}.weight`, [out, inner], options.weight ?? torchUniform);
  const bias =
    options.bias === false
      ? null
      : x.graph.parameter(`${name}.bias`, [out], options.biasInitialiser ?? torchBias(inner));
  return linear(x, weight, bias);
}

export interface Conv1dOptions extends DenseOptions {
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
  /** Zeros on both sides; 'same' keeps the length at stride 1, 'valid' adds none. Default 'same'. */
  readonly padding?: number | 'same' | 'valid';
}

/** 1-D convolution, x [b, in, t] -> [b, out, t']; parameters `name.weight` [out, in / groups, kernel], `name.bias` [out]. */
export function conv1d(x: Tensor, name: string, out: number, kernel: number, options: Conv1dOptions = {}): Tensor {
  const channels = x.shape[1];
  if (typeof channels !== 'number')
    throw new GraphError(`conv1d '${name}': the channels of '${x.name}' must be a number`);
  const { stride = 1, dilation = 1, groups = 1, padding = 'same' } = options;
  const reach = dilation * (kernel - 1);
  // An even reach splits evenly; an odd one gives the extra zero to the right, as PyTorch and Keras do.
  const [before, after] =
    padding === 'same'
      ? [Math.floor(reach / 2), Math.ceil(reach / 2)]
      : padding === 'valid'
        ? [0, 0]
        : [padding, padding];
  const inner = channels / groups;
  const weight = x.graph.parameter(`${name}.weight`, [out, inner, kernel], options.weight ?? torchUniform);
  const inputs: Tensor[] = [x, weight];
  if (options.bias !== false)
    inputs.push(x.graph.parameter(`${name}.bias`, [out], options.biasInitialiser ?? torchBias(inner * kernel)));
  return x.graph.node('Conv', inputs, {
    kernel_shape: [kernel],
    strides: [stride],
    dilations: [dilation],
    pads: [before, after],
    group: groups,
  })[0];
}

export function maxPool1d(x: Tensor, kernel: number, stride = kernel): Tensor {
  return x.graph.node('MaxPool', [x], { kernel_shape: [kernel], strides: [stride] })[0];
}

export function averagePool1d(x: Tensor, kernel: number, stride = kernel): Tensor {
  return x.graph.node('AveragePool', [x], { kernel_shape: [kernel], strides: [stride] })[0];
}

export interface BatchNormOptions {
  readonly epsilon?: number;
  /** Share of the new statistics in the running ones per step (PyTorch's momentum). */
  readonly momentum?: number;
}

/**
 * Batch normalisation of x [b, c] or [b, c, t] per channel (Ioffe and Szegedy 2015). Parameters `name.weight`, `name.bias` [c], buffers
 * `name.running_mean`, `name.running_var` (unbiased, as PyTorch keeps it). Training uses the batch's (biased) statistics.
 */
export function batchNorm(x: Tensor, name: string, mode: Mode, options: BatchNormOptions = {}): Tensor {
  const { epsilon = 1e-5, momentum = 0.1 } = options;
  const graph = x.graph;
  const channels = x.shape[1];
  if (typeof channels !== 'number')
    throw new GraphError(`batchNorm '${name}': the channels of '${x.name}' must be a number`);
  const scale = graph.parameter(`${name}.weight`, [channels], ones);
  const shift = graph.parameter(`${name}.bias`, [channels], zeros);
  const runningMean = graph.buffer(`${name}.running_mean`, [channels], 0);
  const runningVariance = graph.buffer(`${name}.running_var`, [channels], 1);
  const normalise = (value: Tensor, inputs: readonly Tensor[]) =>
    graph.node('BatchNormalization', [value, ...inputs], { epsilon })[0];
  if (!mode.training) return normalise(x, [scale, shift, runningMean, runningVariance]);

  const perChannel = (t: Tensor) => (x.rank === 2 ? t : op.reshape(t, [channels, 1]));
  const [y, mean, variance, count] = graph.composite('batchNorm', [x, scale, shift], () => {
    const total = elementsPerChannel(x);
    // The last axis first: ONNX Runtime reduces one axis after the other twice as fast as both at once.
    const average = (t: Tensor) => op.divide(op.reduceSum(x.rank === 2 ? t : op.reduceSum(t, [2]), [0]), total); // [c]
    const batchMean = average(x); // [c]
    // Two passes: E[x^2] - mean^2 would cancel where the mean is large against the deviation.
    const centred = op.subtract(x, perChannel(batchMean));
    const squares =
      x.rank === 2 ? op.reduceSumSquare(centred, [0]) : op.reduceSum(op.reduceSumSquare(centred, [2]), [0]);
    const batchVariance = op.divide(squares, total); // [c], biased
    const output = normalise(x, [scale, shift, batchMean, batchVariance]);
    return {
      outputs: [output, batchMean, batchVariance, total],
      adjoint: ([g, ...ofStatistics]) => {
        if (ofStatistics.some((gradient) => gradient !== null))
          throw new GraphError(`batchNorm '${name}': no gradient can flow into its batch statistics`);
        if (!g) return [null, null, null];
        // dx = s r (g - mean(g) - x_hat mean(g x_hat)) with x_hat = (x - mean) r.
        const inverse = op.reciprocal(op.sqrt(op.add(batchVariance, epsilon)));
        const meanG = average(g);
        const meanGX = average(op.multiply(g, x));
        const meanGXHat = op.multiply(op.subtract(meanGX, op.multiply(batchMean, meanG)), inverse);
        const a = op.multiply(scale, inverse);
        const b = op.negate(op.multiply(op.multiply(a, inverse), meanGXHat));
        const c = op.negate(op.multiply(a, meanG));
        // b (x - mean) + c in one sweep: the operator with a variance of 1 (in two parts: cuDNN wants an epsilon of 1e-5).
        const one = graph.constant(new Float32Array(channels).fill(1 - 1e-5), [channels]);
        const affine = graph.node('BatchNormalization', [x, b, c, batchMean, one], { epsilon: 1e-5 })[0];
        const toX = op.add(op.multiply(g, perChannel(a)), affine);
        return [toX, op.multiply(meanGXHat, total), op.multiply(meanG, total)];
      },
    };
  });
  const blend = (old: Tensor, fresh: Tensor) => op.add(op.multiply(old, 1 - momentum), op.multiply(fresh, momentum));
  const unbiased = op.multiply(variance, op.divide(count, op.maximum(op.subtract(count, 1), 1)));
  graph.assign(runningMean, blend(runningMean, mean));
  graph.assign(runningVariance, blend(runningVariance, unbiased));
  return y;
}

/** How many values each channel of x has in this batch, float32 scalar. */
function elementsPerChannel(x: Tensor): Tensor {
  const rows = op.squeeze(op.cast(x.graph.node('Shape', [x], { start: 0, end: 1 })[0], 'float32'), [0]);
  if (x.rank === 2) return rows;
  const length = x.shape[2];
  if (typeof length === 'number') return op.multiply(rows, length);
  return op.multiply(rows, op.squeeze(op.cast(x.graph.node('Shape', [x], { start: 2, end: 3 })[0], 'float32'), [0]));
}

/** Layer normalisation over the last axis; parameters `name.weight`, `name.bias` [d]. */
export function layerNorm(x: Tensor, name: string, options: { epsilon?: number; bias?: boolean } = {}): Tensor {
  const width = lastAxis(x, name);
  const inputs = [x, x.graph.parameter(`${name}.weight`, [width], ones)];
  if (options.bias !== false) inputs.push(x.graph.parameter(`${name}.bias`, [width], zeros));
  return x.graph.node('LayerNormalization', inputs, { axis: -1, epsilon: options.epsilon ?? 1e-5 })[0];
}

/** Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019); parameter `name.weight` [d]. */
export function rmsNorm(x: Tensor, name: string, options: { epsilon?: number } = {}): Tensor {
  const weight = x.graph.parameter(`${name}.weight`, [lastAxis(x, name)], ones);
  const meanSquare = op.reduceMean(op.multiply(x, x), [-1], true); // [..., 1]
  const inverse = op.reciprocal(op.sqrt(op.add(meanSquare, options.epsilon ?? 1e-6)));
  return op.multiply(op.multiply(x, inverse), weight);
}

/** Rows of a table, `name.weight` [entries, width]; ids int64 [...] -> [..., width]. */
export function embedding(
  ids: Tensor,
  name: string,
  entries: number,
  width: number,
  options: { weight?: Initialiser } = {},
): Tensor {
  return op.gather(ids.graph.parameter(`${name}.weight`, [entries, width], options.weight ?? normal(0.02)), ids);
}

/** Gated linear unit: activation(a) * b where [a, b] are the halves of the last axis (Shazeer 2020). [..., 2f] -> [..., f] */
export function gatedLinearUnit(x: Tensor, activation: (gate: Tensor) => Tensor): Tensor {
  const width = lastAxis(x, 'gatedLinearUnit');
  const [gate, value] = op.split(x, x.rank - 1, [width / 2, width / 2]);
  return op.multiply(activation(gate), value);
}

/** x sigmoid(x). */
export function silu(x: Tensor): Tensor {
  return op.multiply(x, op.sigmoid(x));
}

/** Mean over tokens under a mask: x [b, t, d], mask [b, t] -> [b, d]; sum(m x) / sum(m), 0 where nothing is unmasked. */
export function maskedMean(x: Tensor, mask: Tensor): Tensor {
  const weights = op.unsqueeze(op.cast(mask, x.dtype), [2]); // [b, t, 1]
  const total = op.reduceSum(op.multiply(x, weights), [1]); // [b, d]
  return op.divide(total, op.maximum(op.reduceSum(weights, [1]), 1e-9));
}

/** Largest value over unmasked tokens: x [b, t, d], mask [b, t] -> [b, d]. */
export function maskedMax(x: Tensor, mask: Tensor): Tensor {
  const kept = op.unsqueeze(op.cast(mask, 'bool'), [2]);
  return op.reduceMax(op.where(kept, x, -3.4e38), [1]);
}
