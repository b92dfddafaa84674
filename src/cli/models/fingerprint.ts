/**
 * A fingerprint of a model's embeddings in a few thousand numbers, for comparison on another
 * machine or with another version. Fixed sequences (mixed lengths, N, lower case) are embedded at
 * every layer; the norm and random projections of each vector are kept. The expected square of a
 * projection on a standard normal vector is the squared length of the projected vector (Johnson and
 * Lindenstrauss 1984), so differences of projections estimate the length of the difference of two
 * vectors.
 */

import { hashJson } from '../../core/files.ts';
import type { Matrix } from '../../core/matrix.ts';
import { createRandom } from '../../core/random.ts';
import { applyAlphabet } from '../../sequences/alphabet.ts';

export const FINGERPRINT_FORMAT = 'glm-bench embedding fingerprint 1';
/**
 * Largest difference that rounding explains, relative to the layer's root mean square norm: other
 * kernels sum in another order.
 */
export const TOLERANCE = 1e-4;
const PROJECTIONS = 8;
const LENGTHS = [8, 12, 24, 37, 48, 60, 64, 97, 128, 150, 201, 256, 333, 400, 498, 512];

export interface LayerFingerprint {
  /** One per sequence that was read. */
  readonly norms: readonly number[];
  readonly projections: readonly (readonly number[])[];
}

export interface EmbeddingFingerprint {
  readonly format: typeof FINGERPRINT_FORMAT;
  readonly model: string;
  /** Hash of architecture, config, tokenizer and the bytes of the weights. */
  readonly weights: string;
  /** Hash of the fixed sequences. */
  readonly sequences: string;
  /**
   * Tokens pooled, by sequence; null for sequences that the model cannot read whole. Missing for
   * encoders that count no tokens.
   */
  readonly tokens?: readonly (number | null)[];
  readonly dimension: number;
  /** Layers 0 (embeddings) to the last, vectors averaged over tokens. */
  readonly layers: readonly LayerFingerprint[];
}

/** The sequences as written: 16 of 8 to 512 letters, some in lower case, some with N. */
export function fixedSequences(): string[] {
  const random = createRandom('embedding-fingerprint');
  return LENGTHS.map((length, i) => {
    const letters = Array.from({ length }, () => 'ACGT'[random.integer(4)]);
    if (i % 4 === 1) letters[random.integer(length)] = 'N';
    if (i % 4 === 3) letters.fill('N', length >> 2, (length >> 2) + (length >> 3));
    const text = letters.join('');
    return i % 3 === 2 ? text.slice(0, length >> 1) + text.slice(length >> 1).toLowerCase() : text;
  });
}

/** The same sequences in the form that models get. */
export function readSequences(): string[] {
  return fixedSequences().map(
    (text, i) => applyAlphabet(text, { alphabet: 'dna' }, `fixed sequence ${i + 1}`).sequence,
  );
}

/** Nine digits represent a float32 exactly. */
const rounded = (value: number) => Number(value.toPrecision(9));

/** `matrices`: one per layer, [sequences read, dimension]. */
export function fingerprintOf(
  model: Pick<EmbeddingFingerprint, 'model' | 'weights' | 'tokens'>,
  matrices: readonly Matrix[],
): EmbeddingFingerprint {
  const dimension = matrices[0].columns;
  const random = createRandom('embedding-fingerprint:projections');
  const directions = Array.from({ length: PROJECTIONS }, () => Float64Array.from({ length: dimension }, random.normal));
  const layers = matrices.map(({ rows, columns, values }) => {
    const row = (r: number) => Float64Array.from({ length: columns }, (_, c) => values[r * columns + c]);
    const vectors = Array.from({ length: rows }, (_, r) => row(r));
    return {
      norms: vectors.map((vector) => rounded(Math.sqrt(dot(vector, vector)))),
      projections: vectors.map((vector) => directions.map((direction) => rounded(dot(vector, direction)))),
    };
  });
  return { format: FINGERPRINT_FORMAT, ...model, sequences: hashJson(fixedSequences()), dimension, layers };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export interface LayerDifference {
  readonly layer: number;
  /** Largest over the sequences, relative to the layer's root mean square norm. */
  readonly difference: number;
  /** Which of the fixed sequences, from 1. */
  readonly sequence: number;
}

export interface FingerprintComparison {
  readonly same: boolean;
  /** The first difference beyond rounding, as a sentence. */
  readonly reason?: string;
  /** Whether the files' bytes, config and tokenizer are the same too. */
  readonly sameWeights: boolean;
  readonly layers: readonly LayerDifference[];
}

/**
 * Compares computed values with stored ones. Throws for fingerprints of other sequences, which
 * cannot be compared.
 */
export function compareFingerprints(now: EmbeddingFingerprint, stored: EmbeddingFingerprint): FingerprintComparison {
  if (now.sequences !== stored.sequences)
    throw new Error(
      'the stored fingerprint is of other sequences; make a new one with --write on a machine where the model is known to be right',
    );
  const sameWeights = now.weights === stored.weights;
  const otherShape = shapeReason(now, stored);
  if (otherShape) return { same: false, reason: otherShape, sameWeights, layers: [] };
  const read = readRows(now);
  const layers = now.layers.map((layer, l) => {
    const worst = largestDifference(layer, stored.layers[l]);
    return { layer: l, difference: worst.difference, sequence: (read[worst.row] ?? worst.row) + 1 };
  });
  const off = layers.find(({ difference }) => !(difference <= TOLERANCE));
  const reason =
    off &&
    `layer ${off.layer} differs: by ${off.difference.toExponential(1)} of its vectors' norm at fixed sequence ${off.sequence}; ${TOLERANCE} is allowed`;
  return { same: off === undefined, reason, sameWeights, layers };
}

/** Which of the fixed sequences the rows are. */
function readRows({ tokens, layers }: EmbeddingFingerprint): number[] {
  return tokens?.flatMap((count, i) => (count === null ? [] : [i])) ?? layers[0].norms.map((_, i) => i);
}

function shapeReason(now: EmbeddingFingerprint, stored: EmbeddingFingerprint): string | undefined {
  if (now.layers.length !== stored.layers.length)
    return `the model has layers 0 to ${now.layers.length - 1}, the fingerprint 0 to ${stored.layers.length - 1}`;
  if (now.dimension !== stored.dimension)
    return `the model's vectors have ${now.dimension} values, the fingerprint's had ${stored.dimension}`;
  const [tokens, earlier] = [now.tokens ?? [], stored.tokens ?? []];
  const other = fixedSequences().findIndex((_, i) => tokens[i] !== earlier[i]);
  const count = (value: number | null | undefined) =>
    typeof value === 'number' ? `${value} tokens` : 'none that it can read';
  return other < 0
    ? undefined
    : `the tokenizer differs: fixed sequence ${other + 1} makes ${count(tokens[other])}, it made ${count(earlier[other])}`;
}

function largestDifference(now: LayerFingerprint, stored: LayerFingerprint): { difference: number; row: number } {
  const squares = stored.norms.map((norm) => norm ** 2);
  const scale = Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
  const differences = now.norms.map((norm, row) => {
    const gaps = now.projections[row].map((value, k) => (value - stored.projections[row][k]) ** 2);
    const length = Math.sqrt(gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length);
    const larger = Math.max(Math.abs(norm - stored.norms[row]), length);
    return larger === 0 ? 0 : larger / scale;
  });
  const row = differences.reduce(
    (worst, value, i) => (value > differences[worst] || Number.isNaN(value) ? i : worst),
    0,
  );
  return { difference: differences[row], row };
}

/** A fingerprint as parsed from a file. Throws, with the name of the file, for anything else. */
export function parseFingerprint(text: string, file: string): EmbeddingFingerprint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: not valid JSON: ${(error as Error).message}`);
  }
  const found = value as Partial<EmbeddingFingerprint> | null;
  const isWhole =
    found?.format === FINGERPRINT_FORMAT &&
    Number.isInteger(found.dimension) &&
    Array.isArray(found.layers) &&
    found.layers.length > 0 &&
    found.layers.every(isLayer);
  if (!isWhole) throw new Error(`${file} is not a fingerprint of the format '${FINGERPRINT_FORMAT}'`);
  return found as EmbeddingFingerprint;
}

function isLayer({ norms, projections }: Partial<LayerFingerprint>): boolean {
  const areNumbers = (values: unknown) => Array.isArray(values) && values.every(Number.isFinite);
  return (
    areNumbers(norms) &&
    Array.isArray(projections) &&
    projections.length === norms?.length &&
    projections.every((row) => areNumbers(row) && row.length === PROJECTIONS)
  );
}
