/**
 * Finds tensors behind the prefixes that training software adds to their names: `module.`
 * (DataParallel), `_orig_mod.` (torch.compile), `_fsdp_wrapped_module.` (FSDP), `model.`
 * (Lightning), `base_model.model.` (PEFT), and combinations of these and others. There is no list
 * of prefixes: a prefix is accepted when every tensor that the model needs exists with it.
 */
import type { Checkpoint } from './checkpoint.ts';
import { CheckpointError } from './stored-file.ts';

/**
 * Names of modules that software inserts anywhere in a path; no architecture has modules with these
 * names.
 */
const WRAPPERS = /(^|\.)(?:(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+/g;
/** Matrices of an adapter that is not merged into the weights. */
const ADAPTER = /\.lora_(A|B|embedding_A|embedding_B|magnitude_vector)\b/;
const NAMES_SHOWN = 5;

/** For each parameter of the model, the possible names of its tensor, in order of preference. */
export type NeededTensors = readonly (readonly string[])[];

/**
 * The checkpoint with the names that the model needs. Returned unchanged when its names match.
 * @throws CheckpointError when two matching prefixes lead to different tensors, when the file has
 *   an adapter that is not merged, and when nothing matches: then with the first names of the file
 *   and the unknown prefix.
 */
export function unwrapped(checkpoint: Checkpoint, needed: NeededTensors, where: string): Checkpoint {
  const file = checkpoint.files[0];
  const adapter = checkpoint.names().find((name) => ADAPTER.test(name));
  if (adapter !== undefined)
    throw new CheckpointError(
      `${file}: '${adapter}' belongs to an adapter (LoRA) that is not merged. Merge it into the weights (merge_and_unload) and save the model again`,
    );
  const missing = (has: (name: string) => boolean) => needed.find((names) => !names.some(has));
  if (missing(checkpoint.has) === undefined) return checkpoint;
  const names = withoutWrappers(checkpoint);
  const candidates = prefixes([...names.keys()], needed);
  const fitting = candidates.filter((prefix) => missing((name) => names.has(prefix + name)) === undefined);
  const chosen = fitting[0];
  if (chosen === undefined) throw nothingFits(checkpoint, names, candidates, needed, where);
  const resolved = (prefix: string) =>
    needed.map((options) => names.get(prefix + (options.find((name) => names.has(prefix + name)) ?? ''))).join('\n');
  const other = fitting.find((prefix) => resolved(prefix) !== resolved(chosen));
  if (other !== undefined)
    throw new CheckpointError(
      `${file}: holds two models of this architecture, behind '${chosen}' and '${other}'. Save only one of them`,
    );
  return renamed(checkpoint, (name) => names.get(chosen + name));
}

/** Names without wrapper modules -> names in the file. */
function withoutWrappers(checkpoint: Checkpoint): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const name of checkpoint.names()) {
    const plain = name.replace(WRAPPERS, '$1');
    const other = names.get(plain);
    if (other !== undefined)
      throw new CheckpointError(`${checkpoint.files[0]}: '${other}' and '${name}' are names of the same tensor`);
    names.set(plain, name);
  }
  return names;
}

/**
 * Prefixes of the needed tensor that occurs least often in the file; '' included, the shortest
 * first.
 */
function prefixes(names: readonly string[], needed: NeededTensors): string[] {
  const options = needed[0] ?? [];
  const found = options.flatMap((option) =>
    names.filter((name) => name === option || name.endsWith(`.${option}`)).map((name) => name.slice(0, -option.length)),
  );
  return [...new Set(found)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

function nothingFits(
  checkpoint: Checkpoint,
  names: ReadonlyMap<string, string>,
  candidates: readonly string[],
  needed: NeededTensors,
  where: string,
): CheckpointError {
  const lacking = (prefix: string) => needed.filter((options) => !options.some((name) => names.has(prefix + name)));
  const best = ['', ...candidates].sort((a, b) => lacking(a).length - lacking(b).length || a.length - b.length)[0];
  const absent = lacking(best);
  const all = checkpoint.names();
  const shown = all.slice(0, NAMES_SHOWN).map((name) => `'${name}'`);
  const behind = best === '' ? '' : ` behind the prefix '${best}'`;
  return new CheckpointError(
    `${checkpoint.files[0]}: tensor '${absent[0]?.[0]}' is missing${behind}, which ${where} asks for (${absent.length} of ${needed.length} are missing); the file has ${all.length} tensors: ${shown.join(', ')}${all.length > NAMES_SHOWN ? ', ...' : ''}`,
  );
}

/** The checkpoint under other names: `original` maps to the name in the file. */
function renamed(checkpoint: Checkpoint, original: (name: string) => string | undefined): Checkpoint {
  const inFile = (name: string) => original(name) ?? name;
  return {
    ...checkpoint,
    has: (name) => original(name) !== undefined,
    entry: (name) => checkpoint.entry(inFile(name)),
    read: (name) => checkpoint.read(inFile(name)),
    external: (name) => checkpoint.external(inFile(name)),
  };
}
