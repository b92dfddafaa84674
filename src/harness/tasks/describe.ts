/**
 * What a plan needs to know of a task without holding its rows: its hash, sizes and classes. Preparing a task to learn these
 * may take seconds, so descriptions are remembered (`row-cache-validity.ts`).
 */
import { readChecked, withContentHash } from '../../core/content-hash.ts';
import { writeFileAtomic } from '../../core/files.ts';
import type { TaskKind } from '../../core/matrix.ts';
import { writingCache } from '../../core/optional-write.ts';
import type { MetricName } from '../../metrics/metric.ts';
import type { SplitName } from '../../sequences/labelled-sequence.ts';
import type { TaskContext } from '../contracts.ts';
import { type PreparedRows, sizesOf } from './prepare.ts';
import { isUnchanged, memoryFile, type TaskReference, type Watched, watchedOf } from './row-cache-validity.ts';

export interface TaskDescription {
  readonly id: string;
  readonly title: string;
  readonly description?: string;
  readonly kind: TaskKind;
  readonly metric: MetricName;
  readonly metrics?: readonly MetricName[];
  readonly citation: string;
  readonly licence: string;
  readonly hash: string;
  readonly classes: readonly string[];
  readonly sizes: Readonly<Record<SplitName, number>>;
  /** How rows were divided, in words. */
  readonly split: string;
  /** What the task told while it was read, in its own sentences. */
  readonly notes: readonly string[];
}

interface Remembered {
  readonly description: TaskDescription;
  readonly watched: readonly Watched[];
}

/** The description of a prepared task. */
export function describeTask(task: PreparedRows): TaskDescription {
  const { id, title, description, kind, metric, metrics, citation, licence } = task.definition;
  const { hash, classes, notes, splitDescription: split } = task;
  const sizes = sizesOf(task);
  return { id, title, description, kind, metric, metrics, citation, licence, hash, classes, sizes, split, notes };
}

/** The description made earlier, if everything it depends on is unchanged. */
export async function recallDescription(
  reference: TaskReference,
  context: TaskContext,
): Promise<TaskDescription | undefined> {
  const path = await memoryFile(reference, context, 'json');
  const remembered = (await readChecked(path, 'the task is described again')) as Remembered | undefined;
  return remembered && (await isUnchanged(remembered.watched)) ? remembered.description : undefined;
}

/** Remembers a description where it can be known later that it still holds. */
export async function rememberDescription(
  reference: TaskReference,
  context: TaskContext,
  task: PreparedRows,
): Promise<void> {
  const watched = await watchedOf(reference, task);
  if (watched === undefined) return;
  const remembered: Remembered = JSON.parse(JSON.stringify({ description: describeTask(task), watched }));
  const file = await memoryFile(reference, context, 'json');
  await writingCache(context.cacheFolder, () =>
    writeFileAtomic(file, `${JSON.stringify(withContentHash(remembered))}\n`),
  );
}
