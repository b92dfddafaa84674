/**
 * A language model as a graph that can be differentiated at chosen tokens: the logits there, the parameters, each with the part of the model it belongs to, and
 * the vectors that tokens enter as. Built from a frozen model or read from an `.onnx` file.
 *
 * Where the word embeddings are also the output matrix (tied), the two uses become two leaves, so that the gradient of each role can be told from the other:
 * their sum is the gradient of the shared table.
 */
import type { FrozenModel } from '../models/types.ts';
import { type ConstantData, Graph, type Node, reads, type Tensor } from '../onnx/graph.ts';
import * as op from '../onnx/ops.ts';
import { readModel } from '../onnx/read.ts';
import { rowsAt } from '../onnx/rows.ts';
import type { SessionOptions } from '../runtime/session.ts';
import { type ParameterGroup, parameterGroup } from './parameter-groups.ts';

export interface DifferentiableModel {
  readonly label: string;
  readonly values: ReadonlyMap<string, ConstantData>;
  readonly externalData?: SessionOptions['externalData'];
  /** Adds nothing but the forward pass; a new graph every time. */
  build(): LanguageGraph;
}

export interface GraphParameter extends ParameterGroup {
  readonly name: string;
  readonly size: number;
  readonly tensor: Tensor;
  /** Of a tied word table: the leaf that the output layer reads; `tensor` is then read by the look-up alone. */
  readonly outputRole?: OutputRole;
}

export interface OutputRole {
  readonly tensor: Tensor;
  /** The leaf holds the table turned: [width, vocabulary]. */
  readonly transposed: boolean;
}

export interface LanguageGraph {
  readonly graph: Graph;
  /** int64 `[m]`, an input: flat places in `[rows, tokens]`. */
  readonly places: Tensor;
  /** `[m, vocabulary]` */
  readonly logits: Tensor;
  /** `[rows, tokens, width]`: rows of the word table, or the first hidden state where there is no single look-up. */
  readonly embedded?: Tensor;
  /** All that the logits depend on. */
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
      if (!built.logits) throw new Error(`${label} has no head that predicts tokens, so no loss to differentiate`);
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

export interface OnnxLanguageModel {
  readonly label: string;
  readonly bytes: Uint8Array;
  /** Names in the file. Default `input_ids`, `logits` (`[rows, tokens, vocabulary]`). */
  readonly ids?: string;
  readonly logits?: string;
  readonly externalData?: SessionOptions['externalData'];
  /** Which float32 initializers are weights. Default: all of more than one value but running statistics. */
  readonly trainable?: (name: string) => boolean;
}

/**
 * A model in an `.onnx` file. An output matrix that an export folded into a weight of its own counts as the word table's second role where it has the table's
 * very values. @throws for operators that can't be differentiated, and where an input or output isn't there. */
export function differentiableOnnx(model: OnnxLanguageModel): DifferentiableModel {
  const { label, bytes, externalData } = model;
  const ids = model.ids ?? 'input_ids';
  const output = model.logits ?? 'logits';
  const trainable = model.trainable ?? ((name: string) => !/running_(mean|var)/.test(name));
  const read = () => readModel(bytes, { trainable });
  const { values } = read();
  return {
    label,
    values,
    externalData,
    build() {
      const { graph, tensors } = read();
      const everywhere = tensors.get(output);
      if (everywhere?.rank !== 3 || !graph.inputs.some(({ name }) => name === ids))
        throw new Error(
          `${label}: no input '${ids}' or no output '${output}' [rows, tokens, vocabulary]; it has the inputs ${graph.inputs.map(({ name }) => name).join(', ')} and the outputs ${[...graph.outputs.keys()].join(', ')}`,
        );
      graph.outputs.clear();
      const places = graph.input(PLACES, 'int64', ['m']);
      const logits = rowsAt(everywhere, places);
      const [lookup] = graph.tape.flatMap((entry) =>
        entry.kind === 'node' && isLookup(entry.node, ids) ? [entry.node] : [],
      );
      const wordTable = lookup?.inputs[0]?.name;
      const lookups = wordTable === undefined ? [] : tableLookups(graph, wordTable);
      const copy = wordTable === undefined ? undefined : copyOf(wordTable, graph, values);
      return { ...describe(graph, places, logits, { wordTable, lookups, copy }), embedded: onlyOutput(lookups) };
    },
  };
}

/** Does this node pick rows of a parameter by token ids? `ids`: the input they come from; default: any. */
function isLookup(node: Node, ids?: string): boolean {
  const [table, indices] = node.inputs;
  if (node.op !== 'Gather' || !table || !indices || !table.graph.parameters.has(table.name)) return false;
  const inputs = table.graph.inputs.filter(({ name }) => ids === undefined || name === ids);
  // Not by the number of tokens: positions are read off a shape.
  const sources = ancestors([indices], (source) => (source.op === 'Shape' ? [] : reads(source)));
  return inputs.some((input) => sources.has(input));
}

function tableLookups(graph: Graph, table: string): Node[] {
  return graph.tape.flatMap((entry) =>
    entry.kind === 'node' && entry.node.inputs[0]?.name === table && isLookup(entry.node) ? [entry.node] : [],
  );
}

/** [rows, tokens, width], where there is one look-up of that form. */
function onlyOutput(lookups: readonly Node[]): Tensor | undefined {
  const found = lookups.length === 1 ? lookups[0].outputs[0] : undefined;
  return found?.rank === 3 ? found : undefined;
}

/** All that tensors are computed from, they themselves included. */
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

/** Another weight with the values of a table, as it is or turned. */
function copyOf(
  table: string,
  graph: Graph,
  values: DifferentiableModel['values'],
): (OutputRole & { readonly name: string }) | undefined {
  const own = values.get(table);
  const [rows, columns] = graph.parameters.get(table)?.shape ?? [];
  if (!(own instanceof Float32Array)) return undefined;
  for (const { name, shape, tensor } of graph.parameters.values()) {
    const data = values.get(name);
    if (name === table || shape.length !== 2 || !(data instanceof Float32Array)) continue;
    if (shape[0] === rows && shape[1] === columns && own.every((value, i) => value === data[i]))
      return { name, tensor, transposed: false };
    const turned = (i: number) => (i % columns) * rows + Math.floor(i / columns);
    if (shape[0] === columns && shape[1] === rows && own.every((value, i) => value === data[turned(i)]))
      return { name, tensor, transposed: true };
  }
  return undefined;
}

interface TableUse {
  readonly wordTable?: string;
  readonly lookups: readonly Node[];
  /** A weight that is the table again. */
  readonly copy?: OutputRole & { readonly name: string };
  readonly inHead?: (name: string) => boolean;
}

function describe(
  graph: Graph,
  places: Tensor,
  logits: Tensor,
  { wordTable, lookups, copy, inHead }: TableUse,
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
    // A single number in a file is a constant of the formula, such as a scale.
    if (name === copy?.name || (!inHead && size === 1)) continue;
    if (!needed.has(tensor)) {
      unused.push(name);
      continue;
    }
    const known = inHead ? name : scopeOf(graph, tensor);
    const group = parameterGroup(name === wordTable ? name : known, wordTable, inHead?.(name));
    parameters.push({ name, size, tensor, ...group, ...(name === wordTable && outputRole ? { outputRole } : {}) });
  }
  return { graph, places, logits, parameters, unused };
}

/** What a weight is called, or, where an export dropped that (`onnx::MatMul_12`), what the first node that reads it yields: its scope. */
function scopeOf(graph: Graph, tensor: Tensor): string {
  if (!/^(?:onnx::|val_|_?\d)/.test(tensor.name)) return tensor.name;
  const reader = graph.tape.find((entry) => entry.kind === 'node' && entry.node.inputs.includes(tensor));
  return reader?.kind === 'node' ? reader.node.outputs[0].name : tensor.name;
}

/**
 * Gives a table's readers other than its look-ups a leaf of their own, of the same value. Undefined where it has no such readers, or has them where reverse mode
 * can't tell them apart (inside a composite).
 */
function splitRoles(graph: Graph, name: string, lookups: readonly Node[]): OutputRole | undefined {
  const table = graph.parameters.get(name)?.tensor;
  if (!table || lookups.length === 0) return undefined;
  const readers = graph.tape.flatMap((entry) => (entry.kind === 'node' ? [entry.node] : entry.nodes));
  const others = readers.filter((node) => !lookups.includes(node) && reads(node).includes(table));
  const plain = graph.tape.every((entry) => entry.kind === 'node' || !entry.inputs.includes(table));
  if (others.length === 0 || !plain || others.some((node) => !node.inputs.includes(table))) return undefined;
  const role = op.identity(table);
  graph.tape.pop(); // reverse mode takes it for a leaf
  for (const node of others)
    node.inputs.forEach((input, i) => {
      if (input === table) (node.inputs as (Tensor | null)[])[i] = role;
    });
  return { tensor: role, transposed: false };
}
