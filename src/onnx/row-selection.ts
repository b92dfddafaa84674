/**
 * Some rows of a tensor of token vectors, picked before they are computed where the last operators before it work row by row: whatever nothing else reads (the last
 * block's feed-forward layer, its normalisations, a head) is computed for these rows alone, forward and backward, and what was computed for all is left without a
 * reader. The numbers are those of picking rows afterwards, and so are gradients. What mixes rows (attention, convolution, scans), or is read elsewhere too, stays as it is.
 */
import { type Graph, type Node, reads, type Tensor } from './graph.ts';
import * as op from './operators/functions.ts';
import { sameShape } from './shapes.ts';

/** Element by element, one input. */
const UNARY = new Set(['Cast', 'Erf', 'Exp', 'Gelu', 'Identity', 'Neg', 'Relu', 'Sigmoid', 'Softplus', 'Sqrt', 'Tanh']);
const BINARY = new Set(['Add', 'Div', 'Mul', 'Sub']);

/** One vector for all rows, or a number. */
const isShared = (x: Tensor | null) => !x || x.rank <= 1;

/** For an operator that works row by row, which of its inputs have rows; undefined for others. */
function rowInputs({ op: name, inputs, outputs, attributes }: Node): number[] | undefined {
  const [first, second, third] = inputs as (Tensor | undefined)[];
  const [output] = outputs;
  if (!first || outputs.length !== 1 || output.rank < 2) return undefined;
  const width = output.shape[output.rank - 1];
  if (UNARY.has(name)) return [0];
  if (BINARY.has(name) && second) {
    const withRows = [first, second].flatMap((input, i) => (sameShape(input.shape, output.shape) ? [i] : []));
    const others = [first, second].filter((input) => !sameShape(input.shape, output.shape));
    return withRows.length > 0 && others.every(isShared) ? withRows : undefined;
  }
  if (name === 'Reshape') return typeof width === 'number' && first.shape.at(-1) === width ? [0] : undefined;
  // A pick of a pick: which rows of the first those are is settled where it is rebuilt.
  if (name === 'Gather') return !attributes.axis && first.rank === 2 && second?.rank === 1 ? [] : undefined;
  if (name === 'Gemm') return !attributes.transA && isShared(third ?? null) ? [0] : undefined;
  if (name === 'MatMul') return first.rank >= 2 && second?.rank === 2 ? [0] : undefined;
  if (name === 'LayerNormalization')
    return [-1, first.rank - 1].includes(Number(attributes.axis ?? -1)) && inputs.slice(1).every(isShared)
      ? [0]
      : undefined;
  return undefined;
}

/** Who reads a tensor: nodes; undefined for an output of the graph, or what does not stand by itself (a body that is run again and again). */
type Readers = ReadonlyMap<Tensor, readonly (Node | undefined)[]>;

function readersOf({ tape, outputs }: Graph): Readers {
  const readers = new Map<Tensor, (Node | undefined)[]>();
  const add = (tensor: Tensor | null, reader?: Node) => {
    if (tensor) readers.set(tensor, [...(readers.get(tensor) ?? []), reader]);
  };
  for (const entry of tape)
    if (entry.kind === 'node') for (const input of reads(entry.node)) add(input, entry.node);
    else for (const input of entry.nodes.flatMap(reads)) add(input);
  for (const output of outputs.values()) add(output);
  return readers;
}

/** Producers of x, row by row as far back as nothing else reads what they yield, each with the inputs that have rows. `gone`: nodes that read nothing any more. */
function rowwiseBefore(x: Tensor, readers: Readers, gone: ReadonlySet<Node>): Map<Node, number[]> {
  const found = new Map<Node, number[]>();
  const wanted = new Set<Tensor>([x]);
  for (const entry of x.graph.tape.toReversed()) {
    if (entry.kind !== 'node' || !wanted.has(entry.node.outputs[0])) continue;
    const own = readers.get(entry.node.outputs[0]) ?? [];
    const inner = own.every((reader) => reader && (found.has(reader) || gone.has(reader)));
    const rows = inner ? rowInputs(entry.node) : undefined;
    if (!rows) continue;
    found.set(entry.node, rows);
    for (const row of rows) wanted.add(entry.node.inputs[row] as Tensor);
  }
  return found;
}

/** Rows of x [..., width] at flat places int64 [m] of its other axes -> [m, width]. */
export function rowsAt(x: Tensor, places: Tensor): Tensor {
  return pick(x, places, readersOf(x.graph), new Set());
}

function pick(x: Tensor, places: Tensor, readers: Readers, gone: ReadonlySet<Node>): Tensor {
  const rowwise = rowwiseBefore(x, readers, gone);
  const made = new Map<Tensor, Tensor>();
  const at = (tensor: Tensor): Tensor => {
    const known = made.get(tensor);
    if (known) return known;
    const node = tensor.producer;
    const rows = node && rowwise.get(node);
    const result = node && rows ? again(node, rows) : op.gather(flat(tensor), places);
    made.set(tensor, result);
    return result;
  };
  const again = (node: Node, rows: readonly number[]): Tensor => {
    const { op: name, domain, inputs, outputs } = node;
    const [first, second] = inputs as Tensor[];
    if (name === 'Gather')
      return pick(first, op.gather(second, places), readers, new Set([...gone, ...rowwise.keys()]));
    if (name === 'Reshape') return at(first);
    const own = inputs.map((input, i) => (rows.includes(i) ? at(input as Tensor) : input));
    const attributes = name === 'LayerNormalization' ? { ...node.attributes, axis: -1 } : node.attributes;
    // Called after what it is taken from: exports tell by such names where an unnamed weight belongs.
    return x.graph.node(name, own, attributes, { domain, names: [`${outputs[0].name}[${places.name}]`] })[0];
  };
  return at(x);
}

/** [..., width] -> [rows, width] */
function flat(x: Tensor): Tensor {
  return x.rank === 2 ? x : op.reshape(x, ['rows', x.shape[x.rank - 1]]);
}
