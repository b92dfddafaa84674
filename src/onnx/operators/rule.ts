/** What the engine knows of an operator: how its outputs look, and its adjoint (the transposed derivative). */
import {
  type Attributes,
  type Call,
  GraphError,
  type Inferred,
  type Node,
  type Recording,
  type Tensor,
} from '../recording.ts';
import { reduceSum, squeeze } from './functions.ts';

export type { Call, Inferred } from '../recording.ts';

export interface AdjointCall {
  readonly graph: Recording;
  readonly node: Node;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Gradient of the first output (never null when the adjoint is called for a one-output operator). */
  readonly gradient: Tensor;
  /** Gradients of all outputs; null where none flows. */
  readonly gradients: readonly (Tensor | null)[];
  /** Which inputs' gradients are wanted; the others may be returned as null. */
  readonly needs: readonly boolean[];
}

export interface Rule {
  infer(call: Call): Inferred[];
  /** One gradient per input, null where none flows. Absent: the operator has no adjoint and differentiating it is an error. */
  adjoint?(call: AdjointCall): (Tensor | null)[];
  /** Its outputs don't depend smoothly on its inputs (comparisons, shapes, indices): no gradient flows, and that is right. */
  readonly stopsGradient?: boolean;
  /** Its adjoint takes the gradients of all outputs. Otherwise a gradient of any output but the first is an error. */
  readonly manyOutputs?: boolean;
}

export type RuleTable = Readonly<Record<string, Rule>>;

export function integerAttribute(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name];
  return typeof value === 'number' ? value : fallback;
}

export function listAttribute(attributes: Attributes, name: string, fallback: readonly number[]): readonly number[] {
  const value = attributes[name];
  return Array.isArray(value) ? (value as readonly number[]) : fallback;
}

export function stringAttribute(attributes: Attributes, name: string, fallback: string): string {
  const value = attributes[name];
  return typeof value === 'string' ? value : fallback;
}

export function need(call: Call, index: number): Tensor {
  const tensor = call.inputs[index];
  if (!tensor) throw new GraphError(`${call.op} needs an input ${index}`);
  return tensor;
}

/** Numeric value of a constant integer input (axes, pads, sizes). */
export function knownIntegers(tensor: Tensor | null | undefined, what: string): number[] {
  if (!tensor?.known?.every((dim) => typeof dim === 'number'))
    throw new GraphError(`${what} must be known while the graph is built`);
  return tensor.known as number[];
}

/** Sums a gradient over the axes along which its operand was broadcast, so that it has the operand's shape again. */
export function unbroadcast(gradient: Tensor, operand: Tensor): Tensor {
  const extra = gradient.rank - operand.rank;
  if (extra < 0)
    throw new GraphError(`gradient [${gradient.shape}] has fewer axes than its operand [${operand.shape}]`);
  const axes: number[] = [];
  for (let axis = 0; axis < gradient.rank; axis++) {
    const from = gradient.shape[axis];
    const to = axis < extra ? 1 : operand.shape[axis - extra];
    if (axis < extra) axes.push(axis);
    else if (to === 1 && from !== 1) axes.push(axis);
    else if (typeof to === 'string' && typeof from === 'string' && to !== from)
      throw new GraphError(
        `can't tell whether dimension '${to}' of '${operand.name}' was broadcast to '${from}': give them one name or numbers`,
      );
  }
  if (axes.length === 0) return gradient;
  if (axes.length === extra) return reduceSum(gradient, axes, false);
  const summed = reduceSum(gradient, axes, true);
  return extra === 0 ? summed : squeeze(summed, axes.slice(0, extra));
}
