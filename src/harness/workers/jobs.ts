/**
 * What child processes do for a run: prepare and describe a task, run a cell. Each process keeps the tasks it prepared last and
 * the embeddings it made last, because cells of one task, and probes of one model, follow each other.
 */

import { UsageError } from '../../core/errors.ts';
import { LruCache } from '../../core/lru-cache.ts';
import type { Variant } from '../../embeddings/variant.ts';
import { type CellOutcome, type EmbeddedTask, embedTask, runBaseline, runModelProbe, runProbe } from '../cells/cell.ts';
import { computationOf, type PlanEnvironment } from '../cells/key.ts';
import type { TaskContext, TaskDefinition } from '../contracts.ts';
import { type Found, findContenders, findProbe, loadPluginFile, modelAt } from '../definitions.ts';
import { openStore } from '../store/store.ts';
import { adhocTask } from '../tasks/ad-hoc-task.ts';
import { describeTask, rememberDescription, type TaskDescription } from '../tasks/describe.ts';
import { type PreparedRows, prepareTask, taskRecord } from '../tasks/prepare.ts';
import { prepareKept } from '../tasks/row-cache.ts';
import type { TaskReference } from '../tasks/row-cache-validity.ts';
import { nameContender, runAs } from '../variants.ts';

type Progress = (fraction: number, message: string) => void;

/** Where a child process finds a contender again. Plain JSON. */
export type ContenderReference = (
  | { readonly type: 'plugin'; readonly file: string; readonly id: string }
  | { readonly type: 'path'; readonly path: string }
  | { readonly type: 'shipped'; readonly id: string }
) & {
  /** How a model is run; absent: as it is. */
  readonly variant?: Variant;
  /** The name that the user gave it. */
  readonly name?: string;
};

export interface DescribeRequest {
  readonly task: TaskReference;
  readonly context: TaskContext;
  /** Results folder to store the task's record in, audit included. */
  readonly out?: string;
}

/** A description, or what is wrong with the input. */
export type DescribeReply =
  | { readonly description: TaskDescription }
  | { readonly problem: string; readonly hint?: string };

export interface CellRequest {
  readonly task: TaskReference;
  readonly context: TaskContext;
  /** The task's hash when the plan was made. */
  readonly hash: string;
  readonly contender: ContenderReference;
  readonly probe: string;
  readonly seed: number;
  readonly environment: PlanEnvironment;
}

const tasks = new LruCache<Promise<PreparedRows>>(2);
/** Rows of tasks that were given as objects, by the object and the context. */
const objects = new WeakMap<TaskDefinition, LruCache<Promise<PreparedRows>>>();
const embeddings = new LruCache<Promise<EmbeddedTask>>(1);

/** The definition a reference means. */
export async function loadTask(reference: TaskReference): Promise<TaskDefinition> {
  if (reference.type === 'adhoc') return adhocTask(reference.options);
  const found = (await loadPluginFile(reference.file)).find(
    (item): item is Found<'task'> => item.type === 'task' && item.definition.id === reference.id,
  );
  if (!found) throw new UsageError(`${reference.file}: the task "${reference.id}" is gone`);
  return found.definition;
}

async function prepared(reference: TaskReference, context: TaskContext): Promise<PreparedRows> {
  const key = JSON.stringify([reference, context]);
  return tasks.get(key, async () => prepareKept(await loadTask(reference), reference, context));
}

/** Reads the rows of an object once for all of its cells. */
async function preparedObject(task: TaskDefinition, context: TaskContext, hash: string): Promise<PreparedRows> {
  const kept = objects.get(task) ?? new LruCache<Promise<PreparedRows>>(1);
  objects.set(task, kept);
  const { dataFolder, cacheFolder } = context;
  return kept.get(JSON.stringify([hash, dataFolder, cacheFolder]), () => prepareTask(task, context));
}

const CHANGED_DATA = "the task's data changed while the run was under way; run again";

async function loadContender({
  variant,
  name,
  ...reference
}: ContenderReference): Promise<Found<'baseline' | 'model'>> {
  const plain = await loadPlain(reference);
  const found = name === undefined ? plain : nameContender(plain, name);
  return variant ? runAs(found, variant) : found;
}

async function loadPlain(reference: ContenderReference): Promise<Found<'baseline' | 'model'>> {
  if (reference.type === 'path') return modelAt(reference.path);
  const found = reference.type === 'plugin' ? await loadPluginFile(reference.file) : await findContenders(reference.id);
  const wanted = found.find(
    (item): item is Found<'baseline' | 'model'> =>
      (item.type === 'baseline' || item.type === 'model') && item.definition.id === reference.id,
  );
  if (!wanted) throw new Error(`The contender "${reference.id}" is gone`);
  return wanted;
}

/** Prepares a task, remembers its description, and stores its record where `out` is given. */
export async function describeTaskJob(request: DescribeRequest, progress: Progress): Promise<DescribeReply> {
  try {
    progress(0, 'prepare');
    const task = await prepared(request.task, request.context);
    await rememberDescription(request.task, request.context, task);
    if (request.out !== undefined) {
      progress(0.5, 'audit');
      const store = await openStore(request.out);
      if (!(await store.hasTask(task.hash))) await store.writeTask(taskRecord(task), task.splits.test.targets);
    }
    return { description: describeTask(task) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof UsageError) return { problem: error.message, hint: error.hint };
    const where = request.task.type === 'plugin' ? `task ${request.task.id}: ` : '';
    return { problem: `${where}${error.message}` };
  }
}

/** An outcome and the seconds it took, reading the task's data and starting the process not counted. */
export type TimedOutcome = CellOutcome & { readonly seconds: number };

/** Runs one cell. */
export async function runCellJob(request: CellRequest, progress: Progress): Promise<TimedOutcome> {
  progress(0, 'prepare');
  const task = await prepared(request.task, request.context);
  if (task.hash !== request.hash) throw new Error(CHANGED_DATA);
  return runCell(task, await loadContender(request.contender), request, progress);
}

/** Runs one cell of a prepared task; embeddings of the same model, task and seed are made once per process. */
export async function runCell(
  task: PreparedRows,
  contender: Found<'baseline' | 'model'>,
  request: Pick<CellRequest, 'context' | 'probe' | 'seed' | 'environment'>,
  progress: Progress,
): Promise<TimedOutcome> {
  const startedAt = performance.now();
  const outcome = await outcomeOf(task, contender, request, progress);
  return { ...outcome, seconds: (performance.now() - startedAt) / 1000 };
}

async function outcomeOf(
  task: PreparedRows,
  contender: Found<'baseline' | 'model'>,
  request: Parameters<typeof runCell>[2],
  progress: Progress,
): Promise<CellOutcome> {
  const { seed, environment, context } = request;
  const { device, threads, effort } = environment;
  // Artefacts (weights, embeddings) are found again only by the same code on the same machine.
  const codeHash = computationOf(environment, contender.sourceHash);
  const settings = { seed, device, threads, effort, codeHash, cacheFolder: context.cacheFolder, progress };
  if (contender.type === 'baseline') return runBaseline(task, (contender as Found<'baseline'>).definition, settings);
  const model = (contender as Found<'model'>).definition;
  const probe = await findProbe(request.probe);
  if ('tune' in probe) return runModelProbe(task, model, probe, settings);
  const key = JSON.stringify([
    task.hash,
    model.id,
    contender.file,
    model.options,
    codeHash,
    seed,
    device,
    threads,
    effort,
  ]);
  const embedded = await embeddings.get(key, () => embedTask(task, model, settings));
  return runProbe(task, embedded, probe, settings);
}

/**
 * Runs one cell in this process, for a task or a contender that was given as an object and cannot
 * travel to another. Throws when the task's rows are not those of the plan.
 */
export async function runInline(
  task: TaskDefinition | TaskReference,
  contender: Found<'baseline' | 'model'>,
  request: Parameters<typeof runCell>[2] & Pick<CellRequest, 'hash'>,
  progress: Progress,
): Promise<TimedOutcome> {
  const { context } = request;
  const ready = await ('load' in task ? preparedObject(task, context, request.hash) : prepared(task, context));
  if (ready.hash !== request.hash) throw new Error(CHANGED_DATA);
  return runCell(ready, contender, request, progress);
}
