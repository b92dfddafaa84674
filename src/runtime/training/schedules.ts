/**
 * Learning-rate schedules. All but `plateau` are pure functions of the step; `plateau` follows the validation score.
 * Formulas as in PyTorch's OneCycleLR and ReduceLROnPlateau and in transformers' cosine schedule with warm-up.
 */

export type Schedule =
  | { readonly kind: 'constant'; readonly warmUp?: number }
  /** Linear warm-up over a share of the steps, then half a cosine down to 0. */
  | { readonly kind: 'cosine'; readonly warmUp?: number }
  /** Up from rate / 25 to rate over the first 30% of the steps, then down to rate / 250,000, both by cosine. */
  | { readonly kind: 'oneCycle'; readonly warmUp?: number; readonly divide?: number; readonly finalDivide?: number }
  /** Times `factor` after `patience` epochs without a better validation score. */
  | { readonly kind: 'plateau'; readonly factor: number; readonly patience: number; readonly minimum: number };

const cosineBetween = (from: number, to: number, share: number) =>
  to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));

/** Learning rate of step `step` (0-based) out of `total`. `plateau` gives the base rate: see {@link Plateau}. */
export function rateAt(schedule: Schedule, base: number, step: number, total: number): number {
  switch (schedule.kind) {
    case 'plateau':
      return base;
    case 'constant': {
      const warm = Math.floor((schedule.warmUp ?? 0) * total);
      return step < warm ? (base * step) / Math.max(1, warm) : base;
    }
    case 'cosine': {
      const warm = Math.floor((schedule.warmUp ?? 0) * total);
      if (step < warm) return (base * step) / Math.max(1, warm);
      const share = (step - warm) / Math.max(1, total - warm);
      return base * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * share)));
    }
    case 'oneCycle': {
      const { warmUp = 0.3, divide = 25, finalDivide = 1e4 } = schedule;
      const start = base / divide;
      const peak = warmUp * total - 1;
      if (step <= peak) return peak === 0 ? base : cosineBetween(start, base, step / peak);
      return cosineBetween(base, start / finalDivide, (step - peak) / (total - 1 - peak));
    }
  }
}

/** Reduces a rate when the score stops rising (PyTorch's rule with a relative threshold of 1e-4, mode max). */
export class Plateau {
  private best = Number.NEGATIVE_INFINITY;
  private bad = 0;

  constructor(
    private readonly schedule: Extract<Schedule, { kind: 'plateau' }>,
    public rate: number,
  ) {}

  /** Told the score of each epoch, larger is better. Returns the rate from here on. */
  observe(score: number): number {
    if (score > this.best + Math.abs(this.best) * 1e-4 || this.best === Number.NEGATIVE_INFINITY) {
      this.best = score;
      this.bad = 0;
    } else this.bad += 1;
    if (this.bad > this.schedule.patience) {
      const next = Math.max(this.rate * this.schedule.factor, this.schedule.minimum);
      if (this.rate - next > 1e-8) this.rate = next;
      this.bad = 0;
    }
    return this.rate;
  }

  /** For checkpoints. */
  state(): { best: number; bad: number; rate: number } {
    return { best: this.best, bad: this.bad, rate: this.rate };
  }

  restore(state: { best: number; bad: number; rate: number }): void {
    this.best = state.best;
    this.bad = state.bad;
    this.rate = state.rate;
  }
}
