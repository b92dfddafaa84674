/** HyenaDNA against the authors' code (goldens/architectures/hyena_dna.py), where its filter starts from, and what its graph lacks. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { hyenaDna } from '../../../src/models/architectures/hyena-dna.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { relativeError } from '../../onnx/helpers.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('hyena-dna', hyenaDna);

describe('HyenaDNA', () => {
  const { config } = readGoldenFolder('hyena-dna');
  const configured = hyenaDna.configure(config, 'config.json');
  const graph = new Graph();
  configured.build(
    graph,
    { ids: graph.input('ids', 'int64', ['rows', 'tokens']), mask: graph.input('mask', 'int64', ['rows', 'tokens']) },
    INFERENCE,
  );

  it('starts its places from shares, cosines and sines', () => {
    const random = createRandom('places');
    const places = graph.parameters.get('hyena.backbone.layers.1.mixer.filter_fn.pos_emb.z');
    const codes = places?.initialise(() => random.next(), [1, 24, 5]) ?? [];
    const angle = (2 * Math.PI * 6) / 24;
    // torch.linspace(1e-4, 1, 2): the second of two bands makes one turn over the longest input.
    const expected = [6 / 23, Math.cos(angle * 1e-4), Math.cos(angle), -Math.sin(angle * 1e-4), -Math.sin(angle)];
    expect(relativeError(codes.slice(30, 35), expected)).toBeLessThan(1e-6);
  });

  it('fills its vocabulary up and takes no input beyond its places', () => {
    expect(configured).toMatchObject({ vocabularySize: 16, maxTokens: 24, reads: 'causal' });
  });

  it('finds frequencies under whichever of its sine layers a file keeps them', () => {
    const filter = 'backbone.layers.0.mixer.filter_fn.implicit_filter';
    expect(configured.sources?.(`hyena.${filter}.1.freq`)?.names).toEqual(
      [`hyena.${filter}`, filter].flatMap((name) => [1, 3, 5].map((layer) => `${name}.${layer}.freq`)),
    );
  });

  it.each([
    [{ hyena_order: 3 }, "here: hyena_order '3' is not supported; known: 2"],
    [{ short_filter_order: 5 }, "here: short_filter_order '5' is not supported; known: 3"],
    [{ emb_dim: 4 }, 'here: emb_dim = 4; an odd number of at least 3 is needed'],
    [{ max_seq_len: undefined }, "here: the number 'max_seq_len' is missing"],
  ])('refuses a config that says %o', (change, message) => {
    expect(() => hyenaDna.configure({ ...config, ...change }, 'here')).toThrow(message);
  });
});
