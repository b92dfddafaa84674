/**
 * Squared gradients of many examples in one backward pass, when each row of a batch has a loss of
 * its own. Autodiff gives the gradient with respect to the output of a parameter's node for all
 * rows at once. That gradient determines each row's gradient with respect to the parameter, and its
 * squared norm does not need the gradient itself. For a linear layer y = x W over t tokens the
 * squared norm is the sum over t, t' of (g_t . g_t')(x_t . x_t') (Goodfellow 2015, arXiv
 * 1510.01799; with tokens: Li et al. 2022, arXiv 2110.05679). This form is used when t is small
 * compared with the layer's widths; otherwise g^T x is formed per row.
 *
 * Supported: parameters that are read once, by the nodes of {@link SITES}, or after moves or
 * additions of other parameters (positions). Not supported: weights that are shared between
 * positions, weights of convolutions and of scans.
 */
import { gradients } from '../../onnx/autodiff.ts';
import { type Graph, type Node, reads, type Tensor } from '../../onnx/graph.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { LanguageGraph } from './differentiable-model.ts';

/** The node where data meets a parameter. `operand`: the parameter, or what it became before. */
interface Site {
  readonly node: Node;
  readonly operand: Tensor;
  readonly index: number;
  /** Steps of the parameter on its way to `operand`, the first one first. */
  readonly steps: readonly Step[];
  /**
   * Symbol of the batch's rows. A tensor with it as first axis holds one batch row at each index.
   */
  readonly rows: string;
}

interface Step {
  readonly kind: 'moved' | 'added';
  readonly from: Tensor;
}

/**
 * From a site and the gradient g of its node's output: the gradient of each row `[m, ...]`, or the
 * sum over rows of its squared norm, a scalar.
 */
type SiteRule = (site: Site, g: Tensor, tokens: number) => { gradient: Tensor } | { square: Tensor } | undefined;

const SITES: Readonly<Record<string, SiteRule>> = {
  Gemm({ node, operand, index }, g, tokens) {
    const { transA, alpha = 1, beta = 1 } = node.attributes;
    if (transA || alpha !== 1 || beta !== 1) return undefined;
    if (index === 2) return operand.shape.join() === `${g.shape[1]}` ? { gradient: sumOverTokens(g, g) } : undefined;
    return index === 1 ? { square: linearSquare(node.inputs[0] as Tensor, g, tokens) } : undefined;
  },
  MatMul({ node, operand, index }, g, tokens) {
    if (index !== 1 || operand.rank !== 2) return undefined;
    return { square: linearSquare(node.inputs[0] as Tensor, g, tokens) };
  },
  Gather({ node, index, rows }, g) {
    const ids = node.inputs[1] as Tensor;
    if (index !== 0 || ids.rank !== 2 || ids.shape[0] !== rows || g.rank !== 3 || (node.attributes.axis ?? 0) !== 0)
      return undefined;
    // Tokens with the same id share a row of the table: sum over t, t' with the same id of g_t .
    // g_t'.
    const same = op.cast(op.equal(op.unsqueeze(ids, [2]), op.unsqueeze(ids, [1])), 'float32'); // [m, t, t]
    return { square: op.reduceSum(op.multiply(gram(g), same)) };
  },
  Add: (site, g) => broadcastGradient(site, g, g),
  Mul: (site, g) => broadcastGradient(site, g, op.multiply(g, site.node.inputs[1 - site.index] as Tensor)),
  LayerNormalization({ node, operand, index }, g) {
    const x = node.inputs[0] as Tensor;
    if (operand.rank !== 1 || index === 0 || ![-1, x.rank - 1].includes(Number(node.attributes.axis ?? -1)))
      return undefined;
    if (index === 2) return { gradient: sumOverTokens(g, g) };
    const saved = [...x.shape.slice(0, -1), 1];
    const [mean, inverse] = [1, 2].map((i) => node.outputs[i] ?? x.graph.extraOutput(node, 'float32', saved));
    return { gradient: sumOverTokens(op.multiply(g, op.multiply(op.subtract(x, mean), inverse)), g) };
  },
};

/** Operators that move values without losing or repeating one: squared norms do not change. */
const MOVES = new Set(['Slice', 'Reshape', 'Transpose', 'Unsqueeze', 'Squeeze', 'Identity']);

/**
 * For every parameter the sum over rows of its squared gradient; for a tied table the sum over both
 * roles, and each role. `loss`: the mean over rows, where row m has predicted token m only;
 * `tokens`: of a typical row. Undefined when a parameter is read in an unsupported way. Extends the
 * graph.
 */
export function rowSquares({ graph, places, parameters }: LanguageGraph, loss: Tensor, tokens: number) {
  const rows = graph.inputs.find(({ rank }) => rank > 1)?.shape[0];
  if (typeof rows !== 'string') return undefined;
  const carrying = dataTensors(graph);
  const leaves = parameters.flatMap(({ tensor, outputRole }) => (outputRole ? [tensor, outputRole.tensor] : [tensor]));
  const sites = leaves.map((leaf) => siteOf(graph, leaf, carrying, rows));
  if (!sites.every((site) => site !== undefined)) return undefined;
  const yields = [...new Set(sites.map(({ node }) => node.outputs[0]))];
  const count = op.cast(op.squeeze(op.shapeOf(places), [0]), 'float32');
  const flowing = gradients(loss, yields, { seed: count });
  const gradientOf = ({ node }: Site) => flowing[yields.indexOf(node.outputs[0])];
  const squares: Tensor[] = [];
  for (const { tensor, outputRole } of parameters) {
    const roles = (outputRole ? [tensor, outputRole.tensor] : [tensor]).map((leaf) => sites[leaves.indexOf(leaf)]);
    const own = roles.map((site) => squareOf(site, gradientOf(site), tokens));
    if (!own.every((square) => square !== undefined)) return undefined;
    if (outputRole) {
      const cross = rolesProduct(roles[0], gradientOf(roles[0]), roles[1], gradientOf(roles[1]));
      if (!cross) return undefined;
      squares.push(op.add(op.add(own[0], own[1]), op.multiply(cross, 2)));
    }
    squares.push(...own);
  }
  return squares;
}

/** Tensors that hold data, not only its sizes. */
function dataTensors(graph: Graph): Set<Tensor> {
  const carrying = new Set<Tensor>(graph.inputs);
  for (const node of graph.tape.flatMap((entry) => (entry.kind === 'node' ? [entry.node] : entry.nodes)))
    if (node.op !== 'Shape' && reads(node).some((input) => input && carrying.has(input)))
      for (const output of node.outputs) carrying.add(output);
  return carrying;
}

function siteOf(graph: Graph, parameter: Tensor, carrying: ReadonlySet<Tensor>, rows: string): Site | undefined {
  const steps: Step[] = [];
  for (let operand = parameter; ; ) {
    const readers = graph.tape.filter((entry) =>
      entry.kind === 'node' ? reads(entry.node).includes(operand) : entry.nodes.some((n) => reads(n).includes(operand)),
    );
    const [reader] = readers;
    if (readers.length !== 1 || reader.kind !== 'node') return undefined;
    const { node } = reader;
    if (node.inputs.filter((input) => input === operand).length !== 1) return undefined;
    if (carrying.has(node.outputs[0])) return { node, operand, index: node.inputs.indexOf(operand), steps, rows };
    const kind = isMove(node) ? 'moved' : node.op === 'Add' ? 'added' : undefined;
    if (!kind) return undefined;
    steps.push({ kind, from: operand });
    operand = node.outputs[0];
  }
}

function isMove({ op: name, inputs }: Node): boolean {
  return MOVES.has(name) || (name === 'Gather' && inputs[1] !== null && countsUp(inputs[1]));
}

/** Positions 0..t-1, or those plus a number: each row is picked exactly once. */
function countsUp({ producer }: Tensor): boolean {
  if (producer?.op !== 'Add') return producer?.op === 'Range';
  const [a, b] = producer.inputs;
  return Boolean((a && b?.constant && countsUp(a)) || (b && a?.constant && countsUp(b)));
}

function squareOf(site: Site, g: Tensor, tokens: number): Tensor | undefined {
  const made = SITES[site.node.op]?.(site, g, tokens);
  if (!made) return undefined;
  if ('square' in made) return site.steps.every(({ kind }) => kind === 'moved') ? made.square : undefined;
  let { gradient } = made; // [m, ...operand]
  for (let at = site.steps.length - 1; at >= 0; at--) {
    const { kind, from } = site.steps[at];
    // Only other moves may come before a move.
    if (kind === 'moved')
      return site.steps.slice(0, at).every((step) => step.kind === 'moved') ? total(gradient) : undefined;
    if (gradient.rank === from.rank + 1 && gradient.rank === 3 && from.shape[0] === 1)
      gradient = op.reduceSum(gradient, [1]);
    else if (gradient.rank === 3 && from.rank === 1) gradient = op.reduceSum(gradient, [1]);
    else if (from.shape.some((length, axis) => length !== gradient.shape[axis + 1])) return undefined;
  }
  return total(gradient);
}

const total = (gradient: Tensor) => op.reduceSum(op.reduceSumSquare(gradient, [-1]));

/**
 * Gradients of the rows for an operand that was broadcast to y's shape; `contribution` has that
 * shape.
 */
function broadcastGradient(
  { operand: { shape }, rows }: Site,
  g: Tensor,
  contribution: Tensor,
): { gradient: Tensor } | undefined {
  if (contribution.rank !== g.rank || shape.at(-1) !== g.shape.at(-1)) return undefined;
  if (shape.slice(0, -1).every((length) => length === 1)) return { gradient: sumOverTokens(contribution, g) };
  // [t, d] or [1, t, d] over [m, t, d]
  const own = shape.length === 3 && shape[0] === 1 ? shape.slice(1) : shape;
  const fits =
    own.length === 2 &&
    g.rank === 3 &&
    g.shape[0] === rows &&
    own.every((length, axis) => length === g.shape[axis + 1]);
  return fits ? { gradient: contribution } : undefined;
}

/** [rows tokens, d] or [rows, tokens, d] -> [m, d] */
function sumOverTokens(values: Tensor, like: Tensor): Tensor {
  return op.reduceSum(byRow(values, like.shape[like.rank - 1]), [1]);
}

/** [rows tokens, d] or [rows, ..., d] -> [m, tokens, d] */
function byRow(x: Tensor, width: Tensor['shape'][number]): Tensor {
  const target = op.concat([x.graph.dimension('m'), x.graph.integers([-1, Number(width)])], 0);
  const inferred = [{ dtype: x.dtype, shape: ['m', `${x.name}:tokens`, width] }] as const;
  return x.graph.node('Reshape', [x, target], {}, { inferred })[0];
}

/** [m, t, d] -> [m, t, t], inner products of tokens. */
function gram(x: Tensor): Tensor {
  return op.matmul(x, op.transpose(x, [0, 2, 1]));
}

/** Sum over rows of the squared norm of sum_t x_t g_t^T. */
function linearSquare(x: Tensor, g: Tensor, tokens: number): Tensor {
  const [inner, outer] = [x, g].map((tensor) => Number(tensor.shape[tensor.rank - 1]));
  const [inputs, slopes] = [byRow(x, inner), byRow(g, outer)]; // [m, t, in], [m, t, out]
  const perRow = x.shape[0] === 'm' ? 1 : tokens;
  if (perRow * (inner + outer) < inner * outer) return op.reduceSum(op.multiply(gram(inputs), gram(slopes)));
  return total(op.matmul(op.transpose(slopes, [0, 2, 1]), inputs)); // [m, out, in]
}

/**
 * Sum over rows of the inner product of the two gradients of a tied table: as look-up, sum_t g_t at
 * id_t; as output matrix over tokens s (the predicted one, or all), sum_s slope_sv h_s at v.
 */
function rolesProduct(lookup: Site, g: Tensor, output: Site, slopes: Tensor): Tensor | undefined {
  const ids = lookup.node.inputs[1] as Tensor; // [m, t]
  const h = output.node.inputs[0] as Tensor; // [m, d] or [m, s, d]
  if (lookup.node.op !== 'Gather' || h.rank !== slopes.rank) return undefined;
  if (h.rank === 2 ? h.shape[0] !== 'm' : h.rank !== 3 || h.shape[0] !== lookup.rows) return undefined;
  const tokens = (x: Tensor) => (x.rank === 2 ? op.unsqueeze(x, [1]) : x); // [m, s, ...]
  const products = op.matmul(tokens(h), op.transpose(g, [0, 2, 1])); // [m, s, t]
  const places = op.expandLike(op.unsqueeze(ids, [1]), products); // [m, s, t]
  return op.reduceSum(op.multiply(products, op.gatherElements(tokens(slopes), places, 2)));
}
