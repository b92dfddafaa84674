/**
 * Where a model's Fisher information lies (`fisher.ts`), on the windows of a corpus: in the paper's batch-mean form over all of them, and in the per-token form over a
 * seeded sample of tokens, which costs a pass of a whole window each. Models whose graph has an operator without an adjoint are told apart from failures.
 */
import type { LanguageModel, TokenModel } from '../../models/model.ts';
import { GraphError } from '../../onnx/graph.ts';
import type { Compute } from '../../runtime/training/network.ts';
import { FISHER_SHARE } from '../predictions/evaluation-masking.ts';
import { fisherBatches } from './batches.ts';
import { differentiable } from './differentiable-onnx.ts';
import { empiricalFisher, type FisherSummary } from './fisher.ts';

/** Tokens of the per-token form, about. */
const SAMPLED_TOKENS = 64;
/** Of the whole, as progress goes. */
const BATCH_PART = 0.8;

export interface ParameterInformation {
  readonly batchMean: FisherSummary;
  readonly perToken: FisherSummary;
  /** Share of the asked tokens that the per-token form took. */
  readonly sampledShare: number;
}

export interface InformationOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number) => void;
}

/** Why there is none, where the graph can't be differentiated. */
export interface NotDifferentiable {
  readonly why: string;
}

/** @throws for a gradient that is not finite, or where no token was asked for. */
export async function parameterInformation(
  model: LanguageModel,
  windows: readonly string[],
  { compute, seed, progress }: InformationOptions,
): Promise<ParameterInformation | NotDifferentiable> {
  const share = sampledShare(model, windows);
  const batches = () => fisherBatches(windows, model, { seed });
  const report = (from: number, part: number) => (done: { readonly windows: number }) =>
    progress?.(from + (part * done.windows) / windows.length);
  try {
    const graph = await differentiable(model, windows);
    const batchMean = await empiricalFisher(graph, batches(), {
      ...compute,
      form: 'batch-mean',
      progress: report(0, BATCH_PART),
    });
    const perToken = await empiricalFisher(graph, batches(), {
      ...compute,
      form: 'per-token',
      sample: { share, seed },
      progress: report(BATCH_PART, 1 - BATCH_PART),
    });
    return { batchMean, perToken, sampledShare: share };
  } catch (error) {
    if (error instanceof GraphError) return { why: `its graph can not be differentiated: ${error.message}` };
    throw error;
  }
}

/** Share of the asked tokens that the per-token form takes. */
export function sampledShare(model: Pick<TokenModel, 'reads' | 'tokens'>, windows: readonly string[]): number {
  const tokens = windows.reduce((sum, window) => sum + model.tokens(window), 0);
  const asked = model.reads === 'causal' ? tokens : tokens * FISHER_SHARE;
  return Math.min(1, SAMPLED_TOKENS / asked);
}
