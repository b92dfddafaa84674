/**
 * Converts token ids to the inputs of a training graph: which tokens are predicted, what the model
 * sees instead, and the weight of each. One table of objectives; the graphs are in `bert-graph.ts`
 * and `barcode-mae.ts`.
 */
import type { Random } from '../core/random.ts';
import type { Feeds } from '../runtime/training/network.ts';
import type { Vocabulary } from './training-tokenizers.ts';

/**
 * Pre-training objectives. `masked-lm` is that of BERT, with the head tied to the word table; the
 * others are those of the barcode papers.
 */
export const OBJECTIVES = ['masked-lm', 'barcodebert', 'mae-v2', 'mae-v1', 'causal'] as const;
export type Objective = (typeof OBJECTIVES)[number];

export interface MaskingConfig {
  readonly objective: Objective;
  /**
   * Share of tokens to predict, and how many of them are replaced by [MASK] (or removed), replaced
   * by a random token, or unchanged.
   */
  readonly maskRate: number;
  readonly maskedShare: number;
  readonly randomShare: number;
  /** w in w CE(masked) + (1 - w) CE(visible). 1: only masked tokens count. */
  readonly maskedWeight: number;
}

/**
 * Whether the encoder sees [MASK]. A masked autoencoder removes tokens instead, and a causal model
 * sees all tokens.
 */
export function showsMask({ objective, maskedShare }: Pick<MaskingConfig, 'objective' | 'maskedShare'>): boolean {
  return (objective === 'masked-lm' || objective === 'barcodebert') && maskedShare > 0;
}

/** Tokens of a batch from the tokenizer, row-major `[rows, tokens]`. */
export interface TokenRows {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
  readonly rows: number;
  readonly tokens: number;
  readonly vocabulary: Vocabulary;
}

/** Random choices for a batch. All flat, `[rows, tokens]`. */
export interface Masking {
  /** Ids that the model sees; ids of removed tokens are not read. */
  readonly shown: Int32Array;
  /** 1 when the token is replaced by [MASK] or removed. */
  readonly hidden: Uint8Array;
  /** Positions to predict, per row. */
  readonly places: readonly (readonly number[])[];
}

const isOrdinary = ({ ids, mask, vocabulary }: TokenRows, at: number) =>
  mask[at] === 1 && vocabulary.classOf(ids[at]) >= 0;

/**
 * Draws which ordinary tokens are predicted and how each is changed: at least one per row that has
 * any.
 */
export function drawMasking(batch: TokenRows, config: MaskingConfig, randomOf: (row: number) => Random): Masking {
  const { ids, rows, tokens, vocabulary } = batch;
  const shown = ids.slice();
  const hidden = new Uint8Array(ids.length);
  const places: number[][] = [];
  for (let row = 0; row < rows; row++) {
    const picked: number[] = [];
    const random = randomOf(row);
    const pick = (t: number) => {
      picked.push(t);
      const fate = random.next();
      if (fate < config.maskedShare) {
        shown[row * tokens + t] = vocabulary.maskId;
        hidden[row * tokens + t] = 1;
      } else if (fate < config.maskedShare + config.randomShare)
        shown[row * tokens + t] = vocabulary.idOf(random.integer(vocabulary.classes));
    };
    const ordinary: number[] = [];
    for (let t = 0; t < tokens; t++) {
      if (!isOrdinary(batch, row * tokens + t)) continue;
      ordinary.push(t);
      if (random.next() < config.maskRate) pick(t);
    }
    // Without this, short windows would often have no token to predict.
    if (picked.length === 0 && ordinary.length > 0) pick(ordinary[random.integer(ordinary.length)]);
    places.push(picked);
  }
  return { shown, hidden, places };
}

/**
 * No token is hidden: every ordinary token except the first is predicted at the position before it.
 */
export function causalMasking(batch: TokenRows): Masking {
  const { ids, rows, tokens, mask } = batch;
  const places = Array.from({ length: rows }, (_, row) => {
    const found: number[] = [];
    for (let t = 0; t + 1 < tokens; t++)
      if (mask[row * tokens + t] === 1 && isOrdinary(batch, row * tokens + t + 1)) found.push(t);
    return found;
  });
  return { shown: ids.slice(), hidden: new Uint8Array(ids.length), places };
}

/**
 * Inputs of the objective's graph. `everywhere`: visible tokens are weighted by `maskedWeight`; at
 * evaluation only masked tokens count.
 */
export function feedsOf(batch: TokenRows, masking: Masking, config: MaskingConfig, everywhere: boolean): Feeds {
  const { objective, maskedWeight } = config;
  const asked =
    everywhere && maskedWeight < 1 && objective !== 'causal'
      ? withVisible(batch, masking, maskedWeight)
      : {
          places: masking.places,
          weights: masking.places.map((row) => row.map(() => 1)),
        };
  return { ...questions(batch, asked, config), ...inputs(batch, masking, objective) };
}

interface Asked {
  readonly places: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/** All ordinary tokens: the masked ones have a total weight of w, the others of 1 - w. */
function withVisible(batch: TokenRows, { places }: Masking, maskedWeight: number): Asked {
  const { rows, tokens } = batch;
  const all = Array.from({ length: rows }, (_, row) => {
    const found: number[] = [];
    for (let t = 0; t < tokens; t++) if (isOrdinary(batch, row * tokens + t)) found.push(t);
    return found;
  });
  const masked = places.map((row) => new Set(row));
  const count = places.reduce((sum, row) => sum + row.length, 0);
  const others = all.reduce((sum, row) => sum + row.length, 0) - count;
  // Without visible tokens the masked ones get the whole weight.
  const share = others === 0 ? 1 : maskedWeight;
  const weights = all.map((row, r) => row.map((t) => (masked[r].has(t) ? share / count : (1 - share) / others)));
  return { places: all, weights };
}

function questions(batch: TokenRows, { places, weights }: Asked, { objective }: MaskingConfig): Feeds {
  const { ids, rows, tokens, vocabulary } = batch;
  const most = Math.max(1, ...places.map((row) => row.length));
  const at = new BigInt64Array(rows * most);
  const labels = new BigInt64Array(rows * most);
  const tokenWeights = new Float32Array(rows * most);
  const shift = objective === 'causal' ? 1 : 0;
  // The head of BERT has an output for every row of the word table.
  const labelOf = objective === 'masked-lm' ? (id: number) => id : vocabulary.classOf;
  places.forEach((row, r) => {
    row.forEach((t, i) => {
      at[r * most + i] = BigInt(t);
      labels[r * most + i] = BigInt(labelOf(ids[r * tokens + t + shift]));
      tokenWeights[r * most + i] = weights[r][i];
    });
  });
  const rowWeights = Float32Array.from(weights, (row) => row.reduce((sum, weight) => sum + weight, 0));
  return {
    masked: { type: 'int64', data: at, dims: [rows, most] },
    labels: { type: 'int64', data: labels, dims: [rows, most] },
    tokenWeights: { type: 'float32', data: tokenWeights, dims: [rows, most] },
    weights: { type: 'float32', data: rowWeights, dims: [rows] },
  };
}

const int64 = (values: ArrayLike<number>, rows: number, columns: number) =>
  ({
    type: 'int64',
    data: BigInt64Array.from(values as ArrayLike<number> & Iterable<number>, BigInt),
    dims: [rows, columns],
  }) as const;

function inputs(batch: TokenRows, { shown, hidden }: Masking, objective: Objective): Feeds {
  const { rows, tokens, mask } = batch;
  if (objective === 'mae-v2') return packed(batch, shown, hidden);
  const common = { ids: int64(shown, rows, tokens), mask: int64(mask, rows, tokens) };
  return objective === 'mae-v1' ? { ...common, taken: int64(hidden, rows, tokens) } : common;
}

/** Packs the visible tokens to the left. Padding is omitted, since no token attends to it. */
function packed({ rows, tokens, mask, vocabulary }: TokenRows, shown: Int32Array, hidden: Uint8Array): Feeds {
  const source = new Int32Array(rows * tokens).fill(-1);
  const kept = Array.from({ length: rows }, (_, row) => {
    const found: number[] = [];
    for (let t = 0; t < tokens; t++)
      if (mask[row * tokens + t] === 1 && hidden[row * tokens + t] === 0) {
        source[row * tokens + t] = found.length;
        found.push(t);
      }
    return found;
  });
  const longest = Math.max(1, ...kept.map((row) => row.length));
  const ids = new Int32Array(rows * longest).fill(vocabulary.paddingId);
  const positions = new Int32Array(rows * longest);
  const visible = new Int32Array(rows * longest);
  kept.forEach((row, r) => {
    row.forEach((t, i) => {
      ids[r * longest + i] = shown[r * tokens + t];
      positions[r * longest + i] = t;
      visible[r * longest + i] = 1;
    });
  });
  return {
    visibleIds: int64(ids, rows, longest),
    visiblePositions: int64(positions, rows, longest),
    visibleMask: int64(visible, rows, longest),
    source: int64(source, rows, tokens),
    mask: int64(mask, rows, tokens),
  };
}
