/**
 * One request to the hub, or to a mirror with the same interface. A token (HF_TOKEN) goes to that server alone: never to where it redirects
 * to, and never over a connection that others can read.
 */
import { HubError } from './hub-error.ts';
import { Interrupted, PATIENCE, type Patience } from './patience.ts';

export interface HubServer {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token?: string;
  /** Default: {@link PATIENCE}. */
  readonly patience?: Patience;
}

const HUB = 'https://huggingface.co';
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const UNREACHABLE =
  'Check the network, give a mirror with --endpoint URL or HF_ENDPOINT, or copy the files by other means and give their folder with --model.';

/** The server that a flag, else the environment (HF_ENDPOINT, HF_TOKEN), names. Throws {@link HubError} for what is no http address. */
export function hubServer(endpoint: string | undefined, environment: NodeJS.ProcessEnv = process.env): HubServer {
  const address = endpoint ?? (environment.HF_ENDPOINT || HUB);
  let url: URL | undefined;
  try {
    url = new URL(address);
  } catch {
    // told below
  }
  if (!url || !/^https?:$/.test(url.protocol))
    throw new HubError(`${address} is no address of a server`, `Give one such as ${HUB}.`);
  return { endpoint: address.replace(/\/+$/, ''), token: environment.HF_TOKEN || undefined };
}

function mayHaveToken(endpoint: string): boolean {
  const { protocol, hostname } = new URL(endpoint);
  return protocol === 'https:' || LOOPBACK.includes(hostname);
}

/** No answer at all. */
export class Unreachable extends HubError {}

/** Answers of any status; redirects are followed. Throws {@link Unreachable} where the server can't be reached, Interrupted when no answer comes in time. */
export async function request(
  { endpoint, token, patience = PATIENCE }: HubServer,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const authorization: Record<string, string> =
    token && mayHaveToken(endpoint) ? { authorization: `Bearer ${token}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patience.answer);
  try {
    return await fetch(`${endpoint}${path}`, {
      headers: { ...headers, ...authorization, 'accept-encoding': 'identity', 'user-agent': 'glm-bench' },
      signal: late.signal,
    });
  } catch (error) {
    if (late.signal.aborted) throw new Interrupted(`no answer came in ${patience.answer / 1000} s`);
    const { cause, message } = error as Error & { cause?: Error };
    throw new Unreachable(`${endpoint}${path}: cannot be reached (${cause?.message || message})`, UNREACHABLE);
  } finally {
    clearTimeout(timer);
  }
}

/** What the hub means by a status, by the code it sends along or else by the status; `page` is the model's page. */
const REMEDIES: Readonly<Record<string, (page: string) => string>> = {
  GatedRepo: (page) =>
    `Its authors ask for consent: accept their terms at ${page}, then set HF_TOKEN to a token of that account.`,
  RepoNotFound: () => 'Check the name; for a private model set HF_TOKEN to a token that may read it.',
  RevisionNotFound: (page) => `Choose a commit, branch or tag at ${page}/commits/main.`,
  EntryNotFound: (page) => `See what the repository holds at ${page}/tree/main.`,
  401: (page) => `Set HF_TOKEN to a token that may read it (was it revoked?); a gated model has its terms at ${page}.`,
  403: (page) => `The token in HF_TOKEN may not read it; a gated model has its terms at ${page}.`,
  404: (page) => `Check the name and the revision at ${page}.`,
};

/** The error for an answer that is none of 200 and 206. */
export function refusal(server: HubServer, id: string, path: string, response: Response): HubError {
  const { status, statusText, headers } = response;
  const code = headers.get('x-error-code') ?? '';
  const said = headers.get('x-error-message') ?? statusText;
  const remedy = (Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined) ?? REMEDIES[status];
  return new HubError(
    `${server.endpoint}${path}: the hub answered ${status} ${said}`.trim(),
    remedy?.(`${server.endpoint}/${id}`) ?? 'Try again later.',
  );
}
