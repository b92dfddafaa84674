/** Genomic intervals in the ids of rows, as "chr7:1200-1400" anywhere in the id, or "chr7_1200_1400". Half-open or closed: the last base is shared by no two windows by chance. */
import type { LabelledSequence } from '../sequences/labelled-sequence.ts';

export interface GenomicInterval {
  readonly chromosome: string;
  readonly start: number;
  readonly end: number;
}

const COORDINATES = /(?:^|[^A-Za-z0-9])((?:chr)?[A-Za-z0-9.]+):(\d+)(?:-|\.\.)(\d+)|(chr[A-Za-z0-9]+)_(\d+)_(\d+)/;

export function intervalOf(id: string): GenomicInterval | undefined {
  const found = COORDINATES.exec(id);
  if (!found) return undefined;
  const start = Number(found[2] ?? found[5]);
  const end = Number(found[3] ?? found[6]);
  return end > start ? { chromosome: found[1] ?? found[4], start, end } : undefined;
}

/** The intervals of rows, or undefined where fewer than nine rows in ten have one. */
export function intervalsOf(rows: readonly LabelledSequence[]): (GenomicInterval | undefined)[] | undefined {
  const intervals = rows.map(({ id }) => intervalOf(id));
  const known = intervals.filter((interval) => interval !== undefined).length;
  return known >= 0.9 * rows.length ? intervals : undefined;
}

/** `[rows]` 1 + index of a fitted row whose interval overlaps the test row's, 0 for none; undefined without coordinates. */
export function overlapsByCoordinates(
  rows: readonly LabelledSequence[],
  fit: Uint32Array,
  test: Uint32Array,
): Int32Array | undefined {
  const intervals = intervalsOf(rows);
  if (intervals === undefined) return undefined;
  const byChromosome = new Map<string, number[]>();
  for (const row of fit) {
    const interval = intervals[row];
    if (interval === undefined) continue;
    const list = byChromosome.get(interval.chromosome);
    if (list === undefined) byChromosome.set(interval.chromosome, [row]);
    else list.push(row);
  }
  const reach = new Map<string, Float64Array>(); // greatest end up to each place, so that a search may stop
  for (const [chromosome, list] of byChromosome) {
    list.sort((a, b) => intervals[a]!.start - intervals[b]!.start || a - b);
    let most = 0;
    reach.set(
      chromosome,
      Float64Array.from(list, (row) => {
        most = Math.max(most, intervals[row]!.end);
        return most;
      }),
    );
  }
  const marks = new Int32Array(rows.length);
  for (const row of test) {
    const own = intervals[row];
    const list = own && byChromosome.get(own.chromosome);
    if (!own || !list) continue;
    const ends = reach.get(own.chromosome)!;
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (intervals[list[middle]]!.start < own.end) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && ends[i] > own.start; i--) {
      if (intervals[list[i]]!.end <= own.start) continue;
      marks[row] = list[i] + 1;
      break;
    }
  }
  return marks;
}
