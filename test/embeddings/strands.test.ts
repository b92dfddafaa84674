/** Both strands: the vector of a sequence is that of its reverse complement. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { bothStrands } from '../../src/embeddings/strands.ts';
import { windowed } from '../../src/embeddings/windows.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import { relativeError } from '../onnx/helpers.ts';
import { contextFree } from './context-free.ts';

const MEAN = { layer: 0, pooling: 'mean' } as const;
const random = createRandom('strands');
const letters = (length: number) => Array.from({ length }, () => 'ACGTN'[random.integer(5)]).join('');

describe('both strands', () => {
  it('is the mean of the vectors of the sequence and of its reverse complement, with N and lower case', async () => {
    const model = contextFree();
    const representations = [MEAN, { layer: 0, pooling: 'max' }, { layer: 0, pooling: 'first' }] as const;
    const [mean, max, first] = await bothStrands(model).embed(['AACGN', 'acca'], representations);
    expect(model.calls).toEqual([['AACGN', 'acca', 'NCGTT', 'tggt']]);
    const close = (values: ArrayLike<number>, expected: number[]) => {
      for (const [i, value] of expected.entries()) expect(values[i]).toBeCloseTo(value, 6);
    };
    close(mean.values, [0.2, 0.2, 0.2, 0.2, 0.2, 0.25, 0.25, 0.25, 0.25, 0]);
    close(max.values, [0.5, 1, 1, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 0]);
    close(first.values, [0.5, 0, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0]);
  });

  it('gives both strands of DNA the same vector, also in windows; the model alone gives two', async () => {
    const folder = fileURLToPath(new URL('../models/goldens/tiny-bert', import.meta.url));
    const plain = encoderOf(await loadModelFolder(folder), { device: 'cpu', threads: 1 });
    const sequences = [40, 12, 90, 133, 2].map(letters);
    const others = sequences.map(reverseComplement);
    const representations = (['mean', 'max', 'first'] as const).map((pooling) => ({ layer: 2, pooling }));
    const encoder = bothStrands(windowed(plain, { window: 40, stride: 20 }));
    const [a, b] = [await encoder.embed(sequences, representations), await encoder.embed(others, representations)];
    const one = windowed(plain, { window: 40, stride: 20 });
    const [c, d] = [await one.embed(sequences, representations), await one.embed(others, representations)];
    for (const r of representations.keys()) {
      expect(relativeError(a[r].values as Float32Array, b[r].values as Float32Array)).toBeLessThan(1e-5);
      expect(relativeError(c[r].values as Float32Array, d[r].values as Float32Array)).toBeGreaterThan(1e-2);
    }
    await encoder.dispose();
  });

  it('processes a limited number of sequences at a time, each in its row', async () => {
    const model = contextFree();
    const sequences = Array.from({ length: 10_000 }, (_, i) => (i % 2 === 0 ? 'AC' : 'CC'));
    const shown: number[] = [];
    const [{ values, rows }] = await bothStrands(model).embed(sequences, [MEAN], (fraction) => shown.push(fraction));
    expect(model.calls.map(({ length }) => length)).toEqual([16_384, 3616]);
    expect(rows).toBe(10_000);
    const wrong = sequences.findIndex((sequence, i) => values[5 * i] !== (sequence === 'AC' ? 0.25 : 0));
    expect(wrong).toBe(-1);
    expect(shown).toEqual([0.8192, 1]);
    expect(await bothStrands(model).embed([], [MEAN])).toEqual([{ rows: 0, columns: 5, values: new Float32Array(0) }]);
  });

  it('has a different fingerprint and a note in the card', () => {
    const model = contextFree();
    const both = bothStrands(model);
    expect(both.fingerprint).not.toBe(model.fingerprint);
    expect(both.fingerprint).toBe(bothStrands(model).fingerprint);
    expect(both.card).toEqual({ ...model.card, strands: 'mean of the vectors of both strands' });
  });

  it('reports the sequence with a letter that has no complement', async () => {
    await expect(bothStrands(contextFree()).embed(['ACGT', 'AXG'], [MEAN])).rejects.toThrow(
      'sequence 2 of 2: letter "X" at position 2 has no complement',
    );
  });
});
