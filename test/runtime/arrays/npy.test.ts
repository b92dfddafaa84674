import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256File } from '../../../src/core/files.ts';
import { decodeNpy, encodeNpy, readNpy, writeNpy } from '../../../src/runtime/arrays/npy.ts';
import golden from '../goldens/npy.json' with { type: 'json' };

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const number = (text: string) => (text === 'inf' ? Number.POSITIVE_INFINITY : Number(text));

describe('npy', () => {
  describe.each(golden.cases)('as numpy saves $name', (example) => {
    it('is read with its shape, type and values', () => {
      const array = decodeNpy(bytes(example.npy));
      expect([array.rows, array.columns]).toEqual(example.shape);
      expect(array.values.constructor.name.toLowerCase()).toBe(`${example.type}array`);
      expect([...array.values]).toEqual(example.values.map(number));
    });
  });

  it.each(golden.read)('reads $name', ({ npy, shape, values }) => {
    const array = decodeNpy(bytes(npy));
    expect([array.rows, array.columns]).toEqual(shape);
    expect([...array.values]).toEqual(values);
  });

  it.each(golden.cases.filter((example) => example.dimensions === 2))(
    'writes $name byte for byte as numpy does',
    ({ npy }) => {
      expect(Buffer.from(encodeNpy(decodeNpy(bytes(npy)))).toString('base64')).toBe(npy);
    },
  );

  it.each(golden.refused)('refuses by name: $says', ({ says, npy }) => {
    expect(() => decodeNpy(bytes(npy), 'x.npy')).toThrow(says);
    expect(() => decodeNpy(bytes(npy), 'x.npy')).toThrow(/^x\.npy: /);
  });

  it('notices a truncated file, and one that is something else', () => {
    const whole = bytes(golden.cases[0].npy);
    expect(() => decodeNpy(whole.subarray(0, whole.length - 1), 'cut.npy')).toThrow(
      /cut\.npy: holds 23 bytes.*promises 24/,
    );
    expect(() => decodeNpy(new Uint8Array(100), 'zero.npy')).toThrow('zero.npy: not a .npy file');
  });

  it('refuses values that do not fill the shape', () => {
    expect(() => encodeNpy({ rows: 2, columns: 2, values: new Float32Array(3) })).toThrow('3 values do not fill');
  });

  it('returns the checksum of the file that it writes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'npy-'));
    const path = join(folder, 'a.npy');
    const checksum = await writeNpy(path, { rows: 1, columns: 2, values: Float64Array.of(1, 2) });
    expect(await sha256File(path)).toBe(checksum);
    expect([...(await readNpy(path)).values]).toEqual([1, 2]);
    await rm(folder, { recursive: true });
  });
});
