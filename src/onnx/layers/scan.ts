/**
 * A loop over the first axis of tensors that carries a state: ONNX's Scan. The body is a graph of its own, built once; each step of it sees
 * one item of every sequence. A Scan has no adjoint by itself: wrap it in a composite that gives one.
 */
import { Graph, type Tensor } from '../graph.ts';

export interface ScanOptions {
  /** First value of each state. */
  readonly states: readonly Tensor[];
  /** Walked along their first axis, all of one length [t, ...]. */
  readonly sequences: readonly Tensor[];
  /** Read by every step as they are. */
  readonly constants?: readonly Tensor[];
  /** From the last item to the first; what is yielded keeps the places of the items. */
  readonly backwards?: boolean;
}

export interface ScanStep {
  /** The next value of each state, of that state's shape. */
  readonly states: readonly Tensor[];
  /** Collected over the steps: [...] -> [t, ...]. */
  readonly yields?: readonly Tensor[];
}

/** Gives the last states and what the steps yielded. */
export function scan(
  { states, sequences, constants = [], backwards = false }: ScanOptions,
  step: (states: Tensor[], items: Tensor[], constants: Tensor[]) => ScanStep,
): { states: Tensor[]; yields: Tensor[] } {
  const body = new Graph();
  const { states: next, yields = [] } = step(
    states.map(({ dtype, shape }, i) => body.input(`state.${i}`, dtype, shape)),
    sequences.map(({ dtype, shape }, i) => body.input(`item.${i}`, dtype, shape.slice(1))),
    constants.map((tensor) => body.capture(tensor)),
  );
  next.forEach((tensor, i) => {
    body.output(`next.${i}`, tensor);
  });
  yields.forEach((tensor, i) => {
    body.output(`yield.${i}`, tensor);
  });
  const direction = backwards ? 1 : 0;
  const outputs = sequences[0].graph.node('Scan', [...states, ...sequences], {
    body,
    num_scan_inputs: sequences.length,
    scan_input_directions: sequences.map(() => direction),
    scan_output_directions: yields.map(() => direction),
  });
  return { states: outputs.slice(0, next.length), yields: outputs.slice(next.length) };
}
