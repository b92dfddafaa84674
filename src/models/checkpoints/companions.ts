/**
 * Weights of one model from several files of different origin, such as separately trained word
 * vectors, as one checkpoint.
 */
import { hashJson } from '../../core/files.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';

/**
 * The checkpoint, followed by the tensors of `files` (paths); for a name in several files, the
 * first is used. Throws like {@link openCheckpoint} when one is missing or damaged.
 */
export async function withCompanions(checkpoint: Checkpoint, files: readonly string[]): Promise<Checkpoint> {
  if (files.length === 0) return checkpoint;
  const parts = [checkpoint, ...(await Promise.all(files.map(openCheckpoint)))];
  // If no file has the name, the checkpoint throws its error.
  const holder = (name: string) => parts.find((part) => part.has(name)) ?? checkpoint;
  return {
    format: checkpoint.format,
    files: parts.flatMap((part) => part.files),
    names: () => [...new Set(parts.flatMap((part) => part.names()))],
    has: (name) => parts.some((part) => part.has(name)),
    entry: (name) => holder(name).entry(name),
    read: (name) => holder(name).read(name),
    external: (name) => holder(name).external(name),
    sha256: async () => hashJson(await Promise.all(parts.map((part) => part.sha256()))),
  };
}
