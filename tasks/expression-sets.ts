/**
 * Published regression sets: expression of yeast promoters and terminators measured by reporter
 * assays. These files have no published split, so the split is made here: at random when sequences
 * are random, by cluster of similar sequences when they were designed or descend from each other.
 */
import { defineTask, type ReadOptions, type TaskContext, type TaskDefinition } from '../src/index.ts';
import { type DataRequest, locateFiles, readRows } from './sources/data-folder.ts';

interface ExpressionSet extends Pick<TaskDefinition, 'id' | 'title' | 'description' | 'citation' | 'split'> {
  readonly folder: string;
  readonly stems: readonly string[];
  readonly read: ReadOptions;
}

const HEADERLESS: ReadOptions = {
  format: 'tsv',
  columns: ['sequence', 'expression'],
  sequence: 'sequence',
  label: 'expression',
};
const SHARES = { valid: 0.1, test: 0.2, seed: 0 };

const SETS: readonly ExpressionSet[] = [
  {
    id: 'dream-yeast',
    title: 'DREAM 2022 yeast promoters (demo rows)',
    description: 'Random promoters; the demo file of the challenge, split at random by glm-bench.',
    citation: 'Rafi et al. 2024, Nature Biotechnology, doi:10.1038/s41587-024-02414-w.',
    split: { method: 'random', ...SHARES },
    folder: 'dream2022_yeast_demo',
    stems: ['demo_train'],
    read: HEADERLESS,
  },
  {
    id: 'yeast-terminators',
    title: 'Yeast terminators',
    description: 'Designed variants of native terminators; split by glm-bench so that similar sequences stay together.',
    citation: 'Shalem et al. 2015, PLoS Genetics 11:e1005147.',
    split: { method: 'cluster', ...SHARES },
    folder: 'shalem2015_yeast_terminators',
    stems: ['shalem_15'],
    read: HEADERLESS,
  },
  {
    id: 'yeast-random-promoters',
    title: 'Yeast random promoters',
    description: 'Random promoters in defined medium (the test rows of the study), split at random by glm-bench.',
    citation: 'Vaishnav et al. 2022, Nature 603:455.',
    split: { method: 'random', ...SHARES },
    folder: 'yeast_promoter_expression',
    stems: ['Random_testdata_defined_media'],
    read: { sequence: 'sequence', label: 'Measured Expression' },
  },
  {
    id: 'yeast-native-promoters',
    title: 'Yeast native promoters',
    description: 'Native promoters and mutants of them in defined medium; all variants of one promoter stay together.',
    citation: 'Vaishnav et al. 2022, Nature 603:455.',
    split: { method: 'group', ...SHARES },
    folder: 'yeast_promoter_expression',
    stems: ['Native_testdata_defined_media'],
    read: { sequence: 'seq110', label: 'meanEL', group: 'nativeGene' },
  },
];

function expressionTask({ folder, stems, read, ...set }: ExpressionSet): TaskDefinition {
  const request: DataRequest = { id: set.id, folders: [`regulatory/${folder}`, folder], files: { all: stems } };
  return defineTask({
    ...set,
    kind: 'regression',
    metric: 'pearson',
    licence: 'not stated',
    load: async (context: TaskContext) => {
      const { all } = await locateFiles(request, context);
      return readRows(all, { ...read, numericLabels: true });
    },
  });
}

export default SETS.map(expressionTask);
