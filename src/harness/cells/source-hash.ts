/**
 * sha256 over source code, so that a result is never reused after the code that made it has changed:
 * the import closure of the module that computes it, with the installed versions of the packages that
 * the closure imports and the processor's kind. A plugin's file is hashed with every file it imports
 * by a relative path, and with the versions of its packages.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashJson, isMissing, sha256 } from '../../core/files.ts';
import { type ImportClosure, importClosure } from './import-closure.ts';

/** The root of this package. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const OWN_NAME = 'glm-bench';

/** Modules of `src` that compute each sort of stored thing. Plugins import `index.ts`. */
const ENTRIES = {
  cell: ['harness/workers/jobs.ts', 'index.ts'],
  diagnostics: ['cli/jobs/diagnose.ts', 'cli/jobs/diagnose-ensemble.ts'],
  task: ['harness/tasks/prepare.ts', 'harness/tasks/row-cache.ts', 'index.ts'],
} as const;

/** Reads stored results only, and the public API leads there: no stored number depends on it. */
const reportRoot = join(PACKAGE_ROOT, 'src', 'report') + sep;
const sourceRoot = join(PACKAGE_ROOT, 'src') + sep;

/** The source files of this package, and the packages, that a sort of stored thing depends on. */
export function codeClosure(of: keyof typeof ENTRIES): Promise<ImportClosure> {
  return importClosure(
    ENTRIES[of].map((entry) => join(sourceRoot, entry)),
    (path) => path.startsWith(reportRoot),
  );
}

async function hashCode(of: keyof typeof ENTRIES): Promise<string> {
  const { files, packages } = await codeClosure(of);
  return hashJson({
    files: hashFiles(files, PACKAGE_ROOT),
    packages: await versionsOf(packages),
    processor: `${process.platform} ${process.arch}`,
  });
}

function hashFiles(files: ImportClosure['files'], from: string): string {
  const lines = [...files].map(([path, text]) => `${relative(from, path)} ${sha256(text)}\n`);
  return sha256(lines.sort().join(''));
}

/** Of the code that the numbers of every cell depend on. */
export const codeHash = (): Promise<string> => hashCode('cell');

/** Of the code that diagnostics depend on. */
export const diagnosticsCodeHash = (): Promise<string> => hashCode('diagnostics');

/** Of the code that the rows of a prepared task depend on. */
export const taskCodeHash = (): Promise<string> => hashCode('task');

/**
 * sha256 over a plugin's file, the files that it imports by relative paths, directly or not, and the
 * versions of the packages that these import. This package's own `src` is left out ({@link codeHash}
 * covers it).
 */
export async function pluginHash(file: string): Promise<string> {
  const { files, packages } = await importClosure([file], (path) => path.startsWith(sourceRoot));
  return hashJson({ files: hashFiles(files, dirname(file)), packages: await versionsOf(packages, dirname(file)) });
}

/** Versions of the packages that numbers depend on, and our own. */
export async function packageVersions(): Promise<Record<string, string>> {
  const { packages } = await codeClosure('cell');
  const own = JSON.parse(await readFile(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
  return { [OWN_NAME]: own.version, ...(await versionsOf(packages)) };
}

async function versionsOf(packages: readonly string[], from = PACKAGE_ROOT): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of packages) {
    const version = name === OWN_NAME ? undefined : await installedVersion(name, from);
    if (version !== undefined) versions[name] = version;
  }
  return versions;
}

/** The version in the nearest `node_modules` above a folder; undefined where the package is not installed. */
async function installedVersion(name: string, from: string): Promise<string | undefined> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8').catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (text !== undefined) return (JSON.parse(text) as { version: string }).version;
    if (folder === dirname(folder)) return undefined;
  }
}
