/**
 * A random taxonomy as a rooted tree: families > genera > species > specimens. The children of each
 * taxon coalesce pairwise at random heights between the tips' and the taxon's own crown, so the
 * tree is ultrametric and every family, genus and species is a clade. Heights are in proposed
 * substitutions per site (see `coding-gene.ts`). The tree is kept as ground truth.
 */
import { drawBetween, drawInteger, type Uniform } from './draws.ts';

export interface TreeNode {
  /** Name of a taxon or specimen; inner nodes between ranks have none. */
  readonly name?: string;
  readonly rank?: 'family' | 'genus' | 'species' | 'specimen';
  /** Distance from the present, in proposed substitutions per site. */
  readonly height: number;
  readonly children: readonly TreeNode[];
}

export interface TaxonomyOptions {
  readonly families: number;
  /** Minimum and maximum number of children, both included. */
  readonly generaPerFamily: readonly [number, number];
  readonly speciesPerGenus: readonly [number, number];
  readonly specimensPerSpecies: readonly [number, number];
  /** Range of crown heights of each rank, in proposed substitutions per site. */
  readonly crowns: Readonly<Record<'root' | 'family' | 'genus' | 'species', readonly [number, number]>>;
}

/** Joins lineages pairwise at random heights from `floor` up to `crown`; the last join is at `crown` itself. */
function coalesce(uniform: Uniform, tips: readonly TreeNode[], floor: number, crown: number): TreeNode {
  const lineages = [...tips];
  const heights = Array.from({ length: tips.length - 2 }, () => drawBetween(uniform, floor, crown)).sort(
    (a, b) => a - b,
  );
  heights.push(crown);
  for (const height of heights) {
    const first = lineages.splice(drawInteger(uniform, 0, lineages.length - 1), 1)[0];
    const second = lineages.splice(drawInteger(uniform, 0, lineages.length - 1), 1)[0];
    lineages.push({ height, children: [first, second] });
  }
  return lineages[0];
}

/** Joins `tips` into the clade of a named taxon, above all of them. */
function clade(
  uniform: Uniform,
  tips: readonly TreeNode[],
  range: readonly [number, number],
  taxon: Pick<TreeNode, 'name' | 'rank'>,
): TreeNode {
  const youngest = Math.max(...tips.map((tip) => tip.height));
  if (tips.length === 1) return { ...taxon, height: youngest, children: tips };
  const crown = Math.max(youngest, drawBetween(uniform, ...range));
  // Specimens do not coalesce at height 0: most have their own variant.
  const floor = taxon.rank === 'species' ? crown / 2 : youngest;
  return { ...coalesce(uniform, tips, floor, crown), ...taxon };
}

const numbered = (prefix: string, n: number): string => `${prefix}${String(n).padStart(2, '0')}`;

/** A random tree with named families, genera, species and specimens. */
export function drawTaxonomy(uniform: Uniform, options: TaxonomyOptions): TreeNode {
  let genera = 0;
  const { crowns } = options;
  const families = Array.from({ length: options.families }, (_, f) => {
    const generaHere = Array.from({ length: drawInteger(uniform, ...options.generaPerFamily) }, () => {
      genera += 1;
      const genus = numbered('Genus', genera);
      const species = Array.from({ length: drawInteger(uniform, ...options.speciesPerGenus) }, (_, s) => {
        const name = `${genus} ${numbered('species', s + 1)}`;
        const specimens = Array.from({ length: drawInteger(uniform, ...options.specimensPerSpecies) }, (_, i) => ({
          name: `${name} ${numbered('specimen', i + 1)}`,
          rank: 'specimen' as const,
          height: 0,
          children: [],
        }));
        return clade(uniform, specimens, crowns.species, { name, rank: 'species' });
      });
      return clade(uniform, species, crowns.genus, { name: genus, rank: 'genus' });
    });
    return clade(uniform, generaHere, crowns.family, { name: numbered('Family', f + 1), rank: 'family' });
  });
  return clade(uniform, families, crowns.root, {});
}

/** Newick, branch lengths in proposed substitutions per site; names in quotes. */
export function newick(root: TreeNode): string {
  const write = (node: TreeNode, parentHeight: number): string => {
    const inner = node.children.length === 0 ? '' : `(${node.children.map((c) => write(c, node.height)).join(',')})`;
    const name = node.name === undefined ? '' : `'${node.name}'`;
    return `${inner}${name}:${(parentHeight - node.height).toFixed(6)}`;
  };
  return `${write(root, root.height)};`;
}
