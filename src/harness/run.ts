/**
 * A run: tasks are described, cells planned, those not yet stored computed in child processes, every result stored the moment
 * it is there. The same request in the same folder continues where an earlier one ended, however that was. Knows nothing of
 * terminals or reports: it tells what happens as events.
 */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { removeAbandoned } from '../core/temporary.ts';
import { deviceEnvironment, parseDevice, precisionLabel, resolveDevice } from '../runtime/device.ts';
import { type JobProgress, type JobWorker, startWorker } from '../runtime/jobs/job.ts';
import { defaultCacheFolder } from './cache-folder.ts';
import { describeMerge } from './cells/identity.ts';
import type { PlanEnvironment } from './cells/key.ts';
import { type Cell, manifestCell, type PlannedTask, planCells } from './cells/plan.ts';
import { codeHash, packageVersions } from './cells/source-hash.ts';
import type { TaskContext } from './contracts.ts';
import { type ComparisonRequest, type RequestedTask, resolveComparison } from './request.ts';
import type { PreparedRun, RunEvent } from './run-types.ts';
import type { Result } from './store/result.ts';
import { openStore, type ResultStore } from './store/store.ts';
import { adhocTaskId } from './tasks/ad-hoc-task.ts';
import { describeTask, recallDescription, type TaskDescription } from './tasks/describe.ts';
import type { DescribeReply, DescribeRequest } from './workers/jobs.ts';
import { schedule } from './workers/scheduler.ts';
import { inlineLane, JOBS, processLanes } from './workers/workers.ts';

/** How deep results and caches are searched for temporary files of killed processes. */
const FOLDERS_DEEP = 2;

export interface RunOptions extends ComparisonRequest {
  /** Results folder. Default `runs/<suite>`, or, for tasks of one's own, `runs/<their names>`. */
  readonly out?: string;
  /** cpu, cuda, webgpu or auto. Default auto. */
  readonly device?: string;
  /** Child processes at a time. Default: on cpu the number of cores, at most 8; on a GPU 1. */
  readonly jobs?: number;
  /** Threads per process. Default: the cores, shared evenly. Part of a result's key, since sums depend on it. */
  readonly threads?: number;
  /** Folder with real data sets. Default: the environment variable GLM_BENCH_DATA. */
  readonly dataFolder?: string;
  readonly allowDownload?: boolean;
  /** As typed; shown on the board. */
  readonly command?: string;
  readonly onEvent?: (event: RunEvent) => void;
  /** Aborting ends the run: cells in flight are lost, finished ones kept. */
  readonly signal?: AbortSignal;
}

export interface RunSummary {
  readonly out: string;
  readonly planned: number;
  /** Found stored. */
  readonly reused: number;
  /** Computed now, failures included. */
  readonly computed: number;
  readonly failed: readonly Result[];
  /** Combinations that do not apply, in words. */
  readonly skipped: readonly string[];
  readonly interrupted: boolean;
  readonly seconds: number;
}

/** Where a task finds its data, from flags or the environment. */
export function taskContext(options: Pick<RunOptions, 'cacheFolder' | 'dataFolder' | 'allowDownload'>): TaskContext {
  const dataFolder = options.dataFolder ?? process.env.GLM_BENCH_DATA;
  return {
    dataFolder: dataFolder ? resolve(dataFolder) : undefined,
    allowDownload: options.allowDownload ?? false,
    cacheFolder: resolve(options.cacheFolder ?? defaultCacheFolder()),
  };
}

/** Describes the tasks and plans the cells; computes none. With `store`, task records are stored. */
export async function prepareRun(options: RunOptions, store?: ResultStore): Promise<PreparedRun> {
  const comparison = await resolveComparison(options);
  const requested = parseDevice(options.device ?? 'auto');
  const device = requested === 'cpu' ? 'cpu' : (await resolveDevice(requested)).device;
  const cores = availableParallelism();
  const jobs = positive('jobs', options.jobs ?? (device === 'cpu' ? Math.min(cores, 8) : 1));
  const threads = positive('threads', options.threads ?? Math.max(1, Math.floor(cores / jobs)));
  const environment: PlanEnvironment = {
    device,
    precision: precisionLabel(device, { ...process.env, ...deviceEnvironment(device) }),
    threads,
    effort: comparison.effort,
    architecture: process.arch,
    packages: await packageVersions(),
    codeHash: await codeHash(),
  };
  const context = taskContext(options);
  const tasks = await describeTasks(comparison.tasks, context, jobs, options, store);
  for (const { description, reference } of tasks) {
    if (reference?.type === 'adhoc') options.onEvent?.({ type: 'notice', message: statement(description) });
  }
  const plan = planCells({ ...comparison, tasks, environment });
  const objects = new Map(comparison.tasks.filter((task) => task.definition).map((task) => [task.id, task]));
  const title = comparison.title ?? tasks.map(({ description }) => description.id).join(', ');
  return { plan, title, environment, device, jobs, context, objects };
}

/** What was made of data that came without a plugin: kind, columns, metric, split; guesses are said to be guesses. */
function statement({ id, kind, metric, description, classes, sizes, split }: TaskDescription): string {
  const rows = Object.entries(sizes).map(([name, count]) => `${count} ${name}`);
  const what = kind === 'regression' ? kind : `${kind}, ${classes.length} classes`;
  return `${id}: ${what}, metric ${metric}; ${rows.join(', ')} rows (split: ${split}). ${description ?? ''}`.trimEnd();
}

function positive(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`${name} must be a whole number of at least 1, not ${value}`);
}

/** Remembered descriptions where they still hold; the rest are prepared, several at a time, in child processes. */
async function describeTasks(
  requested: readonly RequestedTask[],
  context: TaskContext,
  jobs: number,
  { onEvent, signal }: RunOptions,
  store?: ResultStore,
): Promise<PlannedTask[]> {
  const onDamage = (reason: string) => onEvent?.({ type: 'notice', message: `${reason}; it is written again` });
  const described: PlannedTask[] = new Array(requested.length);
  const todo: number[] = [];
  for (const [i, { reference, definition }] of requested.entries()) {
    if (definition) {
      const { prepareTask, taskRecord } = await import('./tasks/prepare.ts');
      const task = await prepareTask(definition, context);
      if (store && !(await store.hasTask(task.hash, onDamage)))
        await store.writeTask(taskRecord(task), task.splits.test.targets);
      described[i] = { description: describeTask(task) };
      continue;
    }
    const description = await recallDescription(reference!, context);
    if (description && (!store || (await store.hasTask(description.hash, onDamage))))
      described[i] = { description, reference };
    else todo.push(i);
  }
  const lane = async (): Promise<void> => {
    let worker: JobWorker | undefined;
    const stop = () => void worker?.close();
    signal?.addEventListener('abort', stop);
    try {
      for (let i = todo.shift(); i !== undefined; i = todo.shift()) {
        const { id, reference } = requested[i];
        const request: DescribeRequest = { task: reference!, context, out: store?.folder };
        worker ??= startWorker();
        const tell = ({ fraction, message }: JobProgress) =>
          onEvent?.({ type: 'preparing', task: id, fraction, message });
        const reply = await worker.run<DescribeReply>(JOBS, 'describeTaskJob', request, tell);
        if ('problem' in reply) throw new UsageError(reply.problem, reply.hint);
        described[i] = { description: reply.description, reference };
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      await worker?.close();
    }
  };
  const lanes = Array.from({ length: Math.min(jobs, todo.length) }, lane);
  const failure = (await Promise.allSettled(lanes)).find((settled) => settled.status === 'rejected');
  if (failure) throw failure.reason;
  return described;
}

/** A folder name for what was asked for. */
function nameOf({ suite, tasks, data }: RunOptions): string {
  const named = (tasks ?? []).map((task) => (typeof task === 'object' ? task.id : basename(task).split('.')[0]));
  if (data) named.push(adhocTaskId(data));
  const words = named.length > 0 ? named : [typeof suite === 'object' ? suite.id : suite];
  return (words.join('+') || 'default').replace(/[^\w.+-]+/g, '-').slice(0, 80);
}

/** Runs a comparison. See {@link RunOptions}. Throws a {@link UsageError} for wrong input; a cell that fails does not throw. */
export async function run(options: RunOptions): Promise<RunSummary> {
  const begun = Date.now();
  const out = resolve(options.out ?? join('runs', nameOf(options)));
  const tell = options.onEvent ?? (() => {});
  const signal = options.signal ?? new AbortController().signal;
  setMaxListeners(0, signal); // one per lane, however many there are
  const store = await openStore(out);
  for (const folder of [out, taskContext(options).cacheFolder]) await removeAbandoned(folder, FOLDERS_DEEP);
  const prepared = await prepareRun(options, store);
  const { plan, title } = prepared;
  const states = await Promise.all(plan.cells.map((cell) => store.read(cell.key)));
  for (const stored of states) {
    if (stored.state === 'damaged') tell({ type: 'notice', message: `${stored.reason}; it is computed again` });
  }
  const pending = plan.cells.filter((_, i) => states[i].state !== 'done');
  const failures = new Map(
    states.flatMap((stored) =>
      stored.state === 'failed' ? [[stored.result.key, stored.result.timings.finishedAt] as const] : [],
    ),
  );
  const expectedSeconds = await secondsBefore(store, pending);
  const cells = plan.cells.map((cell) => manifestCell(cell, prepared.environment));
  const command = options.command ?? 'run(...) through the API';
  const merged = await store.addToManifest({ title, command, cells });
  for (const message of describeMerge(merged, cells)) tell({ type: 'notice', message });
  tell({ type: 'planned', plan, reused: plan.cells.length - pending.length });

  const failed: Result[] = [];
  let computed = 0;
  let settled = 0;
  const lanes = [...processLanes(prepared, store, pending, tell, signal), inlineLane(prepared, store, tell, signal)];
  await schedule(pending, {
    store,
    lanes,
    signal,
    expectedSeconds,
    failedBefore: ({ key }) => failures.get(key),
    onResult(cell, result, byUs) {
      settled += 1;
      if (byUs) computed += 1;
      if (result.status === 'failed') failed.push(result);
      tell({ type: 'finished', cell, result, computed: byUs });
    },
    onWaiting: (cells) => tell({ type: 'waiting', cells }),
  }).finally(() => Promise.all(lanes.map((lane) => lane.close())));
  return {
    out,
    planned: plan.cells.length,
    reused: plan.cells.length - pending.length + settled - computed,
    computed,
    failed,
    skipped: plan.skipped,
    interrupted: signal.aborted && settled < pending.length,
    seconds: (Date.now() - begun) / 1000,
  };
}

/** Seconds that earlier results of the same (task, contender, probe) took, whatever their settings. */
async function secondsBefore(
  store: ResultStore,
  pending: readonly Cell[],
): Promise<(cell: Cell) => number | undefined> {
  const known = new Map<string, number>();
  const name = (task: string, contender: string, probe: string) => JSON.stringify([task, contender, probe]);
  const wanted = new Set(pending.map((c) => name(c.task.description.id, c.contender.definition.id, c.probe)));
  for (const { key, task, contender, probe } of (await store.readManifest())?.cells ?? []) {
    const id = name(task, contender, probe);
    if (!wanted.has(id) || known.has(id)) continue;
    const stored = await store.read(key);
    if (stored.state === 'done') known.set(id, stored.result.timings.seconds);
  }
  return ({ task, contender, probe }) => known.get(name(task.description.id, contender.definition.id, probe));
}
