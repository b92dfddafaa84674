/** What an export with a head is found to predict (goldens/onnx-logits.py): its logits, what they tell, and why there are none. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readsOf } from '../../../src/models/exports/config.ts';
import { onnxModel } from '../../../src/models/exports/folder.ts';
import type { Encoder } from '../../../src/models/model.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import type { Feeds } from '../../../src/runtime/training/network.ts';

const GOLDENS = fileURLToPath(new URL('../goldens/onnx-logits/', import.meta.url));
const COMPUTE = { device: 'cpu', threads: 1 } as const;
/** Tokens of the tokenizer beside these: 2-mers and five special ones. */
const VOCABULARY = 21;

let folder: string;
const opened: Encoder[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-logits-'));
});
afterEach(async () => {
  for (const encoder of opened.splice(0)) await encoder.dispose();
});
afterAll(() => rm(folder, { recursive: true }));

async function model(path: string): Promise<Encoder> {
  const encoder = await onnxModel(path, COMPUTE);
  opened.push(encoder);
  return encoder;
}

/** The folder of a BERT with a graph of ours instead: logits made of ids [rows, tokens]. */
async function made(
  name: string,
  logits: (ids: Tensor) => Tensor,
  { settings, config, called = 'logits' }: { settings?: unknown; config?: unknown; called?: string } = {},
): Promise<string> {
  const place = join(folder, name);
  await cp(join(GOLDENS, 'bert-script'), place, { recursive: true });
  const graph = new Graph();
  const ids = graph.input('input_ids', 'int64', ['rows', 'tokens']);
  graph.output(called, logits(ids));
  graph.output('last_hidden_state', op.unsqueeze(op.cast(ids, 'float32'), [2]));
  await writeFile(join(place, 'model.onnx'), serialise(graph).bytes);
  if (settings !== undefined) await writeFile(join(place, 'glm.json'), JSON.stringify(settings));
  if (config !== undefined) await writeFile(join(place, 'config.json'), JSON.stringify(config));
  return place;
}

/** 1 at the token that stands there, [rows, tokens, columns]. */
const oneHot =
  (columns: number) =>
  (ids: Tensor): Tensor => {
    const eye = Float32Array.from({ length: columns ** 2 }, (_, i) => Number(i % columns === Math.floor(i / columns)));
    return op.gather(ids.graph.constant(eye, [columns, columns]), ids);
  };

const feeds = (rows: readonly (readonly number[])[], mask = rows.map((row) => row.map(() => 1))): Feeds => {
  const int64 = (values: readonly (readonly number[])[]) =>
    ({ type: 'int64', data: BigInt64Array.from(values.flat(), BigInt), dims: [rows.length, rows[0].length] }) as const;
  return { ids: int64(rows), mask: int64(mask) };
};

describe('an export with a head', () => {
  it.each(['bert-script', 'bert-dynamo', 'gpt2-script'])(
    '%s gives the logits of PyTorch at the places asked for',
    async (name) => {
      const [architecture] = name.split('-');
      const fisher = new URL('../../diagnostics/goldens/fisher.json', import.meta.url);
      const [batch] = JSON.parse(await readFile(fisher, 'utf8'))[architecture].batches;
      const golden = JSON.parse(await readFile(join(GOLDENS, 'golden.json'), 'utf8'))[architecture];
      const { exported } = await model(join(GOLDENS, name));
      expect(exported).toMatchObject({
        reads: architecture === 'bert' ? 'masked' : 'causal',
        vocabularySize: golden.vocabulary,
        dimension: 16,
        layers: 2,
        refusal: undefined,
      });
      const places = BigInt64Array.from([batch.places[1], batch.places[0]], BigInt);
      const logits = await exported?.logitsAt(feeds(batch.ids, batch.mask), places);
      expect(logits).toHaveLength(2 * golden.vocabulary);
      golden.firstLogits.forEach((value: number, column: number) => {
        expect(logits?.[golden.vocabulary + column]).toBeCloseTo(value, 4);
      });
    },
  );

  it('and nothing else can not be embedded', async () => {
    const encoder = await model(join(GOLDENS, 'bert-script'));
    expect(encoder).toMatchObject({ dimension: 0, layers: 0, card: { logits: 'logits', reads: 'masked' } });
    await expect(encoder.embed(['ACGT'], [{ layer: 0, pooling: 'mean' }])).rejects.toThrow(
      'none of its outputs (logits) is a hidden state',
    );
  });

  it('and hidden states gives both', async () => {
    const encoder = await model(join(GOLDENS, 'bert-dynamo'));
    expect([encoder.dimension, encoder.layers]).toEqual([16, 2]);
    const [matrix] = await encoder.embed(['ACGTAC', 'TTGC'], [{ layer: 2, pooling: 'mean' }]);
    expect(matrix).toMatchObject({ rows: 2, columns: 16 });
  });

  it('is asked under the name and for the tokens that glm.json says', async () => {
    const settings = { logits: 'scores', reads: 'causal' };
    const { exported } = await model(await made('named', oneHot(VOCABULARY), { settings, called: 'scores' }));
    expect(exported).toMatchObject({ reads: 'causal', vocabularySize: VOCABULARY, refusal: undefined });
    const logits = await exported?.logitsAt(feeds([[5, 6, 7]]), BigInt64Array.of(2n));
    expect(logits?.indexOf(1)).toBe(7);
  });

  it('may have more columns than the tokenizer has tokens', async () => {
    const { exported } = await model(await made('padded', oneHot(VOCABULARY + 3)));
    expect(exported).toMatchObject({ vocabularySize: VOCABULARY + 3, refusal: undefined });
  });

  it('has another fingerprint where its logits mean another thing', async () => {
    const [hidden, next] = [
      await made('hidden', oneHot(VOCABULARY)),
      await made('next', oneHot(VOCABULARY), { config: { model_type: 'gpt2' } }),
    ];
    expect((await model(hidden)).fingerprint).not.toBe((await model(next)).fingerprint);
  });
});

describe('what can not be asked says why', () => {
  it.each<[string, (ids: Tensor) => Tensor, object, string]>([
    [
      'fewer columns than tokens',
      oneHot(VOCABULARY - 1),
      {},
      'its logits tell 20 classes, and the tokenizer has 21 tokens',
    ],
    [
      'one row a sequence',
      (ids) => op.reduceMean(oneHot(VOCABULARY)(ids), [1], false),
      {},
      'its logits are float32 [1, 21] for',
    ],
    ['whole numbers', (ids) => op.cast(oneHot(VOCABULARY)(ids), 'int64'), {}, "its output 'logits' is int64"],
    [
      'another name',
      oneHot(VOCABULARY),
      { called: 'scores' },
      'none of its outputs (scores, last_hidden_state) is called logits',
    ],
    ['an unknown kind', oneHot(VOCABULARY), { config: {} }, 'put "reads": "masked" or "causal" in glm.json'],
  ])('%s', async (name, logits, options, why) => {
    const encoder = await model(await made(name.replaceAll(' ', '-'), logits, options));
    expect(encoder.exported?.refusal).toContain(why);
    expect(encoder.dimension).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ['named-classes', { logits: 'logits' }, 'its logits tell 4 classes'],
    ['named-nothing', { logits: 'scores' }, "asks for the output 'scores'; it has logits, last_hidden_state"],
    ['named-wrongly', { logits: ['logits'] }, "'logits' must be the name of an output"],
    ['reads-wrongly', { reads: 'both' }, `'reads' must be "masked" or "causal"`],
  ])('an error where glm.json asks for it: %s', async (name, settings, message) => {
    const place = await made(name, (ids) => op.slice(oneHot(VOCABULARY)(ids), 2, 0, 4), { settings });
    await expect(model(place)).rejects.toThrow(message);
  });
});

describe('config.json tells', () => {
  it.each<[string, object, string | undefined]>([
    ['a decoder', { is_decoder: true, architectures: ['BertForMaskedLM'] }, 'causal'],
    ['a masked head', { architectures: ['EsmForMaskedLM'], model_type: 'esm' }, 'masked'],
    ['a causal head', { architectures: ['LlamaForCausalLM'] }, 'causal'],
    ['the head of GPT-2', { architectures: ['GPT2LMHeadModel'] }, 'causal'],
    ['another head', { architectures: ['BertForSequenceClassification'], model_type: 'bert' }, undefined],
    ['a family', { model_type: 'roberta' }, 'masked'],
    ['a causal family', { model_type: 'gpt_neox' }, 'causal'],
    ['nothing', {}, undefined],
  ])('%s', (_what, config, reads) => {
    expect(readsOf({ ...config })).toBe(reads);
  });
});
