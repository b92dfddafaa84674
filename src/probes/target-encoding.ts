/** How targets of each kind of task enter the loss of a network with one score per output, and how its scores become predictions. */

import { requireFinite } from '../algebra/finite.ts';
import type { Predictions, Targets, TaskKind } from '../core/matrix.ts';
import type { Tensor } from '../onnx/graph.ts';
import { binaryCrossEntropy, meanSquaredError, softmaxCrossEntropy } from '../onnx/layers/losses.ts';
import type { TensorValue } from '../runtime/session.ts';
import { probabilities } from './linear/logistic-objective.ts';
import { fitStandardiser } from './linear/standardise.ts';
import type { ProbeContext } from './probe.ts';

export interface TargetEncoding {
  /** The input `y` of a batch: class indices int64 `[rows]`, or float32 `[rows, outputs]`. */
  target(rows: Int32Array): TensorValue;
  /** scores `[rows, outputs]`, as the network gives them, -> predictions of the task's kind. */
  predictions(scores: Float32Array, rows: number): Predictions;
}

/** The loss of scores `[rows, outputs]` under the inputs `y` (see {@link TargetEncoding}) and `weights` `[rows]`, declared here. */
export function targetLoss(scores: Tensor, kind: TaskKind, outputs: number): Tensor {
  const weights = scores.graph.input('weights', 'float32', ['rows']);
  if (isClassification(kind)) return softmaxCrossEntropy(scores, scores.graph.input('y', 'int64', ['rows']), weights);
  const loss = kind === 'regression' ? meanSquaredError : binaryCrossEntropy;
  return loss(scores, scores.graph.input('y', 'float32', ['rows', outputs]), weights);
}

const isClassification = (kind: TaskKind): boolean => kind === 'binary' || kind === 'multiclass';

/**
 * The encoding of training targets. Regression targets are standardised for training and predicted on their own scale.
 * Throws for targets of the wrong width, and for what is no class index, naming the row.
 */
export function encodeTargets(
  targets: Targets,
  { kind, outputs }: Pick<ProbeContext, 'kind' | 'outputs'>,
): TargetEncoding {
  const classes = isClassification(kind);
  requireFinite(targets, 'Training targets');
  if (targets.columns !== (classes ? 1 : outputs)) {
    throw new Error(`Targets have ${targets.columns} columns, not ${classes ? 1 : outputs}.`);
  }
  if (classes) {
    const wrong = targets.values.findIndex((y) => !(Number.isInteger(y) && y >= 0 && y < outputs));
    if (wrong >= 0) {
      throw new Error(
        `Target in row ${wrong} is ${targets.values[wrong]}, not a class index from 0 to ${outputs - 1}.`,
      );
    }
    return {
      target: (rows) => ({
        type: 'int64',
        data: BigInt64Array.from(rows, (row) => BigInt(targets.values[row])),
        dims: [rows.length],
      }),
      predictions: (scores, rows) => probabilities('softmax', { rows, columns: outputs, values: scores }),
    };
  }
  const scaling = kind === 'regression' ? fitStandardiser(targets) : undefined;
  const scaled = scaling ? scaling.apply(targets).values : Float32Array.from(targets.values);
  return {
    target: (rows) => {
      const data = new Float32Array(rows.length * outputs);
      for (const [i, row] of rows.entries()) data.set(scaled.subarray(row * outputs, (row + 1) * outputs), i * outputs);
      return { type: 'float32', data, dims: [rows.length, outputs] };
    },
    predictions: (scores, rows) => {
      if (!scaling) return probabilities('sigmoid', { rows, columns: outputs, values: scores });
      const values = Float64Array.from(scores, (s, i) => s * scaling.scale[i % outputs] + scaling.mean[i % outputs]);
      return { rows, columns: outputs, values };
    },
  };
}
