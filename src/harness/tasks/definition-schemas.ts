/**
 * What a plugin file must export, checked before anything runs: TypeScript's types do not reach a stranger's JavaScript.
 * An error names the file, the definition and the field.
 */
import { z } from 'zod';
import { UsageError } from '../../core/errors.ts';
import { TASK_KINDS } from '../../core/matrix.ts';
import { METRIC_NAMES } from '../../metrics/metric.ts';
import type { ModelDefinition } from '../../models/model.ts';
import { ON_BAD_ROW } from '../../sequences/row-faults.ts';
import type { BaselineDefinition, SuiteDefinition, TaskDefinition } from '../contracts.ts';

const text = z.string().min(1);
const id = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._+-]*$/,
    'must begin with a letter or digit and hold only letters, digits, ".", "_", "+" and "-"',
  );
const callable = z.custom<unknown>((value) => typeof value === 'function', 'must be a function');
const json = z.record(z.string(), z.json());
const share = z.number().min(0).lt(1);

const taskSchema = z
  .looseObject({
    id,
    title: text,
    description: z.string().optional(),
    kind: z.enum(TASK_KINDS),
    metric: z.enum(METRIC_NAMES),
    metrics: z.array(z.enum(METRIC_NAMES)).optional(),
    classes: z.array(z.string()).min(1).optional(),
    citation: text,
    licence: text,
    url: z.string().optional(),
    split: z
      .strictObject({
        method: z.enum(['stratified', 'random', 'group', 'cluster']),
        valid: share.optional(),
        test: share.optional(),
        seed: z.number().int().optional(),
        testGroups: z.array(text).min(1).optional(),
        validGroups: z.array(text).min(1).optional(),
      })
      .optional(),
    alphabet: z
      .strictObject({
        alphabet: z.enum(['dna', 'rna']),
        ambiguous: z.enum(['keep', 'n', 'error']).optional(),
        lowerCase: z.enum(['upper', 'error']).optional(),
        gaps: z.enum(['remove', 'n', 'error']).optional(),
        unknown: z.enum(['error', 'n']).optional(),
      })
      .optional(),
    onBadRow: z.enum(ON_BAD_ROW).optional(),
    harmonicWith: id.optional(),
    version: z.string().optional(),
    generated: z.boolean().optional(),
    load: callable,
  })
  .refine(({ id, harmonicWith }) => id !== harmonicWith, { path: ['harmonicWith'], message: 'must name another task' });

const baselineSchema = z.looseObject({
  id,
  title: text,
  description: z.string().optional(),
  citation: text,
  family: z.enum(['one-hot', 'composition', 'chance']),
  kinds: z.array(z.enum(TASK_KINDS)).min(1),
  version: text,
  stochastic: z.boolean(),
  options: json,
  fit: callable,
});

const modelSchema = z.looseObject({
  id,
  title: text,
  description: z.string().optional(),
  kind: z.enum(['model', 'control']),
  family: z.enum(['one-hot', 'composition']).optional(),
  citation: text,
  licence: text,
  version: text,
  stochastic: z.boolean(),
  options: json,
  maxLength: z.number().int().positive().optional(),
  representations: callable.optional(),
  load: callable,
});

const suiteSchema = z.strictObject({
  id,
  title: text,
  tasks: z.array(text).min(1),
  contenders: z.array(text).min(1),
  probes: z.array(text),
  seeds: z.number().int().min(1),
  effort: z.number().positive().optional(),
});

export interface Definitions {
  readonly task: TaskDefinition;
  readonly baseline: BaselineDefinition;
  readonly model: ModelDefinition;
  readonly suite: SuiteDefinition;
}
export type DefinitionType = keyof Definitions;

const SCHEMAS: Record<DefinitionType, z.ZodType> = {
  task: taskSchema,
  baseline: baselineSchema,
  model: modelSchema,
  suite: suiteSchema,
};

/** What an exported object means to be, told by the fields that only one kind of definition has. */
export function definitionType(value: unknown): DefinitionType | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('fit' in value) return 'baseline';
  if ('tasks' in value && 'contenders' in value) return 'suite';
  const kind = 'kind' in value ? value.kind : undefined;
  if (kind === 'model' || kind === 'control') return 'model';
  return 'load' in value || 'metric' in value ? 'task' : undefined;
}

/** Returns `value` as the definition asked for. Throws a {@link UsageError} naming `place` and each wrong field. */
export function checkDefinition<T extends DefinitionType>(type: T, value: unknown, place: string): Definitions[T] {
  const checked = SCHEMAS[type].safeParse(value);
  if (checked.success) return value as Definitions[T];
  const name = (value as { id?: unknown } | null)?.id;
  const fields = checked.error.issues.map(
    ({ path, message }) => `${path.length ? path.join('.') : 'definition'}: ${message}`,
  );
  throw new UsageError(
    `${place}: ${type}${typeof name === 'string' ? ` "${name}"` : ''} is not valid: ${fields.join('; ')}`,
    `The fields of a ${type} are described in src/${type === 'model' ? 'models/types' : 'harness/contracts'}.ts.`,
  );
}
