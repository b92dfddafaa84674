/** The head of a causal decoder: one matrix, the word table's own or another, and no bias. */
import type { Tensor } from '../../onnx/graph.ts';
import { normal } from '../../onnx/layers/initialisers.ts';
import { linear } from '../../onnx/layers/layers.ts';

export interface VocabularyHead {
  /** The word table's parameter, declared before. */
  readonly words: string;
  /** The head's own matrix, [vocabulary, d]; undefined where it is the word table. */
  readonly own?: string;
  readonly vocabulary: number;
  /** Of the normal distribution that a matrix of its own is drawn from. */
  readonly deviation: number;
}

/** Vocabulary logits of chosen token vectors [m, d] -> [m, vocabulary]. */
export function vocabularyLogits(vectors: Tensor, { words, own, vocabulary, deviation }: VocabularyHead): Tensor {
  const graph = vectors.graph;
  const table = graph.parameters.get(words);
  if (!table) throw new Error(`'${words}' is to be declared before the head`);
  const weight =
    own === undefined ? table.tensor : graph.parameter(own, [vocabulary, table.shape[1]], normal(deviation));
  return linear(vectors, weight, null);
}
