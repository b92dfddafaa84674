/**
 * Class probabilities from the classifier that a checkpoint was published with; nothing is fitted.
 * Such a classifier reads all tokens of an input, so every sequence must have exactly the number of
 * tokens that the model was trained on.
 */

import type { Matrix } from '../core/matrix.ts';
import type { FrozenModel } from '../models/model.ts';
import { Graph } from '../onnx/graph.ts';
import { batchMemory, runInBatches } from '../runtime/batches.ts';
import { openGraph } from '../runtime/graph-session.ts';
import { type Compute, pick } from '../runtime/training/network.ts';
import { UnusableSequence } from '../sequences/sequence-error.ts';
import { rowsPerBatch } from './batch-plan.ts';

/** Maximum number of rows in one call. */
const ROWS = 512;

/**
 * [sequences, classes]; columns are `model.classifier.classes`. Throws for a model without a
 * classifier, and for a sequence with more or fewer tokens than the classifier reads.
 */
export async function classScores(
  model: FrozenModel,
  sequences: readonly string[],
  compute: Compute,
  progress?: (fraction: number, message: string) => void,
): Promise<Matrix> {
  const { label, classifier } = model;
  const graph = new Graph();
  const { hiddenStates, scores } = model.build(graph);
  if (!classifier || !scores) throw new Error(`${label}: the checkpoint has no classifier; fit a probe instead`);
  const { classes, tokens } = classifier;
  for (const [i, sequence] of sequences.entries()) {
    const own = model.tokens(sequence);
    if (own !== tokens) {
      const reason = `makes ${own} tokens (${sequence.length} nucleotides); its classifier reads exactly ${tokens}`;
      throw new UnusableSequence(i, sequences.length, reason, label);
    }
  }
  graph.output('scores', scores(hiddenStates[model.layers]));
  const session = await openGraph(graph, model, { ...compute, label });
  const values = new Float32Array(sequences.length * classes.length); // [sequences, classes]
  const affordable = rowsPerBatch(model.dimension, model.layers, tokens, batchMemory(compute.device));
  try {
    await runInBatches(sequences.length, Math.min(affordable, ROWS), async (from, to) => {
      const feeds = pick(session, model.encode(sequences.slice(from, to)));
      values.set((await session.run(feeds)).scores.data as Float32Array, from * classes.length);
      progress?.(to / sequences.length, `scored ${to} of ${sequences.length} sequences`);
    });
  } finally {
    await session.dispose();
  }
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new Error(
      `${label}: ${values[bad]} for sequence ${Math.floor(bad / classes.length) + 1} of ${sequences.length}`,
    );
  return { rows: sequences.length, columns: classes.length, values };
}
