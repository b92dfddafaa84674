/**
 * Predictions of the members of an ensemble for the same hidden tokens of the same windows, of each
 * member (`predictive.ts`) and compared with each other (`disagreement.ts`), with intervals over
 * members and over windows. One pass: a batch is tokenized and masked once and run through every
 * member.
 */

import {
  createDisagreement,
  type DisagreementSummary,
  NUCLEUS_LEVELS,
} from '../diagnostics/predictions/disagreement.ts';
import { askTokens, openAsking } from '../diagnostics/predictions/predictions.ts';
import { createPredictive, type Predictive, type PredictiveSummary } from '../diagnostics/predictions/predictive.ts';
import { overBatches, type TokenReader } from '../diagnostics/predictions/token-batches.ts';
import type { Compute } from '../runtime/training/network.ts';
import { createInformation, type Information } from './information.ts';
import {
  type Estimate,
  type Interval,
  overMembers,
  overPairs,
  overSubsets,
  overWindows,
  type PairValue,
  type WindowSums,
} from './intervals.ts';

export interface EnsembleAskOptions {
  readonly compute: Compute;
  readonly seed: number;
  /** Share of the tokens that are predicted. */
  readonly share: number;
  readonly progress?: (fraction: number) => void;
}

interface Measure {
  readonly of: (summary: PredictiveSummary) => number;
  /** The denominator of the mean; undefined: none, so there is no interval over windows. */
  readonly per?: 'token' | 'letter';
}

const missing = Number.NaN;

/** Measures of each member. Letters: nucleotides, or characters of a text. */
const MEASURES = {
  entropyBits: { of: (s) => s.entropyBits, per: 'token' },
  normalisedEntropy: { of: (s) => s.normalisedEntropy, per: 'token' },
  klModelToUniformBits: { of: (s) => s.klModelToUniformBits, per: 'token' },
  klUniformToModelBits: { of: (s) => s.klUniformToModelBits, per: 'token' },
  paperEntropyBits: { of: (s) => s.paper.entropyBits, per: 'token' },
  paperKlModelToUniformBits: { of: (s) => s.paper.klModelToUniformBits, per: 'token' },
  paperKlUniformToModelBits: { of: (s) => s.paper.klUniformToModelBits, per: 'token' },
  nllBits: { of: (s) => s.accuracy?.nllBits ?? missing, per: 'token' },
  top1: { of: (s) => s.accuracy?.top1 ?? missing, per: 'token' },
  entropyBitsPerLetter: { of: (s) => s.perNucleotide?.entropyBits ?? missing, per: 'letter' },
  klModelToUniformBitsPerLetter: { of: (s) => s.perNucleotide?.klModelToUniformBits ?? missing, per: 'letter' },
  nllBitsPerLetter: { of: (s) => s.perNucleotide?.nllBits ?? missing, per: 'letter' },
  perplexity: { of: (s) => s.accuracy?.perplexity ?? missing },
  calibrationError: { of: (s) => s.accuracy?.calibrationError ?? missing },
} as const satisfies Record<string, Measure>;

export type MeasureName = keyof typeof MEASURES;
export const MEASURE_NAMES = Object.keys(MEASURES) as MeasureName[];

export interface NucleusEstimate {
  readonly p: number;
  readonly jensenShannonDistance: Estimate;
  readonly jensenShannonDistancePaper: Estimate;
}

export interface EnsemblePredictions {
  readonly positions: number;
  readonly letters: number;
  readonly vocabulary: number;
  /** Means over the members, and their standard deviation. */
  readonly measures: Readonly<Record<MeasureName, Estimate>>;
  /** The same of every member. */
  readonly members: readonly Readonly<Record<MeasureName, number>>[];
  /** `[vocabulary]` mean over members. */
  readonly rankedDistribution: Float64Array;
  /** Over pairs. */
  readonly nucleus: readonly NucleusEstimate[];
  readonly top1Agreement: Estimate;
  /** 0..log2 members: compare only ensembles with the same number of members. */
  readonly mutualInformationBits: Estimate;
  readonly entropyOfMeanBits: number;
  readonly pairs: readonly {
    readonly first: number;
    readonly second: number;
    readonly jensenShannonDistance: number;
    readonly top1Agreement: number;
  }[];
}

/**
 * @throws when a logit is not a number, or no token was chosen. Members must be matched
 *   (`members.ts`).
 */
export async function ensemblePredictions(
  readers: readonly TokenReader[],
  windows: readonly string[],
  { compute, progress, ...drawn }: EnsembleAskOptions,
): Promise<EnsemblePredictions> {
  const [reader] = readers;
  const vocabulary = reader.model.vocabularySize as number;
  const gathered = createGathered(readers.length, vocabulary);
  const members = await Promise.all(readers.map(({ model }) => openAsking(model, compute)));
  try {
    let done = 0;
    await overBatches(reader, windows, compute, async (batch) => {
      const asked = askTokens(batch, reader.model, drawn);
      if (asked.rows.length > 0) {
        const logits: Float32Array[] = [];
        for (const member of members) logits.push(await member.logits(batch, asked)); // [asked, vocabulary]
        for (const { from, to } of byWindow(asked.rows, batch.tokens))
          gathered.addWindow(
            logits.map((block) => block.subarray(from * vocabulary, to * vocabulary)),
            asked.targets.subarray(from, to),
            asked.letters.subarray(from, to),
          );
      }
      done += batch.places.length;
      progress?.(done / windows.length);
    });
    return gathered.summary(drawn.seed);
  } finally {
    await Promise.all(members.map((member) => member.dispose()));
  }
}

/**
 * Runs of predicted rows of the same window; positions are flat in `[windows, tokens]`, ascending.
 */
function byWindow(places: BigInt64Array, tokens: number): { from: number; to: number }[] {
  const windowOf = (i: number) => Math.floor(Number(places[i]) / tokens);
  const found: { from: number; to: number }[] = [];
  for (let from = 0, to = 0; from < places.length; from = to) {
    while (to < places.length && windowOf(to) === windowOf(from)) to++;
    found.push({ from, to });
  }
  return found;
}

type WindowName = Exclude<MeasureName, 'perplexity' | 'calibrationError'> | SharedName;
/** Measures of the ensemble, not of a member. */
type SharedName = 'top1Agreement' | 'mutualInformationBits' | `jsd ${number}`;

/** Running totals of all means over positions or letters. */
interface Totals {
  readonly sums: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
}

function createGathered(count: number, vocabulary: number) {
  const predictive: readonly Predictive[] = Array.from({ length: count }, () => createPredictive(vocabulary));
  const disagreement = createDisagreement(count, vocabulary);
  const information = createInformation(count, vocabulary);
  const windows: WindowSums<WindowName>[] = [];
  let before: Totals | undefined;
  return {
    /**
     * Logits of all members `[rows, vocabulary]`, true ids and the number of letters of each, of
     * one window.
     */
    addWindow(logits: readonly Float32Array[], targets: Int32Array, nucleotides: Float64Array) {
      for (const [m, gatherer] of predictive.entries()) gatherer.add({ logits: logits[m], targets, nucleotides });
      disagreement.add(logits);
      information.add(logits);
      const members = predictive.map((gatherer) => gatherer.summary());
      const now = totals(members, disagreement.summary(), information.summary());
      windows.push(difference(now, before));
      before = now;
    },
    summary(seed: number): EnsemblePredictions {
      if (windows.length === 0) throw new Error('no window has a chosen token; use more of the corpus');
      const names = Object.keys(windows[0].sums) as WindowName[];
      return summarise(
        predictive.map((gatherer) => gatherer.summary()),
        disagreement.summary(),
        information.summary(),
        overWindows(windows, names, seed),
      );
    },
  };
}

/** Sums so far: means times their denominators; for members their mean. */
function totals(members: readonly PredictiveSummary[], shared: DisagreementSummary, information: Information): Totals {
  const [first] = members;
  const over = { token: first.rows, letter: first.perNucleotide?.nucleotides ?? 0 };
  const sums: Record<string, number> = {};
  const counts: Record<string, number> = {};
  const put = (name: string, mean: number, per: 'token' | 'letter') => {
    sums[name] = over[per] > 0 ? mean * over[per] : 0;
    counts[name] = over[per];
  };
  for (const [name, { of, ...measure }] of Object.entries(MEASURES))
    if ('per' in measure) put(name, members.reduce((sum, member) => sum + of(member), 0) / members.length, measure.per);
  put('top1Agreement', shared.top1Agreement.mean, 'token');
  put('mutualInformationBits', information.mutualInformationBits, 'token');
  for (const { p, jensenShannonDistance } of shared.nucleus) put(`jsd ${p}`, jensenShannonDistance.mean, 'token');
  return { sums, counts };
}

function difference(now: Totals, before: Totals | undefined): WindowSums<WindowName> {
  const less = (of: 'sums' | 'counts') =>
    Object.fromEntries(Object.entries(now[of]).map(([name, value]) => [name, value - (before?.[of][name] ?? 0)]));
  return { sums: less('sums'), counts: less('counts') } as WindowSums<WindowName>;
}

function summarise(
  members: readonly PredictiveSummary[],
  shared: DisagreementSummary,
  information: Information,
  intervals: Partial<Record<string, Interval>>,
): EnsemblePredictions {
  const [first] = members;
  const pairs = (value: (pair: DisagreementSummary['pairs'][number]) => number): PairValue[] =>
    shared.pairs.map((pair) => ({ first: pair.first, second: pair.second, value: value(pair) }));
  const measured = (name: MeasureName) => members.map(MEASURES[name].of);
  const whole = NUCLEUS_LEVELS.indexOf(1);
  return {
    positions: first.rows,
    letters: first.perNucleotide?.nucleotides ?? 0,
    vocabulary: first.vocabulary,
    measures: Object.fromEntries(
      MEASURE_NAMES.map((name) => [name, overMembers(measured(name), intervals[name])]),
    ) as Record<MeasureName, Estimate>,
    members: members.map(
      (member) =>
        Object.fromEntries(MEASURE_NAMES.map((name) => [name, MEASURES[name].of(member)])) as Record<
          MeasureName,
          number
        >,
    ),
    rankedDistribution: first.rankedDistribution.map(
      (_, rank) => members.reduce((sum, { rankedDistribution }) => sum + rankedDistribution[rank], 0) / members.length,
    ),
    nucleus: shared.nucleus.map(({ p }, level) => ({
      p,
      jensenShannonDistance: overPairs(
        pairs(({ nucleus }) => nucleus[level].jensenShannonDistance),
        intervals[`jsd ${p}`],
      ),
      jensenShannonDistancePaper: overPairs(pairs(({ nucleus }) => nucleus[level].jensenShannonDistancePaper)),
    })),
    top1Agreement: overPairs(
      pairs((pair) => pair.top1Agreement),
      intervals.top1Agreement,
    ),
    mutualInformationBits: overSubsets(
      information.mutualInformationBits,
      information.leftOut,
      intervals.mutualInformationBits,
    ),
    entropyOfMeanBits: shared.entropyOfMeanBits,
    pairs: shared.pairs.map(({ first: a, second: b, nucleus, top1Agreement }) => ({
      ...{ first: a, second: b, top1Agreement },
      jensenShannonDistance: nucleus[whole].jensenShannonDistance,
    })),
  };
}
