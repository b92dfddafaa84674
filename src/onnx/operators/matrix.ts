/** Matrix products. */
import { GraphError, type Tensor } from '../recording.ts';
import { broadcast } from '../shapes.ts';
import * as op from './functions.ts';
import { integerAttribute, need, type RuleTable, unbroadcast } from './rule.ts';

/** Swaps the last two axes. */
function swap(x: Tensor): Tensor {
  const order = Array.from({ length: x.rank }, (_, axis) => axis);
  return op.transpose(x, [...order.slice(0, -2), x.rank - 1, x.rank - 2]);
}

/** [..., rows, columns] -> [rows*, columns], so that a weight's gradient is one matrix product. */
function flattenRows(x: Tensor): Tensor {
  return op.reshape(x, [-1, x.shape[x.rank - 1]]);
}

function numberAttribute(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

export const matrix: RuleTable = {
  MatMul: {
    infer: (call) => {
      const [a, b] = [need(call, 0), need(call, 1)];
      if (a.rank === 0 || b.rank === 0) throw new GraphError('MatMul: scalars are not allowed');
      const inner = [a.shape[a.rank - 1], b.shape[Math.max(b.rank - 2, 0)]];
      if (typeof inner[0] === 'number' && typeof inner[1] === 'number' && inner[0] !== inner[1])
        throw new GraphError(
          `MatMul: '${a.name}' [${a.shape}] and '${b.name}' [${b.shape}] don't fit: ${inner[0]} against ${inner[1]}`,
        );
      const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
      const rows = a.rank >= 2 ? [a.shape[a.rank - 2]] : [];
      const columns = b.rank >= 2 ? [b.shape[b.rank - 1]] : [];
      return [{ dtype: a.dtype, shape: [...batch, ...rows, ...columns] }];
    },
    adjoint: ({ inputs, gradient, needs }) => {
      const [a, b] = inputs;
      if (a.rank < 2 || b.rank < 2) {
        // Vectors become one-row or one-column matrices, then the matrix rule holds.
        const left = a.rank < 2 ? op.unsqueeze(a, [0]) : a;
        const right = b.rank < 2 ? op.unsqueeze(b, [1]) : b;
        let g = gradient;
        if (b.rank < 2) g = op.unsqueeze(g, [g.rank]);
        if (a.rank < 2) g = op.unsqueeze(g, [g.rank - 1]);
        const toLeft = needs[0] ? op.matmul(g, swap(right)) : null;
        const toRight = needs[1] ? op.matmul(swap(left), g) : null;
        return [
          toLeft && op.reshapeLike(unbroadcast(toLeft, left), a),
          toRight && op.reshapeLike(unbroadcast(toRight, right), b),
        ];
      }
      const toA = needs[0] ? unbroadcast(op.matmul(gradient, swap(b)), a) : null;
      if (!needs[1]) return [toA, null];
      if (b.rank === 2 && a.rank > 2)
        return [toA, op.matmul(op.transpose(flattenRows(a), [1, 0]), flattenRows(gradient))];
      return [toA, unbroadcast(op.matmul(swap(a), gradient), b)];
    },
  },
  Gemm: {
    infer: (call) => {
      const [a, b] = [need(call, 0), need(call, 1)];
      const [transA, transB] = [
        integerAttribute(call.attributes, 'transA', 0),
        integerAttribute(call.attributes, 'transB', 0),
      ];
      const [inA, inB] = [a.shape[transA ? 0 : 1], b.shape[transB ? 1 : 0]];
      if (typeof inA === 'number' && typeof inB === 'number' && inA !== inB)
        throw new GraphError(
          `Gemm: '${a.name}' [${a.shape}] and '${b.name}' [${b.shape}] don't fit: ${inA} against ${inB}`,
        );
      return [{ dtype: a.dtype, shape: [a.shape[transA ? 1 : 0], b.shape[transB ? 0 : 1]] }];
    },
    adjoint: ({ node, inputs, gradient, needs }) => {
      const [a, b] = inputs;
      const transA = integerAttribute(node.attributes, 'transA', 0) === 1;
      const transB = integerAttribute(node.attributes, 'transB', 0) === 1;
      const alpha = numberAttribute(node.attributes.alpha, 1);
      const beta = numberAttribute(node.attributes.beta, 1);
      let toA: Tensor | null = null;
      let toB: Tensor | null = null;
      if (needs[0])
        toA = transA
          ? op.gemm(b, gradient, null, { transA: transB, transB: true, alpha })
          : op.gemm(gradient, b, null, { transB: !transB, alpha });
      if (needs[1])
        toB = transB
          ? op.gemm(gradient, a, null, { transA: true, transB: transA, alpha })
          : op.gemm(a, gradient, null, { transA: !transA, alpha });
      const c = inputs[2];
      const toC = c && needs[2] ? unbroadcast(beta === 1 ? gradient : op.multiply(gradient, beta), c) : null;
      return [toA, toB, toC];
    },
  },
};
