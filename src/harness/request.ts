/**
 * From what a person asks for (a suite, ids, files, flags, objects) to definitions: which tasks, which contenders, which
 * probes, how many seeds. Whatever is not named comes from the suite, and the suite, when not named, is the default one.
 */
import { dirname, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { TaskKind } from '../core/matrix.ts';
import type { ModelDefinition } from '../models/model.ts';
import type { AnyProbe } from '../probes/probe.ts';
import type { BaselineDefinition, SuiteDefinition, TaskDefinition } from './contracts.ts';
import {
  type Found,
  findContenders,
  findModels,
  findProbe,
  findSuite,
  findTasks,
  fromObject,
  isPluginPath,
  listShipped,
} from './definitions.ts';
import { type AdhocOptions, adhocTask, adhocTaskId } from './tasks/ad-hoc-task.ts';
import type { TaskReference } from './tasks/row-cache-validity.ts';
import { findNamed } from './variants.ts';

export const DEFAULT_SUITE = 'default';

export interface ComparisonRequest {
  /** Id, file or definition. Default: the suite `default`. */
  readonly suite?: string | SuiteDefinition;
  /** Ids, files or definitions, instead of the suite's tasks. */
  readonly tasks?: readonly (string | TaskDefinition)[];
  /** A task made from files, without a plugin. */
  readonly data?: AdhocOptions;
  /** Ids, files or definitions, instead of the suite's contenders; `NAME=SPEC` gives one a name of its own. */
  readonly contenders?: readonly (string | BaselineDefinition | ModelDefinition)[];
  /** Models (ids, files, folders of a checkpoint) beside the contenders named; alone, beside the suite's baselines. */
  readonly models?: readonly string[];
  /** Probe ids, instead of the suite's. */
  readonly probes?: readonly string[];
  /** Where models of the hub were fetched to. Default: `GLM_BENCH_CACHE`, else `.cache`. */
  readonly cacheFolder?: string;
  /** Seeds of stochastic cells, instead of the suite's number. */
  readonly seeds?: number;
  /** Compute relative to the full recipes, instead of the suite's; above 0. */
  readonly effort?: number;
}

/** A task to be prepared: found by reference (in a child process), or given as an object (in this one). */
export interface RequestedTask {
  readonly id: string;
  readonly reference?: TaskReference;
  readonly definition?: TaskDefinition;
}

export interface Comparison {
  /** The suite's; absent for tasks of one's own. */
  readonly title?: string;
  readonly tasks: readonly RequestedTask[];
  readonly contenders: readonly Found<'baseline' | 'model'>[];
  readonly probes: readonly AnyProbe[];
  /** What a model gets where no probe is named; present where there are models. */
  readonly defaultProbe?: (kind: TaskKind) => AnyProbe;
  readonly seeds: number;
  readonly effort: number;
}

/** Finds everything that was asked for. Throws a {@link UsageError} for what does not exist. */
export async function resolveComparison(request: ComparisonRequest): Promise<Comparison> {
  if (request.seeds !== undefined && !(Number.isInteger(request.seeds) && request.seeds >= 1)) {
    throw new UsageError(`seeds must be a whole number of at least 1, not ${request.seeds}`);
  }
  if (request.effort !== undefined && !(request.effort > 0 && Number.isFinite(request.effort))) {
    throw new UsageError(`effort must be a number above 0, not ${request.effort}`);
  }
  const ownTasks = request.tasks !== undefined || request.data !== undefined;
  const named = await namedTasks(request);
  const needsSuite = request.suite !== undefined || !ownTasks || request.contenders === undefined;
  const suite = needsSuite ? await suiteOf(request.suite) : await shippedDefault();
  const contenders = await resolveContenders(request, suite);
  const needsProbes = contenders.some(({ type }) => type === 'model');
  const probeIds = needsProbes ? (request.probes ?? suite?.probes ?? []) : [];
  const tasks = ownTasks ? named : await namedTasks({ tasks: suite?.tasks });
  return {
    title: ownTasks ? undefined : suite?.title,
    tasks,
    contenders,
    probes: await Promise.all([...new Set(probeIds)].map(findProbe)),
    defaultProbe: needsProbes ? (await import('../catalog/probes.ts')).defaultProbe : undefined,
    seeds: request.seeds ?? suite?.seeds ?? 1,
    effort: request.effort ?? (ownTasks && request.suite === undefined ? 1 : (suite?.effort ?? 1)),
  };
}

async function suiteOf(suite: string | SuiteDefinition | undefined): Promise<SuiteDefinition> {
  if (typeof suite === 'object') return suite;
  const { definition, file } = await findSuite(suite ?? DEFAULT_SUITE);
  if (file === undefined) return definition;
  // Paths inside a suite are relative to its file, so that it means the same wherever one stands.
  const placed = (specs: readonly string[]) =>
    specs.map((spec) => (isPluginPath(spec) ? resolve(dirname(file), spec) : spec));
  return { ...definition, tasks: placed(definition.tasks), contenders: placed(definition.contenders) };
}

/** The default suite for what remains open (seeds, probes), where one ships. */
async function shippedDefault(): Promise<SuiteDefinition | undefined> {
  return (await listShipped('suite')).find(({ definition }) => definition.id === DEFAULT_SUITE)?.definition;
}

async function namedTasks(request: Pick<ComparisonRequest, 'tasks' | 'data'>): Promise<RequestedTask[]> {
  const tasks: RequestedTask[] = [];
  for (const task of request.tasks ?? []) {
    if (typeof task === 'object') {
      tasks.push({ id: task.id, definition: fromObject('task', task).definition });
      continue;
    }
    for (const { definition, file, sourceHash } of await findTasks(task)) {
      tasks.push({ id: definition.id, reference: { type: 'plugin', file: file!, id: definition.id, sourceHash } });
    }
  }
  if (request.data) {
    // Checked here, so that a wrong flag is told before any process is started.
    if (request.data.kind !== undefined) await adhocTask({ ...request.data, positive: undefined });
    tasks.push({ id: adhocTaskId(request.data), reference: { type: 'adhoc', options: request.data } });
  }
  return distinct(tasks, (task) => JSON.stringify([task.reference ?? task.id]));
}

async function resolveContenders(
  request: ComparisonRequest,
  suite: SuiteDefinition | undefined,
): Promise<Found<'baseline' | 'model'>[]> {
  const named = request.contenders ?? suite?.contenders ?? [];
  const found: Found<'baseline' | 'model'>[] = [];
  for (const contender of named) {
    if (typeof contender === 'string') found.push(...(await findNamed(contender, findContenders)));
    else if ('fit' in contender) found.push(fromObject('baseline', contender));
    else found.push(fromObject('model', contender));
  }
  const baselinesOnly = request.contenders === undefined && request.models !== undefined;
  const kept = baselinesOnly ? found.filter(isBaseline) : found;
  for (const model of request.models ?? []) {
    kept.push(...(await findNamed(model, (spec) => findModels(spec, request.cacheFolder))));
  }
  return distinct(kept, ({ definition, file }) => `${file ?? ''}#${definition.id}`);
}

/** A baseline, or an encoder that stands with the baselines (`ModelDefinition.family`). */
function isBaseline({ type, definition }: Found<'baseline' | 'model'>): boolean {
  return type === 'baseline' || (definition as Found<'model'>['definition']).family !== undefined;
}

function distinct<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}
