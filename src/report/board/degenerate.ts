/**
 * Tasks whose rows cannot answer the question of the board: all true answers are equal on the test
 * rows, so no contender can be better than another, or on the validation rows, so nothing can be
 * chosen on them. Each case is one sentence.
 */
import { z } from 'zod';
import type { Targets, TaskKind } from '../../core/matrix.ts';
import type { TaskRecord } from '../../harness/store/result.ts';

/** Why the test rows cannot separate contenders; undefined when they can. */
export function testRowsProblem(kind: TaskKind, targets: Targets, classes: readonly string[]): string | undefined {
  const { rows, columns, values } = targets;
  for (let i = columns; i < values.length; i++) if (values[i] !== values[i % columns]) return undefined;
  const answer =
    kind === 'regression'
      ? `have the same target, ${Array.from(values.slice(0, columns), (value) => Number(value.toPrecision(6))).join(', ')}`
      : kind === 'multilabel'
        ? 'have the same labels'
        : `are of one class, "${classes[values[0]] ?? values[0]}"`;
  return `All ${rows} test rows ${answer}: these rows cannot show which contender is better.`;
}

const auditSchema = z.object({
  splits: z.object({
    valid: z.object({
      rows: z.number(),
      classes: z.record(z.string(), z.number()).optional(),
      quantiles: z.array(z.array(z.number())).optional(),
    }),
  }),
});

/**
 * Why the validation rows, as counted by the task's audit, cannot be used for choices; undefined
 * when they can.
 */
export function validationRowsProblem({ kind, audit }: TaskRecord): string | undefined {
  const parsed = auditSchema.safeParse(audit);
  if (!parsed.success || kind === 'multilabel' || kind === 'clustering') return undefined;
  const { rows, classes, quantiles } = parsed.data.splits.valid;
  const present = Object.entries(classes ?? {}).filter(([, count]) => count > 0);
  const isOneClass = classes !== undefined && present.length === 1;
  const isOneTarget = quantiles !== undefined && quantiles.length > 0 && quantiles.every((q) => q[0] === q.at(-1));
  if (!isOneClass && !isOneTarget) return undefined;
  const answer = isOneClass ? `are of one class, "${present[0][0]}"` : 'have the same target';
  return `All ${rows} validation rows ${answer}: settings, layers and the one-hot reference could not be chosen on them.`;
}
