/**
 * One JSON document per cell: everything the report shows is derived from these and from the predictions they point to.
 * The schema is versioned; a reader refuses a version it does not know.
 */
import { z } from 'zod';
import { TASK_KINDS } from '../../core/matrix.ts';
import { METRIC_NAMES } from '../../metrics/metric.ts';
import { qualityReportSchema } from '../../quality/quality-report.ts';
import { manifestCellSchema } from '../cells/identity.ts';

export const RESULT_SCHEMA = 'glm-bench/result@1';

const json = z.record(z.string(), z.unknown());

/** JSON has no NaN: an undefined score (say, AUROC with one class present) is stored as null. */
const score = z.number().nullable();

/** What is measured of a model without labels (`diagnostics/model-diagnostics.ts`), or why not. */
export const measuresSchema = z.union([
  z.object({
    sequences: z.number().int(),
    tokens: z.number().int(),
    /** Bits per nucleotide. */
    entropyBits: z.number(),
    /** Bits per token. */
    klModelToUniformBits: z.number(),
    /** Bits per nucleotide. */
    nllBits: z.number(),
    fisher: z
      .object({ sequences: z.number().int(), embeddings: z.number(), embeddingParameters: z.number() })
      .optional(),
    missing: z.string().optional(),
  }),
  z.object({ missing: z.string() }),
]);

export const resultSchema = z.object({
  schema: z.literal(RESULT_SCHEMA),
  /** sha256 of all that determines the cell; also the file's name. */
  key: z.string().regex(/^[0-9a-f]{64}$/),
  status: z.enum(['done', 'failed']),
  /** For failed cells: what went wrong and, where known, how to mend it. */
  error: z.object({ message: z.string(), stack: z.string().optional() }).optional(),
  task: z.object({
    id: z.string(),
    title: z.string(),
    kind: z.enum(TASK_KINDS),
    metric: z.enum(METRIC_NAMES),
    hash: z.string(),
    classes: z.array(z.string()),
    trainSize: z.number().int(),
    validSize: z.number().int(),
    testSize: z.number().int(),
    citation: z.string(),
    licence: z.string(),
  }),
  contender: z.object({
    id: z.string(),
    title: z.string(),
    kind: z.enum(['baseline', 'model', 'control']),
    /** Baselines, and encoders that stand with them. */
    family: z.enum(['one-hot', 'composition', 'chance']).optional(),
    description: z.string().optional(),
    citation: z.string(),
    licence: z.string().optional(),
    version: z.string(),
    options: json,
    /** Whether other seeds give other predictions. Absent from older results. */
    stochastic: z.boolean().optional(),
    /** Models only: hash of the weights, and the model card. */
    fingerprint: z.string().optional(),
    card: json.optional(),
  }),
  /** Probe id; "none" for baselines, which bring their own head. */
  probe: z.string(),
  seed: z.number().int(),
  /** Every metric of the task's kind on the test rows. */
  scores: z.partialRecord(z.enum(METRIC_NAMES), score),
  /** The primary metric's orientation-corrected value on the validation rows (larger is better). */
  validationScore: score,
  /** Interval of the primary metric over test rows; seeds are not part of it. */
  interval: z.object({ low: score, high: score, level: z.number() }).optional(),
  /** Test predictions, `[testSize, outputs]` float64 `.npy`, rows in the order of the task's test split. */
  predictions: z
    .object({ file: z.string(), sha256: z.string(), rows: z.number().int(), columns: z.number().int() })
    .optional(),
  /** Frozen models only; absent from older results. */
  diagnostics: measuresSchema.optional(),
  /** What was chosen on validation data and how the fit went. */
  details: json,
  environment: z.object({
    device: z.string(),
    precision: z.string(),
    threads: z.number().int(),
    /** Compute relative to the full recipes. */
    effort: z.number().positive(),
    node: z.string(),
    platform: z.string(),
    packages: z.record(z.string(), z.string()),
    /** sha256 over the source folders that numbers depend on. */
    codeHash: z.string(),
  }),
  timings: z.object({ seconds: z.number(), startedAt: z.string(), finishedAt: z.string() }),
  /** sha256 over the rest of the document (`core/content-hash.ts`). Absent from older documents. */
  contentHash: z.string().optional(),
});

export type Result = z.infer<typeof resultSchema>;

export const TASK_RECORD_SCHEMA = 'glm-bench/task@1';

/** What a report needs to know of a task: its card, its audit, and the true answers of its test rows. */
export const taskRecordSchema = z.object({
  schema: z.literal(TASK_RECORD_SCHEMA),
  id: z.string(),
  title: z.string(),
  description: z.string().optional(),
  kind: z.enum(TASK_KINDS),
  metric: z.enum(METRIC_NAMES),
  hash: z.string(),
  classes: z.array(z.string()),
  citation: z.string(),
  licence: z.string(),
  url: z.string().optional(),
  sizes: z.object({ train: z.number().int(), valid: z.number().int(), test: z.number().int() }),
  /** How rows were divided, in words ("given; valid cut from train, stratified 10%, seed 0"). */
  split: z.string(),
  /** What the task told while it was read, in its own sentences: rows left out and why. Absent from older records. */
  notes: z.array(z.string()).optional(),
  /** Every row of the files that was skipped (`--on-bad-row skip`); absent where none was. */
  skippedRows: z
    .array(z.object({ file: z.string().optional(), line: z.number().int().optional(), reason: z.string() }))
    .optional(),
  /** The task whose score this one's is joined with in a harmonic mean. */
  harmonicWith: z.string().optional(),
  /** Counts of what the alphabet policy changed, e.g. {"lower case upper-cased": 12}. */
  alphabetChanges: z.record(z.string(), z.number().int()),
  /** The audit of `src/quality/audit.ts`, as plain JSON. */
  audit: json,
  /** Checks of the data with verdicts (`src/quality/audit-task.ts`). Absent from older records. */
  quality: qualityReportSchema.optional(),
  /** `[testSize]` group of each test row, when the task declares groups: rows of one group belong together. */
  testGroups: z.array(z.number().int()).optional(),
  /** `[testSize, columns]` float64 `.npy`, layout of `Targets`. */
  targets: z.object({ file: z.string(), sha256: z.string(), rows: z.number().int(), columns: z.number().int() }),
  /** sha256 over the rest of the document (`core/content-hash.ts`). Absent from older documents. */
  contentHash: z.string().optional(),
});

export type TaskRecord = z.infer<typeof taskRecordSchema>;

export const RUN_MANIFEST_SCHEMA = 'glm-bench/run@1';

/** Which cells belong to a results folder's leaderboard. Successive runs in one folder add to it (`cells/identity.ts`). */
export const runManifestSchema = z.object({
  schema: z.literal(RUN_MANIFEST_SCHEMA),
  title: z.string(),
  command: z.string(),
  cells: z.array(manifestCellSchema),
});

export type RunManifest = z.infer<typeof runManifestSchema>;
/*
 * Layout of a run's folder DIR:
 *   DIR/run.json                        the manifest
 *   DIR/results/<key>.json              one result per cell
 *   DIR/results/predictions/<key>.npy   its test predictions
 *   DIR/results/tasks/<hash>.json       one record per task
 *   DIR/results/targets/<hash>.npy      its true answers
 *   DIR/leaderboard.{json,csv,md,html}  the report
 */
