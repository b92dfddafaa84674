/**
 * One row of the board from the cells that differ in their seed alone (`labels.ts`), before scores and comparisons: which seeds count, and
 * every remark a reader needs (a seed that failed, one that has not run, one run with older settings).
 */

import { hashJson } from '../../core/files.ts';
import type { Predictions } from '../../core/matrix.ts';
import type { Result } from '../../harness/store/result.ts';
import type { PreparedMetric } from '../../metrics/metric.ts';
import { rowDiagnostics } from '../page/model-diagnostics.ts';
import { type Entrant, finiteOrNull, mean, prepareChecked, spread, type TaskStatistics } from './comparison.ts';
import { withLabel } from './labels.ts';
import { type RunFolder, readPredictions, type StoredCell } from './run-folder.ts';
import type { CellSummary, LeaderboardRow } from './schema.ts';

/** A row on its way: without an entrant it has no score and is compared with nothing. */
export interface Group {
  readonly cells: readonly StoredCell[];
  row: LeaderboardRow;
  readonly entrant?: Entrant;
}

interface Judged {
  readonly summary: CellSummary;
  /** Present for a cell that counts. */
  readonly scored?: {
    readonly result: Result;
    readonly predictions: Predictions;
    readonly prepared: PreparedMetric;
  };
  readonly note?: string;
}

/** @param statistics of the task, or why there are none (then every cell that is done is shown as failed for that reason). */
export async function scoreGroup(
  run: RunFolder,
  cells: readonly StoredCell[],
  statistics: TaskStatistics | string,
): Promise<Group> {
  const sorted = [...cells].sort((a, b) => a.planned.seed - b.planned.seed);
  // Every plan begins with the first seed: its settings are the newest, and higher seeds may stem from older plans.
  const newest = settingsOf(sorted.find(({ result }) => result)?.result);
  const judged: Judged[] = [];
  for (const cell of sorted) judged.push(await judge(run, cell, statistics, newest));
  const scored = judged.flatMap((one) => one.scored ?? []);
  const row = assemble(run, cells, judged, scored, statistics);
  if (typeof statistics === 'string' || scored.length === 0) return { cells, row };
  const prepared = scored.map((one) => one.prepared);
  return {
    cells,
    row,
    entrant: {
      contender: row.contender,
      ...(row.label === undefined ? {} : { label: row.label }),
      probe: row.probe,
      oneHot: row.kind === 'baseline' && row.family === 'one-hot',
      kind: `${row.kind} ${row.family ?? ''}`.trimEnd(),
      stochastic: scored.some(({ result }) => result.contender.stochastic ?? true),
      validationScore: row.validationScore,
      prepared,
      firstPredictions: scored[0].predictions,
    },
  };
}

/** Done, failed or missing; done counts only when predictions are whole, agree with the score, and settings are the newest. */
async function judge(
  run: RunFolder,
  cell: StoredCell,
  statistics: TaskStatistics | string,
  newest: string | undefined,
): Promise<Judged> {
  const { planned, result } = cell;
  const summary: CellSummary = {
    key: planned.key,
    seed: planned.seed,
    status: 'done',
    score: result?.scores[result.task.metric] ?? null,
    validationScore: result?.validationScore ?? null,
    seconds: result?.timings.seconds ?? null,
    device: result?.environment.device ?? null,
    ...(result ? { details: result.details } : {}),
  };
  const failed = (error: string): Judged => ({ summary: { ...summary, status: 'failed', error } });
  if (cell.problem !== undefined) return failed(cell.problem);
  if (result === undefined) return { summary: { ...summary, status: 'missing' } };
  if (result.status === 'failed') return failed(result.error?.message ?? 'no reason was stored');
  if (typeof statistics === 'string') return failed(statistics);
  try {
    const predictions = await readPredictions(run, result);
    const prepared = prepareChecked(statistics, result, predictions);
    return settingsOf(result) === newest
      ? { summary, scored: { result, predictions, prepared } }
      : { summary, note: `seed ${result.seed} is left out: it was run with older settings` };
  } catch (error) {
    return failed((error as Error).message);
  }
}

function assemble(
  run: RunFolder,
  cells: readonly StoredCell[],
  judged: readonly Judged[],
  scored: readonly NonNullable<Judged['scored']>[],
  statistics: TaskStatistics | string,
): LeaderboardRow {
  const { planned, label } = cells[0];
  const summaries = judged.map(({ summary }) => summary);
  const failed = summaries.filter(({ status }) => status === 'failed');
  const missing = summaries.filter(({ status }) => status === 'missing');
  const about = (cells.findLast(({ result }) => result)?.result ?? sameContender(run, cells[0].contenderKey))
    ?.contender;
  const known = typeof statistics === 'string' ? undefined : statistics;
  const done = scored.length > 0;
  const seconds = summaries.flatMap((cell) => cell.seconds ?? []);
  return {
    task: planned.task,
    taskHash: planned.taskHash,
    contender: planned.contender,
    ...(label === undefined ? {} : { label }),
    title: withLabel(about?.title ?? planned.contender, label),
    kind: about?.kind ?? null,
    family: about?.family ?? null,
    probe: planned.probe,
    status: done ? 'done' : failed.length > 0 ? 'failed' : 'missing',
    metric: known?.metric.name ?? null,
    higherIsBetter: known?.metric.higherIsBetter ?? true,
    score: null,
    ci: { low: null, high: null },
    testSize: known?.targets.rows ?? null,
    seeds: scored.length,
    seedSpread: spread(scored.flatMap(({ prepared }) => finiteOrNull(prepared()) ?? [])),
    validationScore: mean(scored.map(({ result }) => result.validationScore)),
    scores: meanScores(scored.map(({ result }) => result)),
    diagnostics: rowDiagnostics(scored.map(({ result }) => result)),
    isReference: false,
    vsOneHot: null,
    device: [...new Set(summaries.flatMap((cell) => cell.device ?? []))].join(', ') || null,
    seconds: seconds.length > 0 ? seconds.reduce((a, b) => a + b) : null,
    error: done ? null : (failed[0]?.error ?? null),
    notes: [
      ...judged.flatMap(({ note }) => note ?? []),
      ...failureNotes(failed, done ? null : (failed[0]?.error ?? null)),
      ...(missing.length > 0 && missing.length < summaries.length ? [`${seedList(missing)} not run yet`] : []),
    ],
    cells: summaries,
  };
}

/** One note per reason, with the seeds it befell; none for the reason that the row itself gives. */
function failureNotes(failed: readonly CellSummary[], rowError: string | null): string[] {
  const reasons = [...new Set(failed.map(({ error }) => error))].filter((error) => error !== rowError);
  return reasons.map((reason) => `${seedList(failed.filter(({ error }) => error === reason))} failed: ${reason}`);
}

function seedList(cells: readonly CellSummary[]): string {
  return `${cells.length === 1 ? 'seed' : 'seeds'} ${cells.map(({ seed }) => seed).join(', ')}`;
}

function settingsOf(result: Result | undefined): string | undefined {
  return result && hashJson({ version: result.contender.version, options: result.contender.options });
}

function sameContender(run: RunFolder, contenderKey: string): Result | undefined {
  return run.cells.find((cell) => cell.result && cell.contenderKey === contenderKey)?.result;
}

function meanScores(results: readonly Result[]): LeaderboardRow['scores'] {
  const names = results.length > 0 ? (Object.keys(results[0].scores) as (keyof Result['scores'])[]) : [];
  return Object.fromEntries(names.map((name) => [name, mean(results.map(({ scores }) => scores[name] ?? null))]));
}
