/**
 * The document that `diagnose` stores: one JSON document per model and corpus, with a version.
 * Pages and tables are drawn from it alone. It holds everything that determines its numbers
 * (hashes, seed, device, versions). An undefined number, such as the accuracy of an empty bin, is
 * null.
 */
import { z } from 'zod';
import type { Diagnosis } from './diagnose.ts';

export const DIAGNOSTICS_SCHEMA = 'glm-bench/diagnostics@1';

/**
 * Ranks of the vocabulary whose mean probability is kept: the first ranks all, later ones evenly
 * spaced in their logarithm.
 */
const RANKS = { all: 32, spaced: 160 };

const number = z.number().nullable();
const count = z.number().int().nonnegative();
const both = <T extends z.ZodType>(schema: T) => z.object({ own: schema, shuffled: schema });
const spread = z.object({ mean: number, standardDeviation: number });

const predictiveSchema = z.object({
  rows: count,
  vocabulary: count,
  entropyNats: number,
  entropyBits: number,
  normalisedEntropy: number,
  klModelToUniformBits: number,
  klUniformToModelBits: number,
  /** As computed by the code of arXiv 2604.04287. */
  paper: z.object({ entropyBits: number, klModelToUniformBits: number, klUniformToModelBits: number }),
  /** Per nucleotide; for a text, per character. */
  perNucleotide: z.object({ nucleotides: number, entropyBits: number, klModelToUniformBits: number, nllBits: number }),
  accuracy: z.object({
    nllNats: number,
    nllBits: number,
    perplexity: number,
    top1: number,
    calibrationError: number,
    reliability: z.array(
      z.object({ lower: number, upper: number, rows: count, meanConfidence: number, accuracy: number }),
    ),
  }),
  /** `[rank, mean probability]`, rank 1 the most probable token. */
  rankedDistribution: z.array(z.tuple([z.number(), z.number()])),
});
export type StoredPredictive = z.infer<typeof predictiveSchema>;

const ngramSchema = z.object({
  alphabet: count,
  trainingSymbols: count,
  heldOutSymbols: count,
  uniformBits: number,
  orders: z.array(z.object({ order: count, bitsPerSymbol: z.number() })),
  best: z.object({ order: count, bitsPerSymbol: z.number() }),
});

const geometrySchema = z.object({
  rows: count,
  columns: count,
  effectiveRank: number,
  participationRatio: number,
  uniformity: number,
  anisotropy: number,
  meanCosine: number,
  meanDistance: number,
  distanceStandardDeviation: number,
});
export type StoredGeometry = z.infer<typeof geometrySchema>;

const partShape = {
  parameters: count,
  fisher: number,
  mean: number,
  share: number,
  parameterShare: number,
  density: number,
};
const viewShape = {
  total: number,
  parameters: count,
  groups: z.array(z.object({ group: z.string(), ...partShape })),
  blockParts: z.array(z.object({ part: z.string(), ...partShape })),
  parts: z.array(z.object({ group: z.string(), part: z.string(), ...partShape })),
  sections: z.array(z.object({ section: z.string(), ...partShape })),
};
const fisherSchema = z.object({
  ...viewShape,
  form: z.enum(['batch-mean', 'per-token']),
  windows: count,
  batches: count,
  batchSize: count,
  tokens: count,
  loss: number,
  /** A tied word table counted as two tables. */
  byRole: z.object(viewShape).optional(),
  unused: z.array(z.string()),
});
export type StoredFisher = z.infer<typeof fisherSchema>;

export const diagnosticsSchema = z.object({
  schema: z.literal(DIAGNOSTICS_SCHEMA),
  model: z.object({
    id: z.string(),
    /** sha256 over architecture, configuration, tokenizer and weights. */
    fingerprint: z.string(),
    /** sha256 over the model's files. */
    filesHash: z.string(),
    reads: z.enum(['masked', 'causal']).nullable(),
    card: z.record(z.string(), z.unknown()),
  }),
  corpus: z.object({
    file: z.string(),
    sha256: z.string(),
    kind: z.enum(['fasta', 'text']),
    /** Number of windows in all, measured, and used to count n-grams. */
    windows: count,
    measured: count,
    counted: count,
    /** Maximum number of letters of a window, and number of windows that were cut. */
    letters: count,
    shortened: count,
  }),
  settings: z.object({ sequences: count, seed: z.number().int(), share: z.number() }),
  predictions: both(predictiveSchema).nullable(),
  /** Bits per nucleotide or character, held out. */
  ngrams: both(ngramSchema).nullable(),
  contextual: z
    .object({
      layers: z.array(z.object({ layer: count, pooled: geometrySchema, tokens: geometrySchema.optional() })),
      layerCka: z.array(z.array(number)),
    })
    .nullable(),
  wordTable: z
    .object({
      vocabulary: count,
      dimensions: count,
      norms: spread.extend({ least: number, most: number }),
      geometry: geometrySchema,
      nearestCosine: spread,
    })
    .nullable(),
  fisher: z.object({ batchMean: fisherSchema, perToken: fisherSchema, sampledShare: z.number() }).nullable(),
  missing: z.array(z.object({ what: z.string(), why: z.string() })),
  remarks: z.array(z.string()),
  environment: z.object({
    device: z.string(),
    precision: z.string(),
    threads: z.number().int(),
    node: z.string(),
    platform: z.string(),
    packages: z.record(z.string(), z.string()),
    /** sha256 over the source folders that numbers depend on. */
    codeHash: z.string(),
  }),
  timings: z.object({ seconds: z.number(), startedAt: z.string(), finishedAt: z.string() }),
});
export type DiagnosticsDocument = z.infer<typeof diagnosticsSchema>;

/** What the document holds besides the diagnosis. */
export type DiagnosisFacts = Pick<DiagnosticsDocument, 'model' | 'environment' | 'timings'> & {
  readonly corpus: Pick<DiagnosticsDocument['corpus'], 'file' | 'sha256'>;
  readonly settings: Omit<DiagnosticsDocument['settings'], 'share'>;
};

/**
 * Makes the document of a diagnosis. @throws, with the name of the field, when the two do not fit.
 */
export function diagnosticsDocument(diagnosis: Diagnosis, facts: DiagnosisFacts): DiagnosticsDocument {
  const { predictions, ngrams, contextual, wordTable, fisher, missing, remarks, share } = diagnosis;
  const predicted = predictions && {
    own: { ...predictions.own, rankedDistribution: ranks(predictions.own.rankedDistribution) },
    shuffled: { ...predictions.shuffled, rankedDistribution: ranks(predictions.shuffled.rankedDistribution) },
  };
  const document = {
    schema: DIAGNOSTICS_SCHEMA,
    ...facts,
    corpus: { ...facts.corpus, ...diagnosis.corpus },
    settings: { ...facts.settings, share },
    predictions: predicted ?? null,
    ngrams: ngrams ?? null,
    contextual: contextual ?? null,
    wordTable: wordTable ?? null,
    fisher: fisher ?? null,
    ...{ missing, remarks },
  };
  // JSON has no NaN and no infinity: both become null.
  return diagnosticsSchema.parse(JSON.parse(JSON.stringify(document)));
}

/** `[rank, mean probability]` of some ranks. */
export function ranks(distribution: Float64Array): [number, number][] {
  const last = distribution.length;
  const chosen = new Set<number>();
  for (let rank = 1; rank <= Math.min(RANKS.all, last); rank++) chosen.add(rank);
  for (let i = 1; i <= RANKS.spaced; i++) chosen.add(Math.round(last ** (i / RANKS.spaced)));
  return [...chosen].sort((a, b) => a - b).map((rank) => [rank, distribution[rank - 1]]);
}
