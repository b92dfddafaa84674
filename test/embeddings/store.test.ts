/** The embedding store: computed once, whole or not at all, and read back as it was written. */
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { storedEmbeddings } from '../../src/embeddings/store.ts';
import type { Encoder, Representation } from '../../src/models/model.ts';
import { readNpy } from '../../src/runtime/arrays/npy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Letters counted, times the layer: quick, and it tells how often it was asked. */
function countingEncoder(fingerprint = 'f'.repeat(64)): Encoder & { readonly asked: Representation[] } {
  const asked: Representation[] = [];
  return {
    asked,
    dimension: 2,
    layers: 3,
    fingerprint,
    card: {},
    async embed(sequences, representations) {
      asked.push(...representations);
      return representations.map(({ layer }) => ({
        rows: sequences.length,
        columns: 2,
        values: Float32Array.from(sequences.flatMap((sequence) => [sequence.length, layer / 3])),
      }));
    },
    dispose: async () => undefined,
  };
}

const SEQUENCES = ['ACGT', 'AC', 'ACGTTT'];
const FIRST: Representation = { layer: 1, pooling: 'mean' };
const SECOND: Representation = { layer: 2, pooling: 'max' };
const ask = (
  encoder: Encoder,
  representations = [FIRST, SECOND],
  sequences = SEQUENCES,
  device = 'cpu',
  computation = 'c',
) => storedEmbeddings(folder, { device, computation }, encoder, sequences, representations);
/** Paths of the stored files with this ending. */
const files = async (ending: string) =>
  (await readdir(folder, { recursive: true }))
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();

describe('the store', () => {
  it('computes nothing the second time, and returns the same vectors', async () => {
    const encoder = countingEncoder();
    const first = await ask(encoder);
    expect(first[0]).toEqual({ rows: 3, columns: 2, values: Float32Array.of(4, 1 / 3, 2, 1 / 3, 6, 1 / 3) });
    expect(encoder.asked).toEqual([FIRST, SECOND]);
    expect(await ask(encoder)).toEqual(first);
    expect(encoder.asked).toHaveLength(2);
  });

  it('computes only missing entries, and returns all in the requested order', async () => {
    const encoder = countingEncoder();
    const [second] = await ask(encoder, [SECOND]);
    const [first, again, third] = await ask(encoder, [FIRST, SECOND, { layer: 3, pooling: 'mean' }]);
    expect(encoder.asked).toEqual([SECOND, FIRST, { layer: 3, pooling: 'mean' }]);
    expect(again).toEqual(second);
    expect([first, third].map(({ values }) => values[1])).toEqual([Math.fround(1 / 3), 1]);
  });

  it.each([
    ['sequences', () => ask(countingEncoder(), [FIRST], [...SEQUENCES].reverse())],
    ['model', () => ask(countingEncoder('e'.repeat(64)), [FIRST])],
    ['computation (code and machine)', () => ask(countingEncoder(), [FIRST], SEQUENCES, 'cpu', 'd')],
    ['pooling', () => ask(countingEncoder(), [{ ...FIRST, pooling: 'max' }])],
  ])('stores another %s separately', async (_what, other) => {
    await ask(countingEncoder(), [FIRST]);
    await other();
    expect(await files('.npy')).toHaveLength(2);
  });

  it('writes an .npy with a sidecar that describes it', async () => {
    await ask(countingEncoder(), [FIRST]);
    const [[npy], [json]] = [await files('.npy'), await files('.json')];
    expect(await readNpy(npy)).toMatchObject({ rows: 3, columns: 2 });
    expect(JSON.parse(await readFile(json, 'utf8'))).toMatchObject({
      schema: 'glm-bench/embedding@1',
      rows: 3,
      columns: 2,
      fingerprint: 'f'.repeat(64),
      representation: FIRST,
      made: { device: 'cpu', computation: 'c' },
    });
    expect(json.replace(/json$/, 'npy')).toBe(npy);
  });
});

describe('an entry is computed again', () => {
  const damage: readonly (readonly [string, () => Promise<void>])[] = [
    ['a byte of the .npy has changed', async () => overwrite((await files('.npy'))[0])],
    ['the .npy has lost its end', async () => truncate((await files('.npy'))[0], 140)],
    ['the .npy is missing', async () => rm((await files('.npy'))[0])],
    ['a byte of the sidecar has changed', async () => overwrite((await files('.json'))[0])],
    ['the sidecar is empty', async () => writeFile((await files('.json'))[0], '')],
    // A process killed between the two files leaves this.
    ['the sidecar was never written', async () => rm((await files('.json'))[0])],
  ];
  async function overwrite(path: string): Promise<void> {
    const bytes = await readFile(path);
    // In a sidecar a digit of the checksum, in an .npy the last value.
    const checksum = bytes.indexOf('"sha256"');
    bytes[checksum < 0 ? bytes.length - 2 : checksum + 15] ^= 1;
    await writeFile(path, bytes);
  }

  it.each(damage)('when %s', async (what, harm) => {
    const encoder = countingEncoder();
    const [first] = await ask(encoder, [FIRST]);
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    await harm();
    expect(await ask(encoder, [FIRST])).toEqual([first]);
    expect(warn).toHaveBeenCalledTimes(what.includes('never written') ? 0 : 1);
    warn.mockRestore();
    expect(encoder.asked).toHaveLength(2);
    expect(await ask(encoder, [FIRST])).toEqual([first]);
    expect(encoder.asked).toHaveLength(2);
  });
});
