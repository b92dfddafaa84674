/**
 * Input attribution: the gradient of a language model's loss, or of a logit, with respect to the
 * word vectors, before positions are added. Two values per token: the inner product of the gradient
 * with the word vector ("gradient times input", Shrikumar et al. 2016; signed, the first-order
 * change if the vector went to 0, with the sign reversed) and the norm of the gradient (Simonyan et
 * al. 2013). Both are local: there is no baseline input and no integration along a path.
 *
 * A token's value can be spread evenly over the letters that it spans. The sum stays the same.
 */
import { gradients } from '../../onnx/autodiff.ts';
import type { Tensor } from '../../onnx/graph.ts';
import * as op from '../../onnx/operators/functions.ts';
import { openGraph } from '../../runtime/graph-session.ts';
import type { SessionOptions } from '../../runtime/session.ts';
import { pick } from '../../runtime/training/network.ts';
import type { FisherBatch } from '../fisher/batches.ts';
import type { DifferentiableModel } from '../fisher/differentiable-model.ts';
import { questions, TARGETS } from '../fisher/squared-gradients.ts';

/**
 * The function that is differentiated: the cross-entropy (nats) or the logit of the targets at the
 * chosen positions, summed over the positions of a window.
 */
export type SaliencyObjective = 'loss' | 'logit';

export interface TokenSaliency {
  readonly rows: number;
  readonly tokens: number;
  /**
   * `[rows, tokens]`, signed. For the loss, a positive value means that the token raises the loss.
   */
  readonly gradientTimesInput: Float32Array;
  /** `[rows, tokens]` */
  readonly gradientNorm: Float32Array;
}

export interface Saliency {
  /**
   * Windows do not change each other's values. @throws when no token is chosen, or a gradient is
   * not finite.
   */
  run(batch: FisherBatch): Promise<TokenSaliency>;
  dispose(): Promise<void>;
}

/** Objectives as sums over rows of logits [m, vocabulary] at targets [m]. */
const OBJECTIVES: Readonly<Record<SaliencyObjective, (logits: Tensor, targets: Tensor) => Tensor>> = {
  loss: (logits, targets) => op.negate(pickedSum(op.logSoftmax(logits), targets)),
  logit: pickedSum,
};

function pickedSum(values: Tensor, targets: Tensor): Tensor {
  return op.reduceSum(op.gatherElements(values, op.unsqueeze(targets, [1]), 1));
}

/** @throws when the model has no word vectors. */
export async function openSaliency(
  model: DifferentiableModel,
  options: Pick<SessionOptions, 'device' | 'threads'> & { readonly objective: SaliencyObjective },
): Promise<Saliency> {
  const { objective, ...compute } = options;
  const { graph, logits, embedded } = model.build();
  if (!embedded)
    throw new Error(`${model.label} looks up no word vectors [rows, tokens, width], so there is no saliency`);
  const targets = graph.input(TARGETS, 'int64', ['m']);
  const [gradient] = gradients(OBJECTIVES[objective](logits, targets), [embedded]); // [rows, tokens, d]
  graph.output('gradientTimesInput', op.reduceSum(op.multiply(gradient, embedded), [-1])); // [rows, tokens]
  graph.output('gradientNorm', op.reduceL2(gradient, [-1])); // [rows, tokens]
  const label = `${model.label} (saliency)`;
  const session = await openGraph(graph, model, { ...compute, label });
  return {
    async run(batch) {
      if (batch.places.length === 0) throw new Error(`${label}: no token was chosen, so there is no saliency`);
      const results = await session.run(pick(session, { ...batch.feeds, ...questions(batch) }));
      const [gradientTimesInput, gradientNorm] = ['gradientTimesInput', 'gradientNorm'].map((name) => {
        const data = results[name].data as Float32Array;
        const bad = data.findIndex((value) => !Number.isFinite(value));
        if (bad >= 0)
          throw new Error(
            `${label}: ${name} is ${data[bad]} at token ${(bad % batch.tokens) + 1} of window ${Math.floor(bad / batch.tokens) + 1}`,
          );
        return data;
      });
      return { rows: batch.rows, tokens: batch.tokens, gradientTimesInput, gradientNorm };
    },
    dispose: () => session.dispose(),
  };
}

/** Letters that a token spans, `end` exclusive; undefined for tokens that span none. */
export type TokenSpan = { readonly start: number; readonly end: number } | undefined;

/**
 * Spans of consecutive tokens without gap or overlap, from the number of letters of each token (0:
 * a special token).
 */
export function consecutiveSpans(letters: ArrayLike<number>): TokenSpan[] {
  let end = 0;
  return Array.from(letters, (count) => {
    if (count === 0) return undefined;
    const start = end;
    end += count;
    return { start, end };
  });
}

export interface LetterSaliency {
  /** `[letters]` */
  readonly letters: Float64Array;
  /**
   * Sum over tokens that span no letter. The letters and this value add up to the sum over tokens.
   */
  readonly elsewhere: number;
}

/**
 * Spreads each token's value in equal parts over its letters; a letter under several overlapping
 * tokens gets the sum. @throws for spans outside the window.
 */
export function spreadOverLetters(
  values: ArrayLike<number>,
  spans: readonly TokenSpan[],
  length: number,
): LetterSaliency {
  if (values.length < spans.length) throw new Error(`${values.length} values for ${spans.length} spans of tokens`);
  const letters = new Float64Array(length);
  let elsewhere = 0;
  spans.forEach((span, t) => {
    if (!span) {
      elsewhere += values[t];
      return;
    }
    const { start, end } = span;
    if (!(Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start < end && end <= length))
      throw new Error(`token ${t + 1} spans letters ${start} to ${end} of ${length}`);
    for (let i = start; i < end; i++) letters[i] += values[t] / (end - start);
  });
  return { letters, elsewhere };
}
