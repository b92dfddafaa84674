/**
 * The keys of everything that is stored and found again. Every kind of stored thing has a row in
 * {@link KeyParts} with the named parts that determine its numbers; a key is the sha256 of its kind
 * and parts. No other file makes a key. Titles, citations and display cards are never parts.
 *
 * `computation` stands for the code and the machine: see `KeyParts.computation`.
 */
import { hashJson } from './files.ts';

export interface KeyParts {
  /** Code and machine: equal for two runs that give the same numbers. */
  readonly computation: {
    /** sha256 over the import closure of the module that computes, and all packages it needs. */
    readonly code: string;
    readonly device: string;
    readonly precision: string;
    readonly threads: number;
    /** Of the processor: x64 and arm64 round differently. */
    readonly architecture: string;
    /** sha256 over the files of a plugin or a model; empty for what ships with the package. */
    readonly plugin: string;
  };
  /** The result of one contender on one task with one seed. */
  readonly cell: {
    readonly task: { readonly id: string; readonly hash: string };
    readonly kind: string;
    readonly metric: string;
    readonly metrics: readonly string[] | undefined;
    readonly contender: { readonly type: string; readonly id: string; readonly version: string };
    readonly options: unknown;
    readonly probe: unknown;
    readonly seed: number;
    readonly effort: number;
    readonly computation: string;
  };
  /** Vectors of one representation of a model for a list of sequences. */
  readonly embedding: {
    readonly fingerprint: string;
    readonly sequences: string;
    readonly layer: number;
    readonly pooling: string;
    readonly computation: string;
  };
  /** Weights that a model was pre-trained to within a run. */
  readonly pretraining: {
    readonly config: unknown;
    readonly seed: number;
    readonly corpus: string;
    readonly computation: string;
  };
  /** Weights of an encoder that was trained with labels within a run. */
  readonly supervisedEncoder: {
    readonly recipe: unknown;
    readonly seed: number;
    readonly labelled: string;
    readonly computation: string;
  };
  /** Diagnostics of a model on sequences of a task. */
  readonly modelDiagnostics: {
    readonly fingerprint: string;
    readonly windows: readonly string[];
    readonly seed: number;
    readonly computation: string;
  };
  /** Diagnostics of an ensemble on a corpus. */
  readonly ensembleDiagnostics: {
    readonly schema: string;
    readonly fingerprints: readonly string[];
    readonly corpus: string;
    readonly sequences: number;
    readonly seed: number;
    readonly computation: string;
  };
  /** The description and the rows of a task as they were read from its files. */
  readonly taskRows: {
    readonly reference: unknown;
    readonly dataFolder: string | undefined;
    readonly code: string;
    readonly folder: string;
  };
}

/** sha256, 64 hexadecimal digits. */
export function keyOf<K extends keyof KeyParts>(kind: K, parts: KeyParts[K]): string {
  return hashJson({ kind, ...parts });
}
