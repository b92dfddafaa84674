/**
 * DNA barcodes with known ground truth: the gene of `coding-gene.ts` evolves along the tree of
 * `taxonomy.ts` and is then read with laboratory errors: some barcodes miss bases at the ends, some
 * contain N. Specimens with the same gene as an earlier specimen are left out and counted, as a
 * reference library collapses identical barcodes.
 */
import { decodeBases } from './background.ts';
import { drawFreedom, drawGene, evolve, SUBSTITUTION_DEFAULTS, type SubstitutionModel } from './coding-gene.ts';
import { drawInteger, type Uniform } from './draws.ts';
import { drawTaxonomy, type TaxonomyOptions, type TreeNode } from './taxonomy.ts';

export interface BarcodeOptions extends TaxonomyOptions, SubstitutionModel {
  /** Share of barcodes that miss up to 40 bases at each end. */
  readonly trimmed: number;
  /** Share of barcodes with one to eight N. */
  readonly withUnknown: number;
}

export const BARCODE_DEFAULTS: BarcodeOptions = {
  ...SUBSTITUTION_DEFAULTS,
  families: 5,
  generaPerFamily: [3, 4],
  speciesPerGenus: [4, 7],
  specimensPerSpecies: [20, 34],
  crowns: { root: [2.4, 2.4], family: [0.85, 1.15], genus: [0.5, 1.15], species: [0.01, 0.025] },
  trimmed: 0.25,
  withUnknown: 0.1,
};

export interface Specimen {
  readonly name: string;
  readonly family: string;
  readonly genus: string;
  readonly species: string;
  /** All 658 bases, 0..3. */
  readonly gene: Uint8Array;
  /** The read: trimmed and with N. */
  readonly barcode: string;
}

export interface BarcodeLibrary {
  readonly tree: TreeNode;
  readonly specimens: readonly Specimen[];
  /** Number of specimens left out because an earlier one has the same gene. */
  readonly collapsed: number;
}

/** A library of specimens in the order of the tree's tips. */
export function drawBarcodes(uniform: Uniform, options: BarcodeOptions): BarcodeLibrary {
  const tree = drawTaxonomy(uniform, options);
  const freedom = drawFreedom(uniform);
  const specimens: Specimen[] = [];
  const seen = new Set<string>();
  let collapsed = 0;
  const descend = (node: TreeNode, gene: Uint8Array, path: Readonly<Record<string, string>>): void => {
    const here = node.rank === undefined ? path : { ...path, [node.rank]: node.name ?? '' };
    if (node.rank === 'specimen') {
      const letters = decodeBases(gene);
      if (seen.has(letters)) {
        collapsed += 1;
        return;
      }
      seen.add(letters);
      const { specimen: name, family, genus, species } = here;
      specimens.push({ name, family, genus, species, gene, barcode: readBarcode(uniform, letters, options) });
      return;
    }
    for (const child of node.children) {
      const exact = (node.height - child.height) * gene.length;
      const proposals = Math.floor(exact) + (uniform() < exact - Math.floor(exact) ? 1 : 0);
      descend(child, evolve(uniform, gene, proposals, freedom, options), here);
    }
  };
  descend(tree, drawGene(uniform), {});
  return { tree, specimens, collapsed };
}

function readBarcode(uniform: Uniform, letters: string, options: BarcodeOptions): string {
  const isTrimmed = uniform() < options.trimmed;
  const start = isTrimmed ? drawInteger(uniform, 0, 40) : 0;
  const end = letters.length - (isTrimmed ? drawInteger(uniform, 0, 40) : 0);
  const read = [...letters.slice(start, end)];
  if (uniform() < options.withUnknown) {
    for (let left = drawInteger(uniform, 1, 8); left > 0; left--) read[drawInteger(uniform, 0, read.length - 1)] = 'N';
  }
  return read.join('');
}
