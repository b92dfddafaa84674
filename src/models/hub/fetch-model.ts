/**
 * Fetching a model of the hub, on request only: the files it needs (`needed-files.ts`) of one commit, each checked against the sha256 that the
 * user gave, an earlier download recorded or the hub states. What was cut off is gone on with. `config.json` comes first, so that a model
 * that can't be run here is refused before its weights are fetched.
 */
import { readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../../core/files.ts';
import { withLock } from '../../runtime/lock.ts';
import type { Architecture, RawConfig } from '../architectures/architecture.ts';
import { ARCHITECTURES, architectureOf } from '../architectures/known-architectures.ts';
import { bytesInWords } from './bytes-in-words.ts';
import {
  type CachedModel,
  commitFolder,
  type Manifest,
  type ManifestFile,
  pinnedCommit,
  readManifest,
  readUserPin,
  recordModel,
} from './hub-cache.ts';
import { HubError } from './hub-error.ts';
import { type HubId, isCommit, isRevision, repositoryFolder } from './hub-id.ts';
import { type HubFile, type HubListing, listRepository } from './listing.ts';
import { isIndex, neededFiles } from './needed-files.ts';
import type { HubServer } from './request.ts';
import { type Transferred, transfer } from './transfer.ts';

export interface FetchOptions {
  readonly server: HubServer;
  readonly cacheFolder: string;
  /** A commit, branch or tag. Default: the name's own, else the pinned commit, else `main`. */
  readonly revision?: string;
  /** sha256 by path within the repository. */
  readonly sha256?: Readonly<Record<string, string>>;
  /** Bytes of all files wanted, as far as they are known. */
  readonly onProgress?: (done: number, total: number, file: string) => void;
  /** A word on how things go. */
  readonly note?: (text: string) => void;
  /** Waits between attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}

export interface FetchedModel extends CachedModel {
  /** Paths that were not there yet, or damaged. */
  readonly downloaded: readonly string[];
}

/** A file is fetched by one process at a time, however long it takes. */
const PATIENCE = 24 * 3600 * 1000;

/** Throws {@link HubError}, with what to do about it, whatever the hub, the files or the disk are short of. */
export async function fetchModel(id: HubId, options: FetchOptions): Promise<FetchedModel> {
  const { cacheFolder, note } = options;
  const pin = await readUserPin(cacheFolder, id);
  const revision = options.revision ?? id.revision ?? (await pinnedCommit(cacheFolder, id)) ?? 'main';
  if (!isRevision(revision)) throw new HubError(`${revision}: is no commit, branch or tag`);
  const pins = { ...pin.files, ...options.sha256 };
  const wrong = Object.entries(pins).find(([, hash]) => !/^[0-9a-f]{64}$/.test(hash));
  if (wrong) throw new HubError(`${wrong[0]}: "${wrong[1]}" is no sha256 of 64 lower-case hex digits`);
  const action = () => fetchRevision(id, revision, pins, options);
  const onWait = () => note?.(`Waiting: another process fetches ${id.id}`);
  return withLock(join(repositoryFolder(cacheFolder, id), 'fetch.lock'), action, { patience: PATIENCE, onWait });
}

type Pins = Readonly<Record<string, string>>;

async function fetchRevision(id: HubId, revision: string, pins: Pins, options: FetchOptions): Promise<FetchedModel> {
  const { server, cacheFolder } = options;
  const whole = isCommit(revision) ? await wholeModel(commitFolder(cacheFolder, id, revision), pins) : undefined;
  if (whole) {
    await recordModel(cacheFolder, id, whole);
    return { ...whole, folder: commitFolder(cacheFolder, id, revision), downloaded: [] };
  }
  const listing = await listRepository(server, id, revision, options.pause);
  const folder = commitFolder(cacheFolder, id, listing.commit);
  const recorded = await readManifest(folder);
  const files: ManifestFile[] = [];
  const downloaded: string[] = [];
  const tally = createTally(options);
  const get = async (file: HubFile): Promise<string> => {
    const earlier = recorded?.files.find(({ path }) => path === file.path);
    const pinned = pins[file.path] ?? earlier?.sha256;
    const target = join(folder, file.path);
    const there = await asExpected(target, pinned ?? file.sha256);
    if (there) {
      const trust = pins[file.path] ? 'pinned' : (earlier?.trust ?? 'stated by the hub');
      files.push({ path: file.path, ...there, trust });
    } else {
      options.note?.(`Fetching ${file.path}${file.size === undefined ? '' : ` (${bytesInWords(file.size)})`}`);
      const got = await receive(id, listing, file, pinned, { target, onBytes: tally.of(file), options });
      files.push({ path: file.path, ...got, trust: earlier && !pins[file.path] ? earlier.trust : got.trust });
      downloaded.push(file.path);
    }
    tally.finished(file);
    return target;
  };
  const wanted = await selectFiles(id, listing, get);
  tally.expect(wanted);
  const asked = new Set([...wanted.map(({ path }) => path), ...files.map(({ path }) => path)]);
  const foreign = Object.keys(pins).find((path) => !asked.has(path));
  if (foreign !== undefined)
    throw new HubError(
      `a sha256 is given for ${foreign}, which is not among the files that are fetched`,
      `These are: ${[...asked].join(', ')}.`,
    );
  await checkSpace(folder, wanted);
  for (const file of wanted) await get(file);
  const { licence } = listing;
  const manifest: Manifest = { model: id.id, commit: listing.commit, endpoint: server.endpoint, licence, files };
  await recordModel(cacheFolder, id, manifest);
  return { ...manifest, folder, downloaded };
}

/** The model in a folder if every byte of it is as recorded and pinned. */
async function wholeModel(folder: string, pins: Pins): Promise<Manifest | undefined> {
  const manifest = await readManifest(folder);
  if (!manifest || Object.keys(pins).some((path) => !manifest.files.some((file) => file.path === path)))
    return undefined;
  for (const { path, sha256 } of manifest.files)
    if (!(await asExpected(join(folder, path), pins[path] ?? sha256))) return undefined;
  return manifest;
}

async function asExpected(path: string, sha256: string | undefined): Promise<Omit<Transferred, 'trust'> | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || sha256 === undefined || (await sha256File(path)) !== sha256) return undefined;
  return { size: found.size, sha256 };
}

interface Receiver {
  readonly target: string;
  readonly onBytes: (bytes: number) => void;
  readonly options: FetchOptions;
}

function receive(
  { id }: HubId,
  { commit }: HubListing,
  { path, ...stated }: HubFile,
  pinned: string | undefined,
  { target, onBytes, options: { server, pause } }: Receiver,
): Promise<Transferred> {
  const address = `/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  const expected = { ...stated, pinned };
  return transfer({ server, id, path: address, target, part: `${target}.part`, expected, onBytes, pause });
}

/** What is left to fetch, once `get` has fetched what decides it: the config, and the index of shards. */
async function selectFiles(
  { id }: HubId,
  { files }: HubListing,
  get: (file: HubFile) => Promise<string>,
): Promise<HubFile[]> {
  const config = files.find(({ path }) => path === 'config.json');
  const described = config ? await describe(await get(config), id) : `${id}: the repository has no config.json`;
  const needed = needOf(id, files, described);
  const { companions, weights } = needed;
  const isLeft = ({ path }: HubFile) => path !== 'config.json';
  if (!isIndex(weights[0])) return [...companions.filter(isLeft), ...weights];
  const shards = needed.shards(await readFile(await get(weights[0]), 'utf8'));
  return [...companions.filter(isLeft), ...shards];
}

/** The architecture of a config, or why none of ours reads it. */
async function describe(config: string, id: string): Promise<Architecture | string> {
  try {
    return architectureOf(JSON.parse(await readFile(config, 'utf8')) as RawConfig, `${id}: config.json`);
  } catch (error) {
    return (error as Error).message;
  }
}

function needOf(id: string, files: readonly HubFile[], described: Architecture | string) {
  if (typeof described !== 'string') return neededFiles(id, files, described);
  try {
    return neededFiles(id, files);
  } catch {
    throw new HubError(described, `Known: ${ARCHITECTURES.map(({ title }) => title).join(', ')}; and .onnx exports.`);
  }
}

/** Throws where the disk has no room for what is still to come. */
async function checkSpace(folder: string, wanted: readonly HubFile[]): Promise<void> {
  let missing = 0;
  for (const { path, size = 0 } of wanted) {
    const sizes = await Promise.all(
      [path, `${path}.part`].map((name) => stat(join(folder, name)).catch(() => undefined)),
    );
    missing += Math.max(0, size - Math.max(...sizes.map((found) => found?.size ?? 0)));
  }
  const space = await statfs(folder).catch(() => undefined);
  const free = space ? space.bavail * space.bsize : Number.POSITIVE_INFINITY;
  if (missing > free)
    throw new HubError(
      `${bytesInWords(missing)} are to come, and ${folder} has room for ${bytesInWords(free)}`,
      'Make room, or set GLM_BENCH_CACHE to a folder on another disk.',
    );
}

/** Sums the bytes of several files for one line of progress. */
function createTally({ onProgress }: FetchOptions) {
  const sizes = new Map<string, number>();
  const got = new Map<string, number>();
  const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);
  const tell = (path: string) => onProgress?.(sum(got.values()), sum(sizes.values()), path);
  const expect = (files: readonly HubFile[]) => {
    for (const { path, size = 0 } of files) sizes.set(path, size);
  };
  return {
    expect,
    of: (file: HubFile) => (bytes: number) => {
      if (!sizes.has(file.path)) expect([file]);
      got.set(file.path, bytes);
      tell(file.path);
    },
    finished(file: HubFile) {
      expect([file]);
      got.set(file.path, file.size ?? 0);
    },
  };
}
