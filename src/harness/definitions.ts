/**
 * Where definitions come from: the files of `tasks/`, `baselines/` and `benchmarks/` and the models of `src/models`, found by
 * id; any plugin file, found by its path (`file.ts`, or `file.ts#id` for one of several); any npm package that exports
 * definitions, found by its name from the working folder. A file's default export is one definition or an array of them.
 * Files are imported only when something asks for them.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../core/errors.ts';
import { isMissing, sha256, sha256File } from '../core/files.ts';
import type { Variant } from '../embeddings/variant.ts';
import type { AnyProbe } from '../probes/probe.ts';
import { registerPluginHook } from '../runtime/jobs/plugins.ts';
import { didYouMean } from '../sequences/sequence-error.ts';
import { defaultCacheFolder } from './cache-folder.ts';
import { PACKAGE_ROOT, pluginHash } from './cells/source-hash.ts';
import { checkDefinition, type Definitions, type DefinitionType, definitionType } from './tasks/definition-schemas.ts';

/** A definition and where it came from. `file`: the plugin, or the path of a model; absent for objects and for our own models. */
export interface Found<T extends DefinitionType = DefinitionType> {
  readonly type: T;
  readonly definition: Definitions[T];
  readonly file?: string;
  /** `file` is the model itself (see {@link modelAt}), not a plugin. */
  readonly isModelPath?: boolean;
  /** For a model run another way (`variants.ts`): its id without that, and the way. */
  readonly plain?: { readonly id: string; readonly variant: Variant };
  /** For a contender under a name of the user's: its own id, and the name. */
  readonly named?: { readonly id: string; readonly name: string };
  /** sha256 over the plugin's source; for models of this package, empty (the code hash covers them). */
  readonly sourceHash: string;
}

const FOLDERS = { task: 'tasks', baseline: 'baselines', suite: 'benchmarks' } as const;
const PLUGIN_SUFFIXES = ['.ts', '.mts', '.js', '.mjs'];
/** Endings of files that are models, so that such a word is a path even without a slash. */
const MODEL_FILES = /\.(safetensors|pt|pth|ckpt|bin|onnx|npy|parquet)$/i;

/** Whether a word means a file (`./mine.ts`, `mine.ts#id`, `../folder/x`) rather than an id or an npm package. */
export function isPluginPath(spec: string): boolean {
  return /^\.{1,2}[\\/]/.test(spec) || PLUGIN_SUFFIXES.includes(extname(splitSpec(spec)[0]));
}

/** The definitions that a plugin file exports, checked. Throws a {@link UsageError} naming the file. */
export async function loadPluginFile(file: string): Promise<Found[]> {
  registerPluginHook();
  const place = relative(process.cwd(), file).startsWith('..') ? file : relative(process.cwd(), file);
  const exported = await importDefault(file, place);
  const definitions = Array.isArray(exported) ? exported : [exported];
  const sourceHash = await pluginHash(file);
  return definitions.map((value: unknown, i) => {
    const type = definitionType(value);
    if (!type) {
      const what = Array.isArray(exported) ? `item ${i} of the default export` : 'the default export';
      throw new UsageError(
        `${place}: ${what} is no task, baseline, model or suite`,
        'Use `export default defineTask({ ... })`.',
      );
    }
    return { type, definition: checkDefinition(type, value, place), file, sourceHash };
  });
}

async function importDefault(file: string, place: string): Promise<unknown> {
  let module: { default?: unknown };
  try {
    module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { default?: unknown };
  } catch (error) {
    const usage = new UsageError(`${place}: cannot be loaded: ${(error as Error).message}`);
    usage.cause = error;
    throw usage;
  }
  const exported = module.default;
  // A CommonJS file that was compiled from an ES module carries its default export one level down.
  const nested = exported as { default?: unknown } | null | undefined;
  return typeof nested === 'object' && nested !== null && 'default' in nested ? nested.default : exported;
}

async function pluginFiles(folder: string): Promise<string[]> {
  const entries = await readdir(join(PACKAGE_ROOT, folder), { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile() && PLUGIN_SUFFIXES.includes(extname(entry.name)))
    .map((entry) => join(PACKAGE_ROOT, folder, entry.name))
    .sort();
}

/** Every task, baseline or suite that ships with the package, in the order of their files. */
export async function listShipped<T extends 'task' | 'baseline' | 'suite'>(type: T): Promise<Found<T>[]> {
  const files = await pluginFiles(FOLDERS[type]);
  const found = (await Promise.all(files.map(loadPluginFile))).flat();
  return found.filter((item): item is Found<T> => item.type === type);
}

/** Every model that ships with the package. */
export async function listModels(): Promise<Found<'model'>[]> {
  const { MODELS } = await import('../catalog/models.ts');
  return Object.values(MODELS).map((definition) => ({ type: 'model', definition, sourceHash: '' }));
}

/** Every probe, by id. */
export async function listProbes(): Promise<Readonly<Record<string, AnyProbe>>> {
  return (await import('../catalog/probes.ts')).PROBES;
}

/** The probe of that id. Throws a {@link UsageError} with a suggestion. */
export async function findProbe(id: string): Promise<AnyProbe> {
  const probes = await listProbes();
  return probes[id] ?? unknown('probe', id, Object.keys(probes), '`models list` shows the probes as well.');
}

/** The tasks that a word of the command line means: an id, a file (every task in it), `file#id`, or an npm package. */
export async function findTasks(spec: string): Promise<Found<'task'>[]> {
  return find(spec, ['task'], () => listShipped('task'), 'See `tasks list`.');
}

/** The baselines and models that a word of the command line means: ids, plugin files, or the path of a model, such as `models/my-encoder`. */
export async function findContenders(spec: string): Promise<Found<'baseline' | 'model'>[]> {
  if (/[\\/]/.test(spec) && (await isModelOnDisk(spec))) return [await modelAt(spec)];
  const shipped = async () => [...(await listShipped('baseline')), ...(await listModels())];
  return find(spec, ['baseline', 'model'], shipped, 'See `models list`.');
}

/** The models that a word means: what lies at a path, what was fetched from the hub, or what {@link findContenders} finds. */
export async function findModels(
  spec: string,
  cacheFolder: string = defaultCacheFolder(),
): Promise<Found<'baseline' | 'model'>[]> {
  if (await isModelOnDisk(spec)) return [await modelAt(spec)];
  const isPlugin = isPluginFile(spec);
  const isPath = /[\\/]/.test(spec) || MODEL_FILES.test(spec);
  if (isPath && !isPlugin && !spec.startsWith('@')) {
    return [await modelAt(await locateModel(spec, cacheFolder))];
  }
  const found = await findContenders(spec);
  const models = found.filter(({ type }) => type === 'model');
  if (models.length > 0) return models;
  throw new UsageError(`"${spec}" is a baseline, not a model`, 'Name it with --contender.');
}

const isPluginFile = (spec: string): boolean => PLUGIN_SUFFIXES.includes(extname(splitSpec(spec)[0]));

/** Whether a folder lies there, or a file that is no plugin. */
async function isModelOnDisk(spec: string): Promise<boolean> {
  const there = await stat(spec).catch(() => undefined);
  return there !== undefined && (there.isDirectory() || !isPluginFile(spec));
}

/** Where a model lies that is named by its path or, once fetched, by its name on the hub. Throws a {@link UsageError} for any other. */
export async function locateModel(spec: string, cacheFolder: string): Promise<string> {
  const { modelPath } = await import('../models/hub/hub-cache.ts');
  return modelPath(spec, cacheFolder).catch((error: Error & { hint?: string }) => {
    throw new UsageError(error.message, error.hint);
  });
}

/**
 * A fault of the files as a UsageError that keeps its cause. Errors of our own code (TypeError,
 * RangeError, ReferenceError) stay what they are, with their stack.
 */
function userFault(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof UsageError) return error;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  const fault = new UsageError(error.message, (error as Error & { hint?: string }).hint);
  fault.cause = error;
  return fault;
}

/** The model that lies at a path, in a folder or a file; the files that decide its numbers are part of every key. */
export async function modelAt(path: string): Promise<Found<'model'>> {
  const { definitionOf, modelAtPath } = await import('../models/model-path.ts');
  const model = await modelAtPath(path).catch((error: unknown) => {
    throw userFault(error);
  });
  const hashes = await Promise.all(
    model.files.map(async (file) => `${relative(dirname(model.path), file)} ${await sha256File(file)}\n`),
  );
  const sourceHash = sha256(hashes.join(''));
  return { type: 'model', definition: definitionOf(model), file: model.path, isModelPath: true, sourceHash };
}

/** The suite of that id, or in that file. */
export async function findSuite(spec: string): Promise<Found<'suite'>> {
  return (await find(spec, ['suite'], () => listShipped('suite'), 'Suites are the files of benchmarks/.'))[0];
}

async function find<T extends DefinitionType>(
  spec: string,
  types: readonly T[],
  shipped: () => Promise<Found<T>[]>,
  hint: string,
): Promise<Found<T>[]> {
  const [path, id] = splitSpec(spec);
  const file = (await asFile(path)) ?? undefined;
  if (file) return pick(await loadPluginFile(file), types, path, id);
  const all = await shipped();
  const named = all.filter(({ definition }) => definition.id === spec);
  if (named.length > 1) {
    throw new UsageError(
      `The id "${spec}" is taken twice: ${named.map(({ file }) => file ?? 'src/models').join(', ')}`,
    );
  }
  if (named.length === 1) return named;
  const entry = await packageEntry(path);
  if (entry) return pick(await loadPluginFile(entry), types, path, id);
  const ids = all.map(({ definition }) => definition.id);
  return unknown(types.length > 1 ? 'contender' : types[0], spec, ids, hint);
}

function splitSpec(spec: string): [path: string, id: string | undefined] {
  const mark = spec.lastIndexOf('#');
  return mark > 0 ? [spec.slice(0, mark), spec.slice(mark + 1)] : [spec, undefined];
}

async function asFile(path: string): Promise<string | undefined> {
  if (!PLUGIN_SUFFIXES.includes(extname(path))) return undefined;
  const file = resolve(path);
  const found = await stat(file).then(
    (entry) => entry.isFile(),
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
  if (!found) throw new UsageError(`${path}: there is no such file`, `Looked in ${dirname(file)}.`);
  return file;
}

function pick<T extends DefinitionType>(found: Found[], types: readonly T[], path: string, id?: string): Found<T>[] {
  const fitting = found.filter((item): item is Found<T> => (types as readonly string[]).includes(item.type));
  const wanted = id === undefined ? fitting : fitting.filter(({ definition }) => definition.id === id);
  if (wanted.length > 0) return wanted;
  const ids = fitting.map(({ definition }) => definition.id);
  if (id !== undefined && ids.length > 0) return unknown(types[0], id, ids, `${path} has: ${ids.join(', ')}.`);
  throw new UsageError(`${path}: exports ${found.map(({ type }) => type).join(', ')}, but no ${types.join(' or ')}`);
}

function unknown(what: string, name: string, known: readonly string[], hint: string): never {
  throw new UsageError(`There is no ${what} "${name}"${didYouMean(name, known)}`, hint);
}

/** The module that an npm package installed at or above the working folder exports, or undefined. */
async function packageEntry(name: string): Promise<string | undefined> {
  if (!/^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name)) return undefined;
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', name);
    const manifest = await readFile(join(root, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest !== undefined) return join(root, entryOf(JSON.parse(manifest)));
    if (dirname(folder) === folder) return undefined;
  }
}

function entryOf(manifest: { exports?: unknown; main?: string }): string {
  let entry = manifest.exports;
  for (const condition of ['.', 'import', 'node', 'default']) {
    if (typeof entry === 'object' && entry !== null && condition in entry) {
      entry = (entry as Record<string, unknown>)[condition];
    }
  }
  return typeof entry === 'string' ? entry : (manifest.main ?? 'index.js');
}

/** An object handed over through the API, as a definition. It cannot travel to another process, nor be hashed as source. */
export function fromObject<T extends DefinitionType>(type: T, definition: Definitions[T]): Found<T> {
  checkDefinition(type, definition, 'definition given as an object');
  const functions = Object.values(definition).filter((value) => typeof value === 'function');
  return { type, definition, sourceHash: sha256(functions.map(String).join('\n')) };
}

/** A short name for a plugin: its id, and its file where it is not one of ours. */
export function describeFound(found: Found): string {
  if (!found.file || found.file.startsWith(PACKAGE_ROOT)) return found.definition.id;
  return `${found.definition.id} (${basename(found.file)})`;
}
