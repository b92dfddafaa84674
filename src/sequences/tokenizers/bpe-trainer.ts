/**
 * Byte-pair encoding learned from a corpus (Sennrich, Haddow & Birch 2016, ACL, arXiv 1508.07909): the pair of neighbouring tokens that is most frequent becomes a
 * token, again and again. In the order of huggingface/tokenizers' `BpeTrainer`, so that both learn the same merges: special tokens have the first ids,
 * then the letters by code; of equally frequent pairs the one with the smaller left id goes first, then the smaller right id; in a run of three equal tokens two
 * pairs are counted. Pair counts are kept up to date and every pair knows its places, so that a merge costs as much as there is to merge. Letters are UTF-16
 * code units.
 *
 * No two merges spell the same token (what stands between two borders that no token crosses is always cut alike), so that a pair comes up at once, in
 * the merge that makes its younger token, and is gone once it is merged.
 */
import { SequenceError } from '../sequence-error.ts';

export interface BpeOptions {
  /** Tokens in all, special ones among them; fewer where the corpus has no more pairs. */
  readonly vocabularySize: number;
  readonly specialTokens: readonly string[];
  /** Called now and then with the share of the vocabulary that is there. */
  readonly progress?: (fraction: number) => void;
}

export interface BpeModel {
  /** Texts of tokens by id. */
  readonly tokens: readonly string[];
  /** Pairs of ids, the first to be applied first. */
  readonly merges: readonly (readonly [number, number])[];
}

const LARGEST_VOCABULARY = 65_536;
const PROGRESS_EVERY = 64;
const NONE = -1;

/**
 * Learns merges within words, each as often as it says.
 * @throws SequenceError for a vocabulary that does not hold special tokens and letters, or of more than 65,536.
 */
export function trainBpe(words: ReadonlyMap<string, number>, options: BpeOptions): BpeModel {
  const { vocabularySize, specialTokens, progress } = options;
  const tokens = [...new Set([...specialTokens, ...lettersOf(words)])];
  if (!Number.isInteger(vocabularySize) || vocabularySize < tokens.length || vocabularySize > LARGEST_VOCABULARY)
    throw new SequenceError(
      `BPE of ${vocabularySize} tokens; give at least the ${tokens.length} special tokens and letters of the corpus, at most ${LARGEST_VOCABULARY}`,
    );
  const special = new Set(specialTokens);
  const chains = createChains(words, new Map(tokens.map((token, id) => [token, id])));
  const merges: (readonly [number, number])[] = [];
  while (tokens.length < vocabularySize) {
    const pair = chains.mostFrequent();
    if (pair === undefined) break;
    const [left, right] = chains.idsOf(pair);
    const text = tokens[left] + tokens[right];
    if (special.has(text)) throw new SequenceError(`the corpus spells the special token ${text}; name it otherwise`);
    chains.merge(pair, tokens.push(text) - 1);
    merges.push([left, right]);
    if (tokens.length % PROGRESS_EVERY === 0) progress?.(tokens.length / vocabularySize);
  }
  return { tokens, merges };
}

/** Every letter once, by code. */
function lettersOf(words: ReadonlyMap<string, number>): string[] {
  const seen = new Uint8Array(LARGEST_VOCABULARY);
  for (const word of words.keys()) for (let i = 0; i < word.length; i++) seen[word.charCodeAt(i)] = 1;
  return Array.from(seen.keys())
    .filter((code) => seen[code] === 1)
    .map((code) => String.fromCharCode(code));
}

interface Chains {
  /** The pair to merge next, or undefined where none is left. */
  mostFrequent(): number | undefined;
  idsOf(pair: number): readonly [number, number];
  /** Replaces the pair by token `id` wherever it stands, left to right. */
  merge(pair: number, id: number): void;
}

/**
 * Words as chains of tokens, end to end in one array; a token stands at its first letter. The pair that begins at a place is in the list of all places of that pair.
 */
function createChains(words: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): Chains {
  const places = [...words.keys()].reduce((sum, word) => sum + word.length, 0);
  const column = () => new Int32Array(places).fill(NONE);
  const [token, before, after] = [column(), column(), column()]; // [places]
  const [pairAt, listBefore, listAfter] = [column(), column(), column()]; // [places]
  const weight = new Float64Array(places); // [places] how often its word occurs
  const pairs = new Map<number, number>(); // left * 65,536 + right -> pair
  const keys: number[] = []; // [pairs]
  const counts: number[] = []; // [pairs]
  const heads: number[] = []; // [pairs] first and last place in the list
  const tails: number[] = [];
  let recent: number[] = []; // pairs that are not in the queue yet
  const queue = createQueue(counts, keys);

  const pairOf = (left: number, right: number): number => {
    const key = left * LARGEST_VOCABULARY + right;
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = keys.push(key) - 1;
      pairs.set(key, pair);
      counts.push(0);
      heads.push(NONE);
      tails.push(NONE);
      recent.push(pair);
    }
    return pair;
  };
  const enter = (place: number) => {
    const pair = pairOf(token[place], token[after[place]]);
    const last = tails[pair];
    pairAt[place] = pair;
    counts[pair] += weight[place];
    listBefore[place] = last;
    listAfter[place] = NONE;
    if (last === NONE) heads[pair] = place;
    else listAfter[last] = place;
    tails[pair] = place;
  };
  const leave = (place: number) => {
    const pair = pairAt[place];
    const [previous, next] = [listBefore[place], listAfter[place]];
    if (previous === NONE) heads[pair] = next;
    else listAfter[previous] = next;
    if (next === NONE) tails[pair] = previous;
    else listBefore[next] = previous;
    counts[pair] -= weight[place];
    pairAt[place] = NONE;
  };
  const placesOf = (pair: number): Int32Array => {
    const found: number[] = [];
    for (let place = heads[pair]; place !== NONE; place = listAfter[place]) found.push(place);
    return Int32Array.from(found).sort();
  };
  const queueRecent = () => {
    for (const pair of recent) if (counts[pair] > 0) queue.push(pair);
    recent = [];
  };

  let place = 0;
  for (const [word, count] of words)
    for (let i = 0; i < word.length; i++, place++) {
      token[place] = ids.get(word[i]) as number;
      weight[place] = count;
      if (i > 0) before[place] = place - 1;
      if (i + 1 < word.length) after[place] = place + 1;
    }
  for (let p = 0; p < places; p++) if (after[p] !== NONE) enter(p);
  queueRecent();

  return {
    mostFrequent: queue.pop,
    idsOf: (pair) => [Math.floor(keys[pair] / LARGEST_VOCABULARY), keys[pair] % LARGEST_VOCABULARY],
    merge(pair, id) {
      for (const p of placesOf(pair)) {
        if (pairAt[p] !== pair) continue; // of three equal tokens the second is gone
        const second = after[p];
        const [previous, next] = [before[p], after[second]];
        if (previous !== NONE) leave(previous);
        leave(p);
        if (next !== NONE) leave(second);
        token[p] = id;
        after[p] = next;
        if (next !== NONE) before[next] = p;
        if (previous !== NONE) enter(previous);
        if (next !== NONE) enter(p);
      }
      queueRecent();
    },
  };
}

/**
 * A binary heap of pairs, the largest count first, of equal counts the smallest key. A count only falls while its pair waits: a pair that is popped with
 * another count than it was put in with goes back with the present one.
 */
function createQueue(counts: readonly number[], keys: readonly number[]) {
  const heap: number[] = []; // [waiting] pairs
  const known: number[] = []; // [pairs] counts that the heap is ordered by
  const isBefore = (a: number, b: number) => known[a] > known[b] || (known[a] === known[b] && keys[a] < keys[b]);
  const push = (pair: number) => {
    known[pair] = counts[pair];
    let at = heap.push(pair) - 1;
    for (let above = (at - 1) >> 1; at > 0 && isBefore(pair, heap[above]); above = (at - 1) >> 1) {
      heap[at] = heap[above];
      at = above;
    }
    heap[at] = pair;
  };
  const takeFirst = (): number => {
    const first = heap[0];
    const last = heap.pop() as number;
    if (heap.length === 0) return first;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below])) below++;
      if (!isBefore(heap[below], last)) break;
      heap[at] = heap[below];
      at = below;
    }
    heap[at] = last;
    return first;
  };
  return {
    push,
    pop(): number | undefined {
      while (heap.length > 0) {
        const pair = takeFirst();
        if (counts[pair] === known[pair]) return pair;
        if (counts[pair] > 0) push(pair);
      }
      return undefined;
    },
  };
}
