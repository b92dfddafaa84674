/**
 * Masked-language pre-training of a BERT-style k-mer encoder on unlabelled sequences. Writes a folder in Hugging Face's layout:
 * `config.json`, `model.safetensors` (names of `BertForMaskedLM`), our `kmer_tokenizer.json`, and `training.json` with everything that made it.
 * A killed run goes on from its checkpoint with the same numbers.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unflatten } from '../onnx/flat.ts';
import { createRandom, type Random } from '../random.ts';
import { hashJson, sha256, writeFileAtomic } from '../runtime/files.ts';
import type { Compute, Feeds, Network } from '../runtime/network.ts';
import { writeSafetensors } from '../runtime/safetensors.ts';
import { type Evaluate, type TrainedNetwork, type TrainingData, train } from '../runtime/train.ts';
import { createKmerTokenizer, FIRST_KMER_ID, type KmerTokenizer, MASK_ID } from '../sequences/kmer-tokenizer.ts';
import { type BertConfig, bertMaskedLanguageModel } from './bert.ts';
import { bertConfigOf, type PretrainConfig } from './presets.ts';

export interface PretrainOptions extends Compute {
  readonly config: PretrainConfig;
  readonly seed: number;
  /** Folder that the model is written to; made where missing. */
  readonly out: string;
  readonly progress?: (fraction: number, message: string) => void;
  /** Seconds between checkpoints. Default 60. */
  readonly checkpointSeconds?: number;
}

export interface PretrainReport {
  readonly folder: string;
  readonly sequences: number;
  /** Sequences left out because they hold no k-mer of A, C, G, T alone. */
  readonly leftOut: number;
  readonly windows: number;
  readonly steps: number;
  readonly parameters: number;
  /** Cross-entropy of masked tokens on held-out sequences, nats per token; log(vocabulary) is that of a uniform guess. */
  readonly validLoss: number;
  readonly validAccuracy: number;
  readonly uniformLoss: number;
  readonly history: readonly { epoch: number; trainLoss: number; validLoss: number }[];
}

/** Share of windows kept aside to measure the loss, and how many at most. */
const HELD_OUT = 0.05;
const HELD_OUT_MOST = 2000;

/** Pre-trains and writes the model. Throws when fewer than 2 windows hold a k-mer of A, C, G, T. */
export async function pretrain(sequences: readonly string[], options: PretrainOptions): Promise<PretrainReport> {
  const { config, seed } = options;
  const bert = bertConfigOf(config);
  const tokenizer = createKmerTokenizer({ k: config.k, stride: config.stride, length: config.length });
  const cuts = sequences.map((sequence) => cut(sequence, config, tokenizer));
  const windows = cuts.flat();
  if (windows.length < 2)
    throw new Error(
      `pre-training needs at least 2 sequences or windows with a ${config.k}-mer of A, C, G, T; ` +
        `${sequences.length} sequences gave ${windows.length}`,
    );
  createRandom(`held-out:${seed}`).shuffle(windows);
  const heldOut = windows.splice(0, Math.min(HELD_OUT_MOST, Math.max(1, Math.round(windows.length * HELD_OUT))));

  const meanTokens = windows.reduce((sum, window) => sum + tokenizer.tokens(window.length), 0) / windows.length;
  const maxSteps = Math.max(1, Math.ceil(config.maxTokens / (config.batchSize * meanTokens)));
  const network: Network = {
    label: `k-mer BERT pre-training (${config.layers} x ${config.hidden})`,
    build: (graph, mode) => bertMaskedLanguageModel(graph, bert, mode),
  };
  const corpusHash = sha256(sequences.join('\n'));
  await mkdir(options.out, { recursive: true });
  const validData = masked(heldOut, tokenizer, config, `valid:${seed}`);
  const validate = async (evaluate: Evaluate) => {
    const sums = await evaluate(validData, 'sums'); // [windows, 3]
    const total = [0, 0, 0];
    sums.forEach((value, i) => {
      total[i % 3] += value;
    });
    return { loss: total[0] / total[1], accuracy: total[2] / total[1] };
  };
  const trained = await train(network, masked(windows, tokenizer, config, ''), {
    device: options.device,
    threads: options.threads,
    seed: `pretrain:${seed}`,
    optimiser: { kind: 'adamw', weightDecay: config.weightDecay, maxGradientNorm: config.maxGradientNorm },
    learningRate: config.learningRate,
    schedule: { kind: 'cosine', warmUp: config.warmUp },
    batchSize: config.batchSize,
    epochs: config.epochs,
    maxSteps,
    evaluationBatch: config.batchSize,
    score: async (evaluate) => -(await validate(evaluate)).loss,
    checkpoint: { path: join(options.out, 'checkpoint.safetensors'), seconds: options.checkpointSeconds ?? 60 },
    fingerprint: hashJson({ config, seed, corpusHash }),
    progress: options.progress,
  });
  const valid = await validate(trained.evaluate);
  await trained.dispose();
  const report: PretrainReport = {
    folder: options.out,
    sequences: sequences.length,
    leftOut: cuts.filter((ofSequence) => ofSequence.length === 0).length,
    windows: windows.length + heldOut.length,
    steps: trained.steps,
    parameters: trained.parameterCount,
    validLoss: valid.loss,
    validAccuracy: valid.accuracy,
    uniformLoss: Math.log(bert.vocab_size),
    history: trained.history.map(({ epoch, trainLoss, validScore }) => ({ epoch, trainLoss, validLoss: -validScore })),
  };
  const { folder: _, ...facts } = report;
  await save(options.out, bert, tokenizer, trained, { config, seed, corpusHash, report: facts });
  return report;
}

/** A sequence as windows of at most `length` nucleotides, those without any k-mer of A, C, G, T left out. */
function cut(sequence: string, config: PretrainConfig, tokenizer: KmerTokenizer): string[] {
  const windows: string[] = [];
  for (let start = 0; start < sequence.length; start += config.length) {
    const window = sequence.slice(start, start + config.length);
    if (tokenizer.encode([window]).ids.some((id) => id >= FIRST_KMER_ID)) windows.push(window);
  }
  return windows;
}

/**
 * Batches of masked windows. In training, masks and a random reading frame are drawn from the step's random numbers; at evaluation, masks
 * depend on `fixed` and the window alone.
 */
function masked(
  windows: readonly string[],
  tokenizer: KmerTokenizer,
  config: PretrainConfig,
  fixed: string,
): TrainingData {
  return {
    rows: windows.length,
    feeds(rows, random) {
      const chosen = Array.from(rows, (row) => windows[row]);
      const shift = (i: number) =>
        random && chosen[i].length >= 2 * config.k ? random.integer(config.stride ?? config.k) : 0;
      const offsets = chosen.map((_, i) => shift(i));
      const longest = chosen.reduce((most, window, i) => Math.max(most, window.length - offsets[i]), config.k);
      const { ids, mask, tokens } = tokenizer.encode(chosen, { offset: (i) => offsets[i], length: longest });
      return maskedFeeds(
        ids,
        mask,
        rows.length,
        tokens,
        tokenizer.vocabularySize,
        config,
        (i) => random ?? createRandom(`${fixed}:${rows[i]}`),
      );
    },
  };
}

function maskedFeeds(
  ids: Int32Array,
  mask: Uint8Array,
  rows: number,
  tokens: number,
  vocabulary: number,
  config: PretrainConfig,
  randomOf: (row: number) => Random,
): Feeds {
  const input = BigInt64Array.from(ids, BigInt); // [rows, tokens]
  const positions: number[][] = [];
  for (let row = 0; row < rows; row++) {
    const picked: number[] = [];
    const random = randomOf(row);
    const pick = (t: number) => {
      picked.push(t);
      const fate = random.next();
      if (fate < config.maskedShare) input[row * tokens + t] = BigInt(MASK_ID);
      else if (fate < config.maskedShare + config.randomShare)
        input[row * tokens + t] = BigInt(FIRST_KMER_ID + random.integer(vocabulary - FIRST_KMER_ID));
    };
    const kmers: number[] = [];
    for (let t = 0; t < tokens; t++) {
      if (mask[row * tokens + t] === 0 || ids[row * tokens + t] < FIRST_KMER_ID) continue;
      kmers.push(t);
      if (random.next() < config.maskRate) pick(t);
    }
    // A short window would otherwise often ask for nothing.
    if (picked.length === 0 && kmers.length > 0) pick(kmers[random.integer(kmers.length)]);
    positions.push(picked);
  }
  const most = Math.max(1, ...positions.map((picked) => picked.length));
  const maskedAt = new BigInt64Array(rows * most);
  const labels = new BigInt64Array(rows * most);
  const tokenWeights = new Float32Array(rows * most);
  positions.forEach((picked, row) => {
    picked.forEach((t, i) => {
      maskedAt[row * most + i] = BigInt(t);
      labels[row * most + i] = BigInt(ids[row * tokens + t]);
      tokenWeights[row * most + i] = 1;
    });
  });
  return {
    ids: { type: 'int64', data: input, dims: [rows, tokens] },
    mask: { type: 'int64', data: BigInt64Array.from(mask, BigInt), dims: [rows, tokens] },
    masked: { type: 'int64', data: maskedAt, dims: [rows, most] },
    labels: { type: 'int64', data: labels, dims: [rows, most] },
    tokenWeights: { type: 'float32', data: tokenWeights, dims: [rows, most] },
    weights: { type: 'float32', data: Float32Array.from(positions, (picked) => picked.length), dims: [rows] },
  };
}

async function save(
  folder: string,
  bert: BertConfig,
  tokenizer: KmerTokenizer,
  trained: TrainedNetwork,
  training: object,
): Promise<void> {
  const { layout } = trained;
  const values = unflatten(trained.state.parameters, layout.parameters);
  const tensors = new Map(
    layout.parameters.names.map((name, i) => [
      name,
      { shape: layout.parameters.shapes[i], data: values.get(name) as Float32Array },
    ]),
  );
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const config = {
    architectures: ['BertForMaskedLM'],
    model_type: 'bert',
    hidden_act: 'gelu',
    ...bert,
    position_embedding_type: 'absolute',
    tie_word_embeddings: true,
    pad_token_id: 1,
  };
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeFileAtomic(join(folder, 'kmer_tokenizer.json'), text(tokenizer.config));
  await writeFileAtomic(join(folder, 'training.json'), text(training));
  // Last: a folder with a config is a finished model.
  await writeFileAtomic(join(folder, 'config.json'), text(config));
}
