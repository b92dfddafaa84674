/**
 * All that is measured on one model and one corpus without labels: what it predicts, against the n-gram floors of the same letters and against the same windows shuffled
 * with their dinucleotides kept; the geometry of its hidden states and of its static embeddings; where its Fisher information lies. What a model can't be asked is left out, with the
 * reason. A number that is not finite, in logits or hidden states, ends it.
 */

import { createRandom } from '../core/random.ts';
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
    /** Windows that n-grams were counted in. */
    readonly counted: number;
  };
  /** Share of the tokens that were asked about. */
  readonly share: number;
  readonly predictions?: OwnAndShuffled<PredictiveSummary>;
  readonly ngrams?: OwnAndShuffled<NgramEntropies>;
  readonly contextual?: Contextual;
  readonly wordTable?: WordTableFacts;
  readonly fisher?: ParameterInformation;
  /** What is not there, and why. */
  readonly missing: readonly { readonly what: string; readonly why: string }[];
  /** What a reader must know to read the numbers right. */
  readonly remarks: readonly string[];
}

/** Windows with fewer than this many have no geometry. */
const LEAST_WINDOWS = 3;

/** Measures everything. @throws for a corpus that can't be read or a model that can't read it, and for numbers that are not finite. */
export async function diagnose(model: FrozenModel | Encoder, options: DiagnoseOptions): Promise<Diagnosis> {
  const { seed, compute, progress } = options;
  const missing: { what: string; why: string }[] = [];
  const isFrozen = !('embed' in model);
  const tokens = isFrozen ? (text: string) => model.tokens(text) : model.pooledTokens?.bind(model);
  if (tokens === undefined)
    throw new Error('embeddings computed elsewhere are of their own sequences only; give a model');
  progress?.(0, 'reads the corpus');
  const sample = await sampleCorpus(options.corpus, {
    ...{ sequences: options.sequences, seed, tokens },
    maxLetters: model.card.maxNucleotides as number | undefined,
    lettersPerToken: model.card.nucleotidesPerToken as number | undefined,
  });
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
      own: await ask(sample.windows, part(0.1, 0.25, 'asks for hidden tokens')),
      shuffled: await ask(shuffled.windows, part(0.25, 0.4, 'asks for hidden tokens of shuffled windows')),
    };
  } else missing.push({ what: 'predictions', why: refusal ?? '' });

  const report = part(0.4, 0.6, 'geometry of hidden states');
  let described: Contextual | undefined;
  if (sample.windows.length < LEAST_WINDOWS)
    missing.push({
      what: 'contextual',
      why: `${sample.windows.length} windows are too few; geometry takes ${LEAST_WINDOWS}`,
    });
  else if (!isFrozen && model.dimension === 0)
    missing.push({ what: 'contextual', why: 'the export has logits alone, no hidden states' });
  else if (!isFrozen) described = await contextualOfEncoder(model, sample.windows, report);
  else if (reader)
    described = await contextual(tokenReader(model), sample.windows, { compute, seed, progress: report });
  else missing.push({ what: 'contextual', why: 'the model reads no token ids' });

  progress?.(0.6, 'static embeddings');
  const table = isFrozen ? wordTable(model) : model.exported && (await exportedWordTable(model.exported));
  if (!table)
    missing.push({ what: 'wordTable', why: 'the model has no table of static embeddings that could be read' });
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

/** Every window shuffled by seed and its place, as far as the model still reads it. */
function shuffle(sample: CorpusSample, seed: number, tokens: (text: string) => number) {
  const each = (name: string, windows: readonly string[]) =>
    windows.map((window, i) => shuffleText(window, createRandom(`diagnose:shuffle:${name}:${seed}:${i}`)));
  return {
    windows: each('measured', sample.windows).map((window) => readable(window, tokens)),
    training: each('counted', sample.training),
  };
}

/** Floors of the letters that the model is shown, from windows that it is not. */
function counted(
  sample: CorpusSample,
  shuffled: ReturnType<typeof shuffle>,
  missing: { what: string; why: string }[],
): OwnAndShuffled<NgramEntropies> | undefined {
  if (sample.training.length === 0) {
    missing.push({ what: 'ngrams', why: 'the corpus has one window only: none is left to count n-grams in' });
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
  if (shortened > 0) remarks.push(`${shortened} windows made too many tokens and lost their ends`);
  const each = reader?.model.card.nucleotidesPerToken as number | undefined;
  const longest = reader?.tokenLetters ? Array.from(reader.tokenLetters).reduce((a, b) => Math.max(a, b), 0) : 0;
  if (each !== undefined && longest > each && reader?.model.frames === undefined && reader?.model.reads === 'masked')
    remarks.push(
      'tokens overlap: most letters of a hidden token stand in its neighbours too, so predictions are easier than the floors',
    );
  if (each === undefined && reader && !reader.tokenLetters)
    remarks.push('the letters of tokens are not known: windows are spread evenly over their tokens, special ones too');
  return remarks;
}
