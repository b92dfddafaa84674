/**
 * Splits sequences that are longer than the model's input into windows of a given length that start
 * every `stride` letters; the last window ends at the end of the sequence, so no window is short.
 * Each window is embedded separately; then the vectors are combined, each weighted by the letters
 * that it covers: a letter in m windows counts 1/m in each. `mean` (and `frames`) count tokens,
 * spread evenly over letters: without overlap this is the mean over the tokens of all windows.
 * `first` counts letters; `max` is the largest value over all windows. A sequence no longer than a
 * window is embedded directly.
 */

import { hashJson } from '../core/files.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Encoder, Pooling, Representation } from '../models/model.ts';
import { unusable } from '../sequences/sequence-error.ts';
import { nucleotideLimit } from './limits.ts';

/** Letters per window, and letters from the start of one window to the next. */
export interface Windows {
  readonly window: number;
  readonly stride: number;
}

/** Windows embedded in one call: bounds the memory for sequences of any length. */
const WINDOWS_PER_CALL = 8192;

/**
 * Part of a sequence that is read at once: letters `start` to `end` (exclusive), and the number of
 * tokens that are pooled.
 */
export interface Window {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

/**
 * Start of each window. The last one ends at the end of the sequence, or less than `step` letters
 * before it, so that starts are multiples of `step`: tokens of `step` letters are then cut in the
 * same way in all windows.
 */
export function windowStarts(length: number, { window, stride }: Windows, step = 1): number[] {
  if (length <= window) return [0];
  const last = Math.ceil((length - window) / step) * step;
  const starts: number[] = [];
  for (let start = 0; start + window < length; start += stride) starts.push(start);
  return [...starts, last];
}

/** The number of letters that each window covers when a letter in m windows counts 1/m in each. */
export function letterShares(windows: readonly Pick<Window, 'start' | 'end'>[]): number[] {
  const changes = new Map<number, number>(); // letter -> number of windows that start minus windows that end there
  for (const { start, end } of windows) {
    changes.set(start, (changes.get(start) ?? 0) + 1);
    changes.set(end, (changes.get(end) ?? 0) - 1);
  }
  // The sum of 1/m over all letters before a boundary; the share of a window is the difference
  // between its two ends.
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

/**
 * Weight of a window's vector in the mean over windows; undefined when the maximum is used instead.
 */
const WEIGHTS: Readonly<Record<Pooling, ((window: Window, share: number) => number) | undefined>> = {
  mean: ({ start, end, tokens }, share) => (tokens * share) / (end - start),
  frames: ({ start, end, tokens }, share) => (tokens * share) / (end - start),
  first: (_, share) => share,
  max: undefined,
};

/**
 * The encoder over windows. Windows with more tokens than the model reads (BPE; a run of N among
 * 6-mers) are halved until they fit. Windows of only N are left out when there are others, and so
 * is an end of less than one token.
 * @throws for windows that are longer than the model's input or cut its tokens, and for encoders
 *   without tokens.
 */
export function windowed(encoder: Encoder, { window, stride }: Windows): Encoder {
  const tokensOf = encoder.pooledTokens?.bind(encoder);
  if (!tokensOf)
    throw new Error('windows are for models that read tokens; this model has only vectors of whole sequences');
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

/**
 * Letters from one token to the next when that is constant; otherwise 1, since a window may start
 * at any letter.
 */
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
    if (start > reached) tokensOf(sequence.slice(reached, start)); // throws: only the end may be too short
    reached = Math.max(reached, end);
  }
  const known = readable.filter(({ start, end }) => /[^Nn]/.test(sequence.slice(start, end)));
  if (known.length > 0) return known;
  return readable.length > 0 ? readable : [{ start: 0, end: sequence.length, tokens: tokensOf(sequence) }];
}

/** A window of row `row`, the letters that it covers, and whether it is the last of that row. */
interface Piece extends Window {
  readonly row: number;
  readonly share: number;
  readonly last: boolean;
}

/** The windows of all sequences, in order, in groups of at most this size. */
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

/**
 * Combines the vectors of windows, in order, into one vector per row. Sums are in double precision.
 */
class PooledRows {
  private readonly results: Float32Array[]; // [rows, dimension] each
  private readonly sums: Float64Array[]; // [dimension] each, of the current row
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
