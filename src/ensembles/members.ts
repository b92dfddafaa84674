/**
 * Checks that members of an ensemble can be compared: equal architecture and vocabulary, so that
 * row i of the logits is the same token in all, and equal tokenizers, so that all see the same
 * tokens at the same positions.
 */

import { readsTokens, type TokenReader } from '../diagnostics/predictions/token-batches.ts';
import type { FrozenModel } from '../models/model.ts';

/** Windows whose ids are compared. */
const COMPARED = 8;

/**
 * @throws with the member and the difference, for fewer than two members, and for models that read
 *   no token ids.
 */
export function requireMatched(members: readonly TokenReader[], windows: readonly string[]): void {
  if (members.length < 2) throw new Error(`an ensemble of ${members.length} member; at least two are needed`);
  const compared = windows.slice(0, COMPARED);
  const [first] = members.map(({ model }) => model);
  if (!readsTokens(first)) throw new Error(`${first.label} reads no token ids; an ensemble is compared token by token`);
  const ids = idsOf(first, compared);
  members.forEach(({ model }, i) => {
    for (const field of ['vocabularySize', 'dimension', 'layers', 'reads', 'maskId'] as const)
      if (model[field] !== first[field])
        throw new Error(
          `member ${i} has ${field} ${model[field]}, member 0 has ${first[field]}; members must be matched`,
        );
    if (model.fingerprint === first.fingerprint && i > 0)
      throw new Error(`member ${i} has the same weights as member 0; members must differ in their weights`);
    if (idsOf(model, compared) !== ids)
      throw new Error(`member ${i} makes other tokens of the same letters than member 0; members must be matched`);
  });
}

function idsOf(model: FrozenModel, windows: readonly string[]): string {
  return (model.encode(windows).ids.data as BigInt64Array).join();
}
