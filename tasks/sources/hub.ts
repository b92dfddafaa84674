/**
 * Files of a Hugging Face data set, fetched only when the user asked for downloads (`--download`), kept under the cache folder and
 * read from there afterwards without a network. A repository is pinned by a commit, never by a branch: by the task itself or by
 * the user in `<cache>/hub/pins.json`, {"datasets/owner/name": {"revision": "<40 hex digits>", "files": {"path": "<sha256>"}}}.
 * A file is checked against the sha256 of the task or of pins.json; else against the one that the hub states (large files have one);
 * else its hash is recorded on the first download and holds from then on. `snapshot.json` beside the files says which of the three.
 * Not done: private repositories, and uploads. HF_ENDPOINT names another server with the same interface.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError, withLock } from '../../src/index.ts';

export interface HubSource {
  /** "datasets/owner/name". */
  readonly repository: string;
  /** Commit, 40 hex digits. Where the task has none, the user must pin one. */
  readonly revision?: string;
  /** Which files of the repository are wanted, by path. */
  readonly files: RegExp;
  /** Known hashes, by path. */
  readonly sha256?: Readonly<Record<string, string>>;
}

export interface HubOptions {
  readonly cacheFolder: string;
  readonly allowDownload: boolean;
  /** Default HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string;
}

/** Who vouches for a file's hash. */
type Trust = 'pinned' | 'stated by the hub' | 'first download';

interface SnapshotFile {
  readonly path: string;
  readonly size?: number;
  readonly hubSha256?: string;
  readonly sha256?: string;
  readonly trust?: Trust;
}

interface Snapshot {
  readonly repository: string;
  readonly revision: string;
  /** Every file of the commit; those downloaded have `sha256` and `trust`. */
  readonly files: readonly SnapshotFile[];
}

type Pins = Readonly<Record<string, { revision?: string; files?: Readonly<Record<string, string>> }>>;

const ATTEMPTS = 3;

/**
 * The folder that holds the wanted files, downloading what is missing or damaged.
 * @throws UsageError without a pinned commit, without leave to download, and for a file whose hash differs.
 */
export async function hubFolder(source: HubSource, options: HubOptions): Promise<string> {
  const pinsFile = join(options.cacheFolder, 'hub', 'pins.json');
  const pin = (await readJson<Pins>(pinsFile))?.[source.repository];
  const endpoint = (options.endpoint ?? process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '');
  const revision = source.revision ?? pin?.revision;
  if (revision === undefined || !/^[0-9a-f]{40}$/.test(revision)) {
    throw new UsageError(
      `${source.repository}: ${revision === undefined ? 'no commit is pinned' : `"${revision}" is not a commit of 40 hex digits`}`,
      `Choose one at ${endpoint}/${source.repository}/commits/main and write {"${source.repository}": {"revision": "<commit>"}} to ${pinsFile}.`,
    );
  }
  const folder = join(options.cacheFolder, 'hub', source.repository.replaceAll('/', '--'), revision);
  const pinned = { ...pin?.files, ...source.sha256 };
  const snapshot = (await readJson<Snapshot>(join(folder, 'snapshot.json'))) ?? undefined;
  const damaged = snapshot ? await missingFiles(snapshot, source, folder, pinned) : undefined;
  if (damaged?.length === 0) return folder;
  if (!options.allowDownload) {
    const what = damaged
      ? `${damaged.length} files are missing or damaged, such as "${damaged[0].path}"`
      : 'not downloaded yet';
    throw new UsageError(`${source.repository} at ${revision.slice(0, 12)}: ${what}`, 'Give --download to fetch it.');
  }
  await mkdir(folder, { recursive: true });
  const fetchMissing = async () => {
    // Another process may have fetched them while this one waited.
    let current =
      (await readJson<Snapshot>(join(folder, 'snapshot.json'))) ??
      (await listFiles(endpoint, source.repository, revision));
    await writeJson(join(folder, 'snapshot.json'), current);
    for (const file of await missingFiles(current, source, folder, pinned)) {
      const url = `${endpoint}/${source.repository}/resolve/${revision}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
      const done = await download(url, join(folder, file.path), file, pinned[file.path]);
      current = { ...current, files: current.files.map((old) => (old.path === file.path ? done : old)) };
      await writeJson(join(folder, 'snapshot.json'), current);
    }
  };
  await withLock(join(folder, 'download.lock'), fetchMissing, { patience: Number.POSITIVE_INFINITY });
  return folder;
}

/** Wanted files that are absent, or whose bytes are not those that were recorded or pinned. */
async function missingFiles(
  snapshot: Snapshot,
  source: HubSource,
  folder: string,
  pinned: Readonly<Record<string, string>>,
): Promise<SnapshotFile[]> {
  const wanted = snapshot.files.filter((file) => source.files.test(file.path));
  if (wanted.length === 0) {
    const some = snapshot.files.slice(0, 5).map((file) => file.path);
    throw new UsageError(`${source.repository}: no file matches ${source.files}; it has ${some.join(', ')} ...`);
  }
  const missing: SnapshotFile[] = [];
  for (const file of wanted) {
    const expected = pinned[file.path] ?? file.sha256;
    const path = join(folder, file.path);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (expected === undefined || !isThere || (await fileSha256(path)) !== expected) missing.push(file);
  }
  return missing;
}

async function listFiles(endpoint: string, repository: string, revision: string): Promise<Snapshot> {
  const url = `${endpoint}/api/${repository}/revision/${revision}?blobs=true`;
  const response = await request(url);
  if (!response.ok) throw refused(url, response);
  const body = (await response.json()) as {
    siblings?: { rfilename?: unknown; size?: unknown; lfs?: { sha256?: unknown } }[];
  };
  const files = (body.siblings ?? []).map((sibling): SnapshotFile => {
    const path = sibling.rfilename;
    // A path that climbs out of the folder would write anywhere on this machine.
    if (typeof path !== 'string' || path.startsWith('/') || /[\\\0]/.test(path) || path.split('/').includes('..')) {
      throw new UsageError(
        `${url}: the hub names a file ${JSON.stringify(path)}, which is no path inside the repository`,
      );
    }
    const hash = sibling.lfs?.sha256;
    return {
      path,
      ...(typeof sibling.size === 'number' ? { size: sibling.size } : {}),
      ...(typeof hash === 'string' ? { hubSha256: hash } : {}),
    };
  });
  return { repository, revision, files };
}

/** Fetches one file to a name of its own, going on where an earlier attempt stopped; renames it once its hash is right. */
async function download(url: string, target: string, file: SnapshotFile, pinned?: string): Promise<SnapshotFile> {
  const part = `${target}.part`;
  await mkdir(dirname(target), { recursive: true });
  await withRetries(url, () => fetchInto(url, part, file.size));
  const sha256 = await fileSha256(part);
  const trust: Trust = pinned ? 'pinned' : file.hubSha256 || file.sha256 ? 'stated by the hub' : 'first download';
  const expected = pinned ?? file.hubSha256 ?? file.sha256;
  if (expected !== undefined && sha256 !== expected) {
    await rm(part);
    throw new UsageError(
      `${url}: the file's sha256 is ${sha256}, but ${expected} is expected; it was thrown away`,
      'Try again; if it stays so, the pinned revision and hash do not belong together.',
    );
  }
  await rename(part, target);
  return { ...file, sha256, trust: file.trust ?? trust };
}

/** A transfer that broke off; worth another attempt. */
class Interrupted extends Error {}

async function withRetries(url: string, transfer: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transfer();
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (attempt === ATTEMPTS) {
        throw new UsageError(`${url}: ${error.message}, ${ATTEMPTS} times`, 'Run again to go on where it stopped.');
      }
    }
  }
}

async function fetchInto(url: string, part: string, size: number | undefined): Promise<void> {
  const have = await stat(part).then(
    (info) => info.size,
    () => 0,
  );
  if (size !== undefined && have === size) return;
  const start = size !== undefined && have > size ? 0 : have;
  const response = await request(url, start > 0 ? { range: `bytes=${start}-` } : {});
  // The part is no beginning of this file: start afresh.
  if (response.status === 416) {
    await rm(part, { force: true });
    throw new Interrupted('the server refused to resume');
  }
  if (response.status >= 500) throw new Interrupted(`the server answered ${response.status}`);
  if (!response.ok || response.body === null) throw refused(url, response);
  const resumes =
    response.status === 206 && (response.headers.get('content-range') ?? '').startsWith(`bytes ${start}-`);
  const output = await open(part, resumes ? 'a' : 'w');
  let written = resumes ? start : 0;
  try {
    for await (const chunk of response.body) {
      await output.write(chunk);
      written += chunk.length;
    }
  } catch (error) {
    throw new Interrupted(`the transfer broke off after ${written} bytes (${(error as Error).message})`);
  } finally {
    await output.close();
  }
  if (size !== undefined && written !== size) throw new Interrupted(`${written} of ${size} bytes came`);
}

async function request(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  try {
    return await fetch(url, { headers: { ...headers, 'accept-encoding': 'identity' } });
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error };
    throw new UsageError(
      `${url}: cannot be reached (${cause?.message || message})`,
      'Check the network, set HF_ENDPOINT to a mirror, or give the files with --data-folder DIR or GLM_BENCH_DATA.',
    );
  }
}

function refused(url: string, response: Response): UsageError {
  return new UsageError(
    `${url}: the hub answered ${response.status} ${response.statusText}`.trim(),
    response.status === 404 ? 'Check the repository and the pinned revision.' : 'Try again later.',
  );
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function readJson<T>(path: string): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new UsageError(`${path}: not JSON (${(error as Error).message})`, 'Correct the file or delete it.');
  }
}

async function writeJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`);
  await rename(temporary, path);
}
