/** Operators that walk along an axis of time: loops with a state, and rows reversed within their own lengths. */
import { GraphError, Recording } from '../recording.ts';
import { integerAttribute, need, type RuleTable } from './rule.ts';

export const sequences: RuleTable = {
  // No adjoint: what loops is differentiated as a whole, by the composite around it (`selective-scan.ts`).
  Scan: {
    infer: (call) => {
      const { body } = call.attributes;
      if (!(body instanceof Recording)) throw new GraphError('Scan needs its body as a graph; build it with scan()');
      const states = call.inputs.length - integerAttribute(call.attributes, 'num_scan_inputs', 0);
      const steps = need(call, states).shape[0];
      return [...body.outputs.values()].map(({ dtype, shape }, i) => ({
        dtype,
        shape: i < states ? need(call, i).shape : [steps, ...shape],
      }));
    },
  },
  ReverseSequence: {
    infer: (call) => [{ dtype: need(call, 0).dtype, shape: need(call, 0).shape }],
    // Its own inverse and a permutation, so its own adjoint.
    adjoint: ({ graph, node, inputs, gradient }) => [
      graph.node('ReverseSequence', [gradient, inputs[1]], node.attributes)[0],
      null,
    ],
  },
};
