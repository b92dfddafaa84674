/** What a reader yields and a split arranges: labelled sequences, before any encoding. */

/** As written in the data: a class name, a number, several labels (multilabel) or several numbers (multi-target regression). */
export type Label = string | number | readonly string[] | readonly number[];

export type SplitName = 'train' | 'valid' | 'test';
export const SPLIT_NAMES: readonly SplitName[] = ['train', 'valid', 'test'];

export interface LabelledSequence {
  /** Unique within its data set. Readers make one (`file:row`) where the data has none. */
  readonly id: string;
  readonly sequence: string;
  readonly label: Label;
  /** Chromosome, species, cluster: rows of one group never land in two splits when splitting by group. */
  readonly group?: string;
  /** Set when the data fixes its own split. */
  readonly split?: SplitName;
  /** Where the row was read, for error messages: file and 1-based line (or row for columnar formats). */
  readonly source?: { readonly file: string; readonly line: number };
}

/** How rows without a split of their own are divided. Seeded by the task, so that every contender sees the same split. */
export interface SplitPolicy {
  readonly method: 'stratified' | 'random' | 'group' | 'cluster';
  /** Shares of all rows; the rest is train. Default valid 0.1, test 0.2. */
  readonly valid?: number;
  readonly test?: number;
  readonly seed?: number;
  /** Method group: the groups whose rows are test and validation rows. What is not named is drawn among the other groups. */
  readonly testGroups?: readonly string[];
  readonly validGroups?: readonly string[];
}

export interface AlphabetPolicy {
  readonly alphabet: 'dna' | 'rna';
  /** IUPAC codes other than N: keep as they are (encoders see them as unknown), turn into N, or refuse. Default keep. */
  readonly ambiguous?: 'keep' | 'n' | 'error';
  /** Lower case (soft-masking): upper-case it, or refuse. Default upper. */
  readonly lowerCase?: 'upper' | 'error';
  /** Gap characters "-" and ".": remove, turn into N, or refuse. Default error. */
  readonly gaps?: 'remove' | 'n' | 'error';
  /** Letters outside IUPAC: refuse, or turn into N and count. Default error. */
  readonly unknown?: 'error' | 'n';
}
