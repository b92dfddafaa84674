/**
 * Barcode collections that are a folder of files with their own names: BOLD exports, and the
 * real-world samples of DeepCOI.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TaskContext, UsageError } from '../../src/index.ts';
import type { BarcodeFile } from './barcode-tasks.ts';
import { isFolder } from './data-folder.ts';
import { unpackedArchive } from './tar.ts';

/**
 * The tables (.tsv, .csv; also .gz) of the first folder that has any, by name. @throws UsageError
 * with the folders that were searched.
 */
export async function exportsOfFolder(id: string, folders: readonly string[], context: TaskContext): Promise<string[]> {
  for (const folder of below(context, folders)) {
    const found = (await namesIn(folder)).filter((name) => /\.(tsv|csv)(\.gz)?$/.test(name));
    if (found.length > 0) return found.map((name) => join(folder, name));
  }
  throw notFound(id, 'tables (.tsv, .csv; also .gz)', folders, context);
}

const PBBC_FOLDERS = ['barcodes/deepcoi_realworld_pbbc', 'deepcoi_realworld_pbbc', 'pbbc'];
const PBBC_ARCHIVE = 'realworld.tgz';
const FASTA = /^(DS-PBBC\d+)\.fasta(\.gz)?$/;

/**
 * The FASTA files of the archive, or of a folder with its content, each with its table of names
 * (`labels/DS-PBBC1.txt`).
 */
export async function pbbcFiles(context: TaskContext): Promise<BarcodeFile[]> {
  for (const folder of below(context, PBBC_FOLDERS)) {
    const names = await namesIn(folder);
    const isPacked = names.includes(PBBC_ARCHIVE);
    const archive = isPacked ? join(folder, PBBC_ARCHIVE) : undefined;
    const root = archive === undefined ? folder : await unpackedArchive(archive, context.cacheFolder);
    for (const place of [root, join(root, 'realworld')]) {
      const files = (await namesIn(place)).flatMap((name) => {
        const stem = FASTA.exec(name)?.[1];
        if (stem === undefined) return [];
        const namesFrom = join(place, 'labels', `${stem}.txt`);
        const options = { namesFrom, header: ['id', 'other', 'marker'] } as const;
        return [{ path: join(place, name), options, ...(archive === undefined ? {} : { archive }) }];
      });
      if (files.length > 0) return files;
    }
  }
  throw notFound('pbbc', `${PBBC_ARCHIVE}, or DS-PBBC1.fasta with labels/DS-PBBC1.txt`, PBBC_FOLDERS, context);
}

function below({ dataFolder }: TaskContext, folders: readonly string[]): string[] {
  return dataFolder === undefined ? [] : folders.map((folder) => join(dataFolder, folder));
}

async function namesIn(folder: string): Promise<string[]> {
  return (await isFolder(folder)) ? (await readdir(folder)).sort() : [];
}

function notFound(id: string, what: string, folders: readonly string[], { dataFolder }: TaskContext): UsageError {
  const where = dataFolder === undefined ? 'no data folder was given' : `not found under ${dataFolder}`;
  return new UsageError(
    `${id}: ${where}; looked for ${what} in ${folders.join(', ')}`,
    'Put the files there, or name another folder with --data-folder DIR or GLM_BENCH_DATA.',
  );
}
