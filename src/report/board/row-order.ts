/**
 * What all human-readable formats share: the rows of a task, their order, and the standard remarks.
 */

import { clip, formatScore, plural } from '../formats/numbers.ts';
import type { CellCounts, Leaderboard, LeaderboardRow, LeaderboardTask, Verdict } from './schema.ts';
import { countsInAggregates } from './task-quality.ts';

/** Best score first; then failed rows, then rows that have not run. */
export function rowsOfTask(board: Leaderboard, task: LeaderboardTask): LeaderboardRow[] {
  const rank = { done: 0, failed: 1, missing: 2 } as const;
  const sign = task.higherIsBetter ? -1 : 1;
  return board.rows
    .filter((row) => row.task === task.id && row.taskHash === task.hash)
    .sort(
      (a, b) =>
        rank[a.status] - rank[b.status] ||
        Number(a.score === null) - Number(b.score === null) ||
        sign * ((a.score ?? 0) - (b.score ?? 0)) ||
        compareText(a.contender, b.contender) ||
        compareText(a.probe, b.probe) ||
        compareText(a.label ?? '', b.label ?? ''),
    );
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Title of a contender's row; its id when no row has that name. */
export function titleOf(rows: readonly LeaderboardRow[], contender: string, label: string | undefined): string {
  return rows.find((row) => row.contender === contender && row.label === label)?.title ?? contender;
}

/**
 * The title in about `most` characters. The label is kept whole, because it separates rows with the
 * same name.
 */
export function shortTitle({ title, label }: LeaderboardRow, most: number): string {
  const ending = label === undefined ? '' : ` (${label})`;
  const name = title.endsWith(ending) ? title.slice(0, title.length - ending.length) : title;
  return `${clip(name, Math.max(12, most - ending.length))}${ending}`;
}

/** " · chance 0.500 · lower is better", as far as it applies. */
export function shortTaskNote(task: LeaderboardTask): string {
  return [
    ...(task.chance === null ? [] : [` · chance ${formatScore(task.chance)}`]),
    ...(task.higherIsBetter ? [] : [' · lower is better']),
  ].join('');
}

export function unfinishedNote(cells: CellCounts): string | undefined {
  if (cells.failed === 0 && cells.missing === 0) return undefined;
  const parts = [
    ...(cells.failed > 0 ? [`${cells.failed} failed`] : []),
    ...(cells.missing > 0 ? [`${cells.missing} not yet run`] : []),
  ];
  return `${cells.done} of ${plural(cells.planned, 'cell')} done: ${parts.join(', ')}.`;
}

/** Verdict counts of the headline models, over tasks with a verdict. */
export function verdictCounts(board: Leaderboard): Readonly<Record<Verdict, number>> & { readonly none: number } {
  const counts = { better: 0, indistinguishable: 0, worse: 0, 'needs seeds': 0, none: 0 };
  const counted = board.tasks.filter((task) => countsInAggregates(task, board.includeFailed ?? false));
  for (const task of counted) counts[task.headline.vsOneHot?.verdict ?? 'none'] += 1;
  return counts;
}
