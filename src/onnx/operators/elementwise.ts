/** Element-wise operators. y is the output, g its gradient; the derivative stands at the line. */
import type { Dim, DType, Tensor } from '../recording.ts';
import { GraphError } from '../recording.ts';
import { addDims, broadcast, divide, multiply } from '../shapes.ts';
import { DTYPE_CODES } from '../tensor-type.ts';
import * as op from './functions.ts';
import {
  type AdjointCall,
  type Call,
  type Inferred,
  need,
  type Rule,
  type RuleTable,
  stringAttribute,
  unbroadcast,
} from './rule.ts';

const sameAsInput = (call: Call): Inferred[] => {
  const x = need(call, 0);
  return [{ dtype: x.dtype, shape: x.shape }];
};

function unary(derivative: (x: Tensor, y: Tensor, g: Tensor) => Tensor): Rule {
  return {
    infer: sameAsInput,
    adjoint: ({ inputs, outputs, gradient }) => [derivative(inputs[0], outputs[0], gradient)],
  };
}

const broadcastInputs = (call: Call): Inferred[] => {
  const [a, b] = [need(call, 0), need(call, 1)];
  if (a.dtype !== b.dtype)
    throw new GraphError(`${call.op}: '${a.name}' is ${a.dtype} but '${b.name}' is ${b.dtype}; cast one of them`);
  return [{ dtype: a.dtype, shape: broadcast(a.shape, b.shape), known: foldIntegers(call.op, a, b) }];
};

/** Integer arithmetic on known dimensions, so that shapes computed inside a graph read from a file stay known. */
function foldIntegers(op: string, a: Tensor, b: Tensor): Dim[] | undefined {
  if (!a.known || !b.known || a.dtype !== 'int64') return undefined;
  const numbers = (rule: (x: number, y: number) => number) => (x: Dim, y: Dim) =>
    typeof x === 'number' && typeof y === 'number' ? rule(x, y) : `${op}(${x},${y})`;
  const fold: Record<string, (x: Dim, y: Dim) => Dim> = {
    Add: (x, y) => addDims([x, y]),
    Sub: (x, y) => (typeof y === 'number' ? addDims([x, -y]) : x === y ? 0 : `Sub(${x},${y})`),
    Mul: (x, y) => multiply([x, y]),
    Div: (x, y) => (typeof x === 'string' ? divide([x], [y]) : numbers((p, q) => Math.trunc(p / q))(x, y)),
    Mod: numbers((x, y) => x - y * Math.floor(x / y)),
  };
  const rule = fold[op];
  if (!rule) return undefined;
  const length = Math.max(a.known.length, b.known.length);
  const at = (known: readonly Dim[], i: number) => known[known.length === 1 ? 0 : i];
  return Array.from({ length }, (_, i) => rule(at(a.known ?? [], i), at(b.known ?? [], i)));
}

function binary(
  derivative: (a: Tensor, b: Tensor, y: Tensor, g: Tensor, needs: readonly boolean[]) => [Tensor | null, Tensor | null],
): Rule {
  return {
    infer: broadcastInputs,
    adjoint: ({ inputs, outputs, gradient, needs }) => {
      const [a, b] = inputs;
      const [ga, gb] = derivative(a, b, outputs[0], gradient, needs);
      return [ga && needs[0] ? unbroadcast(ga, a) : null, gb && needs[1] ? unbroadcast(gb, b) : null];
    },
  };
}

function comparison(): Rule {
  return {
    stopsGradient: true,
    infer: (call) => [{ dtype: 'bool', shape: broadcast(need(call, 0).shape, need(call, 1).shape) }],
  };
}

/** Which of two int64 vectors' entries are equal, 1 or 0, as far as sizes are known: none is negative but for differences. */
function foldEqual(a: Tensor, b: Tensor): Dim[] | undefined {
  if (!a.known || !b.known) return undefined;
  const pairs = Array.from({ length: Math.max(a.known.length, b.known.length) }, (_, i) => [entry(a, i), entry(b, i)]);
  const told = pairs.map(([x, y]) => {
    if (x === y) return 1;
    const numbers = [x, y].filter((dim) => typeof dim === 'number');
    const sizes = [x, y].filter((dim) => typeof dim === 'string' && !/-|Sub/.test(dim));
    return numbers.length === 2 || (sizes.length === 1 && numbers.some((number) => number < 0)) ? 0 : undefined;
  });
  return told.every((value) => value !== undefined) ? told : undefined;
}

/** Of int64 vectors; undefined where the choice depends on more than sizes. */
function foldWhere(condition: Tensor, a: Tensor, b: Tensor): Dim[] | undefined {
  if (!condition.known || !a.known || !b.known) return undefined;
  const length = Math.max(...[condition, a, b].map(({ known }) => known?.length ?? 0));
  return Array.from({ length }, (_, i) => entry(entry(condition, i) === 1 ? a : b, i));
}

/** Of known values, one of which stands for all. */
function entry({ known = [] }: Tensor, i: number): Dim {
  return known[known.length === 1 ? 0 : i];
}

/** Where two operands tie, each gets half of the gradient (as PyTorch's minimum and maximum do). */
function extremum(wins: (a: Tensor, b: Tensor) => Tensor): Rule {
  const rule = binary((a, b, _y, g) => {
    const half = op.multiply(op.cast(op.equal(a, b), g.dtype), 0.5);
    const first = op.cast(wins(a, b), g.dtype);
    const second = op.cast(wins(b, a), g.dtype);
    return [op.multiply(g, op.add(first, half)), op.multiply(g, op.add(second, half))];
  });
  return {
    ...rule,
    infer: (call) => {
      if (call.inputs.length !== 2)
        throw new GraphError(`${call.op} of ${call.inputs.length} tensors is not supported: chain ${call.op} of two`);
      return rule.infer(call);
    },
  };
}

function geluDerivative({ node, inputs, gradient }: AdjointCall): Tensor[] {
  const [x] = inputs;
  if (stringAttribute(node.attributes, 'approximate', 'none') === 'tanh') {
    // y = x s(2u), u = c (x + a x^3):  y' = s + 2 x s (1 - s) c (1 + 3 a x^2)
    const c = Math.sqrt(2 / Math.PI);
    const a = 0.044715;
    const square = op.multiply(x, x);
    const s = op.sigmoid(op.multiply(x, op.add(op.multiply(square, 2 * c * a), 2 * c)));
    const slope = op.multiply(x, op.add(op.multiply(square, 6 * c * a), 2 * c));
    return [op.multiply(gradient, op.multiply(s, op.add(op.multiply(slope, op.subtract(1, s)), 1)))];
  }
  // y' = Phi(x) + x phi(x)
  const cdf = op.multiply(op.add(op.erf(op.multiply(x, Math.SQRT1_2)), 1), 0.5);
  const density = op.multiply(op.exp(op.multiply(op.multiply(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return [op.multiply(gradient, op.add(cdf, op.multiply(x, density)))];
}

const CODE_TO_DTYPE = new Map<number, DType>(
  Object.entries(DTYPE_CODES).map(([dtype, code]) => [code, dtype as DType]),
);
const FLOATING: readonly DType[] = ['float16', 'float32', 'float64'];

export const elementwise: RuleTable = {
  Neg: unary((_x, _y, g) => op.negate(g)),
  Exp: unary((_x, y, g) => op.multiply(g, y)),
  Log: unary((x, _y, g) => op.divide(g, x)),
  Sqrt: unary((_x, y, g) => op.divide(op.multiply(g, 0.5), y)),
  Abs: unary((x, _y, g) => op.multiply(g, op.sign(x))),
  Sin: unary((x, _y, g) => op.multiply(g, op.cos(x))),
  Cos: unary((x, _y, g) => op.negate(op.multiply(g, op.sin(x)))),
  Erf: unary((x, _y, g) => op.multiply(g, op.multiply(op.exp(op.negate(op.multiply(x, x))), 2 / Math.sqrt(Math.PI)))),
  Tanh: unary((_x, y, g) => op.multiply(g, op.subtract(1, op.multiply(y, y)))),
  Sigmoid: unary((_x, y, g) => op.multiply(g, op.multiply(y, op.subtract(1, y)))),
  Relu: unary((_x, y, g) => op.multiply(g, op.cast(op.greater(y, 0), g.dtype))), // faster than Where
  Softplus: unary((x, _y, g) => op.multiply(g, op.sigmoid(x))),
  Reciprocal: unary((_x, y, g) => op.negate(op.multiply(g, op.multiply(y, y)))),
  Identity: {
    infer: (call) => [{ ...sameAsInput(call)[0], known: call.inputs[0]?.known }],
    adjoint: ({ gradient }) => [gradient],
  },
  LeakyRelu: {
    infer: sameAsInput,
    adjoint: ({ node, inputs, gradient }) => {
      const alpha = typeof node.attributes.alpha === 'number' ? node.attributes.alpha : 0.01;
      return [op.where(op.greater(inputs[0], 0), gradient, op.multiply(gradient, alpha))];
    },
  },
  Elu: {
    infer: sameAsInput,
    adjoint: ({ node, inputs, outputs, gradient }) => {
      const alpha = typeof node.attributes.alpha === 'number' ? node.attributes.alpha : 1;
      return [op.where(op.greater(inputs[0], 0), gradient, op.multiply(gradient, op.add(outputs[0], alpha)))];
    },
  },
  Sum: {
    infer: (call) => [
      { dtype: need(call, 0).dtype, shape: broadcast(...call.inputs.map((_, i) => need(call, i).shape)) },
    ],
    adjoint: ({ inputs, gradient, needs }) =>
      inputs.map((input, i) => (needs[i] ? unbroadcast(gradient, input) : null)),
  },
  Gelu: { infer: sameAsInput, adjoint: geluDerivative },
  Clip: {
    infer: sameAsInput,
    adjoint: ({ inputs, gradient, node }) => {
      // The gradient passes where the bounds don't bite (bounds included, as in PyTorch's clamp).
      const [x, low, high] = [inputs[0], node.inputs[1], node.inputs[2]];
      let inside: Tensor | undefined;
      if (low) inside = op.greaterOrEqual(x, low);
      if (high) inside = inside ? op.and(inside, op.lessOrEqual(x, high)) : op.lessOrEqual(x, high);
      return [inside ? op.where(inside, gradient, 0) : gradient, null, null];
    },
  },
  Cast: {
    infer: (call) => {
      const dtype = CODE_TO_DTYPE.get(Number(call.attributes.to));
      if (!dtype) throw new GraphError(`Cast: data type ${String(call.attributes.to)} is not supported`);
      return [{ dtype, shape: need(call, 0).shape, known: dtype === 'int64' ? need(call, 0).known : undefined }];
    },
    adjoint: ({ inputs, gradient }) => [
      FLOATING.includes(inputs[0].dtype) && FLOATING.includes(gradient.dtype)
        ? op.cast(gradient, inputs[0].dtype)
        : null,
    ],
  },
  Dropout: {
    // As read from a file at inference: the identity. Training draws its masks from `layers.ts`.
    infer: (call) => {
      const [, , training] = call.inputs;
      const flag = training?.constant;
      if (training && !(flag instanceof Uint8Array && flag[0] === 0))
        throw new GraphError('Dropout with a training_mode input is not supported: export the model in eval mode');
      return sameAsInput(call);
    },
    adjoint: ({ gradient }) => [gradient, null],
  },

  Add: binary((_a, _b, _y, g) => [g, g]),
  Sub: binary((_a, _b, _y, g, needs) => [g, needs[1] ? op.negate(g) : null]),
  Mul: binary((a, b, _y, g, needs) => [needs[0] ? op.multiply(g, b) : null, needs[1] ? op.multiply(g, a) : null]),
  Div: binary((_a, b, y, g, needs) => {
    const scaled = op.divide(g, b);
    return [scaled, needs[1] ? op.negate(op.multiply(scaled, y)) : null];
  }),
  Pow: {
    infer: (call) => [{ dtype: need(call, 0).dtype, shape: broadcast(need(call, 0).shape, need(call, 1).shape) }],
    adjoint: ({ inputs, outputs, gradient, needs }) => {
      const [a, b] = inputs;
      const exponent = op.cast(b, a.dtype);
      const base = needs[0]
        ? unbroadcast(op.multiply(gradient, op.multiply(exponent, op.power(a, op.subtract(exponent, 1)))), a)
        : null;
      // d/db a^b = a^b ln a, taken as 0 where a = 0 (as PyTorch does for b > 0).
      const logarithm = needs[1] ? op.where(op.greater(a, 0), op.log(op.where(op.greater(a, 0), a, 1)), 0) : null;
      const power = logarithm ? unbroadcast(op.multiply(gradient, op.multiply(outputs[0], logarithm)), b) : null;
      return [base, power];
    },
  },
  Min: extremum(op.less),
  Max: extremum(op.greater),
  Where: {
    infer: (call) => {
      const [condition, a, b] = [need(call, 0), need(call, 1), need(call, 2)];
      const shape = broadcast(condition.shape, a.shape, b.shape);
      return [{ dtype: a.dtype, shape, known: foldWhere(condition, a, b) }];
    },
    adjoint: ({ inputs, gradient, needs }) => {
      const [condition, a, b] = inputs;
      return [
        null,
        needs[1] ? unbroadcast(op.where(condition, gradient, 0), a) : null,
        needs[2] ? unbroadcast(op.where(condition, 0, gradient), b) : null,
      ];
    },
  },

  Equal: {
    stopsGradient: true,
    infer: (call) => {
      const [a, b] = [need(call, 0), need(call, 1)];
      return [{ dtype: 'bool', shape: broadcast(a.shape, b.shape), known: foldEqual(a, b) }];
    },
  },
  Less: comparison(),
  LessOrEqual: comparison(),
  Greater: comparison(),
  GreaterOrEqual: comparison(),
  And: comparison(),
  Or: comparison(),
  Mod: {
    stopsGradient: true,
    infer: (call) => {
      if (FLOATING.includes(need(call, 0).dtype)) throw new GraphError('Mod of floats is not supported');
      return broadcastInputs(call);
    },
  },
  IsNaN: {
    stopsGradient: true,
    infer: (call) => [{ dtype: 'bool', shape: need(call, 0).shape }],
  },
  Not: { stopsGradient: true, infer: sameAsInput },
  Sign: { stopsGradient: true, infer: sameAsInput },
  Floor: { stopsGradient: true, infer: sameAsInput },
};
