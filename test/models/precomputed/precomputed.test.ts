import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPrecomputed, precomputedEmbeddings } from '../../../src/models/precomputed/precomputed.ts';
import { writeNpy } from '../../../src/runtime/arrays/npy.ts';

const golden = (name: string) => fileURLToPath(new URL(`../goldens/precomputed/${name}`, import.meta.url));
const LAYER = [{ layer: 0, pooling: 'mean' }] as const;
/** Rows of the goldens: 0, 1/8, 2/8, ... */
const row = (number: number) => [0, 1, 2, 3].map((i) => (4 * number + i) / 8);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-precomputed-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Two rows `[2, 2]` under a name of their own, with this sidecar. */
async function written(name: string, sidecar: unknown, values = [1, 2, 3, 4]): Promise<string> {
  const path = join(folder, `${name}.npy`);
  await writeNpy(path, { rows: 2, columns: 2, values: Float32Array.from(values) });
  await writeFile(join(folder, `${name}.json`), typeof sidecar === 'string' ? sidecar : JSON.stringify(sidecar));
  return path;
}

describe('precomputed embeddings', () => {
  it.each(['single.npy', 'half.npy', 'double.npy', 'fortran.npy', 'big.npy', 'hashed.npy', 'list.parquet'])(
    '%s, as NumPy and pandas write it: rows are found by their sequence',
    async (name) => {
      const encoder = await precomputedEmbeddings(golden(name));
      expect([encoder.dimension, encoder.layers]).toEqual([4, 0]);
      const [matrix] = await encoder.embed(['GG', 'ACGTN', 'ACGT', 'GG'], LAYER);
      expect(matrix).toEqual({
        rows: 4,
        columns: 4,
        values: Float32Array.from([...row(2), ...row(1), ...row(0), ...row(2)]),
      });
    },
  );

  it('takes numbered columns in the order of their numbers, and no other column', async () => {
    const encoder = await precomputedEmbeddings(golden('wide.parquet'));
    const [{ values }] = await encoder.embed(['ACGT'], LAYER);
    expect([...values]).toEqual(row(0).reverse());
  });

  it('gives one matrix per representation, whatever the pooling, and has layer 0 alone', async () => {
    const encoder = await precomputedEmbeddings(golden('single.npy'));
    const both = await encoder.embed(['GG'], [...LAYER, { layer: 0, pooling: 'max' }]);
    expect(both[0]).toEqual(both[1]);
    await expect(encoder.embed(['GG'], [{ layer: 1, pooling: 'mean' }])).rejects.toThrow('no layer 1');
  });

  it('refuses sequences that it has no row for', async () => {
    const encoder = await precomputedEmbeddings(golden('single.npy'));
    await expect(encoder.embed(['GG', 'GGA', 'C'], LAYER)).rejects.toThrow(
      "2 of 3 sequences have no row among its 3, the first 'GGA' (3 nucleotides)",
    );
  });

  it('has a fingerprint of its files, and what they say on its card', async () => {
    const [single, half, wide] = await Promise.all(
      ['single.npy', 'half.npy', 'wide.parquet'].map((name) => precomputedEmbeddings(golden(name))),
    );
    expect(new Set([single, half, wide].map(({ fingerprint }) => fingerprint)).size).toBe(3);
    expect(single.card).toMatchObject({ model: 'made by hand', rows: 3, dimension: 4, file: 'single.npy' });
  });

  it('is known by its ending', async () => {
    expect(['a.npy', 'b.Parquet', 'c.onnx', 'folder'].map(isPrecomputed)).toEqual([true, true, false, false]);
    await expect(precomputedEmbeddings('vectors.csv')).rejects.toThrow('read from .npy and .parquet files');
  });

  it.each([
    ['integers.npy', 'element type <i8'],
    ['nameless.parquet', "neither a column 'sequence' nor 'sha256'"],
    ['labels.parquet', "the values must be one column 'embedding' of lists, or columns numbered from 0"],
    ['ragged.parquet', 'row 2: 3 values, the rows before it have 4'],
  ])('%s: %s', async (name, message) => {
    await expect(precomputedEmbeddings(golden(name))).rejects.toThrow(message);
  });

  it('refuses rows that do not fit their sidecar, and vectors without one', async () => {
    const refused = async (name: string, sidecar: unknown, message: string) =>
      expect(precomputedEmbeddings(await written(name, sidecar))).rejects.toThrow(message);
    await refused('count', { sequences: ['A'] }, 'lists 1 sequences');
    await refused('kind', { sequences: [1, 2] }, 'has neither "sequences" nor "sha256"');
    await refused('hash', { sha256: ['12', '34'] }, "row 1 has '12' for a SHA-256");
    await refused('json', '{', 'is not valid JSON');
    await refused('list', '[]', 'holds no JSON object');
    await cp(golden('single.npy'), join(folder, 'bare.npy'));
    await expect(precomputedEmbeddings(join(folder, 'bare.npy'))).rejects.toThrow(
      'bare.json is missing, which says what sequences the rows are of',
    );
  });

  it('lets a sequence stand twice only with one vector', async () => {
    const twice = { sequences: ['ACG', 'acg'] };
    const [{ values }] = await (await precomputedEmbeddings(await written('same', twice, [1, 2, 1, 2]))).embed(
      ['ACG'],
      LAYER,
    );
    expect([...values]).toEqual([1, 2]);
    await expect(precomputedEmbeddings(await written('differ', twice))).rejects.toThrow(
      'rows 1 and 2 are of one sequence and differ',
    );
  });

  it('stops at a value that is no number, naming the row', async () => {
    const path = await written('nan', { sequences: ['A', 'C'] }, [1, 2, 3, Number.NaN]);
    await expect((await precomputedEmbeddings(path)).embed(['A', 'C'], LAYER)).rejects.toThrow('NaN in row 2');
  });

  it('refuses a file that was cut short', async () => {
    const path = await written('short', { sequences: ['A', 'C'] });
    await writeFile(
      path,
      Buffer.concat([
        Buffer.from('\x93NUMPY\x01\x00\x46\x00', 'latin1'),
        Buffer.from("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 9), }".padEnd(70)),
      ]),
    );
    await expect(precomputedEmbeddings(path)).rejects.toThrow('holds 0 bytes of data, its header promises 72');
  });
});
