/**
 * Exports with heads (goldens of test/models/goldens/onnx-logits.py), run as they are: what is measured of them is what NumPy and PyTorch have of the same weights,
 * and what is measured of the same checkpoint as a graph of ours.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { type Diagnosis, diagnose } from '../../../src/diagnostics/diagnose.ts';
import { fisherBatches } from '../../../src/diagnostics/fisher/batches.ts';
import { differentiable } from '../../../src/diagnostics/fisher/differentiable-onnx.ts';
import { empiricalFisher, type FisherForm } from '../../../src/diagnostics/fisher/fisher.ts';
import type { FisherGroup } from '../../../src/diagnostics/fisher/summary.ts';
import { measure } from '../../../src/diagnostics/model-diagnostics.ts';
import { createPredictive } from '../../../src/diagnostics/predictions/predictive.ts';
import { overBatches, tokenReader } from '../../../src/diagnostics/predictions/token-batches.ts';
import { onnxModel } from '../../../src/models/exports/folder.ts';
import type { Encoder, ExportedModel } from '../../../src/models/model.ts';
import { loadModelFolder } from '../../../src/models/model-folder.ts';
import { Graph, type Tensor } from '../../../src/onnx/graph.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import { tokenPositions } from '../../../src/onnx/layers/positions/learned.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { askedBatch, goldenFisher, goldens } from './fisher-goldens.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const models = fileURLToPath(new URL('../../models/goldens', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'exported-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = createRandom('windows of exports');
const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
const corpus = join(folder, 'corpus.fa');
writeFileSync(corpus, Array.from({ length: 24 }, (_, i) => `>s${i}\n${letters(40 + i)}\n`).join(''));
const asked = { corpus, sequences: 8, seed: 3, compute };

const causal = join(folder, 'gpt2');
cpSync(join(models, 'architectures', 'gpt2'), causal, { recursive: true });
writeFileSync(join(causal, 'tokenizer_config.json'), '{"tokenizer_class": "HyenaDNATokenizer"}');
const CHECKPOINTS = { bert: join(models, 'architectures', 'bert'), gpt2: causal } as const;
const EXPORTS = [
  ['bert-script', 'bert'],
  ['bert-dynamo', 'bert'],
  ['gpt2-script', 'gpt2'],
] as const;

/** Opens an export, and closes it after use. */
async function using<T>(path: string, use: (encoder: Encoder, model: ExportedModel) => Promise<T>): Promise<T> {
  const encoder = await onnxModel(path, compute);
  try {
    return await use(encoder, encoder.exported as ExportedModel);
  } finally {
    await encoder.dispose();
  }
}
const exported = (name: string) => join(models, 'onnx-logits', name);

/** The folder of a masked model of 21 tokens whose graph is ours: logits of ids and mask [rows, tokens]. */
function made(name: string, logits: (ids: Tensor, mask: Tensor) => Tensor, { masks = true } = {}): string {
  const place = join(folder, name);
  cpSync(exported('bert-script'), place, { recursive: true });
  const graph = new Graph();
  const ids = graph.input('input_ids', 'int64', ['rows', 'tokens']);
  const mask = masks ? graph.input('attention_mask', 'int64', ['rows', 'tokens']) : op.fullLike(ids, 1);
  graph.output('logits', logits(ids, mask));
  writeFileSync(join(place, 'model.onnx'), serialise(graph, { values: { table, output } }).bytes);
  return place;
}
const drawn = (size: number) => Float32Array.from({ length: size }, () => random.normal());
const [table, output] = [drawn(21 * 4), drawn(4 * 21)];
const parameter = (like: Tensor, name: string, shape: number[]) => like.graph.parameter(name, shape, () => drawn(0));
const embedded = (ids: Tensor) => op.gather(parameter(ids, 'table', [21, 4]), ids); // [rows, tokens, 4]
const head = (x: Tensor) => op.matmul(x, parameter(x, 'output', [4, 21])); // [rows, tokens, 21]

function renameOperator(path: string, from: string, to: string): void {
  const model = fromBinary(ModelProtoSchema, readFileSync(path));
  for (const node of model.graph?.node ?? []) if (node.opType === from) node.opType = to;
  writeFileSync(path, toBinary(ModelProtoSchema, model));
}

function expectNear(actual: number | undefined, wanted: number, what: string, tolerance = 1e-4): void {
  const scale = Math.max(Math.abs(wanted), 1e-9);
  expect(Math.abs((actual ?? Number.NaN) - wanted) / scale, `${what}: ${actual} for ${wanted}`).toBeLessThan(tolerance);
}

describe.each(EXPORTS)('the export %s', (name, architecture) => {
  it('predicts what NumPy makes of the logits of PyTorch', async () => {
    const golden = JSON.parse(readFileSync(exported('golden.json'), 'utf8'))[architecture];
    const predictive = createPredictive(golden.vocabulary);
    await using(exported(name), async (_, model) => {
      for (const batch of goldens[architecture].batches.map((one) => askedBatch(one))) {
        const logits = await model.logitsAt(batch.feeds, BigInt64Array.from(batch.places, BigInt));
        const { targets } = batch;
        predictive.add({ logits, targets, nucleotides: Float64Array.from(targets, () => 1) });
      }
    });
    const found = predictive.summary();
    for (const key of ['entropyNats', 'klModelToUniformBits', 'klUniformToModelBits'] as const)
      expectNear(found[key], golden[key], key, 1e-5);
    expectNear(found.accuracy?.nllNats, golden.nllNats, 'nll', 1e-5);
    expect(found.accuracy?.top1).toBeCloseTo(golden.top1, 12);
  });

  it.each<[FisherForm, 'batchMean' | 'perToken']>([
    ['batch-mean', 'batchMean'],
    ['per-token', 'perToken'],
  ])('has the Fisher information of PyTorch, in the %s form', async (form, key) => {
    const golden = goldens[architecture];
    const summary = await using(exported(name), async (_, model) =>
      empiricalFisher(
        await differentiable(model, []),
        golden.batches.map((one) => askedBatch(one)),
        {
          ...compute,
          form,
        },
      ),
    );
    const ours = await goldenFisher(architecture, form); // its tensors are held against PyTorch's in fisher.test.ts
    const total = Object.entries(golden[key]).reduce((sum, [tensor, f]) => sum + (tensor.endsWith(' role') ? 0 : f), 0);
    expectNear(summary.total, total, 'total');
    expectGroups(summary.groups, ours.groups);
    expect(summary.parts.map(({ group, part }) => `${group} ${part}`).sort()).toEqual(
      ours.parts.map(({ group, part }) => `${group} ${part}`).sort(),
    );
    const roles = summary.tensors.find((tensor) => tensor.roles)?.roles;
    expectNear(roles?.input, golden[key]['input role'], 'look-up');
    expectNear(roles?.output, golden[key]['output role'], 'output matrix');
  });

  it('is diagnosed as the same checkpoint is', async () => {
    const wanted = await diagnose(await loadModelFolder(CHECKPOINTS[architecture]), asked);
    const found = await using(exported(name), (encoder) => diagnose(encoder, asked));
    expect(found.missing.map(({ what }) => what)).toEqual(name === 'bert-dynamo' ? [] : ['contextual']);
    const numbers = ({ predictions }: Diagnosis) =>
      [predictions?.own, predictions?.shuffled].flatMap((one) => [
        ...[
          one?.rows,
          one?.entropyBits,
          one?.klModelToUniformBits,
          one?.accuracy?.nllNats,
          one?.perNucleotide?.nllBits,
        ],
      ]);
    numbers(wanted).forEach((value, i) => {
      expectNear(numbers(found)[i], value as number, `number ${i}`, 1e-5);
    });
    expect(found.wordTable).toEqual(wanted.wordTable);
    expect(found.ngrams).toEqual(wanted.ngrams);
    for (const form of ['batchMean', 'perToken'] as const)
      expectGroups(found.fisher?.[form].groups ?? [], wanted.fisher?.[form].groups ?? []);
    if (name === 'bert-dynamo')
      wanted.contextual?.layers.forEach(({ pooled }, layer) => {
        expectNear(found.contextual?.layers[layer].pooled.effectiveRank, pooled.effectiveRank, `layer ${layer}`);
      });
    else expect(found.contextual).toBeUndefined();
  });

  it('has the measures beside a score that the same checkpoint has', async () => {
    const sequences = Array.from({ length: 12 }, (_, i) => letters(12 + (i % 9)));
    const wanted = await measure(await loadModelFolder(CHECKPOINTS[architecture]), sequences, { compute, seed: 3 });
    const found = await using(exported(name), (_, model) => measure(model, sequences, { compute, seed: 3 }));
    if ('missing' in wanted || 'missing' in found) throw new Error(`${wanted.missing} ${found.missing}`);
    expect(found.tokens).toBe(wanted.tokens);
    for (const key of ['entropyBits', 'klModelToUniformBits', 'nllBits'] as const)
      expectNear(found[key], wanted[key], key, 1e-5);
    expectNear(found.fisher?.embeddings, wanted.fisher?.embeddings ?? 0, 'embeddings');
    expect(found.fisher?.embeddingParameters).toBe(wanted.fisher?.embeddingParameters);
  });
});

/** Equal by name, whatever the order. */
function expectGroups(found: readonly FisherGroup[], wanted: readonly FisherGroup[]): void {
  expect(found[0].group).toBe('word embeddings');
  expect(found.map(({ group }) => group).sort()).toEqual(wanted.map(({ group }) => group).sort());
  for (const { group, parameters, fisher } of wanted) {
    const other = found.find((candidate) => candidate.group === group);
    expect(other?.parameters, group).toBe(parameters);
    expectNear(other?.fisher, fisher, group);
  }
}

describe('an export is diagnosed as far as it can be', () => {
  it('without Fisher information where an operator has no adjoint, which is named', async () => {
    const place = made('undifferentiable', (ids) => head(op.tanh(embedded(ids))));
    renameOperator(join(place, 'model.onnx'), 'Tanh', 'Celu');
    const found = await using(place, (encoder) => diagnose(encoder, asked));
    expect(found.predictions?.own.rows).toBeGreaterThan(0);
    expect(found.missing.map(({ what }) => what)).toEqual(['contextual', 'wordTable', 'fisher']);
    expect(found.missing[2].why).toMatch(
      /its graph cannot be differentiated: .*operator 'Celu' has no rule in this engine$/,
    );
  });

  it('without predictions where config.json does not say what they are of', async () => {
    const place = made('unsaid', (ids) => head(embedded(ids)));
    writeFileSync(join(place, 'config.json'), '{"hidden_size": 4}');
    const { missing } = await using(place, (encoder) => diagnose(encoder, asked));
    const [{ what, why }] = missing;
    expect(what).toBe('predictions');
    expect(why).toMatch('put "reads": "masked" or "causal" in glm.json');
  });

  it('without predictions where the tokenizer has no token that hides', async () => {
    const place = made('unhidden', (ids) => head(embedded(ids)));
    const { missing } = await using(place, (encoder, model) =>
      diagnose({ ...encoder, exported: { ...model, maskId: undefined } }, asked),
    );
    expect(missing).toContainEqual({
      what: 'predictions',
      why: 'the tokenizer has no mask token',
    });
  });

  it('with numbers that are not finite not at all', async () => {
    const place = made('not-finite', (ids) => {
      const logits = head(embedded(ids));
      const zero = op.subtract(logits, logits);
      return op.divide(zero, zero);
    });
    await expect(using(place, (encoder) => diagnose(encoder, asked))).rejects.toThrow(/logits: row 0, token 0 is NaN/);
  });
});

describe('an export is fed what its inputs are for', () => {
  const fed = (name: string, inputs: (graph: Graph) => { ids: Tensor; positions: Tensor }) => {
    const place = made(name, embedded);
    const graph = new Graph();
    const { ids, positions } = inputs(graph);
    graph.output('logits', head(op.add(embedded(ids), op.multiply(op.cast(positions, 'float32'), 0.1))));
    writeFileSync(join(place, 'model.onnx'), serialise(graph, { values: { table, output } }).bytes);
    return place;
  };
  const whole = ['rows', 'tokens'] as const;
  const told = fed('told', (graph) => ({
    ids: graph.input('input_ids', 'int32', whole),
    positions: op.unsqueeze(graph.input('position_ids', 'int64', whole), [2]),
  }));
  const knows = fed('knows', (graph) => {
    const ids = graph.input('input_ids', 'int64', whole);
    return { ids, positions: op.unsqueeze(tokenPositions(ids), [1]) }; // [tokens, 1]
  });

  it('in the types they are of, run and differentiated alike', async () => {
    const sequences = Array.from({ length: 12 }, () => letters(20));
    const measured = (place: string) =>
      using(place, async (_, model) => {
        const batches = fisherBatches(sequences, model, { seed: 2 });
        const graph = await differentiable(model, sequences);
        const perToken = await empiricalFisher(graph, batches, { ...compute, form: 'per-token' });
        return { ...(await measure(model, sequences, { compute, seed: 2 })), perToken };
      });
    const found = await measured(told);
    expect(found).toMatchObject({ fisher: { sequences: 12 } });
    expect(found).toEqual(await measured(knows));
  });
});

describe('an export whose sequences change each other', () => {
  const place = made('coupled', (ids) => {
    const x = embedded(ids);
    return head(op.add(x, op.reduceMean(x, [0], true)));
  });

  it('is asked about one at a time, and has no Fisher information', async () => {
    const even = Array.from({ length: 12 }, () => letters(20));
    const batches: number[] = [];
    await using(place, async (_, model) => {
      expect(model.company).toBe('none');
      await overBatches(tokenReader(model), even.slice(0, 3), compute, async ({ places }) => {
        batches.push(places.length);
      });
      expect(await measure(model, even, { compute, seed: 1 })).toMatchObject({
        entropyBits: expect.any(Number),
        missing: 'the outputs of this export depend on the other rows of the batch',
      });
    });
    expect(batches).toEqual([1, 1, 1]);
  });
});

describe('an export that padding changes', () => {
  // Every token is told the mean of all, padding too.
  const place = made(
    'padding',
    (ids) => {
      const x = embedded(ids);
      return head(op.add(x, op.reduceMean(x, [1], true)));
    },
    { masks: false },
  );
  const windows = [letters(12), letters(20), letters(12), letters(9)];

  it('is asked about windows of equally many tokens at a time', async () => {
    const batches: number[][] = [];
    await using(place, async (_, model) => {
      expect(model.company).toBe('equal');
      await overBatches(tokenReader(model), windows, compute, async ({ places }) => {
        batches.push([...places]);
      });
    });
    expect(batches).toEqual([[1], [0, 2], [3]]);
  });

  it('has Fisher information where all windows have as many, and not where they must be padded', async () => {
    await using(place, async (_, model) => {
      const even = Array.from({ length: 12 }, () => letters(20));
      expect(await measure(model, even, { compute, seed: 1 })).toMatchObject({ fisher: { sequences: 12 } });
      const uneven = even.map((window, i) => window.slice(i % 2));
      expect(await measure(model, uneven, { compute, seed: 1 })).toMatchObject({
        entropyBits: expect.any(Number),
        missing: 'the outputs of this export depend on padding, and the windows have different numbers of tokens',
      });
    });
  });
});
