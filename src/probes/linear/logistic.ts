/**
 * The default probe: L2-penalised logistic regression with an unpenalised intercept on standardised features, the penalty chosen
 * on validation rows. Objective and parametrisation are scikit-learn's LogisticRegression(C): one sigmoid for two classes, a
 * softmax for more, and independent sigmoids for several labels. Fitted by preconditioned L-BFGS on the engine.
 *
 * The path runs from the strongest penalty to the weakest with warm starts and ends early once `patience` penalties have scored
 * below the best so far. Equal scores go to the stronger penalty.
 */

import { type Algebra, openAlgebra } from '../../algebra/linear-algebra.ts';
import type { Matrix, Predictions } from '../../core/matrix.ts';
import type { Device } from '../../runtime/device.ts';
import type { FittedProbe, Probe, ProbeContext, ProbeData } from '../probe.ts';
import { minimise } from './lbfgs.ts';
import { openLinearMap, probeDeviceName } from './linear-map.ts';
import { logisticProblem } from './logistic-labels.ts';
import { type LogisticProblem, openObjective, probabilities } from './logistic-objective.ts';
import { choosePath } from './path.ts';
import { preconditioners } from './preconditioner.ts';
import { fitStandardiser } from './standardise.ts';

export interface LogisticSolution {
  /** W `[dim, columns]` row-major, then the intercepts `[columns]`. */
  readonly parameters: Float64Array;
  /** C * sum CE + 0.5 ||W||^2. */
  readonly objective: number;
  readonly iterations: number;
  readonly evaluations: number;
  readonly stopped: string;
}

export interface LogisticSolver {
  /** Minimises the objective for one C, from `start` or from zero weights with intercepts at the class frequencies. */
  solve(C: number, start?: Float64Array): Promise<LogisticSolution>;
  dispose(): Promise<void>;
}

/** Log-odds (sigmoid) or log-frequencies (softmax) of the labels: the optimum for zero weights. */
function initialPoint({ link, columns, labels, features }: LogisticProblem): Float64Array {
  const point = new Float64Array((features.columns + 1) * columns);
  const counts = new Float64Array(columns);
  if (link === 'softmax') for (const label of labels) counts[label] += 1;
  else for (let i = 0; i < labels.length; i++) counts[i % columns] += labels[i];
  for (let k = 0; k < columns; k++) {
    const share = counts[k] / features.rows;
    point[features.columns * columns + k] = link === 'softmax' ? Math.log(share) : Math.log(share / (1 - share));
  }
  return point;
}

/** Opens a solver over fixed, standardised training rows in which every class (or both values of every label) occurs. */
export async function openLogisticSolver(
  problem: LogisticProblem,
  options: { device: Device; threads: number; tolerance?: number; maxIterations?: number },
): Promise<LogisticSolver> {
  const objective = await openObjective(problem, options);
  const algebra: Algebra = await openAlgebra(options.threads);
  const source = preconditioners(problem, algebra);
  return {
    async solve(C, start = initialPoint(problem)) {
      const preconditioner = await source.at(start, C);
      const result = await minimise((point) => objective.evaluate(point, C, preconditioner), start, {
        tolerance: options.tolerance,
        maxIterations: options.maxIterations,
      });
      const { point, value, iterations, evaluations, stopped } = result;
      return { parameters: point, objective: value, iterations, evaluations, stopped };
    },
    async dispose() {
      await objective.dispose();
      await algebra.dispose();
    },
  };
}

export interface LogisticOptions {
  /** Inverse penalties, any order. */
  readonly C: readonly number[];
  readonly patience: number;
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** Ten values from 1e-4 to 1e4, evenly spaced in the logarithm, as scikit-learn's LogisticRegressionCV has. */
export const LOGISTIC_DEFAULTS: LogisticOptions = {
  C: Array.from({ length: 10 }, (_, i) => 10 ** (-4 + (8 * i) / 9)),
  patience: 3,
  tolerance: 1e-8,
  maxIterations: 500,
};

/** Logistic regression as a probe; see the head of this file. */
export function logisticProbe(changes: Partial<LogisticOptions> = {}): Probe {
  const options = { ...LOGISTIC_DEFAULTS, ...changes };
  if (options.C.length === 0 || options.C.some((C) => !(C > 0) || !Number.isFinite(C))) {
    throw new Error(`Logistic regression: every C must be a positive number, not [${options.C.join(', ')}].`);
  }
  return {
    id: 'logistic',
    title: 'Logistic regression (L2, penalty chosen on validation)',
    citation: 'Pedregosa et al. 2011, JMLR 12:2825 (objective); Liu & Nocedal 1989, Math. Program. 45:503 (L-BFGS)',
    kinds: ['binary', 'multiclass', 'multilabel'],
    stochastic: false,
    options: { ...options },
    fit: (train, valid, context) => fitPath(train, valid, context, options),
  };
}

async function fitPath(
  train: ProbeData,
  valid: ProbeData,
  context: ProbeContext,
  options: LogisticOptions,
): Promise<FittedProbe> {
  const standardiser = fitStandardiser(train.features);
  const features = standardiser.apply(train.features);
  const { problem, spread, details } = logisticProblem(features, train.targets, context);
  const where = { device: probeDeviceName(context.device), threads: context.threads };
  const map = await openLinearMap(standardiser, problem.columns, where);
  const predictWith = async (rows: Matrix, parameters: Float64Array): Promise<Predictions> =>
    spread(probabilities(problem.link, await map.apply(rows, parameters)));

  const solver = await openLogisticSolver(problem, { ...where, ...options });
  let start: Float64Array | undefined;
  const chosen = await choosePath({
    settings: [...options.C].sort((a, b) => a - b),
    patience: options.patience,
    context,
    describe: (C) => `C=${C.toPrecision(3)}`,
    evaluate: async (C) => {
      const solution = await solver.solve(C, start);
      start = solution.parameters;
      const score = context.validationScore(valid.targets, await predictWith(valid.features, solution.parameters));
      const { objective, iterations, evaluations, stopped } = solution;
      return { score, fitted: solution.parameters, record: { C, objective, iterations, evaluations, stopped } };
    },
  })
    .catch(async (error: unknown) => {
      await map.dispose();
      throw error;
    })
    .finally(() => solver.dispose());

  return {
    predict: (rows) => predictWith(rows, chosen.fitted),
    validationScore: chosen.score,
    details: {
      C: chosen.setting,
      path: chosen.path,
      stoppedEarly: chosen.stoppedEarly,
      constantFeatures: standardiser.constantFeatures,
      ...details,
    },
    dispose: () => map.dispose(),
  };
}
