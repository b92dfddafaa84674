/**
 * What a probe is: something fitted on frozen features, its hyper-parameters chosen on validation rows only. A further sort, the
 * {@link ModelProbe}, is handed the model itself and trains its weights too.
 */
import type { Matrix, Predictions, Targets, TaskKind } from '../core/matrix.ts';
import type { ConstantData, Graph, Tensor } from '../onnx/graph.ts';
import type { Mode } from '../onnx/layers/dropout.ts';
import type { Feeds } from '../runtime/training/network.ts';

export interface ProbeData {
  /** `[rows, dim]` frozen features, float32. */
  readonly features: Matrix;
  readonly targets: Targets;
}

export interface ProbeContext {
  readonly kind: TaskKind;
  /** Number of classes (binary: 2), labels (multilabel) or regression targets. */
  readonly outputs: number;
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  /** Compute relative to the full recipe: epochs are multiplied by it. Default 1, full strength. */
  readonly effort?: number;
  /** Larger is better. Called on the validation rows to choose hyper-parameters. */
  readonly validationScore: (targets: Targets, predictions: Predictions) => number;
  readonly progress: (fraction: number, message: string) => void;
}

export interface FittedProbe {
  predict(features: Matrix): Promise<Predictions>;
  /** Score of the chosen setting on the validation rows. */
  readonly validationScore: number;
  /** Chosen hyper-parameters, path of scores, iterations, objective: plain JSON, stored with the result. */
  readonly details: Readonly<Record<string, unknown>>;
  dispose?(): Promise<void>;
}

interface ProbeDescription {
  readonly id: string;
  readonly title: string;
  readonly citation: string;
  readonly kinds: readonly TaskKind[];
  /** True when the fit draws random numbers, so that several seeds are run. */
  readonly stochastic: boolean;
  /** Everything that changes the numbers; part of the cell's key. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface Probe extends ProbeDescription {
  /** 'last': fitted on the last layer's mean over tokens, as a paper's protocol has it. Default 'all': the layer is chosen on validation rows. */
  readonly layers?: 'last' | 'all';
  fit(train: ProbeData, valid: ProbeData, context: ProbeContext): Promise<FittedProbe>;
}

/** A network whose weights can be trained further. Structurally what `FrozenModel` of `src/models` is. */
export interface TunableModel {
  /** Named in errors. */
  readonly label: string;
  readonly dimension: number;
  /**
   * Declares inputs and returns the hidden states 0..layers, `[rows, tokens, dimension]`, and the attention mask, int64
   * `[rows, tokens]`. `mode` says whether dropout applies; default: inference.
   */
  build(graph: Graph, mode?: Mode): { readonly hiddenStates: readonly Tensor[]; readonly attentionMask: Tensor };
  /** Weights by the names `build` declares. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /** Tokens of one sequence. Throws for a sequence it would have to cut. */
  tokens(sequence: string): number;
  /** Inputs of one batch, padded to its longest sequence. */
  encode(sequences: readonly string[]): Feeds;
}

export interface SequenceData {
  readonly sequences: readonly string[];
  readonly targets: Targets;
}

export interface TunedModel {
  predict(sequences: readonly string[]): Promise<Predictions>;
  /** Score of the weights kept on the validation rows. */
  readonly validationScore: number;
  /** Plain JSON, stored with the result; `history` is drawn as a learning curve. */
  readonly details: Readonly<Record<string, unknown>>;
  dispose?(): Promise<void>;
}

/** A probe that trains the model too: it wants sequences rather than features, and a network rather than an encoder that is a black box. */
export interface ModelProbe extends ProbeDescription {
  tune(model: TunableModel, train: SequenceData, valid: SequenceData, context: ProbeContext): Promise<TunedModel>;
}

export type AnyProbe = Probe | ModelProbe;
