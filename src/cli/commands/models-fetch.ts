/**
 * `models fetch`: downloads a model of the hub into the cache. Only this command and --download of
 * data sets use the network.
 */
import { resolve } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { textTable } from '../../core/text-table.ts';
import { defaultCacheFolder } from '../../harness/cache-folder.ts';
import { bytesInWords } from '../../models/hub/bytes-in-words.ts';
import { fetchModel } from '../../models/hub/fetch-model.ts';
import { HubError } from '../../models/hub/hub-error.ts';
import { parseHubId } from '../../models/hub/hub-id.ts';
import { hubServer } from '../../models/hub/request.ts';
import { createJobLine } from '../child-job.ts';
import { createOutput } from '../output.ts';

export interface FetchFlags {
  readonly revision?: string;
  /** `file=hash` */
  readonly sha256?: string[];
  readonly endpoint?: string;
  readonly cacheFolder?: string;
  readonly json?: boolean;
}

/** Interval between updates of the status line, in milliseconds. */
const REDRAW = 100;

function pinsOf(words: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const mark = word.lastIndexOf('=');
      const hash = word.slice(mark + 1).toLowerCase();
      if (mark < 1 || !/^[0-9a-f]{64}$/.test(hash))
        throw new UsageError(`--sha256 ${word}: must be FILE=HASH, the hash of 64 hex digits`);
      return [word.slice(0, mark), hash];
    }),
  );
}

export async function fetchCommand(spec: string, flags: FetchFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const id = parseHubId(spec);
  if (!id)
    throw new UsageError(`${spec} is not a name of the hub`, 'Names are organisation/name, such as PoetschLab/GROVER.');
  if (id.revision !== undefined && flags.revision !== undefined)
    throw new UsageError(`${spec} names a revision, and so does --revision ${flags.revision}`);
  const status = createJobLine(process.stderr);
  let drawn = 0;
  try {
    const model = await fetchModel(id, {
      server: hubServer(flags.endpoint),
      cacheFolder: resolve(flags.cacheFolder ?? defaultCacheFolder()),
      revision: flags.revision,
      sha256: pinsOf(flags.sha256),
      note(text) {
        status.clear();
        output.note(text);
      },
      onProgress(done, total, file) {
        if (Date.now() - drawn < REDRAW) return;
        drawn = Date.now();
        const fraction = total > 0 ? Math.min(1, done / total) : 0;
        status.draw(fraction, `${file} (${bytesInWords(done)} of ${bytesInWords(total)})`);
      },
    });
    status.clear();
    output.document(model);
    output.print(
      textTable([
        ['FILE', 'SIZE', 'SHA256', ''],
        ...model.files.map(({ path, size, sha256, trust }) => [path, bytesInWords(size), sha256, trust]),
      ]),
    );
    const { model: name, commit, folder, downloaded } = model;
    output.print(
      `\n${name} at ${commit}: ${downloaded.length === 0 ? 'nothing to download' : 'downloaded'}\n${folder}`,
    );
    output.print(`Use it with: run --model ${name}`);
    return 0;
  } catch (error) {
    throw error instanceof HubError ? new UsageError(error.message, error.hint) : error;
  } finally {
    status.clear();
  }
}
