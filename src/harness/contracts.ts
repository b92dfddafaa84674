/**
 * The nouns a plugin author meets: task, baseline, suite; and what the harness hands to each.
 * Models and probes have their own contracts in `src/models/model.ts` and `src/probes/probe.ts`.
 */
import type { Predictions, Targets, TaskKind } from '../core/matrix.ts';
import type { MetricName } from '../metrics/metric.ts';
import type { AlphabetPolicy, LabelledSequence, SplitName, SplitPolicy } from '../sequences/labelled-sequence.ts';
import type { OnBadRow, SkippedRow } from '../sequences/row-faults.ts';

export type { AlphabetPolicy, SplitPolicy };

export interface TaskContext {
  /** Folder with real data sets (`--data-folder` or GLM_BENCH_DATA); undefined when none was given. */
  readonly dataFolder?: string;
  /** True only when the user asked for downloads (`--download`). */
  readonly allowDownload: boolean;
  /** Where downloads and derived files are kept. */
  readonly cacheFolder: string;
  /**
   * While `load` runs: a sentence for the task's card, say how many rows of the files are left out and why. Kept in the order
   * told, with the task's record; a task that tells nothing has none. Absent where nobody listens.
   */
  readonly note?: (line: string) => void;
  /** While `load` runs: a row of the files that is left out, with its place and the reason; kept with the task's record. */
  readonly skip?: (row: SkippedRow) => void;
}

export interface TaskDefinition {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly kind: TaskKind;
  /** Primary metric: the one on the leaderboard and the one that hyper-parameters are chosen by. */
  readonly metric: MetricName;
  /** Further metrics to store; by default every metric of the kind is stored. */
  readonly metrics?: readonly MetricName[];
  /** Class or label names in index order (binary: negative first). Default: sorted as found in the training rows. */
  readonly classes?: readonly string[];
  readonly citation: string;
  readonly licence: string;
  readonly url?: string;
  readonly split?: SplitPolicy;
  readonly alphabet?: AlphabetPolicy;
  /** A row whose letters the alphabet policy refuses: an error (default), or skipped, counted and listed. */
  readonly onBadRow?: OnBadRow;
  /**
   * Id of another task, whose primary score the report sets beside this one's in a table with their harmonic mean, contender by
   * contender: for clustering, the open-world task of the same collection. Both scores must be better the larger they are.
   */
  readonly harmonicWith?: string;
  /** Raise when the data it yields change in a way their hash does not show. */
  readonly version?: string;
  /**
   * True for seeded generators: the rows depend on nothing but the plugin's code, so that their hash is remembered between
   * runs. For data read from files the files' size and time are watched instead (rows carry `source`).
   */
  readonly generated?: boolean;
  /** Every row, in a stable order. Rows may carry their split; those that do not are divided by `split`. */
  load(context: TaskContext): Promise<readonly LabelledSequence[]>;
}

/** One split of a prepared task: parallel arrays. */
export interface SplitData {
  readonly ids: readonly string[];
  /** Where each row was read ("train.csv:17"), for messages; absent for tasks that were not read from files. */
  readonly places?: readonly string[];
  readonly sequences: readonly string[];
  readonly targets: Targets;
  /** What a row has in common with others (the species, for barcodes), or its label; '' where it has neither. */
  readonly groups: readonly string[];
}

/** A task whose rows are read, checked, split and encoded. `valid` is always present (cut from train where absent). */
export interface PreparedTask {
  readonly definition: TaskDefinition;
  readonly classes: readonly string[];
  /** Classes, labels or regression targets: the width of predictions. */
  readonly outputs: number;
  readonly splits: Readonly<Record<SplitName, SplitData>>;
  /** sha256 over the task's id, kind and metrics and over every row's id, sequence, label and split. */
  readonly hash: string;
}

export interface FitContext {
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  /** Compute relative to the full recipe: training rows, steps and tokens are multiplied by it. 1 is full strength. */
  readonly effort: number;
  readonly cacheFolder: string;
  /** Larger is better; on validation rows only. */
  readonly validationScore: (targets: Targets, predictions: Predictions) => number;
  readonly progress: (fraction: number, message: string) => void;
}

export interface FittedBaseline {
  predict(sequences: readonly string[]): Promise<Predictions>;
  /** Score on the validation rows with the setting chosen. */
  readonly validationScore: number;
  /** Chosen hyper-parameters, learning curve, number of parameters: plain JSON, stored with the result. */
  readonly details: Readonly<Record<string, unknown>>;
  dispose?(): Promise<void>;
}

/** What a baseline may see while it is fitted: training and validation rows, never test rows. */
export type FitTask = Pick<PreparedTask, 'definition' | 'classes' | 'outputs'> & {
  readonly train: SplitData;
  readonly valid: SplitData;
};

export interface BaselineDefinition {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly citation: string;
  /** `one-hot` baselines compete for the headline reference; `composition` and `chance` are shown beside them. */
  readonly family: 'one-hot' | 'composition' | 'chance';
  readonly kinds: readonly TaskKind[];
  /** Raise when the numbers it gives change. */
  readonly version: string;
  /** True when fitting draws random numbers: then several seeds are run. */
  readonly stochastic: boolean;
  /** Everything that changes the numbers; part of the cell's key. */
  readonly options: Readonly<Record<string, unknown>>;
  fit(task: FitTask, context: FitContext): Promise<FittedBaseline>;
}

/** A named set of tasks x contenders x probes. Entries are ids of the registry or paths of plugin files. */
export interface SuiteDefinition {
  readonly id: string;
  readonly title: string;
  readonly tasks: readonly string[];
  readonly contenders: readonly string[];
  readonly probes: readonly string[];
  /** How many seeds stochastic cells are run with. */
  readonly seeds: number;
  /** Compute relative to the full recipes; default 1. */
  readonly effort?: number;
}

/** Declares a task plugin. Returns its argument; exists for type inference. */
export function defineTask<const T extends TaskDefinition>(definition: T): T {
  return definition;
}
/** Declares a baseline plugin. Returns its argument; exists for type inference. */
export function defineBaseline<const T extends BaselineDefinition>(definition: T): T {
  return definition;
}
/** Declares a suite. Returns its argument; exists for type inference. */
export function defineSuite<const T extends SuiteDefinition>(definition: T): T {
  return definition;
}
