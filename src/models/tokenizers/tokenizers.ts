/**
 * Chooses the tokenizer of a model: our k-mer tokenizer (`kmer_tokenizer.json`), our versions of
 * hub tokenizers that are code (`kinds.ts`), or any `tokenizer.json` of the hub (BPE, WordPiece,
 * ...) through @huggingface/transformers, from the folder alone, never from the network. A sequence
 * that would have to be cut is an error.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPlacer } from '../../sequences/alignment/consensus-alignment.ts';
import {
  createKmerTokenizer,
  FIRST_KMER_ID,
  type KmerTokenizer,
  type KmerTokenizerConfig,
  MASK_ID,
  UNKNOWN_ID,
} from '../../sequences/tokenizers/kmer-tokenizer.ts';
import type { Coverage, UnknownToken } from '../coverage.ts';
import { hubModelTokenizer } from './hub-tokenizer.ts';
import { kindTokenizer } from './kinds.ts';
import { describe, type ModelTokenizer } from './rows.ts';

export type { ModelTokenizer, TokenBatch } from './rows.ts';

const UNKNOWN_KMER: UnknownToken = {
  token: '[UNK]',
  id: UNKNOWN_ID,
  remedy: 'k-mers with letters other than A, C, G, T and U are unknown: check the letters of the data',
};

/** Coverage by a k-mer tokenizer: the number of its tokens under the attention mask. */
function kmerCoverage(tokenizer: KmerTokenizer, sequence: string): Coverage {
  const { ids, mask } = tokenizer.encode([sequence]);
  const seen = [...ids].filter((_, i) => mask[i] === 1);
  const unknown = seen.filter((id) => id === UNKNOWN_ID).length;
  return seen.length === 0 ? { tokens: 1, unknown: 1 } : { tokens: seen.length, unknown };
}

/** k-mers for a model with `positions` position embeddings. */
export function kmerModelTokenizer(config: KmerTokenizerConfig, positions: number): ModelTokenizer {
  const tokenizer = createKmerTokenizer(config);
  const { k, stride } = tokenizer.config;
  if (tokenizer.config.reference !== undefined) return placedModelTokenizer(tokenizer, positions);
  // More letters than this make more tokens than there are positions.
  const room = k + positions * stride - 1;
  const limit = Math.min(tokenizer.config.length ?? room, room);
  const check = (sequence: string) => {
    if (sequence.length > limit)
      throw new Error(
        `${describe(sequence)} has ${sequence.length} nucleotides; this model reads at most ${limit}. Pre-train one with a larger 'length', or cut the sequences`,
      );
    if (sequence.length < k)
      throw new Error(`${describe(sequence)} has ${sequence.length} nucleotides, less than one ${k}-mer`);
  };
  return {
    vocabularySize: tokenizer.vocabularySize,
    description: `${k}-mers, stride ${stride}`,
    nucleotidesPerToken: stride,
    frames: stride,
    maxNucleotides: limit,
    maskId: MASK_ID,
    firstOrdinaryId: FIRST_KMER_ID,
    identity: tokenizer.config,
    unknown: UNKNOWN_KMER,
    coverage: (sequence) => kmerCoverage(tokenizer, sequence),
    tokens(sequence) {
      check(sequence);
      return tokenizer.tokens(sequence.length);
    },
    encode(sequences) {
      sequences.forEach(check);
      const longest = sequences.reduce((most, sequence) => Math.max(most, sequence.length), k);
      const { ids, mask, tokens } = tokenizer.encode(sequences, { length: longest });
      // A sequence of only N is one [UNK], so that there is a token to pool.
      for (let first = 0; first < mask.length; first += tokens) mask[first] = 1;
      return { ids: BigInt64Array.from(ids, BigInt), mask: BigInt64Array.from(mask, BigInt), tokens };
    },
  };
}

/**
 * k-mers of the columns of a reference: only the aligned part of a sequence is read, so no sequence
 * is too long.
 */
function placedModelTokenizer(tokenizer: KmerTokenizer, positions: number): ModelTokenizer {
  const { k, stride, length = 0, reference = '' } = tokenizer.config;
  const placer = createPlacer(reference);
  if (tokenizer.tokens(length) > positions)
    throw new Error(
      `a reference of ${length} letters makes ${tokenizer.tokens(length)} tokens; this model reads at most ${positions}`,
    );
  const encode = (sequences: readonly string[]) => {
    for (const sequence of sequences)
      if (sequence.length < k)
        throw new Error(`${describe(sequence)} has ${sequence.length} nucleotides, less than one ${k}-mer`);
    return tokenizer.encode(sequences);
  };
  return {
    vocabularySize: tokenizer.vocabularySize,
    description: `${k}-mers, stride ${stride}, of the columns of a reference of ${length} letters`,
    nucleotidesPerToken: stride,
    maskId: MASK_ID,
    firstOrdinaryId: FIRST_KMER_ID,
    identity: tokenizer.config,
    unknown: UNKNOWN_KMER,
    coverage: (sequence) => ({ ...kmerCoverage(tokenizer, sequence), placed: placer.lay(sequence).placed }),
    tokens: (sequence) => encode([sequence]).tokens,
    encode(sequences) {
      const { ids, mask, tokens } = encode(sequences);
      return { ids: BigInt64Array.from(ids, BigInt), mask: BigInt64Array.from(mask, BigInt), tokens };
    },
  };
}

/** The tokenizer in a model's folder. */
export async function folderTokenizer(folder: string, positions: number): Promise<ModelTokenizer> {
  const kmers = join(folder, 'kmer_tokenizer.json');
  if (existsSync(kmers)) {
    const text = await readFile(kmers, 'utf8');
    let config: KmerTokenizerConfig;
    try {
      config = JSON.parse(text) as KmerTokenizerConfig;
    } catch (error) {
      throw new Error(`${kmers} is not valid JSON: ${(error as Error).message}`, { cause: error });
    }
    if (typeof config !== 'object' || config === null || Array.isArray(config))
      throw new Error(`${kmers} must hold a JSON object such as {"k": 4}`);
    try {
      return kmerModelTokenizer(config, positions);
    } catch (error) {
      throw new Error(`${kmers}: ${(error as Error).message}`, { cause: error });
    }
  }
  const ofKind = await kindTokenizer(folder, positions);
  if (ofKind) return ofKind;
  if (existsSync(join(folder, 'tokenizer.json'))) return hubModelTokenizer(folder, positions);
  throw new Error(
    `${folder} holds neither kmer_tokenizer.json nor tokenizer.json, nor a vocab.txt or tokenizer_config.json of a known kind: the model can't read letters`,
  );
}
