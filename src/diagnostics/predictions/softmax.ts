/** One row of logits as probabilities, in float64 whatever the type of the logits. */

/**
 * The constant that the paper's code adds to probabilities, or clamps them at, before a logarithm
 * (lbcb-sci/GFMs).
 */
export const PAPER_EPSILON = 1e-10;

export interface SoftmaxRow {
  /** Largest logit. */
  readonly maximum: number;
  /** Logarithm (nats) of the sum of exp(logit - maximum): log p = logit - maximum - logSum. */
  readonly logSum: number;
  /** Index of the largest logit; the lowest index among equals. */
  readonly top: number;
}

/**
 * Softmax of `logits[start .. start + into.length)` into `into`. A logit of -Infinity is a
 * probability of 0.
 * @throws when a logit is NaN or +Infinity, or all are -Infinity; the message names `row`.
 */
export function softmaxRow(
  logits: Float32Array | Float64Array,
  start: number,
  into: Float64Array,
  row: number,
): SoftmaxRow {
  let top = 0;
  for (let i = 0; i < into.length; i++) {
    const logit = logits[start + i];
    if (!(logit < Number.POSITIVE_INFINITY)) throw new Error(`logits: row ${row}, token ${i} is ${logit}`);
    if (logit > logits[start + top]) top = i;
  }
  const maximum = logits[start + top];
  if (maximum === Number.NEGATIVE_INFINITY) throw new Error(`logits: row ${row} is -Infinity for every token`);
  let sum = 0;
  for (let i = 0; i < into.length; i++) {
    into[i] = Math.exp(logits[start + i] - maximum);
    sum += into[i];
  }
  for (let i = 0; i < into.length; i++) into[i] /= sum;
  return { maximum, logSum: Math.log(sum), top };
}

/**
 * Number of rows of a block of logits. @throws when its length is not a multiple of the vocabulary.
 */
export function rowsOf(logits: Float32Array | Float64Array, vocabulary: number): number {
  if (logits.length % vocabulary !== 0)
    throw new Error(`logits: ${logits.length} numbers are not a whole number of rows of a vocabulary of ${vocabulary}`);
  return logits.length / vocabulary;
}
