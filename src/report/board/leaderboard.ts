/**
 * From a run's folder to the leaderboard document. Results are grouped by (task, contender, probe); seeds are averaged; every
 * row is compared with the task's one-hot reference. Failed and missing cells are rows or notes, never left out. A board that
 * was made before from the same inputs is read back instead of made again.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashJson } from '../../core/files.ts';
import { withinRange } from '../../metrics/metric-range.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import { resamplingFor } from '../../metrics/resampling.ts';
import { contenderCards, countCells, environments, taskCard } from './cards.ts';
import {
  chooseByValidation,
  compareOne,
  correct,
  type Entrant,
  finiteOrNull,
  type Resampling,
  resamplesFor,
  type TaskStatistics,
  taskStatistics,
} from './comparison.ts';
import { testRowsProblem, validationRowsProblem } from './degenerate.ts';
import { harmonicTables } from './harmonic.ts';
import { controlFor, headline } from './headline.ts';
import { intervalOf, resampleJointly } from './joint-bootstrap.ts';
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

export interface LeaderboardOptions {
  /** Default: the run's own title. */
  readonly title?: string;
  /** Of the interval of every score. Default 2000. */
  readonly resamples?: number;
  /** Of the bootstrap. Default 0. */
  readonly seed?: number;
  /** Called between rows: fraction done and what is being worked on. */
  readonly progress?: (fraction: number, message: string) => void;
}

const LEVEL = 0.95;

/** Throws when `dir` is not a run's folder. Damaged cells and files do not throw: they are shown as failed, with the reason. */
export async function buildLeaderboard(dir: string, options: LeaderboardOptions = {}): Promise<Leaderboard> {
  const run = await readRunFolder(dir);
  const resampling: Resampling = { level: LEVEL, resamples: options.resamples ?? 2000, seed: options.seed ?? 0 };
  const title = options.title ?? run.manifest.title;
  const inputsHash = hashJson({ run: run.hash, title, resampling });
  const stored = await readLeaderboard(join(dir, 'leaderboard.json'));
  if (stored?.inputsHash === inputsHash) return stored;

  const byTask = groupBy(run.cells, ({ planned }) => JSON.stringify([planned.task, planned.taskHash]));
  const tasks: LeaderboardTask[] = [];
  const rows: LeaderboardRow[] = [];
  for (const [i, cells] of byTask.entries()) {
    const progress = (fraction: number, message: string) => options.progress?.((i + fraction) / byTask.length, message);
    const built = await buildTask(run, cells, resampling, progress);
    tasks.push(built.task);
    rows.push(...built.rows);
  }
  const harmonic = harmonicTables(tasks, rows);
  const document = {
    schema: LEADERBOARD_SCHEMA,
    title,
    command: run.manifest.command,
    inputsHash,
    method: methodInWords(resampling),
    cells: countCells(rows.flatMap((row) => row.cells)),
    tasks,
    contenders: contenderCards(run.cells),
    rows,
    ...(harmonic.length > 0 ? { harmonic } : {}),
    provenance: environments(run.cells),
  } as const;
  // Hashed as the schema leaves it: that is what will be read back.
  const { contentHash: _, ...whole } = leaderboardSchema.parse(jsonCopy({ ...document, contentHash: '' }));
  return leaderboardSchema.parse({ ...whole, contentHash: hashJson(whole) });
}

/** The board at `path`, or undefined where there is none that is whole and of this version. */
export async function readLeaderboard(path: string): Promise<Leaderboard | undefined> {
  try {
    const board = leaderboardSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const { contentHash, ...document } = board;
    return hashJson(document) === contentHash ? board : undefined;
  } catch {
    return undefined; // it is made anew from the results
  }
}

async function buildTask(
  run: RunFolder,
  cells: readonly StoredCell[],
  resampling: Resampling,
  progress: (fraction: number, message: string) => void,
): Promise<{ task: LeaderboardTask; rows: LeaderboardRow[] }> {
  const { task: id, taskHash } = cells[0].planned;
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
  const byRow = groupBy(cells, ({ row }) => row);
  const groups: Group[] = [];
  for (const own of byRow) groups.push(await scoreGroup(run, own, statistics ?? problem));
  progress(0.2, id);
  await breathe();
  const testProblem = record && statistics && testRowsProblem(record.kind, statistics.targets, record.classes);
  const validationProblem = record && validationRowsProblem(record);
  const taskHeadline = statistics
    ? await compareTask(groups, statistics, resampling, testProblem, validationProblem)
    : headline({ metric: METRICS[groups[0].row.metric ?? 'accuracy'], vsControl: null });
  progress(1, id);
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
  statistics: TaskStatistics,
  resampling: Resampling,
  testProblem: string | undefined,
  validationProblem: string | undefined,
): Promise<Headline> {
  const { metric, targets, strata } = statistics;
  const compete = groups.filter((group): group is Group & { entrant: Entrant } => group.entrant !== undefined);
  const entrants = compete.map(({ entrant }) => entrant);
  const resamples = resamplesFor(entrants.length - 1, resampling.resamples);
  const joint = resampleJointly(
    entrants.map(({ prepared }) => prepared),
    targets.rows,
    { resamples, seed: resampling.seed, strata, resampling: resamplingFor(statistics.kind) },
  );
  for (const [i, group] of compete.entries()) {
    const { estimate, low, high } = intervalOf(joint, i, resampling.level);
    const notes = Number.isNaN(estimate) ? [`${metric.label} is undefined on these test rows`] : [];
    group.row = {
      ...group.row,
      score: finiteOrNull(estimate),
      ci: intervalOrNull(withinRange(metric.name, { low, high })),
      notes: [...group.row.notes, ...notes],
    };
  }
  if (testProblem !== undefined) return unanswered([testProblem, validationProblem]);
  const compare = (pair: readonly [Entrant, Entrant]) => compareOne(statistics, joint, entrants, pair, resampling);
  const reference = chooseByValidation(entrants.filter((entrant) => entrant.oneHot));
  const compared = reference ? compete.filter(({ entrant }) => entrant !== reference) : [];
  const comparisons = correct(await Promise.all(compared.map(({ entrant }) => compare([entrant, reference!]))));
  for (const [i, group] of compared.entries()) group.row = { ...group.row, vsOneHot: comparisons[i] };
  const referenceGroup = compete.find(({ entrant }) => entrant === reference);
  if (referenceGroup) referenceGroup.row = { ...referenceGroup.row, isReference: true };

  const models = compete
    .filter(({ row }) => row.kind === 'model' && isFrozen(row))
    .map((group) => ({ ...group.entrant, group }));
  const model = chooseByValidation(models)?.group;
  const controls = compete.filter(({ row }) => row.kind === 'control');
  const named = controls.map((group) => ({ ...group.row, ...namedModel(group) }));
  const onlyModel = new Set(models.map(({ contender, label }) => JSON.stringify([contender, label]))).size === 1;
  const control = model && controlFor(model.row, named, onlyModel);
  const controlGroup = controls.find((group) => control && sameRow(group.row, control));
  const vsControl = model && controlGroup ? await compare([model.entrant, controlGroup.entrant]) : null;
  return headline({
    ...{ metric, model: model?.row, reference: referenceGroup?.row, control, vsControl, validationProblem },
    unchosen: models.length > 0 && model === undefined,
  });
}

/** The headline of a task whose test rows cannot show a difference. */
function unanswered(problems: readonly (string | undefined)[]): Headline {
  const sentence = problems.filter((problem) => problem !== undefined).join(' ');
  return { sentence, model: null, vsOneHot: null, vsControl: null };
}

function intervalOrNull({ low, high }: { low: number; high: number }): LeaderboardRow['ci'] {
  return { low: finiteOrNull(low), high: finiteOrNull(high) };
}

/** The headline is about frozen models: one whose weights were tuned with the probe stands on the board, but not there. */
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

function methodInWords({ level, resamples, seed }: Resampling): Leaderboard['method'] {
  return {
    level,
    resamples,
    seed,
    interval: `${level * 100}% percentile bootstrap interval over test rows (within classes for classification; random half-samples, recentred, for clustering) and, where there are several, seeds`,
    test: 'Paired bootstrap: both contenders are scored on the same resampled test rows',
    correction:
      'p-values are Holm-corrected within each task over every row compared with the reference (models, controls and baselines alike)',
    reference: 'chosen by validation score, never by test score',
    secondOpinion:
      "McNemar's exact test on right and wrong answers (binary, multiclass) or the Wilcoxon signed-rank test on squared errors (regression), on the test rows of the lowest seed of both sides, uncorrected; no verdict is drawn from it",
  };
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups.values()];
}

/** As it will be read back: what JSON cannot hold (undefined members) is gone before it is hashed. */
function jsonCopy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Lets progress be drawn and Ctrl-C be heard between rows. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
