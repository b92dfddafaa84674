/** GPN against its authors' package (goldens/architectures/gpn.py), its dilations, and what its graph lacks. */
import { describe, expect, it } from 'vitest';
import { gpn } from '../../../src/models/architectures/gpn.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { INFERENCE } from '../../../src/onnx/layers/dropout.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

parityTests('gpn-legacy', gpn);
// Depthwise, an even number of taps, biases; and ByteNet's blocks at half the width, a learned word table, a bare head.
parityTests('gpn', gpn);
parityTests('gpn-bytenet', gpn);

describe('a GPN config', () => {
  const { config } = readGoldenFolder('gpn');
  const legacy = readGoldenFolder('gpn-legacy').config;

  /** The dilation of every convolution of the graph, in order. */
  function dilations(change: Record<string, unknown>): unknown[] {
    const graph = new Graph();
    const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
    const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
    gpn
      .configure({ model_type: 'ConvNet', hidden_size: 8, ...change }, 'config.json')
      .build(graph, { ids, mask }, INFERENCE);
    return graph.tape.flatMap((entry) =>
      entry.kind === 'node' && entry.node.op === 'Conv' ? [(entry.node.attributes.dilations as number[])[0]] : [],
    );
  }

  it('of the first release that is silent on dilations doubles them to 32 and starts again', () => {
    const cycle = [1, 2, 4, 8, 16, 32];
    expect(dilations({})).toEqual([...cycle, ...cycle, ...cycle, ...cycle, 1]);
    expect(dilations({ n_layers: 5, dilation_double_every: 2, dilation_max: 3 })).toEqual([1, 1, 2, 2, 3]);
  });

  it('with one-hot input has no table of static embeddings', () => {
    expect(gpn.configure(config, 'config.json').wordTable).toBeUndefined();
    expect(gpn.configure(readGoldenFolder('gpn-bytenet').config, 'config.json').wordTable).toBe(
      'model.embeddings.word_embeddings.weight',
    );
  });

  it('of the transformer encoder, or of a model that reads alignments, is another architecture', () => {
    expect(gpn.matches({ ...config, encoder: 'roformer' })).toBe(false);
    expect(gpn.matches({ model_type: 'GPNRoFormer' })).toBe(false);
  });

  it.each([
    [config, { n_aux_features: 5 }, 'here: n_aux_features 5 is not supported; known: 0 (sequence alone)'],
    [config, { encoder: 'mamba' }, "here: encoder 'mamba' is not supported; known: convnet, bytenet"],
    [config, { tie_word_embeddings: true }, "here: tie_word_embeddings 'true' is not supported; known: false"],
    [legacy, { vocab_size: 17 }, 'here: vocab_size 17 does not fit a hidden_size of 16'],
    [config, { encoder: 'bytenet', slim: true }, 'here: slim and depthwise are not supported together'],
  ])('%# that the graph lacks is refused', (base, change, message) => {
    expect(() => gpn.configure({ ...base, ...change }, 'here')).toThrow(message);
  });
});
