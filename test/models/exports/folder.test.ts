import { cp, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findOnnx, onnxModel } from '../../../src/models/exports/folder.ts';
import type { Encoder, Representation } from '../../../src/models/model.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { type NamedTensor, readSafetensors } from '../../../src/runtime/arrays/safetensors.ts';

const GOLDENS = fileURLToPath(new URL('../goldens/onnx-folder/', import.meta.url));
/** The sequences of the goldens, and their tokens. */
const SEQUENCES = ['ACGTAC', 'TTGCATTAGCCA', 'GG', 'ACGNNAACGT'];
const TOKENS = [3, 6, 1, 5];
const [PADDED, WIDTH] = [6, 16];
const COMPUTE = { device: 'cpu', threads: 1 } as const;

let golden: Map<string, NamedTensor>;
let folder: string;
const opened: Encoder[] = [];
beforeAll(async () => {
  golden = (await readSafetensors(join(GOLDENS, 'golden.safetensors'))).tensors;
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-onnx-'));
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

/** Mean, maximum or first of a golden's token vectors, over real tokens. */
function pooled(name: string, pooling: Representation['pooling']): number[] {
  const { data } = golden.get(name)!;
  return SEQUENCES.flatMap((_, s) =>
    Array.from({ length: WIDTH }, (_, d) => {
      const values = Array.from({ length: TOKENS[s] }, (_, t) => data[(s * PADDED + t) * WIDTH + d]);
      if (pooling === 'first') return values[0];
      return pooling === 'max' ? Math.max(...values) : values.reduce((sum, value) => sum + value) / values.length;
    }),
  );
}

function expectClose(values: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(values.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - values[i])));
  expect(worst / largest).toBeLessThan(tolerance);
}

describe('an encoder exported to ONNX', () => {
  it('gives the hidden states of transformers, every layer and pooling, weights in a file beside it', async () => {
    const encoder = await model(join(GOLDENS, 'every-layer'));
    expect([encoder.dimension, encoder.layers]).toEqual([WIDTH, 2]);
    expect(encoder.card).toMatchObject({ batches: 'padded: that changes nothing', maxTokens: 8 });
    const asked = [0, 1, 2].flatMap((layer) =>
      (['mean', 'max', 'first'] as const).map((pooling) => ({ layer, pooling })),
    );
    const matrices = await encoder.embed(SEQUENCES, asked);
    for (const [i, { layer, pooling }] of asked.entries())
      expectClose(matrices[i].values, pooled(`hidden.${layer}`, pooling), 1e-5);
  });

  it('gives a sequence the same vector in any company', async () => {
    const encoder = await model(join(GOLDENS, 'every-layer'));
    const asked = [{ layer: 2, pooling: 'mean' }] as const;
    const [together] = await encoder.embed(SEQUENCES, asked);
    for (const [i, sequence] of SEQUENCES.entries()) {
      const [alone] = await encoder.embed([sequence], asked);
      expectClose(alone.values, [...together.values.slice(i * WIDTH, (i + 1) * WIDTH)], 1e-5);
    }
  });

  it('casts half-precision outputs, which the engine would not hand back', async () => {
    const encoder = await model(join(GOLDENS, 'last-layer-half', 'model.onnx'));
    expect(encoder.layers).toBe(0);
    const [matrix] = await encoder.embed(SEQUENCES, [{ layer: 0, pooling: 'mean' }]);
    expectClose(matrix.values, pooled('hidden.2', 'mean'), 2e-3);
  });

  it('never pads for a model that takes no attention mask', async () => {
    const encoder = await model(join(GOLDENS, 'no-mask'));
    expect(encoder.card.batches).toMatch('of equally many tokens');
    const [matrix] = await encoder.embed(SEQUENCES, [{ layer: 0, pooling: 'first' }]);
    const row = (values: ArrayLike<number>, i: number) => Array.from(values).slice(i * WIDTH, (i + 1) * WIDTH);
    expectClose(row(matrix.values, 1), pooled('unmasked', 'first').slice(WIDTH, 2 * WIDTH), 1e-5); // full length
    expectClose(row(matrix.values, 2), pooled('hidden.2', 'first').slice(2 * WIDTH, 3 * WIDTH), 1e-5); // padding masked
  });

  it('follows glm.json: which outputs are layers, and how long its input may be', async () => {
    const encoder = await model(join(GOLDENS, 'named'));
    expect(encoder.layers).toBe(1);
    const [matrix] = await encoder.embed(['GG', 'ACGTAC'], [{ layer: 1, pooling: 'first' }]);
    expectClose(matrix.values.slice(WIDTH), pooled('hidden.2', 'first').slice(0, WIDTH), 1e-5);
    await expect(encoder.embed(['GG', SEQUENCES[1]], [{ layer: 1, pooling: 'first' }])).rejects.toThrow(
      /sequence 2 of 2: .* at most/,
    );
  });

  it('has a fingerprint of everything that decides its numbers, external weights too', async () => {
    const place = join(folder, 'changed');
    await cp(join(GOLDENS, 'every-layer'), place, { recursive: true });
    const before = await model(place);
    expect(before.fingerprint).toBe((await model(join(GOLDENS, 'every-layer'))).fingerprint);
    const weights = await readFile(join(place, 'model.onnx_data'));
    weights[100] ^= 1;
    await writeFile(join(place, 'model.onnx_data'), weights);
    expect((await model(place)).fingerprint).not.toBe(before.fingerprint);
    await unlink(join(place, 'model.onnx_data'));
    await expect(model(place)).rejects.toThrow('its weights lie in model.onnx_data, which is missing');
  });

  it('refuses layers and poolings that it has not', async () => {
    const encoder = await model(join(GOLDENS, 'every-layer'));
    await expect(encoder.embed(['GG'], [{ layer: 3, pooling: 'mean' }])).rejects.toThrow('hidden states 0 to 2, not 3');
    await expect(encoder.embed(['GG'], [{ layer: 0, pooling: 'frames' }])).rejects.toThrow("pooling 'frames'");
  });
});

describe('what is found and what is refused', () => {
  /** A model folder with a graph of ours: ids of any shape in, their float values out. */
  async function odd(
    name: string,
    input: string,
    output: string,
    shape: readonly (string | number)[],
    settings?: unknown,
  ) {
    const place = join(folder, name);
    await cp(join(GOLDENS, 'no-mask'), place, { recursive: true });
    const graph = new Graph();
    const ids = graph.input(input, 'int64', shape);
    graph.output(output, op.unsqueeze(op.cast(ids, 'float32'), [2])); // [rows, tokens, 1]
    await writeFile(join(place, 'model.onnx'), serialise(graph).bytes);
    if (settings !== undefined) await writeFile(join(place, 'glm.json'), JSON.stringify(settings));
    return place;
  }
  const OPEN = ['rows', 'tokens'] as const;

  it('is model.onnx, in the folder or in onnx/, or a lone file', async () => {
    const place = await mkdtemp(join(folder, 'found-'));
    expect(findOnnx(place)).toBeUndefined();
    await cp(join(GOLDENS, 'no-mask', 'model.onnx'), join(place, 'onnx', 'encoder.onnx'));
    for (const file of ['kmer_tokenizer.json', 'config.json'])
      await cp(join(GOLDENS, 'no-mask', file), join(place, file));
    expect(findOnnx(place)).toBe(join(place, 'onnx', 'encoder.onnx'));
    expect((await model(place)).dimension).toBe(WIDTH);
    await cp(join(place, 'onnx', 'encoder.onnx'), join(place, 'onnx', 'encoder_q8.onnx'));
    expect(() => findOnnx(place)).toThrow('several models (encoder.onnx, encoder_q8.onnx)');
    await expect(model(GOLDENS)).rejects.toThrow('holds no .onnx model');
  });

  it('runs a model whose names are its own once glm.json says them', async () => {
    const place = await odd('own', 'letters', 'vectors', OPEN, {
      inputs: { ids: 'letters' },
      hiddenStates: ['vectors'],
    });
    const encoder = await model(place);
    const [{ values }] = await encoder.embed(['GGGG'], [{ layer: 0, pooling: 'mean' }]);
    expect([...values]).toEqual([12]); // the id of GG
  });

  it('runs sequences one by one where those of a batch change each other', async () => {
    const place = await odd('quantised', 'input_ids', 'unused', OPEN, { hiddenStates: ['shifted'] });
    const graph = new Graph();
    const values = op.cast(graph.input('input_ids', 'int64', OPEN), 'float32');
    graph.output('shifted', op.unsqueeze(op.add(values, op.reduceSum(values, [0, 1], true)), [2]));
    await writeFile(join(place, 'model.onnx'), serialise(graph).bytes);
    const encoder = await model(place);
    expect(encoder.card.batches).toMatch('of one sequence');
    const [{ values: vectors }] = await encoder.embed(['GG', 'CC'], [{ layer: 0, pooling: 'mean' }]);
    expect([...vectors]).toEqual([24, 14]);
  });

  it.each<[string, string, string, readonly (string | number)[], unknown, string]>([
    [
      'input',
      'past_key_values.0.key',
      'last_hidden_state',
      OPEN,
      undefined,
      "input 'past_key_values.0.key' is none of input_ids",
    ],
    ['output', 'input_ids', 'logits', OPEN, undefined, 'none of its outputs (logits) is a hidden state'],
    ['fixed', 'input_ids', 'last_hidden_state', [1, 512], undefined, 'has fixed sizes; export with dynamic axes'],
    ['unknown-output', 'input_ids', 'logits', OPEN, { hiddenStates: ['x'] }, "asks for the output 'x'; it has logits"],
    ['unknown-field', 'input_ids', 'logits', OPEN, { hidden: [] }, "unknown field 'hidden'; known: hiddenStates"],
    ['no-layers', 'input_ids', 'logits', OPEN, { hiddenStates: [] }, "'hiddenStates' must list output names"],
    ['role', 'input_ids', 'logits', OPEN, { inputs: { id: 'x' } }, "not 'id'"],
    ['length', 'input_ids', 'logits', OPEN, { maxTokens: 0 }, "'maxTokens' must be a positive whole number"],
  ])('refuses %s', async (name, input, output, shape, settings, message) => {
    await expect(model(await odd(name, input, output, shape, settings))).rejects.toThrow(message);
  });

  it('refuses files that are no model, and weights outside the folder', async () => {
    const place = await odd('damaged', 'input_ids', 'last_hidden_state', OPEN);
    const path = join(place, 'model.onnx');
    await writeFile(path, Buffer.from('not a model'));
    await expect(model(place)).rejects.toThrow('is not an ONNX model');
    const graph = new Graph();
    const ids = graph.input('input_ids', 'int64', OPEN);
    const table = graph.constant({ location: '../../secret', offset: 0, length: 72 }, [18], 'float32', 'table');
    graph.output('last_hidden_state', op.unsqueeze(op.gather(table, ids), [2]));
    await writeFile(path, serialise(graph).bytes);
    await expect(model(place)).rejects.toThrow(`the weight table lies in "../../secret", outside the model's folder`);
  });
});
