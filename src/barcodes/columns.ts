/**
 * What DNA-barcode tables call their columns, how they write a missing value, and which species names are names. One table of synonyms
 * covers BIOSCAN-5M and the Canadian Invertebrates (`dna_barcode`, `dna_bin`, `species`; after the authors' own splitting script
 * `nucleotides`, `bin_uri`, `species_name`), BIOSCAN-1M (`nucraw`), and BOLD exports of both generations (`nucleotides`, `species_name`,
 * `markercode`, and `nuc`, `species`, `marker_code`). Not done: synonymy and spelling of names.
 */
import { columnIndex, listed } from '../sequences/formats/columns.ts';
import { SequenceError } from '../sequences/sequence-error.ts';

/** Columns by field, the preferred one first; compared without case. */
export const BARCODE_COLUMNS = {
  id: ['processid', 'process_id', 'process id', 'id', 'sampleid'],
  sequence: ['dna_barcode', 'nucleotides', 'nucraw', 'nuc', 'barcode', 'sequence'],
  marker: ['markercode', 'marker_code', 'marker'],
  bin: ['dna_bin', 'bin_uri', 'bin'],
  phylum: ['phylum', 'phylum_name'],
  class: ['class', 'class_name'],
  order: ['order', 'order_name'],
  family: ['family', 'family_name'],
  subfamily: ['subfamily', 'subfamily_name'],
  genus: ['genus', 'genus_name'],
  species: ['species', 'species_name'],
  identificationRank: ['identification_rank'],
  split: ['split'],
} as const satisfies Record<string, readonly string[]>;

export type BarcodeField = keyof typeof BARCODE_COLUMNS;
export const BARCODE_FIELDS = Object.keys(BARCODE_COLUMNS) as BarcodeField[];
export const TAXONOMIC_RANKS = ['phylum', 'class', 'order', 'family', 'subfamily', 'genus', 'species'] as const;
export type TaxonomicRank = (typeof TAXONOMIC_RANKS)[number];

/**
 * Index of each field's column, where there is one.
 * @param named columns by field, for tables with names of their own; they must be there.
 * @param required fields the caller cannot do without.
 * @throws SequenceError naming file, line 1, the field and every name looked for.
 */
export function findBarcodeColumns(
  columns: readonly string[],
  file: string,
  named: Partial<Record<BarcodeField, string>>,
  required: readonly BarcodeField[],
): Partial<Record<BarcodeField, number>> {
  const lower = columns.map((column) => column.toLowerCase());
  const found: Partial<Record<BarcodeField, number>> = {};
  for (const field of BARCODE_FIELDS) {
    const own = named[field];
    const usual = BARCODE_COLUMNS[field].find((name) => lower.includes(name));
    if (own !== undefined) found[field] = columnIndex(columns, own, field, file);
    else if (usual !== undefined) found[field] = lower.indexOf(usual);
    else if (required.includes(field)) {
      throw new SequenceError(
        `no column for the ${field}; looked for ${listed(BARCODE_COLUMNS[field])}. The columns are ${listed(columns)}`,
        { file, line: 1 },
      );
    }
  }
  return found;
}

const MISSING = new Set(['', 'none', 'nan', 'na', 'n/a', '<na>', 'null', 'no_data', 'not_classified', '-']);

/** The text of a cell, or undefined where it says that there is none ("None", "NA", "nan", "no_data", "not_classified", ...). */
export function presentText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const text = String(value).trim();
  return text.length <= 14 && MISSING.has(text.toLowerCase()) ? undefined : text;
}

/** Why a text in the species column is no species name; the first that fits. */
const NOT_A_SPECIES: readonly (readonly [reason: string, fits: (name: string) => boolean])[] = [
  [
    'open nomenclature (sp., cf., aff., nr.)',
    (name) => /(?:^|\s)(?:sp|spp|ssp|cf|aff|nr|near|gr|agg|group|complex|indet|undet)(?:\.|\s|$)/i.test(name),
  ],
  ['digits in the name', (name) => /\d/.test(name)],
  ['hybrid', (name) => /\s[x×]\s/i.test(name)],
  ['no binomial', (name) => !/^\p{Lu}[\p{Ll}-]+(?: \(\p{Lu}[\p{Ll}-]+\))?(?: \p{Ll}[\p{Ll}-]+)+$/u.test(name)],
];

/** Undefined for a binomial such as "Daphnia pulex" (subgenus and subspecies allowed); otherwise the reason why it is none. */
export function whyNoSpecies(name: string): string | undefined {
  return NOT_A_SPECIES.find(([, fits]) => fits(name))?.[0];
}

/** Whether a text is one capitalised word without digits, as the name of a genus is. */
export function isGenusName(name: string): boolean {
  return /^\p{Lu}[\p{Ll}-]+$/u.test(name);
}
