/** A corpus with something to learn and an encoder small enough to learn it in a second. */

import { createRandom } from '../../src/core/random.ts';
import type { PretrainConfig } from '../../src/pretraining/presets.ts';

/** Sequences that repeat a motif of six letters, begun anywhere: once its phase is seen, every k-mer follows. */
export function repeats(count: number, seed: number, length = 40): string[] {
  const random = createRandom(`repeats:${seed}`);
  return Array.from({ length: count }, () => {
    const motif = ['ACGGTA', 'TTGCAC'][random.integer(2)];
    const phase = random.integer(motif.length);
    return motif.repeat(Math.ceil(length / motif.length) + 1).slice(phase, phase + length);
  });
}

/** The sequences one at a time, as files give them. */
export async function* streamed(sequences: readonly string[]): AsyncGenerator<string> {
  yield* sequences;
}

export const TINY: PretrainConfig = {
  objective: 'masked-lm',
  k: 2,
  length: 40,
  hidden: 16,
  layers: 2,
  heads: 2,
  feedForward: 32,
  dropout: 0.1,
  maskRate: 0.3,
  maskedShare: 0.8,
  randomShare: 0.1,
  maskedWeight: 1,
  batchSize: 16,
  learningRate: 0.01,
  weightDecay: 0.01,
  schedule: 'cosine',
  warmUp: 0.1,
  maxGradientNorm: 1,
  epochs: 8,
  maxTokens: 1_000_000,
};
