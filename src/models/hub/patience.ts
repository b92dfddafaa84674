/**
 * How long a server may take and how much it may send. A body must keep coming: neither silence nor a trickle of single
 * bytes holds a command for ever. Answers that ask for a later attempt (429, 5xx) and interrupted bodies are tried again.
 */
import { HubError } from './hub-error.ts';

export interface Patience {
  /** Milliseconds until the first byte of an answer. */
  readonly answer: number;
  /** Milliseconds without a byte of a body. */
  readonly idle: number;
  /** Bytes that each period of `period` milliseconds must bring. */
  readonly least: number;
  readonly period: number;
  /** Most bytes of a body whose size nobody states. */
  readonly unstated: number;
  /** Most bytes of a listing, and milliseconds that it may take. */
  readonly listing: number;
  readonly listingTime: number;
}

export const PATIENCE: Patience = {
  answer: 60_000,
  idle: 60_000,
  least: 16 * 2 ** 10,
  period: 60_000,
  unstated: 256 * 2 ** 20,
  listing: 64 * 2 ** 20,
  listingTime: 180_000,
};

/** Attempts in a row without progress. */
export const ATTEMPTS = 4;
const LONGEST_PAUSE = 60_000;

/** A transfer that broke off; worth another attempt, after as many milliseconds as the server asked for. */
export class Interrupted extends Error {
  constructor(
    message: string,
    readonly after?: number,
  ) {
    super(message);
  }
}

/** Milliseconds to wait after the n-th failure in a row: twice as long each time, or what the server asked for. */
export function pauseAfter(failures: number, error: unknown): number {
  const after = error instanceof Interrupted ? error.after : undefined;
  return Math.min(LONGEST_PAUSE, after ?? 1000 * 2 ** (failures - 1));
}

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** @throws Interrupted for an answer that asks for a later attempt. */
export async function refuseBusy(response: Response): Promise<void> {
  const { status, headers } = response;
  if (status !== 429 && status < 500) return;
  await response.body?.cancel();
  throw new Interrupted(`the server answered ${status}`, retryAfter(headers.get('retry-after')));
}

/** Milliseconds of a Retry-After header: seconds, or a date (RFC 9110, 10.2.3). */
export function retryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null || value.trim() === '') return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** The chunks of a body. @throws Interrupted when nothing, or too little, comes. */
export async function* steady(
  body: ReadableStream<Uint8Array> | null,
  { idle, least, period }: Pick<Patience, 'idle' | 'least' | 'period'>,
): AsyncGenerator<Uint8Array> {
  if (!body) return;
  const reader = body.getReader();
  let [since, bytes] = [performance.now(), 0];
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idle, `no byte came for ${idle / 1000} s`);
      if (done) return;
      bytes += value.length;
      yield value;
      if (performance.now() - since < period) continue;
      if (bytes < least) throw new Interrupted(`only ${bytes} bytes came in ${period / 1000} s`);
      [since, bytes] = [performance.now(), 0];
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection may be gone already
  }
}

/** The result of `promise`. @throws Interrupted with the message when it takes longer. */
export async function within<T>(promise: Promise<T>, milliseconds: number, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Interrupted(message)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A whole body as text. @throws Interrupted when it takes too long, HubError when it is longer than `most` bytes. */
export async function boundedText(response: Response, what: string, patience: Patience): Promise<string> {
  const { listing: most, listingTime } = patience;
  const chunks: Uint8Array[] = [];
  let [bytes, started] = [0, performance.now()];
  for await (const chunk of steady(response.body, patience)) {
    bytes += chunk.length;
    if (bytes > most) throw new HubError(`${what}: the answer is longer than ${most} bytes`, 'Is this server a hub?');
    if (performance.now() - started > listingTime)
      throw new Interrupted(`the answer was not complete after ${listingTime / 1000} s`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
