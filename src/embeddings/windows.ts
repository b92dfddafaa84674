/**
 * Sequences longer than a model reads, in windows of so many letters, begun every `stride` letters; the last one ends with the sequence, so that none is
 * a stub. Each is embedded by itself; then their vectors become one, a window weighing as much as it stands for: a letter in m windows counts 1/m in
 * each. `mean` (and `frames`) count its tokens, spread evenly over its letters: without overlap that is the mean over the tokens of all windows.
 * `first` counts letters; `max` is the largest value over all windows. A sequence no longer than a window is embedded as ever.
 */

import { hashJson } from '../core/files.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Encoder, Pooling, Representation } from '../models/model.ts';
import { unusable } from '../sequences/sequence-error.ts';
import { nucleotideLimit } from './limits.ts';

/** Letters per window, and from the beginning of one to the next. */
export interface Windows {
  readonly window: number;
  readonly stride: number;
}

/** Windows embedded in one call: what is held at a time, however long the sequences are. */
const WINDOWS_PER_CALL = 8192;

/** Part of a sequence that is read at once: letters `start` to `end` (exclusive), and the tokens that pooling sees. */
export interface Window {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

/**
 * Where windows begin. The last one ends with the sequence, or less than `step` letters before it would be too long, so that beginnings are
 * multiples of `step`: tokens of `step` letters are then cut alike in all windows.
 */
export function windowStarts(length: number, { window, stride }: Windows, step = 1): number[] {
  if (length <= window) return [0];
  const last = Math.ceil((length - window) / step) * step;
  const starts: number[] = [];
  for (let start = 0; start + window < length; start += stride) starts.push(start);
  return [...starts, last];
}

/** The letters that each window stands for when a letter in m windows counts 1/m in each. */
export function letterShares(windows: readonly Pick<Window, 'start' | 'end'>[]): number[] {
  const changes = new Map<number, number>(); // letter -> windows that begin less windows that end there
  for (const { start, end } of windows) {
    changes.set(start, (changes.get(start) ?? 0) + 1);
    changes.set(end, (changes.get(end) ?? 0) - 1);
  }
  // The sum of 1/m over all letters before an edge; a window's share is the difference between its ends.
  const before = new Map<number, number>();
  let [sum, cover, last] = [0, 0, 0];
  for (const edge of [...changes.keys()].sort((a, b) => a - b)) {
    if (cover > 0) sum += (edge - last) / cover;
    before.set(edge, sum);
    cover += changes.get(edge) as number;
    last = edge;
  }
  return windows.map(({ start, end }) => (before.get(end) as number) - (before.get(start) as number));
}

/** What a window's vector weighs in the mean over windows; undefined where the largest value is taken instead. */
const WEIGHTS: Readonly<Record<Pooling, ((window: Window, share: number) => number) | undefined>> = {
  mean: ({ start, end, tokens }, share) => (tokens * share) / (end - start),
  frames: ({ start, end, tokens }, share) => (tokens * share) / (end - start),
  first: (_, share) => share,
  max: undefined,
};

/**
 * The encoder over windows. Windows with more tokens than the model reads (BPE; a run of N among 6-mers) are halved until they fit; those of N alone
 * are left out where there are others, and so is an end of less than one token.
 * @throws for windows longer than the model reads, or that cut its tokens, and for encoders without tokens.
 */
export function windowed(encoder: Encoder, { window, stride }: Windows): Encoder {
  const tokensOf = encoder.pooledTokens?.bind(encoder);
  if (!tokensOf)
    throw new Error('windows are for models that read tokens; this one has vectors of whole sequences only');
  const step = lettersPerToken(encoder);
  checkFit(encoder, { window, stride }, step);
  const cut = (sequence: string) => windowsOf(sequence, { window, stride }, step, tokensOf);
  return {
    ...encoder,
    fingerprint: hashJson({ windows: { window, stride }, of: encoder.fingerprint }),
    card: {
      ...encoder.card,
      windows: { nucleotides: window, stride, pooling: 'over the windows, a letter in m of them counting 1/m in each' },
    },
    pooledTokens: (sequence) => cut(sequence).reduce((sum, { tokens }) => sum + tokens, 0),
    async embed(sequences, representations, progress) {
      const pooled = new PooledRows(sequences.length, encoder.dimension, representations);
      for (const call of calls(sequences, cut)) {
        const texts = call.map(({ row, start, end }) => sequences[row].slice(start, end));
        const [from, to] = [call[0].row, call[call.length - 1].row + 1];
        const matrices = await encoder.embed(texts, representations).catch((error: unknown) => {
          const message = `in the windows of sequences ${from + 1} to ${to}: ${(error as Error).message}`;
          throw new Error(message, { cause: error });
        });
        for (const [i, piece] of call.entries()) pooled.add(piece, matrices, i);
        progress?.(to / sequences.length, `embedded ${to} of ${sequences.length} sequences in windows`);
      }
      return pooled.finish();
    },
    dispose: () => encoder.dispose(),
  };
}

/** Letters from one token to the next where that is one number; else 1, for any letter may begin a window. */
function lettersPerToken({ limits }: Encoder): number {
  const letters = limits?.nucleotidesPerToken;
  return letters !== undefined && Number.isInteger(letters) && letters > 0 ? letters : 1;
}

function checkFit({ limits }: Encoder, { window, stride }: Windows, step: number): void {
  const most = limits?.maxNucleotides ?? Number.POSITIVE_INFINITY;
  if (window > most) {
    const fits = nucleotideLimit(limits);
    throw new Error(`windows of ${window} nucleotides: the model reads at most ${most}; use +w${fits} or less`);
  }
  for (const [what, letters] of Object.entries({ window, stride })) {
    if (letters % step === 0) continue;
    const below = Math.floor(letters / step) * step;
    const near = [below, below + step].filter((n) => n > 0 && n <= most).join(' or ');
    throw new Error(`a ${what} of ${letters} nucleotides cuts tokens of ${step}; use a multiple of ${step}: ${near}`);
  }
}

function windowsOf(
  sequence: string,
  windows: Windows,
  step: number,
  tokensOf: (sequence: string) => number,
): readonly Window[] {
  const read = (start: number, end: number): Window[] => {
    try {
      return [{ start, end, tokens: tokensOf(sequence.slice(start, end)) }];
    } catch {
      const half = Math.ceil((end - start) / (2 * step)) * step;
      return half < end - start ? [...read(start, start + half), ...read(start + half, end)] : [];
    }
  };
  const starts = windowStarts(sequence.length, windows, step);
  const readable = starts.flatMap((start) => read(start, Math.min(start + windows.window, sequence.length)));
  let reached = 0;
  for (const { start, end } of readable) {
    if (start > reached) tokensOf(sequence.slice(reached, start)); // throws: only an end may be too short to be read
    reached = Math.max(reached, end);
  }
  const known = readable.filter(({ start, end }) => /[^Nn]/.test(sequence.slice(start, end)));
  if (known.length > 0) return known;
  return readable.length > 0 ? readable : [{ start: 0, end: sequence.length, tokens: tokensOf(sequence) }];
}

/** A window of row `row`, the letters it stands for, and whether it is that row's last. */
interface Piece extends Window {
  readonly row: number;
  readonly share: number;
  readonly last: boolean;
}

/** The windows of all sequences, in order, so many at a time. */
function* calls(
  sequences: readonly string[],
  cut: (sequence: string) => readonly Window[],
): Generator<readonly Piece[]> {
  let call: Piece[] = [];
  for (const [row, sequence] of sequences.entries()) {
    const windows = named(row, sequences.length, () => cut(sequence));
    const shares = letterShares(windows);
    for (const [i, window] of windows.entries()) {
      call.push({ ...window, row, share: shares[i], last: i === windows.length - 1 });
      if (call.length < WINDOWS_PER_CALL) continue;
      yield call;
      call = [];
    }
  }
  if (call.length > 0) yield call;
}

function named<T>(row: number, rows: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw unusable(error, row, rows);
  }
}

/** Windows' vectors, added in order, as one vector per row. Sums are kept in double precision. */
class PooledRows {
  private readonly results: Float32Array[]; // [rows, dimension] each
  private readonly sums: Float64Array[]; // [dimension] each, of the row under way
  private readonly weights: Float64Array; // [representations]

  constructor(
    private readonly rows: number,
    private readonly dimension: number,
    private readonly representations: readonly Representation[],
  ) {
    this.results = representations.map(() => new Float32Array(rows * dimension));
    this.sums = representations.map(() => new Float64Array(dimension));
    this.weights = new Float64Array(representations.length);
  }

  /** Adds row `i` of the matrices, one per representation. */
  add(piece: Piece, matrices: readonly Matrix[], i: number): void {
    const { dimension } = this;
    for (const [r, { pooling }] of this.representations.entries()) {
      const [sums, { values }] = [this.sums[r], matrices[r]];
      const weigh = WEIGHTS[pooling];
      const isFirst = this.weights[r] === 0;
      const weight = weigh ? weigh(piece, piece.share) : 1;
      for (let d = 0; d < dimension; d++) {
        const value = values[i * dimension + d];
        if (weigh) sums[d] += weight * value;
        else sums[d] = isFirst ? value : Math.max(sums[d], value);
      }
      this.weights[r] += weight;
      if (!piece.last) continue;
      const total = weigh ? this.weights[r] : 1;
      for (let d = 0; d < dimension; d++) this.results[r][piece.row * dimension + d] = sums[d] / total;
      sums.fill(0);
      this.weights[r] = 0;
    }
  }

  finish(): Matrix[] {
    return this.results.map((values) => ({ rows: this.rows, columns: this.dimension, values }));
  }
}
