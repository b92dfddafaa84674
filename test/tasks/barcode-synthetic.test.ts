import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { barcodeLibrary, genusRows, speciesRows } from '../../tasks/barcode-synthetic.ts';
import { GENE_LENGTH, translateCodon, translateGene } from '../../tasks/generators/coding-gene.ts';
import { newick, type TreeNode } from '../../tasks/generators/taxonomy.ts';

const library = barcodeLibrary();
const { specimens, tree } = library;

function difference(a: Uint8Array, b: Uint8Array): number {
  let differing = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) differing += 1;
  return differing / a.length;
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))];

describe('the synthetic barcode library', () => {
  it('is the same bytes for a seed on every machine', () => {
    const text = specimens.map(({ name, barcode }) => `${name} ${barcode}\n`).join('');
    expect(createHash('sha256').update(text).digest('hex')).toBe(
      'bb568e11ce808f82d4b4d308b66ead898dfbcc3dd214514cda1cbe972e867403',
    );
  });

  it('has 60 to 100 species with 10 to 35 different specimens each', () => {
    const counts = new Map<string, number>();
    for (const { species } of specimens) counts.set(species, (counts.get(species) ?? 0) + 1);
    expect(counts.size).toBeGreaterThanOrEqual(60);
    expect(counts.size).toBeLessThanOrEqual(100);
    expect(Math.min(...counts.values())).toBeGreaterThanOrEqual(10);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(35);
    expect(new Set(specimens.map(({ gene }) => gene.join(''))).size).toBe(specimens.length);
  });

  it('codes for a protein: 658 nt, no stop codon, third positions rich in A and T', () => {
    for (const { gene } of specimens) {
      expect(gene).toHaveLength(GENE_LENGTH);
      expect(translateGene(gene)).not.toContain('*');
    }
    const share = (position: number) => {
      let at = 0;
      for (let i = position; i < GENE_LENGTH; i += 3)
        if (specimens[0].gene[i] === 0 || specimens[0].gene[i] === 3) at += 1;
      return at / Math.ceil((GENE_LENGTH - position) / 3);
    };
    expect(share(0)).toBeGreaterThan(0.75);
    expect(share(0)).toBeGreaterThan(share(1));
    expect(share(0)).toBeGreaterThan(share(2));
  });

  it('varies by rank: within species about 0-1%, between congeners mostly 5-16%, more between families', () => {
    const distances: Record<'species' | 'genus' | 'family' | 'other', number[]> = {
      species: [],
      genus: [],
      family: [],
      other: [],
    };
    const some = specimens.filter((_, i) => i % 7 === 0);
    for (const a of some) {
      for (const b of some) {
        if (a === b) continue;
        const rank =
          a.species === b.species
            ? 'species'
            : a.genus === b.genus
              ? 'genus'
              : a.family === b.family
                ? 'family'
                : 'other';
        distances[rank].push(difference(a.gene, b.gene));
      }
    }
    expect(quantile(distances.species, 0.5)).toBeLessThan(0.01);
    expect(quantile(distances.species, 1)).toBeLessThan(0.025);
    expect(quantile(distances.genus, 0.25)).toBeGreaterThan(0.05);
    expect(quantile(distances.genus, 0.75)).toBeLessThan(0.16);
    expect(quantile(distances.family, 0.5)).toBeGreaterThan(quantile(distances.genus, 0.5));
    expect(quantile(distances.other, 0.5)).toBeGreaterThan(quantile(distances.family, 0.5));
  });

  it('reads like laboratory barcodes: some shorter, some with N', () => {
    const lengths = specimens.map(({ barcode }) => barcode.length);
    expect(Math.max(...lengths)).toBe(GENE_LENGTH);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(GENE_LENGTH - 80);
    const withN = specimens.filter(({ barcode }) => barcode.includes('N')).length / specimens.length;
    expect(withN).toBeGreaterThan(0.05);
    expect(withN).toBeLessThan(0.15);
  });

  it('keeps its tree: ultrametric, every specimen under its species, genus and family', () => {
    const tips: TreeNode[] = [];
    const walk = (node: TreeNode, path: readonly string[]): void => {
      for (const child of node.children) expect(child.height).toBeLessThanOrEqual(node.height);
      const here = node.name === undefined ? path : [...path, node.name];
      if (node.children.length === 0) {
        tips.push(node);
        expect(node.height).toBe(0);
        const kept = specimens.find(({ name }) => name === node.name);
        if (kept) expect(here).toEqual([kept.family, kept.genus, kept.species, kept.name]);
      }
      for (const child of node.children) walk(child, here);
    };
    walk(tree, []);
    expect(tips).toHaveLength(specimens.length + library.collapsed);
    expect(newick(tree).match(/'/g)?.length).toBeGreaterThan(2 * tips.length);
  });

  it('follows NCBI translation table 5', () => {
    const codon = (text: string) =>
      translateCodon(...([...text].map((base) => 'ACGT'.indexOf(base)) as [number, number, number]));
    expect(['TGA', 'ATA', 'AGA', 'AGG', 'TAA', 'TAG', 'ATG', 'TTT', 'GGG'].map(codon).join('')).toBe('WMSS**MFG');
  });
});

describe('its two tasks', () => {
  it('species: every specimen once, no split of its own', () => {
    const rows = speciesRows(library);
    expect(rows).toHaveLength(specimens.length);
    expect(rows.every((row) => row.split === undefined)).toBe(true);
  });

  it('genus: held-out species are never trained on, their genera always are', () => {
    const rows = genusRows(library);
    const groups = (split: string) => new Set(rows.filter((row) => row.split === split).map((row) => row.group));
    const genera = new Set(rows.filter((row) => row.split === 'train').map((row) => row.label));
    for (const held of ['valid', 'test']) {
      expect(groups(held).size).toBeGreaterThan(10);
      for (const species of groups(held)) expect(groups('train').has(species)).toBe(false);
      for (const row of rows) if (row.split === held) expect(genera.has(row.label)).toBe(true);
    }
  });
});
