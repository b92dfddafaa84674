/**
 * The objective of L2-penalised logistic regression, exactly scikit-learn's:
 *
 *   J(W, b) = C * sum_i CE_i + 0.5 * ||W||^2        (the intercept b is not penalised)
 *
 * CE is softmax cross-entropy over k >= 3 columns (`softmax`), or the sum over columns of sigmoid cross-entropies (`sigmoid`:
 * one column for two classes, one per label for several labels). Value and gradient are one engine run over all rows; rows'
 * losses leave the graph separately and are summed in float64. Small probabilities keep their relative precision (1 - p is
 * never formed by subtraction), so that nearly separable data under a weak penalty still has a clean gradient.
 */

import type { Matrix64 } from '../../algebra/linear-algebra.ts';
import type { Matrix } from '../../core/matrix.ts';
import { Graph, type Tensor } from '../../onnx/graph.ts';
import { serialise } from '../../onnx/io/serialise.ts';
import * as op from '../../onnx/operators/functions.ts';
import type { Device } from '../../runtime/device.ts';
import { openSession, type Session, type TensorValue } from '../../runtime/session.ts';
import type { Evaluation } from './lbfgs.ts';

export type Link = 'softmax' | 'sigmoid';

export interface LogisticProblem {
  readonly link: Link;
  /** `[rows, dim]` float32, standardised. */
  readonly features: Matrix & { readonly values: Float32Array };
  /** softmax: the class of every row, `[rows]` in 0..columns-1. sigmoid: 0/1 per row and column, `[rows, columns]`. */
  readonly labels: Int32Array;
  readonly columns: number;
}

export interface LogisticObjective {
  /**
   * J and its gradient. The point and the gradient are `[dim * columns + columns]`: W row-major `[dim, columns]`, then b.
   */
  evaluate(point: Float64Array, C: number, preconditioner?: Preconditioner): Promise<Evaluation>;
  dispose(): Promise<void>;
}

/**
 * M^-1 as float32: of W either a matrix `[dim, dim]`, or I - A' B A with A `[rank, dim]` and B `[rank, rank]`; of the intercepts
 * a factor.
 */
export interface Preconditioner {
  readonly weights:
    | { readonly form: 'dense'; readonly matrix: Float32Array }
    | { readonly form: 'factored'; readonly a: Float32Array; readonly b: Float32Array };
  readonly intercept: number;
}

type PreconditionerForm = 'none' | Preconditioner['weights']['form'];

/** log(1 + small) where u = fl(1 + small): exact to rounding for every size of `small` (Kahan's correction). */
function log1p(small: Tensor, u: Tensor): Tensor {
  const corrected = op.divide(op.multiply(op.log(u), small), op.maximum(op.subtract(u, 1), 1e-30));
  return op.where(op.equal(u, 1), small, corrected);
}

function objectiveGraph(link: Link, dim: number, columns: number, form: PreconditionerForm): Uint8Array {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', dim]);
  // A single column is fed as a row: the engine's matrix-vector product is then contiguous.
  const w = graph.input('w', 'float32', columns === 1 ? [1, dim] : [dim, columns]);
  const b = graph.input('b', 'float32', [columns]);
  const c = graph.input('c', 'float32', [1]);
  const ones = graph.input('ones', 'float32', ['rows', 1]);
  const z = op.gemm(x, w, b, { transB: columns === 1 }); // [rows, columns]
  let residual: Tensor; // dCE/dz [rows, columns]
  if (link === 'softmax') {
    const label = graph.input('label', 'int64', ['rows', 1]);
    const logProbability = op.logSoftmax(z); // [rows, columns]
    const logOfLabel = op.gatherElements(logProbability, label, 1); // [rows, 1]
    const others = op.scatterElements(op.exp(logProbability), label, op.multiply(logOfLabel, 0), 1); // label's column zero
    const miss = op.reduceSum(others, [1], true); // 1 - P(label), [rows, 1]
    residual = op.scatterElements(others, label, op.negate(miss), 1);
    graph.output('log_of_label', logOfLabel);
    graph.output('miss', miss);
  } else {
    const sign = graph.input('sign', 'float32', ['rows', columns]); // -1 or 1
    const margin = op.multiply(z, sign);
    const small = op.exp(op.negate(op.abs(margin))); // in (0, 1]
    const u = op.add(small, 1);
    const loss = op.add(op.relu(op.negate(margin)), log1p(small, u));
    graph.output('loss', op.reduceSum(loss, [1]));
    const miss = op.divide(op.where(op.greater(margin, 0), small, 1), u); // 1 - P(label)
    residual = op.negate(op.multiply(sign, miss));
  }
  const column = columns === 1 ? op.reshape(w, [dim, 1]) : w;
  const gradient = op.add(op.multiply(op.gemm(x, residual, null, { transA: true }), c), column); // [dim, columns]
  graph.output('gradient_w', gradient);
  graph.output('gradient_b', op.multiply(op.gemm(ones, residual, null, { transA: true }), c)); // [1, columns]
  if (form === 'dense') {
    graph.output('scaled_w', op.matmul(graph.input('m', 'float32', [dim, dim]), gradient));
  } else if (form === 'factored') {
    const a = graph.input('a', 'float32', ['rank', dim]);
    const inner = op.matmul(graph.input('b_inner', 'float32', ['rank', 'rank']), op.matmul(a, gradient)); // [rank, columns]
    graph.output('scaled_w', op.subtract(gradient, op.gemm(a, inner, null, { transA: true })));
  }
  return serialise(graph).bytes;
}

/** Opens the objective over fixed training rows. The features are fed in place, never copied. */
export async function openObjective(
  problem: LogisticProblem,
  options: { device: Device; threads: number },
): Promise<LogisticObjective> {
  const { link, columns, labels } = problem;
  const { rows, columns: dim, values } = problem.features;
  const sessions = new Map<PreconditionerForm, Promise<Session>>();
  const sessionFor = (form: PreconditionerForm): Promise<Session> => {
    let session = sessions.get(form);
    if (!session) {
      session = openSession(objectiveGraph(link, dim, columns, form), { ...options, label: 'logistic regression' });
      sessions.set(form, session);
    }
    return session;
  };
  const preconditionerFeeds = ({ weights }: Preconditioner): Record<string, TensorValue> => {
    if (weights.form === 'dense') return { m: { type: 'float32', data: weights.matrix, dims: [dim, dim] } };
    const rank = weights.a.length / dim;
    return {
      a: { type: 'float32', data: weights.a, dims: [rank, dim] },
      b_inner: { type: 'float32', data: weights.b, dims: [rank, rank] },
    };
  };
  const fixed: Record<string, TensorValue> = {
    x: { type: 'float32', data: values, dims: [rows, dim] },
    ones: { type: 'float32', data: new Float32Array(rows).fill(1), dims: [rows, 1] },
  };
  if (link === 'softmax') {
    fixed.label = { type: 'int64', data: BigInt64Array.from(labels, BigInt), dims: [rows, 1] };
  } else {
    fixed.sign = { type: 'float32', data: Float32Array.from(labels, (y) => 2 * y - 1), dims: [rows, columns] };
  }

  return {
    async evaluate(point, C, preconditioner) {
      const w = Float32Array.from(point.subarray(0, dim * columns));
      const b = Float32Array.from(point.subarray(dim * columns));
      const feeds: Record<string, TensorValue> = {
        ...fixed,
        w: { type: 'float32', data: w, dims: columns === 1 ? [1, dim] : [dim, columns] },
        b: { type: 'float32', data: b, dims: [columns] },
        c: { type: 'float32', data: Float32Array.of(C), dims: [1] },
      };
      const session = await sessionFor(preconditioner?.weights.form ?? 'none');
      const results = await session.run(preconditioner ? { ...feeds, ...preconditionerFeeds(preconditioner) } : feeds);
      let loss = 0;
      if (link === 'softmax') {
        const logs = results.log_of_label.data as Float32Array;
        const misses = results.miss.data as Float32Array;
        // -log P(label), through 1 - P(label) where the latter is small and therefore the more precise.
        for (let r = 0; r < rows; r++) loss += misses[r] < 0.25 ? -Math.log1p(-misses[r]) : -logs[r];
      } else {
        for (const value of results.loss.data as Float32Array) loss += value;
      }
      let penalty = 0;
      for (const weight of w) penalty += weight * weight;
      const join = (weights: TensorValue, intercept: Float32Array, factor: number): Float64Array => {
        const joined = new Float64Array(point.length);
        joined.set(weights.data as Float32Array);
        for (let k = 0; k < columns; k++) joined[dim * columns + k] = intercept[k] * factor;
        return joined;
      };
      const interceptGradient = results.gradient_b.data as Float32Array;
      return {
        value: C * loss + 0.5 * penalty,
        gradient: join(results.gradient_w, interceptGradient, 1),
        preconditioned: preconditioner && join(results.scaled_w, interceptGradient, preconditioner.intercept),
      };
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
      sessions.clear();
    },
  };
}

/** Probabilities from logits in float64. softmax: rows sum to 1. sigmoid: every column by itself. */
export function probabilities(link: Link, logits: Matrix): Matrix64 {
  const { rows, columns } = logits;
  const values = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const start = r * columns;
    if (link === 'sigmoid') {
      for (let k = start; k < start + columns; k++) {
        const small = Math.exp(-Math.abs(logits.values[k]));
        values[k] = (logits.values[k] >= 0 ? 1 : small) / (1 + small);
      }
      continue;
    }
    let top = Number.NEGATIVE_INFINITY;
    for (let k = start; k < start + columns; k++) top = Math.max(top, logits.values[k]);
    let total = 0;
    for (let k = start; k < start + columns; k++) {
      values[k] = Math.exp(logits.values[k] - top);
      total += values[k];
    }
    for (let k = start; k < start + columns; k++) values[k] /= total;
  }
  return { rows, columns, values };
}
