/**
 * The few numbers that stand beside a model's score on the leaderboard, of the sequences of the very task: how uncertain its predictions are and how far from
 * uniform, and how much of the empirical Fisher information lies in the embeddings, all as `diagnose` measures them (arXiv 2604.04287), on fewer windows and without
 * floors, geometry and controls. A model that can't be asked yields the reason.
 */
import type { FrozenModel } from '../models/types.ts';
import { GraphError } from '../onnx/graph.ts';
import type { Compute } from '../runtime/network.ts';
import { readable } from './corpus-sample.ts';
import { differentiableModel } from './differentiable-model.ts';
import { DISTRIBUTION_SHARE, NothingAsked } from './evaluation-masking.ts';
import { empiricalFisher } from './fisher.ts';
import { FISHER_BATCH, fisherBatches } from './fisher-batches.ts';
import { type AskOptions, askedPredictions, whyNotAsked } from './predictions.ts';
import { readsTokens, tokenReader } from './token-batches.ts';

/** Sequences that tell of predictions; the first of them tell of Fisher information. */
export const MEASURED_SEQUENCES = 128;
const FISHER_SEQUENCES = 4 * FISHER_BATCH;

export interface Measures {
  /** Sequences read, and tokens asked for. */
  readonly sequences: number;
  readonly tokens: number;
  /** Mean predictive entropy, bits per nucleotide: sums of bits over sums of nucleotides. Uniform over DNA: 2. */
  readonly entropyBits: number;
  /** Mean KL(model || uniform) = log2 V - entropy, bits per token. */
  readonly klModelToUniformBits: number;
  /** Negative log-likelihood of the true tokens, bits per nucleotide. */
  readonly nllBits: number;
  /** Of the trace of the empirical Fisher information, batch-mean form, tied tables counted once, as in the paper. */
  readonly fisher?: {
    readonly sequences: number;
    /** Of word, position and type embeddings and their normalisation, 0..1, and their share of the parameters. */
    readonly embeddings: number;
    readonly embeddingParameters: number;
  };
  /** Why there is no `fisher`. */
  readonly missing?: string;
}

/** Why there are none. */
export interface Unmeasured {
  readonly missing: string;
}

export interface MeasureOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number, message: string) => void;
}

/**
 * Measures a model on sequences, of which those too long for it lose their ends.
 * @throws for logits or gradients that are not finite, and where no token was asked for.
 */
export async function measure(
  model: FrozenModel,
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
    return {
      ...known,
      fisher: await fisherShare(model, windows.slice(0, FISHER_SEQUENCES), { compute, seed, progress }),
    };
  } catch (error) {
    if (error instanceof NothingAsked || error instanceof GraphError) return { ...known, missing: error.message };
    throw error;
  }
}

async function predictions(
  model: FrozenModel,
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
  model: FrozenModel,
  windows: readonly string[],
  { compute, seed, progress }: MeasureOptions,
): Promise<Measures['fisher']> {
  const { sections } = await empiricalFisher(differentiableModel(model), fisherBatches(windows, model, { seed }), {
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
