/**
 * An architecture consists of a reader of `config.json`, a graph with all hidden states, and a
 * mapping from a checkpoint's tensors to its parameters. One file per architecture; `registry.ts`
 * lists them. Batching, pooling, tokenizing and running are the same for all and are in other
 * folders.
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';

/** A parsed `config.json`. */
export type RawConfig = Readonly<Record<string, unknown>>;

export interface ArchitectureInputs {
  /** int64 [rows, tokens] */
  readonly ids: Tensor;
  /**
   * int64 [rows, tokens], 1 for real tokens. Padding is on the right and never changes the vectors
   * of real tokens.
   */
  readonly mask: Tensor;
}

export interface ArchitectureGraph {
  /**
   * 0 (embeddings) .. layers, each [rows, tokens, dimension], as in the reference's
   * `output_hidden_states`.
   */
  readonly hiddenStates: readonly Tensor[];
  /**
   * Vocabulary logits of chosen token vectors: rows of the last hidden state [m, dimension] -> [m,
   * vocabulary]. Declares the head's parameters, so call it only when logits are needed. Missing
   * when the architecture has no such head.
   */
  readonly logits?: (vectors: Tensor) => Tensor;
  /**
   * Class probabilities of the checkpoint's classifier ({@link ConfiguredArchitecture.classifier}):
   * last hidden state [rows, tokens, dimension], without padding -> [rows, classes]. Declares the
   * classifier's parameters. Missing when the architecture has no classifier.
   */
  readonly scores?: (hidden: Tensor) => Tensor;
}

export interface Classifier {
  readonly classes: readonly string[];
  readonly tokens: number;
}

/** The architecture of one checkpoint, with its sizes. */
export interface ConfiguredArchitecture {
  /** Display name: `ESM (12 x 480)`. */
  readonly label: string;
  readonly dimension: number;
  /** Number of blocks; hidden states are 0..layers. */
  readonly layers: number;
  readonly heads?: number;
  readonly vocabularySize: number;
  /**
   * Columns of the logits when they are ordinary tokens only (`BertForTokenClassification`);
   * default: the whole vocabulary.
   */
  readonly classes?: number;
  /** Longest input in tokens; undefined when positions set no limit. */
  readonly maxTokens?: number;
  /** What the head predicts: hidden tokens from both sides, or the next token. */
  readonly reads: 'masked' | 'causal';
  /**
   * Classes of a checkpoint with a classifier, and the number of tokens that its input must have.
   */
  readonly classifier?: Classifier;
  /**
   * The parameter of the static (input) embeddings, [vocabulary, width]. Missing when tokens enter
   * as one-hot vectors, which have no parameters.
   */
  readonly wordTable?: string;
  /**
   * The head's separate output matrix, for configs that may tie it to the word table: the name of
   * the parameter when the config has `tie_word_embeddings: false`, and whether this config ties
   * it.
   */
  readonly outputMatrix?: { readonly parameter: string; readonly tied: boolean };
  /**
   * Declares parameters under `parameterNames` with the architecture's initialisation scheme, from
   * which a random control is drawn.
   */
  build(graph: Graph, inputs: ArchitectureInputs, mode: Mode): ArchitectureGraph;
  /**
   * Differences between the checkpoint's and the graph's names or layouts: parameter name ->
   * checkpoint tensors in order of preference (`bert.x`, `x`), and the conversion. Default: the
   * same name, unchanged. Only differences are listed.
   */
  readonly sources?: (parameter: string) => ParameterSource | undefined;
}

export interface ParameterSource {
  /** Checkpoint names to try; the first that exists is used. */
  readonly names: readonly string[];
  /**
   * `transpose`: the checkpoint stores the transposed matrix (GPT-2's Conv1D). `rows`: that part of
   * its first axis (fused projections).
   */
  readonly transpose?: boolean;
  readonly rows?: { readonly from: number; readonly to: number };
}

export interface Architecture {
  readonly id: string;
  readonly title: string;
  /** Published models of this architecture, for the table of known models. */
  readonly models: readonly string[];
  /** Paper, and the code that the graph was checked against. */
  readonly source: string;
  /** Files of weights in the folder in addition to the checkpoint. */
  readonly companions?: readonly string[];
  /**
   * Whether `config.json` describes this architecture (by `model_type`, `architectures`,
   * `auto_map`, or fields that only it has).
   */
  matches(config: RawConfig): boolean;
  /**
   * Throws with `where` (the file), the field and the remedy when a field is missing or has an
   * unsupported value.
   */
  configure(config: RawConfig, where: string): ConfiguredArchitecture;
}
