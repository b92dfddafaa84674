import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODELS } from '../../src/catalog/models.ts';
import { loadShipped, SHIPPED, SHIPPED_FOLDER } from '../../src/catalog/shipped.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';

const compute = { device: 'cpu', threads: 1 } as const;
/** The beginning of the COI barcode region of an earthworm, as far as the consensus goes. */
const COI =
  'AACTCTATATTTTATTTTTGGAGTTTGAGCTGGAATAGTAGGAGCTGGAATAAGACTTCTAATTCGAATTGAACTAAGACAACCTGGAGCATTTCTAGGAAGAGATCAACTATATAATACAATTGTTACAGC';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shipped-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the encoder of the package', () => {
  it('is a BarcodeMAE with data, licence, seed and loss in its card, and has a few megabytes', async () => {
    const model = await loadShipped('barcodemae-deepcoi');
    expect(model).toMatchObject({ dimension: 128, layers: 2 });
    const training = model.card.training as { config: { objective: string }; seed: number; report: object };
    expect(training.config.objective).toBe('mae-v2');
    expect(training.report).toMatchObject({ uniformLoss: Math.log(4 ** 6) });
    const { validLoss, sequences, steps } = training.report as Record<string, number>;
    expect(validLoss).toBeLessThan(0.4 * Math.log(4 ** 6));
    const card = await readFile(join(SHIPPED_FOLDER, 'barcodemae-deepcoi', 'README.md'), 'utf8');
    for (const fact of ['license: mit', 'DeepCOI', `seed ${training.seed}`, validLoss.toFixed(2)])
      expect(card).toContain(fact);
    for (const count of [sequences, steps]) expect(card).toContain(count.toLocaleString('en-US'));
    expect((await stat(join(SHIPPED_FOLDER, 'barcodemae-deepcoi', 'model.safetensors'))).size).toBeLessThan(5e6);
  });

  it('reads columns of the gene: a barcode without its first letters keeps its position', async () => {
    const model = await loadShipped('barcodemae-deepcoi');
    const [whole, late] = [COI, COI.slice(30)].map((read) => model.encode([read]));
    expect(whole.mask.dims).toEqual(late.mask.dims);
    const ids = (feeds: typeof whole) => Array.from(feeds.ids.data as BigInt64Array);
    expect(ids(whole).slice(-10)).toEqual(ids(late).slice(-10));
  });

  it('differs from its control, whose weights are drawn from a seed', async () => {
    const byId = Object.fromEntries(SHIPPED.map((definition) => [definition.id, definition]));
    expect(MODELS).toMatchObject(byId);
    const control = byId['barcodemae-deepcoi-random'];
    expect(control).toMatchObject({ kind: 'control', stochastic: true });
    const vectors = await Promise.all(
      [
        await byId['barcodemae-deepcoi'].load({} as never),
        await control.load({ seed: 0 } as never),
        await control.load({ seed: 1 } as never),
      ].map(async (loaded) => {
        const encoder = encoderOf(loaded, compute);
        const [{ values }] = await encoder.embed([COI], [{ layer: 2, pooling: 'mean' }]);
        await encoder.dispose();
        return Array.from(values);
      }),
    );
    expect(vectors.map(({ length }) => length)).toEqual([128, 128, 128]);
    expect(new Set(vectors.map(String)).size).toBe(3);
  });

  it('is refused when its weights differ from the published ones', async () => {
    await cp(join(SHIPPED_FOLDER, 'barcodemae-deepcoi'), join(folder, 'barcodemae-deepcoi'), { recursive: true });
    const weights = join(folder, 'barcodemae-deepcoi', 'model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1] ^= 1;
    await writeFile(weights, bytes);
    await expect(loadShipped('barcodemae-deepcoi', folder)).rejects.toThrow(/model\.safetensors is damaged/);
  });
});
