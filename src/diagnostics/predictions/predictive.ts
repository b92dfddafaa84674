/**
 * Summary of a model's predictive distributions, accumulated row by row: entropy, distance from
 * uniform, perplexity, accuracy, calibration, and the mean distribution by rank (arXiv 2604.04287;
 * `src/analyze/distribution/distribution.py` of lbcb-sci/GFMs). One row is one predicted position;
 * the caller decides which positions are predicted and how they are masked. The whole vocabulary
 * counts, special tokens too, as in the paper.
 *
 * Names contain the units. Tokens of different tokenizers span different stretches of DNA: compare
 * models by the numbers per nucleotide (uniform DNA: 2 bits), never per token.
 */
import { CALIBRATION_BINS } from '../../metrics/probability.ts';
import { PAPER_EPSILON, rowsOf, softmaxRow } from './softmax.ts';

export interface PredictiveRows {
  /** `[rows, vocabulary]` before the softmax. */
  readonly logits: Float32Array | Float64Array;
  /** `[rows]` true token ids. Given in every call or in none. */
  readonly targets?: ArrayLike<number>;
  /**
   * `[rows]` nucleotides (text: characters) of the true token, 0 for a special one. Given in every
   * call or in none.
   */
  readonly nucleotides?: ArrayLike<number>;
}

export interface ReliabilityBin {
  /** Confidences in (lower, upper]; the first bin includes 0. */
  readonly lower: number;
  readonly upper: number;
  readonly rows: number;
  /** NaN for an empty bin. */
  readonly meanConfidence: number;
  readonly accuracy: number;
}

export interface PredictiveSummary {
  readonly rows: number;
  readonly vocabulary: number;
  /** Mean entropy -sum p log p. */
  readonly entropyNats: number;
  readonly entropyBits: number;
  /** Entropy over log V, 0..1 (not in the paper). */
  readonly normalisedEntropy: number;
  /** KL(p || uniform) = log2 V - entropy, 0..log2 V. The direction of the paper's first version. */
  readonly klModelToUniformBits: number;
  /**
   * KL(uniform || p), 0..infinity: dominated by the tokens that the model excludes. The direction
   * of the paper's code since May 2026.
   */
  readonly klUniformToModelBits: number;
  /**
   * The same as computed by the paper's code: log2(p + 1e-10) in the entropy, probabilities clamped
   * at 1e-10 in both KL.
   */
  readonly paper: {
    readonly entropyBits: number;
    readonly klModelToUniformBits: number;
    readonly klUniformToModelBits: number;
  };
  /** Sums of bits over sums of nucleotides; rows without nucleotides add their bits. */
  readonly perNucleotide?: {
    readonly nucleotides: number;
    readonly entropyBits: number;
    readonly klModelToUniformBits: number;
    /** Only with targets. */
    readonly nllBits?: number;
  };
  readonly accuracy?: {
    /** Mean negative log-likelihood of the true token. */
    readonly nllNats: number;
    readonly nllBits: number;
    /** exp(nllNats). */
    readonly perplexity: number;
    /** Share of rows whose most probable token is the true one; ties go to the lowest id. */
    readonly top1: number;
    /** Expected calibration error: |accuracy - mean confidence| averaged over bins, weighted by rows (Guo et al. 2017). */
    readonly calibrationError: number;
    readonly reliability: readonly ReliabilityBin[];
  };
  /** `[vocabulary]` mean probability of the most probable token, of the second, ... */
  readonly rankedDistribution: Float64Array;
}

export interface Predictive {
  add(rows: PredictiveRows): void;
  /** @throws when no row was added. */
  summary(): PredictiveSummary;
}

/**
 * An empty accumulator for a model with `vocabulary` outputs. `bins`: number of bins of equal width
 * for the calibration.
 */
export function createPredictive(vocabulary: number, { bins = CALIBRATION_BINS } = {}): Predictive {
  if (!(Number.isInteger(vocabulary) && vocabulary >= 2))
    throw new Error(`a vocabulary of ${vocabulary} is too small; the minimum is 2`);
  if (!(Number.isInteger(bins) && bins >= 1)) throw new Error(`${bins} calibration bins are too few; the minimum is 1`);
  const probabilities = new Float64Array(vocabulary);
  const ranked = new Float64Array(vocabulary); // least probable first
  const sums = {
    rows: 0,
    entropy: 0,
    uniform: 0,
    paperEntropy: 0,
    paperModel: 0,
    paperUniform: 0,
    nll: 0,
    nucleotides: 0,
  };
  const reliability = createReliability(bins);
  let given: string | undefined;

  /** One row without its target: entropies and divergences in nats except the paper's. */
  const addDistribution = (logits: PredictiveRows['logits'], start: number) => {
    const { maximum, logSum, top } = softmaxRow(logits, start, probabilities, sums.rows);
    let [expected, total] = [0, 0]; // of log p, up to logSum: over p, and over all tokens with equal weight
    for (let i = 0; i < vocabulary; i++) {
      const p = probabilities[i];
      const relative = logits[start + i] - maximum;
      if (p > 0) expected += p * relative;
      total += relative;
      const clamped = Math.max(p, PAPER_EPSILON);
      const log = Math.log2(clamped);
      sums.paperEntropy -= p * Math.log2(p + PAPER_EPSILON);
      sums.paperModel += clamped * (log + Math.log2(vocabulary));
      sums.paperUniform -= (log + Math.log2(vocabulary)) / vocabulary;
    }
    sums.entropy += logSum - expected;
    sums.uniform += logSum - total / vocabulary - Math.log(vocabulary);
    probabilities.sort();
    for (let i = 0; i < vocabulary; i++) ranked[i] += probabilities[i];
    sums.rows += 1;
    return { maximum, logSum, top, confidence: probabilities[vocabulary - 1] };
  };

  return {
    add({ logits, targets, nucleotides }) {
      const rows = rowsOf(logits, vocabulary);
      const kind = `${targets ? 'with' : 'without'} targets and ${nucleotides ? 'with' : 'without'} nucleotides`;
      if (given !== undefined && given !== kind)
        throw new Error(`rows ${kind} after rows ${given}; all calls must be alike`);
      given = kind;
      for (const [name, list] of Object.entries({ targets, nucleotides }))
        if (list && list.length !== rows) throw new Error(`${list.length} ${name} for ${rows} rows of logits`);
      for (let r = 0; r < rows; r++) {
        const { maximum, logSum, top, confidence } = addDistribution(logits, r * vocabulary);
        if (targets) {
          const target = targets[r];
          if (!(Number.isInteger(target) && target >= 0 && target < vocabulary))
            throw new Error(
              `target of row ${sums.rows - 1} is ${target}; expected a token id from 0 to ${vocabulary - 1}`,
            );
          sums.nll += logSum + maximum - logits[r * vocabulary + target];
          reliability.add(confidence, top === target);
        }
        if (nucleotides) {
          if (!(nucleotides[r] >= 0)) throw new Error(`row ${sums.rows - 1} spans ${nucleotides[r]} nucleotides`);
          sums.nucleotides += nucleotides[r];
        }
      }
    },
    summary() {
      const { rows } = sums;
      if (rows === 0) throw new Error('predictive summary of no rows: was any position masked?');
      const withTargets = given?.startsWith('with targets');
      const bits = (nats: number) => nats / Math.LN2;
      const entropyNats = sums.entropy / rows;
      return {
        rows,
        vocabulary,
        entropyNats,
        entropyBits: bits(entropyNats),
        normalisedEntropy: entropyNats / Math.log(vocabulary),
        klModelToUniformBits: bits(Math.log(vocabulary) - entropyNats),
        klUniformToModelBits: bits(sums.uniform / rows),
        paper: {
          entropyBits: sums.paperEntropy / rows,
          klModelToUniformBits: sums.paperModel / rows,
          klUniformToModelBits: sums.paperUniform / rows,
        },
        ...(given?.endsWith('with nucleotides') && {
          perNucleotide: {
            nucleotides: sums.nucleotides,
            entropyBits: bits(sums.entropy / sums.nucleotides),
            klModelToUniformBits: bits((rows * Math.log(vocabulary) - sums.entropy) / sums.nucleotides),
            ...(withTargets && { nllBits: bits(sums.nll / sums.nucleotides) }),
          },
        }),
        ...(withTargets && {
          accuracy: {
            nllNats: sums.nll / rows,
            nllBits: bits(sums.nll / rows),
            perplexity: Math.exp(sums.nll / rows),
            ...reliability.summary(),
          },
        }),
        rankedDistribution: ranked.map((sum) => sum / rows).reverse(),
      };
    },
  };
}

/** Confidence compared with accuracy, in bins of equal width. */
function createReliability(bins: number) {
  const rows = new Float64Array(bins);
  const confidences = new Float64Array(bins);
  const right = new Float64Array(bins);
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  return {
    add(confidence: number, correct: boolean) {
      const bin = Math.min(Math.max(Math.ceil(confidence * bins) - 1, 0), bins - 1);
      rows[bin] += 1;
      confidences[bin] += confidence;
      right[bin] += Number(correct);
    },
    summary: () => ({
      top1: total(right) / total(rows),
      calibrationError: total(right.map((count, bin) => Math.abs(count - confidences[bin]))) / total(rows),
      reliability: Array.from({ length: bins }, (_, bin) => ({
        lower: bin / bins,
        upper: (bin + 1) / bins,
        rows: rows[bin],
        meanConfidence: confidences[bin] / rows[bin],
        accuracy: right[bin] / rows[bin],
      })),
    }),
  };
}
