/**
 * Finds the files of a model's weights in a folder: first by the hub's names (an index of shards,
 * then a single file; safetensors before torch), then a single file with a known extension.
 * Optimiser states and similar files, which trainers write to the same folder, are not weights.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { CheckpointError } from './stored-file.ts';

export interface CheckpointFiles {
  readonly folder: string;
  /** Names within the folder, sorted. */
  readonly files: readonly string[];
  /** For sharded checkpoints: path of the index, and its map of tensor name -> file name. */
  readonly index?: string;
  readonly weightMap?: ReadonlyMap<string, string>;
}

export const HUB_NAMES = [
  'model.safetensors.index.json',
  'model.safetensors',
  'pytorch_model.bin.index.json',
  'pytorch_model.bin',
] as const;
export const ENDINGS = /\.(safetensors|pt|pth|ckpt|bin)$/;
export const NOT_WEIGHTS =
  /^(training_args\.bin|(optimizer|scheduler|scaler|rng_state.*)\.(pt|pth|bin)|(decoder|word_vectors)\.safetensors)$/;
/** transformers writes about 100 bytes per tensor. */
const MAX_INDEX_BYTES = 64 * 2 ** 20;
const REMEDY = `searched for ${HUB_NAMES.join(', ')}, or one file *.safetensors, *.pt, *.pth, *.ckpt or *.bin`;

/**
 * Throws {@link CheckpointError} when no file is found, when there are several and none has a name
 * of the hub, or when shards are missing.
 */
export function findCheckpoint(folderOrFile: string): CheckpointFiles {
  const path = resolve(folderOrFile);
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new CheckpointError(`${path} does not exist.`);
  if (!status.isDirectory()) return namedFile(dirname(path), basename(path));
  const known = HUB_NAMES.find((name) => existsSync(join(path, name)));
  if (known) return namedFile(path, known);
  const candidates = readdirSync(path).filter((name) => ENDINGS.test(name) && !NOT_WEIGHTS.test(name));
  if (candidates.length === 1) return namedFile(path, candidates[0]);
  if (candidates.length === 0) throw new CheckpointError(`${path} holds no weights; ${REMEDY}.`);
  throw new CheckpointError(
    `${path} holds several files of weights (${candidates.sort().slice(0, 5).join(', ')}); give the path of one of them.`,
  );
}

function namedFile(folder: string, name: string): CheckpointFiles {
  return name.endsWith('.index.json') ? indexed(folder, join(folder, name)) : { folder, files: [name] };
}

function indexed(folder: string, index: string): CheckpointFiles {
  const fail = (what: string): never => {
    throw new CheckpointError(`${index} ${what}.`);
  };
  if (statSync(index).size > MAX_INDEX_BYTES) fail(`is longer than ${MAX_INDEX_BYTES} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(index, 'utf8'));
  } catch (error) {
    fail(`is not valid JSON: ${(error as Error).message}`);
  }
  const map = (parsed as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    return fail('has no "weight_map" of tensor names to file names');
  const weightMap = new Map<string, string>();
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string' || file === '' || file !== basename(file) || file === '..' || file === '.')
      return fail(`lists ${tensor} in ${JSON.stringify(file)}, which is not a file of its folder`);
    weightMap.set(tensor, file);
  }
  const files = [...new Set(weightMap.values())].sort();
  if (files.length === 0) fail('lists no tensors');
  const missing = files.filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0)
    fail(
      `lists ${files.length} files of which ${missing.length} are missing: ${missing.slice(0, 5).join(', ')}. Fetch them`,
    );
  return { folder, files, index, weightMap };
}
