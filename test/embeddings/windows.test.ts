/** Long sequences in windows: nothing is passed over, every letter counts once, and the numbers are those of the windows alone. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { letterShares, windowed, windowStarts } from '../../src/embeddings/windows.ts';
import { kmerCompositionEncoder } from '../../src/models/encoders/kmer-composition.ts';
import { onnxModel } from '../../src/models/exports/folder.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { relativeError } from '../onnx/helpers.ts';
import { contextFree, pooled } from './context-free.ts';

const random = createRandom('windows');
const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
const MEAN = { layer: 0, pooling: 'mean' } as const;
const load = async (name: string) =>
  encoderOf(await loadModelFolder(fileURLToPath(new URL(`../models/goldens/${name}`, import.meta.url))), {
    device: 'cpu',
    threads: 1,
  });

describe('windows', () => {
  it('start every stride, and the last one ends at the end of the sequence', () => {
    expect(windowStarts(10, { window: 10, stride: 10 })).toEqual([0]);
    expect(windowStarts(3, { window: 10, stride: 5 })).toEqual([0]);
    expect(windowStarts(30, { window: 10, stride: 10 })).toEqual([0, 10, 20]);
    expect(windowStarts(23, { window: 10, stride: 10 })).toEqual([0, 10, 13]);
    expect(windowStarts(23, { window: 10, stride: 5 })).toEqual([0, 5, 10, 13]);
  });

  it('start between tokens of several letters, also the last one', () => {
    expect(windowStarts(23, { window: 12, stride: 6 }, 6)).toEqual([0, 6, 12]);
    expect(windowStarts(24, { window: 12, stride: 12 }, 6)).toEqual([0, 12]);
    expect(windowStarts(25, { window: 12, stride: 12 }, 6)).toEqual([0, 12, 18]);
  });

  it('cover every letter, none is too long, and their letters sum to those of the sequence', () => {
    for (let i = 0; i < 200; i++) {
      const step = 1 + random.integer(4);
      const window = step * (1 + random.integer(8));
      const stride = step * (1 + random.integer(window / step));
      const length = 1 + random.integer(80);
      const starts = windowStarts(length, { window, stride }, step);
      const windows = starts.map((start) => ({ start, end: Math.min(length, start + window) }));
      const covered = new Set(
        windows.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, n) => start + n)),
      );
      expect(covered.size).toBe(length);
      expect(starts.every((start) => start % step === 0 && start < length)).toBe(true);
      const shares = letterShares(windows);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(length, 9);
      expect(Math.min(...shares)).toBeGreaterThan(0);
    }
  });

  it('share a letter equally', () => {
    const windows = [
      { start: 0, end: 4 },
      { start: 2, end: 6 },
      { start: 2, end: 4 },
      { start: 9, end: 10 },
    ];
    const third = 1 / 3;
    const shares = letterShares(windows);
    for (const [i, share] of [2 + 2 * third, 2 * third + 2, 2 * third, 1].entries())
      expect(shares[i]).toBeCloseTo(share, 12);
  });
});

describe('the vector of a sequence in windows', () => {
  it('equals the whole sequence without context and overlap; its maximum always does', async () => {
    for (let i = 0; i < 50; i++) {
      const window = 1 + random.integer(10);
      const overlapping = windowed(contextFree(), { window, stride: 1 + random.integer(window) });
      const tiling = windowed(contextFree(), { window, stride: window });
      const sequences = [letters(window * (1 + random.integer(9))), letters(1 + random.integer(window))];
      const [mean] = await tiling.embed(sequences, [MEAN]);
      const [max] = await overlapping.embed(sequences, [{ layer: 0, pooling: 'max' }]);
      const expected = (pooling: string) => sequences.flatMap((sequence) => pooled(sequence, pooling));
      expect(relativeError(mean.values as Float32Array, expected('mean')), `windows of ${window}`).toBeLessThan(1e-6);
      expect([...max.values], `windows of ${window}`).toEqual(expected('max'));
    }
  });

  it('weights overlapping windows by 1/m per letter in m of them, counted letter by letter', async () => {
    for (let i = 0; i < 50; i++) {
      const windows = { window: 10, stride: 1 + random.integer(10) };
      const sequence = letters(1 + random.integer(60));
      const parts = windowStarts(sequence.length, windows).map((start) => [
        start,
        Math.min(start + 10, sequence.length),
      ]);
      const cover = Array.from(sequence, (_, at) => parts.filter(([start, end]) => start <= at && at < end).length);
      const weights = parts.map(([start, end]) => cover.slice(start, end).reduce((sum, m) => sum + 1 / m, 0));
      const expected = [0, 1, 2, 3, 4].map(
        (d) =>
          parts.reduce((sum, [start, end], w) => sum + weights[w] * pooled(sequence.slice(start, end), 'mean')[d], 0) /
          sequence.length,
      );
      const [{ values }] = await windowed(contextFree(), windows).embed([sequence], [MEAN]);
      expect(relativeError(values as Float32Array, expected), `stride ${windows.stride}`).toBeLessThan(1e-6);
    }
  });

  it('is under `first` the mean of the first tokens, weighted by the letters of the windows', async () => {
    const encoder = windowed(contextFree(), { window: 4, stride: 4 });
    const [{ values }] = await encoder.embed(['ACCCGTTTCC'], [{ layer: 0, pooling: 'first' }]);
    // ACCC, GTTT and TTCC, of which the last two share two letters.
    for (const [i, value] of [0.4, 0, 0.3, 0.3, 0].entries()) expect(values[i]).toBeCloseTo(value, 6);
  });

  it('equals the direct one when the sequence is no longer than a window', async () => {
    const plain = await load('tiny-bert');
    const representations = (['mean', 'max', 'first', 'frames'] as const).map((pooling) => ({ layer: 2, pooling }));
    const sequences = [letters(40), letters(7), 'NNNN'];
    const inWindows = windowed(plain, { window: 40, stride: 20 });
    const [a, b] = [await plain.embed(sequences, representations), await inWindows.embed(sequences, representations)];
    a.forEach(({ values }, r) => {
      expect(relativeError(b[r].values as Float32Array, values as Float32Array)).toBeLessThan(1e-6);
    });
    await plain.dispose();
  });

  it('is the mean over the tokens of all windows of a real tokenizer, weighted by their number', async () => {
    const plain = await load('tiny-bpe-bert');
    const cut = (whole: string) => [whole.slice(0, 20), whole.slice(20, 40), whole.slice(40)];
    const count = (part: string) => plain.pooledTokens?.(part) ?? 0;
    const many = Array.from({ length: 50 }, () => letters(60));
    const sequence = many.find((one) => new Set(cut(one).map(count)).size === 3) ?? '';
    const parts = cut(sequence);
    const tokens = parts.map(count);
    expect(sequence).toHaveLength(60);
    const representation = [{ layer: 2, pooling: 'mean' }] as const;
    const [{ values, columns }] = await plain.embed(parts, representation);
    const expected = Array.from(
      { length: columns },
      (_, d) =>
        parts.reduce((sum, _part, i) => sum + tokens[i] * values[i * columns + d], 0) /
        tokens.reduce((sum, count) => sum + count, 0),
    );
    const inWindows = windowed(plain, { window: 20, stride: 20 });
    const [matrix] = await inWindows.embed([sequence], representation);
    expect(relativeError(matrix.values as Float32Array, expected)).toBeLessThan(1e-5);
    expect(inWindows.pooledTokens?.(sequence)).toBe(tokens.reduce((sum, count) => sum + count, 0));
    await plain.dispose();
  });

  it('does not depend on the other sequences, and is in its row', async () => {
    const encoder = windowed(await load('architectures/esm'), { window: 24, stride: 12 });
    const sequences = Array.from({ length: 12 }, (_, i) => letters(5 + 17 * i)).concat(
      `${letters(50)}NNNN${letters(30)}`,
      'NNN',
    );
    const representations = (['mean', 'max', 'first'] as const).map((pooling) => ({ layer: 2, pooling }));
    const together = await encoder.embed(sequences, representations);
    for (const [row, sequence] of sequences.entries()) {
      const alone = await encoder.embed([sequence], representations);
      for (const [r, { values, columns }] of together.entries())
        expect(
          relativeError(
            values.slice(row * columns, (row + 1) * columns) as Float32Array,
            alone[r].values as Float32Array,
          ),
          `row ${row}, ${representations[r].pooling}`,
        ).toBeLessThan(1e-5);
    }
    await encoder.dispose();
  });

  it('is also the mean over windows for a model exported to ONNX', async () => {
    const folder = fileURLToPath(new URL('../models/goldens/onnx-folder/every-layer', import.meta.url));
    const plain = await onnxModel(folder, { device: 'cpu', threads: 1 });
    const parts = [letters(12), letters(12), letters(12)];
    const representation = [{ layer: plain.layers, pooling: 'mean' }] as const;
    const [{ values, columns }] = await plain.embed(parts, representation);
    const expected = Array.from(
      { length: columns },
      (_, d) => (values[d] + values[columns + d] + values[2 * columns + d]) / 3,
    );
    const [matrix] = await windowed(plain, { window: 12, stride: 12 }).embed([parts.join('')], representation);
    expect(relativeError(matrix.values as Float32Array, expected)).toBeLessThan(1e-5);
    await plain.dispose();
  });

  it('splits a window with more tokens than the model reads: a run of N among k-mers', async () => {
    const plain = await load('architectures/esm');
    const [known, unknown] = [letters(36), `${letters(6)}${'N'.repeat(20)}${letters(10)}`];
    expect(() => plain.pooledTokens?.(unknown)).toThrow('tokens; this model reads at most 20');
    const representation = [{ layer: 2, pooling: 'mean' }] as const;
    const inWindows = windowed(plain, { window: 36, stride: 36 });
    const halves = [known, unknown.slice(0, 18), unknown.slice(18)];
    const tokens = halves.map((half) => plain.pooledTokens?.(half) ?? 0);
    const [{ values, columns }] = await plain.embed(halves, representation);
    const total = tokens.reduce((sum, count) => sum + count, 0);
    const expected = Array.from(
      { length: columns },
      (_, d) => tokens.reduce((sum, count, i) => sum + count * values[i * columns + d], 0) / total,
    );
    const [matrix] = await inWindows.embed([known + unknown], representation);
    expect(relativeError(matrix.values as Float32Array, expected)).toBeLessThan(1e-5);
    await plain.dispose();
  });

  it('leaves out windows of only N, unless there are no others', async () => {
    const encoder = windowed(contextFree(), { window: 4, stride: 4 });
    const [{ values }] = await encoder.embed(['AAAANNNNnnnnCCCC', 'NNNNNNNN'], [MEAN]);
    expect([...values]).toEqual([0.5, 0.5, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('leaves out an end of less than one token, as tokenizers do; a whole sequence of less is refused', async () => {
    const model = contextFree({ least: 4, limits: { nucleotidesPerToken: 4 } });
    const [{ values }] = await windowed(model, { window: 4, stride: 4 }).embed(['AAAACCCCTT'], [MEAN]);
    expect(model.calls).toEqual([['AAAA', 'CCCC']]);
    expect([...values]).toEqual([0.5, 0.5, 0, 0, 0]);
    await expect(windowed(model, { window: 4, stride: 4 }).embed(['ACGT', 'AC'], [MEAN])).rejects.toThrow(
      'sequence 2 of 2: 2 letters; this model reads at least 4',
    );
  });

  it('never skips letters inside a sequence that the model refuses for another reason', async () => {
    const picky = contextFree();
    const { pooledTokens } = picky;
    const encoder = windowed(
      {
        ...picky,
        pooledTokens(sequence) {
          if (sequence.includes('X')) throw new Error('no letter: X');
          return pooledTokens?.(sequence) ?? 0;
        },
      },
      { window: 4, stride: 4 },
    );
    await expect(encoder.embed(['ACGTAXGTACGT'], [MEAN])).rejects.toThrow('sequence 1 of 1: no letter: X');
  });

  it('holds a limited number of windows for any length; no sequences give an empty matrix', async () => {
    const model = contextFree();
    const encoder = windowed(model, { window: 10, stride: 5 });
    const long = letters(100_000);
    const shown: number[] = [];
    const [{ values }] = await encoder.embed([long, 'ACGT'], [MEAN], (fraction) => shown.push(fraction));
    expect(model.calls.map(({ length }) => length)).toEqual([8192, 8192, 3616]);
    expect(relativeError(values as Float32Array, [...pooled(long, 'mean'), 0.25, 0.25, 0.25, 0.25, 0])).toBeLessThan(
      1e-4,
    );
    expect(shown.at(-1)).toBe(1);
    expect(await encoder.embed([], [MEAN])).toEqual([{ rows: 0, columns: 5, values: new Float32Array(0) }]);
  });
});

describe('a model in windows', () => {
  it('has a different fingerprint for each window and stride, and notes both in its card', () => {
    const model = contextFree();
    const sizes = [
      [10, 10],
      [10, 5],
      [5, 5],
    ].map(([window, stride]) => windowed(model, { window, stride }));
    expect(new Set([model, ...sizes].map(({ fingerprint }) => fingerprint)).size).toBe(4);
    expect(sizes[1].card).toMatchObject({ windows: { nucleotides: 10, stride: 5 } });
  });

  it('is refused when windows are longer than its input, cut its tokens, or do not apply to it', () => {
    expect(() => windowed(contextFree({ most: 512 }), { window: 600, stride: 600 })).toThrow(
      'windows of 600 nucleotides: the model reads at most 512; use +w512 or less',
    );
    const sixMers = contextFree({ most: 512, limits: { nucleotidesPerToken: 6 } });
    expect(() => windowed(sixMers, { window: 500, stride: 500 })).toThrow(
      'a window of 500 nucleotides cuts tokens of 6; use a multiple of 6: 498 or 504',
    );
    expect(() => windowed(sixMers, { window: 498, stride: 2 })).toThrow('a stride of 2 nucleotides cuts tokens of 6');
    expect(() => windowed(kmerCompositionEncoder(3), { window: 10, stride: 10 })).toThrow(
      'windows are for models that read tokens',
    );
  });

  it('reports the sequences of failed windows', async () => {
    const failing = { ...contextFree(), embed: () => Promise.reject(new Error('NaN')) };
    await expect(windowed(failing, { window: 4, stride: 4 }).embed(['ACGTACGT', 'AC'], [MEAN])).rejects.toThrow(
      'in the windows of sequences 1 to 2: NaN',
    );
  });
});
