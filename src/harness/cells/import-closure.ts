/**
 * The import closure of a module: every source file that it loads, directly or not, and the packages
 * that these files name. Found in the text of the files: static and dynamic imports, `export ... from`
 * and `new URL('./x', import.meta.url)`. Type-only imports are left out: they are erased before the
 * code runs. An import in a comment counts too, which makes a closure larger, never smaller.
 */
import { readFile, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';

export interface ImportClosure {
  /** Text of each file, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of the packages that the files import, sorted. */
  readonly packages: readonly string[];
}

const IMPORTS = [
  /\b(?:import|export)\s+(?!type\s+[\w{*])(?:[\w$*{}\s,]+?\s*)from\s*['"]([^'"]+)['"]/g,
  /\bimport\s*['"]([^'"]+)['"]/g,
  /\bimport\s*\(\s*['"]([^'"]+)['"]/g,
  /\brequire\s*\(\s*['"]([^'"]+)['"]/g,
  /\bnew URL\(\s*['"](\.{1,2}\/[^'"]+\.[cm]?[jt]s)['"],\s*import\.meta\.url/g,
];
const SUFFIXES = ['', '.ts', '.js', '.mjs', '.cjs', '/index.ts', '/index.js'];
const IS_SOURCE = /\.(?:[cm]?[jt]s|json)$/;

/** What a source text imports at run time, as written. */
export function importsOf(text: string): string[] {
  return [...new Set(IMPORTS.flatMap((pattern) => Array.from(text.matchAll(pattern), ([, name]) => name)))];
}

/**
 * Walks the imports of `entries` (absolute paths), one open file at a time. Files for which `skip`
 * holds are left out, with what only they import. Throws the file system's error where an entry
 * cannot be read; an import that leads to no file is left out.
 */
export async function importClosure(
  entries: readonly string[],
  skip: (path: string) => boolean = () => false,
): Promise<ImportClosure> {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(path) || skip(path)) continue;
    const text = await readFile(path, 'utf8');
    files.set(path, text);
    if (!IS_SOURCE.test(path) || path.endsWith('.json')) continue;
    for (const specifier of importsOf(text)) {
      if (!specifier.startsWith('.')) {
        if (isPackage(specifier)) packages.add(packageName(specifier));
        continue;
      }
      const target = await existingFile(resolve(dirname(path), specifier));
      if (target !== undefined) waiting.push(target);
    }
  }
  return { files, packages: [...packages].sort() };
}

function isPackage(specifier: string): boolean {
  return /^(?:@[\w.-]+\/)?[\w.-]+(?:\/|$)/.test(specifier) && !isBuiltin(specifier);
}

/** `mathjs` of `mathjs/number`; `@huggingface/transformers` as it is. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

async function existingFile(path: string): Promise<string | undefined> {
  for (const suffix of SUFFIXES) {
    const found = await stat(path + suffix).catch(() => undefined);
    if (found?.isFile()) return path + suffix;
  }
  return undefined;
}
