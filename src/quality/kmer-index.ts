/**
 * An index of sampled canonical 16-mers of some rows, to find rows that share a stretch of sequence on either strand. A k-mer is sampled when
 * its hash is 0 modulo `1 / density`, so that the same k-mers are sampled in every row. Typed arrays only: 12 bytes per k-mer.
 */
import type { PackedSequences } from './packed-sequences.ts';

const K = 16;
const DENSITY = 4;
/** k-mers in more places than this are repeats and seed nothing. */
const MOST_PLACES = 64;

export interface SharedStretch {
  readonly row: number;
  /** Sampled k-mers on one diagonal. */
  readonly seeds: number;
  /** Letters of the query from the first to the last of them. */
  readonly span: number;
  readonly reversed: boolean;
  /** Position in the query minus (reversed: plus) position in the row. */
  readonly diagonal: number;
}

export interface KmerIndex {
  /** Rows that share at least `leastSeeds` sampled k-mers on one diagonal with row `query` of `sequences`, most seeds first. */
  search(sequences: PackedSequences, query: number, leastSeeds: number): SharedStretch[];
}

/** Canonical k-mer of each sampled place. */
type Visit = (hash: number, position: number, reversed: boolean) => void;

export function openKmerIndex(sequences: PackedSequences, rows: ArrayLike<number>): KmerIndex {
  let places = 0;
  for (let i = 0; i < rows.length; i++)
    eachSampled(sequences, rows[i], () => {
      places++;
    });
  const bits = Math.max(4, Math.ceil(Math.log2(places + 1)));
  const heads = new Int32Array(2 ** bits).fill(-1);
  const bucketSizes = new Uint8Array(2 ** bits);
  const next = new Int32Array(places);
  const hashes = new Int32Array(places);
  const rowOf = new Int32Array(places);
  const positionOf = new Int32Array(places); // position * 2 + strand
  let used = 0;
  for (let i = 0; i < rows.length; i++) {
    eachSampled(sequences, rows[i], (hash, position, reversed) => {
      const bucket = hash >>> (32 - bits);
      hashes[used] = hash;
      rowOf[used] = rows[i];
      positionOf[used] = position * 2 + (reversed ? 1 : 0);
      next[used] = heads[bucket];
      heads[bucket] = used++;
      if (bucketSizes[bucket] < 255) bucketSizes[bucket]++;
    });
  }
  return {
    search(other, query, leastSeeds) {
      const hits: number[] = []; // row, diagonal and strand packed into one number; query position apart
      const positions: number[] = [];
      eachSampled(other, query, (hash, position, reversed) => {
        const bucket = hash >>> (32 - bits);
        if (bucketSizes[bucket] > MOST_PLACES) return;
        for (let place = heads[bucket]; place >= 0; place = next[place]) {
          if (hashes[place] !== hash) continue;
          const at = positionOf[place] >> 1;
          const turned = ((positionOf[place] & 1) === 1) !== reversed;
          const diagonal = (turned ? position + at : position - at) + OFFSET;
          hits.push((rowOf[place] * 2 + (turned ? 1 : 0)) * SPAN + diagonal);
          positions.push(position);
        }
      });
      return stretches(hits, positions, leastSeeds);
    },
  };
}

const OFFSET = 2 ** 19;
const SPAN = 2 ** 21;

function stretches(hits: readonly number[], positions: readonly number[], leastSeeds: number): SharedStretch[] {
  if (hits.length < leastSeeds) return [];
  const found = new Map<number, { seeds: number; from: number; to: number }>();
  for (let h = 0; h < hits.length; h++) {
    const entry = found.get(hits[h]);
    if (entry === undefined) found.set(hits[h], { seeds: 1, from: positions[h], to: positions[h] });
    else {
      entry.seeds++;
      entry.to = positions[h];
    }
  }
  const result: SharedStretch[] = [];
  for (const [key, { seeds, from, to }] of found) {
    if (seeds < leastSeeds) continue;
    const place = Math.floor(key / SPAN);
    const diagonal = (key % SPAN) - OFFSET;
    result.push({ row: place >> 1, seeds, span: to - from + K, reversed: (place & 1) === 1, diagonal });
  }
  return result.sort((a, b) => b.seeds - a.seeds || a.row - b.row);
}

/** Calls `visit` for the sampled canonical k-mers of a row; the 32-bit hash stands for the k-mer (2-bit packed, 32 bits). */
function eachSampled({ codes, offsets }: PackedSequences, row: number, visit: Visit): void {
  let forward = 0;
  let backward = 0;
  let run = 0;
  for (let at = offsets[row]; at < offsets[row + 1]; at++) {
    const code = codes[at];
    if (code === 4) {
      run = 0;
      continue;
    }
    forward = (forward << 2) | code; // 16 bases fill the 32 bits exactly
    backward = (backward >>> 2) | ((3 - code) << 30);
    if (++run < K) continue;
    const reversed = backward >>> 0 < forward >>> 0;
    const hash = mix(reversed ? backward : forward);
    if ((hash & (DENSITY - 1)) === 0) visit(hash, at - offsets[row] - K + 1, reversed);
  }
}

/** The finaliser of MurmurHash3: one to one, so that equal hashes are equal k-mers. */
function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
