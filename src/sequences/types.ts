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
