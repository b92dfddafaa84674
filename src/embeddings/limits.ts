/** Maximum input length of a model, in letters. */
import type { InputLimits } from '../models/model.ts';

/**
 * Maximum number of letters that a model reads at once, in whole tokens: declared by the model, or
 * computed from its tokens. For tokens of varying length, four letters each are assumed: most have
 * more, and windows with too many tokens are halved. Undefined for a model without a limit.
 */
export function nucleotideLimit(limits: InputLimits = {}): number | undefined {
  const { nucleotidesPerToken: perToken, maxTokens: tokens, maxNucleotides } = limits;
  const letters = maxNucleotides ?? (tokens && (tokens - 2) * (perToken ?? 4));
  return letters && Math.max(1, letters - (letters % (perToken ?? 1)));
}

/**
 * Remedy for a sequence that is too long for a model: the end of an error message, empty when none
 * is known.
 */
export function windowRemedy(limits: InputLimits | undefined): string {
  const limit = nucleotideLimit(limits);
  return limit === undefined ? '' : `; or embed long sequences in windows: append +w${limit} to the model's name`;
}
