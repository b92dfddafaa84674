/**
 * From a barcode collection to its tasks: one split of the collection (published, or drawn), and
 * the closed-world, open-world and clustering tasks on that split. The cleaning rules are in the
 * tasks' descriptions. Rows that are left out are counted and noted with each task.
 */
import {
  askBarcodes,
  type BarcodeQuestion,
  type BarcodeReadOptions,
  type BarcodeRecord,
  type BarcodeReport,
  type ClusterLabel,
  createBarcodeReport,
  defineTask,
  describeBarcodes,
  drawSplits,
  givenSplits,
  readBarcodes,
  type SplitBarcodes,
  type TaskContext,
  type TaskDefinition,
  UsageError,
} from '../../src/index.ts';

export interface BarcodeFile {
  readonly path: string;
  readonly options: BarcodeReadOptions;
  /** Named in the rows' source instead of a file unpacked from it. */
  readonly archive?: string;
}

export interface BarcodeCollection {
  /** Prefix of the ids of its tasks. */
  readonly id: string;
  readonly title: string;
  readonly citation: string;
  readonly licence: string;
  readonly url?: string;
  readonly version: string;
  /** Files in the order of de-duplication: of identical barcodes the first is kept. */
  readonly files: (context: TaskContext) => Promise<readonly BarcodeFile[]>;
  /**
   * The collection's own splits (`partOf` decides when the name of the part is not enough), or
   * drawn ones.
   */
  readonly split: 'given' | 'drawn';
  readonly partOf?: (record: BarcodeRecord) => string | undefined;
  /** What a cluster is. */
  readonly cluster: ClusterLabel;
  /** Tasks by the ending of their id. */
  readonly tasks: Readonly<Record<string, { readonly question: BarcodeQuestion }>>;
  /** Part of the description of all its tasks, before the rule. */
  readonly remark?: string;
}

/** The seed of every drawn split. */
export const SPLIT_SEED = 0;

const RULES: Readonly<Record<BarcodeCollection['split'], string>> = {
  given:
    'Splits as published; of identical barcodes (trailing N removed) the first in the order of the files is kept, whatever its split.',
  drawn:
    'Of identical barcodes (gaps and trailing N removed) the one with the most complete name is kept. Unseen species: those with fewer than five ' +
    'barcodes, and a quarter of the others of each genus; a genus of several species without one of five keeps the species with the ' +
    'most barcodes for training. Of the other seen species a fifth is test and a tenth validation, at least one barcode each. ' +
    'Barcodes without species or genus are used for pre-training only.',
};

const CLUSTERS: Readonly<Record<ClusterLabel, string>> = { bin: 'BINs', species: 'species', genus: 'genera' };

const QUESTIONS = {
  species: {
    title: () => 'species (closed world)',
    rule: 'Test: seen species; rows of species that are not in training are left out.',
    metric: 'macroF1',
  },
  genus: {
    title: () => 'genus of unseen species (open world)',
    rule: 'Test: species that are not in training; rows whose genus is not in training are left out.',
    metric: 'accuracy',
  },
  genusAny: {
    title: () => 'genus, seen and unseen species',
    rule: 'Test: seen and unseen species together; rows whose genus is not in training are left out.',
    metric: 'accuracy',
  },
  clusters: {
    title: (cluster: ClusterLabel) => `clustering into ${CLUSTERS[cluster]}`,
    rule: 'Test: seen and unseen species together; rows without the label are left out. Train and valid are for pre-training.',
    metric: 'ami',
  },
} as const;

/** The tasks of a collection, in the declared order. */
export function barcodeTasks(collection: BarcodeCollection): TaskDefinition[] {
  const { citation, licence, url, version, cluster } = collection;
  const openWorld = Object.entries(collection.tasks).find(([, { question }]) => question === 'genus')?.[0];
  return Object.entries(collection.tasks).map(([ending, { question }]) => {
    const { title, rule, metric } = QUESTIONS[question];
    const id = `${collection.id}.${ending}`;
    return defineTask({
      id,
      title: `${collection.title}: ${title(cluster)}`,
      description: [collection.remark, RULES[collection.split], rule].filter(Boolean).join(' '),
      kind: question === 'clusters' ? 'clustering' : 'multiclass',
      metric,
      ...{ citation, licence, url, version },
      ...(question === 'clusters' && openWorld ? { harmonicWith: `${collection.id}.${openWorld}` } : {}),
      alphabet: { alphabet: 'dna', ambiguous: 'keep', gaps: 'remove', unknown: 'n' },
      load: async (context: TaskContext) => {
        const { splits, report } = await splitCollection(collection, context);
        const asked = askBarcodes(splits, question, cluster);
        const counted = describeBarcodes(report, splits.counts, asked);
        if (asked.rows.some(({ split }) => split === 'test') && asked.rows.some(({ split }) => split === 'train')) {
          for (const line of counted) context.note?.(line);
          return asked.rows;
        }
        throw new UsageError(`${id}: there are no rows for training or for test`, counted.join(' '));
      },
    });
  });
}

/** Reads, de-duplicates and splits a collection. */
export async function splitCollection(
  collection: BarcodeCollection,
  context: TaskContext,
): Promise<{ readonly splits: SplitBarcodes; readonly report: BarcodeReport }> {
  const report = createBarcodeReport();
  const records = readAll(await collection.files(context), collection, report);
  if (collection.split === 'given') return { splits: await givenSplits(records), report };
  const all: BarcodeRecord[] = [];
  for await (const record of records) all.push(record);
  return { splits: drawSplits(all, { seed: SPLIT_SEED }), report };
}

async function* readAll(
  files: readonly BarcodeFile[],
  { partOf }: BarcodeCollection,
  report: BarcodeReport,
): AsyncGenerator<BarcodeRecord> {
  for (const { path, options, archive } of files) {
    for await (const record of readBarcodes(path, options, report)) {
      const split = partOf?.(record) ?? record.split;
      const source = archive === undefined ? record.source : { file: archive, line: record.source.line };
      yield partOf === undefined && archive === undefined ? record : { ...record, split, source };
    }
  }
}
