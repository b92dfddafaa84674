/**
 * Real DNA barcodes, one table of collections: DeepCOI (COI of eight phyla, published splits), the
 * real-world DeepCOI samples of PBBC, DIMACS 2007 (four aligned COI libraries), BOLD exports,
 * BIOSCAN-5M and the Canadian Invertebrates (published splits). Each collection has the same tasks
 * on one split: species of the closed world, genus of unseen species, and clusters. The choice of
 * rows is in `sources/barcode-tasks.ts` and in each task's description.
 */
import type { BarcodeReadOptions, BarcodeRecord, TaskContext } from '../src/index.ts';
import { exportsOfFolder, pbbcFiles } from './sources/barcode-folders.ts';
import { type BarcodeCollection, barcodeTasks } from './sources/barcode-tasks.ts';
import { type DataRequest, locateFiles } from './sources/data-folder.ts';

/** The files of a request, in the order of its roles, each with the options of its role. */
const filesOf =
  (request: DataRequest, options: (role: string) => BarcodeReadOptions) => async (context: TaskContext) => {
    const files = await locateFiles(request, context);
    return Object.entries(files).flatMap(([role, paths]) => paths.map((path) => ({ path, options: options(role) })));
  };

const THREE = (clusters: string) =>
  ({
    species: { question: 'species' },
    genus: { question: 'genus' },
    [clusters]: { question: 'clusters' },
  }) as const;

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

function deepCoi(phylum: string): BarcodeCollection {
  const own = `deepcoi_${phylum.toLowerCase()}`;
  const id = `deepcoi.${phylum}`;
  return {
    id,
    title: `DeepCOI ${phylum}`,
    remark:
      'A test row names its species when training has it. Otherwise it names the genus only, and the species counts as unseen. There are no BINs.',
    citation: 'Gwak & Rho 2025, DeepCOI, Genome Biology, doi:10.1186/s13059-025-03861-7.',
    licence: 'MIT',
    version: '2',
    files: filesOf(
      {
        id,
        folders: [`barcodes/${own}`, own, 'barcodes/deepcoi', 'deepcoi'],
        files: { train: [`${phylum}.train`], valid: [`${phylum}.valid`], test: [`${phylum}.test`] },
        otherwise: 'the files are named after the phylum, such as Annelida.train.fasta.gz',
      },
      (split) => ({ names: 'given', split }),
    ),
    split: 'given',
    partOf: ({ split, species }: BarcodeRecord) => (split === 'test' && species === undefined ? 'test_unseen' : split),
    cluster: 'genus',
    tasks: {
      ...THREE('clusters'),
      'genus-any': { question: 'genusAny' },
    },
  };
}

const DIMACS = {
  ACG: 'Lepidoptera of Guanacaste',
  Bird2: 'birds of North America',
  BatGuyana: 'bats of Guyana',
  FishAustralia: 'fishes of Australia',
} as const;

function dimacs(name: keyof typeof DIMACS): BarcodeCollection {
  const id = `dimacs.${name}`;
  const columns = { id: 'Process ID', genus: 'Species', species: 'Sub-Species', sequence: 'Code' };
  return {
    id,
    title: `DIMACS ${DIMACS[name]}`,
    remark: 'Species names as in the library, provisional ones ("Astraptes BYTTNER") included.',
    citation: 'DIMACS BOLD data analysis working group, 2007.',
    licence: 'not stated',
    version: '2',
    files: filesOf({ id, folders: ['barcodes/dimacs2007', 'dimacs2007', 'dimacs'], files: { all: [name] } }, () => ({
      names: 'given',
      columns,
    })),
    split: 'drawn',
    cluster: 'species',
    tasks: THREE('clusters'),
  };
}

const PBBC: BarcodeCollection = {
  id: 'pbbc',
  title: 'DeepCOI real-world samples (PBBC)',
  remark: 'Four BOLD data sets, DS-PBBC1 to 4, mostly insects; only rows with a binomial are labelled.',
  citation: 'Gwak & Rho 2025, DeepCOI, Genome Biology, doi:10.1186/s13059-025-03861-7.',
  licence: 'MIT',
  version: '1',
  files: pbbcFiles,
  split: 'drawn',
  cluster: 'species',
  tasks: THREE('clusters'),
};

const BOLD_FOLDERS = ['barcodes/bold_tsv_with_bin', 'barcodes/bold', 'bold_tsv_with_bin', 'bold'];
const BOLD = {
  Astropectinidae: 'sand stars',
  Chaetognatha: 'arrow worms',
  Daphnia: 'water fleas',
  Pteropodidae: 'fruit bats',
  Sciuridae: 'squirrels',
} as const;
const BOLD_COMMON = {
  remark: 'Rows of the marker COI-5P; names with "sp.", "cf." or digits are not species.',
  citation:
    'Ratnasingham & Hebert 2007, BOLD, Mol. Ecol. Notes 7:355; BINs: Ratnasingham & Hebert 2013, PLoS ONE 8:e66213.',
  licence: 'as stated by each record on BOLD; not stated in the exports',
  version: '1',
  split: 'drawn',
  cluster: 'bin',
} as const;

function bold(name: keyof typeof BOLD): BarcodeCollection {
  const id = `bold.${name}`;
  const files = { all: [name, `${name}_BOLD`, `${name}_BOLD.filtered`] };
  const { genus, ...withoutGenus } = THREE('bins');
  return {
    ...BOLD_COMMON,
    id,
    title: `BOLD ${name} (${BOLD[name]})`,
    files: filesOf({ id, folders: BOLD_FOLDERS, files }, () => ({ required: ['marker', 'bin', 'species'] })),
    tasks: name === 'Daphnia' ? withoutGenus : { ...withoutGenus, genus }, // Daphnia is one genus
  };
}

const BOLD_ALL: BarcodeCollection = {
  ...BOLD_COMMON,
  id: 'bold.all',
  title: 'BOLD, all exports of a folder',
  files: async (context) => {
    const paths = await exportsOfFolder('bold.all', BOLD_FOLDERS, context);
    return paths.map((path) => ({ path, options: { required: ['marker', 'bin', 'species'] as const } }));
  },
  tasks: THREE('bins'),
};

/**
 * Metadata tables with a split column. The unseen species of BIOSCAN-5M have placeholder names, so
 * names are used as given.
 */
const GIVEN: BarcodeReadOptions = { names: 'given', required: ['id', 'split', 'species', 'genus', 'bin'] };
const below = (...names: readonly string[]) => names.flatMap((name) => [`barcodes/${name}`, name]);

const BIOSCAN_5M: BarcodeCollection = {
  id: 'bioscan-5m',
  title: 'BIOSCAN-5M',
  remark:
    'From the metadata file; the rows for pre-training (pretrain, other_heldout) and key_unseen, val_unseen take part in the de-duplication ' +
    'but are not rows of the task. After it the published files hold 117,991 train, 6,585 validation, 18,348 test and 3,396 unseen rows.',
  citation: 'Gharaee et al. 2024, BIOSCAN-5M, NeurIPS Datasets and Benchmarks, arXiv:2406.12723.',
  licence: 'CC BY 3.0',
  url: 'https://zenodo.org/records/11973457',
  version: '1',
  files: filesOf(
    {
      id: 'bioscan-5m',
      folders: below('bioscan5m/metadata/csv', 'bioscan-5m', 'bioscan5m', 'BIOSCAN-5M'),
      files: { all: ['BIOSCAN_5M_Insect_Dataset_metadata', 'BIOSCAN-5M_Dataset_metadata'] },
      url: 'https://zenodo.org/records/11973457',
    },
    () => GIVEN,
  ),
  split: 'given',
  cluster: 'bin',
  tasks: THREE('bins'),
};

const CANADIAN: BarcodeCollection = {
  id: 'canadian-invertebrates',
  title: 'Canadian Invertebrates',
  remark:
    'From the metadata file; the rows for pre-training take part in the de-duplication but are not rows of the task.',
  citation: 'deWaard et al. 2019, Sci. Data 6:308; splits: Millan Arias et al. 2023, BarcodeBERT, arXiv:2311.02401.',
  licence: 'CC BY 3.0',
  url: 'https://huggingface.co/datasets/bioscan-ml/CanadianInvertebrates-ML',
  version: '1',
  files: filesOf(
    {
      id: 'canadian-invertebrates',
      folders: below('canadian-invertebrates', 'canadian_invertebrates', 'CanadianInvertebrates-ML'),
      files: { all: ['CanInv_metadata'] },
      hub: { repository: 'datasets/bioscan-ml/CanadianInvertebrates-ML', files: /(^|\/)CanInv_metadata\.csv$/ },
    },
    () => GIVEN,
  ),
  split: 'given',
  cluster: 'bin',
  tasks: THREE('bins'),
};

export const BARCODE_COLLECTIONS: readonly BarcodeCollection[] = [
  ...PHYLA.map(deepCoi),
  ...(Object.keys(DIMACS) as (keyof typeof DIMACS)[]).map(dimacs),
  PBBC,
  ...(Object.keys(BOLD) as (keyof typeof BOLD)[]).map(bold),
  BOLD_ALL,
  BIOSCAN_5M,
  CANADIAN,
];

export default BARCODE_COLLECTIONS.flatMap(barcodeTasks);
