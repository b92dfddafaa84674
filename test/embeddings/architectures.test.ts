/** Every architecture end to end: from its golden folder and letters to pooled vectors, each that of its sequence alone. */
import { describe, expect, it } from 'vitest';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { bothStrands } from '../../src/embeddings/strands.ts';
import { windowed } from '../../src/embeddings/windows.ts';
import { ARCHITECTURES, architectureOf } from '../../src/models/architectures/known-architectures.ts';
import type { Pooling } from '../../src/models/model.ts';
import { loadModelFolder, readJsonObject } from '../../src/models/model-folder.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';
import { CHECKPOINTS, checkpointFolder, configOf } from '../models/checkpoint-folders.ts';
import { relativeError } from '../onnx/helpers.ts';

const COMPUTE = { device: 'cpu', threads: 1 } as const;
const SEQUENCES = ['ACGTACGTAC', 'ACTTTGA', 'GGATTACAGG', 'GATT', 'TTAACCGGT'];
const POOLINGS: readonly Pooling[] = ['mean', 'max', 'first'];

it('every architecture of the registry has a golden folder', async () => {
  const configs = CHECKPOINTS.map(configOf);
  const covered = await Promise.all(configs.map(async (path) => architectureOf(await readJsonObject(path), path).id));
  expect([...new Set(covered)].sort()).toEqual(ARCHITECTURES.map(({ id }) => id).sort());
});

describe.each(CHECKPOINTS)('%s', (name) => {
  it.each([false, true])(
    'embeds DNA independently of the other sequences (weights left in their file: %s)',
    async (external) => {
      const encoder = encoderOf(await loadModelFolder(checkpointFolder(name), { external }), COMPUTE);
      const layers = Array.from({ length: encoder.layers + 1 }, (_, layer) => layer);
      const asked = layers.flatMap((layer) => POOLINGS.map((pooling) => ({ layer, pooling })));
      const together = await encoder.embed(SEQUENCES, asked);
      const width = encoder.dimension;
      for (const [row, sequence] of SEQUENCES.entries()) {
        const alone = await encoder.embed([sequence], asked);
        for (const [r, { layer, pooling }] of asked.entries()) {
          const vector = together[r].values.slice(row * width, (row + 1) * width);
          expect(relativeError(vector, alone[r].values), `${sequence}, layer ${layer}, ${pooling}`).toBeLessThan(1e-5);
        }
      }
      // The last layer tells sequences apart, and depth changes something.
      const last = together[asked.length - POOLINGS.length];
      expect(new Set(SEQUENCES.map((_, row) => last.values[row * width])).size).toBe(SEQUENCES.length);
      expect(relativeError(together[0].values, last.values)).toBeGreaterThan(1e-3);
      await encoder.dispose();
    },
  );

  it('pools the first token alone; some graphs then need no mask', async () => {
    const encoder = encoderOf(await loadModelFolder(checkpointFolder(name)), COMPUTE);
    const first = [{ layer: encoder.layers, pooling: 'first' }] as const;
    const [together] = await encoder.embed(SEQUENCES, first);
    const [alone] = await encoder.embed([SEQUENCES[1]], first);
    const vector = together.values.slice(encoder.dimension, 2 * encoder.dimension);
    expect(relativeError(vector, alone.values)).toBeLessThan(1e-5);
    await encoder.dispose();
  });

  it('gives the same in float16 as in float32, within 2e-3, independently of the other sequences', async () => {
    const model = await loadModelFolder(checkpointFolder(name));
    const whole = encoderOf(model, COMPUTE);
    const half = encoderOf(model, COMPUTE, { precision: 'float16', emulate: true });
    const layers = Array.from({ length: model.layers + 1 }, (_, layer) => layer);
    const asked = layers.flatMap((layer) => POOLINGS.map((pooling) => ({ layer, pooling })));
    const [expected, together] = [await whole.embed(SEQUENCES, asked), await half.embed(SEQUENCES, asked)];
    const alone = await half.embed([SEQUENCES[3]], asked);
    for (const [r, { layer, pooling }] of asked.entries()) {
      expect(relativeError(together[r].values, expected[r].values), `layer ${layer}, ${pooling}`).toBeLessThan(2e-3);
      const row = (matrix: typeof alone, at: number) =>
        matrix[r].values.slice(at * model.dimension, (at + 1) * model.dimension);
      expect(relativeError(row(together, 3), row(alone, 0)), `layer ${layer}, ${pooling}`).toBeLessThan(2e-3);
    }
    expect(relativeError(together.at(-1)!.values, expected.at(-1)!.values)).toBeGreaterThan(0);
    expect(half.fingerprint).not.toBe(whole.fingerprint);
    await whole.dispose();
    await half.dispose();
  });

  it('reads long DNA in windows, on both strands, with the same result from either', async () => {
    const plain = encoderOf(await loadModelFolder(checkpointFolder(name)), COMPUTE);
    const encoder = bothStrands(windowed(plain, { window: 12, stride: 6 }));
    const long = `${SEQUENCES.join('')}NN${SEQUENCES.toReversed().join('')}GATTA`;
    const asked = POOLINGS.map((pooling) => ({ layer: encoder.layers, pooling }));
    const [given, turned] = [await encoder.embed([long], asked), await encoder.embed([reverseComplement(long)], asked)];
    for (const [r, { pooling }] of asked.entries())
      expect(relativeError(given[r].values, turned[r].values), pooling).toBeLessThan(1e-5);
    await encoder.dispose();
  });
});
