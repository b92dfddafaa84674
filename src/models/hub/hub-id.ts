/**
 * Names of models on the hub, `organisation/name` or `organisation/name@revision`, and where they lie in the cache:
 *
 *     <cache>/hub/models--organisation--name/<commit>/                 the files
 *     <cache>/hub/models--organisation--name/<commit>.manifest.json    what they are; written last: with it, the folder is whole
 *     <cache>/hub/models--organisation--name/pinned.json               the commit that the bare name stands for
 */
import { basename, dirname, join } from 'node:path';

export interface HubId {
  /** `organisation/name` */
  readonly id: string;
  readonly organisation: string;
  readonly name: string;
  /** As given behind `@`: a commit, a branch or a tag. */
  readonly revision?: string;
}

const PART = /^(?!.*(?:--|\.\.))[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/;
const REVISION = /^(?!.*\.\.)[A-Za-z0-9_][\w./-]{0,199}$/;
const COMMIT = /^[0-9a-f]{40}$/;

export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/** A branch, a tag or a commit, as it may stand in an address. */
export const isRevision = (text: string): boolean => REVISION.test(text);

/** Undefined for what can't be a model of the hub. */
export function parseHubId(text: string): HubId | undefined {
  const [id, revision, ...more] = text.split('@');
  const [organisation, name, ...deeper] = id.split('/');
  const isName = more.length === 0 && deeper.length === 0 && PART.test(organisation) && PART.test(name ?? '');
  if (!isName || (revision !== undefined && !isRevision(revision))) return undefined;
  return { id, organisation, name, revision };
}

/** Where all commits of a model are kept. */
export function repositoryFolder(cacheFolder: string, { organisation, name }: HubId): string {
  return join(cacheFolder, 'hub', `models--${organisation}--${name}`);
}

/** The model and commit that a folder of the cache holds, by its path; undefined for any other folder. */
export function hubIdOfFolder(folder: string): (HubId & { readonly revision: string }) | undefined {
  const revision = basename(folder);
  const [prefix, organisation, name, ...more] = basename(dirname(folder)).split('--');
  if (prefix !== 'models' || !name || more.length > 0 || !isCommit(revision)) return undefined;
  return { id: `${organisation}/${name}`, organisation, name, revision };
}

/** The same as a word for tables and file names: the model's name and its commit's first eight digits. */
export function hubModelName(folder: string): string | undefined {
  const found = hubIdOfFolder(folder);
  return found && `${found.name}-${found.revision.slice(0, 8)}`;
}
