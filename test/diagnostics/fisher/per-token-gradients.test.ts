/** Squared gradients of single tokens: many in one pass are what one at a time are, and where they would not be, they are taken one at a time. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import type { FisherBatch } from '../../../src/diagnostics/fisher/batches.ts';
import { type DifferentiableModel, differentiableModel } from '../../../src/diagnostics/fisher/differentiable-model.ts';
import { differentiableOnnx } from '../../../src/diagnostics/fisher/differentiable-onnx.ts';
import { rowSquares } from '../../../src/diagnostics/fisher/per-example-gradients.ts';
import { openTokenSquares, rowsOf } from '../../../src/diagnostics/fisher/per-token-gradients.ts';
import { normal } from '../../../src/onnx/layers/initialisers.ts';
import { embedding, linear } from '../../../src/onnx/layers/layers.ts';
import { softmaxCrossEntropy } from '../../../src/onnx/layers/losses.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { askedBatch, exportedBert, goldenModel, goldens } from './fisher-goldens.ts';

const compute = { device: 'cpu', threads: 1 } as const;
/** Against pairs of tokens, and against whole gradients. */
const LENGTHS = [4, 1000];

function isKnown(model: DifferentiableModel): boolean {
  const language = model.build();
  const targets = language.graph.input('targets', 'int64', ['m']);
  const loss = softmaxCrossEntropy(language.logits, targets, op.fullLike(op.cast(targets, 'float32'), 1));
  return rowSquares(language, loss, 12) !== undefined;
}

interface Measured {
  readonly squares: Float64Array;
  readonly roles: Float64Array;
  /** Tokens of each pass. */
  readonly passes: number[];
}

/** The batches one after the other, all their tokens. */
async function measure(
  model: DifferentiableModel,
  batches: readonly FisherBatch[],
  how: { tokens: number; together?: boolean },
): Promise<Measured> {
  const source = await openTokenSquares(model, { ...how, ...compute });
  const squares = new Float64Array(source.parameters.length);
  const roles = new Float64Array(2 * squares.length);
  const passes: number[] = [];
  for (const batch of batches)
    await source.run(batch, [...batch.places.keys()], (made, tokens) => {
      passes.push(tokens);
      for (let i = 0; i < squares.length; i++) squares[i] += made.squares[i];
      for (let i = 0; i < roles.length; i++) roles[i] += made.roles[i];
    });
  await source.dispose();
  return { squares, roles, passes };
}

function expectSame(actual: Float64Array, expected: Float64Array, what: string): void {
  const largest = Math.max(...expected);
  for (const [i, value] of expected.entries())
    expect(Math.abs(actual[i] - value), `${what} ${i}`).toBeLessThanOrEqual(1e-5 * value + 1e-9 * largest);
}

describe('rows that share a pass', () => {
  it.each([
    ['bert', true],
    ['esm', true],
    ['esm-rotary-tied', true],
    ['gena-bert', true],
    ['gpt-neox', true],
    ['gpt2', true],
    ['llama', true],
    ['llama-tied', true],
    ['modern-bert', true],
    ['modern-bert-biased', true],
    ['mosaic-bert', true],
    ['nucleotide-transformer-v2', true],
    ['caduceus-ph', false],
    ['caduceus-ps', false],
    ['gpn', false],
    ['hyena-dna', false],
  ])('%s: all parameters known: %s', (name, known) => {
    expect(isKnown(goldenModel(name))).toBe(known);
  });

  it('has all parameters of an export known, whose head reads all tokens', () => {
    expect(isKnown(differentiableOnnx({ label: 'exported', bytes: exportedBert() }))).toBe(true);
  });

  it.each(['bert', 'gpt2', 'llama'])('give what one row at a time gives: %s', async (name) => {
    const batches = goldens[name].batches.map((batch) => askedBatch(batch));
    const alone = await measure(goldenModel(name), batches, { tokens: 11, together: false });
    expect(new Set(alone.passes)).toEqual(new Set([1]));
    for (const tokens of LENGTHS) {
      const together = await measure(goldenModel(name), batches, { tokens });
      expect(together.passes.at(-1)).toBe(goldens[name].batches[1].places.length);
      expectSame(together.squares, alone.squares, 'square');
      expectSame(together.roles, alone.roles, 'role');
    }
  });
});

/**
 * A model that keeps tokens before rows while it is at work, so that rows of a flattened tensor are not those of the batch; `lookup`: as early as its ids.
 */
function tokensFirst({ lookup = false } = {}): DifferentiableModel {
  const random = createRandom('tokens first');
  const draw = (size: number) => Float32Array.from({ length: size }, () => random.normal());
  const [vocabulary, width] = [9, 4];
  return differentiableModel({
    label: 'tokens first',
    wordTable: 'words.weight',
    values: new Map([
      ['words.weight', draw(vocabulary * width)],
      ['dense', draw(width * width)],
      ['head', draw(vocabulary * width)],
    ]),
    build(graph) {
      const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
      const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
      const turned = lookup
        ? embedding(op.transpose(ids, [1, 0]), 'words', vocabulary, width)
        : op.transpose(embedding(ids, 'words', vocabulary, width), [1, 0, 2]); // [tokens, rows, d]
      const dense = op.tanh(linear(turned, graph.parameter('dense', [width, width], normal(1)), null));
      const hidden = op.transpose(dense, [1, 0, 2]); // [rows, tokens, d]
      return {
        hiddenStates: [hidden],
        attentionMask: mask,
        logits: (vectors) => linear(vectors, graph.parameter('head', [vocabulary, width], normal(1)), null),
      };
    },
  });
}

describe('rows that would be mixed up', () => {
  it('are found out on the first pass, and taken one at a time', async () => {
    const batches = goldens.bert.batches.map(({ ids, ...rest }) =>
      askedBatch({
        ...rest,
        ids: ids.map((row) => row.map((id) => id % 9)),
        targets: rest.targets.map((id) => id % 9),
      }),
    );
    expect(isKnown(tokensFirst())).toBe(true);
    const alone = await measure(tokensFirst(), batches, { tokens: 11, together: false });
    const together = await measure(tokensFirst(), batches, { tokens: 11 });
    expect(new Set(together.passes)).toEqual(new Set([1]));
    expectSame(together.squares, alone.squares, 'square');
  });
});

describe('a look-up whose first axis is not that of rows', () => {
  it('is not known', () => expect(isKnown(tokensFirst({ lookup: true }))).toBe(false));
});

describe('rowsOf', () => {
  it('has the window of each asked token, and asks for that token alone', () => {
    const batch = askedBatch({
      ids: [
        [1, 2],
        [3, 4],
      ],
      mask: [
        [1, 1],
        [1, 0],
      ],
      places: [0, 1, 2],
      targets: [7, 8, 9],
    });
    const rows = rowsOf(batch, [2, 1]);
    expect(rows.feeds.ids).toEqual({ type: 'int64', data: BigInt64Array.of(3n, 4n, 1n, 2n), dims: [2, 2] });
    expect([...rows.places]).toEqual([0, 3]);
    expect([...rows.targets]).toEqual([9, 8]);
  });

  it('refuses feeds that are not by row', () => {
    const batch = askedBatch(goldens.bert.batches[0]);
    const feeds = { ...batch.feeds, scale: { type: 'float32', data: Float32Array.of(1), dims: [1] } } as const;
    expect(() => rowsOf({ ...batch, feeds }, [0])).toThrow(/input 'scale' \[1\] cannot be cut into 3 windows/);
  });
});
