/**
 * Synthetic promoter activity: a quantity that a sequence determines up to noise of known size.
 * Sites of two activating motifs (A and B, none to two of each) and one repressing motif (C, none
 * or one) are planted without overlap on random strands:
 *   signal = 2 + 1.0 sum share(A) + 0.8 sum share(B) - 1.2 share(C)
 *            + 1.5 [an A and a B within 40 nt] + 0.5 (gc - 0.415) / 0.035
 *   activity = signal + noise sd x normal
 * where share(site) is the share of its positions that equal the consensus and gc the sequence's
 * G+C share. Predicting the signal gives the largest possible R2, 1 - variance(noise) /
 * variance(activity). The signal is kept with every row.
 */
import { decodeBases, drawBackground, reverseComplementBases } from './background.ts';
import { drawInteger, drawNormal, shuffled, type Uniform } from './draws.ts';
import type { PlantedSite } from './grammar.ts';
import { consensusShare, drawSite, type Motif, type MotifName, motif } from './motifs.ts';

export interface ActivityOptions {
  readonly length: number;
  /** Probability of the consensus base in a motif's column. */
  readonly strength: number;
  readonly noise: number;
}

export const ACTIVITY_DEFAULTS: ActivityOptions = { length: 200, strength: 0.9, noise: 0.6 };

export const ACTIVITY_EFFECTS = { base: 2, A: 1, B: 0.8, C: -1.2, pair: 1.5, gc: 0.5 } as const;
const PAIR_DISTANCE = 40;
const GC_MEAN = 0.415;
const GC_SPREAD = 0.035;
/** Sites are placed in slots of this width, one per slot, so that they never overlap. */
const SLOT = 20;

export interface ActivitySequence {
  readonly sequence: string;
  readonly activity: number;
  /** Activity before noise. */
  readonly signal: number;
  readonly sites: readonly PlantedSite[];
}

/** One sequence with its activity. */
export function drawActivitySequence(uniform: Uniform, options: ActivityOptions): ActivitySequence {
  const slots = Math.floor(options.length / SLOT);
  if (slots < 5) throw new Error(`length ${options.length}: five sites need at least ${5 * SLOT} nucleotides`);
  if (!(options.noise >= 0)) throw new Error(`noise ${options.noise}: the standard deviation must be 0 or more`);
  const names: MotifName[] = [];
  for (const [name, most] of [
    ['A', 2],
    ['B', 2],
    ['C', 1],
  ] as const) {
    for (let left = drawInteger(uniform, 0, most); left > 0; left--) names.push(name);
  }
  const bases = drawBackground(uniform, options.length);
  const free = shuffled(
    uniform,
    Array.from({ length: slots }, (_, slot) => slot),
  );
  let signal: number = ACTIVITY_EFFECTS.base;
  const sites: PlantedSite[] = names.map((name, i) => {
    const source: Motif = motif(name, options.strength);
    const site = drawSite(uniform, source);
    const start = free[i] * SLOT + drawInteger(uniform, 0, SLOT - site.length);
    const isForward = uniform() < 0.5;
    bases.set(isForward ? site : reverseComplementBases(site), start);
    signal += ACTIVITY_EFFECTS[name] * consensusShare(source, site);
    return { motif: name, start, end: start + site.length, strand: isForward ? '+' : '-' };
  });
  const isPaired = sites.some(
    (a) => a.motif === 'A' && sites.some((b) => b.motif === 'B' && Math.abs(a.start - b.start) <= PAIR_DISTANCE),
  );
  if (isPaired) signal += ACTIVITY_EFFECTS.pair;
  const gc = bases.filter((base) => base === 1 || base === 2).length / bases.length;
  signal += (ACTIVITY_EFFECTS.gc * (gc - GC_MEAN)) / GC_SPREAD;
  return { sequence: decodeBases(bases), activity: signal + options.noise * drawNormal(uniform), signal, sites };
}
