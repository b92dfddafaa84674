/**
 * A network with the weights before the first training step: the control that shows the effect of
 * training.
 */
import { type Compute, compileForward, type Forward, initialState, type Network } from '../runtime/training/network.ts';
import { runAll, type TrainedNetwork } from '../runtime/training/train.ts';

/** The initial weights of `train` with this seed; zero steps, no history. */
export function untrainedNetwork(
  network: Network,
  seed: number | string,
  compute: Compute,
  evaluationBatch: number,
): TrainedNetwork {
  const { state, layout } = initialState(network, seed);
  const forwards = new Map<string, Forward>();
  return {
    state,
    layout,
    history: [],
    bestEpoch: 0,
    bestScore: Number.NaN,
    steps: 0,
    losses: [],
    parameterCount: layout.parameters.total,
    async evaluate(data, output) {
      const forward = forwards.get(output) ?? (await compileForward(network, [output], compute));
      forwards.set(output, forward);
      return runAll(forward, state, data, output, evaluationBatch);
    },
    async dispose() {
      for (const forward of forwards.values()) await forward.dispose();
    },
  };
}
