/** A folder of the GUE benchmark (train, dev and test as CSV, gzip or not) as data that a baseline can be fitted to. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { FitTask, Predictions, SplitData, Targets } from '../../src/index.ts';
import { mcc } from '../../src/metrics/confusion.ts';

export type GueFolder = Readonly<Record<'train' | 'dev' | 'test', SplitData>>;

function readSplit(folder: string, split: string): SplitData {
  const path = join(folder, `${split}.csv`);
  const text = existsSync(path) ? readFileSync(path, 'utf8') : gunzipSync(readFileSync(`${path}.gz`)).toString('utf8');
  const [header, ...lines] = text.trim().split(/\r?\n/);
  if (header !== 'sequence,label') throw new Error(`${path}: the columns must be sequence,label, not ${header}`);
  const rows = lines.map((line) => line.split(','));
  const values = Float64Array.from(rows, ([, label]) => Number(label));
  return {
    ids: rows.map((_, row) => `${split}-${row}`),
    sequences: rows.map(([sequence]) => sequence),
    targets: { rows: rows.length, columns: 1, values },
    groups: rows.map(([, label]) => label),
  };
}

export async function readGueFolder(folder: string | undefined): Promise<GueFolder> {
  if (!folder) throw new Error('give the folder of a GUE task, with train, dev and test as CSV');
  return {
    train: readSplit(folder, 'train'),
    dev: readSplit(folder, 'dev'),
    test: readSplit(folder, 'test'),
  };
}

/** What a baseline sees of the folder while it is fitted. */
export function fitTaskOf({ train, dev }: GueFolder): FitTask {
  const definition = { id: 'gue', kind: 'binary' } as FitTask['definition'];
  return { definition, classes: ['0', '1'], outputs: 2, train, valid: dev };
}

export function mccOf(targets: Targets, predictions: Predictions): number {
  return mcc.prepare(targets, predictions)();
}
