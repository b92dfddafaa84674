/** How a one-hot CNN is trained. All of it is part of a cell's key. */
export type ReverseComplement = 'none' | 'augment' | 'average';

export interface Recipe {
  /** `augment`: each training row is shown on a strand drawn anew each epoch. `average`: also, both strands are averaged at prediction. */
  readonly reverseComplement: ReverseComplement;
  readonly batchSize: number;
  /** Peak rates of the schedule; each is tried, the one with the best validation score is kept. */
  readonly learningRates: readonly number[];
  readonly schedule: { readonly kind: 'oneCycle'; readonly warmUp?: number };
  /** Decoupled (AdamW), on kernels and matrices only. */
  readonly weightDecay: number;
  readonly epochs: number;
  readonly patience: number;
  /** Multiplications that a whole fit may take (forward and backward): fewer epochs are run where an architecture is dear. */
  readonly budget: number;
}

export const RECIPE: Recipe = {
  reverseComplement: 'none',
  batchSize: 64,
  learningRates: [5e-3],
  schedule: { kind: 'oneCycle' },
  weightDecay: 0.01,
  epochs: 20,
  patience: 20,
  budget: 1.2e13,
};
