/**
 * Writes that the result does not need: a cache that is full or cannot be written costs time later,
 * never the run.
 */
import { FileFault, fileFault } from './file-fault.ts';

/** Name of the warnings that {@link writingCache} emits. */
export const CACHE_WARNING = 'CacheWarning';

/**
 * Runs a write into a cache folder. Returns undefined where the machine does not let it: the fault
 * becomes a warning of the process (`process.emitWarning`), which child processes pass on to the
 * command line. Other errors are thrown.
 */
export async function writingCache<T>(cacheFolder: string, write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    const fault = fileFault(error, cacheFolder);
    if (!(fault instanceof FileFault)) throw error;
    process.emitWarning(
      `The cache folder ${cacheFolder} cannot be written: ${fault.what} (${fault.code}). ` +
        'The run goes on; what is not kept is computed again next time.',
      CACHE_WARNING,
    );
    return undefined;
  }
}
