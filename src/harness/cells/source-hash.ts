/**
 * sha256 over source code, so that a result is never reused after the code that made it has changed: the folders of this
 * package that numbers depend on, and a plugin's file with every file it imports by a relative path. Packages from npm are
 * covered by their version, not by their text.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256 } from '../../core/files.ts';

/** The root of this package. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** What the numbers of a cell depend on. */
const CELL_CODE = [
  'core',
  'onnx',
  'metrics',
  'sequences',
  'runtime',
  'algebra',
  'models',
  'pretraining',
  'embeddings',
  'probes',
  'diagnostics',
  'catalog',
  'harness/cells',
  'harness/tasks',
];
/** What the numbers of diagnostics depend on. */
const DIAGNOSTICS_CODE = CELL_CODE.filter((part) => !/^(probes|harness)/.test(part)).concat('ensembles');
/** What the rows of a prepared task depend on. */
const TASK_CODE = ['core', 'sequences', 'barcodes', 'harness/tasks'];

async function sourceFiles(path: string): Promise<string[]> {
  if (extname(path) !== '') return [path];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

async function hashSources(parts: readonly string[]): Promise<string> {
  const files = (await Promise.all(parts.map((part) => sourceFiles(join(PACKAGE_ROOT, 'src', part))))).flat().sort();
  const texts = await Promise.all(files.map((file) => readFile(file)));
  return sha256(files.map((file, i) => `${relative(PACKAGE_ROOT, file)} ${sha256(texts[i])}\n`).join(''));
}

/** sha256 over the source folders that the numbers of every cell depend on. */
export const codeHash = (): Promise<string> => hashSources(CELL_CODE);

/** sha256 over the source that diagnostics depend on. */
export const diagnosticsCodeHash = (): Promise<string> => hashSources(DIAGNOSTICS_CODE);

/** sha256 over the source that the rows of a prepared task depend on. */
export const taskCodeHash = (): Promise<string> => hashSources(TASK_CODE);

const RELATIVE_IMPORT = /(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;
const SUFFIXES = ['', '.ts', '.js', '.mjs', '/index.ts', '/index.js'];

/**
 * sha256 over a plugin's file and the files that it imports by relative paths, directly or not. This package's own `src` is
 * left out ({@link codeHash} covers it).
 */
export async function pluginHash(file: string): Promise<string> {
  const source = join(PACKAGE_ROOT, 'src') + sep;
  const seen = new Map<string, string>();
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path) || path.startsWith(source)) return;
    const bytes = await readFile(path);
    seen.set(path, sha256(bytes));
    for (const [, specifier] of bytes.toString('utf8').matchAll(RELATIVE_IMPORT)) {
      const target = await firstReadable(resolve(dirname(path), specifier));
      if (target) await visit(target);
    }
  };
  await visit(file);
  return sha256(
    [...seen]
      .map(([path, hash]) => `${relative(dirname(file), path)} ${hash}\n`)
      .sort()
      .join(''),
  );
}

async function firstReadable(path: string): Promise<string | undefined> {
  for (const suffix of SUFFIXES) {
    const readable = await readFile(path + suffix).then(
      () => true,
      () => false,
    );
    if (readable) return path + suffix;
  }
  return undefined;
}

/** Versions of the packages that numbers depend on, and our own. */
export async function packageVersions(): Promise<Record<string, string>> {
  const require = createRequire(import.meta.url);
  const read = async (file: string) => (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
  const entry = require.resolve('onnxruntime-node');
  const root = entry.slice(0, entry.lastIndexOf(`onnxruntime-node${sep}`) + 'onnxruntime-node'.length);
  return {
    'glm-bench': await read(join(PACKAGE_ROOT, 'package.json')),
    'onnxruntime-node': await read(join(root, 'package.json')),
  };
}
