/** Folders of tiny checkpoints, of every architecture, that sequences can be embedded with. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GOLDENS = fileURLToPath(new URL('goldens/', import.meta.url));
/** What a folder with a tokenizer of its own has one of. */
const TOKENIZER_FILES = ['tokenizer_config.json', 'tokenizer.json', 'kmer_tokenizer.json', 'word_vectors.safetensors'];

export const CHECKPOINTS = readdirSync(join(GOLDENS, 'architectures')).filter((name) => existsSync(configOf(name)));

export function configOf(name: string): string {
  return join(GOLDENS, 'architectures', name, 'config.json');
}

let copies: string | undefined;

/** The golden's folder, with a tokenizer of single letters where it has none: then a copy, which is gone when the process ends. */
export function checkpointFolder(name: string): string {
  const golden = join(GOLDENS, 'architectures', name);
  if (TOKENIZER_FILES.some((file) => existsSync(join(golden, file)))) return golden;
  if (copies === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'glm-bench-checkpoints-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    copies = folder;
  }
  const to = join(copies, name);
  if (existsSync(to)) return to;
  cpSync(golden, to, { recursive: true });
  cpSync(join(GOLDENS, 'tokenizers', 'letters'), to, { recursive: true });
  return to;
}
