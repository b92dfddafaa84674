/**
 * Folders of matched ensembles as input of a diagnosis: a folder written by `ensemble`, with its
 * manifest and the held-out part of the corpus, or any folder of model folders trained elsewhere,
 * which needs a corpus.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { EnsembleManifest } from './training.ts';

const MANIFEST = 'ensemble.json';
const FORMAT = 'glm-bench/ensemble@1';

export interface EnsembleFolder {
  /** Name of the folder. */
  readonly id: string;
  readonly path: string;
  /** Folders of the members. */
  readonly members: readonly string[];
  readonly manifest?: EnsembleManifest;
  /** The part of the corpus that no member was trained on. */
  readonly heldOut?: string;
}

/** @throws UsageError for a folder without an ensemble, or with a damaged manifest or member. */
export async function readEnsembleFolder(folder: string): Promise<EnsembleFolder> {
  const path = resolve(folder);
  const id = basename(path);
  if (!existsSync(path)) throw new UsageError(`${folder}: there is no such folder`);
  if (!existsSync(join(path, MANIFEST))) return { id, path, members: await modelFolders(folder) };
  const manifest = JSON.parse(await readFile(join(path, MANIFEST), 'utf8')) as EnsembleManifest;
  if (manifest.format !== FORMAT)
    throw new UsageError(
      `${join(folder, MANIFEST)}: format '${String(manifest.format)}' is not known; expected ${FORMAT}`,
    );
  const members = manifest.members.map((member) => join(path, member.folder));
  const gone = members.find((member) => !existsSync(join(member, 'config.json')));
  if (gone) throw new UsageError(`${gone} is missing but listed in ${join(folder, MANIFEST)}; train it again`);
  return { id, path, members, manifest, heldOut: join(path, manifest.corpus.heldOut.file) };
}

async function modelFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'config.json')))
    .map((entry) => join(resolve(folder), entry.name));
  if (found.length >= 2) return found.sort();
  throw new UsageError(
    `${folder}: there is neither ${MANIFEST} nor at least two folders of models`,
    'Give the --out folder of `ensemble`, or a folder with one folder per member.',
  );
}
