import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { cutTree } from '../../../src/probes/clustering/linkage.ts';
import { ward } from '../../../src/probes/clustering/ward.ts';
import goldens from '../goldens/ward.json' with { type: 'json' };
import { matrix } from '../support.ts';

/** Labels numbered in the order in which they first occur. */
function renamed(labels: ArrayLike<number>): number[] {
  const numbers = new Map<number, number>();
  return Array.from(labels, (label) => {
    if (!numbers.has(label)) numbers.set(label, numbers.size);
    return numbers.get(label)!;
  });
}

describe.each(goldens)('Ward: $name', ({ rows, columns, scale, points, merges, heights, sizes, labels }) => {
  const tree = ward({ rows, columns, values: Float64Array.from(points, (value) => value / scale) });

  it("has SciPy's merges, heights and sizes", () => {
    expect([...tree.merges]).toEqual(merges);
    expect([...tree.sizes]).toEqual(sizes);
    const most = Math.max(...heights);
    for (const [i, height] of heights.entries()) expect(Math.abs(tree.heights[i] - height) / most).toBeLessThan(1e-9);
  });

  it.each(Object.entries(labels))("is cut into %s clusters as scikit-learn's", (clusters, expected) => {
    expect([...cutTree(tree, Number(clusters))]).toEqual(renamed(expected!));
  });
});

/** Ward by its definition: the pair of clusters whose union adds least to the sum of squares, again and again. */
function byDefinition(points: readonly (readonly number[])[]): number[] {
  let clusters = points.map((_, i) => [i]);
  const heights: number[] = [];
  const squares = (members: number[]) =>
    points[0].reduce((total, _, c) => {
      const mean = members.reduce((sum, i) => sum + points[i][c], 0) / members.length;
      return total + members.reduce((sum, i) => sum + (points[i][c] - mean) ** 2, 0);
    }, 0);
  while (clusters.length > 1) {
    const pairs = clusters.flatMap((a, i) => clusters.slice(0, i).map((b) => ({ a, b })));
    const increase = ({ a, b }: (typeof pairs)[number]) => squares([...a, ...b]) - squares(a) - squares(b);
    const best = pairs.reduce((least, pair) => (increase(pair) < increase(least) ? pair : least));
    heights.push(Math.sqrt(2 * increase(best)));
    clusters = [...clusters.filter((cluster) => cluster !== best.a && cluster !== best.b), [...best.a, ...best.b]];
  }
  return heights;
}

describe('Ward clustering', () => {
  it('follows the definition: heights are sqrt(2 x the increase of the sum of squares)', () => {
    const random = createRandom(3);
    const points = Array.from({ length: 25 }, () => Array.from({ length: 6 }, () => random.normal()));
    const tree = ward({ rows: 25, columns: 6, values: Float64Array.from(points.flat()) });
    for (const [i, height] of byDefinition(points).entries()) expect(tree.heights[i]).toBeCloseTo(height, 10);
  });

  it('gives one tree whatever the order of rows and columns, without ties', () => {
    const random = createRandom(5);
    const [rows, columns] = [300, 11];
    const values = Float64Array.from({ length: rows * columns }, () => random.normal());
    const order = random.shuffle(Array.from({ length: rows }, (_, r) => r));
    const swapped = new Float64Array(values.length);
    for (const [to, from] of order.entries()) {
      for (let c = 0; c < columns; c++) swapped[to * columns + c] = values[from * columns + ((c * 3) % columns)];
    }
    const [tree, other] = [values, swapped].map((values) => ward({ rows, columns, values }));
    for (let i = 0; i < rows - 1; i++) expect(other.heights[i]).toBeCloseTo(tree.heights[i], 10);
    const labels = cutTree(tree, 20);
    expect([...cutTree(other, 20)]).toEqual(renamed(order.map((row) => labels[row])));
  });

  it('merges equal rows at height 0 and ends, however many ties rounding leaves', () => {
    const lattice = Array.from({ length: 900 }, (_, i) => [(i % 30) / 10, Math.floor(i / 30) / 10, 0.1]);
    const tree = ward(matrix(1800, 3, [...lattice, ...lattice].flat()));
    expect([...tree.heights.subarray(0, 900)]).toEqual(Array(900).fill(0));
    expect(tree.sizes[1798]).toBe(1800);
    expect(new Set(cutTree(tree, 900)).size).toBe(900);
    expect(new Set(tree.merges).size).toBe(2 * 1799);
  });

  it('reports progress up to 1', () => {
    const seen: number[] = [];
    ward(
      matrix(
        600,
        1,
        Array.from({ length: 600 }, (_, i) => i * i),
      ),
      (fraction) => seen.push(fraction),
    );
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen[seen.length - 1]).toBe(1);
  });

  it('refuses what cannot be clustered', () => {
    expect(() => ward(matrix(1, 2, [1, 2]))).toThrow('at least two rows, not 1');
    expect(() => ward(matrix(2, 1, [1, Number.NaN]))).toThrow('row 1, column 0 is NaN');
    const tree = ward(matrix(3, 1, [1, 2, 4]));
    expect(() => cutTree(tree, 4)).toThrow('3 points cannot be cut into 4 clusters; from 1 to 3');
    expect(() => cutTree(tree, 1.5)).toThrow('cannot be cut into 1.5');
  });
});
