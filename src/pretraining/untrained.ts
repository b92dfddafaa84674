/** A network with its weights as they are drawn before the first step of training: the control that says what training added. */
import { type Compute, compileForward, type Forward, initialState, type Network } from '../runtime/training/network.ts';
import { runAll, type TrainedNetwork } from '../runtime/training/train.ts';

/** As `train` with this seed would begin; zero steps, no history. */
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
