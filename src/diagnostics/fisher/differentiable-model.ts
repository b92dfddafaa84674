/**
 * A language model as a graph that can be differentiated at chosen tokens: the logits there, the
 * parameters, each with the part of the model that it belongs to, and the input vectors of the
 * tokens. Built here from a frozen model; `differentiable-onnx.ts` reads one from an `.onnx` file.
 *
 * When the word embeddings are also the output matrix (tied), the two uses become two leaves, so
 * that the gradients of the two roles are known separately. Their sum is the gradient of the shared
 * table.
 */
import type { FrozenModel } from '../../models/model.ts';
import { type ConstantData, Graph, type Node, reads, type Tensor } from '../../onnx/graph.ts';
import * as op from '../../onnx/operators/functions.ts';
import { rowsAt } from '../../onnx/row-selection.ts';
import type { SessionOptions } from '../../runtime/session.ts';
import { type ParameterGroup, parameterGroup } from './parameter-groups.ts';

export interface DifferentiableModel {
  readonly label: string;
  readonly values: ReadonlyMap<string, ConstantData>;
  readonly externalData?: SessionOptions['externalData'];
  /** Builds the forward pass only; a new graph every time. */
  build(): LanguageGraph;
}

export interface GraphParameter extends ParameterGroup {
  readonly name: string;
  readonly size: number;
  readonly tensor: Tensor;
  /**
   * For a tied word table: the leaf that the output layer reads. `tensor` is then read by the
   * look-up alone.
   */
  readonly outputRole?: OutputRole;
}

export interface OutputRole {
  readonly tensor: Tensor;
  /** The leaf holds the table transposed: [width, vocabulary]. */
  readonly transposed: boolean;
}

export interface LanguageGraph {
  readonly graph: Graph;
  /** int64 `[m]`, an input: flat positions in `[rows, tokens]`. */
  readonly places: Tensor;
  /** `[m, vocabulary]` */
  readonly logits: Tensor;
  /**
   * `[rows, tokens, width]`: rows of the word table, or the first hidden state when there is no
   * single look-up.
   */
  readonly embedded?: Tensor;
  /** All parameters that the logits depend on. */
  readonly parameters: readonly GraphParameter[];
  /** Parameters that the logits do not depend on. */
  readonly unused: readonly string[];
}

export const PLACES = 'asked:places';

/** @throws where the model has no head. */
export function differentiableModel(
  model: Pick<FrozenModel, 'label' | 'values' | 'externalData' | 'wordTable' | 'build'>,
): DifferentiableModel {
  const { label, values, externalData, wordTable } = model;
  return {
    label,
    values,
    externalData,
    build() {
      const graph = new Graph();
      const built = model.build(graph);
      if (!built.logits)
        throw new Error(`${label} has no head that predicts tokens, so it has no loss to differentiate`);
      const body = new Set(graph.parameters.keys());
      const places = graph.input(PLACES, 'int64', ['m']);
      const hidden = built.hiddenStates[built.hiddenStates.length - 1]; // [rows, tokens, d]
      const logits = built.logits(rowsAt(hidden, places));
      const lookups = wordTable === undefined ? [] : tableLookups(graph, wordTable);
      return {
        ...describe(graph, places, logits, { wordTable, lookups, inHead: (name) => !body.has(name) }),
        embedded: onlyOutput(lookups) ?? built.hiddenStates[0],
      };
    },
  };
}

/**
 * Whether this node picks rows of a parameter by token ids. `ids`: the input of the ids; default:
 * any.
 */
export function isLookup(node: Node, ids?: string): boolean {
  const [table, indices] = node.inputs;
  if (node.op !== 'Gather' || !table || !indices || !table.graph.parameters.has(table.name)) return false;
  const inputs = table.graph.inputs.filter(({ name }) => ids === undefined || name === ids);
  // Not an index by the number of tokens: positions come from a shape.
  const sources = ancestors([indices], (source) => (source.op === 'Shape' ? [] : reads(source)));
  return inputs.some((input) => sources.has(input));
}

export function tableLookups(graph: Graph, table: string): Node[] {
  return graph.tape.flatMap((entry) =>
    entry.kind === 'node' && entry.node.inputs[0]?.name === table && isLookup(entry.node) ? [entry.node] : [],
  );
}

/** [rows, tokens, width], when there is exactly one look-up of that form. */
export function onlyOutput(lookups: readonly Node[]): Tensor | undefined {
  const found = lookups.length === 1 ? lookups[0].outputs[0] : undefined;
  return found?.rank === 3 ? found : undefined;
}

/** All tensors that the given tensors are computed from, themselves included. */
function ancestors(tensors: readonly Tensor[], inputsOf: (node: Node) => readonly (Tensor | null)[] = reads) {
  const found = new Set<Tensor>();
  const stack = [...tensors];
  for (let tensor = stack.pop(); tensor; tensor = stack.pop()) {
    if (found.has(tensor)) continue;
    found.add(tensor);
    if (tensor.producer) for (const input of inputsOf(tensor.producer)) if (input) stack.push(input);
  }
  return found;
}

/** How a graph uses its word table, and what else distinguishes its parts. */
export interface TableUse {
  readonly wordTable?: string;
  readonly lookups: readonly Node[];
  /** A weight with the same values as the table. */
  readonly copy?: OutputRole & { readonly name: string };
  readonly inHead?: (name: string) => boolean;
  /** For a file: names of modules stored with it (`ReadModel.scopes`). */
  readonly scopes?: ReadonlyMap<string, string>;
}

export function describe(
  graph: Graph,
  places: Tensor,
  logits: Tensor,
  { wordTable, lookups, copy, inHead, scopes }: TableUse,
): Omit<LanguageGraph, 'embedded'> {
  const needed = ancestors([logits]);
  const live = graph.tape.filter((entry) =>
    (entry.kind === 'node' ? entry.node.outputs : entry.outputs).some((output) => needed.has(output)),
  );
  graph.tape.splice(0, graph.tape.length, ...live);
  const outputRole = copy ?? (wordTable === undefined ? undefined : splitRoles(graph, wordTable, lookups));
  const parameters: GraphParameter[] = [];
  const unused: string[] = [];
  for (const { name, shape, tensor } of graph.parameters.values()) {
    const size = shape.reduce((product, length) => product * length, 1);
    const known = inHead ? name : scopeOf(graph, tensor, scopes);
    // For a file: a single number is a constant of the formula, such as a scale; so are the
    // wavelengths of rotary positions.
    if (name === copy?.name || (!inHead && (size === 1 || /rotary|inv_freq/.test(known)))) continue;
    if (!needed.has(tensor)) {
      unused.push(name);
      continue;
    }
    const group = parameterGroup(name === wordTable ? name : known, wordTable, inHead?.(name));
    parameters.push({ name, size, tensor, ...group, ...(name === wordTable && outputRole ? { outputRole } : {}) });
  }
  return { graph, places, logits, parameters, unused };
}

/**
 * The name of a weight or, when an export dropped it (`onnx::MatMul_12`), the module of the first
 * node that reads it: from the file's scope, else from the name of the node's output.
 */
function scopeOf(graph: Graph, tensor: Tensor, scopes?: ReadonlyMap<string, string>): string {
  if (!/^(?:onnx::|val_|_?\d)/.test(tensor.name)) return tensor.name;
  const reader = graph.tape.find((entry) => entry.kind === 'node' && entry.node.inputs.includes(tensor));
  if (reader?.kind !== 'node') return tensor.name;
  const [{ name }] = reader.node.outputs;
  const scope = scopes?.get(name.replace(`[${PLACES}]`, '')); // as `rows.ts` calls what it computes anew
  return scope === undefined ? name : `${scope}.weight`;
}

/**
 * Gives the readers of a table other than its look-ups a leaf of their own with the same value.
 * Undefined when it has no such readers, or has readers that reverse mode cannot separate (inside a
 * composite).
 */
function splitRoles(graph: Graph, name: string, lookups: readonly Node[]): OutputRole | undefined {
  const table = graph.parameters.get(name)?.tensor;
  if (!table || lookups.length === 0) return undefined;
  const readers = graph.tape.flatMap((entry) => (entry.kind === 'node' ? [entry.node] : entry.nodes));
  const others = readers.filter((node) => !lookups.includes(node) && reads(node).includes(table));
  const plain = graph.tape.every((entry) => entry.kind === 'node' || !entry.inputs.includes(table));
  if (others.length === 0 || !plain || others.some((node) => !node.inputs.includes(table))) return undefined;
  const role = op.identity(table);
  graph.tape.pop(); // reverse mode treats it as a leaf
  for (const node of others)
    node.inputs.forEach((input, i) => {
      if (input === table) (node.inputs as (Tensor | null)[])[i] = role;
    });
  return { tensor: role, transposed: false };
}
