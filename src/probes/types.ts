/** What a probe is: something fitted on frozen features, its hyper-parameters chosen on validation rows only. */
import type { Matrix, Predictions, Targets, TaskKind } from '../metrics/types.ts';

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

export interface Probe {
  readonly id: string;
  readonly title: string;
  readonly citation: string;
  readonly kinds: readonly TaskKind[];
  /** True when the fit draws random numbers, so that several seeds are run. */
  readonly stochastic: boolean;
  /** 'last': fitted on the last layer's mean over tokens, as a paper's protocol has it. Default 'all': the layer is chosen on validation rows. */
  readonly layers?: 'last' | 'all';
  /** Everything that changes the numbers; part of the cell's key. */
  readonly options: Readonly<Record<string, unknown>>;
  fit(train: ProbeData, valid: ProbeData, context: ProbeContext): Promise<FittedProbe>;
}
