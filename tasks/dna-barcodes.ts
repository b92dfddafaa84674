/**
 * Real DNA barcodes. DeepCOI: COI of eight phyla as FASTA train, valid and test whose headers end in "|species"; DIMACS 2007: four
 * aligned COI libraries as CSV. Two tasks each: species seen in training (closed world), and the genus of species that
 * training never saw (open world). What is left out, and why, is said in each task's description and follows one rule:
 * a test row stays when its answer is known and can be learned, and its barcode is not among the training rows.
 */
import {
  defineTask,
  type LabelledSequence,
  SequenceError,
  type TaskContext,
  type TaskDefinition,
} from '../src/index.ts';
import { type DataRequest, locateFiles, readRows } from './sources/data-folder.ts';
import { groupBy } from './sources/grouping.ts';

const PHYLA = [
  'Annelida',
  'Arthropoda',
  'Chordata',
  'Cnidaria',
  'Echinodermata',
  'Mollusca',
  'Nematoda',
  'Platyhelminthes',
];
/** In DeepCOI the species of a test row is written out when training has it; else the genus stands alone. */
const isGenusOnly = (label: string): boolean => !/\s/.test(label);
const genusOf = (species: string): string => species.split(/\s+/)[0];

const DEEPCOI_NOTES = {
  species:
    'Test rows whose species training lacks (given as genus only) are left out; so are test rows whose barcode is also in ' +
    'train or valid. In the Annelida release 906 of 7,020 test rows stay.',
  genus:
    'Only test rows of species absent from train (given as genus only); left out are those whose genus training lacks and those ' +
    'whose barcode is also in train or valid (0 and 143 in the Annelida release; 5,971 of 7,020 stay).',
};

function deepCoiTask(phylum: string, rank: 'species' | 'genus'): TaskDefinition {
  const id = `deepcoi.${phylum}.${rank}`;
  const stems = (split: string) => [`${phylum}.${split}`];
  const request: DataRequest = {
    id,
    folders: [
      `barcodes/deepcoi_${phylum.toLowerCase()}`,
      `deepcoi_${phylum.toLowerCase()}`,
      'barcodes/deepcoi',
      'deepcoi',
    ],
    files: { train: stems('train'), valid: stems('valid'), test: stems('test') },
    otherwise: 'the files are named after the phylum, such as Annelida.train.fasta.gz',
  };
  return defineTask({
    id,
    title: `DeepCOI ${phylum}: ${rank === 'species' ? 'species (closed world)' : 'genus of unseen species (open world)'}`,
    description: `Train and valid rows as published. ${DEEPCOI_NOTES[rank]}`,
    kind: 'multiclass',
    metric: rank === 'species' ? 'macroF1' : 'accuracy',
    citation: 'Gwak & Rho 2025, DeepCOI, Genome Biology, doi:10.1186/s13059-025-03861-7.',
    licence: 'MIT',
    alphabet: { alphabet: 'dna', ambiguous: 'keep', gaps: 'remove' },
    load: async (context: TaskContext) => {
      const files = await locateFiles(request, context);
      const options = { labelFrom: { kind: 'header', pattern: /\|\s*(.+?)\s*$/ } } as const;
      const read = (split: 'train' | 'valid' | 'test') => readRows(files[split], options, { split });
      const fitted = [...(await read('train')), ...(await read('valid'))];
      return [...fitted, ...unlearnedRows(fitted, await read('test'), rank)].map((row) => ({
        ...row,
        label: rank === 'species' ? row.label : genusOf(String(row.label)),
        group: String(row.label),
      }));
    },
  });
}

/** Test rows of the rank's question (see the description) whose answer is in train and whose barcode is not among `fitted`. */
function unlearnedRows(
  fitted: readonly LabelledSequence[],
  test: readonly LabelledSequence[],
  rank: 'species' | 'genus',
): LabelledSequence[] {
  const barcodes = new Set(fitted.map((row) => row.sequence));
  const train = fitted.filter((row) => row.split === 'train').map((row) => String(row.label));
  const answers = new Set(rank === 'species' ? train : train.map(genusOf));
  const known = new Set(train);
  return test.filter((row) => {
    const label = String(row.label);
    const isAsked = rank === 'species' ? known.has(label) : isGenusOnly(label) && !known.has(label);
    return isAsked && answers.has(rank === 'species' ? label : genusOf(label)) && !barcodes.has(row.sequence);
  });
}

const DIMACS = {
  ACG: 'Lepidoptera of Guanacaste',
  Bird2: 'birds of North America',
  BatGuyana: 'bats of Guyana',
  FishAustralia: 'fishes of Australia',
} as const;

function dimacsTask(name: keyof typeof DIMACS, rank: 'species' | 'genus'): TaskDefinition {
  const id = `dimacs.${name}.${rank}`;
  const request: DataRequest = {
    id,
    folders: ['barcodes/dimacs2007', 'dimacs2007', 'dimacs'],
    files: { all: [name] },
  };
  return defineTask({
    id,
    title: `DIMACS ${DIMACS[name]}: ${rank === 'species' ? 'species (closed world)' : 'genus of unseen species (open world)'}`,
    description:
      rank === 'species'
        ? 'Identical barcodes of a species count once; species with fewer than five different barcodes are left out; stratified split.'
        : 'Identical barcodes of a species count once; genera with fewer than three species are left out; of each genus one species is ' +
          'held out for test, and with four species or more another for validation.',
    kind: 'multiclass',
    metric: rank === 'species' ? 'macroF1' : 'accuracy',
    citation: 'DIMACS BOLD data analysis working group, 2007.',
    licence: 'not stated',
    split: { method: rank === 'species' ? 'stratified' : 'group', valid: 0.2, test: 0.2, seed: 0 },
    alphabet: { alphabet: 'dna', ambiguous: 'keep', gaps: 'remove', unknown: 'n' },
    load: async (context: TaskContext) => {
      const { all } = await locateFiles(request, context);
      const rows = await readRows(all, { sequence: 'Code', id: 'Process ID', label: 'Sub-Species' });
      const letters = (row: LabelledSequence) => row.sequence.replaceAll('-', '').toUpperCase();
      const distinct = [...new Map(rows.map((row) => [`${row.label} ${letters(row)}`, row])).values()];
      return rank === 'species' ? commonSpecies(distinct, all[0]) : heldOutSpecies(distinct, all[0]);
    },
  });
}

/** Rows of species with at least five; labels are species. */
function commonSpecies(rows: readonly LabelledSequence[], file: string): LabelledSequence[] {
  const bySpecies = groupBy(rows, (row) => row.label);
  return notEmpty(
    rows.filter((row) => (bySpecies.get(row.label)?.length ?? 0) >= 5),
    file,
  );
}

/** Rows of genera with at least three species, species held out in the order of their names; labels are genera. */
function heldOutSpecies(rows: readonly LabelledSequence[], file: string): LabelledSequence[] {
  const byGenus = groupBy(rows, (row) => genusOf(String(row.label)));
  const kept = [...byGenus].flatMap(([genus, members]) => {
    const species = [...new Set(members.map((row) => String(row.label)))].sort();
    if (species.length < 3) return [];
    const splitOf = (label: string) =>
      label === species[0]
        ? ('test' as const)
        : label === species[1] && species.length > 3
          ? ('valid' as const)
          : ('train' as const);
    return members.map((row) => {
      const label = String(row.label);
      return { ...row, label: genus, group: label, split: splitOf(label) };
    });
  });
  return notEmpty(kept, file);
}

function notEmpty(rows: LabelledSequence[], file: string): LabelledSequence[] {
  if (rows.length > 0) return rows;
  throw new SequenceError('no species has enough barcodes for this task (see its description)', { file });
}

const RANKS = ['species', 'genus'] as const;

export default [
  ...PHYLA.flatMap((phylum) => RANKS.map((rank) => deepCoiTask(phylum, rank))),
  ...(Object.keys(DIMACS) as (keyof typeof DIMACS)[]).flatMap((name) => RANKS.map((rank) => dimacsTask(name, rank))),
];
