/**
 * Optimisers as graph operators over flat vectors: p (parameters), g (gradient), and the optimiser's own moments, all [total].
 * The learning rate and the bias corrections are scalar inputs, so that any schedule can be fed. Update rules as in PyTorch 2.
 */
import type { Tensor } from './graph.ts';
import * as op from './ops.ts';

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

export interface OptimiserState {
  readonly parameters: Tensor;
  readonly moments: readonly Tensor[];
  /** Euclidean norm of the gradient before clipping, scalar. */
  readonly gradientNorm: Tensor;
}

/** How many vectors of the parameters' length the optimiser carries along. */
export function momentCount(kind: OptimiserOptions['kind']): number {
  return kind === 'sgd' ? 1 : 2;
}

/** Bias corrections of step `step` (1-based): fed as the `corrections` input [2]. */
export function corrections(options: OptimiserOptions, step: number): Float32Array {
  const { beta1 = 0.9, beta2 = 0.999 } = options;
  return Float32Array.of(1 / (1 - beta1 ** step), 1 / Math.sqrt(1 - beta2 ** step));
}

/**
 * One update. `rate` is a scalar, `corrections` [2] from {@link corrections}, `decayMask` [total] is 1 where weight decay applies
 * (null: everywhere).
 */
export function update(
  parameters: Tensor,
  gradient: Tensor,
  moments: readonly Tensor[],
  rate: Tensor,
  correction: Tensor,
  decayMask: Tensor | null,
  options: OptimiserOptions,
): OptimiserState {
  const { weightDecay = 0, maxGradientNorm } = options;
  const gradientNorm = op.reduceL2(gradient);
  let g = gradient;
  if (maxGradientNorm !== undefined)
    g = op.multiply(g, op.minimum(op.divide(maxGradientNorm, op.add(gradientNorm, 1e-6)), 1));
  const decayed = (scale: Tensor | number) => {
    const whole = op.multiply(parameters, scale);
    return decayMask ? op.multiply(whole, decayMask) : whole;
  };
  if (weightDecay !== 0 && options.kind !== 'adamw') g = op.add(g, decayed(weightDecay));

  if (options.kind === 'sgd') {
    const momentum = options.momentum ?? 0;
    const velocity = momentum === 0 ? g : op.add(op.multiply(moments[0], momentum), g);
    const next = op.subtract(parameters, op.multiply(velocity, rate));
    return { parameters: next, moments: [velocity], gradientNorm };
  }
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const first = op.add(op.multiply(moments[0], beta1), op.multiply(g, 1 - beta1));
  const second = op.add(op.multiply(moments[1], beta2), op.multiply(op.multiply(g, g), 1 - beta2));
  const [firstCorrection, secondCorrection] = op.split(correction, 0, [1, 1]); // [1] each
  const denominator = op.add(op.multiply(op.sqrt(second), secondCorrection), epsilon);
  const step = op.multiply(op.divide(first, denominator), op.multiply(firstCorrection, rate));
  let base = parameters;
  if (options.kind === 'adamw' && weightDecay !== 0) base = op.subtract(base, decayed(op.multiply(rate, weightDecay)));
  return { parameters: op.subtract(base, step), moments: [first, second], gradientNorm };
}
