/**
 * A regulatory grammar with known ground truth. A sequence is positive when motif A is followed, on
 * the same strand, by motif B after a gap within a window; the pair is on either strand. Negatives
 * are decoys in declared shares. Each decoy breaks one rule: A alone, B alone, a gap outside the
 * window, B reversed, B before A, both motifs with shuffled columns. So the arrangement decides,
 * not the composition or the presence of a word. Every planted site is kept. The oracle is the
 * Bayes posterior of the generating model, except that letters next to a site keep the background
 * chain's probabilities as if the site had been drawn from it. It is the ceiling for contenders.
 */
import {
  backgroundProbabilities,
  decodeBases,
  drawBackground,
  encodeBases,
  reverseComplementBases,
} from './background.ts';
import { apportion, drawInteger, shuffled, type Uniform } from './draws.ts';
import { drawSite, type Motif, motif, permuted, siteOdds } from './motifs.ts';

export const DECOY_KINDS = ['a-alone', 'b-alone', 'spacing', 'orientation', 'order', 'shuffled'] as const;
export type DecoyKind = (typeof DECOY_KINDS)[number];
export type Arrangement = 'grammar' | DecoyKind;

export interface GrammarOptions {
  readonly length: number;
  /** Probability of the consensus base in a motif's column: a lower value is harder. */
  readonly strength: number;
  /** Minimum and maximum number of bases between A and B that the grammar accepts. */
  readonly gap: readonly [number, number];
  /** Gaps of the "spacing" decoys; must not overlap `gap`. */
  readonly wrongGap: readonly [number, number];
  /** Relative share of each decoy among negatives. */
  readonly decoys: Readonly<Record<DecoyKind, number>>;
}

export const GRAMMAR_DEFAULTS: GrammarOptions = {
  length: 200,
  strength: 0.9,
  gap: [4, 12],
  wrongGap: [24, 60],
  decoys: { 'a-alone': 0.3, 'b-alone': 0.3, spacing: 0.1, orientation: 0.075, order: 0.075, shuffled: 0.15 },
};

/** A planted site: 0-based `start`, `end` exclusive, on the strand it is read from. */
export interface PlantedSite {
  readonly motif: string;
  readonly start: number;
  readonly end: number;
  readonly strand: '+' | '-';
}

export interface GrammarSequence {
  readonly sequence: string;
  readonly arrangement: Arrangement;
  readonly sites: readonly PlantedSite[];
}

/** Throws on options that contradict each other, with the name of the option. */
export function checkGrammar(options: GrammarOptions): void {
  const width = grammarMotifs(options).reduce((sum, m) => sum + m.matrix.length, 0);
  const ranges = { gap: options.gap, wrongGap: options.wrongGap };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    if (!Number.isInteger(low) || !Number.isInteger(high) || low < 0 || high < low) {
      throw new Error(`${name} [${low}, ${high}] must be two whole numbers, the smaller first`);
    }
    if (width + high > options.length) {
      throw new Error(`${name} up to ${high} needs ${width + high} nucleotides, but length is ${options.length}`);
    }
  }
  if (options.wrongGap[0] <= options.gap[1] && options.gap[0] <= options.wrongGap[1]) {
    throw new Error(`wrongGap [${options.wrongGap}] overlaps gap [${options.gap}]: a decoy would follow the grammar`);
  }
  const shares = DECOY_KINDS.map((kind) => options.decoys[kind]);
  if (!shares.every((share) => share >= 0) || !shares.some((share) => share > 0)) {
    throw new Error('decoys: every share must be 0 or more, and at least one above 0');
  }
}

function grammarMotifs(options: GrammarOptions): [Motif, Motif] {
  return [motif('A', options.strength), motif('B', options.strength)];
}

interface Part {
  readonly motif: Motif;
  readonly offset: number;
  readonly strand: '+' | '-';
}

/** Sites of an arrangement on the forward strand, relative to the first one's start. */
function parts(uniform: Uniform, arrangement: Arrangement, options: GrammarOptions): Part[] {
  const [a, b] = grammarMotifs(options);
  const pair = (first: Part['motif'], second: Part['motif'], gap: readonly [number, number]): [Part, Part] => [
    { motif: first, offset: 0, strand: '+' },
    { motif: second, offset: first.matrix.length + drawInteger(uniform, gap[0], gap[1]), strand: '+' },
  ];
  switch (arrangement) {
    case 'grammar':
      return pair(a, b, options.gap);
    case 'a-alone':
      return [{ motif: a, offset: 0, strand: '+' }];
    case 'b-alone':
      return [{ motif: b, offset: 0, strand: '+' }];
    case 'spacing':
      return pair(a, b, options.wrongGap);
    case 'orientation': {
      const [first, second] = pair(a, b, options.gap);
      return [first, { ...second, strand: '-' }];
    }
    case 'order':
      return pair(b, a, options.gap);
    case 'shuffled':
      return pair(scrambled(uniform, a), scrambled(uniform, b), options.gap);
  }
}

const scrambled = (uniform: Uniform, source: Motif): Motif =>
  permuted(
    source,
    shuffled(
      uniform,
      source.matrix.map((_, column) => column),
    ),
  );

/** One sequence of the given arrangement. */
export function drawGrammarSequence(
  uniform: Uniform,
  arrangement: Arrangement,
  options: GrammarOptions,
): GrammarSequence {
  let bases = drawBackground(uniform, options.length);
  const planted = parts(uniform, arrangement, options);
  const span = Math.max(...planted.map((part) => part.offset + part.motif.matrix.length));
  const start = drawInteger(uniform, 0, options.length - span);
  let sites: PlantedSite[] = planted.map((part) => {
    const site = drawSite(uniform, part.motif);
    const at = start + part.offset;
    bases.set(part.strand === '+' ? site : reverseComplementBases(site), at);
    return { motif: part.motif.name, start: at, end: at + site.length, strand: part.strand };
  });
  if (uniform() < 0.5) {
    bases = reverseComplementBases(bases);
    sites = sites.map((site) => ({
      motif: site.motif,
      start: options.length - site.end,
      end: options.length - site.start,
      strand: site.strand === '+' ? ('-' as const) : ('+' as const),
    }));
  }
  return { sequence: decodeBases(bases), arrangement, sites };
}

/** `count` sequences, half of them positive (one more negative when odd), decoys in their shares, in random order. */
export function drawGrammarSet(uniform: Uniform, count: number, options: GrammarOptions): GrammarSequence[] {
  const positives = Math.floor(count / 2);
  const decoys = apportion(
    count - positives,
    DECOY_KINDS.map((kind) => options.decoys[kind]),
  );
  const arrangements: Arrangement[] = Array.from({ length: positives }, () => 'grammar');
  DECOY_KINDS.forEach((kind, i) => {
    for (let n = 0; n < decoys[i]; n++) arrangements.push(kind);
  });
  return shuffled(uniform, arrangements).map((arrangement) => drawGrammarSequence(uniform, arrangement, options));
}

/** Mean over placements of odds(first at i) x odds(second at i + width + gap), gap uniform in the range. */
function pairOdds(first: Float64Array, second: Float64Array, width: number, gap: readonly [number, number]): number {
  let total = 0;
  for (let g = gap[0]; g <= gap[1]; g++) {
    const starts = second.length - width - g;
    let sum = 0;
    for (let i = 0; i < starts; i++) sum += first[i] * second[i + width + g];
    total += sum / starts;
  }
  return total / (gap[1] - gap[0] + 1);
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * P(grammar | sequence) under the generating model with equal classes: the score of the ideal
 * observer. Shuffled motifs count as background, because their 10! x 10! orders dilute any one
 * word.
 */
export function grammarPosterior(sequence: string, options: GrammarOptions = GRAMMAR_DEFAULTS): number {
  const [a, b] = grammarMotifs(options);
  const widthA = a.matrix.length;
  const widthB = b.matrix.length;
  const forward = encodeBases(sequence);
  const odds: Record<Arrangement, number> = {
    grammar: 0,
    'a-alone': 0,
    'b-alone': 0,
    spacing: 0,
    orientation: 0,
    order: 0,
    shuffled: 1,
  };
  for (const bases of [forward, reverseComplementBases(forward)]) {
    const background = backgroundProbabilities(bases);
    const atA = siteOdds(a, bases, background);
    const atB = siteOdds(b, bases, background);
    const turnedB = siteOdds(turned(b), bases, background);
    odds.grammar += pairOdds(atA, atB, widthA, options.gap) / 2;
    odds['a-alone'] += mean(atA) / 2;
    odds['b-alone'] += mean(atB) / 2;
    odds.spacing += pairOdds(atA, atB, widthA, options.wrongGap) / 2;
    odds.orientation += pairOdds(atA, turnedB, widthA, options.gap) / 2;
    odds.order += pairOdds(atB, atA, widthB, options.gap) / 2;
  }
  const shares = DECOY_KINDS.map((kind) => options.decoys[kind]);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const negative = DECOY_KINDS.reduce((sum, kind, i) => sum + (shares[i] / total) * odds[kind], 0);
  return odds.grammar / (odds.grammar + negative);
}

/** The motif on the other strand. */
const turned = (source: Motif): Motif => ({
  ...source,
  matrix: [...source.matrix].reverse().map((column) => [...column].reverse()),
});
