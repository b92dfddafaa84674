/**
 * What a network is asked, by kind of task: the layout of its labels, its loss, and how logits become predictions. Softmax
 * cross-entropy for one class of several (two included), independent binary cross-entropies for several labels, squared error on
 * standardised targets for numbers.
 */
import type { Engine, Feeds, Graph, Predictions, Targets, TaskKind, Tensor } from '../../src/index.ts';

export interface Answers {
  /** Width of the logits and of the predictions. */
  readonly outputs: number;
  /** Labels and weights of some rows. */
  feeds(rows: Int32Array): Feeds;
  /** Mean loss; declares the inputs that {@link feeds} feeds. */
  loss(graph: Graph, logits: Tensor, engine: Engine): Tensor;
  predictions(logits: Tensor, engine: Engine): Tensor;
  /** Turns the network's predictions `[rows, outputs]` into the task's, in place. */
  restore(values: Float64Array): Predictions['values'];
}

const weights = (rows: Int32Array): Feeds => ({
  weights: { type: 'float32', data: new Float32Array(rows.length).fill(1), dims: [rows.length] },
});

function classAnswers(targets: Targets, outputs: number): Answers {
  return {
    outputs,
    feeds: (rows) => ({
      labels: {
        type: 'int64',
        data: BigInt64Array.from(rows as ArrayLike<number> as number[], (row) => BigInt(targets.values[row])),
        dims: [rows.length],
      },
      ...weights(rows),
    }),
    loss: (graph, logits, { losses }) =>
      losses.softmaxCrossEntropy(
        logits,
        graph.input('labels', 'int64', ['rows']),
        graph.input('weights', 'float32', ['rows']),
      ),
    predictions: (logits, { op }) => op.softmax(logits),
    restore: (values) => values,
  };
}

function columnAnswers(targets: Targets, values: Float64Array, kind: 'multilabel' | 'regression'): Answers {
  const { columns } = targets;
  return {
    outputs: columns,
    feeds(rows) {
      const data = new Float32Array(rows.length * columns);
      rows.forEach((row, i) => {
        for (let c = 0; c < columns; c++) data[i * columns + c] = values[row * columns + c];
      });
      return { targets: { type: 'float32', data, dims: [rows.length, columns] }, ...weights(rows) };
    },
    loss(graph, logits, { losses }) {
      const truth = graph.input('targets', 'float32', ['rows', columns]);
      const perRow = graph.input('weights', 'float32', ['rows']);
      return kind === 'multilabel'
        ? losses.binaryCrossEntropy(logits, truth, perRow)
        : losses.meanSquaredError(logits, truth, perRow);
    },
    predictions: (logits, { op }) => (kind === 'multilabel' ? op.sigmoid(logits) : logits),
    restore: (predictions) => predictions,
  };
}

/** Mean and standard deviation of each target column over the training rows; 1 where a column is constant. */
export function scalesOf(targets: Targets): { mean: number; deviation: number }[] {
  const { rows, columns, values } = targets;
  return Array.from({ length: columns }, (_, c) => {
    let mean = 0;
    for (let r = 0; r < rows; r++) mean += values[r * columns + c] / rows;
    let variance = 0;
    for (let r = 0; r < rows; r++) variance += (values[r * columns + c] - mean) ** 2 / rows;
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
}

/** The rules for `kind` over the training rows' targets. `outputs` is the task's. */
export function answersOf(kind: TaskKind, targets: Targets, outputs: number): Answers {
  if (kind === 'binary' || kind === 'multiclass') return classAnswers(targets, outputs);
  if (kind === 'multilabel') return columnAnswers(targets, targets.values, kind);
  if (kind === 'clustering') throw new Error('a network that is fitted to labels cannot cluster without them');
  const scales = scalesOf(targets);
  const { columns } = targets;
  const standardised = targets.values.map(
    (value, i) => (value - scales[i % columns].mean) / scales[i % columns].deviation,
  );
  return {
    ...columnAnswers(targets, standardised, kind),
    restore: (values) => values.map((value, i) => value * scales[i % columns].deviation + scales[i % columns].mean),
  };
}
