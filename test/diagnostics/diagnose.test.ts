/** A model diagnosed as a whole, on tiny checkpoints with random weights; numbers against a plain computation of the same, window by window. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { readable, sampleCorpus } from '../../src/diagnostics/corpus/sample.ts';
import { diagnose } from '../../src/diagnostics/diagnose.ts';
import { geometry } from '../../src/diagnostics/geometry/geometry.ts';
import { linearCka } from '../../src/diagnostics/geometry/kernel-alignment.ts';
import { wordTableFacts } from '../../src/diagnostics/geometry/word-table.ts';
import { askedPredictions, askTokens } from '../../src/diagnostics/predictions/predictions.ts';
import { lettersWithoutWords, overBatches, type WindowBatch } from '../../src/diagnostics/predictions/token-batches.ts';
import { encoderOf } from '../../src/embeddings/extract.ts';
import type { FrozenModel } from '../../src/models/model.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';
import { Graph } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { openSession } from '../../src/runtime/session.ts';
import { pick } from '../../src/runtime/training/network.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const goldens = fileURLToPath(new URL('../models/goldens', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'diagnose-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = createRandom('windows');
const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
const corpus = join(folder, 'corpus.fa');
writeFileSync(corpus, Array.from({ length: 24 }, (_, i) => `>s${i}\n${letters(40 + i)}\n`).join(''));

/** GPT-2 of the goldens, reading single letters as HyenaDNA does: its golden comes without a tokenizer. */
const causal = join(folder, 'gpt2');
cpSync(join(goldens, 'architectures', 'gpt2'), causal, { recursive: true });
writeFileSync(join(causal, 'tokenizer_config.json'), '{"tokenizer_class": "HyenaDNATokenizer"}');

/** All logits of one window, `[tokens, vocabulary]`. */
async function logitsOf(model: FrozenModel, window: string, ids: BigInt64Array): Promise<Float32Array> {
  const graph = new Graph();
  const { hiddenStates, logits } = model.build(graph);
  graph.output(
    'logits',
    (logits as NonNullable<typeof logits>)(op.reshape(hiddenStates[model.layers], [-1, model.dimension])),
  );
  const session = await openSession(serialise(graph, { values: model.values }).bytes, compute);
  const feeds = model.encode([window]);
  const run = await session.run(pick(session, { ...feeds, ids: { type: 'int64', data: ids, dims: feeds.ids.dims } }));
  await session.dispose();
  return run.logits.data as Float32Array;
}

/** The batch of one window, as it is alone. */
async function alone(model: FrozenModel, window: string, place: number): Promise<WindowBatch> {
  let found: WindowBatch | undefined;
  await overBatches({ model, tokenLetters: lettersWithoutWords(model) }, [window], compute, async (batch) => {
    found = { ...batch, places: [place] };
  });
  return found as WindowBatch;
}

for (const [name, path] of [
  ['masked', join(goldens, 'architectures', 'bert')],
  ['causal', causal],
] as const)
  describe(`predictions of a ${name} model`, () => {
    const windows = [letters(12), letters(20), letters(17), letters(20)];
    const asking = { seed: 4, share: 0.4 };

    it('are those of every window alone, at the tokens chosen, in nats, bits and per nucleotide', async () => {
      const model = await loadModelFolder(path);
      const reader = { model, tokenLetters: lettersWithoutWords(model) };
      const summary = await askedPredictions(reader, windows, { compute, ...asking });
      const vocabulary = model.vocabularySize as number;
      let [rows, entropy, nll, right, nucleotides] = [0, 0, 0, 0, 0];
      for (const [place, window] of windows.entries()) {
        const { ids, rows: at, targets, letters: spans } = askTokens(await alone(model, window, place), model, asking);
        const logits = await logitsOf(model, window, ids);
        for (const [i, target] of targets.entries()) {
          const row = Array.from(logits.subarray(Number(at[i]) * vocabulary, (Number(at[i]) + 1) * vocabulary));
          const sum = row.reduce((total, logit) => total + Math.exp(logit), 0);
          const p = row.map((logit) => Math.exp(logit) / sum);
          entropy -= p.reduce((total, share) => total + share * Math.log(share), 0);
          nll -= Math.log(p[target]);
          right += Number(p.indexOf(Math.max(...p)) === target);
          nucleotides += spans[i];
          rows += 1;
        }
      }
      expect(rows).toBeGreaterThan(10);
      expect(summary.rows).toBe(rows);
      expect(summary.entropyNats).toBeCloseTo(entropy / rows, 5);
      expect(summary.accuracy?.nllNats).toBeCloseTo(nll / rows, 5);
      expect(summary.accuracy?.perplexity).toBeCloseTo(Math.exp(nll / rows), 3);
      expect(summary.accuracy?.top1).toBe(right / rows);
      expect(nucleotides).toBe(rows); // both read one letter a token
      expect(summary.perNucleotide?.nllBits).toBeCloseTo(nll / rows / Math.LN2, 5);
    });

    it('are asked of no special token, and of a causal model without hiding any', async () => {
      const model = await loadModelFolder(path);
      const batch = await alone(model, windows[1], 0);
      const all = askTokens(batch, model, { seed: 0, share: 1 });
      const special = (id: number) => lettersWithoutWords(model)?.[id] === 0;
      expect([...all.targets].filter(special)).toEqual([]);
      if (name === 'causal') {
        expect(all.ids).toEqual(batch.ids);
        expect(all.targets).toHaveLength(windows[1].length - 1); // what stands before the first letter predicts nothing
        expect([...all.rows].map(Number)).toEqual(Array.from({ length: windows[1].length - 1 }, (_, i) => i));
        expect([...all.targets]).toEqual([...batch.ids.subarray(1, windows[1].length)].map(Number));
      } else expect([...all.rows].every((at) => Number(all.ids[Number(at)]) === model.maskId)).toBe(true);
    });
  });

describe('what is asked', () => {
  it('is decided by seed and place of a window, whatever stands beside it in the batch', async () => {
    const model = await loadModelFolder(join(goldens, 'architectures', 'bert'));
    const windows = Array.from({ length: 400 }, (_, i) => letters(10 + (i % 13)));
    const places: number[] = [];
    const chosen = new Map<number, number[]>();
    await overBatches({ model, tokenLetters: lettersWithoutWords(model) }, windows, compute, async (batch) => {
      expect(batch.places.length).toBeLessThan(400);
      places.push(...batch.places);
      const { rows } = askTokens(batch, model, { seed: 1, share: 0.2 });
      for (const row of rows) {
        const [r, t] = [Math.floor(Number(row) / batch.tokens), Number(row) % batch.tokens];
        chosen.set(batch.places[r], [...(chosen.get(batch.places[r]) ?? []), t]);
      }
    });
    expect([...places].sort((a, b) => a - b)).toEqual(windows.map((_, i) => i));
    for (const place of [0, 57, 399]) {
      const { rows } = askTokens(await alone(model, windows[place], place), model, { seed: 1, share: 0.2 });
      expect(chosen.get(place) ?? []).toEqual([...rows].map(Number));
    }
  });
});

describe('a diagnosis', () => {
  const asked = { corpus, sequences: 8, seed: 3, compute };

  it('of a masked model has everything, and the same for the same seed', async () => {
    const model = await loadModelFolder(join(goldens, 'architectures', 'bert'));
    const found = await diagnose(model, asked);
    expect(found.missing).toEqual([]);
    expect(found.corpus).toMatchObject({ kind: 'fasta', measured: 8, letters: 23, shortened: 0 });
    expect(found.corpus.measured + found.corpus.counted).toBe(found.corpus.windows);
    expect(found.contextual?.layers.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    expect(found.ngrams?.own.orders.map(({ order }) => order)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const shares = found.fisher?.batchMean.groups.reduce((sum, { share }) => sum + share, 0);
    expect(shares).toBeCloseTo(1, 10);
    expect(await diagnose(model, asked)).toEqual(found);
    const other = await diagnose(model, { ...asked, seed: 4 });
    expect(other.predictions?.own.entropyNats).not.toBe(found.predictions?.own.entropyNats);
  });

  it('has the geometry that the frozen encoder gives for the same windows, and of the word table', async () => {
    const model = await loadModelFolder(causal);
    const found = await diagnose(model, asked);
    const { windows } = await sampleCorpus(corpus, {
      ...asked,
      tokens: (text) => model.tokens(text),
      maxLetters: 23,
      lettersPerToken: 1,
    });
    const encoder = encoderOf(model, compute);
    const layers = [0, 1, 2].map((layer) => ({ layer, pooling: 'mean' as const }));
    const matrices = await encoder.embed(windows, layers);
    await encoder.dispose();
    for (const [layer, matrix] of matrices.entries())
      expect(found.contextual?.layers[layer].pooled.effectiveRank).toBeCloseTo(geometry(matrix).effectiveRank, 3);
    expect(found.contextual?.layerCka[0][2]).toBeCloseTo(linearCka(matrices[0], matrices[2]), 4);
    expect(found.contextual?.layerCka[1][1]).toBeCloseTo(1, 10);
    expect(found.contextual?.layers[0].tokens?.rows).toBeGreaterThan(100); // 22 or so letters of 8 windows
    const table = model.values.get(model.wordTable as string) as Float32Array;
    expect(found.wordTable).toEqual(wordTableFacts({ rows: 20, columns: 16, values: table }));
    expect(found.wordTable?.norms.least).toBeLessThan(found.wordTable?.norms.mean as number);
  });

  it('of a model without a head says what it lacks, and measures the rest', async () => {
    const found = await diagnose(await loadModelFolder(join(goldens, 'tiny-mae')), asked);
    expect(found.predictions).toBeUndefined();
    expect(found.missing).toEqual([
      { what: 'predictions', why: 'the weights have no head that predicts tokens of the vocabulary' },
      { what: 'fisher', why: 'the weights have no head that predicts tokens of the vocabulary' },
    ]);
    expect(found.contextual?.layers).toHaveLength(3);
    expect(found.ngrams?.own.heldOutSymbols).toBeGreaterThan(0);
  });

  it('of an encoder that is run as exported has the geometry of its windows', async () => {
    const model = encoderOf(await loadModelFolder(join(goldens, 'architectures', 'bert')), compute);
    const found = await diagnose(model, asked);
    await model.dispose();
    expect(found.missing.map(({ what }) => what)).toEqual(['predictions', 'wordTable', 'fisher']);
    expect(found.contextual?.layers[2].tokens).toBeUndefined();
  });

  it('stops at a number that is not finite', async () => {
    const model = await loadModelFolder(join(goldens, 'architectures', 'bert'));
    const name = 'bert.encoder.layer.1.output.dense.bias';
    const broken = { ...model, values: new Map(model.values) };
    broken.values.set(
      name,
      (model.values.get(name) as Float32Array).map(() => Number.NaN),
    );
    await expect(diagnose(broken, asked)).rejects.toThrow(/logits: row 0, token 0 is NaN/);
    await expect(diagnose({ ...broken, build: withoutHead(broken) }, asked)).rejects.toThrow(
      /layer 2.*row 0, column 0 is NaN/,
    );
  });
});

const withoutHead =
  (model: FrozenModel): FrozenModel['build'] =>
  (graph, mode) => ({ ...model.build(graph, mode), logits: undefined });

describe('windows of a corpus', () => {
  const tokens = (text: string) => text.length;

  it('are half of a small corpus, the others are for n-grams', async () => {
    const sample = await sampleCorpus(corpus, { sequences: 256, seed: 0, tokens, maxLetters: 20, lettersPerToken: 1 });
    expect(sample.windows.length).toBe(sample.total >> 1);
    expect(sample.windows.length + sample.training.length).toBe(sample.total);
    expect(sample.windows.filter((window) => sample.training.includes(window))).toEqual([]);
  });

  it('are as long as the model reads, in letters or in tokens', async () => {
    const reads = (most: number) => (text: string) => {
      if (text.length / 2 > most) throw new Error(`reads ${most} tokens at most`);
      return text.length / 2;
    };
    const sample = await sampleCorpus(corpus, { sequences: 4, seed: 0, tokens: reads(10) });
    expect(sample.letters).toBeGreaterThan(15);
    expect(sample.letters).toBeLessThanOrEqual(20);
    expect(sample.shortened).toBe(0);
    expect(() => readable('ACGTACGTACGT', reads(1))).toThrow(/reads 1 tokens at most/);
    expect(readable('ACGTACGTACGTACGT', reads(6)).length).toBe(12);
  });

  it('are shorter where a small corpus would have too few', async () => {
    const path = join(folder, 'small.txt');
    writeFileSync(path, `${'To be, or not to be, that is the question. '.repeat(60)}\n`);
    const sample = await sampleCorpus(path, { sequences: 4, seed: 0, tokens: (text) => text.length / 20 });
    expect(sample.kind).toBe('text');
    expect(sample.total).toBeGreaterThanOrEqual(16);
    expect(sample.letters).toBe(128);
  });

  it('are whole records where these are shorter than the model reads', async () => {
    const sample = await sampleCorpus(corpus, { sequences: 4, seed: 0, tokens });
    expect(sample.letters).toBe(52); // the median record
  });
});
