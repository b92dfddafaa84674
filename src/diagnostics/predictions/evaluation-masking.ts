/**
 * Chooses the tokens that a masked model must predict in a diagnosis, as the paper does (arXiv
 * 2604.04287; `mlm_preprocess` in `src/analyze/data.py` of lbcb-sci/GFMs): every attended token is
 * chosen with the same probability and always replaced by [MASK], never by another token or kept.
 * The paper's code chooses special tokens too; `askable` leaves them out.
 */

import type { Random } from '../../core/random.ts';
import type { TokenModel } from '../../models/model.ts';

/** No token of the sequences was drawn. */
export class NothingAsked extends Error {}

/**
 * The paper's shares: for the output distributions, and for Fisher information and contextual
 * embeddings.
 */
export const DISTRIBUTION_SHARE = 0.1;
export const FISHER_SHARE = 0.15;

/**
 * The column of the logits for a token id; undefined for an id that a head of ordinary tokens does
 * not predict.
 */
export function logitColumns({ classes }: Pick<TokenModel, 'classes'>): (id: number) => number | undefined {
  if (!classes) return (id) => id;
  const { firstId, count } = classes;
  return (id) => (id >= firstId && id < firstId + count ? id - firstId : undefined);
}

export interface MaskedTokens {
  /** `[windows, tokens]` with the chosen tokens hidden. */
  readonly ids: BigInt64Array;
  /** Flat positions of the chosen tokens in `ids`, ascending. */
  readonly positions: Uint32Array;
  /** Their true ids. */
  readonly targets: Int32Array;
}

/**
 * Hides tokens. `askable(i)`: whether the token at flat position i may be chosen; default: all
 * attended tokens. @throws for a share outside (0, 1].
 */
export function maskTokens(
  { ids, mask }: { readonly ids: BigInt64Array; readonly mask: BigInt64Array },
  maskId: number,
  share: number,
  random: Random,
  askable: (place: number) => boolean = () => true,
): MaskedTokens {
  if (!(share > 0 && share <= 1))
    throw new Error(`the share of masked tokens is ${share}; it must be above 0 and at most 1`);
  const hidden = ids.slice();
  const positions: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (mask[i] !== 1n || !askable(i) || random.next() >= share) continue;
    positions.push(i);
    hidden[i] = BigInt(maskId);
  }
  return {
    ids: hidden,
    positions: Uint32Array.from(positions),
    targets: Int32Array.from(positions, (i) => Number(ids[i])),
  };
}
