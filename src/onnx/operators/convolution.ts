/**
 * Convolution and its transpose over one spatial axis. x: [batch, in, length], w: [out, in / group, kernel], y: [batch, out, steps].
 * The adjoints are written in the forms that run fastest on ONNX Runtime: the input gradient as a plain convolution with the
 * flipped, transposed kernel, the weight gradient as matrix products of shifted channels-last views.
 */
import { type Attributes, type Dim, GraphError, type Tensor } from '../recording.ts';
import { addDims, windowOutput } from '../shapes.ts';
import * as op from './functions.ts';
import { integerAttribute, listAttribute, need, type RuleTable, stringAttribute } from './rule.ts';

interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly group: number;
}

function windows(
  attributes: Attributes,
  kernelShape: readonly Dim[],
  what: string,
  lengths?: readonly Dim[],
): Window[] {
  const automatic = stringAttribute(attributes, 'auto_pad', 'NOTSET');
  const spatial = kernelShape.length;
  const ones = Array.from({ length: spatial }, () => 1);
  const strides = listAttribute(attributes, 'strides', ones);
  const dilations = listAttribute(attributes, 'dilations', ones);
  const pads = listAttribute(
    attributes,
    'pads',
    Array.from({ length: 2 * spatial }, () => 0),
  );
  const group = integerAttribute(attributes, 'group', 1);
  return kernelShape.map((kernel, i) => {
    if (typeof kernel !== 'number') throw new GraphError(`${what}: the kernel's size must be a number`);
    const window = { kernel, stride: strides[i], dilation: dilations[i], group };
    if (automatic === 'NOTSET') return { ...window, before: pads[i], after: pads[i + spatial] };
    if (automatic === 'VALID') return { ...window, before: 0, after: 0 };
    // SAME: as many steps as ceil(length / stride); the odd zero goes to the end (UPPER) or the start (LOWER).
    const length = lengths?.[i];
    if (typeof length !== 'number')
      throw new GraphError(`${what}: auto_pad ${automatic} needs a numeric length; export with explicit pads`);
    const reach = dilations[i] * (kernel - 1) + 1;
    const total = Math.max(0, (Math.ceil(length / strides[i]) - 1) * strides[i] + reach - length);
    const [small, large] = [Math.floor(total / 2), Math.ceil(total / 2)];
    return automatic === 'SAME_UPPER'
      ? { ...window, before: small, after: large }
      : { ...window, before: large, after: small };
  });
}

function oneAxis(attributes: Attributes, w: Tensor, what: string, x?: Tensor): Window {
  if (w.rank !== 3)
    throw new GraphError(`${what}: the adjoint covers one spatial axis; the weight '${w.name}' is [${w.shape}]`);
  return windows(attributes, w.shape.slice(2), what, x?.shape.slice(2))[0];
}

function sizes(w: Tensor): readonly [number, number, number] {
  const [out, inner, kernel] = w.shape;
  if (typeof out !== 'number' || typeof inner !== 'number' || typeof kernel !== 'number')
    throw new GraphError(`convolution weight '${w.name}' must have a fixed shape, not [${w.shape}]`);
  return [out, inner, kernel];
}

function convNode(x: Tensor, w: Tensor, window: Omit<Window, 'kernel'>): Tensor {
  return x.graph.node('Conv', [x, w], {
    strides: [window.stride],
    dilations: [window.dilation],
    pads: [window.before, window.after],
    group: window.group,
  })[0];
}

/** [out, in / g, k] -> [in, out / g, k] with taps reversed: the kernel of the transposed convolution. */
function transposedKernel(w: Tensor, group: number): Tensor {
  const [out, inner, kernel] = sizes(w);
  const flipped = kernel === 1 ? w : op.flip(w, 2);
  if (group === 1) return op.transpose(flipped, [1, 0, 2]);
  const grouped = op.reshape(flipped, [group, out / group, inner, kernel]);
  return op.reshape(op.transpose(grouped, [0, 2, 1, 3]), [group * inner, out / group, kernel]);
}

/** Sums [n, channels, steps] per channel. In two steps: a reduction of the last axis alone runs twice as fast as one of both. */
function perChannel(x: Tensor): Tensor {
  return op.reduceSum(op.reduceSum(x, [2]), [0]);
}

/** Keeps [start, start + length) of the last axis, with zeros where it reaches past the end. */
function crop(x: Tensor, start: number, like: Dim): Tensor {
  const have = x.shape[2];
  if (typeof have !== 'number' || typeof like !== 'number')
    throw new GraphError('a strided convolution needs a numeric length to be differentiated');
  const missing = Math.max(0, start + like - have);
  return op.slice(op.pad(x, [0, 0, 0], [0, 0, missing]), 2, start, start + like);
}

/** dL/dx. */
export function convInputGradient(gradient: Tensor, w: Tensor, x: Tensor, window: Window): Tensor {
  const reach = (window.kernel - 1) * window.dilation;
  if (window.stride === 1 && window.before <= reach && window.after <= reach)
    return convNode(gradient, transposedKernel(w, window.group), {
      ...window,
      before: reach - window.before,
      after: reach - window.after,
    });
  const full = gradient.graph.node('ConvTranspose', [gradient, w], {
    strides: [window.stride],
    dilations: [window.dilation],
    group: window.group,
  })[0];
  return crop(full, window.before, x.shape[2]);
}

/** dL/dw, [out, in / group, kernel]. */
export function convWeightGradient(gradient: Tensor, w: Tensor, x: Tensor, window: Window): Tensor {
  const [out, inner, kernel] = sizes(w);
  const { stride, dilation, group } = window;
  const padded = op.pad(x, [0, 0, window.before], [0, 0, window.after]); // [n, in, length + pads]
  const steps = gradient.shape[2];
  const last = typeof steps === 'number' ? (steps - 1) * stride : undefined;
  /** The inputs that tap k of every output saw, along `axis`. */
  const view = (source: Tensor, axis: number, k: number): Tensor => {
    const start = k * dilation;
    if (last !== undefined) return op.slice(source, axis, start, start + last + 1, stride);
    if (stride !== 1) throw new GraphError('a strided convolution needs a numeric length to be differentiated');
    const tail = (kernel - 1 - k) * dilation;
    return op.slice(source, axis, start, tail === 0 ? Number.POSITIVE_INFINITY : -tail);
  };
  if (group > 1 && inner === 1 && out === group) {
    // Depthwise: one number per channel and tap.
    const taps = Array.from({ length: kernel }, (_, k) =>
      op.reduceSum(op.multiply(gradient, view(padded, 2, k)), [0, 2], false),
    ); // k x [out]
    return op.reshape(
      op.concat(
        taps.map((tap) => op.unsqueeze(tap, [1])),
        1,
      ),
      [out, 1, kernel],
    );
  }
  if (group > 1) {
    const xs = op.split(
      x,
      1,
      Array.from({ length: group }, () => inner),
    );
    const gs = op.split(
      gradient,
      1,
      Array.from({ length: group }, () => out / group),
    );
    const ws = op.split(
      w,
      0,
      Array.from({ length: group }, () => out / group),
    );
    return op.concat(
      xs.map((part, i) => convWeightGradient(gs[i], ws[i], part, { ...window, group: 1 })),
      0,
    );
  }
  const flatGradient = op.reshape(op.transpose(gradient, [1, 0, 2]), [out, -1]); // [out, n * steps]
  if (inner * kernel <= 256) {
    // Few input channels (one-hot input): all taps under one another in one product.
    const channelsFirst = op.transpose(padded, [1, 0, 2]); // [in, n, length + pads]
    const unfolded = op.concat(
      Array.from({ length: kernel }, (_, k) => op.reshape(view(channelsFirst, 2, k), [inner, -1])),
      0,
    ); // [k * in, n * steps]
    const product = op.gemm(flatGradient, unfolded, null, { transB: true }); // [out, k * in]
    return op.transpose(op.reshape(product, [out, kernel, inner]), [0, 2, 1]);
  }
  const channelsLast = op.transpose(padded, [0, 2, 1]); // [n, length + pads, in]
  const taps = Array.from({ length: kernel }, (_, k) =>
    op.matmul(flatGradient, op.reshape(view(channelsLast, 1, k), [-1, inner])),
  ); // k x [out, in]
  return op.transpose(op.reshape(op.concat(taps, 1), [out, kernel, inner]), [0, 2, 1]);
}

export const convolution: RuleTable = {
  Conv: {
    infer: (call) => {
      const [x, w] = [need(call, 0), need(call, 1)];
      const spatial = windows(call.attributes, w.shape.slice(2), 'Conv', x.shape.slice(2));
      const channels = x.shape[1];
      const group = integerAttribute(call.attributes, 'group', 1);
      if (typeof channels === 'number' && channels !== Number(w.shape[1]) * group)
        throw new GraphError(
          `Conv: '${x.name}' has ${channels} channels, the weight '${w.name}' [${w.shape}] takes ${Number(w.shape[1]) * group}`,
        );
      return [
        {
          dtype: x.dtype,
          shape: [x.shape[0], w.shape[0], ...spatial.map((window, i) => windowOutput(x.shape[i + 2], window))],
        },
      ];
    },
    adjoint: ({ node, inputs, gradient, needs }) => {
      const [x, w, bias] = inputs;
      const window = oneAxis(node.attributes, w, 'Conv', x);
      return [
        needs[0] ? convInputGradient(gradient, w, x, window) : null,
        needs[1] ? convWeightGradient(gradient, w, x, window) : null,
        bias && needs[2] ? perChannel(gradient) : null,
      ];
    },
  },
  ConvTranspose: {
    infer: (call) => {
      const [x, w] = [need(call, 0), need(call, 1)];
      if (call.attributes.output_shape) throw new GraphError('ConvTranspose: output_shape is not supported');
      const spatial = windows(call.attributes, w.shape.slice(2), 'ConvTranspose');
      const extra = listAttribute(
        call.attributes,
        'output_padding',
        spatial.map(() => 0),
      );
      const lengths = spatial.map((window, i) => {
        const length = x.shape[i + 2];
        const reach = (window.kernel - 1) * window.dilation + 1 - window.before - window.after + extra[i];
        if (typeof length === 'number') return (length - 1) * window.stride + reach;
        return window.stride === 1
          ? addDims([length, reach - 1])
          : `transposed(${length},k${window.kernel},s${window.stride},${reach})`;
      });
      const group = integerAttribute(call.attributes, 'group', 1);
      return [{ dtype: x.dtype, shape: [x.shape[0], Number(w.shape[1]) * group, ...lengths] }];
    },
    // y = C(w)^T x, so dx is the convolution of the gradient and dw the weight gradient with the roles of x and g exchanged.
    adjoint: ({ node, inputs, gradient, needs }) => {
      const [x, w, bias] = inputs;
      const window = oneAxis(node.attributes, w, 'ConvTranspose');
      return [
        needs[0] ? convNode(gradient, w, window) : null,
        needs[1] ? convWeightGradient(x, w, gradient, window) : null,
        bias && needs[2] ? perChannel(gradient) : null,
      ];
    },
  },
};
