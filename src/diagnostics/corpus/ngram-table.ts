/**
 * Counts of n-grams as a trie whose children are found by hashing. Node 0 is the empty n-gram; the
 * child of node g by symbol s is the n-gram g s. Memory grows with the number of different n-grams,
 * not with the corpus: nucleotides have at most 4 + 16 + ... + 4^9 = 349,524 n-grams of up to 9
 * letters.
 */

/** 40 bytes each when full: 670 MB. */
const MOST_NGRAMS = 2 ** 24;
const LEAST_CAPACITY = 1024;

export interface NgramTable {
  /** Number of different n-grams, without the empty one. */
  readonly size: number;
  /** Node of `parent` followed by `symbol`, or -1 when it was never counted. */
  find(parent: number, symbol: number): number;
  /**
   * Adds one to the count of `symbol` after `parent` and returns the node of both. @throws when the
   * table is full.
   */
  count(parent: number, symbol: number): number;
  /** The count of a node. */
  occurrences(node: number): number;
  /** The number of symbols counted after a node, and the number of different ones. */
  continuations(node: number): number;
  distinct(node: number): number;
}

/** An empty table. `alphabet`: symbols are whole numbers below it, at most 2^20. */
export function createNgramTable(alphabet: number, mostNgrams = MOST_NGRAMS): NgramTable {
  let capacity = LEAST_CAPACITY;
  let size = 0;
  // Key (parent x alphabet + symbol) and counts of node n. Slots hold nodes, 0 for an empty slot;
  // at most half of the slots are full.
  let keys = new Float64Array(capacity);
  let counts = new Float64Array(capacity * 3); // occurrences, continuations, distinct
  let slots = new Int32Array(capacity * 2);

  const slotOf = (parent: number, symbol: number, key: number): number => {
    const mask = slots.length - 1;
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(symbol + 1, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
    let slot = (hash ^ (hash >>> 13)) & mask;
    while (slots[slot] !== 0 && keys[slots[slot]] !== key) slot = (slot + 1) & mask;
    return slot;
  };

  const grow = () => {
    capacity *= 2;
    const wider = (old: Float64Array, length: number) => {
      const array = new Float64Array(length);
      array.set(old);
      return array;
    };
    keys = wider(keys, capacity);
    counts = wider(counts, capacity * 3);
    slots = new Int32Array(capacity * 2);
    for (let node = 1; node <= size; node++) {
      const parent = Math.floor(keys[node] / alphabet);
      slots[slotOf(parent, keys[node] - parent * alphabet, keys[node])] = node;
    }
  };

  return {
    get size() {
      return size;
    },
    find(parent, symbol) {
      return slots[slotOf(parent, symbol, parent * alphabet + symbol)] || -1;
    },
    count(parent, symbol) {
      const key = parent * alphabet + symbol;
      let slot = slotOf(parent, symbol, key);
      if (slots[slot] === 0) {
        if (size === mostNgrams)
          throw new Error(`more than ${mostNgrams} different n-grams; use a lower order, or less of the corpus`);
        if (size + 2 > capacity) {
          grow();
          slot = slotOf(parent, symbol, key);
        }
        size += 1;
        slots[slot] = size;
        keys[size] = key;
        counts[parent * 3 + 2] += 1;
      }
      const node = slots[slot];
      counts[node * 3] += 1;
      counts[parent * 3 + 1] += 1;
      return node;
    },
    occurrences: (node) => counts[node * 3],
    continuations: (node) => counts[node * 3 + 1],
    distinct: (node) => counts[node * 3 + 2],
  };
}
