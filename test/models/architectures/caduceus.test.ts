/** Caduceus against the authors' code (goldens/architectures/caduceus.py), its symmetry, and what is said of configs it does not have. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { caduceus } from '../../../src/models/architectures/caduceus.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import { relativeError, runGraph } from '../../onnx/helpers.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

// As published: sum and norm fused, root-mean-square norm, both directions added, projections shared.
parityTests('caduceus-ps', caduceus);
parityTests('caduceus-ph', caduceus);
// Every option's other value: layer norm apart from the sum, directions multiplied, nothing shared; one direction alone.
parityTests('caduceus-ps-plain', caduceus);
parityTests('caduceus-ph-plain', caduceus);

const { config } = readGoldenFolder('caduceus-ps');

/** A graph of random weights, and those. */
function drawn(changes: Record<string, unknown> = {}) {
  const configured = caduceus.configure({ ...config, ...changes }, 'config.json');
  const graph = new Graph();
  const [ids, mask] = ['ids', 'mask'].map((name) => graph.input(name, 'int64', ['rows', 'tokens']));
  const { hiddenStates, logits } = configured.build(graph, { ids, mask }, INFERENCE);
  hiddenStates.forEach((states, layer) => {
    graph.output(`hidden.${layer}`, states);
  });
  const last = op.reshape(hiddenStates[configured.layers], [-1, configured.dimension]);
  if (logits) graph.output('logits', logits(last));
  const random = createRandom('caduceus');
  const weights = Object.fromEntries(
    [...graph.parameters.values()].map(({ name, shape, initialise }) => [name, initialise(() => random.next(), shape)]),
  );
  return { configured, graph, weights };
}

describe('Caduceus-PS', () => {
  it('gives the reverse complement the same vectors, positions and channels turned round, and complementary logits', async () => {
    const { configured, graph, weights } = drawn();
    const complement = config.complement_map as Record<string, number>;
    const rows = [
      [7, 8, 8, 10, 11, 9, 7, 3],
      [9, 9, 7, 10, 7],
    ];
    const run = (ids: number[][]) => {
      const filled = ids.map((row) => [...row, ...new Array<number>(8 - row.length).fill(4)]);
      const mask = ids.map((row) => filled[0].map((_, t) => (t < row.length ? 1 : 0)));
      const feed = (values: number[][]) =>
        ({ type: 'int64', data: BigInt64Array.from(values.flat(), BigInt), dims: [ids.length, 8] }) as const;
      return runGraph(graph, { ids: feed(filled), mask: feed(mask) }, weights);
    };
    const [forwards, backwards] = [
      await run(rows),
      await run(rows.map((row) => row.map((token) => complement[token]).reverse())),
    ];
    const { dimension, vocabularySize } = configured;
    const vectorAt = (data: ArrayLike<number>, width: number, row: number, token: number) =>
      Array.from({ length: width }, (_, i) => data[(row * 8 + token) * width + i]);
    for (const [row, { length }] of rows.entries())
      for (let token = 0; token < length; token++) {
        const both = (name: string, width: number) => [
          vectorAt(forwards[name].data as Float32Array, width, row, token),
          vectorAt(backwards[name].data as Float32Array, width, row, length - 1 - token),
        ];
        const what = `row ${row}, token ${token}`;
        for (const name of ['hidden.0', 'hidden.1', 'hidden.2']) {
          const [here, there] = both(name, dimension);
          expect(relativeError(there.reverse(), here), `${name}: ${what}`).toBeLessThan(1e-5);
        }
        const [here, there] = both('logits', vocabularySize);
        const turned = here.map((_, letter) => there[complement[letter]]);
        expect(relativeError(turned, here), `logits: ${what}`).toBeLessThan(1e-5);
      }
  });

  it('starts as Mamba does: steps between dt_min and dt_max, rates 1 to d_state', () => {
    const { weights } = drawn();
    const mixer = 'caduceus.backbone.layers.0.mixer.submodule.mamba_rev';
    const steps = weights[`${mixer}.dt_proj.bias`].map((bias) => Math.log1p(Math.exp(bias)));
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0.000999);
    expect(Math.max(...steps)).toBeLessThanOrEqual(0.1001);
    expect(Array.from(weights[`${mixer}.A_log`].subarray(0, 5), (log) => Math.round(Math.exp(log)))).toEqual([
      1, 2, 3, 4, 1,
    ]);
    expect([...weights[`${mixer}.D`]].every((value) => value === 1)).toBe(true);
    // Rescaled by the square root of the two residual layers: below 1 / sqrt(36 inputs) / sqrt(2).
    const back = weights['caduceus.backbone.layers.0.mixer.submodule.mamba_fwd.out_proj.weight'];
    expect(Math.max(...back)).toBeLessThanOrEqual(1 / Math.sqrt(72));
    expect(Math.max(...back)).toBeGreaterThan(0.9 / Math.sqrt(72));
  });
});

describe('a Caduceus config', () => {
  it('tells the two variants apart', () => {
    expect(caduceus.configure(config, 'config.json')).toMatchObject({ label: 'Caduceus-PS (2 x 18)', dimension: 36 });
    const alone = caduceus.configure({ ...config, rcps: false }, 'config.json');
    expect(alone).toMatchObject({ label: 'Caduceus-PH (2 x 18)', dimension: 18, reads: 'masked' });
    expect(caduceus.configure({ ...config, rcps: false, bidirectional: false }, 'config.json').reads).toBe('causal');
  });

  it('is known by its classes too, and no other is taken for it', () => {
    const { model_type: _, ...rest } = config;
    expect(caduceus.matches(rest)).toBe(true);
    expect(caduceus.matches({ model_type: 'mamba', architectures: ['MambaForCausalLM'] })).toBe(false);
  });

  it('rounds its vocabulary up, the added tokens being their own complements', () => {
    const complement_map = Object.fromEntries(Array.from({ length: 12 }, (_, token) => [token, token]));
    const { vocabularySize } = caduceus.configure({ ...config, vocab_size: 12, complement_map }, 'config.json');
    expect(vocabularySize).toBe(16);
  });

  it('finds shared tensors under whichever of their names the checkpoint kept, with or without the root', () => {
    const { sources, wordTable } = caduceus.configure(config, 'config.json');
    const layer = 'backbone.layers.1.mixer.submodule';
    expect(sources?.(`caduceus.${layer}.mamba_fwd.in_proj.weight`)?.names).toEqual([
      `caduceus.${layer}.mamba_fwd.in_proj.weight`,
      `caduceus.${layer}.mamba_rev.in_proj.weight`,
      `${layer}.mamba_fwd.in_proj.weight`,
      `${layer}.mamba_rev.in_proj.weight`,
    ]);
    expect(sources?.(wordTable ?? '')?.names).toEqual([
      'caduceus.backbone.embeddings.word_embeddings.embedding.weight',
      'backbone.embeddings.word_embeddings.embedding.weight',
      'lm_head.lm_head.weight',
    ]);
  });

  it.each([
    [{ d_model: undefined }, "here/config.json: the number 'd_model' is missing"],
    [{ bidirectional_strategy: 'concat' }, "bidirectional_strategy 'concat' is not supported; known: add, ew_multiply"],
    [
      { complement_map: null },
      'here/config.json: complement_map of token 0 is undefined; with rcps it must give a token',
    ],
    [{ complement_map: { '0': 99 } }, 'complement_map of token 0 is 99; with rcps it must give a token below 16'],
    [{ ssm_cfg: { layer: 'Mamba2' } }, "here/config.json: layer 'Mamba2' is not supported; known: Mamba1"],
    [{ ssm_cfg: 3 }, 'here/config.json: ssm_cfg = 3; an object is needed'],
  ])('that says %o is refused', (change, message) => {
    expect(() => caduceus.configure({ ...config, ...change }, 'here/config.json')).toThrow(message);
  });
});
