/**
 * The cross-entropy of n-gram models on held-out text, for orders 0 to 8 (order k: each symbol
 * given the k symbols before it), in bits per symbol. It is a floor for language models: a
 * left-to-right model of the same symbols that needs as many bits has learned local counts only. A
 * masked model sees both sides and can need fewer bits. The value is an upper bound on the entropy
 * of the source.
 *
 * Smoothing is interpolated Witten-Bell (Witten & Bell 1991, IEEE Trans. Inf. Theory 37:1085,
 * method C; Chen & Goodman 1999, Comput. Speech Lang. 13:359):
 *   p_k(s | c) = (count(c s) + T(c) p_{k-1}(s | c')) / (count(c .) + T(c))
 * where T(c) is the number of different symbols seen after c, and c' is c without its oldest
 * symbol. The recursion ends in the uniform distribution. Kneser-Ney, which is better for words, is
 * not used: its discounts are estimated from n-grams that occur once and twice, and over four
 * letters no short n-gram does. Unseen contexts fall back to shorter ones. Contexts never cross the
 * end of a sequence.
 */
import { createNgramTable } from './ngram-table.ts';

export interface NgramOptions {
  /**
   * Number of different symbols. Symbols are 0..alphabet - 1; -1 is a gap (the letter N), which
   * ends the sequence.
   */
  readonly alphabet: number;
  /** Longest context. Default 8. */
  readonly order?: number;
}

export interface NgramEntropies {
  readonly alphabet: number;
  /** Symbols counted, without gaps. */
  readonly trainingSymbols: number;
  readonly heldOutSymbols: number;
  /** log2 alphabet. */
  readonly uniformBits: number;
  readonly orders: readonly { readonly order: number; readonly bitsPerSymbol: number }[];
  /** The order that needs the fewest bits. */
  readonly best: { readonly order: number; readonly bitsPerSymbol: number };
}

/**
 * Takes a corpus piece by piece: `add` continues where the last piece stopped; `endSequence` starts
 * a new sequence.
 */
export interface SymbolStream {
  add(symbols: ArrayLike<number>): void;
  endSequence(): void;
}

export interface NgramModel {
  /** Counts. */
  readonly training: SymbolStream;
  /** Measures how well the counts so far predict. All counting must be done before. */
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

  /**
   * Returns a function that calls `visit` for each symbol with the nodes of its contexts, shortest
   * first; -1 for a context that was never counted.
   */
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
      // Before the k-th symbol of the sequence, the longest context that exists replaces the longer
      // ones.
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
      if (seen.training === 0)
        throw new Error('n-grams: nothing was counted; call add() with training sequences first');
      if (seen.heldOut === 0) throw new Error('n-grams: there is no held-out sequence to measure on');
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
