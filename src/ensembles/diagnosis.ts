/**
 * All measures of a matched ensemble on a corpus without labels (arXiv 2604.04287): the entropy of
 * its members, their disagreement, the stability of their static and contextual embeddings, and the
 * distribution of their Fisher information. All members get the same windows with the same tokens
 * hidden. No member may have been trained on the corpus. A measure that is not possible is left
 * out, with the reason.
 */

import type { Matrix } from '../core/matrix.ts';
import type { CorpusKind } from '../diagnostics/corpus/corpus.ts';
import { sampleCorpus } from '../diagnostics/corpus/sample.ts';
import { wordTable } from '../diagnostics/geometry/word-table.ts';
import { DISTRIBUTION_SHARE } from '../diagnostics/predictions/evaluation-masking.ts';
import { whyNotAsked } from '../diagnostics/predictions/predictions.ts';
import { tokenReader } from '../diagnostics/predictions/token-batches.ts';
import type { FrozenModel } from '../models/model.ts';
import type { Compute } from '../runtime/training/network.ts';
import { type EnsembleContextual, type EnsembleStatic, ensembleContextual, ensembleStatic } from './embeddings.ts';
import { type EnsembleFisher, ensembleFisher } from './fisher.ts';
import { requireMatched } from './members.ts';
import { type EnsemblePredictions, ensemblePredictions } from './predictions.ts';

export interface EnsembleDiagnosisOptions {
  readonly corpus: string;
  /** Windows of the corpus that are measured on. */
  readonly sequences: number;
  /** Seed of the choice of windows and of hidden tokens. */
  readonly seed: number;
  readonly compute: Compute;
  readonly progress?: (fraction: number, message: string) => void;
}

export interface EnsembleDiagnosis {
  readonly members: number;
  readonly corpus: {
    readonly kind: CorpusKind;
    /** Number of windows in all, and measured. */
    readonly windows: number;
    readonly measured: number;
    /** Maximum number of letters of a window. */
    readonly letters: number;
    readonly shortened: number;
  };
  /** Share of the tokens that were predicted. */
  readonly share: number;
  readonly predictions?: EnsemblePredictions;
  readonly staticEmbeddings?: EnsembleStatic;
  readonly contextual?: EnsembleContextual;
  readonly fisher?: EnsembleFisher;
  readonly missing: readonly { readonly what: string; readonly why: string }[];
}

/** Minimum number of windows for geometry. */
const LEAST_WINDOWS = 3;

/**
 * @throws for members that are not matched, a corpus that cannot be read, and numbers that are not
 *   finite.
 */
export async function diagnoseEnsemble(
  members: readonly FrozenModel[],
  { corpus, sequences, seed, compute, progress }: EnsembleDiagnosisOptions,
): Promise<EnsembleDiagnosis> {
  if (members.length === 0) throw new Error('an ensemble of 0 members; at least two are needed');
  const missing: { what: string; why: string }[] = [];
  const part = (from: number, to: number, message: string) => (done: number) =>
    progress?.(from + (to - from) * done, message);
  const [first] = members;
  progress?.(0, 'read the corpus');
  const { kind, total, letters, shortened, windows } = await sampleCorpus(corpus, {
    ...{ sequences, seed, tokens: (text) => first.tokens(text) },
    maxLetters: first.limits?.maxNucleotides,
    lettersPerToken: first.limits?.nucleotidesPerToken,
  });
  const readers = members.map(tokenReader);
  requireMatched(readers, windows);

  const refusal = members.map(whyNotAsked).find((why) => why !== undefined);
  const asking = { compute, seed };
  let predictions: EnsemblePredictions | undefined;
  if (refusal === undefined)
    predictions = await ensemblePredictions(readers, windows, {
      ...{ ...asking, share: DISTRIBUTION_SHARE },
      progress: part(0.02, 0.35, 'predict hidden tokens'),
    });
  else missing.push({ what: 'predictions', why: refusal });

  const tables = members.map(wordTable).filter((table): table is Matrix => table !== undefined);
  let staticEmbeddings: EnsembleStatic | undefined;
  if (tables.length === members.length)
    staticEmbeddings = ensembleStatic(tables, part(0.35, 0.6, 'compare static embeddings'));
  else missing.push({ what: 'staticEmbeddings', why: 'a member has no table of static embeddings that can be read' });

  let contextual: EnsembleContextual | undefined;
  if (windows.length >= LEAST_WINDOWS)
    contextual = await ensembleContextual(readers, windows, {
      ...asking,
      progress: part(0.6, 0.75, 'compare hidden states'),
    });
  else
    missing.push({ what: 'contextual', why: `${windows.length} windows are too few; geometry needs ${LEAST_WINDOWS}` });

  let fisher: EnsembleFisher | undefined;
  if (refusal === undefined) {
    const found = await ensembleFisher(members, windows, {
      ...asking,
      progress: part(0.75, 1, 'Fisher information'),
    });
    if ('why' in found) missing.push({ what: 'fisher', why: found.why });
    else fisher = found;
  } else missing.push({ what: 'fisher', why: refusal });

  return {
    members: members.length,
    corpus: { kind, windows: total, measured: windows.length, letters, shortened },
    share: DISTRIBUTION_SHARE,
    ...{ predictions, staticEmbeddings, contextual, fisher, missing },
  };
}
