/** The pages of the repository: links lead somewhere, and commands name commands that exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../src/cli/program.ts';
import { CLI_PAGE, cliReference } from './cli-reference.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string) => readFileSync(join(ROOT, page), 'utf8');

/** GitHub's anchors: lower case, punctuation gone, spaces to hyphens. */
function anchors(page: string): Set<string> {
  const headings = [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** "embed", "tasks show", ...; a line without a verb, or with a flag first, is the default command. */
function verbs(page: string): string[][] {
  const commands = [...textOf(page).matchAll(/npm run (?:-s )?bench -- ([a-z][^`\n]*)/g)];
  return commands.map(([, words]) => words.split(/\s+/));
}

describe.each(PAGES)('%s', (page) => {
  it('links to files and headings that exist', () => {
    for (const [, target] of textOf(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path, anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      expect(existsSync(join(ROOT, file)), `${page}: ${target}`).toBe(true);
      if (anchor) expect([...anchors(file)], `${page}: ${target}`).toContain(anchor);
    }
  });

  it('names commands of the command line, and flags that they have', async () => {
    for (const words of verbs(page)) {
      let command = await createProgram(words, () => {});
      for (const word of words) {
        const next = command.commands.find((candidate) => candidate.name() === word);
        if (!next) break;
        command = next;
      }
      const said = `${page}: npm run bench -- ${words.join(' ')}`;
      expect(command.parent, said).not.toBeNull();
      const flags = command.options.map((option) => option.long);
      for (const word of words.filter((each) => each.startsWith('--'))) expect(flags, said).toContain(word);
    }
  });
});

it('docs/cli.md is what the program prints: npm run docs:cli', async () => {
  expect(readFileSync(CLI_PAGE, 'utf8')).toBe(await cliReference());
});

describe('the pages together', () => {
  it('are found, with links, commands and flags in them', () => {
    expect(PAGES.length).toBeGreaterThan(15);
    const links = PAGES.flatMap((page) => [...textOf(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)]);
    expect(links.length).toBeGreaterThan(50);
    expect(PAGES.flatMap(verbs).length).toBeGreaterThan(40);
  });

  it('open with a runnable example, each how-to page of docs', () => {
    const pages = ['your-data', 'your-model', 'barcodes', 'baselines-and-probes', 'results-schema', 'statistics'];
    for (const name of pages) {
      const opening = textOf(`docs/${name}.md`).split('\n## ')[0];
      expect(opening, `docs/${name}.md`).toMatch(/```sh\nnpm run bench -- /);
    }
  });

  it('keep the README at most 9 KB', () => {
    expect(Buffer.byteLength(textOf('README.md'))).toBeLessThanOrEqual(9 * 1024);
  });
});
