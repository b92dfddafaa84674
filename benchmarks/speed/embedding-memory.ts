/**
 * Peak memory of `embed` over few and over many sequences of 60 to 660 letters: what the command's child process does, in a process of its own per number
 * (VmHWM). The model is a Nucleotide Transformer v2 with random weights, narrow by default so that a million sequences take minutes.
 *
 *   node --import tsx benchmarks/speed/embedding-memory.ts [--sequences 10000,1000000] [--width 32] [--layers 2] [--threads 2]
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { embedJob } from '../../src/cli/jobs/embed.ts';
import { createRandom } from '../../src/core/random.ts';
import { architectureOf } from '../../src/models/architectures/known-architectures.ts';
import { declarations, drawWeights } from '../../src/models/frozen-model.ts';
import { writeSafetensors } from '../../src/runtime/arrays/safetensors.ts';

const { values: flags } = parseArgs({
  options: {
    sequences: { type: 'string', default: '10000,1000000' },
    width: { type: 'string', default: '32' },
    layers: { type: 'string', default: '2' },
    threads: { type: 'string', default: '2' },
    child: { type: 'string' },
  },
});
const MIB = 2 ** 20;

/** The embed job on a folder's model and sequences; prints this process's peak. */
async function child(folder: string): Promise<void> {
  const on = { device: 'cpu', threads: Number(flags.threads), cacheFolder: join(folder, 'cache') } as const;
  const files = { model: folder, sequences: join(folder, 'sequences.fa'), out: join(folder, 'vectors.npy') };
  const start = performance.now();
  const { rows } = await embedJob({ ...on, ...files, pool: 'mean' }, () => {});
  const peak = /VmHWM:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1];
  console.log(
    JSON.stringify({ rows, peak: Number(peak) * 1024, seconds: (performance.now() - start) / 1000 } satisfies Peak),
  );
}

interface Peak {
  readonly rows: number;
  /** Bytes. */
  readonly peak: number;
  readonly seconds: number;
}

async function writeModel(folder: string): Promise<void> {
  const width = Number(flags.width);
  const config = {
    ...{ model_type: 'esm', add_bias_fnn: false, position_embedding_type: 'rotary', emb_layer_norm_before: false },
    ...{ vocab_size: 4105, mask_token_id: 2, pad_token_id: 1, max_position_embeddings: 2050, token_dropout: false },
    ...{ hidden_size: width, intermediate_size: 4 * width, num_attention_heads: Math.ceil(width / 32) },
    ...{ num_hidden_layers: Number(flags.layers), tie_word_embeddings: true, initializer_range: 0.02 },
  };
  const where = join(folder, 'config.json');
  await writeFile(where, JSON.stringify(config));
  const kmers = Array.from({ length: 4096 }, (_, i) =>
    i
      .toString(4)
      .padStart(6, '0')
      .replace(/\d/g, (digit) => 'ATCG'[Number(digit)]),
  );
  await writeFile(join(folder, 'vocab.txt'), ['<unk>', '<pad>', '<mask>', '<cls>', ...kmers, ...'ATCGN'].join('\n'));
  const settings = { tokenizer_class: 'EsmTokenizer', eos_token: null, model_max_length: 2048 };
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings));
  const { body } = declarations(architectureOf(config, where).configure(config, where));
  const weights = drawWeights(body, 0);
  const shaped = body.map(({ name, shape }) => [name, { shape, data: weights.get(name) as Float32Array }] as const);
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(shaped));
}

async function writeSequences(path: string, count: number): Promise<void> {
  const random = createRandom('embedding memory');
  const letters = Array.from({ length: 2 ** 20 }, () => 'ACGT'[random.integer(4)]).join('');
  const file = createWriteStream(path);
  for (let i = 0; i < count; i++) {
    const start = random.integer(letters.length - 660);
    const text = `>s${i}\n${letters.slice(start, start + 60 + random.integer(601))}\n`;
    if (!file.write(text)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'embedding-memory-'));
  try {
    await writeModel(folder);
    const { size: weights } = await stat(join(folder, 'model.safetensors'));
    for (const count of flags.sequences.split(',').map(Number)) {
      await writeSequences(join(folder, 'sequences.fa'), count);
      const words = [fileURLToPath(import.meta.url), '--child', folder, '--threads', flags.threads];
      const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, ...words], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      const { rows, peak, seconds } = JSON.parse(stdout) as Peak;
      console.log(
        `${rows} sequences: peak ${Math.round(peak / MIB)} MiB, ${Math.round((peak - weights) / MIB)} MiB above the weights; ${seconds.toFixed(0)} s`,
      );
    }
    console.log(`load of the machine over the last minute: ${loadavg()[0].toFixed(1)} on ${cpus().length} cores`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

await (flags.child === undefined ? main() : child(flags.child));
