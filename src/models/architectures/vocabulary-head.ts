/**
 * The head of a causal decoder: one matrix without bias, either the word table or a separate one.
 */
import type { Tensor } from '../../onnx/graph.ts';
import { normal } from '../../onnx/layers/initialisers.ts';
import { linear } from '../../onnx/layers/layers.ts';

export interface VocabularyHead {
  /** The word table's parameter, which must be declared before. */
  readonly words: string;
  /** The head's separate matrix, [vocabulary, d]; undefined when it is the word table. */
  readonly own?: string;
  readonly vocabulary: number;
  /** Standard deviation of the normal distribution for a separate matrix. */
  readonly deviation: number;
}

/** Vocabulary logits of chosen token vectors [m, d] -> [m, vocabulary]. */
export function vocabularyLogits(vectors: Tensor, { words, own, vocabulary, deviation }: VocabularyHead): Tensor {
  const graph = vectors.graph;
  const table = graph.parameters.get(words);
  if (!table) throw new Error(`'${words}' must be declared before the head`);
  const weight =
    own === undefined ? table.tensor : graph.parameter(own, [vocabulary, table.shape[1]], normal(deviation));
  return linear(vectors, weight, null);
}
