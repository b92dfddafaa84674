/**
 * All that is measured on a matched ensemble and a corpus without labels (arXiv 2604.04287): how undecided its members are, how far they disagree, how stable their static and
 * contextual embeddings are, and where their Fisher information lies. All members get the same windows with the same tokens hidden. The corpus must be one that no
 * member was trained on. What can't be measured is left out, with the reason.
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
  /** Of windows and of hidden tokens. */
  readonly seed: number;
  readonly compute: Compute;
  readonly progress?: (fraction: number, message: string) => void;
}

export interface EnsembleDiagnosis {
  readonly members: number;
  readonly corpus: {
    readonly kind: CorpusKind;
    /** Windows in all, and measured on. */
    readonly windows: number;
    readonly measured: number;
    /** Of a window at most. */
    readonly letters: number;
    readonly shortened: number;
  };
  /** Share of the tokens that were asked about. */
  readonly share: number;
  readonly predictions?: EnsemblePredictions;
  readonly staticEmbeddings?: EnsembleStatic;
  readonly contextual?: EnsembleContextual;
  readonly fisher?: EnsembleFisher;
  readonly missing: readonly { readonly what: string; readonly why: string }[];
}

/** Windows with fewer than this many have no geometry. */
const LEAST_WINDOWS = 3;

/** @throws for members that are not matched, a corpus that can't be read, and numbers that are not finite. */
export async function diagnoseEnsemble(
  members: readonly FrozenModel[],
  { corpus, sequences, seed, compute, progress }: EnsembleDiagnosisOptions,
): Promise<EnsembleDiagnosis> {
  if (members.length === 0) throw new Error('an ensemble of 0 members; give at least two');
  const missing: { what: string; why: string }[] = [];
  const part = (from: number, to: number, message: string) => (done: number) =>
    progress?.(from + (to - from) * done, message);
  const [first] = members;
  progress?.(0, 'reads the corpus');
  const { kind, total, letters, shortened, windows } = await sampleCorpus(corpus, {
    ...{ sequences, seed, tokens: (text) => first.tokens(text) },
    maxLetters: first.card.maxNucleotides as number | undefined,
    lettersPerToken: first.card.nucleotidesPerToken as number | undefined,
  });
  const readers = members.map(tokenReader);
  requireMatched(readers, windows);

  const refusal = members.map(whyNotAsked).find((why) => why !== undefined);
  const asking = { compute, seed };
  let predictions: EnsemblePredictions | undefined;
  if (refusal === undefined)
    predictions = await ensemblePredictions(readers, windows, {
      ...{ ...asking, share: DISTRIBUTION_SHARE },
      progress: part(0.02, 0.35, 'asks for hidden tokens'),
    });
  else missing.push({ what: 'predictions', why: refusal });

  const tables = members.map(wordTable).filter((table): table is Matrix => table !== undefined);
  let staticEmbeddings: EnsembleStatic | undefined;
  if (tables.length === members.length)
    staticEmbeddings = ensembleStatic(tables, part(0.35, 0.6, 'compares static embeddings'));
  else missing.push({ what: 'staticEmbeddings', why: 'a member has no table of static embeddings that could be read' });

  let contextual: EnsembleContextual | undefined;
  if (windows.length >= LEAST_WINDOWS)
    contextual = await ensembleContextual(readers, windows, {
      ...asking,
      progress: part(0.6, 0.75, 'compares hidden states'),
    });
  else missing.push({ what: 'contextual', why: `${windows.length} windows are too few; give ${LEAST_WINDOWS}` });

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
