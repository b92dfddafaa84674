/**
 * Which files make up a data set: one file; a folder with train/dev/test files; a folder with one FASTA, or one folder of
 * FASTA, per class; or a folder with train/dev/test folders of those. A folder whose files all name one split gives no split. Only names are looked at here, and no file of a data format is passed over.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SplitName } from '../labelled-sequence.ts';
import { SequenceError } from '../sequence-error.ts';
import { listed, splitNamed } from './columns.ts';
import { firstBytes, readBytes, readError } from './gzip-stream.ts';

export const DATA_FORMATS = ['fasta', 'csv', 'tsv', 'jsonl', 'parquet'] as const;
export type DataFormat = (typeof DATA_FORMATS)[number];

export interface DataFile {
  readonly path: string;
  readonly split?: SplitName;
  /** Set where the layout gives the class: the file's or the folder's name. */
  readonly className?: string;
}

const EXTENSIONS: Readonly<Record<string, DataFormat>> = {
  fasta: 'fasta',
  fa: 'fasta',
  fna: 'fasta',
  ffn: 'fasta',
  fas: 'fasta',
  csv: 'csv',
  tsv: 'tsv',
  tab: 'tsv',
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  parquet: 'parquet',
  pq: 'parquet',
};

/** The file's name without folder, .gz and the ending of a data format: "a/ctcf.fa.gz" -> "ctcf". */
export function fileStem(path: string): string {
  const name = basename(path).replace(/\.b?gz$/i, '');
  const dot = name.lastIndexOf('.');
  const ending = name.slice(dot + 1).toLowerCase();
  return dot > 0 && (Object.hasOwn(EXTENSIONS, ending) || ending === 'txt') ? name.slice(0, dot) : name;
}

/** The format by the file's ending (.gz stripped), or undefined where the ending tells nothing (.txt). */
export function formatByName(path: string): DataFormat | undefined {
  const name = basename(path).replace(/\.b?gz$/i, '');
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(EXTENSIONS, ending) ? EXTENSIONS[ending] : undefined;
}

/**
 * The format by the file's ending, or else by its first bytes.
 * @throws SequenceError when neither tells.
 */
export async function detectFormat(path: string): Promise<DataFormat> {
  const named = formatByName(path);
  if (named !== undefined) {
    await firstBytes(path, 1); // so that a missing file is reported as such whatever its format
    return named;
  }
  let head = '';
  try {
    for await (const chunk of readBytes(path)) {
      head = chunk
        .toString('latin1', 0, 65536)
        .replace(/^\u00ef\u00bb\u00bf/, '')
        .trimStart();
      if (head !== '') break;
    }
  } catch (error) {
    throw readError(error, path, 1);
  }
  const firstLine = head.split(/\r?\n/, 1)[0];
  if (head.startsWith('PAR1')) return 'parquet';
  if (head.startsWith('>')) return 'fasta';
  if (head.startsWith('{')) return 'jsonl';
  if (firstLine.includes('\t')) return 'tsv';
  if (/[,;]/.test(firstLine)) return 'csv';
  throw new SequenceError(
    `the format is not told by the name or the first line; give \`format\` (${DATA_FORMATS.join(', ')}). FASTA starts with ">name"`,
    { file: path, line: 1 },
  );
}

/** Files of the data set at `path`, in a stable order. @throws SequenceError when the layout is unclear. */
export async function findDataFiles(path: string, ignore: readonly string[] = []): Promise<DataFile[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw readError(error, path);
  });
  if (!info.isDirectory()) return [{ path }];
  const { files, folders } = await listFolder(path, ignore);
  const splitFolders = folders.filter((folder) => splitNamed(folder) !== undefined);
  if (splitFolders.length > 0) return filesBySplitFolder(path, splitFolders, { files, folders }, ignore);

  const splits = files.map((name) => splitOfName(name));
  if (splits.some((split) => split !== undefined)) return filesBySplit(path, files, splits);
  return filesByClass(path, files, folders, ignore);
}

interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

async function listFolder(path: string, ignore: readonly string[]): Promise<Listing> {
  const entries = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => !entry.name.startsWith('.') && !ignore.includes(join(path, entry.name)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  const texts = names.filter((name) => /\.txt(\.b?gz)?$/i.test(name));
  const named = names.filter((name) => formatByName(name) !== undefined || (texts.includes(name) && splitOfName(name)));
  return {
    files: named.length > 0 ? named : texts, // .txt may be a note beside the data, or the data
    folders: entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name),
  };
}

/** The split named by a file: its whole stem, or exactly one of the words in it ("Annelida.train", "train-00000-of-00002"). */
function splitOfName(name: string): SplitName | undefined {
  const stem = fileStem(name);
  const named = stem.split(/[._\- ]+/).flatMap((word) => splitNamed(word) ?? []);
  return splitNamed(stem) ?? (new Set(named).size === 1 ? named[0] : undefined);
}

function filesBySplit(
  folder: string,
  files: readonly string[],
  splits: readonly (SplitName | undefined)[],
): DataFile[] {
  const stray = files.filter((_, i) => splits[i] === undefined);
  if (stray.length > 0) {
    throw new SequenceError(
      `holds train/dev/test files and also ${listed(stray)}, of no split; move them away, or give one file`,
      { file: folder },
    );
  }
  for (const split of new Set(splits)) {
    const same = files.filter((_, i) => splits[i] === split);
    if (same.length > 1 && !same.every((name) => /-\d+-of-\d+$/.test(fileStem(name)))) {
      throw new SequenceError(`several files claim the split ${split}: ${listed(same)}; keep one`, { file: folder });
    }
  }
  if (new Set(splits).size === 1) return files.map((name) => ({ path: join(folder, name) }));
  return files.map((name, i) => ({ path: join(folder, name), split: splits[i] }));
}

async function filesBySplitFolder(
  path: string,
  splitFolders: readonly string[],
  { files, folders }: Listing,
  ignore: readonly string[],
): Promise<DataFile[]> {
  const stray = [...files, ...folders.filter((folder) => !splitFolders.includes(folder))];
  if (stray.length > 0) {
    throw new SequenceError(`holds train/dev/test folders and also ${listed(stray)}, of no split; move them away`, {
      file: path,
    });
  }
  const nested = splitFolders.map(async (folder) => {
    const inner = await listFolder(join(path, folder), ignore);
    const found = await filesByClass(join(path, folder), inner.files, inner.folders, ignore);
    return found.map((file) => ({ ...file, split: splitNamed(folder) }));
  });
  return (await Promise.all(nested)).flat();
}

async function filesByClass(
  path: string,
  files: readonly string[],
  folders: readonly string[],
  ignore: readonly string[],
): Promise<DataFile[]> {
  if (files.length === 1 && folders.length === 0) return [{ path: join(path, files[0]) }];
  if (files.length > 1 && folders.length === 0 && files.every((name) => (formatByName(name) ?? 'fasta') === 'fasta')) {
    return files.map((name) => ({ path: join(path, name), className: fileStem(name) }));
  }
  if (files.length === 0 && folders.length > 0) {
    const nested = folders.map(async (className) => {
      const inner = await listFolder(join(path, className), ignore);
      if (inner.files.length > 0 && inner.folders.length === 0) {
        return inner.files.map((name) => ({ path: join(path, className, name), className }));
      }
      throw unclear(path, `its folder "${className}" holds no data files of its own only`);
    });
    return (await Promise.all(nested)).flat();
  }
  throw unclear(path, files.length === 0 ? 'it holds no data files' : `it holds ${listed([...files, ...folders])}`);
}

function unclear(file: string, found: string): SequenceError {
  return new SequenceError(
    `is no layout known: ${found}. Give one file, or a folder with train/dev/test files, one FASTA per class, or one folder per class; endings ${Object.keys(EXTENSIONS).join(', ')}, also .gz`,
    { file },
  );
}
