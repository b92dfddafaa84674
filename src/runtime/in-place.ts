/**
 * Runs that only write into tensors given to them. onnxruntime-node 1.30 writes there, and then copies each of those tensors once more into
 * a new array, which for a training step means all weights and moments: a tenth of a second per 100 MB. It converts outputs in the model's
 * order and gives up at one it can't convert, so a model that begins with an output of such a kind (an empty sequence) runs to its end
 * without any copy. What giving up looks like is found out from the runtime itself; one that converts sequences needs none of this.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TypeProto_SequenceSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { InferenceSession } from 'onnxruntime-node';
import { DTYPE_CODES } from '../onnx/types.ts';

/** The output that is not converted. */
export const UNCONVERTED = 'unconverted';

type Create = (model: Uint8Array) => Promise<InferenceSession>;

/** A graph that is one empty sequence of float32 tensors, and gives it as its first output. */
const emptySequence = () => {
  const element = create(TypeProtoSchema, {
    value: { case: 'tensorType', value: create(TypeProto_TensorSchema, { elemType: DTYPE_CODES.float32 }) },
  });
  const type = create(TypeProtoSchema, {
    value: { case: 'sequenceType', value: create(TypeProto_SequenceSchema, { elemType: element }) },
  });
  return create(GraphProtoSchema, {
    node: [create(NodeProtoSchema, { opType: 'SequenceEmpty', name: UNCONVERTED, output: [UNCONVERTED] })],
    output: [create(ValueInfoProtoSchema, { name: UNCONVERTED, type })],
  });
};

/** The model with {@link UNCONVERTED} as its first output. Protobuf messages written one after the other are read as one, lists joined. */
export function withUnconverted(model: Uint8Array): Uint8Array {
  return Buffer.concat([toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: emptySequence() })), model]);
}

/** What the runtime says when it gives up at {@link UNCONVERTED}; undefined where it doesn't. Never rejects. */
export async function refusal(open: Create): Promise<string | undefined> {
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
    graph: create(GraphProtoSchema, { ...emptySequence(), name: UNCONVERTED }),
  });
  let session: InferenceSession | undefined;
  try {
    session = await open(toBinary(ModelProtoSchema, model));
  } catch {
    return undefined;
  }
  try {
    await session.run({});
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  } finally {
    await session.release();
  }
}
