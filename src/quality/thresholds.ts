/**
 * The fixed thresholds of every check, in one table. A statistic of at least `warn` is a WARN, of at least `fail` a FAIL;
 * null: the check never reaches that level. The numbers are part of the rules: raise {@link QUALITY_RULES} with any change,
 * so that two reports are compared only when they were judged alike.
 */

export const QUALITY_RULES = 'quality-rules@1';

export interface Threshold {
  readonly warn: number | null;
  readonly fail: number | null;
}

export const THRESHOLDS = {
  'overlap.exact': { warn: 0.005, fail: 0.05 },
  'overlap.near': { warn: 0.01, fail: 0.1 },
  'overlap.windows': { warn: 0.01, fail: 0.25 },
  'overlap.pair': { warn: 0.01, fail: 0.25 },
  'overlap.homology': { warn: 0.05, fail: 0.25 },
  'overlap.copies': { warn: 0.01, fail: 0.05 },
  'shortcut.length': { warn: 0.1, fail: 0.3 },
  'shortcut.unknown-letters': { warn: 0.1, fail: 0.3 },
  'shortcut.case': { warn: 0.1, fail: 0.3 },
  'shortcut.composition': { warn: 0.5, fail: null },
  'shortcut.markov': { warn: 0.5, fail: null },
  'shortcut.position-motif': { warn: 0.4, fail: 0.7 },
  'shortcut.anchored-motif': { warn: 0.4, fail: 0.7 },
  'shortcut.low-information': { warn: 0.005, fail: 0.05 },
  'construction.shuffle-twins': { warn: 0.01, fail: 0.05 },
  'construction.segment-twins': { warn: 0.01, fail: 0.05 },
  'construction.synthetic-negatives': { warn: 0.05, fail: 0.25 },
  'construction.genome-membership': { warn: 0.2, fail: 0.5 },
  'construction.unmatched-site': { warn: 0.05, fail: 0.25 },
  'construction.library': { warn: 0.1, fail: 0.3 },
  'confound.group': { warn: 0.3, fail: null },
  'confound.chromosome': { warn: 0.1, fail: 0.3 },
  'confound.position': { warn: 0.1, fail: 0.3 },
  'labels.contradictions': { warn: 0.005, fail: 0.05 },
  'labels.near-contradictions': { warn: 0.01, fail: 0.1 },
  'labels.balance': { warn: 0.1, fail: null },
  'shift.train-test': { warn: 0.65, fail: null },
} as const satisfies Readonly<Record<string, Threshold>>;

export type CheckId = keyof typeof THRESHOLDS;
export const CHECK_IDS = Object.keys(THRESHOLDS) as CheckId[];

/** Parameters of the definitions behind the statistics; versioned with the thresholds. */
export const DEFINITIONS = {
  /** Fewer rows than this are never an overlap: a single odd row is no verdict on a task. */
  leastRows: 3,
  /** Below this share of the rarer class in the training rows, rules are also judged by AUROC. */
  rareClass: 0.2,
  /** Folds of the training rows on which a rule must reach a threshold too. */
  folds: 5,
  /** Share of a sequence on one diagonal from which two rows are windows of one locus. */
  windowShare: 0.2,
  /** Identity and coverage of the shorter sequence from which an alignment is a homologue. */
  homologIdentity: 0.8,
  homologCoverage: 0.5,
  /** Least chance-corrected agreement (Cohen's kappa) of "twins have different labels". */
  twinKappa: 0.4,
  leastTwins: 10,
  /** Share of rows in twin pairs of different labels, wherever they lie, from which twins within one split are a WARN. */
  twinsAnywhere: 0.05,
  /** Twins agree in at most this share of positions: more is a near duplicate. */
  twinIdentity: 0.6,
  /** Share of a class that has a fixed k-mer from which the k-mer defines the class. */
  siteShare: 0.95,
  /** Share of A, C, G, T below which a sequence tells nothing. */
  leastBases: 0.5,
  /** Share of rows with a constant segment, and of those rows with it at one offset. */
  librarySupport: 0.05,
  libraryOffset: 0.8,
} as const;
