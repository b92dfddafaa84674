/** The one table of operators. What is not here can't be built or differentiated, and is refused by name. */
import { GraphError } from '../recording.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { indexing } from './indexing.ts';
import { matrix } from './matrix.ts';
import { normalisation } from './normalisation.ts';
import { pooling } from './pooling.ts';
import { reductions } from './reductions.ts';
import type { Rule, RuleTable } from './rule.ts';
import { sequences } from './sequences.ts';
import { shaping } from './shaping.ts';
import { slicing } from './slicing.ts';

export const RULES: RuleTable = {
  ...elementwise,
  ...reductions,
  ...shaping,
  ...slicing,
  ...indexing,
  ...matrix,
  ...convolution,
  ...pooling,
  ...normalisation,
  ...sequences,
};

export function ruleOf(op: string, domain: string): Rule {
  const rule = domain === '' || domain === 'ai.onnx' ? RULES[op] : undefined;
  if (!rule)
    throw new GraphError(
      `operator '${domain ? `${domain}.` : ''}${op}' has no rule in this engine; known operators: ${Object.keys(RULES).sort().join(', ')}`,
    );
  return rule;
}
