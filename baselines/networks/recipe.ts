/**
 * How one-hot CNNs are trained: one recipe for all, so that they differ in architecture only. All of it is part of a cell's key.
 *
 * What it is made for: small regulatory sets, on which the sources' own recipe (Adam 1e-3 without decay, one strand, early stopping)
 * overfits and its validation score jumps between epochs. Averaged weights, decoupled decay and small random translations cure both;
 * whether a task tolerates translation (a binding site) or not (a splice junction) is decided on validation rows.
 */
export type ReverseComplement = 'none' | 'augment' | 'average';

export interface Recipe {
  /** `augment`: each training row is shown on a strand drawn anew each epoch. `average`: also, both strands are averaged at prediction. */
  readonly reverseComplement: ReverseComplement;
  /** Largest random shift of a training row, in letters either way, drawn anew each epoch. Each is tried. */
  readonly translations: readonly number[];
  /** Peak rates of the schedule. Each is tried with each translation; the best validation score decides. */
  readonly learningRates: readonly number[];
  readonly schedule: { readonly kind: 'oneCycle'; readonly warmUp?: number };
  /** Decoupled (AdamW), on kernels and matrices only. */
  readonly weightDecay: number;
  /** Moving average of the weights, which is what is scored and kept: share of the old average per step. */
  readonly averageDecay: number;
  readonly batchSize: number;
  /** Training rows shown to each candidate, within `epochs`: many epochs of small sets, few of large ones. */
  readonly rowsShown: number;
  readonly epochs: { readonly least: number; readonly most: number };
  /** Multiplications that all candidates together may take (a backward pass counted as two forward): dear networks get fewer steps. */
  readonly budget: number;
}

export const RECIPE: Recipe = {
  reverseComplement: 'none',
  translations: [0, 6],
  learningRates: [1e-2],
  schedule: { kind: 'oneCycle' },
  weightDecay: 0.2,
  averageDecay: 0.995,
  batchSize: 128,
  rowsShown: 250_000,
  epochs: { least: 10, most: 60 },
  budget: 8e12,
};

export interface Effort {
  readonly epochs: number;
  /** Steps of one candidate; its schedule spans these. */
  readonly steps: number;
  /** True where the budget, not the number of epochs, decided. */
  readonly cutByBudget: boolean;
}

/**
 * How long each candidate is trained on `rows` rows when one forward pass takes `multiplications` per row. `effort` scales all of it:
 * 1 is full strength, 0.1 a tenth of the epochs and of the budget.
 */
export function effortOf(recipe: Recipe, rows: number, multiplications: number, effort: number): Effort {
  const batch = Math.min(recipe.batchSize, rows);
  const perEpoch = Math.ceil(rows / batch);
  const { least, most } = recipe.epochs;
  const epochs = Math.min(most, Math.max(least, recipe.rowsShown / rows));
  const wanted = Math.max(1, Math.round(perEpoch * epochs * effort));
  const candidates = recipe.translations.length * recipe.learningRates.length;
  const affordable = Math.floor((recipe.budget * effort) / (3 * candidates * batch * multiplications));
  const steps = Math.max(1, Math.min(wanted, affordable));
  return { epochs: Math.ceil(steps / perEpoch), steps, cutByBudget: steps < wanted };
}
