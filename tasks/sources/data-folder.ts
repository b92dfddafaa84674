/**
 * Finds and reads the files of a public data set in the user's data folder, in any of its usual
 * layouts, or in the hub's cache (see `hub.ts`). A file is requested by its stem: "train" matches
 * train.csv, train.tsv.gz, train.parquet or train-00000-of-00002.parquet. A missing file is an
 * error that lists what was looked for.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type LabelledSequence,
  type ReadOptions,
  readLabelled,
  type SplitName,
  type TaskContext,
  UsageError,
} from '../../src/index.ts';
import { type HubSource, hubFolder } from './hub.ts';

const ENDINGS = 'csv|tsv|txt|data|fasta|fas|fa|fna|jsonl|parquet';

export interface DataRequest {
  /** The task, for messages. */
  readonly id: string;
  /**
   * Folders that may hold the data set, below the data folder; the first one with every file is
   * used.
   */
  readonly folders: readonly string[];
  /** Stems of the files by role; the first one that exists is used. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** Where the data set is available. */
  readonly url?: string;
  readonly hub?: HubSource;
  /** Folders of the repository that may hold the files. Default: its root. */
  readonly hubFolders?: readonly string[];
  /**
   * Added to the error when some files of a folder are missing: for example another task that does
   * not need them.
   */
  readonly otherwise?: string;
}

/**
 * Paths by role; a role has several paths when the file has numbered shards.
 * @throws UsageError with the folders and files that were looked for and the remedy.
 */
export async function locateFiles(request: DataRequest, context: TaskContext): Promise<Record<string, string[]>> {
  const partial: string[] = [];
  const { dataFolder } = context;
  if (dataFolder !== undefined) {
    if (!(await isFolder(dataFolder))) {
      throw new UsageError(
        `${request.id}: the data folder ${dataFolder} does not exist`,
        'Correct --data-folder or GLM_BENCH_DATA.',
      );
    }
    for (const folder of request.folders) {
      const found = await filesIn(join(dataFolder, folder), request.files);
      if (found === undefined) continue;
      if (found.missing.length === 0) return found.files;
      partial.push(`${join(dataFolder, folder)} has no ${found.missing.join(', ')}`);
    }
  }
  if (request.hub !== undefined && (context.allowDownload || dataFolder === undefined || partial.length === 0)) {
    const root = await fromHub(request.hub, context);
    for (const folder of root === undefined ? [] : (request.hubFolders ?? [''])) {
      const found = await filesIn(join(root ?? '', folder), request.files);
      if (found?.missing.length === 0) return found.files;
    }
    if (root !== undefined) partial.push(`${root} has no files named ${wantedStems(request)}`);
  }
  throw notFound(request, context, partial);
}

/** The hub's folder; undefined when nothing was downloaded yet and downloads were not requested. */
async function fromHub(source: HubSource, context: TaskContext): Promise<string | undefined> {
  try {
    return await hubFolder(source, context);
  } catch (error) {
    if (!context.allowDownload && error instanceof UsageError) return undefined;
    throw error;
  }
}

const wantedStems = (request: DataRequest): string =>
  Object.values(request.files)
    .map((stems) => stems.join(' or '))
    .join(', ');

function notFound(request: DataRequest, context: TaskContext, partial: readonly string[]): UsageError {
  const looked = `looked for ${wantedStems(request)} (.${ENDINGS.replaceAll('|', ', .')}; also .gz) in ${request.folders.join(', ')}`;
  const where =
    context.dataFolder === undefined
      ? 'no data folder was given'
      : partial.length > 0
        ? partial.join('; ')
        : `not found under ${context.dataFolder}; ${looked}`;
  const remedies = [
    context.dataFolder === undefined
      ? `Name the folder that holds ${request.folders[0]} with --data-folder DIR or GLM_BENCH_DATA`
      : 'Put the files there, or name another folder with --data-folder DIR or GLM_BENCH_DATA',
    ...(request.otherwise === undefined ? [] : [request.otherwise]),
    ...(request.hub === undefined ? [] : [`or download ${request.hub.repository} with --download`]),
    ...(request.url === undefined ? [] : [`the data set is at ${request.url}`]),
  ];
  return new UsageError(`${request.id}: ${where}`, `${remedies.join('; ')}.`);
}

interface Located {
  readonly files: Record<string, string[]>;
  readonly missing: string[];
}

/** Undefined when the folder is absent or has none of the files. */
async function filesIn(folder: string, wanted: DataRequest['files']): Promise<Located | undefined> {
  if (!(await isFolder(folder))) return undefined;
  const names = (await readdir(folder)).sort();
  const files: Record<string, string[]> = {};
  const missing: string[] = [];
  for (const [role, stems] of Object.entries(wanted)) {
    const matches = stems.map((stem) => names.filter((name) => matcher(stem).test(name)));
    const first = matches.find((found) => found.length > 0);
    if (first === undefined) missing.push(`${stems.join(' or ')}.*`);
    else files[role] = unambiguous(folder, first).map((name) => join(folder, name));
  }
  return Object.keys(files).length === 0 ? undefined : { files, missing };
}

const matcher = (stem: string): RegExp =>
  new RegExp(`^${stem.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(-\\d+-of-\\d+(-[0-9a-f]+)?)?\\.(${ENDINGS})(\\.gz)?$`);

/**
 * A stem may have many shards but only one whole file: train.csv and train.tsv together are
 * ambiguous.
 */
function unambiguous(folder: string, names: readonly string[]): readonly string[] {
  if (names.length === 1 || names.every((name) => /-\d+-of-\d+/.test(name))) return names;
  throw new UsageError(`${folder}: both ${names.join(' and ')} exist`, 'Keep one of them.');
}

/** Whether a folder of that name exists. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

/** Rows of all `paths` in order, each with the split where one is given; ids from the data are made unique by `prefix`. */
export async function readRows(
  paths: readonly string[],
  options: ReadOptions,
  { split, prefix = '' }: { readonly split?: SplitName; readonly prefix?: string } = {},
): Promise<LabelledSequence[]> {
  const rows: LabelledSequence[] = [];
  for (const path of paths) {
    for await (const row of readLabelled(path, options)) {
      rows.push({ ...row, id: prefix + row.id, ...(split === undefined ? {} : { split }) });
    }
  }
  return rows;
}
