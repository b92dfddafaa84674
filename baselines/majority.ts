/**
 * What is known without looking at a sequence: the class frequencies of the training rows (labels: each label's; numbers: the mean).
 * The chance level beside every score.
 */
import {
  defineBaseline,
  type MetricName,
  metric,
  type Predictions,
  type Targets,
  type TaskKind,
} from '../src/index.ts';

/** One row of predictions, the same for every sequence. */
function priors(kind: TaskKind, targets: Targets, outputs: number): Float64Array {
  const { rows, columns, values } = targets;
  if (rows === 0) throw new Error('majority: there are no training rows');
  const row = new Float64Array(outputs);
  const classes = kind === 'binary' || kind === 'multiclass';
  for (let r = 0; r < rows; r++) {
    if (classes) row[values[r]] += 1 / rows;
    else for (let c = 0; c < columns; c++) row[c] += values[r * columns + c] / rows;
  }
  return row;
}

/** The score, larger is better; where a constant prediction has none (correlations), the metric's chance level. */
function scoreOrChance(name: MetricName, targets: Targets, predictions: Predictions): number {
  const { prepare, chance, higherIsBetter } = metric(name);
  const score = prepare(targets, predictions)();
  const known = Number.isNaN(score) ? chance : score;
  if (known === undefined)
    throw new Error(`majority: ${name} is undefined on the validation rows and has no chance level`);
  return higherIsBetter ? known : -known;
}

export default defineBaseline({
  id: 'majority',
  title: 'Majority class / mean',
  description: 'Predicts the class frequencies (or the mean) of the training rows for every sequence.',
  citation: 'None: the definition of chance',
  family: 'chance',
  kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
  version: '1',
  stochastic: false,
  options: {},
  async fit({ definition, train, valid, outputs }) {
    const row = priors(definition.kind, train.targets, outputs);
    const predict = (rows: number) => {
      const values = new Float64Array(rows * outputs);
      for (let r = 0; r < rows; r++) values.set(row, r * outputs);
      return { rows, columns: outputs, values };
    };
    return {
      predict: async (sequences) => predict(sequences.length),
      validationScore: scoreOrChance(definition.metric, valid.targets, predict(valid.targets.rows)),
      details: { predictions: Array.from(row) },
    };
  },
});
