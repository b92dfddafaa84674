/**
 * The leaderboard as a JSON document: all formats (terminal, Markdown, CSV, HTML, SVG) are drawn
 * from it, and other programs read it. It has a version; a reader refuses an unknown one. It
 * contains only numbers that the stored results determine, and no time of its own, so the same
 * results always give the same bytes.
 */
import { z } from 'zod';
import { TASK_KINDS } from '../../core/matrix.ts';
import { METRIC_NAMES } from '../../metrics/metric.ts';
import { qualityReportSchema } from '../../quality/quality-report.ts';

export const LEADERBOARD_SCHEMA = 'glm-bench/leaderboard@2';

export const VERDICTS = ['better', 'indistinguishable', 'worse', 'needs seeds'] as const;
export type Verdict = (typeof VERDICTS)[number];

const json = z.record(z.string(), z.unknown());
const metricName = z.enum(METRIC_NAMES);
/** JSON has no NaN: a number that could not be computed is null. */
const number = z.number().nullable();
const interval = z.object({ low: number, high: number });

const secondOpinionSchema = z.object({ test: z.enum(['mcnemar', 'wilcoxon']), p: z.number() });
export type SecondOpinion = z.infer<typeof secondOpinionSchema>;

/** A paired comparison on the same test rows. Differences are oriented: positive = the row is better, whatever the metric. */
const comparisonSchema = z.object({
  /** Contender and probe on the other side. */
  reference: z.string(),
  /** Label of rows of the same contender that differ. */
  referenceLabel: z.string().optional(),
  referenceProbe: z.string(),
  difference: number,
  ci: interval,
  p: number,
  /** Holm-corrected within the task; null where the comparison stands alone. */
  pHolm: number,
  /**
   * Null when the comparison is undefined. `needs seeds`: a side is stochastic, has one seed, and no
   * contender of its kind on the board has more.
   */
  verdict: z.enum(VERDICTS).nullable(),
  /** A classical paired test on the lowest seed of both sides, uncorrected; null for multilabel tasks. */
  secondOpinion: secondOpinionSchema.nullable(),
});
export type Comparison = z.infer<typeof comparisonSchema>;

const cellSchema = z.object({
  key: z.string(),
  seed: z.number().int(),
  status: z.enum(['done', 'failed', 'missing']),
  score: number,
  validationScore: number,
  seconds: number,
  device: z.string().nullable(),
  /** What was chosen on validation data and how the fit went, as the cell stored it. */
  details: json.optional(),
  error: z.string().optional(),
});
export type CellSummary = z.infer<typeof cellSchema>;

/** Means over seeds of what `diagnostics/model-diagnostics.ts` measures; null where a seed has none. */
const rowDiagnosticsSchema = z.object({
  /** Bits per nucleotide. */
  entropyBits: number,
  /** Bits per token. */
  klModelToUniformBits: number,
  /** Bits per nucleotide. */
  nllBits: number,
  /** Shares, 0 to 1. */
  fisherEmbeddings: number,
  fisherEmbeddingParameters: number,
  /** Why a number is null. */
  missing: z.array(z.string()),
});
export type RowDiagnostics = z.infer<typeof rowDiagnosticsSchema>;

const rowSchema = z.object({
  task: z.string(),
  taskHash: z.string(),
  contender: z.string(),
  /**
   * Label of rows of the same contender and probe that differ, such as "effort 0.02"; the title
   * contains it too.
   */
  label: z.string().optional(),
  title: z.string(),
  kind: z.enum(['baseline', 'model', 'control']).nullable(),
  family: z.enum(['one-hot', 'composition', 'chance']).nullable(),
  probe: z.string(),
  /** done: at least one seed has a score. failed: none has, and one or more failed. missing: planned, not yet run. */
  status: z.enum(['done', 'failed', 'missing']),
  metric: metricName.nullable(),
  higherIsBetter: z.boolean(),
  /** Mean of the primary metric over seeds. */
  score: number,
  ci: interval,
  testSize: z.number().int().nullable(),
  /** Number of seeds that gave a score. */
  seeds: z.number().int(),
  /** Sample standard deviation of the score over seeds; null with one seed. */
  seedSpread: number,
  validationScore: number,
  /** Mean over seeds of every stored metric. */
  scores: z.partialRecord(metricName, number),
  /** Absent for baselines and for results of older versions. */
  diagnostics: rowDiagnosticsSchema.optional(),
  isReference: z.boolean(),
  vsOneHot: comparisonSchema.nullable(),
  /** Difference to the best rule without a model; absent where the task has no row zero. */
  vsRowZero: comparisonSchema.optional(),
  device: z.string().nullable(),
  /** Wall-clock seconds, summed over seeds. */
  seconds: number,
  error: z.string().nullable(),
  /**
   * Remarks that a reader must see: failed seeds, cells that are left out because their settings
   * are older.
   */
  notes: z.array(z.string()),
  cells: z.array(cellSchema),
});
export type LeaderboardRow = z.infer<typeof rowSchema>;

const headlineSchema = z.object({
  sentence: z.string(),
  /** The frozen model chosen on validation data; null when none has a score. */
  model: z.object({ contender: z.string(), label: z.string().optional(), probe: z.string() }).nullable(),
  vsOneHot: comparisonSchema.nullable(),
  vsControl: comparisonSchema.nullable(),
});
export type Headline = z.infer<typeof headlineSchema>;

const countsSchema = z.object({
  planned: z.number().int(),
  done: z.number().int(),
  failed: z.number().int(),
  missing: z.number().int(),
});
export type CellCounts = z.infer<typeof countsSchema>;

const taskSchema = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  kind: z.enum(TASK_KINDS).nullable(),
  metric: metricName.nullable(),
  metricLabel: z.string(),
  higherIsBetter: z.boolean(),
  chance: number,
  hash: z.string(),
  classes: z.array(z.string()),
  sizes: z.object({ train: z.number().int(), valid: z.number().int(), test: z.number().int() }).nullable(),
  split: z.string().nullable(),
  citation: z.string().nullable(),
  licence: z.string().nullable(),
  url: z.string().nullable(),
  /** Notes of the task about its rows, in its own sentences. Absent when there are none. */
  notes: z.array(z.string()).optional(),
  /** The task whose score is joined with this one's in `harmonic`, when both are on the board. */
  harmonicWith: z.string().optional(),
  alphabetChanges: z.record(z.string(), z.number()),
  audit: json,
  /** Checks of the data with verdicts. Absent for records of older versions. */
  quality: qualityReportSchema.optional(),
  reference: z
    .object({
      contender: z.string(),
      label: z.string().optional(),
      probe: z.string(),
      validationScore: z.number(),
    })
    .nullable(),
  /** Number of rows in the Holm correction of this task. */
  comparisons: z.number().int(),
  headline: headlineSchema,
  cells: countsSchema,
});
export type LeaderboardTask = z.infer<typeof taskSchema>;

const points = z.array(z.tuple([z.number(), z.number()]));

const pretrainingSchema = z.object({
  /** Of the resulting weights. */
  fingerprint: z.string(),
  /** Tasks and seeds on the board that used these weights. */
  tasks: z.array(z.string()),
  seeds: z.array(z.number().int()),
  /** `[step, loss]`, nats per token: of training, means over stretches of steps; of held-out sequences, at the end of epochs. */
  train: points,
  valid: points,
});
export type PretrainingCurve = z.infer<typeof pretrainingSchema>;

const contenderSchema = z.object({
  id: z.string(),
  /** Label of contenders with the same id that differ: path, files or options. */
  label: z.string().optional(),
  title: z.string(),
  kind: z.enum(['baseline', 'model', 'control']),
  family: z.enum(['one-hot', 'composition', 'chance']).nullable(),
  description: z.string().nullable(),
  citation: z.string(),
  licence: z.string().nullable(),
  version: z.string(),
  options: json,
  /**
   * Weights differ between tasks and seeds when a model pre-trains within the run: every distinct
   * set is listed.
   */
  fingerprints: z.array(z.string()),
  card: json.nullable(),
  /** Loss curves of pre-training, one per set of weights; absent when the cards have none. */
  pretraining: z.array(pretrainingSchema).optional(),
});
export type LeaderboardContender = z.infer<typeof contenderSchema>;

const harmonicSide = z.object({ probe: z.string(), score: number, seeds: z.number().int() }).nullable();

const harmonicRowSchema = z.object({
  contender: z.string(),
  label: z.string().optional(),
  title: z.string(),
  kind: z.enum(['baseline', 'model', 'control']).nullable(),
  family: z.enum(['one-hot', 'composition', 'chance']).nullable(),
  /**
   * The score of the open-world task, and that of the task joined with it; null when the contender
   * has no row.
   */
  openWorld: harmonicSide,
  own: harmonicSide,
  /** Of the two scores; null when one is missing or below zero. */
  harmonicMean: number,
  /**
   * Sample standard deviation of the harmonic means of single seeds; null unless both sides have
   * the same two or more seeds.
   */
  seedSpread: number,
});
export type HarmonicRow = z.infer<typeof harmonicRowSchema>;

const harmonicTableSchema = z.object({
  task: z.string(),
  taskHash: z.string(),
  openWorld: z.string(),
  openWorldHash: z.string(),
  rows: z.array(harmonicRowSchema),
});
export type HarmonicTable = z.infer<typeof harmonicTableSchema>;

const environmentSchema = z.object({
  cells: z.number().int(),
  device: z.string(),
  precision: z.string(),
  threads: z.number().int(),
  effort: z.number(),
  node: z.string(),
  platform: z.string(),
  packages: z.record(z.string(), z.string()),
  codeHash: z.string(),
});

export const leaderboardSchema = z.object({
  schema: z.literal(LEADERBOARD_SCHEMA),
  title: z.string(),
  command: z.string(),
  /**
   * sha256 over all inputs of the document (stored results, report code, options): its cache key.
   */
  inputsHash: z.string(),
  /** sha256 over the rest of this document: an edited or damaged one is built again. */
  contentHash: z.string(),
  /** The statistics as sentences and numbers, printed under every table. */
  method: z.object({
    level: z.number(),
    interval: z.string(),
    test: z.string(),
    correction: z.string(),
    reference: z.string(),
    secondOpinion: z.string(),
  }),
  cells: countsSchema,
  tasks: z.array(taskSchema),
  contenders: z.array(contenderSchema),
  rows: z.array(rowSchema),
  /** Whether tasks that fail their audit count in aggregates. Absent: they do not. */
  includeFailed: z.boolean().optional(),
  /** One table per pair of tasks joined by `harmonicWith`; absent when there is none. */
  harmonic: z.array(harmonicTableSchema).optional(),
  provenance: z.object({
    environments: z.array(environmentSchema),
    seeds: z.array(z.number().int()),
    startedAt: z.string().nullable(),
    finishedAt: z.string().nullable(),
    seconds: z.number(),
  }),
});
export type Leaderboard = z.infer<typeof leaderboardSchema>;
