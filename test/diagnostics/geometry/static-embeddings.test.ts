import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gram } from '../../../src/algebra/dense.ts';
import { createRandom } from '../../../src/core/random.ts';
import { linearCka, rbfCka } from '../../../src/diagnostics/geometry/kernel-alignment.ts';
import { chanceJaccard, compareNeighbours, neighbourOrder } from '../../../src/diagnostics/geometry/neighbours.ts';
import { procrustes } from '../../../src/diagnostics/geometry/procrustes.ts';
import { compareStaticEmbeddings } from '../../../src/diagnostics/geometry/static-embeddings.ts';

interface Pair {
  disparity: number;
  alignedCosine: number;
  linearCka: number;
  rbfCka: number;
  neighbours: { k: number; jaccard: number; localSpearmanPaper: number; localSpearman: number | null }[];
}
interface Case {
  members: number[][][];
  counts: number[];
  pairs: Pair[];
  disparity: [number, number];
  topk: Record<string, [number, number]>;
}
// SciPy's Procrustes, ckatorch, and the metrics of lbcb-sci/GFMs in float64; made by goldens/static.py.
const golden = JSON.parse(readFileSync(new URL('../goldens/static.json', import.meta.url), 'utf8')) as {
  wide: Case;
  moreDimensionsThanTokens: Case;
  tied: { members: number[][][]; localSpearman: Record<string, number> };
  chance: [number, number, number][];
};

const matrix = (rows: number[][]) => ({
  rows: rows.length,
  columns: rows[0].length,
  values: Float64Array.from(rows.flat()),
});
const gaussian = (rows: number, columns: number, seed: number) => {
  const random = createRandom(seed);
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.normal()) };
};

describe.each(['wide', 'moreDimensionsThanTokens'] as const)("the paper's measures, %s", (name) => {
  const { members, counts, pairs, disparity, topk } = golden[name];
  const result = compareStaticEmbeddings(members.map(matrix), { neighbourCounts: counts });

  it('agree with the reference for every pair', () => {
    expect(result.pairs.length).toBe(pairs.length);
    result.pairs.forEach((pair, i) => {
      expect(pair.disparity).toBeCloseTo(pairs[i].disparity, 9);
      expect(pair.alignedCosine).toBeCloseTo(pairs[i].alignedCosine, 9);
      expect(pair.linearCka).toBeCloseTo(pairs[i].linearCka, 9);
      expect(pair.rbfCka).toBeCloseTo(pairs[i].rbfCka, 6);
      pair.neighbours.forEach((at, n) => {
        const expected = pairs[i].neighbours[n];
        expect(at.k).toBe(expected.k);
        // The reference keeps overlaps and ranks in float32.
        expect(at.jaccard).toBeCloseTo(expected.jaccard, 6);
        expect(at.localSpearmanPaper).toBeCloseTo(expected.localSpearmanPaper, 6);
        if (expected.localSpearman === null) expect(at.localSpearman).toBeNaN();
        else expect(at.localSpearman).toBeCloseTo(expected.localSpearman, 9);
      });
    });
  });

  it('are averaged with the population standard deviation', () => {
    expect(result.disparity.mean).toBeCloseTo(disparity[0], 9);
    expect(result.disparity.standardDeviation).toBeCloseTo(disparity[1], 9);
    for (const { k, jaccard } of result.neighbours) {
      expect(jaccard.mean).toBeCloseTo(topk[k][0], 6);
      expect(jaccard.standardDeviation).toBeCloseTo(topk[k][1], 6);
    }
  });

  it('are the same for one pair alone', () => {
    const [a, b] = members.map(matrix);
    expect(procrustes(a, b).disparity).toBeCloseTo(pairs[0].disparity, 9);
    expect(linearCka(a, b)).toBeCloseTo(pairs[0].linearCka, 9);
    expect(rbfCka(a, b)).toBeCloseTo(pairs[0].rbfCka, 6);
  });
});

describe('neighbours', () => {
  it('rank ties by midranks in the corrected correlation, as SciPy does', () => {
    const [a, b] = golden.tied.members.map((rows) => neighbourOrder(gram(matrix(rows))));
    const counts = Object.keys(golden.tied.localSpearman).map(Number);
    for (const { k, localSpearman } of compareNeighbours(a, b, counts))
      expect(localSpearman).toBeCloseTo(golden.tied.localSpearman[k], 9);
  });

  it('overlap by chance as the hypergeometric distribution has it', () => {
    for (const [k, vocabulary, expected] of golden.chance)
      expect(chanceJaccard(k, vocabulary - 1)).toBeCloseTo(expected, 9);
  });

  it('of unrelated embeddings overlap as by chance', () => {
    const { neighbours } = compareStaticEmbeddings([gaussian(300, 20, 1), gaussian(300, 20, 2)], {
      neighbourCounts: [30, 200],
    });
    for (const { jaccard, chanceJaccard: chance, localSpearman } of neighbours) {
      expect(Math.abs(jaccard.mean - chance)).toBeLessThan(0.01);
      expect(Math.abs(localSpearman.mean)).toBeLessThan(0.05);
    }
  });

  it('of a row of zeros, as an untrained padding token has, are all others alike', () => {
    const rows = gaussian(6, 3, 1);
    rows.values.fill(0, 0, 3);
    const { order } = neighbourOrder(gram(rows));
    expect(Array.from(order.subarray(0, 5), (entry) => entry & 0x7fff)).toEqual([1, 2, 3, 4, 5]);
    expect(Array.from(order.subarray(0, 5), (entry) => entry >> 15)).toEqual([0, 1, 1, 1, 1]);
  });
});

describe('an embedding and the same one rotated, scaled and moved', () => {
  const a = gaussian(50, 2, 1);
  const turned = Float64Array.from(a.values, (_, i) => {
    const [x, y] = a.values.subarray(i - (i % 2), i - (i % 2) + 2);
    return 3 + 0.5 * (i % 2 === 0 ? 0.6 * x - 0.8 * y : 0.8 * x + 0.6 * y);
  });
  const b = { ...a, values: turned };

  it('has disparity 0, aligned cosine 1 and both CKA 1', () => {
    expect(procrustes(a, b).disparity).toBeCloseTo(0, 12);
    expect(procrustes(a, b).alignedCosine).toBeCloseTo(1, 12);
    expect(linearCka(a, b)).toBeCloseTo(1, 12);
    expect(rbfCka(a, b)).toBeCloseTo(1, 6);
  });
});

describe('members that cannot be compared', () => {
  const a = gaussian(10, 4, 1);
  it.each([
    ['one member', [a], /at least two members/],
    ['other shapes', [a, gaussian(10, 5, 1)], /member 1 is \[10, 5\], member 0 \[10, 4\]/],
    [
      'a number that is none',
      [a, { ...a, values: a.values.map((v, i) => (i === 7 ? Number.NaN : v)) }],
      /member 1: the feature in row 1, column 3 is NaN/,
    ],
    ['all rows the same', [a, { ...a, values: a.values.map(() => 1) }], /member 1: all rows are equal/],
  ])('are refused: %s', (_, members, message) => {
    expect(() => compareStaticEmbeddings(members)).toThrow(message);
  });

  it('are refused with more neighbours than others', () => {
    expect(() => compareStaticEmbeddings([a, a], { neighbourCounts: [10] })).toThrow(/k = 10 neighbours of 10 rows/);
  });
});

it('a vocabulary larger than is compared is thinned evenly, and the result says so', () => {
  const [a, b] = [gaussian(40, 3, 1), gaussian(40, 3, 2)];
  const every = ({ values }: { values: Float64Array }) => ({
    rows: 20,
    columns: 3,
    values: values.filter((_, i) => Math.floor(i / 3) % 2 === 0),
  });
  const thinned = compareStaticEmbeddings([a, b], { maximumTokens: 20 });
  expect([thinned.vocabulary, thinned.tokens]).toEqual([40, 20]);
  expect(thinned.pairs).toEqual(compareStaticEmbeddings([every(a), every(b)]).pairs);
});
