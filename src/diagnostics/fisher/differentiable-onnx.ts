/**
 * Reads a language model from an `.onnx` file as a graph that can be differentiated at chosen
 * tokens (`differentiable-model.ts`), with its word table. Also converts any loaded model to such a
 * graph. All operators of the file must have adjoints.
 *
 * Some exports hold a tied output matrix a second time, transposed. A weight with the same values
 * as the word table counts as its second role.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Matrix } from '../../core/matrix.ts';
import type { InputRole, RoleInput } from '../../models/exports/settings.ts';
import type { ExportedModel, LanguageModel } from '../../models/model.ts';
import { type ConstantData, type Graph, GraphError, type Tensor } from '../../onnx/graph.ts';
import { type ReadModel, readModel } from '../../onnx/io/read.ts';
import { tokenPositions } from '../../onnx/layers/positions/learned.ts';
import * as op from '../../onnx/operators/functions.ts';
import { rowsAt } from '../../onnx/row-selection.ts';
import type { SessionOptions } from '../../runtime/session.ts';
import {
  type DifferentiableModel,
  describe,
  differentiableModel,
  isLookup,
  type OutputRole,
  onlyOutput,
  PLACES,
  tableLookups,
} from './differentiable-model.ts';

export interface OnnxLanguageModel {
  readonly label: string;
  readonly bytes: Uint8Array;
  /** Names in the file. Default `input_ids`, `logits` (`[rows, tokens, vocabulary]`). */
  readonly ids?: string;
  readonly logits?: string;
  /**
   * The meaning of the file's inputs. When given, the graph's inputs are `ids` and `mask`, int64
   * [rows, tokens], and nothing else. Default: the file's own inputs.
   */
  readonly inputs?: readonly RoleInput[];
  readonly externalData?: SessionOptions['externalData'];
  /**
   * Which float32 initializers are weights. Default: all with more than one value except running
   * statistics.
   */
  readonly trainable?: (name: string) => boolean;
}

/**
 * Reads a model from an `.onnx` file. @throws {@link GraphError} for an operator without an
 * adjoint, or a missing input or output.
 */
export function differentiableOnnx(model: OnnxLanguageModel): DifferentiableModel {
  const { label, externalData } = model;
  const ids = model.inputs ? 'ids' : (model.ids ?? 'input_ids');
  const output = model.logits ?? 'logits';
  const { values } = read(model);
  return {
    label,
    values,
    externalData,
    build() {
      const { graph, tensors, scopes } = read(model);
      const everywhere = tensors.get(output);
      if (everywhere?.rank !== 3 || !graph.inputs.some(({ name }) => name === ids))
        throw new Error(
          `${label}: no input '${ids}' or no output '${output}' [rows, tokens, vocabulary]; it has the inputs ${graph.inputs.map(({ name }) => name).join(', ')} and the outputs ${[...graph.outputs.keys()].join(', ')}`,
        );
      graph.outputs.clear();
      const places = graph.input(PLACES, 'int64', ['m']);
      const logits = op.cast(rowsAt(everywhere, places), 'float32');
      const wordTable = tableName(graph, ids);
      const lookups = wordTable === undefined ? [] : tableLookups(graph, wordTable);
      const copy = wordTable === undefined ? undefined : copyOf(wordTable, graph, { values, externalData });
      // The node that yields the logits is named after them, whatever its module.
      const modules = new Map([[output, 'head'], ...scopes]);
      const described = describe(graph, places, logits, { wordTable, lookups, copy, scopes: modules });
      if (described.parameters.length === 0) throw new GraphError(`${label} has no weights in float32`);
      // Files list weights in different orders: tables of parts begin with the word table.
      const parameters = [...described.parameters].sort(
        (a, b) => Number(b.name === wordTable) - Number(a.name === wordTable),
      );
      return { ...described, parameters, embedded: onlyOutput(lookups) };
    },
  };
}

function read({ bytes, inputs, trainable }: OnnxLanguageModel): ReadModel {
  return readModel(bytes, {
    trainable: trainable ?? ((name) => !/running_(mean|var)/.test(name)),
    inputs: inputs && new Map(inputs.map((input) => [input.name, (graph: Graph) => standIn(graph, input)])),
  });
}

const FED: Readonly<Record<InputRole, (graph: Graph) => Tensor>> = {
  ids: (graph) => fed(graph, 'ids'),
  mask: (graph) => fed(graph, 'mask'),
  types: (graph) => op.fullLike(fed(graph, 'ids'), 0),
  positions: (graph) => op.expandLike(tokenPositions(fed(graph, 'ids')), fed(graph, 'ids')),
};

/** The value of an input of the file, computed from `ids` and `mask`. */
function standIn(graph: Graph, { role, type }: RoleInput): Tensor {
  return op.cast(FED[role](graph), type === 'int32' ? 'int32' : 'int64');
}

function fed(graph: Graph, name: string): Tensor {
  return graph.inputs.find((input) => input.name === name) ?? graph.input(name, 'int64', ['rows', 'tokens']);
}

/** The first parameter whose rows are picked by token ids. */
function tableName(graph: Graph, ids: string): string | undefined {
  const entry = graph.tape.find((one) => one.kind === 'node' && isLookup(one.node, ids));
  return entry?.kind === 'node' ? entry.node.inputs[0]?.name : undefined;
}

type Weights = Pick<DifferentiableModel, 'values' | 'externalData'>;

/**
 * Values of a weight, also of one in an external file. Undefined when it is missing or not float32.
 */
function inMemory({ values, externalData }: Weights, name: string): Float32Array | undefined {
  const data: ConstantData | undefined = values.get(name);
  if (data instanceof Float32Array) return data;
  if (data === undefined || !('location' in data)) return undefined;
  const file = externalData?.find(({ path }) => path === data.location)?.data;
  if (file === undefined) return undefined;
  const bytes = new Uint8Array(data.length);
  if (typeof file === 'string') {
    const opened = openSync(file, 'r');
    readSync(opened, bytes, 0, data.length, data.offset);
    closeSync(opened);
  } else bytes.set(file.subarray(data.offset, data.offset + data.length));
  return new Float32Array(bytes.buffer);
}

/** Another weight with the values of a table, as it is or transposed. */
function copyOf(table: string, graph: Graph, weights: Weights): (OutputRole & { readonly name: string }) | undefined {
  const [rows, columns] = graph.parameters.get(table)?.shape ?? [];
  const alike = [...graph.parameters.values()].filter(
    ({ name, shape: [first, second, ...more] }) =>
      name !== table &&
      more.length === 0 &&
      ((first === rows && second === columns) || (first === columns && second === rows)),
  );
  const own = alike.length === 0 ? undefined : inMemory(weights, table);
  if (!own) return undefined;
  const turned = (i: number) => (i % columns) * rows + Math.floor(i / columns);
  for (const { name, shape, tensor } of alike) {
    const data = inMemory(weights, name);
    if (!data) continue;
    if (shape[0] === rows && own.every((value, i) => value === data[i])) return { name, tensor, transposed: false };
    if (shape[0] === columns && own.every((value, i) => value === data[turned(i)]))
      return { name, tensor, transposed: true };
  }
  return undefined;
}

async function languageModel({ label, file: { path, inputs, logits, externalData } }: ExportedModel) {
  return { label, inputs, logits, externalData, bytes: new Uint8Array(await readFile(path)) };
}

/**
 * Makes any model differentiable on these windows. @throws {@link GraphError} for an export with an
 * operator without an adjoint, and for one whose numbers depend on the other rows of a batch, or on
 * padding when these windows would need padding.
 */
export async function differentiable(model: LanguageModel, windows: readonly string[]): Promise<DifferentiableModel> {
  if ('build' in model) return differentiableModel(model);
  const graph = readable(await languageModel(model));
  const lengths = new Set(windows.map((window) => model.tokens(window)));
  if (model.company === 'none')
    throw new GraphError('the outputs of this export depend on the other rows of the batch');
  if (model.company === 'equal' && lengths.size > 1)
    throw new GraphError(
      'the outputs of this export depend on padding, and the windows have different numbers of tokens',
    );
  return graph;
}

function readable(model: OnnxLanguageModel): DifferentiableModel {
  try {
    return differentiableOnnx(model);
  } catch (error) {
    // A list of all known names would be a hundred names long.
    throw error instanceof GraphError ? new GraphError(error.message.replace(/; known operators: .*/, '')) : error;
  }
}

/**
 * Static embeddings `[vocabulary, width]` of an export. Undefined when its graph cannot be read, or
 * picks rows of no single weight by token ids.
 */
export async function exportedWordTable(model: ExportedModel): Promise<Matrix | undefined> {
  try {
    const language = await languageModel(model);
    const { graph, values } = read(language);
    const table = tableName(graph, 'ids');
    const shape = table === undefined ? undefined : graph.parameters.get(table)?.shape;
    if (table === undefined || shape?.length !== 2) return undefined;
    const data = inMemory({ values, externalData: language.externalData }, table);
    return data && { rows: shape[0], columns: shape[1], values: data };
  } catch (error) {
    if (error instanceof GraphError) return undefined;
    throw error;
  }
}
