/** Runs the command line as a person does, from a folder of their own. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(
  folder: string,
  words: readonly string[],
  env: Record<string, string> = {},
  options: Pick<SpawnOptions, 'detached'> = {},
): ChildProcess {
  return spawn(process.execPath, ['--import', TSX, MAIN, ...words], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', GLM_BENCH_CACHE: '', GLM_BENCH_DATA: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

export function finished(child: ChildProcess): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

export function bench(folder: string, words: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return finished(start(folder, words, env));
}

/** Waits until the command has printed `pattern` to standard error; rejects when it ends without. */
export function said(child: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  return new Promise((resolve, reject) => {
    child.once('close', () => reject(new Error(`the command ended without saying ${pattern}: ${text}`)));
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern.test(text)) resolve();
    });
  });
}
