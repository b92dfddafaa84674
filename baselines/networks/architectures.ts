/**
 * The one-hot CNNs of the literature as functions from one-hot letters to logits, widths and kernels as their authors have them (each
 * cites its source). Training them is `fit.ts`'s business; their initial weights are PyTorch's defaults unless the source says otherwise.
 *
 * Short inputs: a pooling layer is left out where fewer positions are left than its window, and a convolution without padding gets
 * padding where fewer are left than its kernel. So every architecture takes every length from 1 up.
 */
import type { Engine, Mode, Tensor } from '../../src/index.ts';

export interface Build {
  readonly engine: Engine;
  readonly mode: Mode;
  /** Width of the logits. */
  readonly outputs: number;
}

export interface Architecture {
  /** 4: A C G T, any other letter and padding all zero. 5: these have a channel of their own. */
  readonly channels: 4 | 5;
  /** x [rows, channels, length] -> logits [rows, outputs]. */
  readonly logits: (x: Tensor, build: Build) => Tensor;
  /** Multiplications of one forward pass of one sequence, about: decides how many steps can be afforded. */
  readonly multiplications: (length: number) => number;
}

type Pool = (x: Tensor, kernel: number) => Tensor;

/** Pools that leave out what the length no longer allows. */
function pools({ layers }: Engine): { max: Pool; average: Pool } {
  const unlessExhausted =
    (pool: Pool): Pool =>
    (x, kernel) =>
      Number(x.shape[2]) < kernel ? x : pool(x, kernel);
  return { max: unlessExhausted(layers.maxPool1d), average: unlessExhausted(layers.averagePool1d) };
}

/** [rows, channels, positions] -> [rows, channels * positions]. */
function flatten(x: Tensor, { op }: Engine): Tensor {
  return op.reshape(x, [x.shape[0], Number(x.shape[1]) * Number(x.shape[2])]);
}

/** chip_cnn: three times conv, BN, ReLU, max-pool, dropout; dense 256; He's initialisation. */
export const chipCnn = (widths = [64, 96, 128], hidden = 256): Architecture => ({
  channels: 4,
  logits(x, { engine, mode, outputs }) {
    const { op, layers, initialisers } = engine;
    const { max } = pools(engine);
    const weight = initialisers.heUniform;
    const zeros = { weight, biasInitialiser: initialisers.zeros };
    let y = x;
    for (const [i, [kernel, pool]] of [
      [7, 4],
      [5, 4],
      [5, 2],
    ].entries()) {
      y = layers.conv1d(y, `conv${i + 1}`, widths[i], kernel, zeros); // [rows, width, t]
      y = op.relu(layers.batchNorm(y, `norm${i + 1}`, mode));
      y = layers.dropout(max(y, pool), 0.2, mode); // [rows, width, t / pool]
    }
    y = layers.dense(flatten(y, engine), 'dense', hidden, zeros);
    y = layers.dropout(op.relu(layers.batchNorm(y, 'norm4', mode)), 0.5, mode);
    return layers.dense(y, 'head', outputs);
  },
  multiplications: (t) =>
    t *
    (28 * widths[0] + (5 * widths[0] * widths[1]) / 4 + (5 * widths[1] * widths[2]) / 16 + (widths[2] * hidden) / 32),
});

/** The ResNet: conv k19, a residual block of dilated convolutions, pools, position-wise dense, dense; Glorot's initialisation. */
export const resNet = (widths = [196, 256], dense = [256, 256]): Architecture => ({
  channels: 4,
  logits(x, { engine, mode, outputs }) {
    const { op, layers, initialisers } = engine;
    const { max, average } = pools(engine);
    const zeros = { weight: initialisers.glorotUniform, biasInitialiser: initialisers.zeros };
    const norm = (value: Tensor, name: string) => layers.batchNorm(value, name, mode);
    const silu = (value: Tensor, rate: number) => layers.dropout(layers.silu(value), rate, mode);
    const stem = silu(norm(layers.conv1d(x, 'conv1', widths[0], 19, zeros), 'norm1'), 0.2); // [rows, 196, t]
    let y = stem;
    for (const [i, dilation] of [1, 1, 2, 4, 8, 16].entries()) {
      const options = { dilation, bias: false, weight: initialisers.glorotUniform };
      y = norm(
        layers.conv1d(i === 0 ? y : silu(y, 0.1), `block.convs.${i}`, widths[0], 3, options),
        `block.norms.${i}`,
      );
    }
    y = max(silu(op.add(stem, y), 0.2), 5); // [rows, 196, t / 5]
    y = max(silu(norm(layers.conv1d(y, 'conv2', widths[1], 7, zeros), 'norm2'), 0.2), 5); // [rows, 256, t / 25]
    y = average(silu(norm(layers.conv1d(y, 'position', dense[0], 1, zeros), 'norm3'), 0.5), 2); // [rows, 256, t / 50]
    y = silu(norm(layers.dense(flatten(y, engine), 'dense', dense[1], zeros), 'norm4'), 0.5);
    return layers.dense(y, 'head', outputs, zeros);
  },
  multiplications: (t) => t * (76 * widths[0] + 18 * widths[0] ** 2 + (7 * widths[0] * widths[1]) / 5),
});

/** BarcodeBERT's CNN: three times conv k3 on each letter's row by itself, ReLU, BN, max-pool 3; BN, dense 500, tanh. */
export const barcodeCnn = (widths = [64, 32, 16], hidden = 500): Architecture => ({
  channels: 5,
  logits(x, { engine, mode, outputs }) {
    const { barcodeCnnFeatures, barcodeCnnLogits } = engine.barcodeCnn;
    return barcodeCnnLogits(barcodeCnnFeatures(x, mode, { widths, hidden }), outputs);
  },
  multiplications: (t) =>
    5 * t * (3 * widths[0] + widths[0] * widths[1] + (widths[1] * widths[2]) / 3 + (16 * hidden) / 27),
});

/** Genomic Benchmarks' CNN: embedded letters, three times conv k8 (no padding), BN, ReLU, max-pool 2; two dense layers, no activation between. */
export const genomicBenchmarksCnn = (widths = [16, 8, 4], embedding = 100, hidden = 512): Architecture => ({
  channels: 5,
  logits(x, { engine, mode, outputs }) {
    const { op, layers, initialisers } = engine;
    const { max } = pools(engine);
    // A table look-up, as a product with one-hot letters.
    let y = layers.conv1d(x, 'embeddings', embedding, 1, { bias: false, weight: initialisers.normal(1) }); // [rows, 100, t]
    for (const [i, width] of widths.entries()) {
      const padding = Number(y.shape[2]) < 8 ? 'same' : 'valid';
      y = layers.conv1d(y, `conv${i + 1}`, width, 8, { padding });
      y = max(op.relu(layers.batchNorm(y, `norm${i + 1}`, mode)), 2);
    }
    return layers.dense(layers.dense(flatten(y, engine), 'lin1', hidden), 'lin2', outputs);
  },
  multiplications: (t) => t * (5 * embedding + 8 * embedding * widths[0] + 4 * widths[0] * widths[1]),
});

/** rep_cnn on one-hot input: the head that Tang et al. put on full embeddings. First activation exponential; initialisation Normal(0, 0.005). */
export const repCnn = (reduced = 196, widths = [196, 256], dense = [512, 256]): Architecture => ({
  channels: 4,
  logits(x, { engine, mode, outputs }) {
    const { op, layers, initialisers } = engine;
    const { max } = pools(engine);
    const small = { weight: initialisers.normal(0.005), biasInitialiser: initialisers.zeros };
    const norm = (value: Tensor, name: string) => layers.batchNorm(value, name, mode);
    let y = layers.conv1d(norm(x, 'norm0'), 'reduce', reduced, 1, small); // [rows, 196, t]
    y = op.exp(norm(layers.conv1d(y, 'conv1', widths[0], 7, small), 'norm1'));
    y = max(layers.dropout(y, 0.2, mode), 5); // [rows, 196, t / 5]
    y = op.relu(norm(layers.conv1d(y, 'conv2', widths[1], 7, small), 'norm2'));
    y = flatten(layers.dropout(max(y, 4), 0.2, mode), engine); // [rows, 256 * t / 20]
    for (const [i, width] of dense.entries())
      y = layers.dropout(op.relu(norm(layers.dense(y, `dense${i + 1}`, width, small), `norm${i + 3}`)), 0.5, mode);
    return layers.dense(y, 'head', outputs, small);
  },
  multiplications: (t) =>
    t * (4 * reduced + 7 * reduced * widths[0] + (7 * widths[0] * widths[1]) / 5 + (widths[1] * dense[0]) / 20),
});
