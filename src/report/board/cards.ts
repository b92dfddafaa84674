/**
 * Cards of tasks, contenders and machines on the board: collected from records and results, nothing
 * computed.
 */

import { canonicalJson } from '../../core/files.ts';
import type { TaskRecord } from '../../harness/store/result.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import { withLabel } from './labels.ts';
import { pretrainingCurves, withoutCurves } from './pretraining.ts';
import type { StoredCell } from './run-folder.ts';
import type { CellCounts, CellSummary, Leaderboard, LeaderboardContender, LeaderboardTask } from './schema.ts';

type TaskCard = Omit<LeaderboardTask, 'reference' | 'comparisons' | 'headline' | 'cells'>;

/** From the task's record; without a record from its results; without results only its id. */
export function taskCard(cells: readonly StoredCell[], record: TaskRecord | undefined): TaskCard {
  const { task: id, taskHash } = cells[0].planned;
  const told = cells.find(({ result }) => result)?.result?.task;
  const metric = METRICS[record?.metric ?? told?.metric ?? 'accuracy'];
  const known = record !== undefined || told !== undefined;
  return {
    id,
    title: withLabel(record?.title ?? told?.title ?? id, cells[0].taskLabel),
    description: record?.description ?? null,
    kind: record?.kind ?? told?.kind ?? null,
    metric: known ? metric.name : null,
    metricLabel: known ? metric.label : 'Score',
    higherIsBetter: metric.higherIsBetter,
    chance: known ? (metric.chance ?? null) : null,
    hash: taskHash,
    classes: record?.classes ?? told?.classes ?? [],
    sizes: record?.sizes ?? (told ? { train: told.trainSize, valid: told.validSize, test: told.testSize } : null),
    split: record?.split ?? null,
    citation: record?.citation ?? told?.citation ?? null,
    licence: record?.licence ?? told?.licence ?? null,
    url: record?.url ?? null,
    ...(record?.notes?.length ? { notes: record.notes } : {}),
    ...(record?.harmonicWith === undefined ? {} : { harmonicWith: record.harmonicWith }),
    alphabetChanges: record?.alphabetChanges ?? {},
    audit: record?.audit ?? {},
    ...(record?.quality === undefined ? {} : { quality: record.quality }),
  };
}

/**
 * One card per contender (name, files and options), in order of planning, from its newest result.
 */
export function contenderCards(cells: readonly StoredCell[]): LeaderboardContender[] {
  const cards = new Map<string, LeaderboardContender>();
  for (const { result, contenderKey, contenderLabel: label } of cells) {
    if (!result) continue;
    const { contender } = result;
    const fingerprints = new Set(cards.get(contenderKey)?.fingerprints);
    if (contender.fingerprint) fingerprints.add(contender.fingerprint);
    cards.set(contenderKey, {
      id: contender.id,
      ...(label === undefined ? {} : { label }),
      title: withLabel(contender.title, label),
      kind: contender.kind,
      family: contender.family ?? null,
      description: contender.description ?? null,
      citation: contender.citation,
      licence: contender.licence ?? null,
      version: contender.version,
      options: contender.options,
      fingerprints: [...fingerprints],
      card: contender.card ? withoutCurves(contender.card) : (cards.get(contenderKey)?.card ?? null),
    });
  }
  const curves = pretrainingCurves(cells);
  return [...cards].map(([key, card]) => (curves.has(key) ? { ...card, pretraining: [...curves.get(key)!] } : card));
}

/**
 * Distinct environments with the number of cells of each; all seeds; first start, last finish,
 * total seconds.
 */
export function environments(cells: readonly StoredCell[]): Leaderboard['provenance'] {
  const results = cells.flatMap(({ result }) => result ?? []);
  const distinct = new Map<string, Leaderboard['provenance']['environments'][number]>();
  for (const { environment } of results) {
    const key = canonicalJson(environment);
    distinct.set(key, { ...environment, cells: (distinct.get(key)?.cells ?? 0) + 1 });
  }
  const starts = results.map(({ timings }) => timings.startedAt).sort();
  const ends = results.map(({ timings }) => timings.finishedAt).sort();
  return {
    environments: [...distinct.values()],
    seeds: [...new Set(cells.map(({ planned }) => planned.seed))].sort((a, b) => a - b),
    startedAt: starts[0] ?? null,
    finishedAt: ends.at(-1) ?? null,
    seconds: results.reduce((sum, { timings }) => sum + timings.seconds, 0),
  };
}

export function countCells(cells: readonly CellSummary[]): CellCounts {
  const count = (status: CellSummary['status']) => cells.filter((cell) => cell.status === status).length;
  return { planned: cells.length, done: count('done'), failed: count('failed'), missing: count('missing') };
}
