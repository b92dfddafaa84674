/**
 * The 18 downstream tasks of the Nucleotide Transformer, revised release: histone marks, enhancers,
 * promoters, splice sites. Read as one folder per task with train and test FASTA whose headers end
 * in "|label", as one folder per task with tables, or as tables of all tasks with a column "task"
 * (the hub's main layout). Validation rows are taken from train. A single table without test rows
 * is `nucleotide-transformer.NAME.single`: split by glm-bench, not comparable with published
 * numbers.
 */
import { defineTask, type LabelledSequence, type TaskContext, type TaskDefinition } from '../src/index.ts';
import { type DataRequest, locateFiles, readRows } from './sources/data-folder.ts';

const TASKS: Readonly<Record<string, { title: string; classes?: number }>> = {
  ...Object.fromEntries(
    ['H2AFZ', 'H3K27ac', 'H3K27me3', 'H3K36me3', 'H3K4me1', 'H3K4me2', 'H3K4me3', 'H3K9ac', 'H3K9me3', 'H4K20me1'].map(
      (mark) => [mark, { title: `human ${mark}` }],
    ),
  ),
  enhancers: { title: 'enhancers' },
  enhancers_types: { title: 'enhancer types', classes: 3 },
  promoter_all: { title: 'promoters' },
  promoter_no_tata: { title: 'promoters without TATA box' },
  promoter_tata: { title: 'promoters with TATA box' },
  splice_sites_acceptors: { title: 'splice acceptors' },
  splice_sites_all: { title: 'splice sites', classes: 3 },
  splice_sites_donors: { title: 'splice donors' },
};

const REPOSITORY = 'nucleotide_transformer_downstream_tasks_revised';
const ROOTS = ['regulatory/', ''].flatMap((root) => [`${root}nucleotide_transformer`, `${root}${REPOSITORY}`]);
const HUB = {
  repository: `datasets/InstaDeepAI/${REPOSITORY}`,
  files: /(^|\/)(train|test)[^/]*\.(parquet|fna|fasta)(\.gz)?$/,
};

async function readTask(paths: readonly string[], name: string, split?: 'train' | 'test'): Promise<LabelledSequence[]> {
  if (paths.every((path) => /\.(fa|fna|fas|fasta)(\.gz)?$/.test(path))) {
    return readRows(
      paths,
      { labelFrom: { kind: 'header', pattern: /\|\s*(\d+)\s*$/ }, duplicateIds: 'suffix' },
      { split, prefix: `${split}:` },
    );
  }
  // In a table of all tasks the group column holds the task; it is removed after reading.
  const isMixed = !paths.every((path) => path.split(/[\\/]/).includes(name));
  const options = { sequence: 'sequence', label: 'label', ...(isMixed ? { group: 'task' } : {}) };
  const rows = await readRows(paths, options, { split });
  if (!isMixed) return rows;
  const ours = rows.filter((row) => row.group === name);
  if (ours.length === 0) throw new Error(`${paths.join(', ')}: no row has "${name}" in column "task"`);
  return ours.map(({ group: _task, ...row }) => row);
}

function downstreamTask(name: string, isSingle: boolean): TaskDefinition {
  const { title, classes = 2 } = TASKS[name];
  const id = `nucleotide-transformer.${name}${isSingle ? '.single' : ''}`;
  const singleRoots = ['regulatory/', ''].map((root) => `${root}nucleotide_transformer_mix_1500`);
  const request: DataRequest = isSingle
    ? { id, folders: [...singleRoots, ...ROOTS], files: { all: ['train_subset', 'train', 'all'] } }
    : {
        id,
        folders: ROOTS.flatMap((root) => [`${root}/${name}`, root, `${root}/data`, `${root}/main`]),
        files: { train: ['train'], test: ['test'] },
        hub: HUB,
        hubFolders: [name, 'main', 'data', ''],
        otherwise: `or, for one table without test rows, run ${id}.single`,
        url: `https://huggingface.co/${HUB.repository}`,
      };
  return defineTask({
    id,
    title: `Nucleotide Transformer ${title}${isSingle ? ', one table' : ''}`,
    description: isSingle
      ? 'One table without test rows, split by glm-bench: not comparable with published numbers.'
      : 'Train and test rows as published; validation rows are taken from train.',
    kind: classes === 2 ? 'binary' : 'multiclass',
    metric: 'mcc',
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    citation: 'Dalla-Torre et al. 2025, Nature Methods 22:287.',
    licence: 'not stated',
    split: { method: 'stratified', valid: 0.1, seed: 0 },
    load: async (context: TaskContext) => {
      const files = await locateFiles(request, context);
      if (isSingle) return readTask(files.all, name);
      return [...(await readTask(files.train, name, 'train')), ...(await readTask(files.test, name, 'test'))];
    },
  });
}

export default Object.keys(TASKS).flatMap((name) => [downstreamTask(name, false), downstreamTask(name, true)]);
