/**
 * Batches of windows for Fisher information, formed as in the paper's code (arXiv 2604.04287):
 * windows in their order, 8 at a time. A masked model has each attended token hidden behind [MASK]
 * with probability 0.15, special tokens too, all of a window at once (`evaluation-masking.ts`). A
 * causal model predicts every token but the first. Windows are not sorted by length, because the
 * composition of a batch changes the batch-mean form.
 */

import { createRandom, type Random } from '../../core/random.ts';
import type { TokenModel } from '../../models/model.ts';
import type { Feeds } from '../../runtime/training/network.ts';
import { FISHER_SHARE, logitColumns, maskTokens } from '../predictions/evaluation-masking.ts';

export interface FisherBatch {
  /** Inputs of the graph, each `[rows, tokens]`. */
  readonly feeds: Feeds;
  readonly rows: number;
  readonly tokens: number;
  /** Flat positions in `[rows, tokens]` whose vectors predict the targets, ascending. */
  readonly places: Uint32Array;
  /**
   * Columns of the logits of the true tokens: token ids, except for heads over ordinary tokens
   * only.
   */
  readonly targets: Int32Array;
}

export interface HideOptions {
  readonly reads: 'masked' | 'causal';
  /** Needed by masked models. */
  readonly maskId?: number;
  /** Masked models: the share of hidden tokens. Default: the paper's 0.15. */
  readonly share?: number;
  readonly random: Random;
  /** Names of the inputs with token ids and the attention mask. Default `ids`, `mask`. */
  readonly ids?: string;
  readonly mask?: string;
  /**
   * Masked models: whether the token with this id may be hidden. Default, as in the paper's code:
   * every token but padding.
   */
  readonly askable?: (id: number) => boolean;
  /**
   * Columns of the logits by id; an id without a column is never predicted (`logitColumns`).
   * Default: the id itself.
   */
  readonly columnOf?: (id: number) => number | undefined;
}

/** The targets of one batch. @throws when inputs are missing, or a masked model has no [MASK]. */
export function fisherBatch(feeds: Feeds, options: HideOptions): FisherBatch {
  const { ids, mask, dims } = tokenFeeds(feeds, options);
  const [rows, tokens] = dims;
  if (options.reads === 'causal') return { feeds, rows, tokens, ...nextTokens(ids, mask, tokens, options.columnOf) };
  const { maskId, share = FISHER_SHARE, random, askable, columnOf } = options;
  if (maskId === undefined) throw new Error('a masked model without a [MASK] token cannot predict hidden tokens');
  const told = (id: number) => columnOf?.(id) ?? id;
  const may = (place: number) => {
    const id = Number(ids[place]);
    return (columnOf === undefined || columnOf(id) !== undefined) && (askable?.(id) ?? true);
  };
  const hidden = maskTokens({ ids, mask }, maskId, share, random, may);
  const masked: Feeds = { ...feeds, [options.ids ?? 'ids']: { type: 'int64', data: hidden.ids, dims } };
  return { feeds: masked, rows, tokens, places: hidden.positions, targets: hidden.targets.map(told) };
}

function tokenFeeds(feeds: Feeds, { ids = 'ids', mask = 'mask' }: HideOptions) {
  const read = (name: string): BigInt64Array => {
    const value = feeds[name];
    if (value?.type !== 'int64' || value.dims.length !== 2)
      throw new Error(
        `no input '${name}' of int64 [rows, tokens]; the model's inputs are ${Object.keys(feeds).join(', ')}: name the one with token ids and the one with the mask`,
      );
    return value.data;
  };
  return { ids: read(ids), mask: read(mask), dims: feeds[ids].dims };
}

/** Every attended token that follows an attended one in its row. */
function nextTokens(
  ids: BigInt64Array,
  mask: BigInt64Array,
  tokens: number,
  columnOf: NonNullable<HideOptions['columnOf']> = (id) => id,
) {
  const places: number[] = [];
  const targets: number[] = [];
  for (let i = 0; i + 1 < ids.length; i++) {
    const column = columnOf(Number(ids[i + 1]));
    if ((i + 1) % tokens === 0 || mask[i] !== 1n || mask[i + 1] !== 1n || column === undefined) continue;
    places.push(i);
    targets.push(column);
  }
  return { places: Uint32Array.from(places), targets: Int32Array.from(targets) };
}

export interface FisherBatchesOptions extends Pick<HideOptions, 'share' | 'askable' | 'ids' | 'mask'> {
  /** Windows per batch. Default: the paper's 8. */
  readonly batch?: number;
  readonly seed: number;
}

/** The paper's number of windows per batch for Fisher information. */
export const FISHER_BATCH = 8;

/**
 * Windows in their order, batch by batch, tokenized and with targets. @throws when the model does
 * not declare what it predicts, or refuses a window.
 */
export async function* fisherBatches(
  windows: Iterable<string> | AsyncIterable<string>,
  model: Pick<TokenModel, 'label' | 'reads' | 'maskId' | 'classes' | 'encode'>,
  { batch = FISHER_BATCH, seed, ...options }: FisherBatchesOptions,
): AsyncGenerator<FisherBatch> {
  const { reads, maskId } = model;
  if (!reads) throw new Error(`${model.label} does not declare whether it predicts hidden tokens or the next token`);
  if (!(Number.isInteger(batch) && batch >= 1))
    throw new Error(`batches of ${batch} windows are not possible; the minimum is 1`);
  const random = createRandom(`fisher-batches:${seed}`);
  const columnOf = model.classes && logitColumns(model);
  const ask = (held: readonly string[]) =>
    fisherBatch(model.encode(held), { ...options, reads, maskId, random, columnOf });
  let held: string[] = [];
  for await (const window of windows) {
    held.push(window);
    if (held.length < batch) continue;
    yield ask(held);
    held = [];
  }
  if (held.length > 0) yield ask(held);
}
