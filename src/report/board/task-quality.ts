/**
 * Tasks that fail a check of their data (`quality` of the task's record). They stay on the board, marked with the check and its number, and are
 * left out of what is counted or averaged over tasks unless the report includes them.
 */
import type { CheckResult } from '../../quality/quality-report.ts';
import type { Leaderboard, LeaderboardTask } from './schema.ts';

export function failedChecks({ quality }: Pick<LeaderboardTask, 'quality'>): readonly CheckResult[] {
  return quality?.checks.filter(({ verdict }) => verdict === 'FAIL') ?? [];
}

/** Whether a task counts in aggregates. Tasks without an audit, from records of older versions, do. */
export function countsInAggregates(task: Pick<LeaderboardTask, 'quality'>, includeFailed: boolean): boolean {
  return includeFailed || failedChecks(task).length === 0;
}

/** The mark of a task that fails, in words: each check with its number, limit and reason; undefined where none fails. */
export function qualityMark(board: Pick<Leaderboard, 'includeFailed'>, task: LeaderboardTask): string | undefined {
  const failed = failedChecks(task);
  if (failed.length === 0) return undefined;
  const parts = failed.map(
    ({ id, value, thresholds: { fail }, reason }) => `${id} ${value?.toFixed(3)} (limit ${fail}): ${reason}`,
  );
  const kept = board.includeFailed ? '' : ' The task is left out of counts and means over tasks (--include-failed).';
  return `This task fails its audit. ${parts.join('. ')}.${kept}`;
}

/** How many tasks are left out of aggregates, in words; undefined where none is. */
export function leftOutNote({ tasks, includeFailed }: Leaderboard): string | undefined {
  const count = tasks.filter((task) => !countsInAggregates(task, includeFailed ?? false)).length;
  if (count === 0) return undefined;
  return `${count} of ${tasks.length} tasks ${count === 1 ? 'fails its' : 'fail their'} audit and ${count === 1 ? 'is' : 'are'} left out of counts and means (--include-failed)`;
}
