/**
 * Share of each row's 20-mers (canonical, one in four sampled) that occur in a reference genome. Only the rows' k-mers are kept in memory;
 * the FASTA file is streamed record by record. A random 20-mer is in a genome of 3 Gb with probability 0.5%.
 */
import { UsageError } from '../core/errors.ts';
import { readFasta } from '../sequences/formats/fasta.ts';
import { type PackedSequences, packSequences } from './packed-sequences.ts';

const HALF = 10;
const MASK = 2 ** (2 * HALF) - 1;
const TOP = 2 * (HALF - 1);
const DENSITY = 4;

/** @returns `[sequences]` shares in 0..1; 0 for a row without a k-mer */
export async function genomeShares(file: string, sequences: readonly string[]): Promise<Float64Array> {
  const rows = packSequences(sequences);
  let places = 0;
  for (let row = 0; row < rows.count; row++)
    eachKmer(rows, row, () => {
      places++;
    });
  const set = kmerSet(places);
  for (let row = 0; row < rows.count; row++) eachKmer(rows, row, (high, low) => set.add(high, low));
  let records = 0;
  for await (const { sequence } of readFasta(file)) {
    records++;
    const record = packSequences([sequence]);
    eachKmer(record, 0, (high, low) => set.mark(high, low));
  }
  if (records === 0)
    throw new UsageError(`--genome ${file}: no FASTA record was found`, 'Give a FASTA file, also .gz.');
  const shares = new Float64Array(rows.count);
  for (let row = 0; row < rows.count; row++) {
    let all = 0;
    let found = 0;
    eachKmer(rows, row, (high, low) => {
      all++;
      if (set.marked(high, low)) found++;
    });
    shares[row] = all === 0 ? 0 : found / all;
  }
  return shares;
}

/** The sampled canonical 20-mers of a row, as two halves of 20 bits. */
function eachKmer({ codes, offsets }: PackedSequences, row: number, visit: (high: number, low: number) => void): void {
  let high = 0;
  let low = 0;
  let backHigh = 0;
  let backLow = 0;
  let run = 0;
  for (let at = offsets[row]; at < offsets[row + 1]; at++) {
    const code = codes[at];
    if (code === 4) {
      run = 0;
      continue;
    }
    high = ((high << 2) | (low >>> TOP)) & MASK;
    low = ((low << 2) | code) & MASK;
    backLow = (backLow >>> 2) | ((backHigh & 3) << TOP);
    backHigh = (backHigh >>> 2) | ((3 - code) << TOP);
    if (++run < 2 * HALF) continue;
    const reversed = backHigh < high || (backHigh === high && backLow < low);
    const [h, l] = reversed ? [backHigh, backLow] : [high, low];
    if ((mix(h, l) & (DENSITY - 1)) === 0) visit(h, l);
  }
}

function mix(high: number, low: number): number {
  let h = Math.imul(high ^ (low << 11), 0x85ebca6b) ^ low;
  h ^= h >>> 15;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A hash set of k-mers with a mark each; open addressing in typed arrays. */
function kmerSet(most: number) {
  const size = 2 ** Math.ceil(Math.log2(2 * most + 16));
  const keys = new Float64Array(size).fill(-1);
  const marks = new Uint8Array(size);
  const slotOf = (high: number, low: number) => {
    const key = high * (MASK + 1) + low;
    let slot = (mix(high, low) >>> 2) & (size - 1);
    while (keys[slot] !== -1 && keys[slot] !== key) slot = (slot + 1) & (size - 1);
    return slot;
  };
  return {
    add(high: number, low: number) {
      keys[slotOf(high, low)] = high * (MASK + 1) + low;
    },
    mark(high: number, low: number) {
      const slot = slotOf(high, low);
      if (keys[slot] !== -1) marks[slot] = 1;
    },
    marked: (high: number, low: number) => marks[slotOf(high, low)] === 1,
  };
}
