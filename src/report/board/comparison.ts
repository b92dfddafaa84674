/**
 * The statistics of a board: from stored predictions to mean scores with intervals, the one-hot
 * reference of a task, and the paired, Holm-corrected differences to it. The arithmetic is in
 * `src/metrics`; this file decides what is compared with what.
 *
 * Class counts of a classification task are kept fixed. Rows of one group (`testGroups` of the task
 * record) are deleted together. The reference is chosen by validation score, never by test score.
 */

import type { Predictions, Targets, TaskKind } from '../../core/matrix.ts';
import type { Result, TaskRecord } from '../../harness/store/result.ts';
import { type Deletion, deletion } from '../../metrics/deviations.ts';
import { differenceOf, type ScoredSeeds } from '../../metrics/difference.ts';
import { holm, verdict } from '../../metrics/holm.ts';
import type { Metric, PreparedMetric } from '../../metrics/metric.ts';
import { withinDifferences } from '../../metrics/metric-range.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import type { Comparison } from './schema.ts';
import { secondOpinion } from './second-opinion.ts';

/** Level of every interval. */
export const LEVEL = 0.95;

/** One (contender, probe) of a task in the comparison: its metric prepared once per seed. */
export interface Entrant {
  readonly contender: string;
  readonly label?: string;
  readonly probe: string;
  readonly oneHot: boolean;
  /** Contenders of the same kind share what is known about seed variance. */
  readonly kind: string;
  /** False: every seed gives the same predictions. */
  readonly stochastic: boolean;
  /** Mean over seeds of the orientation-corrected score on the validation rows; null: undefined. */
  readonly validationScore: number | null;
  readonly prepared: readonly PreparedMetric[];
  /** Predictions of the lowest seed that has a score. */
  readonly firstPredictions: Predictions;
}

/** An entrant with its scores and their deviations over test rows. */
export interface MeasuredEntrant extends Entrant, ScoredSeeds {}

export interface TaskStatistics {
  readonly kind: TaskKind;
  readonly metric: Metric;
  readonly targets: Targets;
  /** Undefined when the test rows are too few for a variance. */
  readonly rows: Deletion | undefined;
  /** Test rows that are resampled one by one, or groups of them. */
  readonly unit: 'rows' | 'groups';
}

/**
 * With fewer groups than this, rows are deleted one by one: a variance over so few groups is
 * useless.
 */
const LEAST_GROUPS = 10;

export function taskStatistics(record: TaskRecord, targets: Targets): TaskStatistics {
  const { kind, testGroups } = record;
  const metric = METRICS[record.metric];
  if (targets.rows < 2) return { kind, metric, targets, rows: undefined, unit: 'rows' };
  const groups = testGroups && new Set(testGroups).size >= LEAST_GROUPS ? testGroups : undefined;
  const strata = kind === 'binary' || kind === 'multiclass' ? targets.values : undefined;
  const rows = deletion(targets.rows, {
    seed: 0,
    ...(kind === 'clustering' ? { method: 'halves' } : groups ? { groups } : { strata }),
  });
  return { kind, metric, targets, rows, unit: groups && kind !== 'clustering' ? 'groups' : 'rows' };
}

/** Scores of every seed and their deviations. The seed variance is added later. */
export function measure(entrant: Entrant, { rows }: TaskStatistics): Omit<MeasuredEntrant, 'seedVariance'> {
  const scores = entrant.prepared.map((score) => score());
  const deviations = entrant.prepared.map((score) => rows?.of(score) ?? new Float64Array([Number.NaN]));
  return { ...entrant, scores, deviations };
}

/** Throws when the stored predictions do not give the stored score: one of the two is damaged. */
export function prepareChecked(task: TaskStatistics, result: Result, predictions: Predictions): PreparedMetric {
  if (predictions.rows !== task.targets.rows) {
    throw new Error(
      `${predictions.rows} predictions for ${task.targets.rows} test rows; delete the result and run again`,
    );
  }
  const prepared = task.metric.prepare(task.targets, predictions);
  const recomputed = finiteOrNull(prepared());
  const stored = result.scores[task.metric.name] ?? null;
  const agree =
    recomputed === null || stored === null
      ? recomputed === stored
      : Math.abs(recomputed - stored) <= 1e-6 * (1 + Math.abs(stored));
  if (!agree) {
    throw new Error(
      `stored predictions give ${task.metric.label} ${recomputed}, the stored score is ${stored}; delete the result and run again`,
    );
  }
  return prepared;
}

/** The entrant with the best validation score; ties go to the first in order of planning. */
export function chooseByValidation<T extends Pick<Entrant, 'validationScore'>>(entrants: readonly T[]): T | undefined {
  let best: T | undefined;
  for (const entrant of entrants) {
    if (entrant.validationScore === null) continue;
    if (best === undefined || entrant.validationScore > best.validationScore!) best = entrant;
  }
  return best;
}

/**
 * Difference of two entrants. Not corrected for other comparisons: `pHolm` repeats `p`.
 * @param selection see `selectionEffect`; 0 when the reference was not chosen among several.
 */
export async function compareOne(
  task: TaskStatistics,
  [entrant, reference]: readonly [MeasuredEntrant, MeasuredEntrant],
  selection: number,
): Promise<Comparison> {
  const { higherIsBetter } = task.metric;
  const found = task.rows && differenceOf(entrant, reference, task.rows, { level: LEVEL, higherIsBetter, selection });
  const ci = found && withinDifferences(task.metric.name, found);
  const predictions = [entrant.firstPredictions, reference.firstPredictions] as const;
  return withHolm(
    {
      reference: reference.contender,
      ...(reference.label === undefined ? {} : { referenceLabel: reference.label }),
      referenceProbe: reference.probe,
      difference: finiteOrNull(found?.difference ?? Number.NaN),
      ci: { low: finiteOrNull(ci?.low ?? Number.NaN), high: finiteOrNull(ci?.high ?? Number.NaN) },
      p: finiteOrNull(found?.p ?? Number.NaN),
      pHolm: null,
      verdict: found?.needsSeeds ? 'needs seeds' : null,
      secondOpinion: await secondOpinion(task.kind, task.targets, ...predictions),
    },
    found?.p ?? Number.NaN,
  );
}

/**
 * Holm's correction over the comparisons of one task; undefined ones stay undefined and do not
 * count.
 */
export function correct(comparisons: readonly Comparison[]): Comparison[] {
  const adjusted = holm(comparisons.map(({ p }) => p ?? Number.NaN));
  return comparisons.map((comparison, i) => withHolm(comparison, adjusted[i]));
}

function withHolm(comparison: Comparison, adjustedP: number): Comparison {
  if (comparison.verdict === 'needs seeds') return comparison;
  const orNaN = (value: number | null) => value ?? Number.NaN;
  const { difference, ci } = comparison;
  const found = verdict(orNaN(difference), adjustedP, { low: orNaN(ci.low), high: orNaN(ci.high) });
  return { ...comparison, pHolm: finiteOrNull(adjustedP), verdict: found === 'undefined' ? null : found };
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

export function mean(values: readonly (number | null)[]): number | null {
  if (values.length === 0 || values.some((value) => value === null)) return null;
  return values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
}

/** Sample standard deviation (n - 1); null for fewer than two values. */
export function spread(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const centre = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}
