/**
 * Identity of a result: which results may be averaged over seeds, and which are results of different things under one name.
 * Two cells belong to one row when everything but the seed is equal: task (name and rows), contender (name, options, files),
 * probe and the settings of the run. Code is not part of a row's identity: results of older code are superseded by those of
 * newer code, and the run states how many.
 */
import { z } from 'zod';

/** What a run is asked for that changes numbers and is no seed. */
export const runSettingsSchema = z.object({
  device: z.string(),
  precision: z.string(),
  threads: z.number().int(),
  effort: z.number(),
});
export type RunSettings = z.infer<typeof runSettingsSchema>;

/** What a planned cell is made of, beside its names and seed. */
export const originSchema = z.object({
  settings: runSettingsSchema,
  /** sha256 of the contender's options. */
  options: z.string(),
  /** Last parts of the path of a plugin or model that is no part of this package. */
  path: z.string().optional(),
  /** For a model at a path: sha256 over its files. */
  files: z.string().optional(),
  /** sha256 over the package's code and dependencies. */
  code: z.string(),
  /** Version of the contender and sha256 of its plugin. */
  source: z.string(),
});
export type Origin = z.infer<typeof originSchema>;

/** An entry of a manifest. Manifests of older versions have no origin. */
export const manifestCellSchema = z.object({
  key: z.string(),
  task: z.string(),
  taskHash: z.string(),
  contender: z.string(),
  probe: z.string(),
  seed: z.number().int(),
  origin: originSchema.optional(),
});
export type ManifestCell = z.infer<typeof manifestCellSchema>;

/** A text that is equal for cells of one row. Entries without origin are told apart by their names alone. */
export function rowIdentity({ task, taskHash, contender, probe, origin }: ManifestCell): string {
  const { settings, options, path, files } = origin ?? {};
  const { device, precision, threads, effort } = settings ?? {};
  // A model is its files, wherever they lie; a plugin is told from another one by its place.
  const content = files ?? path;
  return JSON.stringify([task, taskHash, contender, probe, device, precision, threads, effort, options, content]);
}

export interface MergedCells {
  readonly cells: ManifestCell[];
  /** Older entries that are no longer on the board: made by other code, or by a version that kept no origin. */
  readonly superseded: readonly ManifestCell[];
}

/**
 * Adds the cells of a new plan to those of a manifest. Older entries keep their place; an entry for the same row and seed is
 * replaced. Older entries leave only where other code made them: entries of a row that is planned anew, and entries of a task
 * whose rows the newer code reads in another way. Everything else stays.
 */
export function mergeCells(older: readonly ManifestCell[], newer: readonly ManifestCell[]): MergedCells {
  const cellIdentity = (cell: ManifestCell) => JSON.stringify([rowIdentity(cell), cell.seed]);
  const names = ({ task, taskHash, contender, probe }: ManifestCell) =>
    JSON.stringify([task, taskHash, contender, probe]);
  const replacements = new Map(newer.map((cell) => [cellIdentity(cell), cell]));
  const rows = new Map(newer.map((cell) => [rowIdentity(cell), cell]));
  const named = new Set(newer.map(names));
  const tasks = new Map(newer.map((cell) => [cell.task, cell]));
  const superseded: ManifestCell[] = [];
  const kept = older.flatMap((cell) => {
    const replacement = replacements.get(cellIdentity(cell));
    if (replacement) {
      replacements.delete(cellIdentity(cell));
      return [replacement];
    }
    const row = rows.get(rowIdentity(cell));
    const task = tasks.get(cell.task);
    const isOlderRow = row !== undefined && !sameCode(row, cell);
    const isOlderTask =
      task !== undefined && task.taskHash !== cell.taskHash && task.origin?.code !== cell.origin?.code;
    const isWithoutOrigin = cell.origin === undefined && named.has(names(cell));
    if (!(isOlderRow || isOlderTask || isWithoutOrigin)) return [cell];
    superseded.push(cell);
    return [];
  });
  return { cells: [...kept, ...replacements.values()], superseded };
}

function sameCode({ origin: a }: ManifestCell, { origin: b }: ManifestCell): boolean {
  return a?.code === b?.code && a?.source === b?.source;
}

/**
 * Sentences for the user on what a new plan means for what a folder holds already: results that leave the board, and results
 * under the same name that stay on it because they are of other rows, files, options or settings.
 */
export function describeMerge({ cells, superseded }: MergedCells, newer: readonly ManifestCell[]): string[] {
  const planned = new Set(newer.map(({ key }) => key));
  const others = cells.filter(({ key }) => !planned.has(key));
  const sentences: string[] = [];
  if (superseded.length > 0) {
    const names = distinct(superseded.map(({ task, contender }) => `${task} / ${contender}`));
    sentences.push(
      `${superseded.length} stored results were made by other code or by other versions of a plugin and leave the board: ${listed(names)}.`,
    );
  }
  const tasks = new Map(newer.map((cell) => [cell.task, cell.taskHash]));
  const otherTasks = distinct(
    others.filter(({ task, taskHash }) => (tasks.get(task) ?? taskHash) !== taskHash).map(({ task }) => task),
  );
  for (const task of otherTasks) {
    sentences.push(
      `The folder holds results of other rows or another metric under the task name "${task}"; the board shows both. With --data, --task-id NAME gives this one a name of its own; another --out starts a new board.`,
    );
  }
  const sameRows = (a: ManifestCell, b: ManifestCell) => a.task === b.task && a.taskHash === b.taskHash;
  const same = (a: ManifestCell, b: ManifestCell) =>
    sameRows(a, b) && a.contender === b.contender && a.probe === b.probe && rowIdentity(a) !== rowIdentity(b);
  const pairs = others.flatMap((old) => newer.filter((cell) => same(old, cell)).map((cell) => [old, cell] as const));
  const ofContent = pairs.filter(([a, b]) => contentOf(a) !== contentOf(b));
  const otherContenders = distinct(ofContent.map(([old]) => old.contender));
  for (const contender of otherContenders) {
    sentences.push(
      `The folder holds results of another contender under the name "${contender}" (other files or options); the board shows both. NAME=PATH gives this one a name of its own; another --out starts a new board.`,
    );
  }
  const ofSettings = pairs.filter(([a, b]) => contentOf(a) === contentOf(b));
  if (ofSettings.length > 0) {
    const settings = distinct(ofSettings.flatMap(([old, cell]) => differingSettings(old, cell)));
    sentences.push(
      `The folder holds results of other settings (${settings.join(', ')}); the board shows them as rows of their own.`,
    );
  }
  return sentences;
}

const contentOf = ({ origin }: ManifestCell) => JSON.stringify([origin?.options, origin?.files ?? origin?.path]);

function differingSettings(old: ManifestCell, cell: ManifestCell): string[] {
  const [a, b] = [old.origin?.settings, cell.origin?.settings];
  if (!a || !b) return [];
  return (Object.keys(a) as (keyof RunSettings)[])
    .filter((name) => a[name] !== b[name])
    .map((name) => `${name} ${a[name]}`);
}

const distinct = (items: readonly string[]) => [...new Set(items)];

function listed(names: readonly string[]): string {
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;
}
