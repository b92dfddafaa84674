/** Choosing one setting of a probe from an ordered list by its score on the validation rows. */
import type { ProbeContext } from '../probe.ts';

export interface PathStep<F> {
  readonly score: number;
  readonly fitted: F;
  /** Facts of this step, stored with the result. */
  readonly record: Readonly<Record<string, unknown>>;
}

export interface PathChoice<S, F> {
  readonly setting: S;
  readonly score: number;
  readonly fitted: F;
  readonly path: readonly Readonly<Record<string, unknown>>[];
  readonly stoppedEarly: boolean;
}

/**
 * Evaluates settings in order and keeps the first of those with the best score. Ends early once `patience` settings have scored
 * below the best without a better one in between; equal scores do not count, since strong penalties often share one score
 * (every row in the majority class). Throws when no setting has a defined score: nothing could be chosen honestly.
 */
export async function choosePath<S, F>(options: {
  readonly settings: readonly S[];
  readonly patience: number;
  readonly context: ProbeContext;
  readonly describe: (setting: S) => string;
  readonly evaluate: (setting: S) => Promise<PathStep<F>>;
}): Promise<PathChoice<S, F>> {
  const { settings, patience, context, describe, evaluate } = options;
  const path: Record<string, unknown>[] = [];
  let best: { setting: S; score: number; fitted: F } | undefined;
  let below = 0;
  for (const [i, setting] of settings.entries()) {
    const { score, fitted, record } = await evaluate(setting);
    path.push({ ...record, validationScore: Number.isNaN(score) ? null : score });
    if (!Number.isNaN(score) && (!best || score > best.score)) {
      best = { setting, score, fitted };
      below = 0;
    } else if (best && score < best.score) below += 1;
    context.progress((i + 1) / settings.length, `${describe(setting)}: validation ${score.toPrecision(4)}`);
    if (below >= patience) break;
  }
  if (!best) {
    throw new Error(
      `The score is undefined on the validation rows for all of ${settings.map(describe).join(', ')}; ` +
        'they may hold one class only. Use a larger validation split.',
    );
  }
  return { ...best, path, stoppedEarly: path.length < settings.length };
}
