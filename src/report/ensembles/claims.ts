/**
 * What arXiv 2604.04287 claims of DNA beside English, as differences of two ensembles with an interval that has both sources of error: members (jackknife) and
 * windows (bootstrap), taken as independent, Welch's degrees of freedom (1947, Biometrika 34:28). Intervals are not corrected for their number.
 */
import type { EnsembleDocument, StoredEstimate } from '../../ensembles/document.ts';
import { studentQuantile } from '../../metrics/student.ts';
import { isControl, isText, measureNamed } from './view.ts';

export type ClaimVerdict = 'as claimed' | 'undecided' | 'against the claim';

export interface Difference {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly verdict: ClaimVerdict;
}

export interface Claim {
  readonly measure: string;
  /** In words, of DNA beside text. */
  readonly words: string;
  /** +1: DNA above text; -1: below. */
  readonly sign: 1 | -1;
}

export const CLAIMS: readonly Claim[] = [
  { measure: 'kl', words: 'Predictions nearer to uniform', sign: -1 },
  { measure: 'jsd', words: 'Members disagree more', sign: 1 },
  { measure: 'jaccard', words: 'Fewer shared neighbours of tokens', sign: -1 },
  { measure: 'disparity', words: 'Static embeddings further apart', sign: 1 },
  { measure: 'fisher', words: 'More Fisher information in embeddings', sign: 1 },
];

/** Of k-mers beside BPE on the same letters: predictions nearer to uniform. */
export const KMER_CLAIM: Claim = { measure: 'kl', words: 'Predictions nearer to uniform', sign: -1 };

export interface Comparison {
  readonly reference: EnsembleDocument;
  readonly others: readonly {
    readonly document: EnsembleDocument;
    readonly differences: readonly (Difference | undefined)[];
  }[];
  readonly claims: readonly Claim[];
}

/** Every text ensemble with all that is DNA, or a control. */
export function againstText(documents: readonly EnsembleDocument[]): Comparison[] {
  return documents
    .filter((document) => isText(document) && !isControl(document))
    .map((reference) =>
      compare(
        reference,
        documents.filter((other) => !isText(other) || isControl(other)),
        CLAIMS,
      ),
    )
    .filter(({ others }) => others.length > 0);
}

/** BPE ensembles of DNA with the k-mer ensembles of the same files and control. */
export function kmersAgainstBpe(documents: readonly EnsembleDocument[]): Comparison[] {
  const dna = documents.filter((document) => !isText(document));
  const letters = ({ ensemble }: EnsembleDocument) => JSON.stringify([ensemble.corpus.files, ensemble.control]);
  return dna
    .filter(({ ensemble }) => ensemble.tokenizer === 'bpe')
    .map((reference) => {
      const others = dna.filter(
        (other) => other.ensemble.tokenizer === 'kmer' && letters(other) === letters(reference),
      );
      return compare(reference, others, [KMER_CLAIM]);
    })
    .filter(({ others }) => others.length > 0);
}

function compare(
  reference: EnsembleDocument,
  others: readonly EnsembleDocument[],
  claims: readonly Claim[],
): Comparison {
  return {
    reference,
    claims,
    others: others.map((document) => ({
      document,
      differences: claims.map(({ measure, sign }) => {
        const { of } = measureNamed(measure);
        return differenceOf(document, reference, of, sign);
      }),
    })),
  };
}

function differenceOf(
  a: EnsembleDocument,
  b: EnsembleDocument,
  of: (document: EnsembleDocument) => StoredEstimate | undefined,
  sign: 1 | -1,
): Difference | undefined {
  const [first, second] = [of(a), of(b)];
  if (typeof first?.mean !== 'number' || typeof second?.mean !== 'number') return undefined;
  const errors = [...errorsOf(first, a), ...errorsOf(second, b)];
  const variance = errors.reduce((sum, { standardError }) => sum + standardError ** 2, 0);
  if (!first.members || !second.members || !(variance > 0)) return undefined;
  const degrees = variance ** 2 / errors.reduce((sum, error) => sum + error.standardError ** 4 / error.degrees, 0);
  const difference = first.mean - second.mean;
  const reach = Math.sqrt(variance) * studentQuantile((1 + a.settings.level) / 2, degrees);
  const [low, high] = [difference - reach, difference + reach];
  const decided = low > 0 || high < 0;
  const verdict = !decided ? 'undecided' : Math.sign(difference) === sign ? 'as claimed' : 'against the claim';
  return { difference, low, high, verdict };
}

/** Standard errors of an estimate and the degrees of freedom that each was found with. */
function errorsOf({ members, windows }: StoredEstimate, { ensemble, corpus }: EnsembleDocument) {
  const known = [
    { standardError: members?.standardError, degrees: ensemble.members.length - 1 },
    { standardError: windows?.standardError, degrees: corpus.measured - 1 },
  ];
  return known.flatMap(({ standardError, degrees }) =>
    typeof standardError === 'number' && standardError > 0 ? [{ standardError, degrees }] : [],
  );
}
