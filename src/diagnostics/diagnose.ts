/**
 * All measures of one model on one corpus without labels: its predictions, compared with the n-gram
 * floors of the same letters and with the same windows shuffled with their dinucleotides kept; the
 * geometry of its hidden states and of its static embeddings; the distribution of its Fisher
 * information over its parts. A measure that a model does not support is left out, with the reason.
 * A logit or hidden state that is not finite is an error.
 */

import { createRandom } from '../core/random.ts';
import { coverageShares, requireCoverage } from '../models/coverage.ts';
import type { Encoder, FrozenModel, LanguageModel } from '../models/model.ts';
import type { Compute } from '../runtime/training/network.ts';
import type { CorpusKind } from './corpus/corpus.ts';
import { createNgramModel, type NgramEntropies } from './corpus/ngram-entropy.ts';
import { type CorpusSample, readable, sampleCorpus } from './corpus/sample.ts';
import { shuffleText } from './corpus/shuffle.ts';
import { characterAlphabet, NUCLEOTIDES, nucleotideSymbols } from './corpus/symbols.ts';
import { exportedWordTable } from './fisher/differentiable-onnx.ts';
import { type ParameterInformation, parameterInformation } from './fisher/parameter-information.ts';
import { type Contextual, contextual, contextualOfEncoder } from './geometry/contextual.ts';
import { type WordTableFacts, wordTable, wordTableFacts } from './geometry/word-table.ts';
import { DISTRIBUTION_SHARE } from './predictions/evaluation-masking.ts';
import { askedPredictions, whyNotAsked } from './predictions/predictions.ts';
import type { PredictiveSummary } from './predictions/predictive.ts';
import { readsTokens, type TokenReader, tokenReader } from './predictions/token-batches.ts';

export interface DiagnoseOptions {
  readonly corpus: string;
  /** Windows of the corpus that are measured on. */
  readonly sequences: number;
  readonly seed: number;
  readonly compute: Compute;
  readonly progress?: (fraction: number, message: string) => void;
}

/** The same measure on the corpus, and on its windows shuffled. */
export interface OwnAndShuffled<T> {
  readonly own: T;
  readonly shuffled: T;
}

export interface Diagnosis {
  readonly corpus: {
    readonly kind: CorpusKind;
    readonly windows: number;
    readonly measured: number;
    readonly letters: number;
    readonly shortened: number;
    /** Windows in which n-grams were counted. */
    readonly counted: number;
  };
  /** Share of the tokens that were predicted. */
  readonly share: number;
  readonly predictions?: OwnAndShuffled<PredictiveSummary>;
  readonly ngrams?: OwnAndShuffled<NgramEntropies>;
  readonly contextual?: Contextual;
  readonly wordTable?: WordTableFacts;
  readonly fisher?: ParameterInformation;
  /** Measures that are missing, and why. */
  readonly missing: readonly { readonly what: string; readonly why: string }[];
  /** Notes that a reader needs to read the numbers correctly. */
  readonly remarks: readonly string[];
}

/** Minimum number of windows for geometry. */
const LEAST_WINDOWS = 3;

/**
 * Computes all measures. @throws for a corpus that cannot be read, a model that cannot read it, and
 * numbers that are not finite.
 */
export async function diagnose(model: FrozenModel | Encoder, options: DiagnoseOptions): Promise<Diagnosis> {
  const { seed, compute, progress } = options;
  const missing: { what: string; why: string }[] = [];
  const isFrozen = !('embed' in model);
  const tokens = isFrozen ? (text: string) => model.tokens(text) : model.pooledTokens?.bind(model);
  if (tokens === undefined) throw new Error('precomputed embeddings cover their own sequences only; use a model');
  progress?.(0, 'read the corpus');
  const sample = await sampleCorpus(options.corpus, {
    ...{ sequences: options.sequences, seed, tokens },
    maxLetters: model.limits?.maxNucleotides,
    lettersPerToken: model.limits?.nucleotidesPerToken,
  });
  if (model.coverage) requireCoverage('the model', coverageShares(sample.windows, model.coverage), model.unknown);
  const shuffled = shuffle(sample, seed, tokens);
  progress?.(0.05, 'counts n-grams');
  const ngrams = counted(sample, shuffled, missing);

  const language = isFrozen ? model : model.exported;
  const reader = language && readsTokens(language) ? tokenReader<LanguageModel>(language) : undefined;
  const refusal = reader ? whyNotAsked(reader.model) : 'the model gives vectors only';
  const part = (from: number, to: number, message: string) => (done: number) =>
    progress?.(from + (to - from) * done, message);
  let predictions: OwnAndShuffled<PredictiveSummary> | undefined;
  if (reader && refusal === undefined) {
    const asking = { compute, seed, share: DISTRIBUTION_SHARE };
    const ask = (windows: readonly string[], report: (done: number) => void) =>
      askedPredictions(reader, windows, { ...asking, progress: report });
    predictions = {
      own: await ask(sample.windows, part(0.1, 0.25, 'predict hidden tokens')),
      shuffled: await ask(shuffled.windows, part(0.25, 0.4, 'predict hidden tokens of shuffled windows')),
    };
  } else missing.push({ what: 'predictions', why: refusal ?? '' });

  const report = part(0.4, 0.6, 'geometry of hidden states');
  let described: Contextual | undefined;
  if (sample.windows.length < LEAST_WINDOWS)
    missing.push({
      what: 'contextual',
      why: `${sample.windows.length} windows are too few; geometry needs ${LEAST_WINDOWS}`,
    });
  else if (!isFrozen && model.dimension === 0)
    missing.push({ what: 'contextual', why: 'the export has logits only, no hidden states' });
  else if (!isFrozen) described = await contextualOfEncoder(model, sample.windows, report);
  else if (reader)
    described = await contextual(tokenReader(model), sample.windows, { compute, seed, progress: report });
  else missing.push({ what: 'contextual', why: 'the model reads no token ids' });

  progress?.(0.6, 'static embeddings');
  const table = isFrozen ? wordTable(model) : model.exported && (await exportedWordTable(model.exported));
  if (!table) missing.push({ what: 'wordTable', why: 'the model has no table of static embeddings that can be read' });
  const facts = table && wordTableFacts(table);

  let fisher: ParameterInformation | undefined;
  if (reader && refusal === undefined) {
    const measured = await parameterInformation(reader.model, sample.windows, {
      ...{ compute, seed },
      progress: part(0.65, 1, 'Fisher information'),
    });
    if ('why' in measured) missing.push({ what: 'fisher', why: measured.why });
    else fisher = measured;
  } else missing.push({ what: 'fisher', why: refusal ?? '' });
  const { kind, total, letters, shortened } = sample;
  return {
    corpus: {
      ...{ kind, windows: total, measured: sample.windows.length, letters, shortened },
      counted: sample.training.length,
    },
    share: DISTRIBUTION_SHARE,
    predictions,
    ngrams,
    contextual: described,
    wordTable: facts,
    fisher,
    missing,
    remarks: remarksOn(sample, options, reader),
  };
}

/**
 * Every window, shuffled with a seed made of the run's seed and the window's index, cut to what the
 * model still reads.
 */
function shuffle(sample: CorpusSample, seed: number, tokens: (text: string) => number) {
  const each = (name: string, windows: readonly string[]) =>
    windows.map((window, i) => shuffleText(window, createRandom(`diagnose:shuffle:${name}:${seed}:${i}`)));
  return {
    windows: each('measured', sample.windows).map((window) => readable(window, tokens)),
    training: each('counted', sample.training),
  };
}

/** n-gram floors of the letters that the model is evaluated on, counted in other windows. */
function counted(
  sample: CorpusSample,
  shuffled: ReturnType<typeof shuffle>,
  missing: { what: string; why: string }[],
): OwnAndShuffled<NgramEntropies> | undefined {
  if (sample.training.length === 0) {
    missing.push({ what: 'ngrams', why: 'the corpus has only one window, so no window is left to count n-grams in' });
    return undefined;
  }
  const alphabet = sample.kind === 'text' ? characterAlphabet([...sample.windows, ...sample.training]) : undefined;
  const symbols = alphabet ? alphabet.symbols : nucleotideSymbols;
  const floors = ({ windows, training }: ReturnType<typeof shuffle>) => {
    const model = createNgramModel({ alphabet: alphabet?.size ?? NUCLEOTIDES });
    for (const [texts, stream] of [
      [training, model.training],
      [windows, model.heldOut],
    ] as const)
      for (const text of texts) {
        stream.add(symbols(text));
        stream.endSequence();
      }
    return model.entropies();
  };
  const { windows, training } = sample;
  return { own: floors({ windows: [...windows], training: [...training] }), shuffled: floors(shuffled) };
}

function remarksOn(
  sample: CorpusSample,
  { sequences }: DiagnoseOptions,
  reader: TokenReader<LanguageModel> | undefined,
): string[] {
  const { windows, shortened, total } = sample;
  const remarks: string[] = [];
  if (windows.length < sequences)
    remarks.push(
      `${windows.length} windows instead of ${sequences}: the corpus has ${total}, and n-grams are counted in others`,
    );
  if (shortened > 0) remarks.push(`${shortened} windows made too many tokens and were cut`);
  const each = reader?.model.limits?.nucleotidesPerToken;
  const longest = reader?.tokenLetters ? Array.from(reader.tokenLetters).reduce((a, b) => Math.max(a, b), 0) : 0;
  if (each !== undefined && longest > each && reader?.model.frames === undefined && reader?.model.reads === 'masked')
    remarks.push(
      'tokens overlap: most letters of a hidden token are also in its neighbours, so predictions are easier than the floors',
    );
  if (each === undefined && reader && !reader.tokenLetters)
    remarks.push(
      'the letters of tokens are not known: the letters of a window are spread evenly over its tokens, special ones too',
    );
  return remarks;
}
