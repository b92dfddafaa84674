/**
 * What every architecture is held to: the hidden states, logits and gradients of its reference implementation on a tiny random checkpoint
 * (`golden-case.ts`), and results that neither padding nor the batch changes.
 */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import type { Architecture } from '../../../src/models/architectures/architecture.ts';
import { Graph } from '../../../src/onnx/graph.ts';
import { relativeError } from '../../onnx/helpers.ts';
import { goldenCase, vectorsOf } from './golden-case.ts';

export { readGoldenFolder } from './golden-case.ts';

/** Relative to the largest entry of the tensor. */
const VALUE_TOLERANCE = 1e-4;
const INVARIANCE_TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-3;

/** Runs one test file's checks of `architecture` against the golden folder `name`. */
export function parityTests(name: string, architecture: Architecture): void {
  const { golden, configured, given, outputs, tensor, declare, hiddenAndLogits, valueErrors, gradientErrors } =
    goldenCase(name, architecture);

  describe(`${architecture.title}: ${name}`, () => {
    it('is recognised from its config.json', () => {
      expect(architecture.matches(golden.config)).toBe(true);
      expect(configured.classes ?? configured.vocabularySize).toBe(tensor('logits').shape[2]);
      expect(configured.dimension).toBe(tensor('hidden.0').shape[2]);
      expect(golden.tensors.has(`hidden.${configured.layers + 1}`)).toBe(false);
    });

    it('has the hidden states and the logits of the reference implementation', async () => {
      const errors = await valueErrors();
      expect(Object.keys(errors)).toHaveLength(configured.layers + 2);
      for (const [which, error] of Object.entries(errors)) expect(error, which).toBeLessThan(VALUE_TOLERANCE);
    });

    it('gives a sequence the same whatever stands beside it and however far it is padded', async () => {
      const whole = await hiddenAndLogits(given);
      const tokens = given.ids[0].length;
      const room = Math.min(3, (configured.maxTokens ?? Number.POSITIVE_INFINITY) - tokens);
      for (const [row, mask] of given.mask.entries()) {
        const count = mask.lastIndexOf(1) + 1;
        const alone = { ids: [given.ids[row].slice(0, count)], mask: [mask.slice(0, count)] };
        // Padding is told by the mask: its ids may be any.
        const padded = {
          ids: [[...given.ids[row], ...given.ids[row].slice(0, room)]],
          mask: [[...mask, ...Array.from({ length: room }, () => 0)]],
        };
        for (const [how, other] of Object.entries({ alone, padded })) {
          const results = await hiddenAndLogits(other);
          for (const which of outputs) {
            const width = tensor(which).shape[2];
            const before = vectorsOf(whole[which].data as Float32Array, tokens, width, row, count);
            const now = vectorsOf(results[which].data as Float32Array, other.ids[0].length, width, 0, count);
            expect(relativeError(now, before), `row ${row} ${how}: ${which}`).toBeLessThan(INVARIANCE_TOLERANCE);
          }
        }
      }
    });

    it('has the loss of the reference implementation and its gradient by every parameter', async () => {
      const { loss, byParameter, missing } = await gradientErrors();
      expect(loss, 'loss').toBeLessThan(VALUE_TOLERANCE);
      for (const [parameter, error] of Object.entries(byParameter))
        expect(error, `gradient of ${parameter}`).toBeLessThan(GRADIENT_TOLERANCE);
      expect(missing, 'parameters that the graph lacks').toEqual([]);
    });

    it('draws a random control from its own initialisation', async () => {
      const graph = new Graph();
      declare(graph);
      const random = createRandom('parity');
      const weights: Record<string, Float32Array> = {};
      for (const { name: parameter, shape, initialise } of graph.parameters.values()) {
        weights[parameter] = initialise(() => random.next(), shape);
        expect(weights[parameter], parameter).toHaveLength(shape.reduce((product, size) => product * size, 1));
      }
      for (const { name: buffer, shape, initial } of graph.buffers.values())
        weights[buffer] = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(initial);
      const results = await hiddenAndLogits(given, weights);
      for (const which of outputs) {
        const { data } = results[which];
        expect(
          Array.from(data as Float32Array).every((value) => Number.isFinite(value)),
          which,
        ).toBe(true);
        expect(new Set(data as Float32Array).size, which).toBeGreaterThan(1);
      }
    });
  });
}
