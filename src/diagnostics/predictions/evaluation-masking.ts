/**
 * Which tokens a masked model is asked about when it is diagnosed, as the paper asks (arXiv 2604.04287; `mlm_preprocess` in `src/analyze/data.py` of
 * lbcb-sci/GFMs): every attended token alike is chosen with one probability and always hidden behind [MASK], never replaced by another or left as it is. The
 * paper's code chooses special tokens too; `askable` leaves them out.
 */

import type { Random } from '../../core/random.ts';
import type { TokenModel } from '../../models/model.ts';

/** No token of the sequences given was drawn to be asked about. */
export class NothingAsked extends Error {}

/** The paper's shares: of the output distributions, and of Fisher information and contextual embeddings. */
export const DISTRIBUTION_SHARE = 0.1;
export const FISHER_SHARE = 0.15;

/** The column of the logits that stands for a token id; undefined for an id that a head of ordinary tokens does not tell. */
export function logitColumns({ classes }: Pick<TokenModel, 'classes'>): (id: number) => number | undefined {
  if (!classes) return (id) => id;
  const { firstId, count } = classes;
  return (id) => (id >= firstId && id < firstId + count ? id - firstId : undefined);
}

export interface MaskedTokens {
  /** `[windows, tokens]` with the chosen ones hidden. */
  readonly ids: BigInt64Array;
  /** Places of the chosen ones in the flat `ids`, ascending. */
  readonly positions: Uint32Array;
  /** Their true ids. */
  readonly targets: Int32Array;
}

/** Hides tokens. `askable(i)`: whether the token at flat place i may be chosen; default all that are attended to. @throws for a share outside (0, 1]. */
export function maskTokens(
  { ids, mask }: { readonly ids: BigInt64Array; readonly mask: BigInt64Array },
  maskId: number,
  share: number,
  random: Random,
  askable: (place: number) => boolean = () => true,
): MaskedTokens {
  if (!(share > 0 && share <= 1)) throw new Error(`share of masked tokens ${share}; give 0 < share <= 1`);
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
