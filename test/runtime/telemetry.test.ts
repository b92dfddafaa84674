import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./fixtures/run-session.ts', import.meta.url));
const hasStrace = process.platform === 'linux' && spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;

it('a process that runs a model writes nothing to its home and temporary folder and opens no connection', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'telemetry-'));
  const [home, temporary, trace] = ['home', 'tmp', 'trace.txt'].map((name) => join(folder, name));
  await Promise.all([mkdir(home), mkdir(temporary)]);
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, TMPDIR: temporary, TSX_DISABLE_CACHE: '1' };
  delete env.ORT_DISABLE_TELEMETRY; // the module alone must set it
  delete env.XDG_CACHE_HOME;
  const node = [process.execPath, '--import', 'tsx', SCRIPT];
  const tracer = hasStrace ? ['strace', '-f', '-e', 'trace=connect,sendto,sendmsg,openat', '-o', trace] : [];
  const [command, ...words] = [...tracer, ...node];
  expect(execFileSync(command, words, { env, cwd: ROOT, encoding: 'utf8' })).toBe('7,10,15,22\n');
  const left = (await readdir(folder, { recursive: true })).filter((name) => !/^(home|tmp|trace\.txt)$/.test(name));
  expect(left.filter((name) => !name.includes('tsx-'))).toEqual([]);
  if (existsSync(trace)) {
    const calls = await readFile(trace, 'utf8');
    expect(calls).toContain('onnxruntime_binding.node'); // the trace covers the library
    expect(calls).not.toMatch(/AF_INET|resolv\.conf|nsswitch|mat-debug|\.cache\/Microsoft/);
  }
  await rm(folder, { recursive: true });
});

it('every module that loads the library imports the module that switches telemetry off', async () => {
  const loads = /(?:import\(|from )'(?:onnxruntime-node|@huggingface\/transformers)'/;
  const typesOnly = /^import type .*$/gm;
  const found: string[] = [];
  for (const top of ['src', 'baselines', 'tasks', 'benchmarks'])
    for (const name of await readdir(join(ROOT, top), { recursive: true })) {
      if (!name.endsWith('.ts')) continue;
      const text = (await readFile(join(ROOT, top, name), 'utf8')).replace(typesOnly, '');
      if (loads.test(text)) found.push(relative('.', join(top, name)));
      if (loads.test(text)) expect(text, join(top, name)).toMatch(/^import '[./\w]*\/telemetry\.ts';$/m);
    }
  expect(found.length).toBeGreaterThan(2);
});
