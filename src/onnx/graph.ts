/**
 * ONNX as a tensor language: a recording whose types and shapes come from the table of operators, the table that holds
 * their adjoints too. `io/serialise.ts` turns a graph into an `.onnx` model, `autodiff.ts` differentiates it.
 */
import { ruleOf } from './operators/index.ts';
import { type Call, type Inferred, Recording } from './recording.ts';

export * from './recording.ts';

export class Graph extends Recording {
  override infer(call: Call, domain: string): Inferred[] {
    return ruleOf(call.op, domain).infer(call);
  }
}
