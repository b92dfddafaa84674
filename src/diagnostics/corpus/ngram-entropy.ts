/**
 * What plain context counting predicts: the cross-entropy, on text that was held out, of n-gram models of orders 0..8 (order k: each symbol given the k before
 * it), in bits per symbol. A model of the same symbols that reads left to right has learned nothing beyond local counts unless it needs fewer bits. A masked
 * model sees both sides and may be asked to do better still; it is no entropy of the source but an upper bound on it.
 *
 * Smoothing is interpolated Witten-Bell (Witten & Bell 1991, IEEE Trans. Inf. Theory 37:1085, method C; Chen & Goodman 1999, Comput. Speech Lang. 13:359):
 *   p_k(s | c) = (count(c s) + T(c) p_{k-1}(s | c')) / (count(c .) + T(c)),  T(c) the different symbols seen after c, c' = c without its oldest symbol,
 * down to the uniform distribution. Not Kneser-Ney, which is better for words: its discounts are estimated from n-grams that occur once and twice, and over four
 * letters there are none of the shorter ones. Contexts never seen fall back to shorter ones; contexts never run over the end of a sequence.
 */
import { createNgramTable } from './ngram-table.ts';

export interface NgramOptions {
  /** Number of different symbols; symbols are 0..alphabet - 1, and -1 is no symbol but a gap (the letter N) that ends the sequence. */
  readonly alphabet: number;
  /** Longest context. Default 8. */
  readonly order?: number;
}

export interface NgramEntropies {
  readonly alphabet: number;
  /** Symbols counted, gaps not. */
  readonly trainingSymbols: number;
  readonly heldOutSymbols: number;
  /** log2 alphabet. */
  readonly uniformBits: number;
  readonly orders: readonly { readonly order: number; readonly bitsPerSymbol: number }[];
  /** The order that needs fewest bits. */
  readonly best: { readonly order: number; readonly bitsPerSymbol: number };
}

/** Takes a corpus piece by piece: `add` continues where the last piece stopped, `endSequence` makes the next one start afresh. */
export interface SymbolStream {
  add(symbols: ArrayLike<number>): void;
  endSequence(): void;
}

export interface NgramModel {
  /** Counts. */
  readonly training: SymbolStream;
  /** Measures how well the counts so far predict; count everything first. */
  readonly heldOut: SymbolStream;
  /** @throws when nothing was held out or nothing counted. */
  entropies(): NgramEntropies;
}

const DEFAULT_ORDER = 8;
const MOST_SYMBOLS = 2 ** 20;

/** An empty model. @throws for an alphabet below 2 or above 2^20, or an order below 0. */
export function createNgramModel({ alphabet, order = DEFAULT_ORDER }: NgramOptions): NgramModel {
  if (!(Number.isInteger(alphabet) && alphabet >= 2 && alphabet <= MOST_SYMBOLS))
    throw new Error(`n-grams: alphabet = ${alphabet}; give a whole number from 2 to ${MOST_SYMBOLS}`);
  if (!(Number.isInteger(order) && order >= 0))
    throw new Error(`n-grams: order = ${order}; give a whole number from 0`);
  const table = createNgramTable(alphabet);
  const bits = new Float64Array(order + 1);
  const seen = { training: 0, heldOut: 0 };

  /** A stream that calls `visit` for each symbol with the nodes of its contexts, shortest first; -1 where one was never counted. */
  const stream = (visit: (symbol: number, contexts: Int32Array, longest: number) => void): SymbolStream => {
    const contexts = new Int32Array(order + 2); // contexts[k]: the k symbols before; contexts[0] the empty one, node 0
    let longest = 0;
    return {
      add(symbols) {
        for (let i = 0; i < symbols.length; i++) {
          const symbol = symbols[i];
          if (symbol === -1) {
            longest = 0;
            continue;
          }
          if (!(Number.isInteger(symbol) && symbol >= 0 && symbol < alphabet))
            throw new Error(`n-grams: symbol ${symbol} at ${i}; expected -1 for a gap, or 0 to ${alphabet - 1}`);
          visit(symbol, contexts, longest);
          if (longest < order) longest += 1;
        }
      },
      endSequence() {
        longest = 0;
      },
    };
  };

  const count = (symbol: number, contexts: Int32Array, longest: number) => {
    seen.training += 1;
    for (let k = longest; k >= 0; k--) contexts[k + 1] = table.count(contexts[k], symbol);
  };

  const measure = (symbol: number, contexts: Int32Array, longest: number) => {
    seen.heldOut += 1;
    let p = 1 / alphabet;
    let context = 0;
    for (let k = 0; k <= order; k++) {
      // Before the sequence's k-th symbol the longest context there is stands in for the longer ones.
      if (k <= longest) {
        const next = context < 0 ? -1 : table.find(context, symbol);
        if (context >= 0) {
          const different = table.distinct(context);
          const total = table.continuations(context) + different;
          if (total > 0) p = ((next < 0 ? 0 : table.occurrences(next)) + different * p) / total;
        }
        context = contexts[k + 1];
        contexts[k + 1] = next;
      }
      bits[k] -= Math.log2(p);
    }
  };

  return {
    training: stream(count),
    heldOut: stream(measure),
    entropies() {
      if (seen.training === 0) throw new Error('n-grams: nothing was counted; add to training first');
      if (seen.heldOut === 0) throw new Error('n-grams: nothing was held out to measure on');
      const orders = Array.from(bits, (sum, k) => ({ order: k, bitsPerSymbol: sum / seen.heldOut }));
      return {
        alphabet,
        trainingSymbols: seen.training,
        heldOutSymbols: seen.heldOut,
        uniformBits: Math.log2(alphabet),
        orders,
        best: orders.reduce((least, at) => (at.bitsPerSymbol < least.bitsPerSymbol ? at : least)),
      };
    },
  };
}

/** Entropies of whole sequences held in memory: counts `training`, measures on `heldOut`. */
export function ngramEntropies(
  training: Iterable<ArrayLike<number>>,
  heldOut: Iterable<ArrayLike<number>>,
  options: NgramOptions,
): NgramEntropies {
  const model = createNgramModel(options);
  for (const [sequences, stream] of [
    [training, model.training],
    [heldOut, model.heldOut],
  ] as const)
    for (const sequence of sequences) {
      stream.add(sequence);
      stream.endSequence();
    }
  return model.entropies();
}
