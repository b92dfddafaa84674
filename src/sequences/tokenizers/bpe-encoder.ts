/**
 * Ids of text under merges that were learned: of all pairs that are a merge the one learned first is applied, the leftmost of equals, until none is left
 * (huggingface/tokenizers, `Word::merge_all`). For long stretches of DNA, where readers made for words of a text are slow. Whole corpora go through here; models read
 * their `tokenizer.json` through @huggingface/transformers, with the same ids.
 */
import { BPE_SPECIAL_TOKENS, type BpeLanguage, bpeWords } from './bpe-tokenizer.ts';
import type { BpeModel } from './bpe-trainer.ts';

/** Ids of a text; a letter that the model does not know is the unknown token. */
export type BpeEncoder = (text: string) => number[];

const PAIR = 65_536;
const NONE = -1;
/** Letters of words that are remembered, and how many are. */
const CACHED_WORD = 32;
const CACHED_WORDS = 200_000;
const UNKNOWN_ID = BPE_SPECIAL_TOKENS.indexOf('<UNK>');

export function createBpeEncoder(model: BpeModel, language: BpeLanguage): BpeEncoder {
  const encodeWord = createWordEncoder(model);
  const cache = new Map<string, readonly number[]>();
  return (text) => {
    const found: number[] = [];
    for (const word of bpeWords(text, language)) {
      let own = cache.get(word);
      if (own === undefined) {
        own = encodeWord(word);
        if (word.length <= CACHED_WORD && cache.size < CACHED_WORDS) cache.set(word, own);
      }
      for (const id of own) found.push(id);
    }
    return found;
  };
}

/** Merges in the order of their ranks: what a merge makes is part of later ones only. */
function createWordEncoder({ tokens, merges }: BpeModel): (word: string) => number[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const ranks = new Map(merges.map(([left, right], rank) => [left * PAIR + right, rank]));
  const made = tokens.length - merges.length; // id of the first merge's token
  const heads = new Int32Array(merges.length).fill(NONE); // by rank: the last entry of its list
  return (word) => {
    const token = Int32Array.from(word, (letter) => ids.get(letter) ?? UNKNOWN_ID); // -1: merged into the one before
    const before = Int32Array.from(token, (_, i) => i - 1);
    const after = Int32Array.from(token, (_, i) => i + 1); // the length after the last
    const places: number[] = []; // of entries: where the pair begins
    const others: number[] = []; // of entries: the next of the same rank
    const rankAt = (place: number) =>
      place < 0 || after[place] >= token.length ? undefined : ranks.get(token[place] * PAIR + token[after[place]]);
    const offer = (place: number) => {
      const rank = rankAt(place);
      if (rank === undefined) return;
      others.push(heads[rank]);
      heads[rank] = places.push(place) - 1;
    };
    for (let i = 0; i < token.length; i++) offer(i);
    for (let rank = 0; rank < heads.length; rank++) {
      if (heads[rank] === NONE) continue;
      const found: number[] = [];
      for (let entry = heads[rank]; entry !== NONE; entry = others[entry]) found.push(places[entry]);
      heads[rank] = NONE;
      for (const place of found.sort((a, b) => a - b)) {
        if (token[place] === NONE || rankAt(place) !== rank) continue; // merged otherwise since
        const second = after[place];
        token[place] = made + rank;
        token[second] = NONE;
        after[place] = after[second];
        if (after[place] < token.length) before[after[place]] = place;
        offer(before[place]);
        offer(place);
      }
    }
    return Array.from(token).filter((id) => id !== NONE);
  };
}
