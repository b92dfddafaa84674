/**
 * Predictions of a model with a head for tokens of a corpus: a masked model predicts tokens that
 * are hidden from it (the paper's masking, `evaluation-masking.ts`); a causal model predicts tokens
 * from all tokens before them, chosen in the same way. In our own graphs the rows to predict are
 * selected inside the graph, before the head: only their logits are computed and returned, a batch
 * at a time. An export is run as it is.
 */

import { createRandom } from '../../core/random.ts';
import type { ExportedModel, FrozenModel, LanguageModel, TokenModel } from '../../models/model.ts';
import { Graph } from '../../onnx/graph.ts';
import { rowsAt } from '../../onnx/row-selection.ts';
import { openGraph } from '../../runtime/graph-session.ts';
import type { TensorValue } from '../../runtime/session.ts';
import { type Compute, pick } from '../../runtime/training/network.ts';
import { logitColumns, maskTokens, NothingAsked } from './evaluation-masking.ts';
import { createPredictive, type PredictiveSummary } from './predictive.ts';
import { overBatches, type TokenReader, type WindowBatch } from './token-batches.ts';

export interface AskOptions {
  readonly compute: Compute;
  readonly seed: number;
  /** Share of the tokens that are predicted; special tokens never are. */
  readonly share: number;
  readonly progress?: (fraction: number) => void;
}

/**
 * Flat positions in a batch: the input of the graph, the rows of the last hidden state that are
 * used, and the columns of the logits of the true tokens.
 */
export interface AskedTokens {
  readonly ids: BigInt64Array;
  readonly rows: BigInt64Array;
  readonly targets: Int32Array;
  /** Letters that the true tokens span. */
  readonly letters: Float64Array;
}

/** The reason when a model cannot predict tokens; undefined when it can. */
export function whyNotAsked(model: LanguageModel): string | undefined {
  const refusal = 'build' in model ? whyNoHead(model) : model.refusal;
  if (refusal !== undefined) return refusal;
  if (model.reads === undefined || model.vocabularySize === undefined)
    return 'the model does not declare what it predicts';
  if (model.reads === 'masked' && model.maskId === undefined) return 'the tokenizer has no mask token';
  return undefined;
}

function whyNoHead(model: FrozenModel): string | undefined {
  if (model.build(new Graph()).logits) return undefined;
  return 'the weights have no head that predicts tokens of the vocabulary';
}

/** Columns of a model's logits. */
export function predictedTokens({ classes, vocabularySize }: TokenModel): number {
  return classes?.count ?? (vocabularySize as number);
}

/** Chooses tokens of every window by the seed and the window's index. */
export function askTokens(
  { ids, mask, tokens, letters, places }: WindowBatch,
  model: Pick<TokenModel, 'reads' | 'maskId' | 'classes'>,
  { seed, share }: Pick<AskOptions, 'seed' | 'share'>,
): AskedTokens {
  const { reads, maskId = 0 } = model;
  const isCausal = reads === 'causal';
  const columnOf = logitColumns(model);
  const hidden = ids.slice();
  const chosen: number[] = [];
  places.forEach((place, r) => {
    const [from, to] = [r * tokens, (r + 1) * tokens];
    const row = { ids: ids.subarray(from, to), mask: mask.subarray(from, to) };
    const askable = (t: number) =>
      letters[from + t] > 0 &&
      columnOf(Number(row.ids[t])) !== undefined &&
      (!isCausal || (t > 0 && row.mask[t - 1] === 1n));
    const asked = maskTokens(row, maskId, share, createRandom(`diagnose:asked:${seed}:${place}`), askable);
    if (!isCausal) hidden.set(asked.ids, from);
    for (const position of asked.positions) chosen.push(from + position);
  });
  return {
    ids: hidden,
    // A causal model predicts a token in the row before it.
    rows: BigInt64Array.from(chosen, (place) => BigInt(isCausal ? place - 1 : place)),
    targets: Int32Array.from(chosen, (place) => columnOf(Number(ids[place])) as number),
    letters: Float64Array.from(chosen, (place) => letters[place]),
  };
}

/** An open model that is ready to predict. */
export interface Asking {
  /** `[asked, vocabulary]` */
  logits(batch: WindowBatch, asked: AskedTokens): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function openAsking(model: LanguageModel, compute: Compute): Promise<Asking> {
  const ask = 'build' in model ? await askGraph(model, compute) : openExport(model);
  const vocabulary = predictedTokens(model);
  return {
    ...ask,
    async logits(batch, asked) {
      const logits = await ask.logits(batch, asked);
      const columns = logits.length / Math.max(1, asked.rows.length);
      if (asked.rows.length > 0 && columns !== vocabulary)
        throw new Error(`${model.label}: the head has ${columns} classes for a vocabulary of ${vocabulary}`);
      return logits;
    },
  };
}

/**
 * The model up to the logits of the chosen rows: inputs `ids`, `mask` [rows, tokens], `asked` [m];
 * output `logits` [m, vocabulary].
 */
async function askGraph(model: FrozenModel, compute: Compute): Promise<Asking> {
  const graph = new Graph();
  const { hiddenStates, logits } = model.build(graph);
  if (!logits) throw new Error(`${model.label}: ${whyNotAsked(model)}`);
  const asked = graph.input('asked', 'int64', ['asked']);
  graph.output('logits', logits(rowsAt(hiddenStates[model.layers], asked))); // [asked, vocabulary]
  const session = await openGraph(graph, model, { ...compute, label: `${model.label}, predictions` });
  return {
    async logits({ feeds }, { ids, rows }) {
      const hidden: TensorValue = { type: 'int64', data: ids, dims: feeds.ids.dims };
      const places: TensorValue = { type: 'int64', data: rows, dims: [rows.length] };
      const results = await session.run(pick(session, { ...feeds, ids: hidden, asked: places }));
      return results.logits.data as Float32Array;
    },
    dispose: () => session.dispose(),
  };
}

/** It shares the session of its encoder. */
function openExport(model: ExportedModel): Asking {
  return {
    logits: ({ feeds }, { ids, rows }) =>
      model.logitsAt({ ...feeds, ids: { type: 'int64', data: ids, dims: feeds.ids.dims } }, rows),
    dispose: async () => {},
  };
}

/** @throws when a logit is not a number, or no token was chosen. */
export async function askedPredictions(
  reader: TokenReader<LanguageModel>,
  windows: readonly string[],
  { compute, progress, ...drawn }: AskOptions,
): Promise<PredictiveSummary> {
  const { model } = reader;
  const asking = await openAsking(model, compute);
  try {
    const predictive = createPredictive(predictedTokens(model));
    let done = 0;
    let any = false;
    await overBatches(reader, windows, compute, async (batch) => {
      const asked = askTokens(batch, model, drawn);
      if (asked.rows.length > 0) {
        const logits = await asking.logits(batch, asked);
        any = true;
        predictive.add({ logits, targets: asked.targets, nucleotides: asked.letters });
      }
      done += batch.places.length;
      progress?.(done / windows.length);
    });
    if (!any)
      throw new NothingAsked(
        `${model.label}: none of ${windows.length} windows has a chosen token; use more of the corpus`,
      );
    return predictive.summary();
  } finally {
    await asking.dispose();
  }
}
