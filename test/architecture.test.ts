import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IMPORT =
  /(?:^|\s)(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|import\s*\(\s*(?:\/\*.*?\*\/\s*)?['"]([^'"]+)['"]\s*\)/g;

/** Folders of plugins see the public API only, as a user's plugin does. */
const PLUGIN_FOLDERS = ['tasks', 'baselines', 'benchmarks'];

/** Folder -> folders that it may import: those above it in the table of docs/architecture.md. */
function readTable(): Map<string, Set<string>> {
  const page = readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8');
  const table = new Map<string, Set<string>>();
  const above: string[] = [];
  for (const [, names] of page.matchAll(/^\| (`[^|]+`)\s+\|[^|]*\|$/gm)) {
    const folders = names
      .replaceAll('`', '')
      .split(',')
      .map((name) => name.trim().replace(/^src\//, ''));
    const plugins = folders.every((name) => PLUGIN_FOLDERS.includes(name));
    for (const folder of folders) table.set(folder, plugins ? new Set(['index.ts']) : new Set(above));
    above.push(...folders);
  }
  return table;
}

/** `src/onnx/graph.ts` -> "onnx", `src/index.ts` -> "index.ts", `tasks/a.ts` -> "tasks"; a row of its own goes first. */
function folderOf(path: string): string {
  const parts = relative(ROOT, path).split(sep);
  const two = parts.slice(0, 2).join('/');
  if (parts[0] !== 'src' && table.has(two)) return two;
  return parts[0] === 'src' ? parts[1] : parts[0];
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

const table = readTable();
const files = ['src', 'tasks', 'baselines', 'benchmarks'].flatMap(sources);
const imports = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(IMPORT)]
    .map((match) => match[1] ?? match[2])
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({ file, target: resolve(dirname(file), specifier) })),
);

describe('the import table of docs/architecture.md', () => {
  it('has a row for every folder of src', () => {
    const folders = readdirSync(join(ROOT, 'src'));
    for (const folder of folders)
      expect([...table.keys()], `docs/architecture.md has no row for src/${folder}`).toContain(folder);
    expect(table.get('onnx')).toEqual(new Set(['core']));
    expect(table.get('harness')).toContain('probes');
    expect(table.get('diagnostics')).not.toContain('ensembles');
    expect(table.get('tasks')).toEqual(new Set(['index.ts']));
  });

  it('allows every import between folders', () => {
    const forbidden = imports
      .map(({ file, target }) => ({ file, from: folderOf(file), to: folderOf(target) }))
      .filter(({ from, to }) => from !== to && !table.get(from)?.has(to))
      .map(({ file, to }) => `${relative(ROOT, file)} imports ${to}`);
    expect(forbidden).toEqual([]);
  });

  it('has no circles of files', () => {
    const next = new Map(files.map((file) => [file, imports.filter((found) => found.file === file)]));
    const reach = (from: string) => {
      const seen = new Set<string>();
      const open = [from];
      for (let file = open.pop(); file !== undefined; file = open.pop())
        for (const { target } of next.get(file) ?? []) {
          if (seen.has(target)) continue;
          seen.add(target);
          open.push(target);
        }
      return seen;
    };
    const circles = files.filter((file) => reach(file).has(file)).map((file) => relative(ROOT, file));
    expect(circles).toEqual([]);
  });

  it('is not walked round by way of our own package name', () => {
    const own = files
      .filter((file) => file.endsWith('.ts'))
      .filter((file) => /from\s*['"]glm-bench['"]/.test(readFileSync(file, 'utf8')));
    expect(own.map((file) => relative(ROOT, file))).toEqual([]);
  });
});

describe('start-up', () => {
  it('loads no engine: the public API and the commands import heavy packages only when used', () => {
    const heavy = [
      'onnxruntime-node',
      '@huggingface/transformers',
      'mathjs',
      'onnx-buf',
      'ml-matrix',
      'ml-random-forest',
    ];
    const visited = new Set<string>();
    const reached: string[] = [];
    const visit = (file: string) => {
      if (visited.has(file)) return;
      visited.add(file);
      const text = readFileSync(file, 'utf8');
      for (const [, kind, specifier] of text.matchAll(
        /(?:^|\n)(import|export)\s(?!type\b)[^'"`;]*?from\s*['"]([^'"]+)['"]/g,
      )) {
        if (specifier.startsWith('.')) visit(resolve(dirname(file), specifier));
        else if (heavy.includes(specifier)) reached.push(`${relative(ROOT, file)} ${kind}s ${specifier}`);
      }
    };
    visit(join(ROOT, 'src', 'index.ts'));
    visit(join(ROOT, 'src', 'cli', 'main.ts'));
    visit(join(ROOT, 'src', 'cli', 'commands', 'run.ts'));
    expect(reached).toEqual([]);
  });
});
