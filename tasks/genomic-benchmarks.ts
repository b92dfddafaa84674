/**
 * Genomic Benchmarks (nine sets, the authors' demo and dummy sets included). Read from the
 * package's own layout, a folder per split and class with one plain text file per sequence
 * (train/negative/0.txt), from one folder per set with tables `seq,label`, or from the hub.
 * Validation rows are taken from train. `genomic-benchmarks.NAME.test-only` is for copies that have
 * the test rows only: these rows are split by glm-bench, so scores are not comparable with
 * published numbers.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  defineTask,
  type LabelledSequence,
  SequenceError,
  type TaskContext,
  type TaskDefinition,
} from '../src/index.ts';
import { type DataRequest, isFolder, locateFiles, readRows } from './sources/data-folder.ts';

/** Classes in index order, by the names of the package's folders; tables give the index. */
const SETS: Readonly<Record<string, { title: string; classes?: readonly string[] }>> = {
  demo_coding_vs_intergenomic_seqs: {
    title: 'coding or intergenic (demo)',
    classes: ['coding_seqs', 'intergenomic_seqs'],
  },
  demo_human_or_worm: { title: 'human or worm (demo)', classes: ['human', 'worm'] },
  drosophila_enhancers_stark: { title: 'fly enhancers (Stark)' },
  dummy_mouse_enhancers_ensembl: { title: 'mouse enhancers (dummy)' },
  human_enhancers_cohn: { title: 'human enhancers (Cohn)' },
  human_enhancers_ensembl: { title: 'human enhancers (Ensembl)' },
  human_ensembl_regulatory: { title: 'human regulatory elements', classes: ['enhancer', 'ocr', 'promoter'] },
  human_nontata_promoters: { title: 'human promoters without TATA box' },
  human_ocr_ensembl: { title: 'human open chromatin' },
};
const ROOTS = ['regulatory/genomic_benchmarks', 'genomic_benchmarks', '.genomic_benchmarks'];
const BINARY = ['negative', 'positive'];

/** Rows of the package's layout, or undefined when it is not there. */
async function readClassFolders(folder: string, classes: readonly string[]): Promise<LabelledSequence[] | undefined> {
  if (!(await isFolder(join(folder, 'train', classes[0])))) return undefined;
  const rows: LabelledSequence[] = [];
  for (const split of ['train', 'test'] as const) {
    for (const label of classes) {
      const place = join(folder, split, label);
      const names = (await readdir(place)).filter((name) => name.endsWith('.txt')).sort();
      if (names.length === 0)
        throw new SequenceError('no .txt files; one sequence per file is expected', { file: place });
      for (const name of names) {
        const file = join(place, name);
        const sequence = (await readFile(file, 'utf8')).trim();
        if (sequence === '')
          throw new SequenceError('the sequence is empty; remove the file or add the sequence', { file, line: 1 });
        rows.push({ id: `${split}/${label}/${name}`, sequence, label, split, source: { file, line: 1 } });
      }
    }
  }
  return rows;
}

/** Tables hold the index of the class; it is converted to the name. */
async function readTable(paths: readonly string[], classes: readonly string[], split?: 'train' | 'test') {
  const rows = await readRows(paths, {}, { split });
  return rows.map((row) => {
    const label = classes.includes(String(row.label)) ? String(row.label) : classes[Number(row.label)];
    if (label !== undefined) return { ...row, label };
    throw new SequenceError(
      `label "${row.label}" is neither an index 0..${classes.length - 1} nor one of ${classes.join(', ')}`,
      row.source,
    );
  });
}

function genomicTask(name: string, isTestOnly: boolean): TaskDefinition {
  const { title, classes = BINARY } = SETS[name];
  const id = `genomic-benchmarks.${name}${isTestOnly ? '.test-only' : ''}`;
  const folders = ROOTS.map((root) => `${root}/${name}`);
  const url = 'https://github.com/ML-Bioinfo-CEITEC/genomic_benchmarks';
  const request: DataRequest = isTestOnly
    ? { id, folders, files: { all: ['test'] }, url }
    : {
        id,
        folders: folders.flatMap((folder) => [folder, `${folder}/data`]),
        files: { train: ['train'], test: ['test'] },
        hub: {
          repository: `datasets/katarinagresova/Genomic_Benchmarks_${name}`,
          files: /(^|\/)(train|test)[^/]*\.(parquet|csv|tsv|jsonl)$/,
        },
        hubFolders: ['data', ''],
        otherwise: `or, with test rows only, run ${id}.test-only`,
        url,
      };
  return defineTask({
    id,
    title: `Genomic Benchmarks ${title}${isTestOnly ? ', test rows split again' : ''}`,
    description: isTestOnly
      ? 'The published test rows only, split by glm-bench: not comparable with published numbers.'
      : 'Train and test rows as published; validation rows are taken from train.',
    kind: classes.length === 2 ? 'binary' : 'multiclass',
    metric: 'accuracy',
    classes,
    citation: 'Gresova et al. 2023, BMC Genomic Data 24:25.',
    licence: 'not stated',
    url,
    split: { method: 'stratified', valid: 0.1, test: 0.2, seed: 0 },
    load: async (context: TaskContext) => {
      if (!isTestOnly && context.dataFolder !== undefined) {
        for (const folder of folders) {
          const rows = await readClassFolders(join(context.dataFolder, folder), classes);
          if (rows !== undefined) return rows;
        }
      }
      const files = await locateFiles(request, context);
      if (isTestOnly) return readTable(files.all, classes);
      return [...(await readTable(files.train, classes, 'train')), ...(await readTable(files.test, classes, 'test'))];
    },
  });
}

export default Object.keys(SETS).flatMap((name) => [genomicTask(name, false), genomicTask(name, true)]);
