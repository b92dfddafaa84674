/**
 * Which files of a repository a model needs: its config, its tokenizer, its card, and its weights in one format, as `find-checkpoint.ts` would
 * choose among them (safetensors before torch; an index of shards before a single file). An architecture that is not among ours needs its
 * ONNX export.
 */
import type { Architecture } from '../architectures/architecture.ts';
import { ENDINGS, HUB_NAMES, NOT_WEIGHTS } from '../checkpoints/find-checkpoint.ts';
import { HubError } from './hub-error.ts';
import type { HubFile } from './listing.ts';

/** Beside the weights, by name; all in the root of the repository. */
const COMPANIONS =
  /^(config\.json|glm\.json|training\.json|(kmer_)?tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(txt|json)|merges\.txt|README\.md|(LICENSE|LICENCE)(\.txt|\.md)?)$/;

/** An export and the file of weights beside it. */
const ONNX = ['model.onnx', 'onnx/model.onnx'];
const ONNX_DATA = ['.data', '_data'];

export interface NeededFiles {
  readonly companions: readonly HubFile[];
  /** One file, or an index of shards, or an export with its data. */
  readonly weights: readonly HubFile[];
  /** Of an index: the shards, once it is read. */
  shards(indexText: string): readonly HubFile[];
}

/** What else the repository has, for errors. */
const some = (files: readonly HubFile[]) =>
  files
    .slice(0, 8)
    .map(({ path }) => path)
    .join(', ');

/** Without an architecture of ours: of an export. Throws {@link HubError} where the repository holds no weights that are read. */
export function neededFiles(id: string, files: readonly HubFile[], architecture?: Architecture): NeededFiles {
  const onnxOnly = architecture === undefined;
  const byPath = new Map(files.map((file) => [file.path, file]));
  const weights = onnxOnly ? onnxFiles(byPath) : (checkpointFiles(id, byPath) ?? onnxFiles(byPath));
  if (weights.length === 0)
    throw new HubError(
      `${id}: the repository holds no ${onnxOnly ? '.onnx export' : 'weights that are read here'}; it has ${some(files)}`,
      `Looked for: ${(onnxOnly ? ONNX : [...HUB_NAMES, ...ONNX]).join(', ')}.`,
    );
  return {
    companions: files.filter(({ path }) => COMPANIONS.test(path) || architecture?.companions?.includes(path)),
    weights,
    shards(indexText) {
      const index = `${id}: ${weights[0].path}`;
      return shardNames(index, indexText).map((name) => {
        const file = byPath.get(name);
        if (!file) throw new HubError(`${index} asks for ${JSON.stringify(name)}, which the repository lacks`);
        return file;
      });
    },
  };
}

export const isIndex = ({ path }: HubFile): boolean => path.endsWith('.index.json');

function checkpointFiles(id: string, byPath: ReadonlyMap<string, HubFile>): HubFile[] | undefined {
  const known = HUB_NAMES.find((name) => byPath.has(name));
  if (known) return [byPath.get(known) as HubFile];
  const others = [...byPath.values()].filter(
    ({ path }) => !path.includes('/') && ENDINGS.test(path) && !NOT_WEIGHTS.test(path),
  );
  if (others.length > 1)
    throw new HubError(
      `${id}: the repository holds several files of weights (${some(others)}), none by the hub's usual names`,
      'Fetch the one you mean by other means and give its folder with --model.',
    );
  return others.length === 1 ? others : undefined;
}

function onnxFiles(byPath: ReadonlyMap<string, HubFile>): HubFile[] {
  const found = ONNX.find((name) => byPath.has(name));
  if (!found) return [];
  const names = [found, ...ONNX_DATA.map((ending) => `${found}${ending}`)];
  return names.flatMap((name) => byPath.get(name) ?? []);
}

/** The listing decides which files there are, so that no name in an index is taken as a path. */
function shardNames(index: string, text: string): string[] {
  let map: unknown;
  try {
    map = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map;
  } catch (error) {
    throw new HubError(`${index} is not valid JSON: ${(error as Error).message}`);
  }
  const names = typeof map === 'object' && map !== null ? [...new Set(Object.values(map))].sort() : [];
  if (names.length === 0) throw new HubError(`${index} has no "weight_map" of tensor names to file names`);
  return names.map(String);
}
