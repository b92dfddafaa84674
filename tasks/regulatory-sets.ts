/**
 * Single published classification sets, each in its authors' own layout: DNA methylation (iDNA-MS),
 * RBP binding (CLIP-seq), CTCF against PU.1, R-loops, primate splice junctions (UCI), E. coli
 * promoters. One table: where the files are and how each is read. Published splits are kept. Where
 * there is none, glm-bench makes the split and the task's description states it.
 */
import {
  defineTask,
  type LabelledSequence,
  type ReadOptions,
  reverseComplement,
  type SplitPolicy,
  type TaskContext,
  type TaskDefinition,
} from '../src/index.ts';
import { type DataRequest, locateFiles, readRows } from './sources/data-folder.ts';

interface RegulatorySet extends Pick<TaskDefinition, 'id' | 'title' | 'description' | 'classes' | 'citation'> {
  readonly licence?: string;
  /** Names of the set's folder, at the root of the data folder or under regulatory/. */
  readonly folders: readonly string[];
  /** Stems of the files by role: a split when the data are split, otherwise a class. */
  readonly files: DataRequest['files'];
  /** How the files are read. Default: a file is FASTA of one class, named by its role. */
  readonly read?: ReadOptions;
  readonly split?: SplitPolicy;
  /** Applied to every row at the end. */
  readonly arrange?: (row: LabelledSequence) => LabelledSequence;
  readonly url?: string;
}

const STRATIFIED: SplitPolicy = { method: 'stratified', valid: 0.1, test: 0.2, seed: 0 };
const OURS = 'No published split; split by glm-bench, stratified.';

const METHYLATION: Readonly<Record<string, readonly string[]>> = {
  '4mC': ['C.equisetifolia', 'F.vesca', 'S.cerevisiae', 'Tolypocladium'],
  '5hmC': ['H.sapiens', 'M.musculus'],
  '6mA': [
    'A.thaliana',
    'C.elegans',
    'C.equisetifolia',
    'D.melanogaster',
    'F.vesca',
    'H.sapiens',
    'R.chinensis',
    'S.cerevisiae',
    'T.thermophile',
    'Tolypocladium',
    'Xoc.BLS256',
  ],
};
const methylation = Object.entries(METHYLATION).flatMap(([mark, organisms]) =>
  organisms.map(
    (organism): RegulatorySet => ({
      id: `idna-ms.${mark}_${organism}`,
      title: `iDNA-MS ${mark} ${organism}`,
      description: 'Train and test rows as published; validation rows are taken from train.',
      citation: 'Lv et al. 2020, iDNA-MS, iScience 23:100991.',
      folders: [`idna_ms/${mark}_${organism}`],
      files: { train: ['train'], test: ['test'] },
      read: { sequence: 'text', label: 'label' },
      split: STRATIFIED,
    }),
  ),
);

const bindingProteins = ['23_PARCLIP_PUM2_hg19', '28_ICLIP_TIA1_hg19'].map(
  (experiment): RegulatorySet => ({
    id: `clipseq.${experiment.split('_')[2]}`,
    title: `RBP binding, ${experiment.split('_').slice(1, 3).join(' ')}`,
    description: 'Train and test rows as published (20% bound); validation rows are taken from train.',
    citation: 'Strazar et al. 2016, iONMF, Bioinformatics 32:1527.',
    folders: [`clipseq_rbp31/${experiment}`],
    files: { train: ['train'], test: ['test'] },
    read: { label: 'class', duplicateIds: 'suffix' },
    split: STRATIFIED,
  }),
);

/**
 * A sequence and its reverse complement share a group, named by the alphabetically first of the
 * two.
 */
function groupedByStrandPair(row: LabelledSequence): LabelledSequence {
  return { ...row, group: [row.sequence, reverseComplement(row.sequence)].sort()[0] };
}

const loops = [1, 2, 3, 4].map(
  (n): RegulatorySet => ({
    id: `rloop.neg${n}`,
    title: `R-loops against negatives ${n}`,
    description:
      n === 3
        ? 'Negative i is the exact reverse complement of positive i: contenders that average both strands must score chance. Pairs stay together.'
        : OURS,
    classes: [`neg${n}`, 'pos'],
    citation: 'R-loops in 100-nt windows (rloop100); publication not stated.',
    folders: ['rloop100', 'rloop'],
    files: { [`neg${n}`]: [`rloop.neg${n}`, `neg${n}`], pos: ['rloop.pos', 'pos'] },
    split: n === 3 ? { ...STRATIFIED, method: 'group' } : STRATIFIED,
    ...(n === 3 ? { arrange: groupedByStrandPair } : {}),
  }),
);

const SIGMA_FACTORS = ['24', '28', '32', '38', '54', '70'];

const SETS: readonly RegulatorySet[] = [
  ...methylation,
  ...bindingProteins,
  ...loops,
  {
    id: 'ctcf-pu1',
    title: 'CTCF against PU.1 peaks',
    description: OURS,
    classes: ['pu1', 'ctcf'],
    citation: 'ChIP-seq peaks of CTCF and PU.1 in 100-nt windows; publication not stated.',
    licence: 'MIT',
    folders: ['ctcf_pu1_chip'],
    files: { pu1: ['pu1'], ctcf: ['ctcf'] },
    split: STRATIFIED,
  },
  {
    id: 'uci-splice',
    title: 'UCI primate splice junctions',
    description: OURS,
    classes: ['EI', 'IE', 'N'],
    citation: 'Noordewier, Towell & Shavlik 1991, NIPS 3; UCI Machine Learning Repository.',
    folders: ['uci_splice'],
    files: { all: ['splice'] },
    read: {
      format: 'csv',
      columns: ['label', 'id', 'sequence'],
      sequence: 'sequence',
      label: 'label',
      duplicateIds: 'suffix',
    },
    split: STRATIFIED,
    url: 'https://archive.ics.uci.edu/dataset/69',
  },
  {
    id: 'ecoli-promoter',
    title: 'E. coli promoters',
    description: OURS,
    classes: ['negative', 'positive'],
    citation: 'E. coli sigma-factor promoters of RegulonDB; publication not stated.',
    licence: 'MIT',
    folders: ['ecoli_sigma_promoters'],
    files: { negative: ['negative2860'], positive: ['positive2860'] },
    split: STRATIFIED,
  },
  {
    id: 'ecoli-sigma',
    title: 'E. coli promoters by sigma factor',
    description: OURS,
    classes: SIGMA_FACTORS.map((factor) => `sigma${factor}`),
    citation: 'E. coli sigma-factor promoters of RegulonDB; publication not stated.',
    licence: 'MIT',
    folders: ['ecoli_sigma_promoters'],
    files: Object.fromEntries(SIGMA_FACTORS.map((factor) => [`sigma${factor}`, [`sigma${factor}promoter`]])),
    split: STRATIFIED,
  },
];

const isSplit = (role: string): role is 'train' | 'test' => role === 'train' || role === 'test';

function regulatoryTask({ folders, files, read, arrange, ...set }: RegulatorySet): TaskDefinition {
  const request: DataRequest = {
    id: set.id,
    folders: folders.flatMap((f) => [`regulatory/${f}`, f]),
    files,
    url: set.url,
  };
  const classes = set.classes ?? ['0', '1'];
  return defineTask({
    ...set,
    kind: classes.length === 2 ? 'binary' : 'multiclass',
    metric: 'mcc',
    classes,
    licence: set.licence ?? 'not stated',
    load: async (context: TaskContext) => {
      const located = await locateFiles(request, context);
      const rows: LabelledSequence[] = [];
      for (const [role, paths] of Object.entries(located)) {
        const options: ReadOptions = read ?? { format: 'fasta', labelFrom: { kind: 'file' }, duplicateIds: 'suffix' };
        const part = await readRows(paths, options, {
          prefix: read === undefined || isSplit(role) ? `${role}:` : '',
          ...(isSplit(role) ? { split: role } : {}),
        });
        for (const row of part) {
          const labelled = read === undefined ? { ...row, label: role } : row;
          rows.push(arrange === undefined ? labelled : arrange(labelled));
        }
      }
      return rows;
    },
  });
}

export default SETS.map(regulatoryTask);
