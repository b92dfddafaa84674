/** Windows of tensors and margins around them: Slice and Pad, each the other's adjoint. */
import { type Dim, GraphError, type Tensor } from '../recording.ts';
import { addDims, axisOf } from '../shapes.ts';
import * as op from './functions.ts';
import { knownIntegers, need, type Rule, type RuleTable, stringAttribute } from './rule.ts';

/** start, end, axis, step of a Slice along one axis. */
interface Cut<Place = number> {
  readonly axis: number;
  readonly start: Place;
  readonly end: Place;
  readonly step: number;
}

/** Where starts or ends are sizes of the run, not numbers: such windows are taken to lie within their axis, as in `table[:tokens]`. */
function cutsOf(inputs: readonly (Tensor | null)[], rank: number): Cut<Dim>[] {
  const starts = knownDims(inputs[1], "Slice's starts");
  const ends = knownDims(inputs[2], "Slice's ends");
  const axes = inputs[3] ? knownIntegers(inputs[3], "Slice's axes") : starts.map((_, i) => i);
  const steps = inputs[4] ? knownIntegers(inputs[4], "Slice's steps") : starts.map(() => 1);
  return starts.map((start, i) => ({
    axis: axisOf(axes[i], rank, 'Slice'),
    start,
    end: ends[i],
    step: steps[i],
  }));
}

function knownDims(tensor: Tensor | null | undefined, what: string): readonly Dim[] {
  if (!tensor?.known) throw new GraphError(`${what} must be known while the graph is built`);
  return tensor.known;
}

/** The cut in numbers, where a symbol is the end of the very axis; undefined where it depends on sizes of the run. */
function inNumbers({ axis, start, end, step }: Cut<Dim>, dim: Dim): Cut | undefined {
  const last = end === dim ? 2 ** 31 - 1 : end;
  return typeof start === 'number' && typeof last === 'number' ? { axis, start, end: last, step } : undefined;
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

function cutDim(asked: Cut<Dim>, dim: Dim): Dim {
  const cut = inNumbers(asked, dim);
  if (!cut) {
    const { start, end, step } = asked;
    return step === 1 && start === 0 ? end : `slice(${dim},${start}:${end}:${step})`;
  }
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
    const shape = [...x.shape];
    const cuts = cutsOf(call.inputs, x.rank);
    for (const cut of cuts) shape[cut.axis] = cutDim(cut, shape[cut.axis]);
    const [own] = cuts.map((cut) => inNumbers(cut, x.shape[cut.axis]));
    let known: Dim[] | undefined;
    if (x.known && x.rank === 1 && own) {
      const { first, count } = resolveCut(own, x.known.length);
      known = Array.from({ length: count }, (_, i) => (x.known as readonly Dim[])[first + i * own.step]);
    }
    return [{ dtype: x.dtype, shape, known }];
  },
  adjoint: ({ inputs, node, gradient }) => {
    const x = inputs[0];
    let result = gradient;
    for (const [i, asked] of cutsOf(node.inputs, x.rank).entries()) {
      const dim = x.shape[asked.axis];
      const size = result.shape[asked.axis];
      const cut = inNumbers(asked, dim);
      if (!cut) {
        result = placedBack(result, x, asked, op.gather(inputs[1], x.graph.integers([i])));
        continue;
      }
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

/** The adjoint of a window whose place is a size of the run: zeros on both sides, counted there. `start`: int64 [1], its first index. */
function placedBack(gradient: Tensor, x: Tensor, { axis, start: at, end, step }: Cut<Dim>, start: Tensor): Tensor {
  if (step !== 1 || (typeof at === 'number' && at < 0))
    throw new GraphError(`Slice: no adjoint for [${at}:${end}:${step}] of '${x.name}'`);
  const { graph } = x;
  const sizeOf = (tensor: Tensor) => graph.node('Shape', [tensor], { start: axis, end: axis + 1 })[0];
  const after = op.subtract(op.subtract(sizeOf(x), start), sizeOf(gradient));
  const shape = gradient.shape.map((dim, i) => (i === axis ? x.shape[axis] : dim));
  const inputs = [gradient, op.concat([start, after], 0), graph.scalar(0, x.dtype), graph.integers([axis])];
  return graph.node('Pad', inputs, {}, { inferred: [{ dtype: x.dtype, shape }] })[0];
}

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
