/** What a model is to the harness: something that turns sequences into frozen vectors, layer by layer. */
import type { Matrix } from '../core/matrix.ts';
import type { ConstantData, Graph, Tensor } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import type { SessionOptions } from '../runtime/session.ts';
import type { Feeds } from '../runtime/training/network.ts';
import type { Coverage, UnknownToken } from './coverage.ts';
import type { RoleInput } from './exports/settings.ts';

/**
 * How token vectors of one sequence become one vector, always under the attention mask. `frames`: the mean over all reading frames of the
 * sequence (begun at its first letter, its second, ... up to the letters between two tokens) of the mean over tokens.
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
  /** Where artefacts (pre-trained weights, embeddings) are kept between runs. */
  readonly cacheFolder: string;
  /** Unlabelled sequences that a model may pre-train on: the task's training split, never validation or test. */
  readonly unlabelled: readonly string[];
  /** Hash of `unlabelled`, part of any artefact's key. */
  readonly unlabelledHash: string;
  /**
   * The training rows that carry a label, for encoders that learn from labels: the row's group (species, for barcodes) where it has one,
   * else its label. Never validation or test rows.
   */
  readonly supervised?: {
    readonly sequences: readonly string[];
    readonly labels: readonly string[];
    readonly hash: string;
  };
  /**
   * Hash of the code and machine that numbers depend on: source, packages, device, precision,
   * threads and the model's own files. It is part of the key of every artefact.
   */
  readonly codeHash: string;
  /** Nucleotides of the longest sequence that will be embedded, in any split: a model makes room for it. */
  readonly longestSequence: number;
  /** The model is only run, never tuned: its weights may stay in their files, from where the runtime maps them. Default false. */
  readonly mapWeights?: boolean;
  readonly progress: (fraction: number, message: string) => void;
}

/** How much a model reads at once. A missing field means that the number is not known or not fixed. */
export interface InputLimits {
  /** Letters from one token to the next, when that is one number. */
  readonly nucleotidesPerToken?: number;
  /** Longest sequence in letters. */
  readonly maxNucleotides?: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxTokens?: number;
}

export interface Encoder {
  /** 0 for an export that gives logits alone: `embed` says so. */
  readonly dimension: number;
  /** Number of blocks; representations 0..layers can be asked for. */
  readonly layers: number;
  /** sha256 over architecture, configuration and weights: names the embeddings it yields. */
  readonly fingerprint: string;
  /** For display only, no code may depend on it. Facts for the model card: parameters, tokenizer, nucleotides per token, pre-training loss... Plain JSON. */
  readonly card: Readonly<Record<string, unknown>>;
  /** Default: nothing is known. */
  readonly limits?: InputLimits;
  /** How much of a sequence is read. Missing: not known. Throws for a sequence that the model would have to cut. */
  readonly coverage?: (sequence: string) => Coverage;
  readonly unknown?: UnknownToken;
  readonly notices?: readonly string[];
  /** The model that is run, in float32, where its tokens can be asked about. */
  readonly model?: FrozenModel;
  /** The same where it is run as it was exported. */
  readonly exported?: ExportedModel;
  /**
   * Tokens of one sequence that pooling sees. Throws for a sequence that the model would have to cut. Missing where an encoder reads no tokens, or cuts
   * none: then it can't be run in windows.
   */
  pooledTokens?(sequence: string): number;
  /** One `[sequences, dimension]` float32 matrix per representation asked for, rows in the order given. */
  embed(
    sequences: readonly string[],
    representations: readonly Representation[],
    progress?: (fraction: number, message: string) => void,
  ): Promise<Matrix[]>;
  dispose(): Promise<void>;
}

/** What a frozen model declares in a graph. */
export interface FrozenGraph {
  /** 0..layers, each `[rows, tokens, dimension]`. */
  readonly hiddenStates: readonly Tensor[];
  /** int64 `[rows, tokens]` */
  readonly attentionMask: Tensor;
  /** Vocabulary logits of rows of the last hidden state, `[m, dimension]` -> `[m, vocabulary]`. Missing where the weights came without a head. */
  readonly logits?: (vectors: Tensor) => Tensor;
  /** Probabilities by the checkpoint's own classifier, where its weights came with one: last hidden state [rows, tokens, dimension], without padding -> [rows, classes]. */
  readonly scores?: (hidden: Tensor) => Tensor;
}

/** How a model reads letters, and what its head predicts. */
export interface TokenModel {
  readonly label: string;
  readonly dimension: number;
  readonly layers: number;
  /** For display only, no code may depend on it. */
  readonly card: Readonly<Record<string, unknown>>;
  /** Default: nothing is known. */
  readonly limits?: InputLimits;
  /** How much of a sequence is read. Missing: not known. Throws for a sequence that the model would have to cut. */
  readonly coverage?: (sequence: string) => Coverage;
  readonly unknown?: UnknownToken;
  /** Number of weights. */
  readonly parameterCount?: number;
  /** Disagreements between the model's files that were resolved, for people. */
  readonly notices?: readonly string[];
  /** What the head predicts: hidden tokens from both sides, or the next token. */
  readonly reads?: 'masked' | 'causal';
  /** Rows of the word table and columns of the logits; ids of special tokens included. */
  readonly vocabularySize?: number;
  /** The columns of the logits where these are ordinary tokens only: column c is the id `firstId + c`. Default: column c is id c. */
  readonly classes?: { readonly firstId: number; readonly count: number };
  /** `[vocabulary]` letters that a token has, 0 for special ones, where the words of the vocabulary are known. */
  readonly tokenLetters?: ArrayLike<number>;
  /** Id of the token that stands for a hidden one, where there is such a token. */
  readonly maskId?: number;
  /** Letters between two tokens where that is one number: how many reading frames a sequence has. */
  readonly frames?: number;
  /** Sequences that may share a batch: all (default), those of equally many tokens, or none. */
  readonly company?: Company;
  /** Tokens of one sequence, for batching by length. Must throw for a sequence it would have to cut. */
  tokens(sequence: string): number;
  /** Inputs of one batch, padded to its longest sequence. Must throw for a sequence it would have to cut. */
  encode(sequences: readonly string[]): Feeds;
}

/** Sequences that may share a batch without changing what a model gives for each other. */
export type Company = 'any' | 'equal' | 'none';

/**
 * A model as a graph with fixed weights: what an architecture file yields. `src/embeddings` turns it into an {@link Encoder}:
 * batching, pooling and running are the same for all.
 */
export interface FrozenModel extends TokenModel {
  readonly fingerprint: string;
  /**
   * Declares inputs and returns the hidden states 0..layers, `[rows, tokens, dimension]`, and the attention mask, int64 `[rows, tokens]`.
   * `mode` is training when the weights are tuned (then the model's own dropout applies); default: inference.
   */
  build(graph: Graph, mode?: Mode): FrozenGraph;
  /** The weight in `values` that holds the static embeddings, [vocabulary, width]. */
  readonly wordTable?: string;
  /** The classes of `scores`, and the tokens that every sequence must make for them. */
  readonly classifier?: { readonly classes: readonly string[]; readonly tokens: number };
  /** Weights by the names `build` declares, those of the head too. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /** The files that `values` points into where weights stay in their files; a session of the graph needs them. */
  readonly externalData?: SessionOptions['externalData'];
}

/** An `.onnx` model that is run as it is. `dimension` and `layers` are as its config says, 0 where it doesn't. */
export interface ExportedModel extends TokenModel {
  /** Why it can't be asked about tokens; undefined where it can. */
  readonly refusal?: string;
  /** Logits at flat places in `[rows, tokens]`, int64: `[places, vocabulary]`. Feeds are those of `encode`, some ids hidden. */
  logitsAt(feeds: Feeds, places: BigInt64Array): Promise<Float32Array>;
  /** The file, for those who differentiate it. */
  readonly file: OnnxSource;
}

export interface OnnxSource {
  readonly path: string;
  readonly inputs: readonly RoleInput[];
  /** Name of the output `[rows, tokens, vocabulary]`. */
  readonly logits?: string;
  readonly externalData: SessionOptions['externalData'];
}

/** A model that can be asked about tokens, where it has a head. */
export type LanguageModel = FrozenModel | ExportedModel;

export interface ModelDefinition {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  /** `control`: the same architecture with weights that have learned nothing. */
  readonly kind: 'model' | 'control';
  /** Set for encoders that are no gLM but baselines to be run under the same probes: they stand with the baselines of that family. */
  readonly family?: 'one-hot' | 'composition';
  readonly citation: string;
  readonly licence: string;
  /** Raise when the numbers it gives change. */
  readonly version: string;
  /** True when loading draws random numbers (pre-training, random weights): then several seeds are run. */
  readonly stochastic: boolean;
  /** Everything that changes the numbers; part of the cell's key. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Longest input in nucleotides; longer sequences are refused unless the model windows them. */
  readonly maxLength?: number;
  /** Which layers and poolings are offered to the choice on validation data. Default: every layer, mean. */
  readonly representations?: (encoder: Encoder) => readonly Representation[];
  load(context: ModelContext): Promise<FrozenModel | Encoder>;
  /** The same architecture with every weight drawn from its own initialisation by `context.seed`: what `NAME+random` runs. Missing where there is none. */
  readonly control?: (context: ModelContext) => Promise<FrozenModel>;
}

/** Declares a model plugin. Returns its argument; exists for type inference. */
export function defineModel<const T extends ModelDefinition>(definition: T): T {
  return definition;
}
