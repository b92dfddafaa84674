/**
 * Position weight matrices of the synthetic regulatory tasks. The consensus sequences are invented.
 * They differ from each other, from each other's reverse complement and from their own: at any
 * offset with five or more common columns, 44% of these differ. Each has one column of half
 * strength, so that sites vary. A column gives its consensus base probability s and the other three
 * (1 - s) / 3. Information content is measured against uniform bases: 2 + s log2 s + (1 - s)
 * log2((1 - s) / 3) bits per column (1.37 at s = 0.9, 0.35 at the weak 0.575).
 */
import { BASES } from './background.ts';
import { drawIndex, type Uniform } from './draws.ts';

export interface Motif {
  readonly name: string;
  readonly consensus: string;
  /** `[width][4]` probabilities of A, C, G, T. */
  readonly matrix: readonly (readonly number[])[];
}

/** Upper case: full strength; lower case: halfway between strength and uniform. */
const CONSENSUS = { A: 'AACtCACACT', B: 'ATGtACCCCT', C: 'CTAtCCACAA' } as const;
export type MotifName = keyof typeof CONSENSUS;

/**
 * The named motif with consensus probability `strength` (between 0.25, no signal, and 1, a fixed
 * word) per column.
 */
export function motif(name: MotifName, strength: number): Motif {
  if (!(strength > 0.25 && strength <= 1)) {
    throw new Error(`motif strength ${strength}: the consensus probability must be above 0.25 and at most 1`);
  }
  const letters = [...CONSENSUS[name]];
  return {
    name,
    consensus: letters.join('').toUpperCase(),
    matrix: letters.map((letter) => {
      const isWeak = letter === letter.toLowerCase();
      const consensusProbability = isWeak ? (strength + 0.25) / 2 : strength;
      return [...BASES].map((base) =>
        base === letter.toUpperCase() ? consensusProbability : (1 - consensusProbability) / 3,
      );
    }),
  };
}

/** The same columns in another order: composition and information stay, the word is lost. */
export function permuted(source: Motif, order: readonly number[]): Motif {
  return {
    name: `${source.name}-shuffled`,
    consensus: order.map((column) => source.consensus[column]).join(''),
    matrix: order.map((column) => source.matrix[column]),
  };
}

/** Bits against uniform bases. */
export function informationContent(source: Motif): number {
  let bits = 0;
  for (const column of source.matrix) for (const p of column) if (p > 0) bits += p * Math.log2(p / 0.25);
  return bits;
}

/** One site, as indices 0..3. */
export function drawSite(uniform: Uniform, source: Motif): Uint8Array {
  return Uint8Array.from(source.matrix, (column) => drawIndex(uniform, column));
}

/** Share of a site's positions that equal the consensus. */
export function consensusShare(source: Motif, site: Uint8Array): number {
  let matches = 0;
  for (let i = 0; i < site.length; i++) if (BASES[site[i]] === source.consensus[i]) matches += 1;
  return matches / site.length;
}

/** P(site | motif) / P(site | background) at every start, `[length - width + 1]`. */
export function siteOdds(source: Motif, bases: Uint8Array, background: Float64Array): Float64Array {
  const width = source.matrix.length;
  const odds = new Float64Array(bases.length - width + 1);
  for (let start = 0; start < odds.length; start++) {
    let ratio = 1;
    for (let i = 0; i < width; i++) ratio *= source.matrix[i][bases[start + i]] / background[start + i];
    odds[start] = ratio;
  }
  return odds;
}
