/**
 * The parts of the key of a cell: everything that determines its numbers. The table of all keys is
 * `core/key.ts`; embeddings, pre-trained weights and model diagnostics that a cell stores in the
 * cache folder have the same `computation` part.
 */
import { type KeyParts, keyOf } from '../../core/key.ts';
import type { AnyProbe } from '../../probes/probe.ts';
import type { Found } from '../definitions.ts';
import type { TaskDescription } from '../tasks/describe.ts';

/** Settings of a run that are part of every key. */
export interface PlanEnvironment {
  readonly device: string;
  readonly precision: string;
  readonly threads: number;
  readonly effort: number;
  /** Of the processor. */
  readonly architecture: string;
  /** Versions of this package and of the packages it imports. */
  readonly packages: Readonly<Record<string, string>>;
  /** See `CodeIdentity.code`. */
  readonly codeHash: string;
}

/** The parts of a cell's key. */
export function cellParts(
  task: TaskDescription,
  { type, definition, sourceHash }: Found<'baseline' | 'model'>,
  probe: AnyProbe | undefined,
  seed: number,
  environment: PlanEnvironment,
): KeyParts['cell'] {
  const { id, version, options } = definition;
  return {
    task: { id: task.id, hash: task.hash },
    kind: task.kind,
    metric: task.metric,
    metrics: task.metrics,
    contender: { type, id, version },
    options,
    probe: probe && { id: probe.id, options: probe.options, layers: 'fit' in probe ? probe.layers : undefined },
    seed,
    effort: environment.effort,
    computation: computationOf(environment, sourceHash),
  };
}

/** The key of code and machine for a contender whose own files hash to `plugin`. */
export function computationOf(environment: PlanEnvironment, plugin: string): string {
  const { codeHash, device, precision, threads, architecture } = environment;
  return keyOf('computation', { code: codeHash, device, precision, threads, architecture, plugin });
}
