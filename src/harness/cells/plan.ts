/**
 * From tasks and contenders to cells, each with the key that its result is stored under: sha256 over everything that
 * determines its numbers. What never runs (a baseline that cannot do a kind of task) is listed with the reason.
 */

import { sep } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { hashJson } from '../../core/files.ts';
import { keyOf } from '../../core/key.ts';
import type { AnyProbe } from '../../probes/probe.ts';
import type { Found } from '../definitions.ts';
import type { TaskDescription } from '../tasks/describe.ts';
import type { TaskReference } from '../tasks/row-cache-validity.ts';
import type { ManifestCell } from './identity.ts';
import { cellParts, type PlanEnvironment } from './key.ts';
import { PACKAGE_ROOT } from './source-hash.ts';

/** A described task and how to get at its rows. */
export interface PlannedTask {
  readonly description: TaskDescription;
  /** Absent for tasks handed over as objects. */
  readonly reference?: TaskReference;
}

export interface Cell {
  readonly key: string;
  readonly task: PlannedTask;
  readonly contender: Found<'baseline' | 'model'>;
  /** Probe id; "none" for baselines. */
  readonly probe: string;
  readonly seed: number;
  /** Whether other seeds give other predictions. */
  readonly stochastic: boolean;
}

export interface Plan {
  readonly cells: readonly Cell[];
  /** Combinations that do not apply, in words. */
  readonly skipped: readonly string[];
}

export interface PlanRequest {
  readonly tasks: readonly PlannedTask[];
  readonly contenders: readonly Found<'baseline' | 'model'>[];
  /** Used with models only. */
  readonly probes: readonly AnyProbe[];
  /** What a model gets where no probe is named. */
  readonly defaultProbe?: (kind: TaskDescription['kind']) => AnyProbe;
  readonly seeds: number;
  readonly environment: PlanEnvironment;
}

/** Plans every cell, task by task. Throws where ids clash or where nothing is left to run. */
export function planCells(request: PlanRequest): Plan {
  const { tasks, contenders, seeds, environment } = request;
  refuseTwice(
    'task',
    tasks.map(({ description, reference }) => ({ id: description.id, place: placeOf(reference) })),
    'Results are named by id. Rename the task in its plugin; for --data, add --task-id NAME.',
  );
  refuseTwice(
    'contender',
    contenders.map(({ definition, file }) => ({ id: definition.id, place: file })),
    'Results are named by id. Give one of them a name of its own: --contender NAME=PATH or --model NAME=PATH.',
  );
  const cells: Cell[] = [];
  const skipped: string[] = [];
  for (const task of tasks) {
    const { id, kind } = task.description;
    const probes = request.probes.length === 0 && request.defaultProbe ? [request.defaultProbe(kind)] : request.probes;
    for (const contender of contenders) {
      for (const { probe, stochastic } of waysToRun(contender, kind, probes, (why) => skipped.push(`${id}: ${why}`))) {
        for (let seed = 0; seed < (stochastic ? seeds : 1); seed++) {
          const determinants = cellParts(task.description, contender, probe, seed, environment);
          cells.push({
            key: keyOf('cell', determinants),
            task,
            contender,
            probe: probe?.id ?? 'none',
            seed,
            stochastic,
          });
        }
      }
    }
  }
  if (cells.length === 0) throw new UsageError(`Nothing to run. ${skipped.join('; ')}`);
  return { cells, skipped };
}

function waysToRun(
  contender: Found<'baseline' | 'model'>,
  kind: TaskDescription['kind'],
  probes: readonly AnyProbe[],
  skip: (why: string) => void,
): { probe?: AnyProbe; stochastic: boolean }[] {
  if (contender.type === 'baseline') {
    const { id, kinds, stochastic } = (contender as Found<'baseline'>).definition;
    if (kinds.includes(kind)) return [{ stochastic }];
    skip(`baseline ${id} does not do ${kind} tasks`);
    return [];
  }
  const { id, stochastic, family } = contender.definition as Found<'model'>['definition'];
  const fitting = probes.filter(({ kinds }) => kinds.includes(kind));
  if (fitting.length === 0)
    skip(`model ${id}: none of the probes (${probes.map((p) => p.id).join(', ')}) does ${kind} tasks`);
  return fitting.flatMap((probe) => {
    if (family === undefined || 'fit' in probe) return [{ probe, stochastic: stochastic || probe.stochastic }];
    skip(`model ${id}: it is no network that the probe ${probe.id} could train`);
    return [];
  });
}

function placeOf(reference: TaskReference | undefined): string | undefined {
  if (reference === undefined) return undefined;
  return reference.type === 'plugin' ? reference.file : reference.options.data;
}

function refuseTwice(
  what: string,
  items: readonly { readonly id: string; readonly place?: string }[],
  remedy: string,
): void {
  const twice = items.find(({ id }, i) => items.findIndex((other) => other.id === id) !== i);
  if (twice === undefined) return;
  const places = items.filter(({ id }) => id === twice.id).flatMap(({ place }) => place ?? []);
  const where = places.length > 1 ? `: ${places.join(', ')}` : '';
  throw new UsageError(`Two different ${what}s have the id "${twice.id}"${where}`, remedy);
}

/** Parts of a path that are kept: enough for a label, and no more of a user's folders. */
const PATH_PARTS = 3;

/** The manifest's entry for a planned cell. */
export function manifestCell({ key, task, contender, probe, seed }: Cell, environment: PlanEnvironment): ManifestCell {
  const { device, precision, threads, effort, packages, codeHash } = environment;
  const { definition, file, isModelPath, sourceHash } = contender;
  const own = file === undefined || file.startsWith(PACKAGE_ROOT);
  return {
    key,
    task: task.description.id,
    taskHash: task.description.hash,
    contender: definition.id,
    probe,
    seed,
    origin: {
      settings: { device, precision, threads, effort },
      options: hashJson(definition.options),
      ...(own && !isModelPath ? {} : { path: file!.split(sep).slice(-PATH_PARTS).join('/') }),
      ...(isModelPath ? { files: sourceHash } : {}),
      code: hashJson({ packages, codeHash }),
      source: hashJson({ version: definition.version, plugin: isModelPath ? '' : sourceHash }),
    },
  };
}
