/**
 * Ridge regression in closed form, the penalty chosen on validation rows. The objective is scikit-learn's Ridge,
 *
 *   ||Y - 1 b' - X W||^2 + alpha ||W||^2        (the intercept b is not penalised)
 *
 * on standardised features X (mean zero, so b is the mean of Y), any number of targets. It is solved in float64 on whichever side
 * is smaller: W = (X'X + alpha I)^-1 X'Y, or W = X' (XX' + alpha I)^-1 Y with fewer rows than features.
 *
 * The path runs from the strongest penalty to the weakest and ends early once `patience` penalties have scored below the best
 * so far. Equal scores go to the stronger penalty.
 */

import { requireFinite } from '../../algebra/finite.ts';
import { type Algebra, type Matrix64, openAlgebra } from '../../algebra/linear-algebra.ts';
import type { Matrix, Predictions } from '../../core/matrix.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { choosePath } from './path.ts';
import { fitStandardiser, type Standardiser } from './standardise.ts';

export interface RidgeOptions {
  readonly alpha: readonly number[];
  readonly patience: number;
}

/** Ten values from 1e-3 to 1e6, evenly spaced in the logarithm. */
export const RIDGE_DEFAULTS: RidgeOptions = {
  alpha: Array.from({ length: 10 }, (_, i) => 10 ** (-3 + i)),
  patience: 3,
};

const BLOCK_ROWS = 2048;

function blocks(rows: number): [number, number][] {
  const starts = Array.from({ length: Math.ceil(rows / BLOCK_ROWS) }, (_, i) => i * BLOCK_ROWS);
  return starts.map((start) => [start, Math.min(rows, start + BLOCK_ROWS)]);
}

function zeros(rows: number, columns: number): Matrix64 {
  return { rows, columns, values: new Float64Array(rows * columns) };
}

function addInto(target: Matrix64, added: Matrix64, sign = 1): void {
  for (let i = 0; i < target.values.length; i++) target.values[i] += sign * added.values[i];
}

/** X'X and X'Y of the standardised features, block by block, so that only a block is held in float64. */
async function normalEquations(features: Matrix, y: Matrix64, standardiser: Standardiser, algebra: Algebra) {
  const gram = zeros(features.columns, features.columns);
  const cross = zeros(features.columns, y.columns);
  for (const [start, end] of blocks(features.rows)) {
    const x = standardiser.apply64(features, start, end);
    const part = { rows: end - start, columns: y.columns, values: y.values.slice(start * y.columns, end * y.columns) };
    addInto(gram, await algebra.product(x, x, { transposeA: true }));
    addInto(cross, await algebra.product(x, part, { transposeA: true }));
  }
  return { gram, cross };
}

const REFINEMENTS = 2;

/** Solves (A + alpha I) Z = B by the inverse and iterative refinement. */
async function solveShifted(a: Matrix64, alpha: number, b: Matrix64, algebra: Algebra): Promise<Matrix64> {
  const shifted = { ...a, values: a.values.slice() };
  for (let i = 0; i < a.rows; i++) shifted.values[i * a.rows + i] += alpha;
  const inverse = await algebra.inverse(shifted);
  const solution = await algebra.product(inverse, b);
  for (let step = 0; step < REFINEMENTS; step++) {
    const residual = { ...b, values: b.values.slice() };
    addInto(residual, await algebra.product(shifted, solution), -1);
    addInto(solution, await algebra.product(inverse, residual));
  }
  return solution;
}

export interface RidgeSolver {
  /** W `[features, targets]` for one penalty. */
  solve(alpha: number): Promise<Matrix64>;
  /** Mean of every target over the training rows. */
  readonly intercept: Float64Array;
}

/** Prepares the equations for centred targets once; every penalty is then one inverse. */
export async function openRidge(
  { features, targets }: ProbeData,
  standardiser: Standardiser,
  algebra: Algebra,
): Promise<RidgeSolver> {
  const { rows, columns } = targets;
  const intercept = new Float64Array(columns);
  for (let i = 0; i < targets.values.length; i++) intercept[i % columns] += targets.values[i] / rows;
  const y = { rows, columns, values: targets.values.map((value, i) => value - intercept[i % columns]) };
  if (features.columns <= rows) {
    const { gram, cross } = await normalEquations(features, y, standardiser, algebra);
    return { intercept, solve: (alpha) => solveShifted(gram, alpha, cross, algebra) };
  }
  const x = standardiser.apply64(features);
  const kernel = await algebra.product(x, x, { transposeB: true });
  return {
    intercept,
    solve: async (alpha) => algebra.product(x, await solveShifted(kernel, alpha, y, algebra), { transposeA: true }),
  };
}

function checkTargets({ features, targets }: ProbeData, outputs: number): void {
  if (features.rows !== targets.rows) {
    throw new Error(`Training has ${features.rows} rows of features but ${targets.rows} rows of targets.`);
  }
  if (targets.columns !== outputs) {
    throw new Error(`Targets have ${targets.columns} columns, but the task has ${outputs}.`);
  }
  requireFinite(targets, 'Training targets');
}

/** Ridge regression as a probe; see the head of this file. */
export function ridgeProbe(changes: Partial<RidgeOptions> = {}): Probe {
  const options = { ...RIDGE_DEFAULTS, ...changes };
  if (options.alpha.length === 0 || options.alpha.some((alpha) => !(alpha > 0) || !Number.isFinite(alpha))) {
    throw new Error(`Ridge: every alpha must be a positive number, not [${options.alpha.join(', ')}].`);
  }
  return {
    id: 'ridge',
    title: 'Ridge regression (penalty chosen on validation)',
    citation: 'Hoerl & Kennard 1970, Technometrics 12:55',
    kinds: ['regression'],
    stochastic: false,
    options: { ...options },
    fit: (train, valid, context) => fitRidge(train, valid, context, options),
  };
}

async function fitRidge(
  train: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  options: RidgeOptions,
): Promise<FittedProbe> {
  if (context.kind !== 'regression')
    throw new Error(`Ridge is for regression tasks, not ${context.kind}; use logistic.`);
  const standardiser = fitStandardiser(train.features);
  checkTargets(train, context.outputs);
  const algebra = await openAlgebra(context.threads);
  const solver = await openRidge(train, standardiser, algebra);

  const predictWith = async (features: Matrix, weights: Matrix64): Promise<Predictions> => {
    requireFinite(features, 'Features');
    const columns = weights.columns;
    const values = new Float64Array(features.rows * columns);
    for (const [start, end] of blocks(features.rows)) {
      values.set((await algebra.product(standardiser.apply64(features, start, end), weights)).values, start * columns);
    }
    for (let i = 0; i < values.length; i++) values[i] += solver.intercept[i % columns];
    return { rows: features.rows, columns, values };
  };

  const chosen = await choosePath({
    settings: [...options.alpha].sort((a, b) => b - a),
    patience: options.patience,
    context,
    describe: (alpha) => `alpha=${alpha.toPrecision(3)}`,
    evaluate: async (alpha) => {
      const weights = await solver.solve(alpha);
      const score = context.validationScore(valid.targets, await predictWith(valid.features, weights));
      return { score, fitted: weights, record: { alpha } };
    },
  }).catch(async (error: unknown) => {
    await algebra.dispose();
    throw error;
  });

  return {
    predict: (features) => predictWith(features, chosen.fitted),
    validationScore: chosen.score,
    details: {
      alpha: chosen.setting,
      path: chosen.path,
      stoppedEarly: chosen.stoppedEarly,
      constantFeatures: standardiser.constantFeatures,
    },
    dispose: () => algebra.dispose(),
  };
}
