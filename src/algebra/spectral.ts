/**
 * Largest eigenvalues of a large symmetric operator with their eigenvectors: Lanczos with full
 * orthogonalisation and thick restarts (Wu & Simon 2000, SIAM J. Matrix Anal. Appl. 22:602). When
 * products with the operator are cheap and the eigenvalues are close together, as for sparse
 * graphs, the iteration continues with a Chebyshev polynomial of the operator that amplifies the
 * wanted end of the spectrum (Zhou & Saad 2007, SIAM J. Matrix Anal. Appl. 29:954); the first
 * Lanczos run estimates where that end begins (stochastic Lanczos quadrature). After convergence a
 * new random vector is added, and the iteration continues until the best pair that it brings lies
 * below the pairs found, so that no copy of a multiple eigenvalue is missed. Residuals are computed
 * as |A x - value x|, never estimated.
 */
import { Matrix as Dense, EigenvalueDecomposition } from 'ml-matrix';
import type { Random } from '../core/random.ts';

/** `into = A vector`, A symmetric. */
export type SymmetricOperator = (vector: Float64Array, into: Float64Array) => void;

export interface EigenOptions {
  readonly random: Random;
  /** Largest residual of a pair, given its eigenvalue. */
  readonly tolerance: (value: number) => number;
  /**
   * Set when products with the operator cost little compared with orthogonalisation: the operator
   * is then filtered.
   */
  readonly filtered: boolean;
  /** Maximum number of restarts. */
  readonly maximumCycles?: number;
}

export interface EigenResult {
  /** Descending. */
  readonly values: Float64Array;
  /** One vector of length 1 per value. */
  readonly vectors: readonly Float64Array[];
  readonly converged: boolean;
  /** Largest residual over tolerance: at most 1 when converged. */
  readonly excess: number;
}

const MAXIMUM_CYCLES = 100;
const SMALLEST_BASIS = 40;
/** A new direction shorter than this, relative to its image, is a rounding error. */
const BREAKDOWN = 1e-10;
/** The filter amplifies the largest eigenvalue by about exp(FILTER_EXPONENT) / 2. */
const FILTER_EXPONENT = 8;
const MAXIMUM_DEGREE = 300;
/**
 * Change of the sum of eigenvalues, per eigenvalue, below which a new random vector brought
 * nothing.
 */
const CONFIRMED = 1e-8;

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/**
 * Subtracts the components along `basis` from `vector`, twice for orthogonality to working
 * precision; returns their lengths.
 */
function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const parts = new Float64Array(basis.length);
  for (let pass = 0; pass < 2; pass++) {
    for (let j = 0; j < basis.length; j++) {
      const direction = basis[j];
      const part = dot(direction, vector);
      parts[j] += part;
      for (let i = 0; i < vector.length; i++) vector[i] -= part * direction[i];
    }
  }
  return parts;
}

/** A random vector of length 1, orthogonal to `basis`. */
function freshDirection(size: number, basis: readonly Float64Array[], random: Random): Float64Array {
  const vector = Float64Array.from({ length: size }, () => random.normal());
  orthogonalise(vector, basis);
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
}

/** Linear combinations of the basis: one for each of the first `count` columns of `weights`. */
function combine(basis: readonly Float64Array[], weights: Dense, count: number): Float64Array[] {
  const size = basis[0].length;
  return Array.from({ length: count }, (_, c) => {
    const result = new Float64Array(size);
    for (let j = 0; j < basis.length; j++) {
      const weight = weights.get(j, c);
      const vector = basis[j];
      for (let i = 0; i < size; i++) result[i] += weight * vector[i];
    }
    return result;
  });
}

/** Eigenvalues of a dense symmetric matrix, largest first, and their vectors as columns. */
function denseEigen(matrix: Dense): { values: number[]; vectors: Dense } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((i, j) => realEigenvalues[j] - realEigenvalues[i]);
  const rows = order.map((_, i) => i);
  return { values: order.map((i) => realEigenvalues[i]), vectors: eigenvectorMatrix.selection(rows, order) };
}

/** The Chebyshev polynomial of `degree` of the operator, the interval [low, high] mapped to [-1, 1]. */
function chebyshev(operator: SymmetricOperator, low: number, high: number, degree: number): SymmetricOperator {
  const centre = (low + high) / 2;
  const half = (high - low) / 2;
  return (vector, into) => {
    let previous = vector.slice();
    let current = new Float64Array(vector.length);
    let next = new Float64Array(vector.length);
    operator(previous, current);
    for (let i = 0; i < current.length; i++) current[i] = (current[i] - centre * previous[i]) / half;
    for (let k = 2; k <= degree; k++) {
      operator(current, next);
      for (let i = 0; i < next.length; i++) next[i] = (2 / half) * (next[i] - centre * current[i]) - previous[i];
      [previous, current, next] = [current, next, previous];
    }
    into.set(current);
  };
}

/** Lanczos state: an orthonormal basis, the operator projected on it, and the next direction. */
interface Krylov {
  basis: Float64Array[];
  projected: Dense;
  next: Float64Array;
}

/** Extends the basis to `dimension` vectors. */
function extend(state: Krylov, operator: SymmetricOperator, dimension: number, random: Random): void {
  const { basis, projected } = state;
  const size = state.next.length;
  while (basis.length < dimension) {
    basis.push(state.next);
    const image = new Float64Array(size);
    operator(state.next, image);
    const before = Math.sqrt(dot(image, image));
    const parts = orthogonalise(image, basis);
    const column = basis.length - 1;
    for (let j = 0; j <= column; j++) {
      projected.set(j, column, parts[j]);
      projected.set(column, j, parts[j]);
    }
    const length = Math.sqrt(dot(image, image));
    if (length > BREAKDOWN * Math.max(before, Number.MIN_VALUE)) state.next = image.map((value) => value / length);
    else if (basis.length < size) state.next = freshDirection(size, basis, random);
  }
}

/**
 * Where the wanted end begins, by counting eigenvalues with the weights of one random vector; and
 * the lower end of the spectrum.
 */
function filterOf(
  operator: SymmetricOperator,
  size: number,
  values: readonly number[],
  vectors: Dense,
  wanted: number,
): SymmetricOperator {
  const top = values[0];
  const low = values[values.length - 1] - 0.05 * (top - values[values.length - 1]);
  let counted = 0;
  let at = 0;
  while (at < values.length - 1 && (counted < wanted || values[at] > top - 1e-6 * (top - low))) {
    counted += size * vectors.get(0, at) ** 2;
    at += 1;
  }
  const high = values[at];
  const lift = Math.acosh((top - (low + high) / 2) / ((high - low) / 2));
  const degree = Math.max(2, Math.min(MAXIMUM_DEGREE, Math.round(FILTER_EXPONENT / lift)));
  return chebyshev(operator, low, high, degree);
}

interface Pair {
  readonly value: number;
  readonly vector: Float64Array;
  readonly residual: number;
}

/** Rayleigh quotients and true residuals of vectors, largest value first. */
function assess(operator: SymmetricOperator, vectors: readonly Float64Array[]): Pair[] {
  const image = new Float64Array(vectors[0].length);
  const pairs = vectors.map((vector) => {
    operator(vector, image);
    const value = dot(vector, image);
    let squares = 0;
    for (let i = 0; i < image.length; i++) squares += (image[i] - value * vector[i]) ** 2;
    return { value, vector, residual: Math.sqrt(squares) };
  });
  return pairs.sort((a, b) => b.value - a.value);
}

function resultOf(pairs: readonly Pair[], tolerance: (value: number) => number): EigenResult {
  const excess = pairs.reduce((most, { value, residual }) => Math.max(most, residual / tolerance(value)), 0);
  return {
    values: Float64Array.from(pairs, ({ value }) => value),
    vectors: pairs.map(({ vector }) => vector),
    converged: excess <= 1,
    excess,
  };
}

/** The `count` largest eigenvalues of a symmetric operator on vectors of length `size`. Throws when count is not in 1..size. */
export function largestEigenvectors(
  operator: SymmetricOperator,
  size: number,
  count: number,
  { random, tolerance, filtered, maximumCycles = MAXIMUM_CYCLES }: EigenOptions,
): EigenResult {
  if (!(count >= 1 && count <= size))
    throw new Error(`${count} eigenvectors of a matrix with ${size} rows are not possible.`);
  const dimension = Math.min(size, Math.max(2 * count + 1, Math.floor(Math.sqrt(size)), SMALLEST_BASIS));
  const kept = Math.floor((count + dimension) / 2);
  const begin = (): Krylov => ({
    basis: [],
    projected: Dense.zeros(dimension, dimension),
    next: freshDirection(size, [], random),
  });
  let applied = operator;
  let state = begin();
  /** Sum of the eigenvalues when a new random vector was last added. */
  let claimed: number | undefined;
  for (let cycle = 1; ; cycle++) {
    extend(state, applied, dimension, random);
    const { values, vectors } = denseEigen(state.projected);
    const ritz = combine(state.basis, vectors, dimension === size ? count : kept);
    const pairs = assess(operator, ritz.slice(0, count + 1));
    const result = resultOf(pairs.slice(0, count), tolerance);
    if (dimension === size || cycle === maximumCycles) return result;
    if (filtered && applied === operator && !result.converged) {
      applied = filterOf(operator, size, values, vectors, kept);
      state = begin();
      continue;
    }
    const sum = result.values.reduce((total, value) => total + value, 0);
    const unchanged = claimed !== undefined && Math.abs(sum - claimed) <= CONFIRMED * count;
    const following = pairs[count];
    const below = following.residual <= result.values[count - 1] - following.value + tolerance(following.value);
    if (result.converged && unchanged && below) return result;
    const fresh = result.converged && !unchanged;
    if (fresh) claimed = sum;
    // After a new random vector only the pairs found are kept, so that all that follows comes from
    // it.
    const basis = fresh ? ritz.slice(0, count) : ritz;
    const projected = Dense.zeros(dimension, dimension);
    for (let j = 0; j < basis.length; j++) projected.set(j, j, values[j]);
    state = { basis, projected, next: fresh ? freshDirection(size, basis, random) : state.next };
  }
}
