/**
 * Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithms 7.4-7.5) with an optional linear
 * preconditioner M^-1: the initial inverse Hessian of every iteration is gamma M^-1. The preconditioned gradient comes from the
 * objective, and since M^-1 is linear, M^-1 y is a difference of two of them: one application per iteration suffices.
 *
 * Made for smooth convex objectives whose value and gradient carry float32 noise: the line search (bracketing, then safeguarded
 * cubic steps, strong Wolfe) judges by slopes alone once values no longer tell points apart, as Hager & Zhang (2005) propose.
 */

export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
  /** M^-1 gradient; without it M is the identity. */
  readonly preconditioned?: Float64Array;
}

export interface LbfgsOptions {
  /** Pairs remembered. Default 10. */
  readonly memory?: number;
  readonly maxIterations?: number;
  /** Stops when the predicted decrease, half of -g'd along the quasi-Newton direction, falls below this share of |value|. */
  readonly tolerance?: number;
  /** Relative noise of values: smaller differences tell nothing. Default 1e-7, for float32 sums of many rows. */
  readonly valueNoise?: number;
  readonly onIteration?: (iteration: number, value: number) => void;
}

export interface LbfgsResult {
  readonly point: Float64Array;
  readonly value: number;
  readonly iterations: number;
  readonly evaluations: number;
  /** `converged`: within tolerance; `noise`: no further progress is measurable; `iterations`: the limit was reached. */
  readonly stopped: 'converged' | 'noise' | 'iterations';
}

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  /** M^-1 y. */
  readonly my: Float64Array;
  readonly rho: number;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function difference(a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i] - b[i];
  return result;
}

function addScaled(target: Float64Array, scale: number, vector: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += scale * vector[i];
}

/** The quasi-Newton direction -H g by the two-loop recursion, H0 = gamma M^-1. */
function direction(current: Evaluation, pairs: readonly Pair[]): Float64Array {
  const q = Float64Array.from(current.gradient);
  const result = Float64Array.from(current.preconditioned ?? current.gradient); // becomes M^-1 q
  const alphas: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    alphas[i] = pairs[i].rho * dot(pairs[i].s, q);
    addScaled(q, -alphas[i], pairs[i].y);
    addScaled(result, -alphas[i], pairs[i].my);
  }
  const last = pairs.at(-1);
  const gamma = last ? 1 / (last.rho * dot(last.y, last.my)) : 1;
  for (let i = 0; i < result.length; i++) result[i] *= gamma;
  for (let i = 0; i < pairs.length; i++) {
    addScaled(result, alphas[i] - pairs[i].rho * dot(pairs[i].y, result), pairs[i].s);
  }
  for (let i = 0; i < result.length; i++) result[i] = -result[i];
  return result;
}

interface Step {
  readonly length: number;
  readonly slope: number;
  readonly point: Float64Array;
  readonly evaluation: Evaluation;
}

const SUFFICIENT_DECREASE = 1e-4;
const CURVATURE = 0.9;
const MAX_TRIALS = 25;
/** Where the predicted decrease is no larger than the noise of values, more trials only measure noise. */
const MAX_TRIALS_IN_NOISE = 4;

/** Minimiser of the cubic through two values and slopes (Nocedal & Wright, equation 3.59), kept inside the bracket. */
function cubicStep(low: Step, high: Step): number {
  const d1 = low.slope + high.slope - (3 * (low.evaluation.value - high.evaluation.value)) / (low.length - high.length);
  const d2 = Math.sign(high.length - low.length) * Math.sqrt(Math.max(0, d1 * d1 - low.slope * high.slope));
  const step = high.length - ((high.length - low.length) * (high.slope + d2 - d1)) / (high.slope - low.slope + 2 * d2);
  const [left, right] = [Math.min(low.length, high.length), Math.max(low.length, high.length)];
  const margin = 0.1 * (right - left);
  const inside = step >= left + margin && step <= right - margin;
  return inside ? step : (left + right) / 2;
}

/** A step that meets the strong Wolfe conditions, or the approximate ones where values are only noise; else undefined. */
async function lineSearch(
  start: Step,
  along: Float64Array,
  firstLength: number,
  noise: number,
  evaluate: (point: Float64Array) => Promise<Evaluation>,
): Promise<Step | undefined> {
  const at = async (length: number): Promise<Step> => {
    const point = Float64Array.from(start.point);
    addScaled(point, length, along);
    const evaluation = await evaluate(point);
    return { length, slope: dot(evaluation.gradient, along), point, evaluation };
  };
  const value0 = start.evaluation.value;
  const tooHigh = ({ length, slope, evaluation: { value } }: Step): boolean => {
    if (!Number.isFinite(value) || !Number.isFinite(slope)) return true;
    if (value <= value0 + SUFFICIENT_DECREASE * length * start.slope) return false;
    const approximate = value <= value0 + noise && slope <= (2 * SUFFICIENT_DECREASE - 1) * start.slope;
    return !approximate;
  };
  let low = start;
  let high: Step | undefined;
  let length = firstLength;
  const trials = -start.slope / 2 <= noise ? MAX_TRIALS_IN_NOISE : MAX_TRIALS;
  for (let trial = 0; trial < trials; trial++) {
    const step = await at(length);
    const rises = step.evaluation.value > low.evaluation.value + noise;
    if (tooHigh(step) || (low !== start && rises)) high = step;
    else if (Math.abs(step.slope) <= -CURVATURE * start.slope) return step;
    else {
      if (step.slope * ((high?.length ?? Number.POSITIVE_INFINITY) - low.length) >= 0) high = low;
      low = step;
    }
    if (!high) length = low.length * 3;
    else if (Number.isFinite(high.evaluation.value)) length = cubicStep(low, high);
    else length = low.length + (high.length - low.length) / 10;
    if (high && Math.abs(high.length - low.length) < 1e-12 * Math.max(1, firstLength)) break;
  }
  return low !== start && low.evaluation.value < value0 ? low : undefined;
}

/**
 * Minimises `evaluate` from `start` (left as it is).
 * @throws when the objective is not finite at the start.
 */
export async function minimise(
  evaluate: (point: Float64Array) => Promise<Evaluation>,
  start: Float64Array,
  options: LbfgsOptions = {},
): Promise<LbfgsResult> {
  const { memory = 10, maxIterations = 1000, tolerance = 1e-8, valueNoise = 1e-7 } = options;
  let evaluations = 0;
  const counted = (point: Float64Array) => {
    evaluations += 1;
    return evaluate(point);
  };
  let point: Float64Array = Float64Array.from(start);
  let current = await counted(point);
  if (!Number.isFinite(current.value)) throw new Error(`The objective is ${current.value} at the starting point.`);
  let pairs: Pair[] = [];
  let iterations = 0;
  const done = (stopped: LbfgsResult['stopped']): LbfgsResult => ({
    point,
    value: current.value,
    iterations,
    evaluations,
    stopped,
  });
  while (iterations < maxIterations) {
    const along = direction(current, pairs);
    const slope = dot(current.gradient, along);
    if (-slope / 2 <= tolerance * Math.abs(current.value)) return done('converged');
    // Without a preconditioner the first direction has no scale: begin with a step of length one at most.
    const unscaled = pairs.length === 0 && !current.preconditioned;
    const firstLength = unscaled ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    const from: Step = { length: 0, slope, point, evaluation: current };
    const step =
      slope < 0 ? await lineSearch(from, along, firstLength, valueNoise * Math.abs(current.value), counted) : undefined;
    if (!step) {
      if (pairs.length === 0) return done('noise');
      pairs = []; // the memory may be what is wrong: try once more along the (preconditioned) gradient
      continue;
    }
    const s = difference(step.point, point);
    const y = difference(step.evaluation.gradient, current.gradient);
    const my =
      step.evaluation.preconditioned && current.preconditioned
        ? difference(step.evaluation.preconditioned, current.preconditioned)
        : y;
    const curvature = dot(s, y);
    // Pairs without curvature (noise) would spoil the memory.
    if (curvature > 1e-12 * Math.sqrt(dot(s, s) * dot(y, y))) {
      pairs = [...pairs.slice(-(memory - 1)), { s, y, my, rho: 1 / curvature }];
    }
    point = step.point;
    current = step.evaluation;
    iterations += 1;
    options.onIteration?.(iterations, current.value);
  }
  return done('iterations');
}
