/**
 * Reverse-mode differentiation over ONNX graphs: walks the graph's tape backwards from a scalar and emits the adjoint of every
 * entry as plain ONNX operators into the same graph, adding up the gradients of tensors that are used more than once.
 *
 * An operator without an adjoint on the path is an error that names it: a wrong gradient is worse than none. Operators whose
 * output does not depend smoothly on their input (comparisons, indices) stop the gradient; where that would leave a requested
 * tensor without any gradient, it is an error too, unless `allowUnused` says it is meant.
 */
import { type Graph, GraphError, type Node, reads, type Tensor } from './graph.ts';
import * as op from './operators/functions.ts';
import { ruleOf } from './operators/index.ts';

export interface GradientOptions {
  /** Gradient flowing into the output; default 1 (the output must then be a scalar). */
  readonly seed?: Tensor;
  /** Give zeros for tensors the output does not depend on, instead of an error. */
  readonly allowUnused?: boolean;
}

/** Gradients of `output` with respect to each tensor of `wrt`, same shapes as those. Throws {@link GraphError}. */
export function gradients(output: Tensor, wrt: readonly Tensor[], options: GradientOptions = {}): Tensor[] {
  const graph: Graph = output.graph;
  if (!options.seed && output.rank !== 0 && !output.shape.every((dim) => dim === 1))
    throw new GraphError(`gradients of '${output.name}' [${output.shape}]: a scalar is needed, or a seed gradient`);

  const end = graph.tape.length;
  const { dependent, sealed } = dependents(graph, wrt, end);
  if (!dependent.has(output) && !options.allowUnused)
    throw new GraphError(`'${output.name}' does not depend on any of the tensors asked for`);

  const pending = new Map<Tensor, Tensor>();
  pending.set(output, options.seed ?? op.fullLike(output, 1));
  const accumulate = (tensor: Tensor, gradient: Tensor) => {
    const sofar = pending.get(tensor);
    pending.set(tensor, sofar ? op.add(sofar, gradient) : gradient);
  };

  for (let at = end - 1; at >= 0; at--) {
    const entry = graph.tape[at];
    const inputs = entry.kind === 'node' ? reads(entry.node) : entry.inputs;
    const outputs = entry.kind === 'node' ? entry.node.outputs : entry.outputs;
    const incoming = outputs.map((tensor) => pending.get(tensor) ?? null);
    if (incoming.every((gradient) => gradient === null)) continue;
    const rule = entry.kind === 'node' ? ruleOf(entry.node.op, entry.node.domain) : undefined;
    if (rule?.stopsGradient) continue;
    for (const tensor of inputs) {
      const composite = tensor && sealed.get(tensor);
      if (composite)
        throw new GraphError(
          `'${tensor.name}' lies inside '${composite}', which is differentiated as a whole: no gradient can enter it there (second derivatives)`,
        );
    }
    const needs = inputs.map((tensor) => tensor !== null && dependent.has(tensor));
    if (!needs.some(Boolean)) continue;

    let flowing: (Tensor | null)[];
    if (entry.kind === 'composite') flowing = entry.adjoint(incoming, needs);
    else {
      if (!rule?.adjoint)
        throw new GraphError(
          `operator '${entry.node.op}' (yielding '${outputs[0].name}') has no adjoint, so it can't be differentiated`,
        );
      const other = rule.manyOutputs ? -1 : incoming.findIndex((gradient, i) => i > 0 && gradient !== null);
      if (other > 0)
        throw new GraphError(
          `operator '${entry.node.op}' has an adjoint for its first output only, and a gradient flows into '${outputs[other].name}'`,
        );
      const first = incoming[0] ?? op.fullLike(outputs[0], 0);
      flowing = rule.adjoint({
        graph,
        node: entry.node,
        inputs: entry.node.inputs as Tensor[],
        outputs,
        gradient: first,
        gradients: incoming,
        needs,
      });
    }
    flowing.forEach((gradient, i) => {
      const input = inputs[i];
      if (!input || !needs[i]) return;
      if (gradient) accumulate(input, gradient);
      else if (input.dtype.startsWith('float'))
        throw new GraphError(
          `${entry.kind === 'node' ? `operator '${entry.node.op}'` : `'${entry.name}'`} gives no gradient to its input '${input.name}'`,
        );
    });
  }

  return wrt.map((tensor) => {
    const gradient = pending.get(tensor);
    if (gradient) return gradient;
    if (options.allowUnused) return op.fullLike(tensor, 0);
    throw new GraphError(`no gradient reaches '${tensor.name}': the output does not depend on it smoothly`);
  });
}

/**
 * `dependent`: tensors that depend smoothly on any of `roots`, the roots included. `sealed`: those that do but lie inside a composite,
 * with its name. Throws where a composite reads a dependent tensor that it does not declare, since its gradient would be lost.
 */
function dependents(graph: Graph, roots: readonly Tensor[], end: number) {
  const dependent = new Set<Tensor>(roots);
  const sealed = new Map<Tensor, string>();
  const smooth = (node: Node) => !ruleOf(node.op, node.domain).stopsGradient;
  const touches = (inputs: readonly (Tensor | null)[], ...sets: readonly { has(tensor: Tensor): boolean }[]) =>
    inputs.some((tensor) => tensor !== null && sets.some((set) => set.has(tensor)));
  for (let at = 0; at < end; at++) {
    const entry = graph.tape[at];
    if (entry.kind === 'node') {
      if (smooth(entry.node) && touches(reads(entry.node), dependent, sealed))
        for (const out of entry.node.outputs) dependent.add(out);
      continue;
    }
    const inside = new Set<Tensor>();
    for (const node of entry.nodes.filter(smooth)) {
      const stray = reads(node).find((tensor) => tensor && dependent.has(tensor) && !entry.inputs.includes(tensor));
      if (stray) throw new GraphError(`'${entry.name}' gives no gradient to '${stray.name}', which it depends on`);
      if (touches(reads(node), dependent, inside)) for (const out of node.outputs) inside.add(out);
    }
    if (touches(entry.inputs, dependent)) for (const out of entry.outputs) dependent.add(out);
    for (const tensor of inside) if (!dependent.has(tensor)) sealed.set(tensor, entry.name);
  }
  return { dependent, sealed };
}
