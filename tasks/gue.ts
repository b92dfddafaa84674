/**
 * Genome Understanding Evaluation (GUE), 28 classification sets: yeast histone marks, human and
 * mouse transcription factor binding, promoters, splice sites, virus variants. Splits as published
 * (train, dev, test). Read from CSV files `sequence,label` in folders named as upstream (EMP/H3,
 * tf/0, prom/prom_300_all) or flat (EMP_H3, tf_0, prom_prom_300_all). Some copies of the collection
 * lack the training file of the EMP and splice sets. For these, `gue.NAME.dev` is fitted on the
 * published dev rows instead (validation rows are taken from them). It is another task, not
 * comparable with published numbers.
 */
import { defineTask, type TaskContext, type TaskDefinition } from '../src/index.ts';
import { type DataRequest, locateFiles, readRows } from './sources/data-folder.ts';

const HISTONE_MARKS = [
  'H3',
  'H3K14ac',
  'H3K36me3',
  'H3K4me1',
  'H3K4me2',
  'H3K4me3',
  'H3K79me3',
  'H3K9ac',
  'H4',
  'H4ac',
];
const PROMOTERS = { all: 'all promoters', notata: 'promoters without TATA box', tata: 'promoters with TATA box' };
const COVID_VARIANTS = ['0', '1', '2', '3', '4', '5', '6', '7', '8'];

interface GueSet {
  /** Folder as upstream. */
  readonly folder: string;
  readonly title: string;
  /** Default "0", "1". */
  readonly classes?: readonly string[];
  readonly metric?: 'mcc' | 'macroF1';
  /** True when copies without training rows exist. */
  readonly mayLackTrain?: boolean;
}

const SETS: readonly GueSet[] = [
  ...HISTONE_MARKS.map((mark) => ({ folder: `EMP/${mark}`, title: `Yeast ${mark}`, mayLackTrain: true })),
  ...[0, 1, 2, 3, 4].map((n) => ({ folder: `mouse/${n}`, title: `Mouse TF binding ${n}` })),
  ...Object.entries(PROMOTERS).flatMap(([name, what]) => [
    { folder: `prom/prom_300_${name}`, title: `Human ${what}, 300 nt` },
    { folder: `prom/prom_core_${name}`, title: `Human core ${what}, 70 nt` },
  ]),
  { folder: 'splice/reconstructed', title: 'Human splice sites', classes: ['0', '1', '2'], mayLackTrain: true },
  ...[0, 1, 2, 3, 4].map((n) => ({ folder: `tf/${n}`, title: `Human TF binding ${n}` })),
  { folder: 'virus/covid', title: 'SARS-CoV-2 variant', classes: COVID_VARIANTS, metric: 'macroF1' },
];

const READ = { sequence: 'sequence', label: 'label' };

function gueTask(set: GueSet, onDev: boolean): TaskDefinition {
  const flat = set.folder.replace('/', '_');
  const id = `gue.${flat}${onDev ? '.dev' : ''}`;
  const classes = set.classes ?? ['0', '1'];
  const request: DataRequest = {
    id,
    folders: ['regulatory/gue', 'gue', 'GUE', '']
      .flatMap((root) => [`${root}/${set.folder}`, `${root}/${flat}`])
      .map(trimmed),
    files: onDev ? { train: ['dev'], test: ['test'] } : { train: ['train'], valid: ['dev'], test: ['test'] },
    url: 'https://github.com/MAGICS-LAB/DNABERT_2',
    ...(set.mayLackTrain && !onDev ? { otherwise: `or run ${id}.dev, which trains on the dev rows` } : {}),
  };
  return defineTask({
    id,
    title: `GUE ${set.title}${onDev ? ', trained on dev' : ''}`,
    description: onDev
      ? 'Fitted on the published dev rows, for copies without training rows: not comparable with published numbers.'
      : 'Splits as published.',
    kind: classes.length === 2 ? 'binary' : 'multiclass',
    metric: set.metric ?? 'mcc',
    classes,
    citation: 'Zhou et al. 2024, DNABERT-2, ICLR.',
    licence: 'Apache-2.0',
    url: request.url,
    load: async (context: TaskContext) => {
      const files = await locateFiles(request, context);
      const splits = (['train', 'valid', 'test'] as const).filter((split) => files[split] !== undefined);
      return (await Promise.all(splits.map((split) => readRows(files[split], READ, { split })))).flat();
    },
  });
}

const trimmed = (path: string): string => path.replace(/^\//, '');

export default SETS.flatMap((set) =>
  set.mayLackTrain ? [gueTask(set, false), gueTask(set, true)] : [gueTask(set, false)],
);
