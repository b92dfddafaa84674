/**
 * What an `.onnx` file says of itself without being run or differentiated: inputs and outputs with types and dimensions, and the files its weights
 * lie in. Any operator is allowed (unlike in `src/onnx/io/read.ts`, which must know each one's adjoint). Half-precision outputs can be cast, since the
 * engine hands back none.
 */
import { readFile } from 'node:fs/promises';
import { basename, join, normalize } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from 'onnx-buf';
import { DTYPE_CODES } from '../../onnx/tensor-type.ts';

export interface OnnxValue {
  readonly name: string;
  /** `float32`, ... or `type N` for what has no name here. */
  readonly type: string;
  /** Numbers where dimensions are fixed, undefined where they are open. */
  readonly shape: readonly (number | undefined)[];
}

export interface OnnxFile {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Numbers in its weights: initializers of floats. */
  readonly parameters: number;
  /** Names of the files that weights lie in, within the model's folder. */
  readonly externalFiles: readonly string[];
  /** The model with these outputs cast to float32, under the same names. */
  castToFloat32(outputs: readonly string[]): Uint8Array;
}

const NAMES = new Map<number, string>(Object.entries(DTYPE_CODES).map(([name, code]) => [code, name]));

function describe({ name, type }: ValueInfoProto): OnnxValue {
  if (type?.value.case !== 'tensorType') return { name, type: 'no tensor', shape: [] };
  const { elemType, shape } = type.value.value;
  const dims = (shape?.dim ?? []).map(({ value }) => (value.case === 'dimValue' ? Number(value.value) : undefined));
  return { name, type: NAMES.get(elemType) ?? `type ${elemType}`, shape: dims };
}

/** Throws, naming the file, where it is no ONNX model or points outside its folder. */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const bytes = await readFile(path);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new Error(`${path} is not an ONNX model: ${(error as Error).message}`, { cause: error });
  }
  const { graph } = model;
  if (!graph || graph.output.length === 0)
    throw new Error(`${path} is not an ONNX model: it holds no graph with outputs`);
  const constants = new Set(graph.initializer.map(({ name }) => name));
  return {
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map(describe),
    outputs: graph.output.map(describe),
    parameters: countParameters(model),
    externalFiles: externalFiles(model, path),
    castToFloat32: (outputs) => castOutputs(bytes, outputs),
  };
}

function countParameters({ graph }: ModelProto): number {
  const floats = [DTYPE_CODES.float16, DTYPE_CODES.float32, DTYPE_CODES.float64];
  const weights = (graph?.initializer ?? []).filter(({ dataType }) => floats.includes(dataType));
  return weights.reduce((sum, { dims }) => sum + dims.reduce((size, dim) => size * Number(dim), 1), 0);
}

function externalFiles({ graph }: ModelProto, path: string): string[] {
  const files = new Set<string>();
  for (const { name, dataLocation, externalData } of graph?.initializer ?? []) {
    if (dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
    const location = externalData.find(({ key }) => key === 'location')?.value ?? '';
    const plain = normalize(location);
    if (location === '' || plain.startsWith('..') || plain.startsWith('/') || /^[a-z]:/i.test(plain))
      throw new Error(`${path}: the weight ${name} lies in ${JSON.stringify(location)}, outside the model's folder`);
    files.add(plain);
  }
  return [...files].sort();
}

function castOutputs(bytes: Uint8Array, outputs: readonly string[]): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph;
  if (!graph) return bytes;
  for (const name of outputs) {
    // What yields the output yields another name from now on; what reads it reads that name.
    const half = `${name}:as stored`;
    const rename = (names: string[]) => names.map((other) => (other === name ? half : other));
    for (const node of graph.node) {
      node.input = rename(node.input);
      node.output = rename(node.output);
    }
    const to = create(AttributeProtoSchema, {
      name: 'to',
      type: AttributeProto_AttributeType.INT,
      i: BigInt(DTYPE_CODES.float32),
    });
    graph.node.push(create(NodeProtoSchema, { opType: 'Cast', input: [half], output: [name], attribute: [to] }));
    const type = graph.output.find((output) => output.name === name)?.type?.value;
    if (type?.case === 'tensorType') type.value.elemType = DTYPE_CODES.float32;
  }
  return toBinary(ModelProtoSchema, model);
}

/** External files as a session takes them where the model is given as bytes. */
export function externalDataOf({ externalFiles }: OnnxFile, folder: string): { path: string; data: string }[] {
  return externalFiles.map((file) => ({ path: basename(file), data: join(folder, file) }));
}
