/**
 * Hygiene of barcode collections, after the authors' `data_split.py` (github bioscan-ml/BarcodeMAE): each barcode counts once in the
 * whole collection, the first in the order of reading staying, whatever its split. Theirs prints barcodes whose species disagree and keeps them;
 * here they are counted and kept. Splits are the collection's own ({@link givenSplits}) or drawn ({@link drawSplits}).
 * What a question then leaves out (genera that training lacks, rows without a BIN) is in `questions.ts`.
 */
import { createRandom } from '../core/random.ts';
import { IdSet } from '../sequences/id-set.ts';
import { didYouMean, SequenceError } from '../sequences/sequence-error.ts';
import { type BarcodeRecord, countUp } from './records.ts';

export const BARCODE_PARTS = ['pretrain', 'train', 'valid', 'testSeen', 'testUnseen'] as const;
export type BarcodePart = (typeof BARCODE_PARTS)[number];

export interface SplitBarcodes extends Readonly<Record<BarcodePart, readonly BarcodeRecord[]>> {
  readonly counts: BarcodeCounts;
}

export interface BarcodeCounts {
  /** Records before de-duplication. */
  records: number;
  /** Records whose barcode was met before. */
  duplicates: number;
  /** Of the duplicates: those whose species, genus or BIN differs from that of the record kept. */
  conflicts: number;
  /** Distinct records of no part, by reason. */
  readonly unused: Record<string, number>;
}

/** What the usual words of a split column mean. */
const PARTS: Readonly<Record<string, BarcodePart | 'unused'>> = {
  pretrain: 'pretrain',
  other_heldout: 'pretrain', // the authors pre-train on both
  train: 'train',
  val: 'valid',
  valid: 'valid',
  validation: 'valid',
  test: 'testSeen',
  test_seen: 'testSeen',
  test_unseen: 'testUnseen',
  key_unseen: 'unused', // keys of a retrieval task
  val_unseen: 'unused',
};

/**
 * Tells barcodes met from new ones, in about 50 bytes each (hashes of 64 bits; see `IdSet`).
 * Names disagree when both records have the rank and differ in it.
 */
export class BarcodeSet {
  readonly counts: BarcodeCounts = { records: 0, duplicates: 0, conflicts: 0, unused: {} };
  private readonly barcodes = new IdSet();
  private readonly numbers = new Map<string, number>();
  private readonly labels: (readonly [species?: string, genus?: string, bin?: string])[] = [];

  /** True for a barcode that is new. */
  add(record: BarcodeRecord): boolean {
    const { species, genus, bin } = record;
    const key = `${species ?? ''}\t${genus ?? ''}\t${bin ?? ''}`;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.labels.push([species, genus, bin]);
      this.numbers.set(key, number);
    }
    this.counts.records++;
    const kept = this.barcodes.add(record.sequence, number);
    if (kept === undefined) return true;
    this.counts.duplicates++;
    const before = this.labels[kept - 1];
    const now = this.labels[number - 1];
    if (now.some((name, i) => name !== undefined && before[i] !== undefined && name !== before[i])) {
      this.counts.conflicts++;
    }
    return false;
  }
}

export interface GivenSplitOptions {
  /** Keep the records to pre-train on, which may be millions; otherwise they are counted under `unused`. Default false. */
  readonly pretrain?: boolean;
}

/**
 * The collection's own splits: pretrain and other_heldout, train, val, test, test_unseen; key_unseen and val_unseen are counted
 * under `unused`. All of them take part in the de-duplication.
 * @throws SequenceError for a record without a split, or with one that is not known.
 */
export async function givenSplits(
  records: AsyncIterable<BarcodeRecord> | Iterable<BarcodeRecord>,
  { pretrain = false }: GivenSplitOptions = {},
): Promise<SplitBarcodes> {
  const distinct = new BarcodeSet();
  const parts = emptyParts();
  for await (const record of records) {
    const part = partOf(record);
    if (!distinct.add(record)) continue;
    if (part === 'unused' || (part === 'pretrain' && !pretrain)) {
      countUp(distinct.counts.unused, `split ${record.split}`);
    } else parts[part].push(record);
  }
  return { ...parts, counts: distinct.counts };
}

/**
 * Distinct records of one part of a collection with given splits, streamed: millions of barcodes to pre-train on, in the memory that
 * their hashes take. All records take part in the de-duplication.
 * @throws SequenceError as {@link givenSplits}.
 */
export async function* barcodesOfPart(
  records: AsyncIterable<BarcodeRecord> | Iterable<BarcodeRecord>,
  part: BarcodePart,
  distinct = new BarcodeSet(),
): AsyncGenerator<BarcodeRecord> {
  for await (const record of records) {
    const own = partOf(record);
    if (distinct.add(record) && own === part) yield record;
  }
}

function partOf({ split, source }: BarcodeRecord): BarcodePart | 'unused' {
  const word = split?.toLowerCase();
  if (word !== undefined && Object.hasOwn(PARTS, word)) return PARTS[word];
  const known = Object.keys(PARTS);
  throw new SequenceError(
    split === undefined
      ? `the split is missing; looked for one of ${known.join(', ')}`
      : `split "${split}" is none of ${known.join(', ')}${didYouMean(split, known)}`,
    source,
  );
}

export interface DrawnSplitOptions {
  readonly seed: number;
  /** A species with fewer different barcodes is held out as unseen. Default 5. */
  readonly minBarcodes?: number;
  /** Share of the other species of each genus held out as unseen, rounded; one at least is seen. Default 0.25. */
  readonly unseenShare?: number;
  /** Shares of the barcodes of each seen species, at least one each. Defaults 0.1, 0.2. */
  readonly valid?: number;
  readonly test?: number;
}

/**
 * Splits for a collection that has none. Unseen: species with few barcodes, and a share of the others of each genus; but a genus of
 * several species keeps at least one as seen, be it with few barcodes, which are then all for training. The barcodes of any
 * other seen species are divided into train, valid and test. Records without species, or without genus, are to pre-train on; specimens
 * of unseen species may be among them. Of identical barcodes the best named is kept (species, else genus; then BIN), the first of equals.
 * Draws are made per genus and species, by names and barcodes, so that neither the order of the rows nor other genera change them.
 * @throws SequenceError for shares that leave nothing to train on.
 */
export function drawSplits(records: Iterable<BarcodeRecord>, options: DrawnSplitOptions): SplitBarcodes {
  const { seed, minBarcodes = 5, unseenShare = 0.25, valid = 0.1, test = 0.2 } = options;
  if (!(valid > 0 && test > 0 && valid + test < 1 && unseenShare >= 0 && unseenShare < 1 && minBarcodes >= 3)) {
    throw new SequenceError(
      `barcode splits: valid ${valid}, test ${test}, unseenShare ${unseenShare}, minBarcodes ${minBarcodes}; ` +
        'give shares above 0 that leave some for train, an unseen share below 1 and at least 3 barcodes',
    );
  }
  const distinct = new BarcodeSet();
  const parts = emptyParts();
  const byGenus = new Map<string, Map<string, BarcodeRecord[]>>();
  const bestFirst = [...records].sort((a, b) => completeness(b) - completeness(a)); // stable
  for (const record of bestFirst) {
    if (!distinct.add(record)) continue;
    const { genus, species } = record;
    if (genus === undefined || species === undefined) parts.pretrain.push(record);
    else {
      const bySpecies = entryOf(byGenus, genus, () => new Map<string, BarcodeRecord[]>());
      entryOf(bySpecies, species, () => []).push(record);
    }
  }
  for (const [genus, bySpecies] of [...byGenus].sort(byName)) {
    const roles = rolesInGenus(genus, bySpecies, { seed, minBarcodes, unseenShare });
    for (const [species, members] of [...bySpecies].sort(byName)) {
      const role = roles.get(species) ?? 'unseen';
      if (role === 'divided') divide(species, members, { seed, valid, test }, parts);
      else pushAll(role === 'train' ? parts.train : parts.testUnseen, members);
    }
  }
  return { ...parts, counts: distinct.counts };
}

/**
 * Which species of a genus are seen: those with enough barcodes but for the share held out. A genus of several species of which none
 * has enough keeps the one with the most, whole for training, so that its other species can be asked for.
 */
function rolesInGenus(
  genus: string,
  bySpecies: ReadonlyMap<string, readonly BarcodeRecord[]>,
  { seed, minBarcodes, unseenShare }: { seed: number; minBarcodes: number; unseenShare: number },
): Map<string, 'divided' | 'train'> {
  const species = [...bySpecies].sort(byName);
  const common = species.flatMap(([name, members]) => (members.length >= minBarcodes ? [name] : []));
  if (common.length === 0 && species.length > 1) {
    const [most] = species.reduce((best, next) => (next[1].length > best[1].length ? next : best));
    return new Map([[most, 'train']]);
  }
  const held = Math.min(common.length - 1, Math.round(unseenShare * common.length));
  const drawn = createRandom(`unseen species of ${genus} ${seed}`).shuffle(common);
  return new Map(drawn.slice(Math.max(0, held)).map((name) => [name, 'divided']));
}

type Parts = Record<BarcodePart, BarcodeRecord[]>;
const emptyParts = (): Parts => ({ pretrain: [], train: [], valid: [], testSeen: [], testUnseen: [] });

/** The barcodes of a seen species to train, valid and test. */
function divide(
  species: string,
  members: readonly BarcodeRecord[],
  { seed, valid, test }: { seed: number; valid: number; test: number },
  parts: Parts,
): void {
  const bySequence = [...members].sort((a, b) => (a.sequence < b.sequence ? -1 : 1)); // distinct
  const drawn = createRandom(`barcodes of ${species} ${seed}`).shuffle(bySequence);
  const tested = Math.max(1, Math.round(test * drawn.length));
  const validated = Math.min(drawn.length - 1, tested + Math.max(1, Math.round(valid * drawn.length)));
  pushAll(parts.testSeen, drawn.slice(0, tested));
  pushAll(parts.valid, drawn.slice(tested, validated));
  pushAll(parts.train, drawn.slice(validated));
}

/** Unlike push(...items), for any number of items. */
function pushAll<T>(list: T[], items: readonly T[]): void {
  for (const item of items) list.push(item);
}

/** The value of a key, made when it is first asked for. */
function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const completeness = ({ species, genus, bin }: BarcodeRecord): number =>
  (species !== undefined && genus !== undefined ? 4 : genus !== undefined ? 2 : 0) + (bin !== undefined ? 1 : 0);

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;
