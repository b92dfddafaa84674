/**
 * Near duplicates: pairs of sequences whose sets of canonical k-mers have a Jaccard index of at least {@link NEAR_THRESHOLD}, whatever the strand.
 * Candidates come from MinHash signatures in bands (Broder 1997; Leskovec, Rajaraman & Ullman, Mining of Massive Datasets,
 * ch. 3): 64 hashes, 16 bands of 4, so that a pair at 0.8 is proposed with probability 1 - (1 - 0.8^4)^16 = 0.9998; every
 * pair counted is then verified on the k-mer sets themselves. k-mers with a letter other than A, C, G, T/U do not count.
 */
import { BASE_CODES, reverseComplement } from './alphabet.ts';

export const NEAR_THRESHOLD = 0.8;

const HASHES = 64;
const BAND_HASHES = 4;
const BANDS = HASHES / BAND_HASHES;
/** A pair is verified from this many equal hashes on: four standard deviations below 0.8. */
const LEAST_EQUAL = Math.floor(
  HASHES * (NEAR_THRESHOLD - 4 * Math.sqrt((NEAR_THRESHOLD * (1 - NEAR_THRESHOLD)) / HASHES)),
);
/** Index bits of a sort key; the band's hash takes the other 29 of a float64's 53. */
const INDEX_RANGE = 2 ** 24;

/** The first of a sequence and its reverse complement in alphabetical order: the same for both strands. */
export function canonicalSequence(sequence: string): string {
  const reversed = reverseComplement(sequence);
  return sequence <= reversed ? sequence : reversed;
}

/** k for sequences of this greatest length: 8, or more once random k-mers would be shared by chance (4^k >= 20 x length). At most 11. */
export function nearDuplicateK(longest: number): number {
  let k = 8;
  while (k < 11 && 4 ** k < 20 * longest) k++;
  return k;
}

/**
 * Calls `visit(i, j)` for near-duplicate pairs, each at most once, skipping pairs for which `done(i, j)` says that the answer would
 * change nothing (asked first, since that is cheap).
 * @param sequences distinct ones; sequences without any k-mer have no near duplicates.
 */
export function forNearDuplicates(
  sequences: readonly string[],
  k: number,
  done: (i: number, j: number) => boolean,
  visit: (i: number, j: number) => void,
): void {
  if (sequences.length >= INDEX_RANGE) {
    throw new RangeError(`${sequences.length} sequences; near duplicates are sought among at most ${INDEX_RANGE - 1}`);
  }
  const kmers = new KmerSets(sequences, k);
  const signatures = kmers.signatures(); // [n, HASHES]
  const bandKeys = new Uint32Array(sequences.length * BANDS); // [n, BANDS]
  for (let i = 0; i < sequences.length; i++) {
    for (let band = 0; band < BANDS; band++) {
      let key = 0x9e3779b9;
      const first = i * HASHES + band * BAND_HASHES;
      for (let h = first; h < first + BAND_HASHES; h++) key = mix(key ^ signatures[h]);
      bandKeys[i * BANDS + band] = key >>> 3;
    }
  }
  const metBefore = (i: number, j: number, band: number) => {
    for (let earlier = 0; earlier < band; earlier++) {
      if (bandKeys[i * BANDS + earlier] === bandKeys[j * BANDS + earlier]) return true;
    }
    return false;
  };
  const sizes = kmers.sizes;
  const present = sequences.flatMap((_, i) => (sizes[i] > 0 ? [i] : []));
  const order = new Float64Array(present.length);
  for (let band = 0; band < BANDS; band++) {
    for (let p = 0; p < present.length; p++) order[p] = bandKeys[present[p] * BANDS + band] * INDEX_RANGE + present[p];
    order.sort();
    for (let from = 0, to = 0; from < order.length; from = to) {
      const key = Math.floor(order[from] / INDEX_RANGE);
      while (to < order.length && Math.floor(order[to] / INDEX_RANGE) === key) to++;
      for (let a = from; a < to; a++) {
        const i = order[a] % INDEX_RANGE;
        for (let b = a + 1; b < to; b++) {
          const j = order[b] % INDEX_RANGE;
          if (done(i, j) || metBefore(i, j, band)) continue;
          if (Math.min(sizes[i], sizes[j]) < NEAR_THRESHOLD * Math.max(sizes[i], sizes[j])) continue;
          if (equalHashes(signatures, i, j) >= LEAST_EQUAL && kmers.jaccard(i, j) >= NEAR_THRESHOLD) visit(i, j);
        }
      }
    }
  }
}

/**
 * Single-linkage clusters of near duplicates, exact and reverse-complement duplicates included: per sequence the number of its
 * cluster, numbered from 0 in order of first appearance.
 */
export function nearDuplicateClusters(sequences: readonly string[]): Int32Array {
  const { unique, indexOf } = distinctSequences(sequences);
  const parent = Int32Array.from(unique, (_, i) => i);
  const root = (i: number) => {
    while (parent[i] !== i) {
      parent[i] = parent[parent[i]];
      i = parent[i];
    }
    return i;
  };
  const longest = unique.reduce((most, sequence) => Math.max(most, sequence.length), 0);
  forNearDuplicates(
    unique,
    nearDuplicateK(longest),
    (i, j) => root(i) === root(j),
    (i, j) => {
      parent[root(i)] = root(j);
    },
  );
  const numbers = new Map<number, number>();
  return indexOf.map((index) => {
    const cluster = root(index);
    const number = numbers.get(cluster) ?? numbers.size;
    numbers.set(cluster, number);
    return number;
  });
}

/** Distinct sequences up to strand, and for each sequence given the index of its own among them. */
export function distinctSequences(sequences: readonly string[]): { unique: string[]; indexOf: Int32Array } {
  const unique: string[] = [];
  const known = new Map<string, number>();
  const indexOf = new Int32Array(sequences.length);
  for (let i = 0; i < sequences.length; i++) {
    const canonical = canonicalSequence(sequences[i]);
    let index = known.get(canonical);
    if (index === undefined) {
      index = unique.push(canonical) - 1;
      known.set(canonical, index);
    }
    indexOf[i] = index;
  }
  return { unique, indexOf };
}

/** Sets of canonical k-mers, recomputed from the sequences when needed rather than stored. */
class KmerSets {
  /** Distinct canonical k-mers of each sequence. */
  readonly sizes: Int32Array;
  private readonly sequences: readonly string[];
  private readonly k: number;
  private readonly codes: Int32Array;
  private readonly inFirst: Int32Array;
  private readonly inSecond: Int32Array;
  private stamp = 0;
  private secondStamp = 0;
  private first = -1;

  constructor(sequences: readonly string[], k: number) {
    this.sequences = sequences;
    this.k = k;
    this.sizes = new Int32Array(sequences.length);
    this.codes = new Int32Array(sequences.reduce((most, sequence) => Math.max(most, sequence.length), 0));
    this.inFirst = new Int32Array(4 ** k);
    this.inSecond = new Int32Array(4 ** k);
  }

  /** MinHash signatures, `[sequences, HASHES]`; also fills `sizes`. */
  signatures(): Int32Array {
    const multipliers = Int32Array.from({ length: HASHES }, (_, h) => mix(2 * h + 1) | 1);
    const offsets = Int32Array.from({ length: HASHES }, (_, h) => mix(2 * h + 2));
    const signatures = new Int32Array(this.sequences.length * HASHES).fill(0x7fffffff);
    const mixed = new Int32Array(this.codes.length);
    for (let i = 0; i < this.sequences.length; i++) {
      const count = this.distinct(i);
      this.sizes[i] = count;
      for (let c = 0; c < count; c++) mixed[c] = mix(this.codes[c] + 1);
      // One hash at a time, so that its least value stays in a register: this loop is most of the time of an audit.
      for (let h = 0; h < HASHES; h++) {
        const multiplier = multipliers[h];
        const offset = offsets[h];
        let least = 0x7fffffff;
        for (let c = 0; c < count; c++) {
          const value = (Math.imul(mixed[c], multiplier) + offset) | 0;
          if (value < least) least = value;
        }
        signatures[i * HASHES + h] = least;
      }
    }
    return signatures;
  }

  jaccard(i: number, j: number): number {
    if (this.first !== i) {
      const size = this.distinct(i);
      this.stamp++;
      for (let c = 0; c < size; c++) this.inFirst[this.codes[c]] = this.stamp;
      this.first = i;
    }
    const size = this.distinct(j);
    let shared = 0;
    for (let c = 0; c < size; c++) if (this.inFirst[this.codes[c]] === this.stamp) shared++;
    return shared / (this.sizes[i] + this.sizes[j] - shared);
  }

  /** Writes the distinct canonical k-mer codes of sequence i into `codes`; returns how many. */
  private distinct(i: number): number {
    const { k, codes, inSecond } = this;
    const sequence = this.sequences[i];
    const seen = ++this.secondStamp;
    const wrap = 4 ** k - 1;
    const top = 2 * (k - 1);
    let forward = 0;
    let backward = 0;
    let run = 0;
    let count = 0;
    for (let at = 0; at < sequence.length; at++) {
      const letter = sequence.charCodeAt(at);
      const code = letter < 256 ? BASE_CODES[letter] : 4;
      if (code === 4) {
        run = 0;
        continue;
      }
      forward = ((forward << 2) | code) & wrap;
      backward = (backward >> 2) | ((3 - code) << top);
      if (++run < k) continue;
      const canonical = Math.min(forward, backward);
      if (inSecond[canonical] === seen) continue;
      inSecond[canonical] = seen;
      codes[count++] = canonical;
    }
    return count;
  }
}

function equalHashes(signatures: Int32Array, i: number, j: number): number {
  let equal = 0;
  for (let h = 0, a = i * HASHES, b = j * HASHES; h < HASHES; h++) if (signatures[a + h] === signatures[b + h]) equal++;
  return equal;
}

/** The finaliser of MurmurHash3. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
