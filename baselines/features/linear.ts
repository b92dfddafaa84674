/**
 * A linear model on features computed from sequences: logistic regression, or ridge for numbers, the penalty and the features
 * themselves (one of several sets) chosen on the validation rows.
 */
import {
  type FitContext,
  type FitTask,
  type FittedBaseline,
  type FittedProbe,
  linearProbes,
  type Matrix,
} from '../../src/index.ts';

/** One way to turn sequences into rows of numbers. */
export interface FeatureSet {
  /** Named in the stored details. */
  readonly name: string;
  /** `[sequences, dim]` float32, `dim` the same for every call. */
  compute(sequences: readonly string[]): Matrix;
}

/** Fits on every feature set, keeps the one with the best validation score (the earlier of equals). */
export async function fitLinear(
  sets: readonly FeatureSet[],
  task: FitTask,
  context: FitContext,
  details: Readonly<Record<string, unknown>> = {},
): Promise<FittedBaseline> {
  const { train, valid, definition, outputs } = task;
  const { logisticProbe, ridgeProbe } = await linearProbes();
  const probe = definition.kind === 'regression' ? ridgeProbe() : logisticProbe();
  const tried: Record<string, unknown>[] = [];
  let best: { set: FeatureSet; fitted: FittedProbe } | undefined;
  for (const [i, set] of sets.entries()) {
    const fitted = await probe.fit(
      { features: set.compute(train.sequences), targets: train.targets },
      { features: set.compute(valid.sequences), targets: valid.targets },
      {
        ...context,
        kind: definition.kind,
        outputs,
        progress: (fraction, message) => context.progress((i + fraction) / sets.length, `${set.name}: ${message}`),
      },
    );
    tried.push({ features: set.name, validScore: fitted.validationScore });
    if (!best || fitted.validationScore > best.fitted.validationScore) {
      await best?.fitted.dispose?.();
      best = { set, fitted };
    } else await fitted.dispose?.();
  }
  if (!best) throw new Error('a linear baseline needs at least one set of features');
  const { set, fitted } = best;
  return {
    predict: (sequences) => fitted.predict(set.compute(sequences)),
    validationScore: fitted.validationScore,
    details: { ...details, model: probe.id, features: set.name, tried, ...fitted.details },
    dispose: async () => fitted.dispose?.(),
  };
}
