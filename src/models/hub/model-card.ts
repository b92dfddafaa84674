/** What a model's README says of itself in its front matter (the YAML between two lines `---` that the hub reads), as far as we show it: the licence. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../core/files.ts';

/** A licence, and the file that says it. */
export interface Licence {
  readonly licence: string;
  readonly from: string;
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** Values of a top-level key: on its line, as `[a, b]`, or one a line below with dashes. */
function valuesOf(frontMatter: string, key: string): string[] {
  const lines = frontMatter.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`${key}:`));
  if (at < 0) return [];
  const plain = (text: string) =>
    text
      .replace(/\s+#.*$/, '')
      .trim()
      .replace(/^(['"])(.*)\1$/, '$2');
  const own = plain(lines[at].slice(key.length + 1));
  if (own !== '')
    return own
      .replace(/^\[(.*)\]$/, '$1')
      .split(',')
      .map(plain);
  const after = lines.slice(at + 1);
  const end = after.findIndex((line) => !/^\s*-\s/.test(line));
  return (end < 0 ? after : after.slice(0, end)).map((line) => plain(line.replace(/^\s*-\s/, '')));
}

/** The licence that a text of README.md names: `license`, and `license_name` where that says "other". */
export function licenceOfCard(text: string): string | undefined {
  const frontMatter = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1].replaceAll('\r', '');
  if (frontMatter === undefined) return undefined;
  const named = valuesOf(frontMatter, 'license').filter(Boolean).join(', ');
  const [own] = valuesOf(frontMatter, 'license_name');
  return (named === 'other' && own) || named || own || undefined;
}

/** What a model folder says of its licence: its card, else the first line of a licence file. */
export async function licenceOfFolder(folder: string): Promise<Licence | undefined> {
  const card = await readText(join(folder, 'README.md'));
  const stated = card === undefined ? undefined : licenceOfCard(card);
  if (stated) return { licence: stated, from: 'README.md' };
  for (const from of ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE']) {
    const line = (await readText(join(folder, from)))?.split('\n').find((text) => text.trim() !== '');
    if (line) return { licence: line.replace(/^#+/, '').trim(), from };
  }
  return undefined;
}
