/**
 * The Mamba block (Gu and Dao 2023, arXiv:2312.00752; `mamba_simple.py` of mamba-ssm 1.x): a
 * projection to a value and a gate, a short causal depthwise convolution of the value, the
 * selective scan, the gate, a projection back. Causal: a position depends only on itself and
 * earlier positions. Time is the first axis, [t, ..., d], as the scan requires. Not Mamba-2, which
 * has one rate per head.
 */
import type { Graph, Initialiser, Tensor } from '../../onnx/graph.ts';
import { constant, ones, torchBias, torchUniform, uniform, zeros } from '../../onnx/layers/initialisers.ts';
import { dense, linear, silu } from '../../onnx/layers/layers.ts';
import { selectiveScan } from '../../onnx/layers/selective-scan.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { RawConfig } from './architecture.ts';
import { count, flag, number, oneOf } from './config-fields.ts';

export interface MambaConfig {
  readonly width: number;
  /** Channels of the scan: expand times the width. */
  readonly inner: number;
  /** State size per channel. */
  readonly states: number;
  /** Kernel size of the convolution. */
  readonly kernel: number;
  /** Width of the projection that gives the step sizes. */
  readonly rank: number;
  readonly bias: boolean;
  readonly convolutionBias: boolean;
  readonly steps: {
    readonly least: number;
    readonly most: number;
    readonly floor: number;
    readonly scale: number;
    readonly initial: 'random' | 'constant';
  };
  /**
   * Factor by which the output projections are scaled down at initialisation: the square root of
   * the number of residual layers.
   */
  readonly residualScale: number;
}

/** `ssm_cfg` of a model of this width; null or missing fields are mamba-ssm's defaults. */
export function mambaConfig(ssm: RawConfig, width: number, residualScale: number, where: string): MambaConfig {
  oneOf(ssm, 'layer', where, ['Mamba1'], 'Mamba1');
  const rank = ssm.dt_rank === 'auto' ? undefined : ssm.dt_rank;
  return {
    width,
    inner: Math.trunc(number(ssm, 'expand', where, 2) * width),
    states: count(ssm, 'd_state', where, 16),
    kernel: count(ssm, 'd_conv', where, 4),
    rank: count({ dt_rank: rank }, 'dt_rank', where, Math.ceil(width / 16)),
    bias: flag(ssm, 'bias', where, false),
    convolutionBias: flag(ssm, 'conv_bias', where, true),
    steps: {
      least: number(ssm, 'dt_min', where, 0.001),
      most: number(ssm, 'dt_max', where, 0.1),
      floor: number(ssm, 'dt_init_floor', where, 1e-4),
      scale: number(ssm, 'dt_scale', where, 1),
      initial: oneOf(ssm, 'dt_init', where, ['random', 'constant'], 'random'),
    },
    residualScale,
  };
}

/** The parts that two blocks may share: the input and output projections y = x W' + b. */
export interface MambaProjections {
  readonly into: (x: Tensor) => Tensor;
  readonly back: (x: Tensor) => Tensor;
}

/**
 * `name.in_proj` [2 inner, width] and `name.out_proj` [width, inner], with biases if the config has
 * them.
 */
export function mambaProjections(graph: Graph, name: string, config: MambaConfig): MambaProjections {
  const { width, inner, residualScale } = config;
  const projection = (which: string, rows: number, columns: number, weight: Initialiser) => {
    const matrix = graph.parameter(`${name}.${which}.weight`, [rows, columns], weight);
    const bias = config.bias ? graph.parameter(`${name}.${which}.bias`, [rows], zeros) : null;
    return (x: Tensor) => linear(x, matrix, bias);
  };
  return {
    into: projection('in_proj', 2 * inner, width, torchUniform),
    back: projection('out_proj', width, inner, (random, shape) =>
      torchUniform(random, shape).map((value) => value / residualScale),
    ),
  };
}

/** x [t, rows..., width] -> [t, rows..., width]; parameters under `name`. */
export function mamba(x: Tensor, name: string, config: MambaConfig, { into, back }: MambaProjections): Tensor {
  const { inner, states, rank } = config;
  const graph = x.graph;
  const [entering, gate] = op.split(into(x), x.rank - 1, [inner, inner]); // [t, rows, inner] each
  const value = silu(causalConvolution(entering, `${name}.conv1d`, config));
  const selection = dense(value, `${name}.x_proj`, rank + 2 * states, { bias: false });
  const [low, B, C] = op.split(selection, x.rank - 1, [rank, states, states]); // [t, rows, rank or states]
  const dt = op.softplus(dense(low, `${name}.dt_proj`, inner, stepInitialisers(config))); // [t, rows, inner]
  const logRates = graph.parameter(`${name}.A_log`, [inner, states], naturalRates, { decay: false });
  const A = op.transpose(op.negate(op.exp(logRates)), [1, 0]); // [states, inner]
  const scanned = selectiveScan({ x: value, dt, A, B, C });
  const passing = op.multiply(value, graph.parameter(`${name}.D`, [inner], ones));
  return back(op.multiply(op.add(scanned, passing), silu(gate)));
}

/**
 * Depthwise causal convolution over the last `kernel` values: x [t, rows..., inner] -> the same.
 */
function causalConvolution(x: Tensor, name: string, { inner, kernel, convolutionBias }: MambaConfig): Tensor {
  const graph = x.graph;
  const weight = graph.parameter(`${name}.weight`, [inner, 1, kernel], torchUniform);
  const bias = convolutionBias ? [graph.parameter(`${name}.bias`, [inner], torchBias(kernel))] : [];
  const channelsFirst = op.transpose(op.reshape(x, [0, -1, inner]), [1, 2, 0]); // [rows, inner, t]
  const attributes = { kernel_shape: [kernel], pads: [kernel - 1, 0], group: inner };
  const [filtered] = graph.node('Conv', [channelsFirst, weight, ...bias], attributes);
  return op.reshapeLike(op.transpose(filtered, [2, 0, 1]), x);
}

/** log 1 .. log states for every channel: the real part of S4D's initialisation. */
const naturalRates: Initialiser = (_random, [inner, states]) =>
  Float32Array.from({ length: inner * states }, (_, i) => Math.log((i % states) + 1));

/**
 * Step sizes start between `least` and `most`, uniform in their logarithm: the bias is the inverse
 * softplus of such a draw.
 */
function stepInitialisers({ rank, steps }: MambaConfig): { weight: Initialiser; biasInitialiser: Initialiser } {
  const bound = steps.scale / Math.sqrt(rank);
  const [low, high] = [Math.log(steps.least), Math.log(steps.most)];
  return {
    weight: steps.initial === 'random' ? uniform(bound) : constant(bound),
    biasInitialiser: (random, [inner]) =>
      Float32Array.from({ length: inner }, () => {
        const dt = Math.max(Math.exp(low + random() * (high - low)), steps.floor);
        return dt + Math.log(-Math.expm1(-dt));
      }),
  };
}
