/**
 * Rows of a matrix, picked before they are computed: where all that made the matrix treats each row on its own (dense layers, layer norm,
 * element-wise operators), picking rows of the result is computing with the picked rows. Of a last layer that is read at some tokens only, the
 * others then cost nothing, neither forward nor backward. Values and gradients are those of a plain Gather up to rounding.
 *
 * Nothing is pushed through a tensor that something else reads too by then, for all its rows are needed.
 */
import { type Graph, type Node, reads, type Tensor } from './graph.ts';
import * as op from './ops.ts';
import { sameShape } from './shapes.ts';

/** Which inputs of a node hold the rows of its output, the others being the same for every row; null where rows mix. */
type RowInputs = (node: Node) => readonly boolean[] | null;

const alone: RowInputs = () => [true];

const elementwise: RowInputs = ({ inputs, outputs: [y] }) => {
  const rows = inputs.map((input) => input !== null && sameShape(input.shape, y.shape));
  const shared = inputs.every((input, i) => rows[i] || (input !== null && input.rank <= 1));
  return shared && rows.some(Boolean) ? rows : null;
};

/** Operators that treat rows on their own, a row being what the last axis holds. */
const ROW_WISE: Readonly<Record<string, RowInputs>> = {
  Add: elementwise,
  Sub: elementwise,
  Mul: elementwise,
  Div: elementwise,
  Gelu: alone,
  Relu: alone,
  Tanh: alone,
  Sigmoid: alone,
  // Only where no row is cut or joined.
  Reshape: ({ inputs: [x], outputs: [y] }) =>
    x && x.rank >= 2 && y.rank >= 2 && x.shape[x.rank - 1] === y.shape[y.rank - 1] ? [true, false] : null,
  Gemm: ({ inputs: [, , c], attributes }) =>
    attributes.transA !== 1 && (!c || c.rank <= 1) ? [true, false, false] : null,
  LayerNormalization: ({ inputs: [x], attributes: { axis = -1 } }) =>
    axis === -1 || axis === Number(x?.rank) - 1 ? [true, false, false] : null,
  // A pick of a pick: which rows those are is settled when it is rebuilt.
  Gather: ({ inputs: [x, indices], attributes: { axis = 0 } }) =>
    axis === 0 && x?.rank === 2 && indices?.rank === 1 ? [true, false] : null,
};

/** x [n, d], rows int64 [k] -> [k, d]. */
export function gatherRows(x: Tensor, rows: Tensor): Tensor {
  return pick(x, rows, readersOf(x.graph), new Set());
}

/** @param replaced nodes that were built anew for picked rows, and so read nothing any more. */
function pick(x: Tensor, rows: Tensor, readers: ReadonlyMap<Tensor, readonly Node[]>, replaced: Set<Node>): Tensor {
  const picked = new Map<Tensor, Tensor>();
  const isFree = (tensor: Tensor) => (readers.get(tensor) ?? []).every((node) => replaced.has(node));
  const rebuilt: Node[] = [];
  // Readers before what they read, so that a tensor's readers are known to be replaced when its turn comes.
  for (const entry of x.graph.tape.toReversed()) {
    if (entry.kind !== 'node') continue;
    const { node } = entry;
    const [y] = node.outputs;
    const wanted = y === x || (readers.get(y) ?? []).some((reader) => rebuilt.includes(reader));
    if (!wanted || !isFree(y) || !ROW_WISE[node.op]?.(node)) continue;
    rebuilt.push(node);
    replaced.add(node);
  }
  const of = (tensor: Tensor): Tensor => {
    const known = picked.get(tensor) ?? op.gather(asRows(tensor), rows);
    picked.set(tensor, known);
    return known;
  };
  for (const node of rebuilt.toReversed()) {
    const [first, ...rest] = node.inputs as Tensor[];
    if (node.op === 'Reshape') picked.set(node.outputs[0], of(first));
    else if (node.op === 'Gather')
      picked.set(node.outputs[0], pick(first, op.gather(rest[0], rows), readers, replaced));
    else {
      const holdsRows = ROW_WISE[node.op](node) as readonly boolean[];
      const inputs = node.inputs.map((input, i) => (input && holdsRows[i] ? of(input) : input));
      const attributes = 'axis' in node.attributes ? { ...node.attributes, axis: -1 } : node.attributes;
      picked.set(node.outputs[0], x.graph.node(node.op, inputs, attributes)[0]);
    }
  }
  return of(x);
}

/** [..., d] -> [rows, d] */
function asRows(x: Tensor): Tensor {
  return x.rank === 2 ? x : op.reshape(x, [-1, x.shape[x.rank - 1]]);
}

function readersOf(graph: Graph): Map<Tensor, Node[]> {
  const readers = new Map<Tensor, Node[]>();
  for (const entry of graph.tape)
    for (const node of entry.kind === 'node' ? [entry.node] : entry.nodes)
      for (const input of reads(node)) if (input) readers.set(input, [...(readers.get(input) ?? []), node]);
  return readers;
}
