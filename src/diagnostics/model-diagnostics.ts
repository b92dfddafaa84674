/**
 * The diagnostics that the leaderboard shows next to a model's score, measured on sequences of the
 * task: the uncertainty of its predictions, their distance from uniform, and the share of the
 * empirical Fisher information in the embeddings, all as `diagnose` measures them (arXiv
 * 2604.04287), on fewer windows and without floors, geometry and controls. For a model that does
 * not support a measure, the reason is given.
 */
import { freemem } from 'node:os';
import type { LanguageModel } from '../models/model.ts';
import { GraphError } from '../onnx/graph.ts';
import { OutOfMemoryError } from '../runtime/session.ts';
import type { Compute } from '../runtime/training/network.ts';
import { readable } from './corpus/sample.ts';
import { FISHER_BATCH, fisherBatches } from './fisher/batches.ts';
import { differentiable } from './fisher/differentiable-onnx.ts';
import { empiricalFisher } from './fisher/fisher.ts';
import { DISTRIBUTION_SHARE, NothingAsked } from './predictions/evaluation-masking.ts';
import { type AskOptions, askedPredictions, whyNotAsked } from './predictions/predictions.ts';
import { readsTokens, tokenReader } from './predictions/token-batches.ts';

/** Number of sequences for predictions; the first of them are used for Fisher information. */
export const MEASURED_SEQUENCES = 128;
const FISHER_SEQUENCES = 4 * FISHER_BATCH;
/**
 * Errors that leave a model without diagnostics and keep its score. A number that is not finite is
 * not one of them.
 */
const REASONS = [NothingAsked, GraphError, OutOfMemoryError];
/**
 * Approximate number of floats of a differentiated block per token and unit of width; and copies of
 * the weights: values, gradients, the session's own.
 */
const HELD_FLOATS = 40;
const WEIGHT_COPIES = 3;

export interface Measures {
  /** Sequences read, and tokens predicted. */
  readonly sequences: number;
  readonly tokens: number;
  /** Mean predictive entropy, bits per nucleotide: sums of bits over sums of nucleotides. Uniform over DNA: 2. */
  readonly entropyBits: number;
  /** Mean KL(model || uniform) = log2 V - entropy, bits per token. */
  readonly klModelToUniformBits: number;
  /** Negative log-likelihood of the true tokens, bits per nucleotide. */
  readonly nllBits: number;
  /**
   * Share of the trace of the empirical Fisher information, batch-mean form, tied tables counted
   * once, as in the paper.
   */
  readonly fisher?: {
    readonly sequences: number;
    /**
     * Share of word, position and type embeddings and their normalisation, 0..1, and their share of
     * the parameters.
     */
    readonly embeddings: number;
    readonly embeddingParameters: number;
  };
  /** Why `fisher` is missing. */
  readonly missing?: string;
}

/** Why they are missing. */
export interface Unmeasured {
  readonly missing: string;
}

export interface MeasureOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number, message: string) => void;
}

/**
 * Measures a model on sequences. Sequences that are too long for it are cut.
 * @throws for logits or gradients that are not finite.
 */
export async function measure(
  model: LanguageModel,
  sequences: readonly string[],
  { compute, seed, progress }: MeasureOptions,
): Promise<Measures | Unmeasured> {
  const missing = readsTokens(model) ? whyNotAsked(model) : 'the model reads no token ids';
  if (missing !== undefined) return { missing };
  const windows = sequences.map((sequence) => readable(sequence, (text) => model.tokens(text)));
  let known: Measures | undefined;
  try {
    known = await predictions(model, windows, {
      ...{ compute, seed },
      progress: (fraction) => progress?.(fraction / 2, 'predictive entropy'),
    });
    const short = shortOfMemory(model, windows, compute);
    if (short !== undefined) return { ...known, missing: short };
    return {
      ...known,
      fisher: await fisherShare(model, windows.slice(0, FISHER_SEQUENCES), { compute, seed, progress }),
    };
  } catch (error) {
    if (REASONS.some((reason) => error instanceof reason)) return { ...known, missing: (error as Error).message };
    throw error;
  }
}

/**
 * On the CPU a process that needs too much memory is killed without an error; a GPU reports an
 * error. Undefined when gradients should fit.
 */
function shortOfMemory(model: LanguageModel, windows: readonly string[], { device }: Compute): string | undefined {
  const longest = windows.reduce((most, window) => Math.max(most, model.tokens(window)), 0);
  const held = FISHER_BATCH * longest * HELD_FLOATS * model.dimension * (model.layers + 1);
  const bytes = 4 * (WEIGHT_COPIES * (model.parameterCount ?? 0) + held);
  const gib = (size: number) => `${(size / 2 ** 30).toFixed(1)} GiB`;
  const free = freemem();
  if (device !== 'cpu' || bytes < free) return undefined;
  return `Fisher information would need about ${gib(bytes)} of memory; ${gib(free)} are free`;
}

async function predictions(
  model: LanguageModel,
  windows: readonly string[],
  options: Omit<AskOptions, 'share'>,
): Promise<Measures> {
  const asked = await askedPredictions(tokenReader(model), windows, { ...options, share: DISTRIBUTION_SHARE });
  const { rows, klModelToUniformBits, perNucleotide } = asked;
  return {
    sequences: windows.length,
    tokens: rows,
    entropyBits: perNucleotide?.entropyBits ?? Number.NaN,
    klModelToUniformBits,
    nllBits: perNucleotide?.nllBits ?? Number.NaN,
  };
}

async function fisherShare(
  model: LanguageModel,
  windows: readonly string[],
  { compute, seed, progress }: MeasureOptions,
): Promise<Measures['fisher']> {
  const graph = await differentiable(model, windows);
  const { sections } = await empiricalFisher(graph, fisherBatches(windows, model, { seed }), {
    ...compute,
    form: 'batch-mean',
    progress: (done) => progress?.(0.5 + done.windows / windows.length / 2, 'Fisher information'),
  });
  const embeddings = sections.find(({ section }) => section === 'embeddings');
  return {
    sequences: windows.length,
    embeddings: embeddings?.share ?? 0,
    embeddingParameters: embeddings?.parameterShare ?? 0,
  };
}
