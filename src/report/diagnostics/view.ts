/** A diagnostics document as the rows of its main tables, for the terminal and the page alike. */
import type { DiagnosticsDocument, StoredPredictive } from '../../diagnostics/document.ts';
import { formatCount, MISSING } from '../formats/numbers.ts';

/** A measure on the corpus and on the same windows shuffled. */
export interface PairedRow {
  readonly name: string;
  readonly own: string;
  readonly shuffled: string;
  /** Begins a group of rows. */
  readonly first?: boolean;
}

/** What letters are called. */
export function letterName({ corpus }: DiagnosticsDocument): { readonly one: string; readonly many: string } {
  return corpus.kind === 'text' ? { one: 'character', many: 'characters' } : { one: 'nucleotide', many: 'nucleotides' };
}

/** Four decimals, or as many digits of what is large or small. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return MISSING;
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 10_000 || size < 0.0005) ? value.toPrecision(4) : value.toFixed(4);
  return text.replace('-', '−');
}

interface Measure {
  readonly name: string;
  readonly of: (predicted: StoredPredictive) => number | null;
  readonly first?: boolean;
}

const measures = (letter: string): readonly Measure[] => [
  { name: 'Entropy, bits per token', of: (p) => p.entropyBits, first: true },
  { name: 'Entropy / log2 of the vocabulary', of: (p) => p.normalisedEntropy },
  { name: 'KL(model || uniform), bits per token', of: (p) => p.klModelToUniformBits },
  { name: 'KL(uniform || model), bits per token', of: (p) => p.klUniformToModelBits },
  { name: 'Negative log-likelihood, bits per token', of: (p) => p.accuracy.nllBits },
  { name: 'Perplexity', of: (p) => p.accuracy.perplexity },
  { name: 'Top-1 accuracy', of: (p) => p.accuracy.top1 },
  { name: 'Expected calibration error', of: (p) => p.accuracy.calibrationError },
  { name: `Entropy, bits per ${letter}`, of: (p) => p.perNucleotide.entropyBits, first: true },
  { name: `KL(model || uniform), bits per ${letter}`, of: (p) => p.perNucleotide.klModelToUniformBits },
  { name: `Negative log-likelihood, bits per ${letter}`, of: (p) => p.perNucleotide.nllBits },
];

/** Predictions, then the n-gram floors that stand beside the negative log-likelihood per letter. */
export function mainRows(document: DiagnosticsDocument): PairedRow[] {
  const { predictions, ngrams } = document;
  const letter = letterName(document).one;
  const predicted = predictions
    ? measures(letter).map(({ name, of, first }) => ({
        ...{ name, first },
        own: figure(of(predictions.own)),
        shuffled: figure(of(predictions.shuffled)),
      }))
    : [];
  const floors = ngrams
    ? ngrams.own.orders.map(({ order, bitsPerSymbol }, i) => ({
        name: `n-gram floor of order ${order}, bits per ${letter}`,
        own: `${order === ngrams.own.best.order ? '* ' : ''}${figure(bitsPerSymbol)}`,
        shuffled: `${order === ngrams.shuffled.best.order ? '* ' : ''}${figure(ngrams.shuffled.orders[i].bitsPerSymbol)}`,
        first: i === 0,
      }))
    : [];
  return [...predicted, ...floors];
}

/** What was measured on, in a sentence. */
export function measuredOn(document: DiagnosticsDocument): string {
  const { corpus, predictions, settings, model } = document;
  const { many } = letterName(document);
  const windows = `${formatCount(corpus.measured)} of ${formatCount(corpus.windows)} windows of at most ${formatCount(corpus.letters)} ${many}`;
  const how = model.reads === 'causal' ? 'each predicted from what stands before it' : 'each hidden from the model';
  const asked = predictions
    ? `; ${formatCount(predictions.own.rows)} tokens asked about (${Math.round(100 * settings.share)}%), ${how}`
    : '';
  return `${windows}${asked}`;
}

/** Does the model need fewer bits than the best n-gram floor? Undefined where either is missing. */
export function againstFloor(document: DiagnosticsDocument): string | undefined {
  const { predictions, ngrams, model } = document;
  const bits = predictions?.own.perNucleotide.nllBits;
  if (bits === null || bits === undefined || !ngrams) return undefined;
  const { one } = letterName(document);
  const { order, bitsPerSymbol } = ngrams.own.best;
  const difference = bits - bitsPerSymbol;
  const sides = model.reads === 'masked' ? ' The model sees both sides of a hidden token, the floor one.' : '';
  const amount = `${figure(Math.abs(difference))} bits per ${one} ${difference < 0 ? 'fewer' : 'more'}`;
  return `The model needs ${figure(bits)} bits per ${one}: ${amount} than counting what follows ${order === 1 ? 'one letter' : `${order} letters`} takes (${figure(bitsPerSymbol)}).${sides}`;
}
