/**
 * Some rows of a tensor of token vectors, for a tenth of the price where the last operators before it work row by row: whatever nothing else reads (the last
 * block's feed-forward layer, its normalisations, a head) is computed anew for these rows alone, and what was computed for all is left without a reader. The
 * numbers are those of picking rows afterwards, and so are gradients. What mixes rows (attention, convolution, scans), or is read elsewhere too, stays as it is.
 */
import type { Node, Tensor } from './graph.ts';
import { reads } from './graph.ts';
import * as op from './ops.ts';

/** Element by element, one input. */
const UNARY = new Set(['Cast', 'Erf', 'Exp', 'Gelu', 'Identity', 'Neg', 'Relu', 'Sigmoid', 'Softplus', 'Sqrt', 'Tanh']);
const BINARY = new Set(['Add', 'Div', 'Mul', 'Sub']);

const sameShape = (a: Tensor, b: Tensor) => a.rank === b.rank && a.shape.every((dim, i) => dim === b.shape[i]);
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
    const withRows = [first, second].flatMap((input, i) => (sameShape(input, output) ? [i] : []));
    const others = [first, second].filter((input) => !sameShape(input, output));
    return withRows.length > 0 && others.every(isShared) ? withRows : undefined;
  }
  if (name === 'Reshape') return typeof width === 'number' && first.shape.at(-1) === width ? [0] : undefined;
  if (name === 'Gemm') return !attributes.transA && isShared(third ?? null) ? [0] : undefined;
  if (name === 'MatMul') return first.rank >= 2 && second?.rank === 2 ? [0] : undefined;
  if (name === 'LayerNormalization')
    return [-1, first.rank - 1].includes(Number(attributes.axis ?? -1)) && inputs.slice(1).every(isShared)
      ? [0]
      : undefined;
  return undefined;
}

/** Producers of x, row by row as far back as nothing else reads what they yield, each with the inputs that have rows. */
function rowwiseBefore(x: Tensor): Map<Node, number[]> {
  const readers = new Map<Tensor, (Node | undefined)[]>();
  const addReader = (tensor: Tensor | null, reader: Node | undefined) => {
    if (tensor) readers.set(tensor, [...(readers.get(tensor) ?? []), reader]);
  };
  for (const entry of x.graph.tape)
    if (entry.kind === 'node') for (const input of reads(entry.node)) addReader(input, entry.node);
    else for (const input of entry.nodes.flatMap(reads)) addReader(input, undefined);
  for (const output of x.graph.outputs.values()) addReader(output, undefined);

  const found = new Map<Node, number[]>();
  const wanted = new Set<Tensor>([x]);
  for (let i = x.graph.tape.length - 1; i >= 0; i--) {
    const entry = x.graph.tape[i];
    if (entry.kind !== 'node' || !wanted.has(entry.node.outputs[0])) continue;
    const inner = (readers.get(entry.node.outputs[0]) ?? []).every((reader) => reader && found.has(reader));
    const rows = inner ? rowInputs(entry.node) : undefined;
    if (!rows) continue;
    found.set(entry.node, rows);
    for (const row of rows) wanted.add(entry.node.inputs[row] as Tensor);
  }
  return found;
}

/** Rows of x [..., width] at flat places int64 [m] of its other axes -> [m, width]. */
export function rowsAt(x: Tensor, places: Tensor): Tensor {
  const rowwise = rowwiseBefore(x);
  const made = new Map<Tensor, Tensor>();
  const at = (tensor: Tensor): Tensor => {
    const known = made.get(tensor);
    if (known) return known;
    const node = tensor.producer;
    const rows = node && rowwise.get(node);
    // Called after what it is taken from: exports tell by such names where an unnamed weight belongs.
    const result =
      node && rows ? again(node, rows, at, `${tensor.name}[${places.name}]`) : op.gather(flat(tensor), places);
    made.set(tensor, result);
    return result;
  };
  return at(x);
}

/** [..., width] -> [rows, width] */
function flat(x: Tensor): Tensor {
  return x.rank === 2 ? x : op.reshape(x, ['rows', x.shape[x.rank - 1]]);
}

function again(node: Node, rows: readonly number[], at: (x: Tensor) => Tensor, called: string): Tensor {
  const { op: name, domain, inputs } = node;
  const own = inputs.map((input, i) => (rows.includes(i) ? at(input as Tensor) : input));
  const first = own[0] as Tensor;
  if (name === 'Reshape') return first;
  const attributes = name === 'LayerNormalization' ? { ...node.attributes, axis: -1 } : node.attributes;
  return first.graph.node(name, own, attributes, { domain, names: [called] })[0];
}
