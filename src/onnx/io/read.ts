/**
 * Reads an `.onnx` model into a {@link Graph}, so that it can be extended, differentiated and written again. Initializers become
 * constants, or parameters (trainable) when asked. Operators without a rule, subgraphs and functions are refused by name.
 */
import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
} from 'onnx-buf';
import {
  type Attribute,
  type ConstantData,
  type Dim,
  type DType,
  Graph,
  GraphError,
  type Tensor,
  type TypedArray,
} from '../graph.ts';
import { DTYPE_CODES } from '../tensor-type.ts';

export interface ReadModel {
  readonly graph: Graph;
  /** Inputs, initializers and outputs by the file's names. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Values of initializers read as parameters. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /** By outputs of nodes: the module whose code made the node, `bert.encoder.layer.0.output.dense`, where the file says it. */
  readonly scopes: ReadonlyMap<string, string>;
}

export interface ReadOptions {
  /** Which float initializers become parameters (default none). */
  readonly trainable?: (name: string) => boolean;
  /** What stands for an input of the file, by its name, instead of an input of the graph that is called so. */
  readonly inputs?: ReadonlyMap<string, (graph: Graph) => Tensor>;
}

/** Where torch.export's names of modules stand: `['', 'bert', 'bert.encoder', ..., 'linear_3']`, the last being the operator. */
const SCOPES = 'pkg.torch.onnx.name_scopes';

const CODE_TO_DTYPE = new Map<number, DType>(
  Object.entries(DTYPE_CODES).map(([dtype, code]) => [code, dtype as DType]),
);

/** Throws {@link GraphError} naming the offending node. */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): ReadModel {
  let model: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new GraphError(`not an ONNX model: ${(error as Error).message}`);
  }
  const proto = model.graph;
  if (!proto) throw new GraphError('not an ONNX model: it holds no graph');
  const graph = new Graph();
  const opset = model.opsetImport.find((entry) => entry.domain === '' || entry.domain === 'ai.onnx');
  if (!opset) throw new GraphError('not an ONNX model: it imports no operator set');
  if (opset.version < 13n)
    throw new GraphError(`opset ${opset.version} is too old: export the model with opset 17 or later`);
  // Adjoints are written in the builder's operator set, so older nodes are brought up to it (see `modernise`).
  graph.opset = Math.max(graph.opset, Number(opset.version));
  const tensors = new Map<string, Tensor>();
  const values = new Map<string, ConstantData>();
  const scopes = new Map<string, string>();

  for (const initializer of proto.initializer) {
    const dtype = dtypeOfCode(initializer.dataType, initializer.name);
    const shape = initializer.dims.map(Number);
    const data = dataOf(initializer, dtype);
    if (dtype === 'float32' && options.trainable?.(initializer.name)) {
      tensors.set(
        initializer.name,
        graph.parameter(initializer.name, shape, () => data as Float32Array),
      );
      values.set(initializer.name, data);
    } else tensors.set(initializer.name, graph.constant(data, shape, dtype, initializer.name));
  }
  for (const input of proto.input) {
    if (tensors.has(input.name)) continue;
    const standIn = options.inputs?.get(input.name);
    if (standIn) {
      tensors.set(input.name, standIn(graph));
      continue;
    }
    const type = input.type?.value;
    if (type?.case !== 'tensorType') throw new GraphError(`input '${input.name}' is not a tensor`);
    const shape: Dim[] = (type.value.shape?.dim ?? []).map((dim, axis) => {
      if (dim.value.case === 'dimValue') return Number(dim.value.value);
      return dim.value.case === 'dimParam' && dim.value.value ? dim.value.value : `${input.name}_${axis}`;
    });
    tensors.set(input.name, graph.input(input.name, dtypeOfCode(type.value.elemType, input.name), shape));
  }
  for (const node of proto.node) {
    const where = `node '${node.name || node.opType}' (${node.opType})`;
    const inputs: (Tensor | null)[] = node.input.map((name) => {
      if (name === '') return null;
      const tensor = tensors.get(name);
      if (!tensor) throw new GraphError(`${where}: its input '${name}' is yielded by nothing before it`);
      return tensor;
    });
    const attributes: Record<string, Attribute> = {};
    for (const attribute of node.attribute) attributes[attribute.name] = attributeOf(attribute, graph, where);
    if (node.opType === 'Constant' && node.domain === '') {
      tensors.set(node.output[0], constantOf(attributes, graph, node.output[0], where));
      continue;
    }
    modernise(node.opType, inputs, attributes, node.output.length, graph);
    let outputs: Tensor[];
    try {
      outputs = graph.node(node.opType, inputs, attributes, {
        domain: node.domain,
        outputs: node.output.length,
        names: node.output,
      });
    } catch (error) {
      throw new GraphError(`${where}: ${(error as Error).message}`);
    }
    const scope = scopeOf(node.metadataProps.find(({ key }) => key === SCOPES)?.value);
    node.output.forEach((name, i) => {
      if (scope !== undefined) scopes.set(name, scope);
      if (name !== '' && outputs[i]) tensors.set(name, outputs[i]);
    });
  }
  for (const output of proto.output) {
    const tensor = tensors.get(output.name);
    if (!tensor) throw new GraphError(`output '${output.name}' is yielded by no node`);
    graph.output(output.name, tensor);
  }
  return { graph, tensors, values, scopes };
}

function scopeOf(scopes = ''): string | undefined {
  return [...scopes.matchAll(/'([^']*)'/g)].map(([, name]) => name).at(-2);
}

/** What opsets 13 to 17 wrote as attributes and 18 takes as inputs: axes of reductions; and the number of a Split's outputs. */
function modernise(
  op: string,
  inputs: (Tensor | null)[],
  attributes: Record<string, Attribute>,
  outputs: number,
  graph: Graph,
): void {
  if (op.startsWith('Reduce') && Array.isArray(attributes.axes)) {
    inputs[1] = graph.integers(attributes.axes as number[]);
    delete attributes.axes;
  }
  if (op === 'Split' && !inputs[1]) attributes.num_outputs = outputs;
}

function dtypeOfCode(code: number, name: string): DType {
  const dtype = CODE_TO_DTYPE.get(code);
  if (!dtype) throw new GraphError(`'${name}': ONNX data type ${code} is not supported`);
  return dtype;
}

function dataOf(proto: TensorProto, dtype: DType): ConstantData {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const entries = new Map(proto.externalData.map((entry) => [entry.key, entry.value]));
    return {
      location: entries.get('location') ?? '',
      offset: Number(entries.get('offset') ?? 0),
      length: Number(entries.get('length') ?? 0),
    };
  }
  if (proto.rawData.length > 0 || proto.dims.some((dim) => dim === 0n)) {
    // Aligned to the element size. Not slice(): a Node Buffer's is a view.
    const copy = new Uint8Array(proto.rawData);
    const arrays: Record<DType, (buffer: ArrayBufferLike) => TypedArray> = {
      float32: (buffer) => new Float32Array(buffer),
      float64: (buffer) => new Float64Array(buffer),
      float16: (buffer) => new Uint16Array(buffer),
      int64: (buffer) => new BigInt64Array(buffer),
      int32: (buffer) => new Int32Array(buffer),
      int8: (buffer) => new Int8Array(buffer),
      uint8: (buffer) => new Uint8Array(buffer),
      bool: (buffer) => new Uint8Array(buffer),
    };
    try {
      return arrays[dtype](copy.buffer);
    } catch {
      throw new GraphError(`'${proto.name}': ${copy.byteLength} bytes are no whole number of ${dtype} values`);
    }
  }
  if (dtype === 'float32') return Float32Array.from(proto.floatData);
  if (dtype === 'float64') return Float64Array.from(proto.doubleData);
  if (dtype === 'int64') return BigInt64Array.from(proto.int64Data);
  if (dtype === 'int32') return Int32Array.from(proto.int32Data);
  if (dtype === 'bool' || dtype === 'uint8') return Uint8Array.from(proto.int32Data);
  throw new GraphError(`'${proto.name}': data of type ${dtype} must be stored raw`);
}

function attributeOf(attribute: AttributeProto, graph: Graph, where: string): Attribute {
  const types = AttributeProto_AttributeType;
  switch (attribute.type) {
    case types.INT:
      return Number(attribute.i);
    case types.FLOAT:
      return attribute.f;
    case types.STRING:
      return new TextDecoder().decode(attribute.s);
    case types.INTS:
      return attribute.ints.map(Number);
    case types.FLOATS:
      return attribute.floats;
    case types.STRINGS:
      return attribute.strings.map((item) => new TextDecoder().decode(item));
    case types.TENSOR: {
      if (!attribute.t) throw new GraphError(`${where}: attribute '${attribute.name}' holds no tensor`);
      const dtype = dtypeOfCode(attribute.t.dataType, attribute.name);
      return graph.constant(dataOf(attribute.t, dtype), attribute.t.dims.map(Number), dtype);
    }
    default:
      throw new GraphError(`${where}: attribute '${attribute.name}' is a subgraph or of another unsupported kind`);
  }
}

function constantOf(attributes: Record<string, Attribute>, graph: Graph, name: string, where: string): Tensor {
  const { value, value_int: int, value_ints: ints, value_float: float } = attributes;
  if (value !== undefined && typeof value === 'object' && 'constant' in value) {
    const tensor = value as Tensor;
    return graph.constant(tensor.constant as ConstantData, tensor.shape as number[], tensor.dtype, name);
  }
  if (typeof int === 'number') return graph.constant(BigInt64Array.of(BigInt(int)), [], 'int64', name);
  if (Array.isArray(ints))
    return graph.constant(BigInt64Array.from(ints as number[], BigInt), [ints.length], 'int64', name);
  if (typeof float === 'number') return graph.constant(Float32Array.of(float), [], 'float32', name);
  throw new GraphError(`${where}: this kind of constant is not supported`);
}
