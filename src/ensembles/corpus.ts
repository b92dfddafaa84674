/**
 * From files to the training data of an ensemble: chunks, every twentieth held out in a file of its
 * own; a tokenizer, which for BPE is learned from the other chunks first; and blocks of ids. A
 * control changes every chunk before all other steps.
 */
import { join } from 'node:path';
import { makeFolder } from '../core/atomic-file.ts';
import { namingFile } from '../core/file-fault.ts';
import { sha256File, writeFileAtomic } from '../core/files.ts';
import { hubTrainingTokenizer } from '../pretraining/hub-training-tokenizer.ts';
import { kmerTrainingTokenizer, type TrainingTokenizer } from '../pretraining/training-tokenizers.ts';
import { createBpeEncoder } from '../sequences/tokenizers/bpe-encoder.ts';
import { BPE_SPECIAL_TOKENS, bpeTokenizerFiles, countWords } from '../sequences/tokenizers/bpe-tokenizer.ts';
import { trainBpe } from '../sequences/tokenizers/bpe-trainer.ts';
import { createKmerTokenizer, UNKNOWN_ID } from '../sequences/tokenizers/kmer-tokenizer.ts';
import { createBlockWriter } from './blocks.ts';
import { type Chunk, HELD_OUT_EVERY, readChunks } from './chunks.ts';
import type { EnsembleConfig } from './config.ts';

/** Changes chunks in a way that depends only on the chunk and its number. */
export interface EnsembleControl {
  /** Everything that determines the result, besides the files. */
  readonly key: string;
  /** What the files hold, when it differs from what the models read. */
  readonly source?: 'text' | 'dna';
  /** In words and numbers, for `ensemble.json`; read when everything is made. */
  readonly facts?: () => object;
  change(letters: string, index: number): string;
}

export interface EnsembleCorpus {
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly chunks: number;
  readonly letters: number;
  /** Tokens in blocks, and tokens of ends that are too short or of unknown letters. */
  readonly blocks: number;
  readonly tokens: number;
  readonly leftOut: number;
  readonly lettersPerToken: number;
  /** Rows of the word table. */
  readonly vocabularySize: number;
  /** Chunks that are never used for training. */
  readonly heldOut: {
    readonly file: string;
    readonly chunks: number;
    readonly letters: number;
    readonly sha256: string;
  };
  readonly control?: object;
}

export interface CorpusOptions {
  readonly config: EnsembleConfig;
  readonly sources: readonly { readonly path: string; readonly sha256: string }[];
  readonly out: string;
  readonly blocks: string;
  readonly control?: EnsembleControl;
  readonly progress?: (fraction: number, message: string) => void;
}

const TOKENIZER = 'tokenizer';
/**
 * Maximum number of letters that BPE is learned from, the first of the corpus: memory is about 60
 * bytes per letter of different words.
 */
const LEARNED_LETTERS = 16_000_000;
const CHUNKS_BETWEEN_WORDS = 200;

/** The tokenizer that {@link writeEnsembleCorpus} wrote, in the form that members save. */
export async function ensembleTokenizer(config: EnsembleConfig, out: string): Promise<TrainingTokenizer> {
  const { k, tokens, maskedShare } = config;
  if (config.tokenizer === 'bpe')
    return hubTrainingTokenizer(join(out, TOKENIZER), { objective: 'masked-lm', maskedShare, k: 1, length: tokens });
  return kmerTrainingTokenizer({ k: k as number, length: (k as number) * tokens });
}

/**
 * Writes tokenizer, held-out chunks and blocks. @throws when nothing is held out or nothing is left
 * for training.
 */
export async function writeEnsembleCorpus(options: CorpusOptions): Promise<EnsembleCorpus> {
  const { config, sources, out, control, progress } = options;
  await namingFile(out, () => makeFolder(out));
  const chunks = () =>
    changed(
      sources.map(({ path }) => path),
      config,
      control,
    );
  const encode = config.tokenizer === 'bpe' ? await learnBpe(chunks, options) : kmerEncoder(config);
  const unknownId = config.tokenizer === 'bpe' ? BPE_SPECIAL_TOKENS.indexOf('<UNK>') : UNKNOWN_ID;
  const writer = await createBlockWriter(options.blocks, config.tokens, unknownId);
  const aside: string[] = [];
  const asideCounts = { chunks: 0, letters: 0 };
  const counts = { chunks: 0, letters: 0 };
  for await (const { letters, name, flow, heldOut } of chunks()) {
    const into = heldOut ? asideCounts : counts;
    into.chunks++;
    into.letters += letters.length;
    if (heldOut) aside.push(config.language === 'dna' ? `>${name}\n${letters}\n` : `${letters}\n`);
    else await writer.add(encode(letters), flow);
    if (counts.chunks % CHUNKS_BETWEEN_WORDS === 0) progress?.(0, `${counts.letters} letters as tokens`);
  }
  const { blocks, tokens, leftOut } = await writer.finish();
  if (blocks < 2 || aside.length === 0)
    throw new Error(
      `${sources.map(({ path }) => path).join(', ')}: ${counts.letters} letters make ${blocks} blocks of ${config.tokens} tokens, with ${aside.length} chunks held out; ` +
        `use at least ${HELD_OUT_EVERY} chunks, or shorter blocks`,
    );
  const file = config.language === 'dna' ? 'held-out.fa' : 'held-out.txt';
  await writeFileAtomic(join(out, file), aside.join(''));
  const { vocabulary } = await ensembleTokenizer(config, out);
  return {
    files: sources,
    ...counts,
    ...{ blocks, tokens, leftOut, lettersPerToken: counts.letters / (tokens + leftOut) },
    vocabularySize: vocabulary.size,
    heldOut: { file, ...asideCounts, sha256: await sha256File(join(out, file)) },
    control: control?.facts?.(),
  };
}

async function* changed(
  files: readonly string[],
  { language }: EnsembleConfig,
  control: EnsembleControl | undefined,
): AsyncGenerator<Chunk> {
  let index = 0;
  for await (const chunk of readChunks(files, control?.source ?? language)) {
    yield control ? { ...chunk, letters: control.change(chunk.letters, index) } : chunk;
    index++;
  }
}

type Encode = (letters: string) => ArrayLike<number>;

/** Learns BPE from the training chunks and writes its files. */
async function learnBpe(chunks: () => AsyncIterable<Chunk>, options: CorpusOptions): Promise<Encode> {
  const { config, out, progress } = options;
  const { language, vocabulary = 0 } = config;
  const words = new Map<string, number>();
  let letters = 0;
  for await (const chunk of chunks()) {
    if (chunk.heldOut) continue;
    countWords(words, chunk.letters, language);
    letters += chunk.letters.length;
    if (letters >= LEARNED_LETTERS) break;
  }
  const model = trainBpe(words, {
    vocabularySize: vocabulary,
    specialTokens: BPE_SPECIAL_TOKENS,
    progress: (fraction) => progress?.(0, `${Math.round(100 * fraction)}% of the tokenizer learned`),
  });
  const { tokenizer, settings } = bpeTokenizerFiles(model, language);
  await writeFileAtomic(join(out, TOKENIZER, 'tokenizer_config.json'), `${JSON.stringify(settings, null, 2)}\n`);
  await writeFileAtomic(join(out, TOKENIZER, 'tokenizer.json'), `${JSON.stringify(tokenizer)}\n`);
  return createBpeEncoder(model, language);
}

/** The k-mers of a chunk; the rest at its end is not a token. */
function kmerEncoder({ k }: EnsembleConfig): Encode {
  const tokenizer = createKmerTokenizer({ k: k as number, stripTrailingN: false });
  return (letters) => (letters.length < (k as number) ? [] : tokenizer.encode([letters]).ids);
}
