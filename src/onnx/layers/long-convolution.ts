/**
 * Causal convolution with a filter as long as the sequence (Hyena; Poli et al. 2023), exact, from matrix products alone: no FFT operator, which ONNX Runtime has
 * on the CPU only, and no operator without an adjoint.
 *
 * Place iB + r is row i, column r of a matrix. The convolution is then one of two variables, so it is a product of two-dimensional discrete Fourier transforms
 * over 2n rows and 2B columns (zeros fill the second halves: nothing wraps around), and what a row spills over is added to the next one. A transform along
 * one axis is a product with a matrix of cosines and one of sines. No [t, t] matrix is ever made: memory grows with t. Multiplications per channel and token
 * are 6 B + 16 t / B, against t / 2 of the plain sum: as many at a thousand tokens, a quarter at 32 thousand. Errors are those of float32 sums.
 */
import { GraphError, type Tensor } from '../graph.ts';
import * as op from '../operators/functions.ts';
import { multiply } from '../shapes.ts';
import type { Dim } from '../tensor-type.ts';

/** Real and imaginary part. */
type Complex = readonly [Tensor, Tensor];

/** The block B with the fewest multiplications at `tokens`, sqrt(8 t / 3), as a power of two in 8..512. */
export function longConvolutionBlock(tokens: number): number {
  return Math.min(512, Math.max(8, 2 ** Math.round(Math.log2(Math.sqrt((8 * tokens) / 3)))));
}

/**
 * y[t] = sum over s <= t of filter[t - s] x[s], each channel by itself. x [b, c, t], filter [c, t] -> [b, c, t]; t may be a symbol.
 * `block` is a matter of speed alone. Computed in float32 whatever x is.
 */
export function longConvolution(x: Tensor, filter: Tensor, block: number): Tensor {
  if (!Number.isInteger(block) || block < 1)
    throw new GraphError(`longConvolution: a block of ${block}; a whole number of at least 1 is needed`);
  if (x.rank !== 3 || filter.rank !== 2 || x.shape[2] !== filter.shape[1])
    throw new GraphError(`longConvolution: x [${x.shape}] and filter [${filter.shape}] must be [b, c, t] and [c, t]`);
  return x.graph.inFloat32(() => transformed(x, filter, block));
}

/** {@link longConvolution} of inputs that fit. */
function transformed(x: Tensor, filter: Tensor, block: number): Tensor {
  const layout = blocksOf(x, block);
  const along = rowTransform(layout); // [2n, n]
  const spectrum = (signal: Tensor) => apply(along, columnTransform(intoBlocks(signal, layout)));
  const product = multiplyComplex(spectrum(op.cast(x, 'float32')), spectrum(op.cast(filter, 'float32'))); // [b, c, 2n, B + 1]
  const rows = apply(inverseRowTransform(along, layout), product); // [b, c, n, B + 1]
  const [first, spill] = op.split(inverseColumnTransform(rows, block), 3, [block, block]); // [b, c, n, B] each
  const fromRowBefore = op.slice(op.pad(spill, [0, 0, 1, 0], [0, 0, 0, 0]), 2, 0, -1);
  return op.cast(outOfBlocks(op.add(first, fromRowBefore), x, layout), x.dtype);
}

/** How t places lie in n rows of B. */
interface Layout {
  readonly block: number;
  readonly tokens: Dim;
  readonly rows: Dim;
  /** int64 scalars: t, n and n B at run time. */
  readonly tokenCount: Tensor;
  readonly rowCount: Tensor;
  readonly paddedCount: Tensor;
}

function blocksOf(x: Tensor, block: number): Layout {
  const graph = x.graph;
  const tokens = x.shape[2];
  const rows = typeof tokens === 'number' ? Math.ceil(tokens / block) : `rows(${tokens},${block})`;
  const tokenCount = op.squeeze(graph.node('Shape', [x], { start: 2, end: 3 })[0], [0]);
  const rowCount = op.divide(op.add(tokenCount, block - 1), block);
  return { block, tokens, rows, tokenCount, rowCount, paddedCount: op.multiply(rowCount, block) };
}

/** Zeros up to a whole number of rows, which are then an axis: [..., t] -> [..., n, B]. */
function intoBlocks(x: Tensor, layout: Layout): Tensor {
  const { block, rows } = layout;
  const [padded] = x.graph.composite('padToBlocks', [x], () => ({
    outputs: [lengthen(x, layout)],
    adjoint: ([g]) => [g && shorten(g, layout)],
  }));
  const leading = x.shape.slice(0, -1);
  const target = x.graph.targetShape([...leading.map(() => 0), -1, block], [...leading, rows, block]);
  return x.graph.node('Reshape', [padded, target])[0];
}

/** [b, c, n, B] -> [b, c, t], the first t places. */
function outOfBlocks(y: Tensor, like: Tensor, layout: Layout): Tensor {
  const { block, rows } = layout;
  const leading = like.shape.slice(0, -1);
  const target = y.graph.targetShape([0, 0, -1], [...leading, multiply([rows, block])]);
  const [flat] = y.graph.node('Reshape', [y, target]);
  return y.graph.composite('cropToTokens', [flat], () => ({
    outputs: [shorten(flat, layout)],
    adjoint: ([g]) => [g && lengthen(g, layout)],
  }))[0];
}

function lengthen(x: Tensor, { rows, block, tokenCount, paddedCount }: Layout): Tensor {
  const graph = x.graph;
  const missing = op.unsqueeze(op.subtract(paddedCount, tokenCount), [0]); // [1]
  const pads = op.concat([graph.integers(new Array(2 * x.rank - 1).fill(0)), missing], 0);
  const shape = [...x.shape.slice(0, -1), multiply([rows, block])];
  return graph.node('Pad', [x, pads, graph.scalar(0)], {}, { inferred: [{ dtype: 'float32', shape }] })[0];
}

function shorten(x: Tensor, { tokens, tokenCount }: Layout): Tensor {
  const graph = x.graph;
  const inputs = [x, graph.integers([0]), op.unsqueeze(tokenCount, [0]), graph.integers([x.rank - 1])];
  const shape = [...x.shape.slice(0, -1), tokens];
  return graph.node('Slice', inputs, {}, { inferred: [{ dtype: 'float32', shape }] })[0];
}

/** Of rows of B real values and B zeros, the B + 1 frequencies that are not another's conjugate: [..., n, B] -> [..., n, B + 1]. */
function columnTransform(x: Tensor): Complex {
  const block = Number(x.shape[x.rank - 1]);
  const table = (wave: (angle: number) => number) =>
    waves(x, [block, block + 1], (place, frequency) => wave((Math.PI * ((place * frequency) % (2 * block))) / block));
  return [
    op.matmul(x, table(Math.cos)),
    op.matmul(
      x,
      table((angle) => -Math.sin(angle)),
    ),
  ];
}

/** Back to 2B real values: [..., n, B + 1] -> [..., n, 2B]. Frequencies 1..B-1 stand for their conjugates too. */
function inverseColumnTransform([real, imaginary]: Complex, block: number): Tensor {
  const table = (wave: (angle: number) => number) =>
    waves(real, [block + 1, 2 * block], (frequency, place) => {
      const share = frequency === 0 || frequency === block ? 1 : 2;
      return (share * wave((Math.PI * ((place * frequency) % (2 * block))) / block)) / (2 * block);
    });
  return op.add(
    op.matmul(real, table(Math.cos)),
    op.matmul(
      imaginary,
      table((angle) => -Math.sin(angle)),
    ),
  );
}

function waves(like: Tensor, [rows, columns]: [number, number], at: (row: number, column: number) => number): Tensor {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns));
  return like.graph.constant(data, [rows, columns]);
}

/** exp(-2 pi i k j / 2n), [2n, n]: made at run time, since n may be known only then. */
function rowTransform({ rows, rowCount }: Layout): Complex {
  const graph = rowCount.graph;
  const period = op.multiply(rowCount, 2); // 2n
  const range = (end: Tensor, size: Dim) =>
    graph.node(
      'Range',
      [graph.scalar(0, 'int64'), end, graph.scalar(1, 'int64')],
      {},
      { inferred: [{ dtype: 'int64', shape: [size] }] },
    )[0];
  const turns = op.multiply(
    op.unsqueeze(range(period, multiply([2, rows])), [1]),
    op.unsqueeze(range(rowCount, rows), [0]),
  );
  // Whole turns are taken off while numbers are still whole, so that the angle is exact.
  const part = op.cast(graph.node('Mod', [turns, period])[0], 'float32');
  const angle = op.multiply(part, op.divide(2 * Math.PI, op.cast(period, 'float32')));
  return [op.cos(angle), op.negate(op.sin(angle))];
}

/** exp(2 pi i k j / 2n) / 2n for the first n rows, [n, 2n]. */
function inverseRowTransform([cosine, minusSine]: Complex, { rowCount }: Layout): Complex {
  const scale = op.reciprocal(op.cast(op.multiply(rowCount, 2), 'float32'));
  const turned = (x: Tensor) => op.multiply(op.transpose(x, [1, 0]), scale);
  return [turned(cosine), op.negate(turned(minusSine))];
}

/** A complex matrix times complex columns. */
function apply([a, b]: Complex, [x, y]: Complex): Complex {
  return [op.subtract(op.matmul(a, x), op.matmul(b, y)), op.add(op.matmul(a, y), op.matmul(b, x))];
}

function multiplyComplex([a, b]: Complex, [x, y]: Complex): Complex {
  return [op.subtract(op.multiply(a, x), op.multiply(b, y)), op.add(op.multiply(a, y), op.multiply(b, x))];
}
