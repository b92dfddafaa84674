/**
 * A protein-coding barcode gene of 658 nt, COI-like, and its evolution codon by codon. The frame is that of the COI barcode region
 * (Folmer primers): one base (the last of a codon), then 219 codons, under the invertebrate mitochondrial code (NCBI table 5:
 * TGA is Trp, ATA Met, AGA and AGG Ser; stops TAA and TAG never occur).
 * Substitutions follow the form of Goldman and Yang (Mol Biol Evol 11:725, 1994): a proposed base is drawn by the position's base
 * composition (third positions rich in A and T), transitions `kappa` times as often as transversions; a stop is refused, a change
 * of amino acid is accepted with probability `omega` times the codon's own freedom. Composition by position is
 * set to look like insect COI, not estimated; there are no insertions or deletions.
 */
import { drawBetween, drawIndex, drawInteger, type Uniform } from './draws.ts';

export const GENE_LENGTH = 658;
/** Index of the first base of the first whole codon. */
export const FRAME = 1;

/** Amino acids of NCBI table 5 with codons in the order T, C, A, G at each position. */
const TABLE_5 = 'FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG';
/** From A, C, G, T (0..3) to the table's T, C, A, G. */
const TABLE_ORDER = [2, 1, 3, 0];

/** Composition (A, C, G, T) of first, second and third codon positions. */
const COMPOSITION: readonly (readonly number[])[] = [
  [0.29, 0.18, 0.25, 0.28],
  [0.18, 0.25, 0.15, 0.42],
  [0.42, 0.12, 0.05, 0.41],
];

export interface SubstitutionModel {
  /** Ratio of proposed transitions to transversions. */
  readonly kappa: number;
  /** Acceptance of a change of amino acid at a codon without constraint. */
  readonly omega: number;
}
export const SUBSTITUTION_DEFAULTS: SubstitutionModel = { kappa: 4, omega: 0.06 };

/** One-letter amino acid of a codon of bases 0..3 (A, C, G, T); "*" for a stop. */
export function translateCodon(first: number, second: number, third: number): string {
  return TABLE_5[16 * TABLE_ORDER[first] + 4 * TABLE_ORDER[second] + TABLE_ORDER[third]];
}

/** The gene's protein, 219 amino acids. */
export function translateGene(gene: Uint8Array): string {
  let protein = '';
  for (let i = FRAME; i + 2 < gene.length; i += 3) protein += translateCodon(gene[i], gene[i + 1], gene[i + 2]);
  return protein;
}

/** 0, 1 or 2: first, second or third position of its codon. */
const codonPosition = (site: number): number => (site - FRAME + 3) % 3;

/** An ancestral gene: bases by position-specific composition, stops redrawn. */
export function drawGene(uniform: Uniform): Uint8Array {
  const gene = new Uint8Array(GENE_LENGTH);
  for (let i = 0; i < FRAME; i++) gene[i] = drawIndex(uniform, COMPOSITION[2]);
  for (let i = FRAME; i < GENE_LENGTH; i += 3) {
    do {
      for (let k = 0; k < 3; k++) gene[i + k] = drawIndex(uniform, COMPOSITION[k]);
    } while (translateCodon(gene[i], gene[i + 1], gene[i + 2]) === '*');
  }
  return gene;
}

/**
 * Freedom of each codon's amino acid to change, 0..1: half the codons hardly change, the rest to
 * varying degrees.
 */
export function drawFreedom(uniform: Uniform): Float64Array {
  return Float64Array.from({ length: Math.ceil(GENE_LENGTH / 3) }, () =>
    uniform() < 0.5 ? 0.05 : drawBetween(uniform, 0.1, 1),
  );
}

/**
 * Probability, up to a constant, that base `to` is proposed at a base `from`; no change has the
 * remaining probability.
 */
function proposalTable(kappa: number): number[][][] {
  // Transitions join A with G (0, 2) and C with T (1, 3).
  const change = (position: number, from: number) =>
    COMPOSITION[position].map((share, to) => (to === from ? 0 : share * ((from ^ to) === 2 ? kappa : 1)));
  const sum = (weights: readonly number[]) => weights.reduce((a, b) => a + b, 0);
  const table = [0, 1, 2].map((position) => [0, 1, 2, 3].map((from) => change(position, from)));
  // One constant for all bases, so that the composition by position is stationary (detailed
  // balance).
  const most = Math.max(...table.flat().map(sum));
  return table.map((rows) => rows.map((weights, from) => weights.with(from, most - sum(weights))));
}

/**
 * The gene after `proposals` proposed substitutions at uniformly drawn sites. The input is not
 * changed.
 */
export function evolve(
  uniform: Uniform,
  gene: Uint8Array,
  proposals: number,
  freedom: Float64Array,
  model: SubstitutionModel,
): Uint8Array {
  const evolved = gene.slice();
  const table = proposalTable(model.kappa);
  for (let n = 0; n < proposals; n++) {
    const site = drawInteger(uniform, 0, evolved.length - 1);
    const position = codonPosition(site);
    const from = evolved[site];
    const to = drawIndex(uniform, table[position][from]);
    if (to === from) continue;
    if (site < FRAME) {
      evolved[site] = to;
      continue;
    }
    const start = site - position;
    const before = translateCodon(evolved[start], evolved[start + 1], evolved[start + 2]);
    evolved[site] = to;
    const after = translateCodon(evolved[start], evolved[start + 1], evolved[start + 2]);
    const acceptance = after === '*' ? 0 : after === before ? 1 : model.omega * freedom[(start - FRAME) / 3];
    if (acceptance < 1 && uniform() >= acceptance) evolved[site] = from;
  }
  return evolved;
}
