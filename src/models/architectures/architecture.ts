/**
 * What an architecture is here: a reading of `config.json`, a graph with all hidden states, and how a checkpoint's tensors become its parameters. One file per
 * architecture; `registry.ts` lists them. Batching, pooling, tokenizing and running are the same for all and live elsewhere.
 */

import type { Graph, Tensor } from '../../onnx/graph.ts';
import type { Mode } from '../../onnx/layers/dropout.ts';

/** A `config.json` as parsed. */
export type RawConfig = Readonly<Record<string, unknown>>;

export interface ArchitectureInputs {
  /** int64 [rows, tokens] */
  readonly ids: Tensor;
  /** int64 [rows, tokens], 1 for real tokens. Padding is on the right and never changes what real tokens get. */
  readonly mask: Tensor;
}

export interface ArchitectureGraph {
  /** 0 (embeddings) .. layers, each [rows, tokens, dimension], as the reference's `output_hidden_states` gives them. */
  readonly hiddenStates: readonly Tensor[];
  /**
   * Vocabulary logits of chosen token vectors: the last hidden state's rows [m, dimension] -> [m, vocabulary]. Declares the head's parameters, so it is
   * called only where logits are wanted. Missing where the architecture has none.
   */
  readonly logits?: (vectors: Tensor) => Tensor;
  /**
   * Probabilities of the classes that the checkpoint's own classifier tells ({@link ConfiguredArchitecture.classifier}): last hidden state
   * [rows, tokens, dimension], without padding -> [rows, classes]. Declares the classifier's parameters. Missing where the architecture has none.
   */
  readonly scores?: (hidden: Tensor) => Tensor;
}

export interface Classifier {
  readonly classes: readonly string[];
  readonly tokens: number;
}

/** One checkpoint's architecture with its sizes known. */
export interface ConfiguredArchitecture {
  /** For people: `ESM (12 x 480)`. */
  readonly label: string;
  readonly dimension: number;
  /** Number of blocks; hidden states are 0..layers. */
  readonly layers: number;
  readonly heads?: number;
  readonly vocabularySize: number;
  /** Columns of the logits where they are ordinary tokens only (`BertForTokenClassification`); default: the whole vocabulary. */
  readonly classes?: number;
  /** Longest input in tokens; undefined where positions set no limit. */
  readonly maxTokens?: number;
  /** What the head predicts: hidden tokens from both sides, or the next token. */
  readonly reads: 'masked' | 'causal';
  /** What checkpoints with a classifier of their own tell, and the tokens that an input must have for it. */
  readonly classifier?: Classifier;
  /** The parameter that holds the static (input) embeddings, [vocabulary, width]. Missing where tokens enter as one-hot vectors, which nothing learns. */
  readonly wordTable?: string;
  /**
   * The head's own output matrix, where a config may tie it to the word table: the name of the parameter when the config
   * has `tie_word_embeddings: false`, and whether this config ties it.
   */
  readonly outputMatrix?: { readonly parameter: string; readonly tied: boolean };
  /** Declares parameters under `parameterNames` with the architecture's own initialisation scheme, so that a random control is drawn from it. */
  build(graph: Graph, inputs: ArchitectureInputs, mode: Mode): ArchitectureGraph;
  /**
   * Where a checkpoint's names or layouts differ from the graph's: a parameter's name -> the checkpoint tensors it comes from, in order of preference
   * (`bert.x`, `x`), and how. Default: the same name, as it is. Only what differs is listed.
   */
  readonly sources?: (parameter: string) => ParameterSource | undefined;
}

export interface ParameterSource {
  /** Checkpoint names to try, first found wins. */
  readonly names: readonly string[];
  /** `transpose`: the checkpoint holds the matrix the other way round (GPT-2's Conv1D). `rows`: that part of its first axis (fused projections). */
  readonly transpose?: boolean;
  readonly rows?: { readonly from: number; readonly to: number };
}

export interface Architecture {
  readonly id: string;
  readonly title: string;
  /** Published models of this architecture, for the table of what is known. */
  readonly models: readonly string[];
  /** Paper, and the code the graph was checked against. */
  readonly source: string;
  /** Files of weights that a folder holds beside its checkpoint. */
  readonly companions?: readonly string[];
  /** Is this the architecture that `config.json` describes? (`model_type`, `architectures`, `auto_map`, or the fields that only it has.) */
  matches(config: RawConfig): boolean;
  /** Throws naming `where` (the file), the field and the remedy when a field is missing or has a value that this graph does not have. */
  configure(config: RawConfig, where: string): ConfiguredArchitecture;
}
