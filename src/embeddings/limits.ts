/** How much a model reads at once, in letters. */
import type { InputLimits } from '../models/model.ts';

/**
 * Letters that a model reads at once, whole tokens: stated by the model, or from its tokens. Where tokens differ in length, four letters each are
 * taken: most have more, and windows that make too many are halved. Undefined for a model without a limit.
 */
export function nucleotideLimit(limits: InputLimits = {}): number | undefined {
  const { nucleotidesPerToken: perToken, maxTokens: tokens, maxNucleotides } = limits;
  const letters = maxNucleotides ?? (tokens && (tokens - 2) * (perToken ?? 4));
  return letters && Math.max(1, letters - (letters % (perToken ?? 1)));
}

/** What to do about a sequence that is too long for a model: words for the end of a message, empty where nothing is known. */
export function windowRemedy(limits: InputLimits | undefined): string {
  const limit = nucleotideLimit(limits);
  return limit === undefined ? '' : `; or embed long sequences in windows: put +w${limit} behind the model's name`;
}
