/**
 * What the diagnosis of an ensemble stores: one JSON document per ensemble and corpus, versioned; pages are drawn from it alone. `key` is the hash of everything that determines
 * its numbers, so that what was measured is neither measured again nor taken for something else. Undefined numbers are null.
 */
import { z } from 'zod';
import { keyOf } from '../core/key.ts';
import { diagnosticsSchema, ranks } from '../diagnostics/document.ts';
import type { EnsembleDiagnosis } from './diagnosis.ts';
import { LEVEL } from './intervals.ts';
import { MEASURE_NAMES } from './predictions.ts';

export const ENSEMBLE_DIAGNOSTICS_SCHEMA = 'glm-bench/ensemble-diagnostics@1';
export const ENSEMBLE_DIAGNOSTICS_FILE = 'ensemble-diagnostics.json';

const number = z.number().nullable();
const count = z.number().int().nonnegative();
const interval = z.object({ standardError: number, low: number, high: number });
const estimate = z.object({
  mean: number,
  /** Population standard deviation over members or pairs. */
  standardDeviation: number,
  /** Jackknife over members, Student's t. */
  members: interval.optional(),
  /** Bootstrap over windows, members as they are. */
  windows: interval.optional(),
});
export type StoredEstimate = z.infer<typeof estimate>;

const pair = { first: count, second: count };
const shapes = z.object({
  effectiveRank: estimate,
  participationRatio: estimate,
  uniformity: estimate,
  anisotropy: estimate,
  meanCosine: estimate,
});
const measures = <T extends z.ZodType>(schema: T) => z.record(z.enum(MEASURE_NAMES), schema);

const predictionsSchema = z.object({
  positions: count,
  letters: z.number(),
  vocabulary: count,
  measures: measures(estimate),
  members: z.array(measures(number)),
  /** `[rank, mean probability]`, rank 1 the most probable token; mean over members. */
  rankedDistribution: z.array(z.tuple([z.number(), z.number()])),
  nucleus: z.array(z.object({ p: z.number(), jensenShannonDistance: estimate, jensenShannonDistancePaper: estimate })),
  top1Agreement: estimate,
  mutualInformationBits: estimate,
  entropyOfMeanBits: number,
  pairs: z.array(z.object({ ...pair, jensenShannonDistance: number, top1Agreement: number })),
});

const staticSchema = z.object({
  vocabulary: count,
  tokens: count,
  dimensions: count,
  neighbours: z.array(
    z.object({
      k: count,
      chanceJaccard: number,
      jaccard: estimate,
      localSpearman: estimate,
      localSpearmanPaper: estimate,
    }),
  ),
  disparity: estimate,
  alignedCosine: estimate,
  linearCka: estimate,
  rbfCka: estimate,
  pairs: z.array(
    z.object({
      ...pair,
      neighbours: z.array(z.object({ k: count, jaccard: number, localSpearman: number, localSpearmanPaper: number })),
      disparity: number,
      alignedCosine: number,
      linearCka: number,
      rbfCka: number,
    }),
  ),
});

const contextualSchema = z.object({
  windows: count,
  layers: z.array(
    z.object({
      layer: count,
      pooled: shapes,
      tokens: shapes.optional(),
      memberCka: z.array(z.array(number)),
      cka: estimate,
      neighbourOverlap: estimate.optional(),
      rowDistance: estimate,
    }),
  ),
  neighbours: z.object({ k: count, chance: z.number() }).optional(),
  layerCka: z.array(z.array(number)),
});

const parts = z.array(
  z.object({ name: z.string(), parameters: count, parameterShare: number, share: estimate, density: estimate }),
);
const view = { total: estimate, groups: parts, blockParts: parts, sections: parts };
const form = z.object({
  form: z.enum(['batch-mean', 'per-token']),
  windows: count,
  tokens: count,
  loss: estimate,
  ...view,
  byRole: z.object(view).optional(),
});
export type StoredForm = z.infer<typeof form>;

const { missing, environment, timings } = diagnosticsSchema.shape;

export const ensembleDiagnosticsSchema = z.object({
  schema: z.literal(ENSEMBLE_DIAGNOSTICS_SCHEMA),
  key: z.string(),
  ensemble: z.object({
    id: z.string(),
    /** A line for readers. */
    title: z.string(),
    /** Of the ensemble's own manifest, where it has one. */
    language: z.enum(['text', 'dna']).nullable(),
    tokenizer: z.string().nullable(),
    control: z.string().nullable(),
    lettersPerToken: number,
    config: z.record(z.string(), z.unknown()),
    corpus: z.record(z.string(), z.unknown()),
    members: z.array(
      z.object({
        seed: z.number().nullable(),
        /** Of architecture, configuration, tokenizer and weights. */
        fingerprint: z.string(),
        parameters: number,
        steps: number,
        validLoss: number,
        uniformLoss: number,
      }),
    ),
  }),
  corpus: z.object({
    file: z.string(),
    sha256: z.string(),
    /** Whether the ensemble says that no member was trained on it. */
    heldOut: z.boolean(),
    kind: z.enum(['fasta', 'text']),
    windows: count,
    measured: count,
    letters: count,
    shortened: count,
  }),
  settings: z.object({ sequences: count, seed: z.number().int(), share: z.number(), level: z.number() }),
  predictions: predictionsSchema.nullable(),
  staticEmbeddings: staticSchema.nullable(),
  contextual: contextualSchema.nullable(),
  fisher: z.object({ batchMean: form, perToken: form, sampledShare: z.number() }).nullable(),
  ...{ missing, environment, timings },
});
export type EnsembleDocument = z.infer<typeof ensembleDiagnosticsSchema>;

export type EnsembleFacts = Pick<EnsembleDocument, 'key' | 'ensemble' | 'environment' | 'timings'> & {
  readonly corpus: Pick<EnsembleDocument['corpus'], 'file' | 'sha256' | 'heldOut'>;
  readonly settings: Pick<EnsembleDocument['settings'], 'sequences' | 'seed'>;
};

/** The key of a document: of members, corpus, settings, code and device. */
export function ensembleKey(of: {
  readonly fingerprints: readonly string[];
  readonly corpus: string;
  readonly settings: EnsembleFacts['settings'];
  readonly environment: Pick<EnsembleDocument['environment'], 'device' | 'precision' | 'threads' | 'codeHash'>;
}): string {
  const { device, precision, threads, codeHash } = of.environment;
  const { sequences, seed } = of.settings;
  const machine = { device, precision, threads, architecture: process.arch };
  return keyOf('ensembleDiagnostics', {
    ...{ schema: ENSEMBLE_DIAGNOSTICS_SCHEMA, fingerprints: of.fingerprints, corpus: of.corpus, sequences, seed },
    computation: keyOf('computation', { code: codeHash, ...machine, plugin: '' }),
  });
}

/** @throws, naming the field, where diagnosis and schema don't fit. */
export function ensembleDocument(diagnosis: EnsembleDiagnosis, facts: EnsembleFacts): EnsembleDocument {
  const { predictions, staticEmbeddings, contextual, fisher, missing: absent, share } = diagnosis;
  const document = {
    schema: ENSEMBLE_DIAGNOSTICS_SCHEMA,
    ...facts,
    corpus: { ...facts.corpus, ...diagnosis.corpus },
    settings: { ...facts.settings, share, level: LEVEL },
    predictions: predictions ? { ...predictions, rankedDistribution: ranks(predictions.rankedDistribution) } : null,
    staticEmbeddings: staticEmbeddings ?? null,
    contextual: contextual ?? null,
    fisher: fisher ?? null,
    missing: absent,
  };
  // JSON has no NaN and no infinity: they become null.
  return ensembleDiagnosticsSchema.parse(JSON.parse(JSON.stringify(document)));
}
