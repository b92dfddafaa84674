/** Choosing one setting of a probe from an ordered list by its score on the validation rows. */
import type { ProbeContext } from './types.ts';

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
 * Evaluates settings in order and keeps the first of those with the best score. Ends early after `patience` settings in a row
 * that did not improve. Throws when no setting has a defined score: nothing could be chosen honestly.
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
  let sinceBest = 0;
  for (const [i, setting] of settings.entries()) {
    const { score, fitted, record } = await evaluate(setting);
    path.push({ ...record, validationScore: Number.isNaN(score) ? null : score });
    if (!Number.isNaN(score) && (!best || score > best.score)) {
      best = { setting, score, fitted };
      sinceBest = 0;
    } else sinceBest += 1;
    context.progress((i + 1) / settings.length, `${describe(setting)}: validation ${score.toPrecision(4)}`);
    if (best && sinceBest >= patience) break;
  }
  if (!best) {
    throw new Error(
      `The score is undefined on the validation rows for all of ${settings.map(describe).join(', ')}; ` +
        'they may hold one class only. Use a larger validation split.',
    );
  }
  return { ...best, path, stoppedEarly: path.length < settings.length };
}
