/**
 * Builds the leaderboard document from a run's folder. Results are grouped by (task, contender,
 * probe), seeds are averaged, and every row is compared with the task's one-hot reference. Failed
 * and missing cells are rows or notes, never left out. A board that was built from the same inputs
 * is read back.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashJson } from '../../core/files.ts';
import type { TaskRecord } from '../../harness/store/result.ts';
import { scoreInterval, selectionEffect } from '../../metrics/difference.ts';
import { METRIC_RANGES } from '../../metrics/metric-range.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import { type SeedVariance, seedVariances } from '../../metrics/seed-variance.ts';
import { contenderCards, countCells, environments, taskCard } from './cards.ts';
import {
  chooseByValidation,
  compareOne,
  correct,
  type Entrant,
  finiteOrNull,
  LEVEL,
  type MeasuredEntrant,
  measure,
  type TaskStatistics,
  taskStatistics,
} from './comparison.ts';
import { testRowsProblem, validationRowsProblem } from './degenerate.ts';
import { harmonicTables } from './harmonic.ts';
import { controlFor, headline } from './headline.ts';
import { compareWithRowZero, ROW_ZERO } from './row-zero.ts';
import { type Group, scoreGroup } from './rows.ts';
import { type RunFolder, readRunFolder, readTargets, type StoredCell } from './run-folder.ts';
import {
  type Headline,
  LEADERBOARD_SCHEMA,
  type Leaderboard,
  type LeaderboardRow,
  type LeaderboardTask,
  leaderboardSchema,
} from './schema.ts';
import { countsInAggregates } from './task-quality.ts';

export interface LeaderboardOptions {
  /** Default: the run's own title. */
  readonly title?: string;
  /** Count tasks that fail their audit in aggregates. Default false. */
  readonly includeFailed?: boolean;
  /** Called between rows with the fraction done and the current task. */
  readonly progress?: (fraction: number, message: string) => void;
}

/**
 * Throws when `dir` is not a run's folder. Damaged cells and files do not throw: they are shown as
 * failed, with the reason.
 */
export async function buildLeaderboard(dir: string, options: LeaderboardOptions = {}): Promise<Leaderboard> {
  const run = await readRunFolder(dir);
  const title = options.title ?? run.manifest.title;
  const inputsHash = hashJson({ run: run.hash, title, ...(options.includeFailed ? { includeFailed: true } : {}) });
  const stored = await readLeaderboard(join(dir, 'leaderboard.json'));
  if (stored?.inputsHash === inputsHash) return stored;

  const byTask = groupBy(run.cells, ({ planned }) => JSON.stringify([planned.task, planned.taskHash]));
  const measured: ScoredTask[] = [];
  for (const [i, cells] of byTask.entries()) {
    options.progress?.(i / byTask.length, cells[0].planned.task);
    measured.push(await scoreTask(run, cells));
  }
  // Seed variances need all tasks, because contenders of one kind are pooled.
  const variances = moderatedSeedVariances(measured);
  const tasks: LeaderboardTask[] = [];
  const rows: LeaderboardRow[] = [];
  for (const [i, task] of measured.entries()) {
    const built = await compareScored(task, variances[i]);
    tasks.push(built.task);
    rows.push(...built.rows);
  }
  options.progress?.(1, title);
  const counted = tasks.filter((task) => countsInAggregates(task, options.includeFailed ?? false));
  const harmonic = harmonicTables(counted, rows);
  const document = {
    schema: LEADERBOARD_SCHEMA,
    title,
    command: run.manifest.command,
    inputsHash,
    method: METHOD,
    cells: countCells(rows.flatMap((row) => row.cells)),
    tasks,
    contenders: contenderCards(run.cells),
    rows,
    ...(options.includeFailed ? { includeFailed: true } : {}),
    ...(harmonic.length > 0 ? { harmonic } : {}),
    provenance: environments(run.cells),
  } as const;
  // Hashed in the form of the schema, which is the form that is read back.
  const { contentHash: _, ...whole } = leaderboardSchema.parse(jsonCopy({ ...document, contentHash: '' }));
  return leaderboardSchema.parse({ ...whole, contentHash: hashJson(whole) });
}

/** The board at `path`, or undefined when there is no complete board of this version. */
export async function readLeaderboard(path: string): Promise<Leaderboard | undefined> {
  try {
    const board = leaderboardSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const { contentHash, ...document } = board;
    return hashJson(document) === contentHash ? board : undefined;
  } catch {
    return undefined; // it is built again from the results
  }
}

/** A task with its rows scored, before anything is compared. */
interface ScoredTask {
  readonly cells: readonly StoredCell[];
  readonly record: TaskRecord | undefined;
  readonly groups: readonly Group[];
  readonly statistics: TaskStatistics | undefined;
  /** Parallel to the groups that have an entrant. */
  readonly measured: readonly Omit<MeasuredEntrant, 'seedVariance'>[];
}

async function scoreTask(run: RunFolder, cells: readonly StoredCell[]): Promise<ScoredTask> {
  const { taskHash } = cells[0].planned;
  const record = run.tasks.get(taskHash);
  let statistics: TaskStatistics | undefined;
  let problem = run.taskProblems.get(taskHash) ?? `results/tasks/${taskHash}.json is absent: run again`;
  if (record) {
    try {
      statistics = taskStatistics(record, await readTargets(run, record));
    } catch (error) {
      problem = (error as Error).message;
    }
  }
  const groups: Group[] = [];
  for (const own of groupBy(cells, ({ row }) => row)) groups.push(await scoreGroup(run, own, statistics ?? problem));
  const measured: ScoredTask['measured'][number][] = [];
  for (const { entrant } of groups) {
    if (!entrant) continue;
    measured.push(measure(entrant, statistics!));
    await breathe();
  }
  return { cells, record, groups, statistics, measured };
}

/** Seed variances of all entrants of all tasks, in the order of tasks and entrants. */
function moderatedSeedVariances(tasks: readonly ScoredTask[]): (SeedVariance | undefined)[][] {
  const all = tasks.map(({ measured, statistics }) =>
    measured.map(({ kind, stochastic, scores, deviations }) => ({
      ...{ kind, stochastic, scores, deviations },
      rows: statistics!.targets.rows,
    })),
  );
  const variances = seedVariances(all.flat());
  let next = 0;
  return all.map((own) => own.map(() => variances[next++]));
}

async function compareScored(
  { cells, record, groups, statistics, measured }: ScoredTask,
  variances: readonly (SeedVariance | undefined)[],
): Promise<{ task: LeaderboardTask; rows: LeaderboardRow[] }> {
  const entrants = measured.map((entrant, i) => ({ ...entrant, seedVariance: variances[i] }));
  const testProblem = record && statistics && testRowsProblem(record.kind, statistics.targets, record.classes);
  const validationProblem = record && validationRowsProblem(record);
  const taskHeadline = statistics
    ? await compareTask(groups, entrants, statistics, testProblem, validationProblem)
    : headline({ metric: METRICS[groups[0].row.metric ?? 'accuracy'], vsControl: null });
  await breathe();
  const rows = groups.map(({ row }) => row);
  return {
    rows,
    task: {
      ...taskCard(cells, record),
      reference: referenceOf(rows),
      comparisons: rows.filter(({ vsOneHot }) => vsOneHot && vsOneHot.p !== null).length,
      headline: taskHeadline,
      cells: countCells(rows.flatMap((row) => row.cells)),
    },
  };
}

/** Fills in every row's score, interval and comparison; returns the headline. */
async function compareTask(
  groups: readonly Group[],
  entrants: readonly MeasuredEntrant[],
  statistics: TaskStatistics,
  testProblem: string | undefined,
  validationProblem: string | undefined,
): Promise<Headline> {
  const { metric } = statistics;
  const compete = groups
    .filter((group): group is Group & { entrant: Entrant } => group.entrant !== undefined)
    .map((group, i) => ({ group, entrant: entrants[i] }));
  for (const { group, entrant } of compete) group.row = { ...group.row, ...scored(group.row, entrant, statistics) };
  if (testProblem !== undefined) return unanswered([testProblem, validationProblem]);
  const candidates = entrants.filter(({ oneHot, validationScore }) => oneHot && validationScore !== null);
  const reference = chooseByValidation(candidates);
  const selection = reference
    ? selectionEffect(
        candidates.map(({ validationScore }) => validationScore!),
        candidates.indexOf(reference),
        (reference.seedVariance?.sigma2 ?? 0) / reference.scores.length,
      )
    : 0;
  const compared = reference ? compete.filter(({ entrant }) => entrant !== reference) : [];
  const comparisons = correct(
    await Promise.all(compared.map(({ entrant }) => compareOne(statistics, [entrant, reference!], selection))),
  );
  for (const [i, { group }] of compared.entries()) group.row = { ...group.row, vsOneHot: comparisons[i] };
  const referenceGroup = compete.find(({ entrant }) => entrant === reference)?.group;
  if (referenceGroup) referenceGroup.row = { ...referenceGroup.row, isReference: true };

  await compareWithRowZero(statistics, compete);
  const models = compete
    .filter(({ group }) => group.row.kind === 'model' && isFrozen(group.row))
    .map((one) => ({ ...one.entrant, one }));
  const model = chooseByValidation(models)?.one;
  const controls = compete.filter(({ group }) => group.row.kind === 'control');
  const named = controls.map(({ group }) => ({ ...group.row, ...namedModel(group) }));
  const onlyModel = new Set(models.map(({ contender, label }) => JSON.stringify([contender, label]))).size === 1;
  const control = model && controlFor(model.group.row, named, onlyModel);
  const ofControl = controls.find(({ group }) => control && sameRow(group.row, control));
  const vsControl = model && ofControl ? await compareOne(statistics, [model.entrant, ofControl.entrant], 0) : null;
  return headline({
    ...{ metric, model: model?.group.row, reference: referenceGroup?.row, control, vsControl, validationProblem },
    unchosen: models.length > 0 && model === undefined,
    rowZero: compete.find(({ group }) => group.row.contender === ROW_ZERO)?.group.row,
  });
}

/** The headline of a task whose test rows cannot show a difference. */
function unanswered(problems: readonly (string | undefined)[]): Headline {
  const sentence = problems.filter((problem) => problem !== undefined).join(' ');
  return { sentence, model: null, vsOneHot: null, vsControl: null };
}

/** Score, interval and notes of a row. */
function scored(
  row: LeaderboardRow,
  entrant: MeasuredEntrant,
  { metric, rows }: TaskStatistics,
): Pick<LeaderboardRow, 'score' | 'ci' | 'notes'> {
  const plain = entrant.scores.reduce((sum, score) => sum + score, 0) / entrant.scores.length;
  const found = rows && scoreInterval(entrant, rows, { level: LEVEL, range: METRIC_RANGES[metric.name] });
  const notes = [...row.notes];
  if (Number.isNaN(plain)) notes.push(`${metric.label} is undefined on these test rows`);
  else if (found?.seedsUnknown) notes.push('one seed: the interval covers the test rows only; add --seeds 3');
  return {
    score: finiteOrNull(plain),
    ci: { low: finiteOrNull(found?.low ?? Number.NaN), high: finiteOrNull(found?.high ?? Number.NaN) },
    notes,
  };
}

/**
 * The headline compares frozen models. A model whose weights were tuned with the probe is on the
 * board only.
 */
function isFrozen({ cells }: LeaderboardRow): boolean {
  return cells.every(({ details }) => details?.frozen !== false);
}

function sameRow(a: LeaderboardRow, b: LeaderboardRow): boolean {
  return a.contender === b.contender && a.probe === b.probe && a.label === b.label;
}

function referenceOf(rows: readonly LeaderboardRow[]): LeaderboardTask['reference'] {
  const row = rows.find(({ isReference }) => isReference);
  if (!row) return null;
  const { contender, label, probe } = row;
  return { contender, ...(label === undefined ? {} : { label }), probe, validationScore: row.validationScore! };
}

function namedModel({ cells }: Group): { controlOf?: string } {
  for (const { result } of cells) {
    const named = result?.contender.options.controlOf ?? result?.contender.card?.controlOf;
    if (typeof named === 'string') return { controlOf: named };
  }
  return {};
}

const METHOD: Leaderboard['method'] = {
  level: LEVEL,
  interval: `${LEVEL * 100}% interval for other test rows and other training seeds: variance over rows by the jackknife (within classes for classification; whole groups when the task declares them; random half-samples for clustering) plus variance over seeds, Student's t`,
  test: 'Paired: both contenders are scored on the same deleted rows. The variance over seeds is moderated by the other contenders of the same kind on the board; a stochastic contender with one seed needs it',
  correction:
    'p-values are Holm-corrected within each task over every row compared with the reference (models, controls and baselines alike)',
  reference:
    'chosen by validation score, never by test score; the advantage that the choice gives it is part of the interval',
  secondOpinion:
    "McNemar's exact test on right and wrong answers (binary, multiclass) or the Wilcoxon signed-rank test on squared errors (regression), on the test rows of the lowest seed of both sides, uncorrected; no verdict is drawn from it",
};

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

/**
 * In the form that is read back: members that JSON cannot hold (undefined) are removed before
 * hashing.
 */
function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Lets progress be drawn and Ctrl-C be handled between rows. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
