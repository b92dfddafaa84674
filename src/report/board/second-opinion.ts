/**
 * A classical second test of a comparison: McNemar's exact test on right and wrong answers for
 * binary and multiclass tasks, the Wilcoxon signed-rank test on squared errors for regression, none
 * for multilabel and clustering tasks. It pairs the test rows of one seed per side (the lowest with
 * a score), so it does not cover the variance over seeds, and it tests accuracy or error size
 * whatever the task's metric. The verdict does not use it.
 */
import type { Predictions, Targets, TaskKind } from '../../core/matrix.ts';
import type { SecondOpinion } from './schema.ts';

type PairedTests = typeof import('../../metrics/paired-tests.ts');
type Judge = (tests: PairedTests, targets: Targets, first: Predictions, second: Predictions) => SecondOpinion;

const mcNemar: Judge = (tests, targets, first, second) => ({
  test: 'mcnemar',
  p: tests.mcNemar(targets, first, second).p,
});

const wilcoxon: Judge = (tests, targets, first, second) => {
  const [a, b] = [tests.squaredErrors(targets, first), tests.squaredErrors(targets, second)];
  return { test: 'wilcoxon', p: tests.wilcoxonSignedRank(a.map((error, row) => error - b[row])).p };
};

const JUDGES: Readonly<Record<TaskKind, Judge | null>> = {
  binary: mcNemar,
  multiclass: mcNemar,
  multilabel: null,
  regression: wilcoxon,
  clustering: null,
};

/**
 * Two-sided p of the test for `kind`, uncorrected; null when there is none. The tests are loaded at
 * the first call.
 */
export async function secondOpinion(
  kind: TaskKind,
  targets: Targets,
  first: Predictions,
  second: Predictions,
): Promise<SecondOpinion | null> {
  const judge = JUDGES[kind];
  return judge === null ? null : judge(await import('../../metrics/paired-tests.ts'), targets, first, second);
}
