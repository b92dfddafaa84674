/** Windows of tensors and margins around them: Slice and Pad, each the other's adjoint. */
import { type Dim, GraphError, type Tensor } from '../graph.ts';
import * as op from '../ops.ts';
import { addDims, axisOf } from '../shapes.ts';
import { knownIntegers, need, type Rule, type RuleTable, stringAttribute } from './rule.ts';

/** start, end, axis, step of a Slice, resolved against known sizes. */
interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

function cutsOf(inputs: readonly (Tensor | null)[], rank: number): Cut[] {
  const starts = knownIntegers(inputs[1], "Slice's starts");
  const ends = knownIntegers(inputs[2], "Slice's ends");
  const axes = inputs[3] ? knownIntegers(inputs[3], "Slice's axes") : starts.map((_, i) => i);
  const steps = inputs[4] ? knownIntegers(inputs[4], "Slice's steps") : starts.map(() => 1);
  return starts.map((start, i) => ({
    axis: axisOf(axes[i], rank, 'Slice'),
    start,
    end: ends[i],
    step: steps[i],
  }));
}

/** First index taken and how many, for a dimension of known size. */
function resolveCut(cut: Cut, size: number): { first: number; count: number } {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const index = (value: number) => (value < 0 ? value + size : value);
  if (cut.step > 0) {
    const first = clamp(index(cut.start), 0, size);
    const last = clamp(index(cut.end), 0, size);
    return { first, count: Math.max(0, Math.ceil((last - first) / cut.step)) };
  }
  const first = clamp(index(cut.start), -1, size - 1);
  const last = clamp(index(cut.end), -1, size - 1);
  return { first, count: Math.max(0, Math.ceil((last - first) / cut.step)) };
}

function cutDim(cut: Cut, dim: Dim): Dim {
  if (typeof dim === 'number') return resolveCut(cut, dim).count;
  if (cut.step === 1 && cut.start === 0 && cut.end < 0) return addDims([dim, cut.end]);
  if (cut.step === 1 && cut.start >= 0 && cut.end >= 2 ** 31 - 1)
    return cut.start === 0 ? dim : addDims([dim, -cut.start]);
  if (cut.step === -1 && cut.start === -1 && cut.end <= -(2 ** 31 - 1)) return dim;
  return `slice(${dim},${cut.start}:${cut.end}:${cut.step})`;
}

const slice: Rule = {
  infer: (call) => {
    const x = need(call, 0);
    const starts = call.inputs[1];
    const shape = [...x.shape];
    if (!starts?.known) throw new GraphError(`Slice of '${x.name}': starts must be known while the graph is built`);
    const cuts = cutsOf(call.inputs, x.rank);
    for (const cut of cuts) shape[cut.axis] = cutDim(cut, shape[cut.axis]);
    let known: Dim[] | undefined;
    if (x.known && x.rank === 1) {
      const { first, count } = resolveCut(cuts[0], x.known.length);
      known = Array.from({ length: count }, (_, i) => (x.known as readonly Dim[])[first + i * cuts[0].step]);
    }
    return [{ dtype: x.dtype, shape, known }];
  },
  adjoint: ({ inputs, node, gradient }) => {
    const x = inputs[0];
    let result = gradient;
    for (const cut of cutsOf(node.inputs, x.rank)) {
      const dim = x.shape[cut.axis];
      const size = result.shape[cut.axis];
      const full = cut.step === 1 && dim === size;
      if (full) continue;
      if (cut.step === -1 && dim === size) {
        result = op.flip(result, cut.axis);
        continue;
      }
      if (typeof dim === 'number' && cut.step === 1) {
        const { first, count } = resolveCut(cut, dim);
        const before = Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? first : 0));
        const after = Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? dim - first - count : 0));
        result = op.pad(result, before, after);
        continue;
      }
      if (typeof dim !== 'number') {
        // A window of an axis of symbolic length that leaves a known number of elements out at each end.
        if (cut.step === 1 && cut.start >= 0 && (cut.end < 0 || cut.end >= 2 ** 31 - 1)) {
          const at = (value: number) => Array.from({ length: x.rank }, (_, axis) => (axis === cut.axis ? value : 0));
          result = op.pad(result, at(cut.start), at(cut.end < 0 ? -cut.end : 0));
          continue;
        }
        throw new GraphError(
          `Slice: no adjoint for [${cut.start}:${cut.end}:${cut.step}] of a symbolic dimension '${dim}'`,
        );
      }
      // Strided: scatter the rows back to where they came from.
      const { first, count } = resolveCut(cut, dim);
      const positions = Array.from({ length: count }, (_, i) => first + i * cut.step);
      const inverse = Array.from({ length: dim }, (_, i) => positions.indexOf(i));
      const padded = op.pad(
        result,
        result.shape.map(() => 0),
        result.shape.map((_, axis) => (axis === cut.axis ? 1 : 0)),
      );
      result = op.gather(padded, x.graph.integers(inverse.map((at) => (at < 0 ? count : at))), cut.axis);
    }
    return [result, null, null, null, null];
  },
};

/** Zeros before and after, per axis; negative numbers crop. */
function padsOf(inputs: readonly (Tensor | null)[], rank: number): { before: number[]; after: number[] } {
  const pads = knownIntegers(inputs[1], "Pad's pads");
  const axes = inputs[3]
    ? knownIntegers(inputs[3], "Pad's axes").map((axis) => axisOf(axis, rank, 'Pad'))
    : Array.from({ length: rank }, (_, axis) => axis);
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  axes.forEach((axis, i) => {
    before[axis] = pads[i];
    after[axis] = pads[i + axes.length];
  });
  return { before, after };
}

const pad: Rule = {
  infer: (call) => {
    const x = need(call, 0);
    if (stringAttribute(call.attributes, 'mode', 'constant') !== 'constant')
      throw new GraphError("Pad: only mode 'constant' is supported");
    const { before, after } = padsOf(call.inputs, x.rank);
    return [{ dtype: x.dtype, shape: x.shape.map((dim, i) => addDims([dim, before[i] + after[i]])) }];
  },
  // Padding with the signs turned: what was added is cut off, what was cut off gets zeros.
  adjoint: ({ node, inputs, gradient }) => {
    const { before, after } = padsOf(node.inputs, inputs[0].rank);
    const back = op.pad(
      gradient,
      before.map((p) => -p),
      after.map((p) => -p),
    );
    return [op.reshapeLike(back, inputs[0]), null, null, null];
  },
};

export const slicing: RuleTable = { Slice: slice, Pad: pad };
