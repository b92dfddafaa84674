/** The selective scan against its recurrence written as plain loops, and its gradients against central differences of those loops. */
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { gradients } from '../../../src/onnx/autodiff.ts';
import { type DType, Graph, type Shape } from '../../../src/onnx/graph.ts';
import { selectiveScan } from '../../../src/onnx/layers/selective-scan.ts';
import * as op from '../../../src/onnx/operators/functions.ts';
import type { TensorValue } from '../../../src/runtime/session.ts';
import { relativeError, runGraph } from '../helpers.ts';

interface Sizes {
  readonly steps: number;
  /** Rows side by side, as the axes between time and channels. */
  readonly rows: readonly number[];
  readonly channels: number;
  readonly states: number;
}
const ARGUMENTS = ['x', 'dt', 'A', 'B', 'C'] as const;
type Values = Record<(typeof ARGUMENTS)[number], number[]>;

const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);

function shapesOf({ steps, rows, channels, states }: Sizes): Record<(typeof ARGUMENTS)[number], number[]> {
  const wide = [steps, ...rows, channels];
  const narrow = [steps, ...rows, states];
  return { x: wide, dt: wide, A: [states, channels], B: narrow, C: narrow };
}

function draw(sizes: Sizes, seed: string, largestStep = 1): Values {
  const random = createRandom(seed);
  const shapes = shapesOf(sizes);
  const signed = (shape: number[]) => Array.from({ length: product(shape) }, () => 2 * random.next() - 1);
  return {
    x: signed(shapes.x),
    dt: signed(shapes.dt).map((value) => largestStep * Math.abs(value)),
    A: signed(shapes.A).map((value) => -0.1 - 3 * Math.abs(value)),
    B: signed(shapes.B),
    C: signed(shapes.C),
  };
}

/** y of the recurrence, term by term. */
function loops({ steps, rows, channels, states }: Sizes, { x, dt, A, B, C }: Values): number[] {
  const width = product(rows);
  const y = new Array<number>(steps * width * channels).fill(0);
  for (let row = 0; row < width; row++)
    for (let d = 0; d < channels; d++)
      for (let n = 0; n < states; n++) {
        let h = 0;
        for (let t = 0; t < steps; t++) {
          const [wide, narrow] = [(t * width + row) * channels + d, (t * width + row) * states + n];
          h = Math.exp(dt[wide] * A[n * channels + d]) * h + dt[wide] * B[narrow] * x[wide];
          y[wide] += C[narrow] * h;
        }
      }
  return y;
}

/** y and, for L = sum of weights y, dL by every argument. `symbolic`: time and rows known only at run time. */
async function engine(sizes: Sizes, values: Values, weights: readonly number[], dtype: DType, symbolic = false) {
  const graph = new Graph();
  const shapes = shapesOf(sizes);
  const array = (data: readonly number[]) => (dtype === 'float64' ? Float64Array.from(data) : Float32Array.from(data));
  const named = (name: string, shape: readonly number[]): Shape =>
    symbolic && name !== 'A' ? ['steps', ...sizes.rows.map((_, i) => `rows${i}`), shape[shape.length - 1]] : shape;
  const declare = (name: string, shape: readonly number[]) => graph.input(name, dtype, named(name, shape));
  const [x, dt, A, B, C] = ARGUMENTS.map((name) => declare(name, shapes[name]));
  const y = selectiveScan({ x, dt, A, B, C });
  expect(y.shape).toEqual(x.shape);
  graph.output('y', y);
  gradients(op.reduceSum(op.multiply(y, declare('weights', shapes.x))), [x, dt, A, B, C]).forEach((gradient, i) => {
    graph.output(`by ${ARGUMENTS[i]}`, gradient);
  });
  const value = (data: readonly number[], dims: readonly number[]) =>
    ({ type: dtype, data: array(data), dims }) as TensorValue;
  const feeds = Object.fromEntries(ARGUMENTS.map((name) => [name, value(values[name], shapes[name])]));
  return runGraph(graph, { ...feeds, weights: value(weights, shapes.x) });
}

const CASES: readonly Sizes[] = [
  { steps: 1, rows: [1], channels: 1, states: 1 },
  { steps: 5, rows: [3], channels: 4, states: 2 },
  { steps: 7, rows: [2, 3], channels: 3, states: 5 },
  { steps: 4, rows: [], channels: 2, states: 3 },
];

describe('the selective scan', () => {
  it.each(CASES)('is its recurrence, with gradients that equal central differences: %o', async (sizes) => {
    const values = draw(sizes, `scan ${JSON.stringify(sizes)}`);
    const weights = draw(sizes, 'weights').x;
    const results = await engine(sizes, values, weights, 'float64');
    expect(relativeError(results.y.data, loops(sizes, values))).toBeLessThan(1e-12);

    const lossAt = (changed: Values) => loops(sizes, changed).reduce((sum, y, i) => sum + weights[i] * y, 0);
    const step = 1e-5;
    for (const name of ARGUMENTS) {
      const numeric = values[name].map((_, i) => {
        const shifted = (by: number) => ({ ...values, [name]: values[name].map((v, j) => (i === j ? v + by : v)) });
        return (lossAt(shifted(step)) - lossAt(shifted(-step))) / (2 * step);
      });
      expect(relativeError(results[`by ${name}`].data, numeric, 1e-2), name).toBeLessThan(1e-7);
    }
  });

  it('is the same where time and rows are known only at run time', async () => {
    const sizes = CASES[2];
    const [values, weights] = [draw(sizes, 'symbols'), draw(sizes, 'weights').x];
    const known = await engine(sizes, values, weights, 'float64');
    const symbolic = await engine(sizes, values, weights, 'float64', true);
    for (const name of Object.keys(known)) expect([...symbolic[name].data], name).toEqual([...known[name].data]);
  });

  it('stays finite where decays underflow, over many steps of float32', async () => {
    const sizes = { steps: 600, rows: [1], channels: 2, states: 2 };
    const [values, weights] = [draw(sizes, 'long', 200), draw(sizes, 'weights').x];
    const results = await engine(sizes, values, weights, 'float32');
    expect(relativeError(results.y.data, loops(sizes, values))).toBeLessThan(1e-5);
    for (const name of ARGUMENTS)
      expect(Array.from(results[`by ${name}`].data, Number).every(Number.isFinite), name).toBe(true);
  });

  it('forgets everything before a step of no return and nothing at a step of size 0', async () => {
    const sizes = { steps: 3, rows: [], channels: 1, states: 1 };
    const ones = [1, 1, 1];
    const of = async (dt: number[]) =>
      [...(await engine(sizes, { x: ones, dt, A: [-1], B: ones, C: ones }, ones, 'float64')).y.data].map(Number);
    expect(await of([1, 0, 0])).toEqual([1, 1, 1]);
    expect(await of([1, 800, 2])).toEqual([1, 800, 800 * Math.exp(-2) + 2]);
  });
});
