/**
 * The empirical Fisher information of a language model's parameters: its diagonal, summed over the
 * parts of the model. Gradients are taken at the true tokens. There are two forms. T is the number
 * of predicted tokens.
 *
 *   batch-mean   F = 1/T sum over batches of (d mean CE of the batch / d theta)^2
 *   per-token    F = 1/T sum over tokens of (d CE of the token / d theta)^2
 *
 * The batch-mean form is computed by the code of arXiv 2604.04287 (`src/analyze/fisher/fisher.py`
 * of lbcb-sci/GFMs) and needs one backward pass per batch. Its scale depends on the batch size, so
 * only shares can be compared. The per-token form is the textbook definition. A token's loss
 * depends on its whole window, so each token needs a forward and a backward pass of its window; a
 * seeded sample of tokens estimates the sum without bias.
 *
 * Memory does not grow with the number of batches. This is not the true Fisher information, which
 * takes the expectation over tokens drawn from the model's own predictions.
 */
import { createRandom } from '../../core/random.ts';
import type { SessionOptions } from '../../runtime/session.ts';
import { NothingAsked } from '../predictions/evaluation-masking.ts';
import type { FisherBatch } from './batches.ts';
import type { DifferentiableModel } from './differentiable-model.ts';
import { openTokenSquares, type TokenSquares } from './per-token-gradients.ts';
import { type BatchSquares, type SquaredGradients, squaredGradients } from './squared-gradients.ts';
import { type FisherTensor, type FisherView, viewAsBuilt, viewByRole } from './summary.ts';

export type FisherForm = 'batch-mean' | 'per-token';

export interface FisherOptions extends Pick<SessionOptions, 'device' | 'threads'> {
  readonly form: FisherForm;
  /**
   * Per-token form: each token is used with this probability, drawn from the seed. Default: all
   * tokens.
   */
  readonly sample?: { readonly share: number; readonly seed: number };
  /** Called after every batch with the number of windows and tokens done so far. */
  readonly progress?: (done: { readonly windows: number; readonly tokens: number }) => void;
}

export interface FisherSummary extends FisherView {
  readonly form: FisherForm;
  readonly windows: number;
  readonly batches: number;
  /** Number of windows of the largest batch. The scale of the batch-mean form depends on it. */
  readonly batchSize: number;
  /** T: the number of predicted tokens. */
  readonly tokens: number;
  /** Mean cross-entropy over tokens, nats. */
  readonly loss: number;
  readonly tensors: readonly FisherTensor[];
  /** For a tied word table: the same with look-up and output matrix as two tables. */
  readonly byRole?: FisherView;
  /** Parameters that the loss does not depend on; they are counted nowhere. */
  readonly unused: readonly string[];
}

/**
 * @throws when no token was predicted, a gradient is not finite, or the graph cannot be
 *   differentiated.
 */
export async function empiricalFisher(
  model: DifferentiableModel,
  batches: Iterable<FisherBatch> | AsyncIterable<FisherBatch>,
  options: FisherOptions,
): Promise<FisherSummary> {
  const { form, sample, progress } = options;
  if (sample && form !== 'per-token') throw new Error(`sample: the ${form} form uses all tokens of a batch`);
  const draw = sampler(sample);
  let opened: Opened | undefined;
  try {
    for await (const batch of batches) {
      const asked = draw(batch);
      opened ??= await OPEN[form](model, batch.tokens, options);
      const { source, sums } = opened;
      if (asked.length > 0) await source.run(batch, asked, sums.add);
      sums.batch(batch.rows);
      progress?.(sums.done());
    }
    if (!opened) throw new Error(`${model.label}: there are no batches to compute Fisher information on`);
    return { form, ...opened.sums.summary(model.label) };
  } finally {
    await opened?.source.dispose();
  }
}

/**
 * Which positions of each batch count, batch after batch; all when nothing is sampled. @throws for
 * a share outside (0, 1].
 */
export function sampler(sample: FisherOptions['sample']): (batch: Pick<FisherBatch, 'places'>) => number[] {
  if (!sample) return ({ places }) => [...places.keys()];
  const { share, seed } = sample;
  if (!(share > 0 && share <= 1)) throw new Error(`sample.share is ${share}; it must be above 0 and at most 1`);
  const random = createRandom(`fisher-sample:${seed}`);
  return ({ places }) => [...places.keys()].filter(() => random.next() < share);
}

interface Opened {
  readonly source: TokenSquares;
  readonly sums: ReturnType<typeof createSums>;
}

type Open = (
  model: DifferentiableModel,
  tokens: number,
  compute: Pick<SessionOptions, 'device' | 'threads'>,
) => Promise<Opened>;

const opened = (source: TokenSquares): Opened => ({ source, sums: createSums(source) });

const OPEN: Readonly<Record<FisherForm, Open>> = {
  'per-token': async (model, tokens, { device, threads }) =>
    opened(await openTokenSquares(model, { tokens, device, threads })),
  async 'batch-mean'(model, _tokens, { device, threads }) {
    const source = await squaredGradients(model, { of: 'batch' }, { device, threads });
    return opened({
      ...source,
      async run(batch, asked, add) {
        add(await source.run(batch), asked.length);
      },
    });
  },
};

function createSums({ parameters, unused }: Pick<SquaredGradients, 'parameters' | 'unused'>) {
  const squares = new Float64Array(parameters.length);
  const roles = new Float64Array(2 * parameters.length);
  const counts = { windows: 0, batches: 0, batchSize: 0, tokens: 0, loss: 0 };
  return {
    done: () => ({ windows: counts.windows, tokens: counts.tokens }),
    add(batch: BatchSquares, tokens: number) {
      for (let i = 0; i < squares.length; i++) squares[i] += batch.squares[i];
      for (let i = 0; i < roles.length; i++) roles[i] += batch.roles[i];
      counts.tokens += tokens;
      counts.loss += batch.loss * tokens;
    },
    batch(rows: number) {
      counts.windows += rows;
      counts.batches += 1;
      counts.batchSize = Math.max(counts.batchSize, rows);
    },
    summary(label: string): Omit<FisherSummary, 'form'> {
      const { tokens } = counts;
      if (tokens === 0)
        throw new NothingAsked(`${label}: there are no predicted tokens to compute Fisher information on`);
      const tensors = parameters.map(({ name, size, group, part }, i): FisherTensor => {
        // Sums of products can round to slightly below 0 when the square is 0.
        const mean = (sum: number) => Math.max(0, sum / tokens);
        const [fisher, input, output] = [squares[i], roles[2 * i], roles[2 * i + 1]].map(mean);
        const tied = input + output > 0 && { roles: { input, output, cross: fisher - input - output } };
        return { name, group, ...(part && { part }), parameters: size, fisher, ...tied };
      });
      const byRole = viewByRole(tensors);
      return {
        ...counts,
        loss: counts.loss / tokens,
        tensors,
        unused,
        ...viewAsBuilt(tensors),
        ...(byRole && { byRole }),
      };
    },
  };
}
