/** The command of the installed package: `bin/glm-bench.mjs`, and what the package holds. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const execute = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

it('runs from any folder, through a link as `npm link` makes it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'command-'));
  const command = join(folder, 'glm-bench');
  await symlink(join(ROOT, 'bin', 'glm-bench.mjs'), command);
  const { stdout } = await execute(process.execPath, [command, 'tasks', 'list'], { cwd: folder });
  expect(stdout).toContain('regulatory-grammar');
  await rm(folder, { recursive: true });
});

it('is in the package with every folder that it reads', () => {
  const { bin, files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
    files: string[];
  };
  expect(bin['glm-bench']).toBe('bin/glm-bench.mjs');
  expect(files).toEqual(expect.arrayContaining(['bin', 'src', 'tasks', 'baselines', 'benchmarks/*.ts']));
});
