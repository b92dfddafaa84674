/** A one-hot CNN as a pair of baselines: as it is, and `+rc`, which sees and averages both strands. */
import { type BaselineDefinition, defineBaseline, type FitContext, type FitTask } from '../../src/index.ts';
import type { Architecture } from './architectures.ts';
import { RECIPE, type Recipe } from './recipe.ts';

export interface NetworkBaseline {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly citation: string;
  readonly version: string;
  readonly architecture: Architecture;
  /** Where the recipe differs from the common one. */
  readonly recipe?: Partial<Recipe>;
}

/** The baselines `id` (one strand, as given) and `id+rc` (both strands averaged: blind to which strand was given). */
export function defineNetworks(declared: NetworkBaseline): BaselineDefinition[] {
  const { id, title, description, citation, version, architecture } = declared;
  const variant = (suffix: string, name: string, words: string, reverseComplement: Recipe['reverseComplement']) => {
    const recipe: Recipe = { ...RECIPE, ...declared.recipe, reverseComplement };
    return defineBaseline({
      id: `${id}${suffix}`,
      title: `${title}${name}`,
      description: `${description}${words}`,
      citation,
      family: 'one-hot',
      kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
      version,
      stochastic: true,
      options: { ...recipe },
      async fit(task: FitTask, context: FitContext) {
        const { fitNetwork } = await import('./fit.ts');
        return fitNetwork(`${id}${suffix}`, architecture, recipe, task, context);
      },
    });
  };
  const words = ' Trained on both strands; the predictions for a sequence and its reverse complement are averaged.';
  return [variant('', '', '', 'none'), variant('+rc', ', both strands', words, 'average')];
}
