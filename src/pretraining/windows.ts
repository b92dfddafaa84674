/** Cuts the sequences of a pre-training corpus into windows that the model can read. */
import type { PretrainConfig } from './presets.ts';
import type { TrainingTokenizer } from './training-tokenizers.ts';

export interface WindowCounts {
  sequences: number;
  leftOut: number;
  tokens: number;
}

/**
 * Sequences as windows of at most `length` nucleotides. Windows without an ordinary token are left
 * out. `counts` is increased.
 */
export function* windowsOf(
  sequences: Iterable<string>,
  config: PretrainConfig,
  tokenizer: TrainingTokenizer,
  counts: WindowCounts,
) {
  for (const sequence of sequences) {
    let kept = 0;
    // A sequence that is aligned to a reference is not cut.
    const length = config.reference === undefined ? config.length : sequence.length;
    for (let start = 0; start < sequence.length; start += length) {
      const window = sequence.slice(start, start + length);
      const tokens = tokenizer.count(window);
      if (tokens === 0) continue;
      kept += 1;
      counts.tokens += tokens;
      yield window;
    }
    counts.sequences += 1;
    if (kept === 0) counts.leftOut += 1;
  }
}

/** The same for a stream; `onSequence` is called after each sequence. */
export async function* windowsOfStream(
  sequences: AsyncIterable<string>,
  config: PretrainConfig,
  tokenizer: TrainingTokenizer,
  counts: WindowCounts,
  onSequence: () => void,
) {
  for await (const sequence of sequences) {
    yield* windowsOf([sequence], config, tokenizer, counts);
    onSequence();
  }
}
