/** How weights are first drawn. Each takes a source of uniform numbers in [0, 1) and the weight's shape in PyTorch's layout. */
import type { Initialiser } from '../graph.ts';

const size = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

/** Inputs and outputs of one unit: dense [out, in], convolution [out, in / group, kernel]. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const receptive = size(shape.slice(2));
  return { fanIn: (shape[1] ?? shape[0]) * receptive, fanOut: shape[0] * receptive };
}

export const constant =
  (value: number): Initialiser =>
  (_random, shape) =>
    new Float32Array(size(shape)).fill(value);
export const zeros = constant(0);
export const ones = constant(1);

export const uniform =
  (bound: number): Initialiser =>
  (random, shape) =>
    Float32Array.from({ length: size(shape) }, () => (2 * random() - 1) * bound);

/** Normal by Box and Muller's transform. */
export const normal =
  (deviation: number): Initialiser =>
  (random, shape) =>
    Float32Array.from({ length: size(shape) }, () => {
      const radius = Math.sqrt(-2 * Math.log(1 - random()));
      return deviation * radius * Math.cos(2 * Math.PI * random());
    });

/** Glorot and Bengio 2010: uniform(+-sqrt(6 / (fanIn + fanOut))). */
export const glorotUniform: Initialiser = (random, shape) => {
  const { fanIn, fanOut } = fans(shape);
  return uniform(Math.sqrt(6 / (fanIn + fanOut)))(random, shape);
};

/** He et al. 2015: uniform(+-sqrt(6 / fanIn)). */
export const heUniform: Initialiser = (random, shape) => uniform(Math.sqrt(6 / fans(shape).fanIn))(random, shape);

/** PyTorch's default of Linear and Conv weights (Kaiming with a = sqrt 5): uniform(+-1 / sqrt(fanIn)). */
export const torchUniform: Initialiser = (random, shape) => uniform(1 / Math.sqrt(fans(shape).fanIn))(random, shape);

/** PyTorch's default of Linear and Conv biases: uniform(+-1 / sqrt(fanIn of the weight)). */
export const torchBias = (fanIn: number): Initialiser => uniform(1 / Math.sqrt(fanIn));

/** Normal, drawn again where it lies more than `cutoff` deviations from zero (PyTorch's trunc_normal_). */
export const truncatedNormal =
  (deviation: number, cutoff: number): Initialiser =>
  (random, shape) => {
    if (!(cutoff >= 0.1))
      throw new RangeError(`a cutoff of ${cutoff} deviations would leave hardly any draw; at least 0.1`);
    const draw = normal(1);
    return Float32Array.from({ length: size(shape) }, () => {
      let [value] = draw(random, [1]);
      while (Math.abs(value) > cutoff) [value] = draw(random, [1]);
      return deviation * value;
    });
  };
