/**
 * Where cells are computed: child processes, started when first needed and replaced when they die; and this process, for tasks
 * and contenders given as objects, which cannot travel. What comes of a cell, numbers or an error, is stored at once.
 */
import {
  computeEnvironment,
  type JobProgress,
  type JobWorker,
  startWorker,
  WorkerDied,
} from '../../runtime/jobs/job.ts';
import type { Cell } from '../cells/plan.ts';
import type { PreparedRun, RunEvent } from '../run-types.ts';
import type { Result } from '../store/result.ts';
import { type Ending, resultDocument } from '../store/result-document.ts';
import type { ResultStore } from '../store/store.ts';
import type { CellRequest, ContenderReference, TimedOutcome } from './jobs.ts';
import type { Lane } from './scheduler.ts';

/** The module whose exports child processes run. */
export const JOBS = new URL('./jobs.ts', import.meta.url);

export type ClosableLane = Lane & { close(): Promise<void> };
type Tell = (event: RunEvent) => void;

function isInline({ task, contender }: Cell): boolean {
  return task.reference === undefined || referenceOf(contender) === undefined;
}

function referenceOf(contender: Cell['contender']): ContenderReference | undefined {
  const { file, isModelPath, definition, sourceHash, type, plain, named } = contender;
  const { id, variant } = plain ?? { id: named?.id ?? definition.id };
  const run = { variant, name: named?.name };
  if (file && isModelPath) return { type: 'path', path: file, ...run };
  if (file) return { type: 'plugin', file, id, ...run };
  return type === 'model' && sourceHash === '' ? { type: 'shipped', id, ...run } : undefined;
}

/** Stores what came of a cell; nothing when the run was interrupted meanwhile. */
async function conclude(
  cell: Cell,
  { environment }: PreparedRun,
  store: ResultStore,
  signal: AbortSignal,
  action: () => Promise<TimedOutcome>,
): Promise<Result | undefined> {
  const startedAt = new Date();
  let ending: Ending;
  try {
    ending = { outcome: await action() };
  } catch (error) {
    ending = { error: error instanceof Error ? error : new Error(String(error)) };
  }
  if (signal.aborted && 'error' in ending) return undefined;
  const document = resultDocument(cell, environment, ending, startedAt, new Date());
  return store.write(document, 'outcome' in ending ? ending.outcome.predictions : undefined);
}

/** One lane per child process; processes are started when first needed and replaced when they die. */
export function processLanes(
  prepared: PreparedRun,
  store: ResultStore,
  pending: readonly Cell[],
  tell: Tell,
  signal: AbortSignal,
): ClosableLane[] {
  const { context, environment, device, jobs } = prepared;
  const notices = new Set<string>();
  const onNotice = (message: string) => {
    if (!notices.has(message)) tell({ type: 'notice', message });
    notices.add(message);
  };
  const variables = computeEnvironment({ device, threads: environment.threads });
  const count = Math.min(jobs, pending.filter((cell) => !isInline(cell)).length);
  return Array.from({ length: count }, (): ClosableLane => {
    let worker: JobWorker | undefined;
    const close = async () => worker?.close();
    const stop = () => void close();
    signal.addEventListener('abort', stop);
    return {
      accepts: (cell) => !isInline(cell),
      run: (cell) =>
        conclude(cell, prepared, store, signal, async () => {
          if (!worker?.alive) worker = startWorker({ environment: variables, onNotice });
          const request: CellRequest = {
            task: cell.task.reference!,
            context,
            hash: cell.task.description.hash,
            contender: referenceOf(cell.contender)!,
            probe: cell.probe,
            seed: cell.seed,
            environment,
          };
          const report = ({ fraction, message }: JobProgress) => tell({ type: 'progress', cell, fraction, message });
          try {
            return await worker.run<TimedOutcome>(JOBS, 'runCellJob', request, report);
          } catch (error) {
            if (error instanceof WorkerDied) await worker.close();
            throw error;
          }
        }),
      async close() {
        signal.removeEventListener('abort', stop);
        await close();
      },
    };
  });
}

/** Runs, in this process, the cells whose task or contender was given as an object. */
export function inlineLane(prepared: PreparedRun, store: ResultStore, tell: Tell, signal: AbortSignal): ClosableLane {
  const { context, environment, objects } = prepared;
  return {
    accepts: isInline,
    run: (cell) =>
      conclude(cell, prepared, store, signal, async () => {
        const { runInline } = await import('./jobs.ts');
        const request = {
          ...{ context, probe: cell.probe, seed: cell.seed, environment },
          hash: cell.task.description.hash,
        };
        const object = objects.get(cell.task.description.id)?.definition;
        return runInline(object ?? cell.task.reference!, cell.contender, request, (fraction, message) =>
          tell({ type: 'progress', cell, fraction, message }),
        );
      }),
    close: async () => {},
  };
}
