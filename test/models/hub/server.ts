/** A small hub on this machine: repositories held in memory, and answers that can be made to fail in the ways that networks do. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';
export const TINY_BERT = fileURLToPath(new URL('../goldens/tiny-bert', import.meta.url));

export type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => unknown;

export const sha256 = (body: Buffer) => createHash('sha256').update(body).digest('hex');
const gitBlob = (body: Buffer) => createHash('sha1').update(`blob ${body.length}\0`).update(body).digest('hex');

/** The answers of a server that does all right, and of some that do not. */
export const ANSWERS = {
  whole: (_request, response, body) => response.end(body),
  ranged(request, response, body) {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` });
    response.end(body.subarray(start));
  },
  /** Promises the rest, sends 1000 bytes of it and hangs up. */
  broken(request, response, body) {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = body.subarray(start);
    const range = { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': rest.length, ...(start > 0 ? range : {}) });
    response.write(rest.subarray(0, 1000), () => setTimeout(() => response.destroy(), 10));
  },
  /** Ends early without a word: no length was promised. */
  truncated: (_request, response, body) => void response.write(body.subarray(0, 1000), () => response.end()),
  altered: (_request, response, body) => response.end(Buffer.alloc(body.length, 65)),
  overlong: (_request, response, body) => response.end(Buffer.concat([body, body])),
} satisfies Record<string, Answer>;

export interface Hub {
  readonly endpoint: string;
  readonly requests: { readonly path: string; readonly range?: string; readonly authorization?: string }[];
  /** By path; the listing and what is served follow. */
  files: Map<string, Buffer>;
  /** Paths in large-file storage, which the hub knows the sha256 of. */
  large: RegExp;
  /** Instead of the listing made of `files`. */
  listing?: unknown;
  /** Answers for a path of the server, in turn; the last one is used again. Default: `ranged`. */
  readonly answers: Map<string, Answer[]>;
  close(): Promise<void>;
}

export function folderFiles(folder: string): Map<string, Buffer> {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

function listed({ files, large }: Hub) {
  const siblings = [...files].map(([rfilename, body]) =>
    large.test(rfilename)
      ? { rfilename, blobId: 'pointer', size: body.length, lfs: { sha256: sha256(body), size: body.length } }
      : { rfilename, blobId: gitBlob(body), size: body.length },
  );
  return { sha: COMMIT, siblings, cardData: { license: 'mit' } };
}

/** Serves `lab/tiny`: a k-mer BERT small enough for tests. */
export async function startHub(): Promise<Hub> {
  const requests: Hub['requests'] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0]);
    requests.push({ path, range: request.headers.range, authorization: request.headers.authorization });
    const queue = hub.answers.get(path);
    const answer = queue && queue.length > 1 ? queue.shift() : queue?.[0];
    if (path.startsWith('/api/models/lab/tiny/revision/')) {
      const body = Buffer.from(JSON.stringify(hub.listing ?? listed(hub)));
      return (answer ?? ANSWERS.whole)(request, response, body);
    }
    const body = hub.files.get(path.replace(`/lab/tiny/resolve/${COMMIT}/`, '')) ?? hub.files.get(path);
    if (!body) return response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    return (answer ?? ANSWERS.ranged)(request, response, body);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const hub: Hub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    files: folderFiles(TINY_BERT),
    large: /\.(safetensors|bin)$/,
    answers: new Map(),
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return hub;
}
