/** Models of the hub that were fetched: what the cache says of them. Nothing here asks the network. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isMissing, writeFileAtomic } from '../../core/files.ts';
import { HubError } from './hub-error.ts';
import { type HubId, hubIdOfFolder, isCommit, parseHubId, repositoryFolder } from './hub-id.ts';
import type { Trust } from './transfer.ts';

export interface ManifestFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly trust: Trust;
}

/** What a fetched folder holds; written once all of it is there. */
export interface Manifest {
  /** `organisation/name` */
  readonly model: string;
  readonly commit: string;
  /** The server it came from. */
  readonly endpoint: string;
  /** As the hub states it. */
  readonly licence?: string;
  readonly files: readonly ManifestFile[];
}

export interface CachedModel extends Manifest {
  readonly folder: string;
}

/** What the user pinned, `"models/organisation/name"` in `<cache>/hub/pins.json`, as for data sets. */
export interface UserPin {
  readonly revision?: string;
  /** sha256 by path. */
  readonly files?: Readonly<Record<string, string>>;
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HubError(`${path}: not JSON (${(error as Error).message})`, 'Correct the file or delete it.');
  }
}

const writeJson = (path: string, value: unknown) => writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);

export async function readUserPin(cacheFolder: string, { id }: HubId): Promise<UserPin> {
  const pins = (await readJson(join(cacheFolder, 'hub', 'pins.json'))) as Record<string, UserPin> | undefined;
  return pins?.[`models/${id}`] ?? {};
}

/** The commit that the bare name stands for: what the user pinned, else what was fetched last. */
export async function pinnedCommit(cacheFolder: string, id: HubId): Promise<string | undefined> {
  const pin = await readUserPin(cacheFolder, id);
  if (pin.revision !== undefined) return pin.revision;
  const recorded = (await readJson(join(repositoryFolder(cacheFolder, id), 'pinned.json'))) as
    | { commit?: unknown }
    | undefined;
  return typeof recorded?.commit === 'string' && isCommit(recorded.commit) ? recorded.commit : undefined;
}

export const commitFolder = (cacheFolder: string, id: HubId, commit: string): string =>
  join(repositoryFolder(cacheFolder, id), commit);

/** Beside the folder, not in it: keys of results hash the folder's files. */
const manifestFile = (folder: string) => `${folder}.manifest.json`;

export async function readManifest(folder: string): Promise<Manifest | undefined> {
  return (await readJson(manifestFile(folder))) as Manifest | undefined;
}

/** Says that a folder is whole, and that the bare name stands for it. */
export async function recordModel(cacheFolder: string, id: HubId, manifest: Manifest): Promise<void> {
  await writeJson(manifestFile(commitFolder(cacheFolder, id, manifest.commit)), manifest);
  await writeJson(join(repositoryFolder(cacheFolder, id), 'pinned.json'), { commit: manifest.commit });
}

export const fetchCommand = ({ id, revision }: HubId): string =>
  `npm run bench -- models fetch ${id}${revision === undefined ? '' : ` --revision ${revision}`}`;

/**
 * The fetched folder of a name, of the commit behind its `@` or else of the pinned one. Throws {@link HubError} with the command that mends it
 * where there is none, it is not whole, or the revision is a branch, which says nothing without a network.
 */
export async function cachedModel(cacheFolder: string, id: HubId): Promise<CachedModel> {
  const remedy = `A model of the hub is fetched with: ${fetchCommand(id)}`;
  const commit = id.revision ?? (await pinnedCommit(cacheFolder, id));
  if (commit === undefined) throw new HubError(`${id.id}: there is no such model on this machine`, remedy);
  if (!isCommit(commit))
    throw new HubError(
      `${id.id}: "${commit}" is no commit of 40 hex digits, which alone names weights for good`,
      remedy,
    );
  const folder = commitFolder(cacheFolder, id, commit);
  const manifest = await readManifest(folder);
  if (!manifest) throw new HubError(`${id.id} at ${commit.slice(0, 12)}: not fetched yet, or not to the end`, remedy);
  for (const { path, size } of manifest.files) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.size !== size)
      throw new HubError(`${id.id} at ${commit.slice(0, 12)}: ${path} is ${found ? 'damaged' : 'missing'}`, remedy);
  }
  return { ...manifest, folder };
}

/** Whatever was fetched whole, in the order of names. */
export async function listCachedModels(cacheFolder: string): Promise<CachedModel[]> {
  const root = join(cacheFolder, 'hub');
  const models: CachedModel[] = [];
  for (const name of (await namesIn(root)).filter((entry) => entry.startsWith('models--')))
    for (const commit of (await namesIn(join(root, name))).filter(isCommit)) {
      const folder = join(root, name, commit);
      const manifest = hubIdOfFolder(folder) && (await readManifest(folder));
      if (manifest) models.push({ ...manifest, folder });
    }
  return models;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return names.sort();
}

/** A path that exists, as it is; else the folder of a fetched model. Throws {@link HubError} for what is neither. */
export async function modelPath(spec: string, cacheFolder: string): Promise<string> {
  const isThere = await stat(spec).then(
    () => true,
    () => false,
  );
  if (isThere) return spec;
  const id = parseHubId(spec);
  if (!id)
    throw new HubError(
      `${spec}: there is no such model`,
      `Looked for ${resolve(spec)}. Names of the hub are organisation/name.`,
    );
  return (await cachedModel(cacheFolder, id)).folder;
}
