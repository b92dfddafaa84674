/**
 * One file of the hub onto disk: into a `.part` that a later call goes on from (Range), to its own name once size and hash are right. What
 * a server sends beyond the size it stated is not written.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sha256File } from '../../core/files.ts';
import { HubError } from './hub-error.ts';
import type { HubFile } from './listing.ts';
import { ATTEMPTS, Interrupted, PATIENCE, pauseAfter, refuseBusy, sleep, steady } from './patience.ts';
import { type HubServer, refusal, request, Unreachable } from './request.ts';

/** Who vouches for a file's hash. */
export type Trust = 'pinned' | 'stated by the hub' | 'first download';

export interface Expected extends Omit<HubFile, 'path'> {
  /** sha256 that the user asked for, or that an earlier download recorded. */
  readonly pinned?: string;
}

export interface Transfer {
  readonly server: HubServer;
  readonly id: string;
  /** On the server, from `/`. */
  readonly path: string;
  readonly target: string;
  readonly part: string;
  readonly expected: Expected;
  /** Told how many bytes of the file are there. */
  readonly onBytes?: (bytes: number) => void;
  /** Waits between two attempts; milliseconds. */
  readonly pause?: (milliseconds: number) => Promise<void>;
}

export interface Transferred {
  readonly size: number;
  readonly sha256: string;
  readonly trust: Trust;
}

/** Bytes that make an attempt count as progress. */
const PROGRESS = 2 ** 20;

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Throws {@link HubError} where the server refuses, keeps breaking off, or sends something else than was expected. */
export async function transfer(what: Transfer): Promise<Transferred> {
  const { target, part, expected, pause = sleep } = what;
  await mkdir(dirname(part), { recursive: true });
  await mkdir(dirname(target), { recursive: true });
  for (let failures = 0; ; ) {
    const before = await sizeOf(part);
    try {
      await receive(what, before);
      break;
    } catch (error) {
      const isPassing = error instanceof Interrupted || (error instanceof Unreachable && failures > 0);
      if (!isPassing) throw error;
      failures = (await sizeOf(part)) - before >= PROGRESS ? 1 : failures + 1;
      if (failures === ATTEMPTS)
        throw new HubError(
          `${what.server.endpoint}${what.path}: ${error.message}; ${ATTEMPTS} attempts`,
          'What came is kept: give the same command again to go on from there.',
        );
      await pause(pauseAfter(failures, error));
    }
  }
  const sha256 = await checkedHash(what);
  await rename(part, target);
  const trust: Trust = expected.pinned
    ? 'pinned'
    : expected.sha256 || expected.gitBlob
      ? 'stated by the hub'
      : 'first download';
  return { size: await sizeOf(target), sha256, trust };
}

/** Goes on from `have` bytes. */
async function receive({ server, id, path, part, expected, onBytes }: Transfer, have: number): Promise<void> {
  const { patience = PATIENCE } = server;
  const { size } = expected;
  if (have > 0 && have === size) return;
  const start = size !== undefined && have > size ? 0 : have;
  const response = await request(server, path, start > 0 ? { range: `bytes=${start}-` } : {});
  const { status, headers, body } = response;
  await refuseBusy(response);
  const resumes = status === 206 && (headers.get('content-range') ?? '').startsWith(`bytes ${start}-`);
  if (status === 416 || (status === 206 && !resumes)) {
    await response.body?.cancel();
    await rm(part, { force: true }); // the part is no beginning of this file: start afresh
    throw new Interrupted('the server refused to resume');
  }
  if (status !== 200 && status !== 206) throw refusal(server, id, path, response);
  const output = await open(part, resumes ? 'a' : 'w');
  let written = resumes ? start : 0;
  try {
    // A size that the answer states bounds the body by itself: the connection ends with it.
    const isStated = size !== undefined || headers.has('content-length');
    for await (const chunk of steady(body, patience)) {
      written += chunk.length;
      if (!isStated && written > patience.unstated)
        throw new HubError(
          `${server.endpoint}${path}: more than ${patience.unstated} bytes came of a file whose size the server does not state`,
          'Give the address of another mirror, or copy the file by other means.',
        );
      if (size !== undefined && written > size)
        throw new HubError(
          `${server.endpoint}${path}: more than the ${size} bytes came that the hub states`,
          'Is a proxy or a mirror in between? Try again without it.',
        );
      await output.write(chunk);
      onBytes?.(written);
    }
    await output.sync();
  } catch (error) {
    if (error instanceof HubError || isDiskError(error)) throw error;
    throw new Interrupted(`the transfer broke off after ${written} bytes (${(error as Error).message})`);
  } finally {
    await output.close();
  }
  if (size !== undefined && written < size) throw new Interrupted(`${written} of ${size} bytes came`);
}

/** Of writing, which no further attempt mends. */
const isDiskError = (error: unknown) => (error as NodeJS.ErrnoException).syscall === 'write';

/** The sha256 of what came; throws, and throws the file away, where it is not what was expected. */
async function checkedHash({ server, path, part, expected }: Transfer): Promise<string> {
  const sha256 = await sha256File(part);
  const wanted = expected.pinned ?? expected.sha256;
  const isRight = wanted === undefined ? await isBlob(part, expected.gitBlob) : sha256 === wanted;
  if (isRight) return sha256;
  await rm(part);
  throw new HubError(
    wanted === undefined
      ? `${server.endpoint}${path}: what came is not the file of this commit (git blob ${expected.gitBlob}); it was thrown away`
      : `${server.endpoint}${path}: the file's sha256 is ${sha256}, but ${wanted} is expected; it was thrown away`,
    'Try again; if it stays so, the hash and the revision do not belong together, or the mirror serves other files.',
  );
}

async function isBlob(file: string, expected: string | undefined): Promise<boolean> {
  if (expected === undefined) return true;
  const hash = createHash('sha1').update(`blob ${await sizeOf(file)}\0`);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex') === expected;
}
