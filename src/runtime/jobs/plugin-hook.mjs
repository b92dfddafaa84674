/**
 * Module resolution for plugins, run by Node in its hooks thread (hence plain JavaScript): `import ... from 'glm-bench'` in a
 * file anywhere on the disk means this package's public API, with no install; and a plugin that is written as an ES module is
 * loaded as one, although no package.json beside it says so. Everything else resolves as it would without us.
 */
import { readFile } from 'node:fs/promises';

let index;
let root;

export function initialize(data) {
  index = data.index;
  root = data.root;
}

export async function resolve(specifier, context, next) {
  if (specifier === 'glm-bench') return next(index, context);
  const resolved = await next(specifier, context);
  if (!isForeignScript(resolved)) return resolved;
  const source = await readFile(new URL(resolved.url), 'utf8').catch(() => '');
  const isModule = /^\s*(import|export)\b/m.test(source) && !/\bmodule\.exports\b/.test(source);
  return isModule ? { ...resolved, format: 'module' } : resolved;
}

function isForeignScript({ url, format }) {
  if (format === 'module' || !url.startsWith('file:') || url.startsWith(root)) return false;
  return /\.(ts|js)($|\?)/.test(url) && !url.includes('/node_modules/');
}
