/**
 * The distribution of a model's Fisher information over its parts (`fisher.ts`) on the windows of a
 * corpus: the paper's batch-mean form over all windows, and the per-token form over a seeded sample
 * of tokens, which needs a pass of a whole window each. A graph with an operator without an adjoint
 * is reported as such, not as a failure.
 */
import type { LanguageModel, TokenModel } from '../../models/model.ts';
import { GraphError } from '../../onnx/graph.ts';
import type { Compute } from '../../runtime/training/network.ts';
import { FISHER_SHARE } from '../predictions/evaluation-masking.ts';
import { fisherBatches } from './batches.ts';
import { differentiable } from './differentiable-onnx.ts';
import { empiricalFisher, type FisherSummary } from './fisher.ts';

/** Approximate number of tokens of the per-token form. */
const SAMPLED_TOKENS = 64;
/** Share of the whole progress. */
const BATCH_PART = 0.8;

export interface ParameterInformation {
  readonly batchMean: FisherSummary;
  readonly perToken: FisherSummary;
  /** Share of the tokens that the per-token form used. */
  readonly sampledShare: number;
}

export interface InformationOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number) => void;
}

/** The reason when the graph cannot be differentiated. */
export interface NotDifferentiable {
  readonly why: string;
}

/** @throws for a gradient that is not finite, or when no token was predicted. */
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
    if (error instanceof GraphError) return { why: `its graph cannot be differentiated: ${error.message}` };
    throw error;
  }
}

/** Share of the tokens that the per-token form uses. */
export function sampledShare(model: Pick<TokenModel, 'reads' | 'tokens'>, windows: readonly string[]): number {
  const tokens = windows.reduce((sum, window) => sum + model.tokens(window), 0);
  const asked = model.reads === 'causal' ? tokens : tokens * FISHER_SHARE;
  return Math.min(1, SAMPLED_TOKENS / asked);
}
