/**
 * The questions asked of a split barcode collection, as rows of a task: the species of barcodes whose species training has (closed world);
 * the genus of species that training never saw (open world); which barcodes belong together (clustering). Protocols of BarcodeBERT
 * (arXiv 2311.02401) and BarcodeMAE (arXiv 2502.18405). A row that a question cannot use is left out and counted by reason;
 * `group` is the species, where there is one.
 */

import { basename } from 'node:path';
import type { LabelledSequence, SplitName } from '../sequences/labelled-sequence.ts';
import { type BarcodeRecord, type BarcodeReport, countUp } from './records.ts';
import { BARCODE_PARTS, type BarcodeCounts, type BarcodePart, type SplitBarcodes } from './splits.ts';

export interface BarcodeRows {
  readonly rows: readonly LabelledSequence[];
  /** Records of the parts asked about that the question left out, by part and reason. */
  readonly removed: Readonly<Record<string, number>>;
}

export type BarcodeQuestion = keyof typeof QUESTIONS;
/** What a cluster is: the BIN, or a name. */
export type ClusterLabel = 'bin' | 'species' | 'genus';

/**
 * - `species`: train, valid and test of seen species; a species that training lacks is left out.
 * - `genus`: train and valid of seen species, labelled by genus; test the unseen species; a genus that training lacks is left out.
 * - `genusAny`: the same, test the seen and the unseen species together.
 * - `clusters`: test the seen and the unseen species together, labelled by `cluster`; the rows to pre-train on are added to train.
 */
export function askBarcodes(
  splits: SplitBarcodes,
  question: BarcodeQuestion,
  cluster: ClusterLabel = 'bin',
): BarcodeRows {
  const removed: Record<string, number> = {};
  const rows = QUESTIONS[question](
    splits,
    (part, reason) => countUp(removed, `${PART_NAMES[part]}: ${reason}`),
    cluster,
  );
  return { rows, removed };
}

type Remove = (part: BarcodePart, reason: string) => void;
type Ask = (splits: SplitBarcodes, remove: Remove, cluster: ClusterLabel) => LabelledSequence[];

const PART_NAMES: Readonly<Record<BarcodePart, string>> = {
  pretrain: 'pre-training',
  train: 'train',
  valid: 'valid',
  testSeen: 'test of seen species',
  testUnseen: 'test of unseen species',
};
const SPLIT_OF: Readonly<Record<BarcodePart, SplitName>> = {
  pretrain: 'train',
  train: 'train',
  valid: 'valid',
  testSeen: 'test',
  testUnseen: 'test',
};

const QUESTIONS = {
  species: (splits, remove) => classified(splits, 'species', ['testSeen'], remove),
  genus: (splits, remove) => classified(splits, 'genus', ['testUnseen'], remove),
  genusAny: (splits, remove) => classified(splits, 'genus', ['testSeen', 'testUnseen'], remove),
  clusters: clustered,
} as const satisfies Record<string, Ask>;

/** Rows labelled by a rank whose label training has. */
function classified(
  splits: SplitBarcodes,
  rank: 'species' | 'genus',
  asked: readonly BarcodePart[],
  remove: Remove,
): LabelledSequence[] {
  const seen = new Set(splits.train.map((record) => record.species));
  const known = new Set(splits.train.map((record) => record[rank]));
  return (['train', 'valid', ...asked] as const).flatMap((part) =>
    splits[part].flatMap((record) => {
      const label = record[rank];
      const reason =
        label === undefined
          ? `no ${rank}`
          : part === 'testUnseen' && record.species !== undefined && seen.has(record.species)
            ? 'species in train after all'
            : known.has(label)
              ? undefined
              : `${rank} not in train`;
      if (reason === undefined && label !== undefined) return [row(record, part, label)];
      remove(part, reason ?? '');
      return [];
    }),
  );
}

function clustered(splits: SplitBarcodes, remove: Remove, cluster: ClusterLabel): LabelledSequence[] {
  return BARCODE_PARTS.flatMap((part) =>
    splits[part].flatMap((record) => {
      const label = record[cluster];
      const isAsked = SPLIT_OF[part] === 'test';
      if (isAsked && label === undefined) remove(part, `no ${CLUSTER_NAMES[cluster]}`);
      if (isAsked) return label === undefined ? [] : [row(record, part, label)];
      return [row(record, part, (part === 'valid' ? label : undefined) ?? record.species ?? '')];
    }),
  );
}

const CLUSTER_NAMES: Readonly<Record<ClusterLabel, string>> = { bin: 'BIN', species: 'species', genus: 'genus' };

function row(record: BarcodeRecord, part: BarcodePart, label: string): LabelledSequence {
  const { id, sequence, species, source } = record;
  return { id, sequence, label, split: SPLIT_OF[part], ...(species === undefined ? {} : { group: species }), source };
}

/** What was left out on the way from files to rows, in sentences; counts that are zero are not mentioned. */
export function describeBarcodes(report: BarcodeReport, counts: BarcodeCounts, asked: BarcodeRows): string[] {
  const { duplicates, conflicts } = counts;
  return [
    `${report.rows} rows read, ${report.records} with a usable barcode${listedCounts(report.removed)}.`,
    ...report.unreadable
      .slice(0, 5)
      .map(({ file, line, reason }) => `Unreadable row, ${basename(file ?? '')}:${line}: ${reason}.`),
    ...sentence('Rows of other markers', report.otherMarkers),
    ...sentence('Records without a species name', report.unnamed),
    `${duplicates} records with a barcode met before left out, ${conflicts} of them with other names or another BIN.`,
    ...sentence('Not used', counts.unused),
    ...sentence('Left out of this question', asked.removed),
  ];
}

function sentence(what: string, counts: Readonly<Record<string, number>>): string[] {
  return Object.keys(counts).length === 0 ? [] : [`${what}${listedCounts(counts).replace(';', ':')}.`];
}

function listedCounts(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return entries.length === 0 ? '' : `; ${entries.map(([reason, count]) => `${count} ${reason}`).join(', ')}`;
}
