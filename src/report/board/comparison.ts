/**
 * The statistics of a board: from stored predictions to mean scores with intervals, the one-hot reference of a task, and the
 * paired, Holm-corrected differences to it. The arithmetic is `src/metrics`; here it is decided what is compared with what.
 *
 * Test rows of a classification task are drawn within classes, so that every resample holds every class. The reference is
 * chosen by validation score, never by test score.
 */

import type { Predictions, Targets, TaskKind } from '../../core/matrix.ts';
import type { Result, TaskRecord } from '../../harness/store/result.ts';
import { holm, verdict } from '../../metrics/holm.ts';
import type { Metric, PreparedMetric } from '../../metrics/metric.ts';
import { withinDifferences } from '../../metrics/metric-range.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import { differenceOf, type JointScores } from './joint-bootstrap.ts';
import type { Comparison } from './schema.ts';
import { secondOpinion } from './second-opinion.ts';

export interface Resampling {
  readonly level: number;
  /** The fewest per task; more are taken where Holm's correction over many rows needs smaller p values. */
  readonly resamples: number;
  readonly seed: number;
}

/** What one (contender, probe) of a task brings to the comparison: its metric prepared once per seed. */
export interface Entrant {
  readonly contender: string;
  readonly label?: string;
  readonly probe: string;
  readonly oneHot: boolean;
  /** Mean over seeds of the orientation-corrected score on the validation rows; null where undefined. */
  readonly validationScore: number | null;
  readonly prepared: readonly PreparedMetric[];
  /** Of the lowest seed that has a score. */
  readonly firstPredictions: Predictions;
}

export interface TaskStatistics {
  readonly kind: TaskKind;
  readonly metric: Metric;
  readonly targets: Targets;
  readonly strata?: Float64Array;
}

export function taskStatistics(record: TaskRecord, targets: Targets): TaskStatistics {
  const { kind } = record;
  const classes = kind === 'binary' || kind === 'multiclass';
  return { kind, metric: METRICS[record.metric], targets, ...(classes ? { strata: targets.values } : {}) };
}

/** Throws when the stored predictions do not give the stored score: one of the two is not what it says. */
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

/** Difference of two entrants, by their places in the joint resampling. Stands alone until corrected: `pHolm` repeats `p`. */
export async function compareOne(
  task: TaskStatistics,
  joint: JointScores,
  entrants: readonly Entrant[],
  [entrant, reference]: readonly [Entrant, Entrant],
  { level }: Resampling,
): Promise<Comparison> {
  const { higherIsBetter } = task.metric;
  const places = [entrants.indexOf(entrant), entrants.indexOf(reference)] as const;
  const found = differenceOf(joint, ...places, { level, higherIsBetter });
  const ci = withinDifferences(task.metric.name, found);
  const predictions = [entrant.firstPredictions, reference.firstPredictions] as const;
  return withHolm(
    {
      reference: reference.contender,
      ...(reference.label === undefined ? {} : { referenceLabel: reference.label }),
      referenceProbe: reference.probe,
      difference: finiteOrNull(found.estimate),
      ci: { low: finiteOrNull(ci.low), high: finiteOrNull(ci.high) },
      p: finiteOrNull(found.p),
      pHolm: null,
      verdict: null,
      secondOpinion: await secondOpinion(task.kind, task.targets, ...predictions),
    },
    found.p,
  );
}

/** B resamples cannot give a p below 2/(1+B): enough for one clear difference among `comparisons` to pass Holm at 0.05. */
export function resamplesFor(comparisons: number, resamples: number): number {
  return Math.max(resamples, 80 * comparisons);
}

/** Holm's correction over comparisons of one task; those that are undefined stay so and do not count. */
export function correct(comparisons: readonly Comparison[]): Comparison[] {
  const adjusted = holm(comparisons.map(({ p }) => p ?? Number.NaN));
  return comparisons.map((comparison, i) => withHolm(comparison, adjusted[i]));
}

function withHolm(comparison: Comparison, adjustedP: number): Comparison {
  const orNaN = (value: number | null) => value ?? Number.NaN;
  const { difference, ci } = comparison;
  const said = verdict(orNaN(difference), adjustedP, { low: orNaN(ci.low), high: orNaN(ci.high) });
  return { ...comparison, pHolm: finiteOrNull(adjustedP), verdict: said === 'undefined' ? null : said };
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
