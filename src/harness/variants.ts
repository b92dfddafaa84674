/** Contenders by name, with what stands behind it: `NAME+rc`, `NAME+w510`, `NAME+float16`, `NAME+random` are ways to run any model (`embeddings/variant.ts`). */

import { existsSync } from 'node:fs';
import { UsageError } from '../core/errors.ts';
import { splitVariant, type Variant, variantOf } from '../embeddings/variant.ts';
import type { Found } from './definitions.ts';

type Contender = Found<'baseline' | 'model'>;

const NAMED = /^([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)$/s;

/** `NAME=SPEC` -> the contender that {@link findVariants} finds under SPEC, called NAME; a file or folder with "=" in its path is itself. */
export async function findNamed(
  spec: string,
  find: (spec: string) => Promise<readonly Contender[]>,
): Promise<readonly Contender[]> {
  const [, name, rest] = existsSync(spec) ? [] : (NAMED.exec(spec) ?? []);
  if (name === undefined) return findVariants(spec, find);
  return findVariants(rest, async (plain) => {
    const found = await find(plain);
    if (found.length === 1) return [nameContender(found[0], name)];
    const ids = found.map(({ definition }) => definition.id);
    throw new UsageError(
      `${spec}: ${plain} holds ${found.length} contenders, and "${name}" can name one of them`,
      `Use ${name}=${plain}#ID with one of: ${ids.join(', ')}.`,
    );
  });
}

/** The contender under another name. Its results are those of another contender. */
export function nameContender(found: Contender, name: string): Contender {
  const { id } = found.definition;
  return { ...found, definition: { ...found.definition, id: name, title: name }, named: { id, name } } as Contender;
}

/**
 * What `find` finds under the whole name (baselines have ids that end in `+rc`), else the models under the name before its words, run as these say.
 * Throws a {@link UsageError} where there is neither, or where it is no model.
 */
export async function findVariants(
  spec: string,
  find: (spec: string) => Promise<readonly Contender[]>,
): Promise<readonly Contender[]> {
  const { found, variant } = await wholeOrBase(spec, find);
  return variant ? found.map((contender) => runAs(contender, variant)) : found;
}

/** What `find` finds under the whole word; else under what stands before its variant, and that. */
export async function wholeOrBase<T>(
  spec: string,
  find: (spec: string) => Promise<T>,
): Promise<{ readonly found: T; readonly variant?: Variant }> {
  const { base, variant } = splitVariant(spec);
  if (!variant) return { found: await find(spec) };
  try {
    return { found: await find(spec) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { found: await find(base), variant };
  }
}

/** A model that was found, run another way. */
export function runAs(found: Contender, variant: Variant): Found<'model'> {
  const { id } = found.definition;
  if (found.type !== 'model') {
    throw new UsageError(
      `"${id}" is a baseline; windows, strands, precision and random weights are for models`,
      'See `models list`.',
    );
  }
  const model = found as Found<'model'>;
  try {
    const plain = { id: model.named?.id ?? id, variant };
    return { ...model, definition: variantOf(model.definition, variant), plain };
  } catch (error) {
    throw new UsageError(`${id}: ${(error as Error).message}`);
  }
}
