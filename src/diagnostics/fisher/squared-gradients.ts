/**
 * Squared gradients as a graph: the cross-entropy at the chosen positions is differentiated with
 * respect to every parameter, and each gradient is squared and summed over its tensor inside the
 * graph. The output is a few numbers per tensor, whatever the size of the model.
 */
import { gradients } from '../../onnx/autodiff.ts';
import type { Tensor } from '../../onnx/graph.ts';
import { softmaxCrossEntropy } from '../../onnx/layers/losses.ts';
import * as op from '../../onnx/operators/functions.ts';
import { openGraph } from '../../runtime/graph-session.ts';
import type { SessionOptions, TensorValue } from '../../runtime/session.ts';
import { pick } from '../../runtime/training/network.ts';
import type { FisherBatch } from './batches.ts';
import { type DifferentiableModel, type GraphParameter, type LanguageGraph, PLACES } from './differentiable-model.ts';
import { rowSquares } from './per-example-gradients.ts';

export const TARGETS = 'asked:targets';

/**
 * `batch`: squares of the gradient of the batch's mean loss. `rows`: each row has one predicted
 * token, in the order of rows, and the squares of each row's own loss are summed over rows;
 * `tokens` is the number of tokens of a typical row.
 */
export type SquaresOf = { readonly of: 'batch' } | { readonly of: 'rows'; readonly tokens: number };

export interface SquaredGradients {
  /** In the order of `squares`. */
  readonly parameters: readonly Omit<GraphParameter, 'tensor' | 'outputRole'>[];
  /** Parameters that the loss does not depend on. */
  readonly unused: readonly string[];
  run(batch: FisherBatch): Promise<BatchSquares>;
  dispose(): Promise<void>;
}

export interface BatchSquares {
  /** Mean over the predicted tokens, nats. */
  readonly loss: number;
  /** `[parameters]` sum of squares over each tensor. */
  readonly squares: Float64Array;
  /**
   * `[parameters, 2]`: of the look-up alone and of the output matrix alone; 0 when nothing is tied.
   */
  readonly roles: Float64Array;
}

type ComputeOptions = Pick<SessionOptions, 'device' | 'threads'>;

/**
 * Undefined when squares of rows are requested and the model has a parameter that
 * `per-example-gradients.ts` does not support.
 */
export async function squaredGradients(
  model: DifferentiableModel,
  wanted: { readonly of: 'batch' },
  compute: ComputeOptions,
): Promise<SquaredGradients>;
export async function squaredGradients(
  model: DifferentiableModel,
  wanted: SquaresOf,
  compute: ComputeOptions,
): Promise<SquaredGradients | undefined>;
export async function squaredGradients(
  model: DifferentiableModel,
  wanted: SquaresOf,
  { device, threads }: ComputeOptions,
): Promise<SquaredGradients | undefined> {
  const language = model.build();
  const { graph, logits, parameters, unused } = language;
  const targets = graph.input(TARGETS, 'int64', ['m']);
  const loss = softmaxCrossEntropy(logits, targets, op.fullLike(op.cast(targets, 'float32'), 1));
  const numbers = wanted.of === 'rows' ? rowSquares(language, loss, wanted.tokens) : tensorSquares(language, loss);
  if (!numbers) return undefined;
  const all = [loss, ...numbers].map((number) => op.reshape(number, [1]));
  graph.output('numbers', op.concat(all, 0)); // [1 + parameters + 2 tied]
  const label = `${model.label} (squared gradients)`;
  const session = await openGraph(graph, model, { device, threads, label });
  return {
    parameters: parameters.map(({ name, size, group, part }) => ({ name, size, group, ...(part && { part }) })),
    unused,
    async run(batch) {
      const results = await session.run(pick(session, { ...batch.feeds, ...questions(batch) }));
      return readSquares(results.numbers.data as Float32Array, parameters, label);
    },
    dispose: () => session.dispose(),
  };
}

function readSquares(data: Float32Array, parameters: readonly GraphParameter[], label: string): BatchSquares {
  const squares = new Float64Array(parameters.length);
  const roles = new Float64Array(2 * parameters.length);
  let at = 1;
  parameters.forEach(({ name, outputRole }, i) => {
    squares[i] = data[at++];
    if (outputRole) for (let role = 0; role < 2; role++) roles[2 * i + role] = data[at++];
    if (!Number.isFinite(squares[i])) throw new Error(`${label}: the squared gradient of ${name} is ${squares[i]}`);
  });
  return { loss: data[0], squares, roles };
}

/** By tensor; for a tied table the sum of both roles, and each role. */
function tensorSquares({ parameters }: LanguageGraph, loss: Tensor): Tensor[] {
  const leaves = parameters.flatMap(({ tensor, outputRole }) => (outputRole ? [tensor, outputRole.tensor] : [tensor]));
  const flowing = gradients(loss, leaves);
  return parameters.flatMap(({ tensor, outputRole }) => {
    const first = flowing[leaves.indexOf(tensor)];
    if (!outputRole) return [sumOfSquares(first)];
    const leaf = flowing[leaves.indexOf(outputRole.tensor)];
    const second = outputRole.transposed ? op.transpose(leaf, [1, 0]) : leaf;
    return [op.add(first, second), first, second].map(sumOfSquares);
  });
}

/** Sum over the last axis first: long float32 sums lose digits. */
function sumOfSquares(gradient: Tensor): Tensor {
  return gradient.rank < 2 ? op.reduceSumSquare(gradient) : op.reduceSum(op.reduceSumSquare(gradient, [-1]));
}

/** The inputs that choose the predicted tokens. */
export function questions({ places, targets }: Pick<FisherBatch, 'places' | 'targets'>): Record<string, TensorValue> {
  const dims = [places.length];
  return {
    [PLACES]: { type: 'int64', data: BigInt64Array.from(places, BigInt), dims },
    [TARGETS]: { type: 'int64', data: BigInt64Array.from(targets, BigInt), dims },
  };
}
