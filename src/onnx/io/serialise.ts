/**
 * A graph as an `.onnx` model (protobuf, through onnx-buf). Only what the outputs need is written, in topological order.
 * Parameters become initializers when values are given, graph inputs otherwise.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import {
  type Attribute,
  type ConstantData,
  type Graph,
  GraphError,
  type Node,
  Recording,
  reads,
  Tensor,
} from '../graph.ts';
import { DTYPE_CODES } from '../tensor-type.ts';

/** Attributes that ONNX declares as floats; every other number is an integer. */
const FLOAT_ATTRIBUTES = new Set([
  'alpha',
  'beta',
  'epsilon',
  'gamma',
  'high',
  'low',
  'mean',
  'momentum',
  'ratio',
  'scale',
  'softcap',
  'seed',
  'value_float',
]);

export interface SerialiseOptions {
  /** Values for parameters and buffers by name. Those left out must be fed as inputs at run time. */
  readonly values?: ReadonlyMap<string, ConstantData> | Readonly<Record<string, ConstantData>>;
}

export interface SerialisedModel {
  readonly bytes: Uint8Array;
  /** Names of parameters and buffers that became inputs because no value was given. */
  readonly unbound: readonly string[];
}

/** Writes the graph's declared outputs and everything they need. Throws {@link GraphError} on a graph without outputs. */
export function serialise(graph: Graph, options: SerialiseOptions = {}): SerialisedModel {
  if (graph.outputs.size === 0) throw new GraphError('the graph declares no output');
  const values = options.values instanceof Map ? options.values : new Map(Object.entries(options.values ?? {}));
  const { nodes, leaves } = reach(graph);
  const names = new Set<string>();
  for (const tensor of [...leaves, ...nodes.flatMap((node) => node.outputs)]) {
    if (names.has(tensor.name)) throw new GraphError(`two tensors have the name '${tensor.name}': rename one of them`);
    names.add(tensor.name);
  }
  const protos = nodes.map((node) => nodeProto(node));
  const outputs: ValueInfoProto[] = [];
  for (const [name, tensor] of graph.outputs) {
    if (name !== tensor.name || !tensor.producer) {
      // Outputs must carry their declared names: an Identity renames them (free at run time).
      if (names.has(name)) throw new GraphError(`output name '${name}' is also the name of a tensor`);
      protos.push(
        create(NodeProtoSchema, { opType: 'Identity', input: [tensor.name], output: [name], name: `output:${name}` }),
      );
    }
    outputs.push(valueInfo(name, tensor));
  }

  const initializers: TensorProto[] = [];
  const inputs: ValueInfoProto[] = [];
  const unbound: string[] = [];
  for (const leaf of leaves) {
    if (leaf.constant) initializers.push(tensorProto(leaf.name, leaf, leaf.constant));
    else {
      const value = values.get(leaf.name);
      if (value) initializers.push(tensorProto(leaf.name, leaf, value));
      else {
        inputs.push(valueInfo(leaf.name, leaf));
        if (graph.parameters.has(leaf.name) || graph.buffers.has(leaf.name)) unbound.push(leaf.name);
      }
    }
  }
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'glm-bench',
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(graph.opset) })],
    graph: create(GraphProtoSchema, {
      name: 'glm-bench',
      node: protos,
      initializer: initializers,
      input: inputs,
      output: outputs,
    }),
  });
  return { bytes: toBinary(ModelProtoSchema, model), unbound };
}

/** Nodes the outputs need, producers before consumers, and the tensors no node yields. Iterative: graphs can be deep. */
function reach(graph: Recording): { nodes: Node[]; leaves: Tensor[] } {
  const nodes: Node[] = [];
  const leaves = new Set<Tensor>();
  const state = new Map<Node, 'open' | 'done'>();
  const stack: Node[] = [];
  const visit = (tensor: Tensor | null) => {
    if (!tensor) return;
    if (!tensor.producer) leaves.add(tensor);
    else if (!state.has(tensor.producer)) stack.push(tensor.producer);
  };
  for (const output of graph.outputs.values()) {
    visit(output);
    while (stack.length > 0) {
      const node = stack[stack.length - 1];
      if (state.get(node) === 'done') stack.pop();
      else if (state.get(node) === 'open') {
        state.set(node, 'done');
        nodes.push(node);
        stack.pop();
      } else {
        state.set(node, 'open');
        for (const input of reads(node)) visit(input);
      }
    }
  }
  return { nodes, leaves: [...leaves] };
}

/** How the tensors of a graph are called in the file. */
type Naming = (tensor: Tensor) => string;
const ownName: Naming = (tensor) => tensor.name;

function nodeProto(node: Node, nameOf: Naming = ownName): NodeProto {
  return create(NodeProtoSchema, {
    opType: node.op,
    domain: node.domain,
    name: `${node.op}:${nameOf(node.outputs[0])}`,
    input: node.inputs.map((tensor) => (tensor ? nameOf(tensor) : '')),
    output: node.outputs.map(nameOf),
    attribute: Object.entries(node.attributes).map(([name, value]) =>
      value instanceof Recording
        ? create(AttributeProtoSchema, {
            name,
            type: AttributeProto_AttributeType.GRAPH,
            g: bodyProto(value, nameOf(node.outputs[0]), nameOf),
          })
        : attributeProto(name, value),
    ),
  });
}

/** The body of a loop. Its names may not be those of the graph around it, so they start with the loop's; what it captures is called as there. */
function bodyProto(body: Recording, loop: string, outerName: Naming): GraphProto {
  const { nodes, leaves } = reach(body);
  const nameOf: Naming = (tensor) => {
    const outer = body.captured.get(tensor);
    return outer ? outerName(outer) : `${loop}/${tensor.name}`;
  };
  const outputs = [...body.outputs].map(([name, tensor]) => ({ name: `${loop}:${name}`, tensor }));
  return create(GraphProtoSchema, {
    name: loop,
    node: [
      ...nodes.map((node) => nodeProto(node, nameOf)),
      ...outputs.map(({ name, tensor }) =>
        create(NodeProtoSchema, { opType: 'Identity', input: [nameOf(tensor)], output: [name], name }),
      ),
    ],
    initializer: leaves.flatMap((leaf) => (leaf.constant ? [tensorProto(nameOf(leaf), leaf, leaf.constant)] : [])),
    input: body.inputs.map((input) => valueInfo(nameOf(input), input)),
    output: outputs.map(({ name, tensor }) => valueInfo(name, tensor)),
  });
}

function attributeProto(name: string, value: Exclude<Attribute, Recording>): AttributeProto {
  const types = AttributeProto_AttributeType;
  if (value instanceof Tensor) {
    if (!value.constant) throw new GraphError(`attribute '${name}' must be a constant tensor`);
    return create(AttributeProtoSchema, { name, type: types.TENSOR, t: tensorProto('', value, value.constant) });
  }
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: types.STRING, s: new TextEncoder().encode(value) });
  if (typeof value === 'number') {
    if (FLOAT_ATTRIBUTES.has(name)) return create(AttributeProtoSchema, { name, type: types.FLOAT, f: value });
    if (!Number.isInteger(value)) throw new GraphError(`attribute '${name}' = ${value} is not an integer`);
    return create(AttributeProtoSchema, { name, type: types.INT, i: BigInt(value) });
  }
  if (value.every((item) => typeof item === 'number'))
    return create(AttributeProtoSchema, {
      name,
      type: types.INTS,
      ints: (value as readonly number[]).map((item) => BigInt(item)),
    });
  return create(AttributeProtoSchema, {
    name,
    type: types.STRINGS,
    strings: (value as readonly string[]).map((item) => new TextEncoder().encode(item)),
  });
}

function tensorProto(name: string, tensor: Tensor, data: ConstantData): TensorProto {
  const dims = tensor.shape.map((dim) => BigInt(dim));
  const base = { name, dims, dataType: DTYPE_CODES[tensor.dtype] };
  if ('location' in data)
    return create(TensorProtoSchema, {
      ...base,
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: (
        [
          ['location', data.location],
          ['offset', String(data.offset)],
          ['length', String(data.length)],
        ] as const
      ).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
    });
  const size = tensor.shape.reduce<number>((product, dim) => product * Number(dim), 1);
  if (data.length !== size)
    throw new GraphError(`'${name}' [${tensor.shape}] needs ${size} values, got ${data.length}`);
  return create(TensorProtoSchema, {
    ...base,
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength),
  });
}

function valueInfo(name: string, tensor: Tensor): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: DTYPE_CODES[tensor.dtype],
          shape: create(TensorShapeProtoSchema, {
            dim: tensor.shape.map((dim) =>
              create(TensorShapeProto_DimensionSchema, {
                value:
                  typeof dim === 'number' ? { case: 'dimValue', value: BigInt(dim) } : { case: 'dimParam', value: dim },
              }),
            ),
          }),
        }),
      },
    }),
  });
}
