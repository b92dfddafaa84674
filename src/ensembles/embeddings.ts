/**
 * Whether the members of an ensemble arrange tokens and windows alike: static embeddings over all
 * pairs (`static-embeddings.ts`) and, layer by layer, hidden states in context: the geometry of
 * each member, linear CKA, shared neighbours and distance of pairs (`geometry.ts`,
 * `kernel-alignment.ts`). Intervals are over members only: a window that is drawn twice would be
 * its own nearest neighbour.
 */
import type { Matrix } from '../core/matrix.ts';
import { ckaBetween, layerVectors } from '../diagnostics/geometry/contextual.ts';
import { type Geometry, geometry, neighbourOverlap, rowDistance } from '../diagnostics/geometry/geometry.ts';
import {
  compareStaticEmbeddings,
  type StaticPair,
  type StaticStability,
} from '../diagnostics/geometry/static-embeddings.ts';
import type { TokenReader } from '../diagnostics/predictions/token-batches.ts';
import type { Compute } from '../runtime/training/network.ts';
import { type Estimate, overMembers, overPairs, type PairValue } from './intervals.ts';

/** Number of neighbours of a window that are compared: the paper's. */
const NEIGHBOURS = 10;

const SHAPES = [
  'effectiveRank',
  'participationRatio',
  'uniformity',
  'anisotropy',
  'meanCosine',
] as const satisfies readonly (keyof Geometry)[];
export type ShapeName = (typeof SHAPES)[number];

export interface EnsembleStatic extends Pick<StaticStability, 'vocabulary' | 'tokens' | 'dimensions' | 'pairs'> {
  readonly neighbours: readonly {
    readonly k: number;
    readonly chanceJaccard: number;
    readonly jaccard: Estimate;
    readonly localSpearman: Estimate;
    readonly localSpearmanPaper: Estimate;
  }[];
  readonly disparity: Estimate;
  readonly alignedCosine: Estimate;
  readonly linearCka: Estimate;
  readonly rbfCka: Estimate;
}

/** From word tables `[vocabulary, width]`, one per member. */
export function ensembleStatic(tables: readonly Matrix[], progress?: (fraction: number) => void): EnsembleStatic {
  const { vocabulary, tokens, dimensions, pairs, neighbours } = compareStaticEmbeddings(tables, { progress });
  const over = (value: (pair: StaticPair) => number) =>
    overPairs(pairs.map((pair) => ({ first: pair.first, second: pair.second, value: value(pair) })));
  return {
    ...{ vocabulary, tokens, dimensions, pairs },
    neighbours: neighbours.map(({ k, chanceJaccard }, i) => ({
      ...{ k, chanceJaccard },
      jaccard: over((pair) => pair.neighbours[i].jaccard),
      localSpearman: over((pair) => pair.neighbours[i].localSpearman),
      localSpearmanPaper: over((pair) => pair.neighbours[i].localSpearmanPaper),
    })),
    disparity: over((pair) => pair.disparity),
    alignedCosine: over((pair) => pair.alignedCosine),
    linearCka: over((pair) => pair.linearCka),
    rbfCka: over((pair) => pair.rbfCka),
  };
}

export interface EnsembleLayer {
  /** 0: the embeddings. */
  readonly layer: number;
  /** Of windows (mean over tokens), over members. */
  readonly pooled: Readonly<Record<ShapeName, Estimate>>;
  /** Of single tokens in context. */
  readonly tokens?: Readonly<Record<ShapeName, Estimate>>;
  /** Linear CKA of pooled vectors, `[members][members]`. */
  readonly memberCka: readonly (readonly number[])[];
  /** Over pairs, like what follows, all of pooled vectors. */
  readonly cka: Estimate;
  readonly neighbourOverlap?: Estimate;
  /**
   * Mean squared distance of a window's two vectors of length 1: 0 for equal, 2 for unrelated. Not
   * meaningful when members may be rotated.
   */
  readonly rowDistance: Estimate;
}

export interface EnsembleContextual {
  readonly windows: number;
  readonly layers: readonly EnsembleLayer[];
  /** Of the overlap; missing when there are too few windows. */
  readonly neighbours?: { readonly k: number; readonly chance: number };
  /** `[layers + 1][layers + 1]` linear CKA between layers of a member, mean over members. */
  readonly layerCka: readonly (readonly number[])[];
}

export interface EnsembleContextualOptions {
  readonly compute: Compute;
  readonly seed: number;
  readonly progress?: (fraction: number) => void;
}

/** @throws for fewer than 3 windows, or hidden states that are not finite. */
export async function ensembleContextual(
  readers: readonly TokenReader[],
  windows: readonly string[],
  { compute, seed, progress }: EnsembleContextualOptions,
): Promise<EnsembleContextual> {
  const members: Awaited<ReturnType<typeof layerVectors>>[] = [];
  for (const reader of readers) {
    const report = (done: number) => progress?.((0.6 * (members.length + done)) / readers.length);
    members.push(await layerVectors(reader, windows, { compute, seed, progress: report }));
  }
  const k = windows.length > NEIGHBOURS ? NEIGHBOURS : undefined;
  const layers = members[0].pooled.map((_, layer): EnsembleLayer => {
    const pooled = members.map((member) => member.pooled[layer]);
    const tokens = members.flatMap((member) => (member.tokens ? [member.tokens[layer]] : []));
    const memberCka = ckaBetween(pooled);
    const described = {
      layer,
      pooled: shapes(pooled),
      ...(tokens.length === members.length && { tokens: shapes(tokens) }),
      memberCka,
      cka: overPairs(pairsOf(pooled, (_a, _b, first, second) => memberCka[first][second])),
      ...(k && { neighbourOverlap: overPairs(pairsOf(pooled, (a, b) => neighbourOverlap(a, b, k))) }),
      rowDistance: overPairs(pairsOf(pooled, rowDistance)),
    };
    progress?.(0.6 + (0.4 * (layer + 1)) / members[0].pooled.length);
    return described;
  });
  const between = members.map(({ pooled }) => ckaBetween(pooled)); // each [layers + 1, layers + 1]
  return {
    windows: windows.length,
    layers,
    ...(k && { neighbours: { k, chance: k / (windows.length - 1) } }),
    layerCka: between[0].map((row, a) =>
      row.map((_, b) => between.reduce((sum, table) => sum + table[a][b], 0) / between.length),
    ),
  };
}

function shapes(clouds: readonly Matrix[]): Record<ShapeName, Estimate> {
  const described = clouds.map(geometry);
  return Object.fromEntries(SHAPES.map((name) => [name, overMembers(described.map((shape) => shape[name]))])) as Record<
    ShapeName,
    Estimate
  >;
}

function pairsOf<T>(members: readonly T[], value: (a: T, b: T, first: number, second: number) => number): PairValue[] {
  return members.flatMap((a, first) =>
    members.slice(first + 1).map((b, i): PairValue => {
      const second = first + 1 + i;
      return { first, second, value: value(a, b, first, second) };
    }),
  );
}
