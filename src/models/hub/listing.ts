/** What a repository of the hub holds at a revision, with the sizes and hashes that the hub states. */
import { HubError } from './hub-error.ts';
import { type HubId, isCommit } from './hub-id.ts';
import { ATTEMPTS, boundedText, Interrupted, PATIENCE, pauseAfter, refuseBusy, sleep } from './patience.ts';
import { type HubServer, refusal, request } from './request.ts';

export interface HubFile {
  /** Within the repository, `/` between folders. */
  readonly path: string;
  readonly size?: number;
  /** Of files in large-file storage. */
  readonly sha256?: string;
  /** Of the others: git's SHA-1 of the file as a blob. */
  readonly gitBlob?: string;
}

export interface HubListing {
  /** 40 hex digits, whatever name was asked for. */
  readonly commit: string;
  readonly files: readonly HubFile[];
  readonly licence?: string;
}

interface Sibling {
  readonly rfilename?: unknown;
  readonly size?: unknown;
  readonly blobId?: unknown;
  readonly lfs?: { readonly sha256?: unknown; readonly size?: unknown } | null;
}

const isDigest = (value: unknown, digits: number): value is string =>
  typeof value === 'string' && new RegExp(`^[0-9a-f]{${digits}}$`).test(value);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A path that climbs out of its folder would be written anywhere on this machine. */
function isWithin(path: unknown): path is string {
  if (typeof path !== 'string' || path === '' || /[\\\0:]/.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** Throws {@link HubError} where there is no such repository or revision, and for an answer that can't be trusted. */
export async function listRepository(
  server: HubServer,
  { id }: HubId,
  revision: string,
  pause: (milliseconds: number) => Promise<void> = sleep,
): Promise<HubListing> {
  const path = `/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const text = await listingText(server, id, path, pause);
  const fail = (what: string): never => {
    throw new HubError(`${server.endpoint}${path}: ${what}`, 'Is this a server with the interface of the hub?');
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    fail('the answer is not JSON');
  }
  const body = parsed as {
    sha?: unknown;
    siblings?: unknown;
    cardData?: { license?: unknown } | null;
  } | null;
  const { sha, siblings, cardData } = body ?? {};
  if (!isDigest(sha, 40)) return fail('the answer names no commit');
  if (isCommit(revision) && sha !== revision) fail(`the answer is of commit ${sha}`);
  if (!Array.isArray(siblings)) return fail('the answer lists no files');
  const files = (siblings as Sibling[]).map((sibling): HubFile => {
    const { rfilename, blobId, lfs } = sibling;
    if (!isWithin(rfilename))
      return fail(`the hub names a file ${JSON.stringify(rfilename)}, which is no path inside the repository`);
    const size = lfs && isSize(lfs.size) ? lfs.size : sibling.size;
    return {
      path: rfilename,
      ...(isSize(size) ? { size } : {}),
      ...(lfs ? (isDigest(lfs.sha256, 64) ? { sha256: lfs.sha256 } : {}) : {}),
      ...(!lfs && isDigest(blobId, 40) ? { gitBlob: blobId } : {}),
    };
  });
  return { commit: sha, files, ...(typeof cardData?.license === 'string' ? { licence: cardData.license } : {}) };
}

/** The answer, tried again where the server is busy or the answer breaks off. */
async function listingText(
  server: HubServer,
  id: string,
  path: string,
  pause: (milliseconds: number) => Promise<void>,
): Promise<string> {
  const { patience = PATIENCE, endpoint } = server;
  for (let failures = 1; ; failures++) {
    try {
      const response = await request(server, path);
      await refuseBusy(response);
      if (!response.ok) throw refusal(server, id, path, response);
      return await boundedText(response, `${endpoint}${path}`, patience);
    } catch (error) {
      // An answer that breaks off is a TypeError of fetch.
      if (!(error instanceof Interrupted || error instanceof TypeError)) throw error;
      if (failures === ATTEMPTS)
        throw new HubError(`${endpoint}${path}: ${error.message}; ${ATTEMPTS} attempts`, 'Try again later.');
      await pause(pauseAfter(failures, error));
    }
  }
}
