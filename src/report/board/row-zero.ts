/**
 * Differences to row zero, the best rule without a model (baseline `row-zero`), for every other row of a task that has it. They have a Holm
 * correction of their own. A frozen or tuned model that is not better than row zero is marked in its notes and in the headline.
 */
import { formatDifference, formatScore } from '../formats/numbers.ts';
import { compareOne, correct, type MeasuredEntrant, type TaskStatistics } from './comparison.ts';
import type { Group } from './rows.ts';
import type { LeaderboardRow } from './schema.ts';

export const ROW_ZERO = 'row-zero';

interface Competitor {
  readonly group: Group;
  readonly entrant: MeasuredEntrant;
}

/** Sets `vsRowZero` of the rows, and a note on rows of models. */
export async function compareWithRowZero(statistics: TaskStatistics, compete: readonly Competitor[]): Promise<void> {
  const zero = compete.find(({ group: { row } }) => row.contender === ROW_ZERO);
  if (!zero) return;
  const others = compete.filter(({ group: { row } }) => row.contender !== ROW_ZERO);
  const comparisons = correct(
    await Promise.all(others.map(({ entrant }) => compareOne(statistics, [entrant, zero.entrant], 0))),
  );
  for (const [i, { group }] of others.entries()) {
    const row = { ...group.row, vsRowZero: comparisons[i] };
    const mark = row.kind === 'model' ? rowZeroMark(row, zero.group.row.score) : undefined;
    group.row = mark === undefined ? row : { ...row, notes: [...row.notes, mark] };
  }
}

/** How a row stands to row zero, in words; undefined where they were not compared. */
export function rowZeroMark({ vsRowZero }: LeaderboardRow, zeroScore: number | null): string | undefined {
  if (!vsRowZero || vsRowZero.difference === null || vsRowZero.verdict === null) return undefined;
  const { difference, ci, verdict } = vsRowZero;
  const numbers = `${formatDifference(difference)} (${formatDifference(ci.low)} to ${formatDifference(ci.high)}) against ${formatScore(zeroScore)} of the best rule without a model`;
  if (verdict === 'better') return `beats row zero: ${numbers}`;
  if (verdict === 'needs seeds') return `against row zero: needs seeds (--seeds 3): ${numbers}`;
  return `does not beat row zero: ${numbers}`;
}
