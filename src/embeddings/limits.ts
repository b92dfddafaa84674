/** How much a model reads at once, by its card. */
import type { Encoder } from '../models/model.ts';

type Card = Encoder['card'];
const numberIn = (card: Card, field: string) => (typeof card[field] === 'number' ? (card[field] as number) : undefined);

/**
 * Letters that a model reads at once, whole tokens: stated in its card, or from its tokens. Where tokens differ in length, four letters each are
 * taken: most have more, and windows that make too many are halved. Undefined for a model without a limit.
 */
export function nucleotideLimit(card: Card): number | undefined {
  const perToken = numberIn(card, 'nucleotidesPerToken');
  const tokens = numberIn(card, 'maxTokens');
  const letters = numberIn(card, 'maxNucleotides') ?? (tokens && (tokens - 2) * (perToken ?? 4));
  return letters && Math.max(1, letters - (letters % (perToken ?? 1)));
}

/** What to do about a sequence that is too long for a model: words for the end of a message, empty where nothing is known. */
export function windowRemedy(card: Card): string {
  const limit = nucleotideLimit(card);
  return limit === undefined ? '' : `; or embed long sequences in windows: put +w${limit} behind the model's name`;
}
