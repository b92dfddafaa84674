/**
 * Optimisers over flat vectors: parameters p, gradient g and the optimiser's own moments, all [total], in one sweep that writes p and the
 * moments in place. Update rules as in PyTorch 2; computed in float64, stored as float32.
 *
 * Not a part of the training graph: there every operator would be a pass over all weights, and the runtime copies each output once more.
 */

export interface OptimiserOptions {
  readonly kind: 'sgd' | 'adam' | 'adamw';
  /** SGD: weight of the previous step. Default 0. */
  readonly momentum?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** L2 added to the gradient (SGD, Adam) or decoupled decay (AdamW). Default 0. */
  readonly weightDecay?: number;
  /** Gradient is scaled down to this Euclidean norm when longer. Default: no clipping. */
  readonly maxGradientNorm?: number;
}

/** What an update reads and writes. */
export interface OptimiserVectors {
  readonly parameters: Float32Array;
  readonly gradient: Float32Array;
  readonly moments: readonly Float32Array[];
}

/** The values [from, to) of the vectors, and whether weight decay applies to them. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly decay: boolean;
}

/** How many vectors of the parameters' length the optimiser carries along. */
export function momentCount(kind: OptimiserOptions['kind']): number {
  return kind === 'sgd' ? 1 : 2;
}

/**
 * One update of parameters and moments in place. `step` counts from 0; `stretches` cover the vectors.
 * @returns the Euclidean norm of the gradient before clipping.
 */
export function update(
  vectors: OptimiserVectors,
  stretches: readonly Stretch[],
  rate: number,
  step: number,
  options: OptimiserOptions,
): number {
  const { weightDecay = 0, maxGradientNorm } = options;
  const norm = Math.sqrt(sumOfSquares(vectors.gradient));
  const clip = maxGradientNorm === undefined ? 1 : Math.min(1, maxGradientNorm / (norm + 1e-6));
  const sweep = options.kind === 'sgd' ? sgd : adam;
  for (const { from, to, decay } of stretches)
    sweep(vectors, from, to, clip, decay ? weightDecay : 0, rate, step, options);
  return norm;
}

/** Four sums in turns, so that no addition waits for the one before. */
function sumOfSquares(values: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i] * values[i];
    b += values[i + 1] * values[i + 1];
    c += values[i + 2] * values[i + 2];
    d += values[i + 3] * values[i + 3];
  }
  for (let i = whole; i < values.length; i++) a += values[i] * values[i];
  return a + b + (c + d);
}

/** Below this, float32 numbers lose their leading 1, and processors are a hundred times slower with them: 0 is stored instead. */
const SMALLEST = 2 ** -126;

type Sweep = (
  vectors: OptimiserVectors,
  from: number,
  to: number,
  clip: number,
  decay: number,
  rate: number,
  step: number,
  options: OptimiserOptions,
) => void;

/** v = momentum v + g; p = p - rate v */
const sgd: Sweep = ({ parameters, gradient, moments }, from, to, clip, decay, rate, _step, { momentum = 0 }) => {
  const [velocity] = moments;
  for (let i = from; i < to; i++) {
    const next = momentum * velocity[i] + gradient[i] * clip + decay * parameters[i];
    velocity[i] = Math.abs(next) < SMALLEST ? 0 : next;
    parameters[i] -= rate * next;
  }
};

/** Adam (Kingma and Ba 2015); AdamW takes the decay out of the gradient (Loshchilov and Hutter 2019). */
const adam: Sweep = ({ parameters, gradient, moments }, from, to, clip, decay, rate, step, options) => {
  const { kind, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const [first, second] = moments;
  const [fresh1, fresh2] = [1 - beta1, 1 - beta2];
  const stepSize = rate / (1 - beta1 ** (step + 1));
  const correction = 1 / Math.sqrt(1 - beta2 ** (step + 1));
  const coupled = kind === 'adam' ? decay : 0;
  const kept = kind === 'adamw' ? 1 - rate * decay : 1;
  for (let i = from; i < to; i++) {
    const p = parameters[i];
    const g = gradient[i] * clip + coupled * p;
    const mean = beta1 * first[i] + fresh1 * g;
    const square = beta2 * second[i] + fresh2 * g * g;
    first[i] = Math.abs(mean) < SMALLEST ? 0 : mean;
    second[i] = square < SMALLEST ? 0 : square;
    parameters[i] = kept * p - (stepSize * mean) / (Math.sqrt(square) * correction + epsilon);
  }
};
