/**
 * A tokenizer.json in pre-training: the ids that Python's tokenizers give, the folder that transformers loads, and one step's loss and
 * gradients beside PyTorch (goldens/tiny_bpe_pretrained.py); what is wrong with other files is said by name.
 */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { gradients } from '../../src/onnx/autodiff.ts';
import { Graph, type TypedArray } from '../../src/onnx/graph.ts';
import { serialise } from '../../src/onnx/io/serialise.ts';
import { loadBertFolder } from '../../src/pretraining/bert-folder.ts';
import { type HubTrainingConfig, hubTrainingTokenizer } from '../../src/pretraining/hub-training-tokenizer.ts';
import { feedsOf, OBJECTIVES } from '../../src/pretraining/masking.ts';
import type { PretrainConfig } from '../../src/pretraining/presets.ts';
import { trainingGraph } from '../../src/pretraining/pretrain.ts';
import { readSafetensors } from '../../src/runtime/arrays/safetensors.ts';
import { openSession } from '../../src/runtime/session.ts';
import { expectClose, relativeError, runGraph } from '../onnx/helpers.ts';

interface Golden {
  readonly sequences: string[];
  readonly ids: number[][];
  readonly classes: number;
  readonly batch: {
    readonly sequences: string[];
    readonly shape: number[];
    readonly ids: number[];
    readonly mask: number[];
  };
  readonly hiddenStates: number[][];
  readonly logits: number[];
  readonly step: {
    readonly places: number[][];
    readonly loss: number;
    readonly gradients: Readonly<Record<string, { readonly shape: number[]; readonly values: number[] }>>;
  };
}

const at = (name: string) => fileURLToPath(new URL(`../models/goldens/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(at('tiny_bpe_pretrained.golden.json'), 'utf8')) as Golden;
const TOKENIZER = at('tiny-bpe-bert');
const PRETRAINED = at('tiny-bpe-pretrained');
const CONFIG: HubTrainingConfig = { objective: 'barcodebert', maskedShare: 1, k: 4, length: 40 };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-tokenizer-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A tokenizer.json with some fields changed, alone in a folder. */
async function changed(name: string, change: (file: Record<string, unknown>) => unknown): Promise<string> {
  const file = JSON.parse(await readFile(join(TOKENIZER, 'tokenizer.json'), 'utf8')) as Record<string, unknown>;
  const to = join(folder, name);
  await mkdir(to, { recursive: true });
  await writeFile(join(to, 'tokenizer.json'), JSON.stringify(change(file)));
  return to;
}
type Added = { id: number; content: string; special: boolean };
const model = (file: Record<string, unknown>) => file.model as { vocab: Record<string, number>; merges: unknown[] };
const without = (file: Record<string, unknown>, ...names: string[]) => ({
  ...file,
  added_tokens: (file.added_tokens as Added[]).filter(({ content }) => !names.includes(content)),
  model: {
    ...model(file),
    ...(names.includes('[UNK]') ? { unk_token: null } : {}),
    vocab: Object.fromEntries(Object.entries(model(file).vocab).filter(([text]) => !names.includes(text))),
  },
});

describe('ids', () => {
  it('are those of Python tokenizers without special tokens, with N as in that tokenizer', async () => {
    for (const path of [TOKENIZER, join(TOKENIZER, 'tokenizer.json')]) {
      const tokenizer = await hubTrainingTokenizer(path, CONFIG);
      const { ids, mask, tokens } = tokenizer.encode(
        golden.sequences,
        golden.sequences.map(() => 0),
      );
      expect(golden.ids.some((row) => row.includes(0))).toBe(true); // [UNK] for N
      golden.ids.forEach((row, r) => {
        const padding = tokens - row.length;
        expect(Array.from(ids.subarray(r * tokens, (r + 1) * tokens))).toEqual([...row, ...Array(padding).fill(1)]);
        expect(Array.from(mask.subarray(r * tokens, (r + 1) * tokens))).toEqual([
          ...row.map(() => 1),
          ...Array(padding).fill(0),
        ]);
      });
    }
  });

  it('of a window with an offset are those of its letters from the offset', async () => {
    const tokenizer = await hubTrainingTokenizer(TOKENIZER, CONFIG);
    const [first, second] = golden.sequences.filter(({ length }) => length > 20);
    const late = tokenizer.encode([first, second], [3, 0]);
    expect(late).toEqual(tokenizer.encode([first.slice(3), second], [0, 0]));
  });

  it('start fewer than k letters into the window, at the first letter when there are fewer than 2k', async () => {
    const { drawOffset, randomOffset } = await hubTrainingTokenizer(TOKENIZER, CONFIG);
    const random = createRandom('offsets');
    expect(randomOffset).toBe(true);
    expect(new Set(Array.from({ length: 200 }, () => drawOffset(8, random)))).toEqual(new Set([0, 1, 2, 3]));
    expect(Array.from({ length: 50 }, () => drawOffset(7, random)).every((offset) => offset === 0)).toBe(true);
  });

  it('are counted; a window with only special tokens counts 0', async () => {
    const { count } = await hubTrainingTokenizer(TOKENIZER, CONFIG);
    golden.sequences.forEach((sequence, i) => {
      expect(count(sequence)).toBe(golden.ids[i].some((id) => id > 4) ? golden.ids[i].length : 0);
    });
    expect(golden.ids.some((row) => row.every((id) => id <= 4))).toBe(true);
  });
});

describe('the vocabulary', () => {
  it('has a class for every ordinary token, in both directions', async () => {
    const { vocabulary, maxTokens } = await hubTrainingTokenizer(TOKENIZER, CONFIG);
    expect(vocabulary).toMatchObject({ size: 40, classes: golden.classes, maskId: 4, paddingId: 1 });
    expect(maxTokens).toBe(40);
    expect([0, 1, 2, 3, 4].map(vocabulary.classOf)).toEqual([-1, -1, -1, -1, -1]);
    for (let i = 0; i < vocabulary.classes; i++) expect(vocabulary.classOf(vocabulary.idOf(i))).toBe(i);
  });

  it('may have special tokens at any position', async () => {
    const last = (file: Record<string, unknown>) => ({
      ...file,
      added_tokens: (file.added_tokens as Added[]).map((token) =>
        token.content === '[MASK]' ? { ...token, id: 40 } : token,
      ),
      model: { ...model(file), vocab: { ...model(file).vocab, '[MASK]': 40 } },
    });
    const { vocabulary } = await hubTrainingTokenizer(await changed('mask last', last), CONFIG);
    expect(vocabulary).toMatchObject({ size: 41, classes: 35, maskId: 40 });
    expect([4, 5, 39, 40].map(vocabulary.classOf)).toEqual([-1, 0, 34, -1]);
  });
});

describe('a file', () => {
  const MASK_NEEDED = /no mask token, and objective 'barcodebert' shows it to the encoder; add one to the tokenizer/;

  it('without a mask token works with the objectives that do not show it', async () => {
    const bare = await changed('no mask', (file) => without(file, '[MASK]'));
    for (const objective of OBJECTIVES) {
      const reading = hubTrainingTokenizer(bare, { ...CONFIG, objective });
      if (objective === 'masked-lm' || objective === 'barcodebert')
        await expect(reading).rejects.toThrow(/no mask token/);
      else expect((await reading).vocabulary).toMatchObject({ classes: golden.classes });
    }
    await expect(hubTrainingTokenizer(bare, CONFIG)).rejects.toThrow(MASK_NEEDED);
    await expect(hubTrainingTokenizer(bare, { ...CONFIG, maskedShare: 0 })).resolves.toBeDefined();
  });

  it('takes the mask token of tokenizer_config.json', async () => {
    const renamed = await changed('renamed', (file) => JSON.parse(JSON.stringify(file).replaceAll('[MASK]', '%HIDE%')));
    await expect(hubTrainingTokenizer(renamed, CONFIG)).rejects.toThrow(MASK_NEEDED);
    await writeFile(join(renamed, 'tokenizer_config.json'), '{"mask_token": {"content": "%HIDE%"}}');
    expect((await hubTrainingTokenizer(renamed, CONFIG)).vocabulary.maskId).toBe(4);
  });

  it('without a token for a letter is refused when the letter occurs', async () => {
    const blind = await changed('no unknown', (file) => without(file, '[UNK]'));
    const tokenizer = await hubTrainingTokenizer(blind, CONFIG);
    expect(tokenizer.count('ACGT')).toBeGreaterThan(0);
    expect(() => tokenizer.count('ACGTN')).toThrow(
      /tokenizer\.json has no token for 'N' and no unknown token; add one/,
    );
  });

  it.each([
    ['that does not exist', () => join(folder, 'nowhere'), /nowhere is missing; give a tokenizer\.json or its folder/],
    ['that is not an object', () => changed('list', () => [1]), /must hold a JSON object/],
    ['without a vocabulary', () => changed('bare', () => ({ version: '1.0' })), /model\.vocab is missing/],
    [
      'with only special tokens',
      () => changed('special', (file) => ({ ...file, model: { ...model(file), vocab: {}, merges: [] } })),
      /has only special tokens/,
    ],
  ])('%s is refused', async (_what, path, message) => {
    await expect(hubTrainingTokenizer(await path(), CONFIG)).rejects.toThrow(message);
  });

  it('that is not JSON is refused', async () => {
    await writeFile(join(folder, 'broken.json'), '{"model": ');
    await expect(hubTrainingTokenizer(join(folder, 'broken.json'), CONFIG)).rejects.toThrow(
      /broken\.json is not valid JSON/,
    );
  });

  it('has an identity of only the fields that affect its ids', async () => {
    const identity = async (path: string) => (await hubTrainingTokenizer(path, CONFIG)).identity;
    const own = await identity(TOKENIZER);
    expect(await identity(PRETRAINED)).toBe(own);
    expect(await identity(await changed('cut', (file) => ({ ...file, truncation: { max_length: 4 } })))).toBe(own);
    expect(await identity(await changed('other', (file) => without(file, '[SEP]')))).not.toBe(own);
  });

  it('is written to the model folder instead of k-mers', async () => {
    const out = join(folder, 'written');
    await mkdir(out);
    await writeFile(join(out, 'kmer_tokenizer.json'), '{"k": 2}');
    await (await hubTrainingTokenizer(TOKENIZER, CONFIG)).saveTo(out);
    expect((await readdir(out)).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json']);
    for (const file of await readdir(out))
      expect(await readFile(join(out, file), 'utf8')).toBe(await readFile(join(PRETRAINED, file), 'utf8'));
  });
});

describe('the folder that pre-training writes', () => {
  it('gives the ids, hidden states and logits of transformers', async () => {
    const frozen = await loadBertFolder(PRETRAINED);
    for (const [i, sequence] of golden.sequences.entries())
      expect(Array.from(frozen.encode([sequence]).ids.data, Number)).toEqual(golden.ids[i]);
    const { ids, mask } = frozen.encode(golden.batch.sequences);
    expect(Array.from(ids.data, Number)).toEqual(golden.batch.ids);
    expect(Array.from(mask.data, Number)).toEqual(golden.batch.mask);
    const graph = new Graph();
    frozen.build(graph).hiddenStates.forEach((states, layer) => {
      graph.output(`layer:${layer}`, states);
    });
    const session = await openSession(serialise(graph, { values: frozen.values }).bytes, { device: 'cpu', threads: 1 });
    const results = await session.run({ ids, mask });
    await session.dispose();
    golden.hiddenStates.forEach((expected, layer) => {
      expect(relativeError(results[`layer:${layer}`].data as Float32Array, expected)).toBeLessThan(2e-5);
    });
    const { tensors } = await readSafetensors(join(PRETRAINED, 'model.safetensors'));
    const [weight, bias] = ['weight', 'bias'].map((part) => tensors.get(`classifier.${part}`)!);
    expect(weight.shape).toEqual([golden.classes, 8]);
    const last = golden.hiddenStates[golden.hiddenStates.length - 1]; // [rows tokens, 8]
    const logits = Array.from({ length: golden.logits.length }, (_, i) => {
      const [token, classIndex] = [Math.floor(i / golden.classes), i % golden.classes];
      let sum = bias.data[classIndex];
      for (let d = 0; d < 8; d++) sum += weight.data[classIndex * 8 + d] * last[token * 8 + d];
      return sum;
    });
    expect(relativeError(Float32Array.from(logits), golden.logits)).toBeLessThan(2e-5);
  });
});

it('a training step has the loss and gradients of PyTorch', async () => {
  const { config } = JSON.parse(await readFile(join(PRETRAINED, 'training.json'), 'utf8')) as {
    config: PretrainConfig;
  };
  const tokenizer = await hubTrainingTokenizer(PRETRAINED, config);
  const { vocabulary } = tokenizer;
  const { sequences, shape } = golden.batch;
  const { ids, mask, tokens } = tokenizer.encode(
    sequences,
    sequences.map(() => 0),
  );
  expect([sequences.length, tokens]).toEqual(shape);
  const { places } = golden.step;
  const [shown, hidden] = [ids.slice(), new Uint8Array(ids.length)];
  places.forEach((row, r) => {
    for (const t of row) {
      shown[r * tokens + t] = vocabulary.maskId;
      hidden[r * tokens + t] = 1;
    }
  });
  const batch = { ids, mask, rows: sequences.length, tokens, vocabulary };
  const feeds = feedsOf(batch, { shown, hidden, places }, config, true);

  const graph = new Graph();
  const { loss } = trainingGraph(graph, config, { training: true }, tokenizer);
  graph.output('loss', loss);
  const names = [...graph.parameters.keys()];
  expect(names.sort()).toEqual(Object.keys(golden.step.gradients).sort());
  const parameters = names.map((name) => graph.parameters.get(name)!.tensor);
  gradients(loss, parameters, { allowUnused: true }).forEach((gradient, i) => {
    graph.output(`gradient:${names[i]}`, gradient);
  });
  const { tensors } = await readSafetensors(join(PRETRAINED, 'model.safetensors'));
  const weights: Record<string, TypedArray> = Object.fromEntries([...tensors].map(([name, { data }]) => [name, data]));
  const results = await runGraph(graph, feeds, weights);
  expect(Number(results.loss.data[0])).toBeCloseTo(golden.step.loss, 5);
  const largest = Math.max(...Object.values(golden.step.gradients).flatMap(({ values }) => values.map(Math.abs)));
  for (const name of names) {
    const { shape: expected, values } = golden.step.gradients[name];
    const tensor = { shape: expected, dtype: 'float32', data: values } as const;
    expectClose(results[`gradient:${name}`], tensor, name, { tolerance: 1e-4, floor: 0.02 * largest });
  }
});
