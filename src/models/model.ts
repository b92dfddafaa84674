/** The harness's interface of a model: it converts sequences to frozen vectors, layer by layer. */
import type { Matrix } from '../core/matrix.ts';
import type { ConstantData, Graph, Tensor } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import type { SessionOptions } from '../runtime/session.ts';
import type { Feeds } from '../runtime/training/network.ts';
import type { Coverage, UnknownToken } from './coverage.ts';
import type { RoleInput } from './exports/settings.ts';

/**
 * How the token vectors of one sequence are combined into one vector, always under the attention
 * mask. `frames`: the mean over all reading frames of the sequence (started at its first letter,
 * its second, ... up to the letters between two tokens) of the mean over tokens.
 */
export type Pooling = 'mean' | 'max' | 'first' | 'frames';

/** One frozen view of a sequence. `layer` 0 is the embedding layer's output; `layers` is the last block's. */
export interface Representation {
  readonly layer: number;
  readonly pooling: Pooling;
}

export interface ModelContext {
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  /** Compute relative to the full recipe: training rows, steps and tokens are multiplied by it. 1 is full strength. */
  readonly effort: number;
  /** Folder for artefacts (pre-trained weights, embeddings) that later runs reuse. */
  readonly cacheFolder: string;
  /** Unlabelled sequences for pre-training: the task's training split, never validation or test. */
  readonly unlabelled: readonly string[];
  /** Hash of `unlabelled`, part of any artefact's key. */
  readonly unlabelledHash: string;
  /**
   * The labelled training rows, for encoders that learn from labels: the row's group (species, for
   * barcodes) if it has one, otherwise its label. Never validation or test rows.
   */
  readonly supervised?: {
    readonly sequences: readonly string[];
    readonly labels: readonly string[];
    readonly hash: string;
  };
  /**
   * Hash of code and machine: source, packages, device, precision, threads and the model's own
   * files. It is part of the key of every artefact.
   */
  readonly codeHash: string;
  /** Nucleotides of the longest sequence in any split: a model allocates positions for it. */
  readonly longestSequence: number;
  /**
   * The model is only run, never fine-tuned: its weights may stay in their files, from which the
   * runtime maps them. Default false.
   */
  readonly mapWeights?: boolean;
  readonly progress: (fraction: number, message: string) => void;
}

/** Maximum input of a model. A missing field means that the number is unknown or not constant. */
export interface InputLimits {
  /** Letters from one token to the next, when constant. */
  readonly nucleotidesPerToken?: number;
  /** Longest sequence in letters. */
  readonly maxNucleotides?: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens?: number;
}

export interface Encoder {
  /** 0 for an export that gives only logits; `embed` then throws. */
  readonly dimension: number;
  /** Number of blocks; representations 0..layers are available. */
  readonly layers: number;
  /** sha256 over architecture, configuration and weights: identifies the embeddings. */
  readonly fingerprint: string;
  /**
   * For display only; code must not depend on it. Facts for the model card: parameters, tokenizer,
   * nucleotides per token, pre-training loss... Plain JSON.
   */
  readonly card: Readonly<Record<string, unknown>>;
  /** Default: unknown. */
  readonly limits?: InputLimits;
  /**
   * How much of a sequence is read. Missing: unknown. Throws for a sequence that would have to be
   * cut.
   */
  readonly coverage?: (sequence: string) => Coverage;
  readonly unknown?: UnknownToken;
  readonly notices?: readonly string[];
  /** The model in float32, when it supports token-level queries. */
  readonly model?: FrozenModel;
  /** The same for an exported model, run in the precision of its file. */
  readonly exported?: ExportedModel;
  /**
   * Number of pooled tokens of one sequence. Throws for a sequence that would have to be cut.
   * Missing when an encoder reads no tokens or cuts none: then it cannot be run in windows.
   */
  pooledTokens?(sequence: string): number;
  /**
   * One `[sequences, dimension]` float32 matrix per requested representation, rows in input order.
   */
  embed(
    sequences: readonly string[],
    representations: readonly Representation[],
    progress?: (fraction: number, message: string) => void,
  ): Promise<Matrix[]>;
  dispose(): Promise<void>;
}

/** The tensors that a frozen model declares in a graph. */
export interface FrozenGraph {
  /** 0..layers, each `[rows, tokens, dimension]`. */
  readonly hiddenStates: readonly Tensor[];
  /** int64 `[rows, tokens]` */
  readonly attentionMask: Tensor;
  /**
   * Vocabulary logits of rows of the last hidden state, `[m, dimension]` -> `[m, vocabulary]`.
   * Missing when the weights have no head.
   */
  readonly logits?: (vectors: Tensor) => Tensor;
  /**
   * Probabilities of the checkpoint's classifier, if it has one: last hidden state [rows, tokens,
   * dimension], without padding -> [rows, classes].
   */
  readonly scores?: (hidden: Tensor) => Tensor;
}

/** The tokenization of a model, and what its head predicts. */
export interface TokenModel {
  readonly label: string;
  readonly dimension: number;
  readonly layers: number;
  /** For display only; code must not depend on it. */
  readonly card: Readonly<Record<string, unknown>>;
  /** Default: unknown. */
  readonly limits?: InputLimits;
  /**
   * How much of a sequence is read. Missing: unknown. Throws for a sequence that would have to be
   * cut.
   */
  readonly coverage?: (sequence: string) => Coverage;
  readonly unknown?: UnknownToken;
  /** Number of weights. */
  readonly parameterCount?: number;
  /** Resolved conflicts between the model's files, for display. */
  readonly notices?: readonly string[];
  /** What the head predicts: hidden tokens from both sides, or the next token. */
  readonly reads?: 'masked' | 'causal';
  /** Rows of the word table and columns of the logits, including special tokens. */
  readonly vocabularySize?: number;
  /**
   * Mapping of the logits' columns when they are ordinary tokens only: column c is the id `firstId
   * + c`. Default: column c is id c.
   */
  readonly classes?: { readonly firstId: number; readonly count: number };
  /**
   * `[vocabulary]` number of letters of each token, 0 for special ones, when the words of the
   * vocabulary are known.
   */
  readonly tokenLetters?: ArrayLike<number>;
  /** Id of the mask token, if there is one. */
  readonly maskId?: number;
  /** Letters between two tokens when constant: the number of reading frames of a sequence. */
  readonly frames?: number;
  /**
   * Sequences that may share a batch: all (default), those with the same number of tokens, or none.
   */
  readonly company?: Company;
  /**
   * Number of tokens of one sequence, for batching by length. Must throw for a sequence that would
   * have to be cut.
   */
  tokens(sequence: string): number;
  /**
   * Inputs of one batch, padded to its longest sequence. Must throw for a sequence that would have
   * to be cut.
   */
  encode(sequences: readonly string[]): Feeds;
}

/** Sequences that may share a batch without affecting each other's results. */
export type Company = 'any' | 'equal' | 'none';

/**
 * A model as a graph with fixed weights: the result of an architecture file. `src/embeddings`
 * converts it to an {@link Encoder}: batching, pooling and running are the same for all.
 */
export interface FrozenModel extends TokenModel {
  readonly fingerprint: string;
  /**
   * Declares inputs and returns the hidden states 0..layers, `[rows, tokens, dimension]`, and the
   * attention mask, int64 `[rows, tokens]`. `mode` is training for fine-tuning (with the model's
   * own dropout); default: inference.
   */
  build(graph: Graph, mode?: Mode): FrozenGraph;
  /** The weight in `values` that holds the static embeddings, [vocabulary, width]. */
  readonly wordTable?: string;
  /** The classes of `scores`, and the number of tokens that every sequence must have for them. */
  readonly classifier?: { readonly classes: readonly string[]; readonly tokens: number };
  /** Weights by the names that `build` declares, including the head. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /**
   * The files that `values` refers to when weights stay in their files; a session of the graph
   * needs them.
   */
  readonly externalData?: SessionOptions['externalData'];
}

/**
 * An `.onnx` model that is run unchanged. `dimension` and `layers` are those of its config, 0 when
 * missing.
 */
export interface ExportedModel extends TokenModel {
  /** The reason why it does not support token-level queries; undefined when it does. */
  readonly refusal?: string;
  /**
   * Logits at flat positions in `[rows, tokens]`, int64: `[places, vocabulary]`. Feeds are those of
   * `encode`, with some ids hidden.
   */
  logitsAt(feeds: Feeds, places: BigInt64Array): Promise<Float32Array>;
  /** Path of the file, for callers that differentiate it. */
  readonly file: OnnxSource;
}

export interface OnnxSource {
  readonly path: string;
  readonly inputs: readonly RoleInput[];
  /** Name of the output `[rows, tokens, vocabulary]`. */
  readonly logits?: string;
  readonly externalData: SessionOptions['externalData'];
}

/** A model that supports token-level queries, if it has a head. */
export type LanguageModel = FrozenModel | ExportedModel;

export interface ModelDefinition {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  /** `control`: the same architecture with untrained weights. */
  readonly kind: 'model' | 'control';
  /**
   * Set for encoders that are baselines rather than gLMs and use the same probes: they are listed
   * with the baselines of that family.
   */
  readonly family?: 'one-hot' | 'composition';
  readonly citation: string;
  readonly licence: string;
  /** Increase when the model's numbers change. */
  readonly version: string;
  /**
   * True when loading draws random numbers (pre-training, random weights): then several seeds are
   * run.
   */
  readonly stochastic: boolean;
  /** Everything that changes the numbers; part of the cell's key. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Longest input in nucleotides; longer sequences are refused unless the model windows them. */
  readonly maxLength?: number;
  /**
   * Layers and poolings that are candidates in the choice on validation data. Default: every layer,
   * mean.
   */
  readonly representations?: (encoder: Encoder) => readonly Representation[];
  load(context: ModelContext): Promise<FrozenModel | Encoder>;
  /**
   * The same architecture with every weight drawn from its initialisation by `context.seed`, for
   * `NAME+random`. Missing when there is none.
   */
  readonly control?: (context: ModelContext) => Promise<FrozenModel>;
}

/** Declares a model plugin. Returns its argument; exists for type inference. */
export function defineModel<const T extends ModelDefinition>(definition: T): T {
  return definition;
}
