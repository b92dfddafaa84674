/**
 * A side of a comparison as a process that stays, asked by a line of JSON and answering with one: so that sides take turns in one run, each with its model
 * loaded once and its memory its own. The first line is `{version}`; an empty line ends it, the last answer being `{peak_mib}`.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Peer {
  readonly version: string;
  ask<T>(request: unknown): Promise<T>;
  /** Ends the process. -> the most memory it ever held, MiB. */
  peak(): Promise<number>;
}

export async function startPeer(program: string, words: readonly string[], threads?: number): Promise<Peer> {
  const environment = threads === undefined ? process.env : { ...process.env, OMP_NUM_THREADS: `${threads}` };
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'], env: environment });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = `${complaints}${chunk}`.slice(-4000);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${program} ended: ${complaints}`);
    return JSON.parse(value as string) as T;
  };
  const { version } = await next<{ version: string }>();
  return {
    version,
    ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return next();
    },
    async peak() {
      child.stdin.end('\n');
      return (await next<{ peak_mib: number }>()).peak_mib;
    },
  };
}
