/**
 * An encoder exported to ONNX, run as it is: a folder with `model.onnx` (its weights inside or in files beside it) and the tokenizer's files. For models
 * whose architecture is not among ours, with any operator the engine knows; so it can be embedded and probed, but not tuned.
 *
 * Hidden states come back as [rows, tokens, dimension] and are pooled here. Which sequences may share a batch is found out on a trial when the model is
 * opened: all, if padding changes nothing; those of equally many tokens; or none (dynamically quantised models scale by a batch's largest value).
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Matrix } from '../metrics/types.ts';
import { batchMemory, runInBatches } from '../runtime/batches.ts';
import { hashJson, sha256File } from '../runtime/files.ts';
import type { Compute, Feeds } from '../runtime/network.ts';
import { openSession, type Session, type TensorValue } from '../runtime/session.ts';
import { externalDataOf, type OnnxFile, type OnnxValue, readOnnxFile } from './onnx-file.ts';
import { hiddenStateOutputs, type InputRole, inputRoles, type RoleInput, readOnnxSettings } from './onnx-settings.ts';
import { isTokenPooling, poolTokens, type TokenPooling } from './token-pooling.ts';
import { readTokenizerFiles } from './tokenizer-files.ts';
import { folderTokenizer, type ModelTokenizer, type TokenBatch } from './tokenizers.ts';
import type { Encoder, Representation } from './types.ts';

/** Tokens (padding included) per batch at most. */
export const TOKENS_PER_BATCH = 16_384;
/** What other sequences in a batch may change, relative to the largest value: rounding (of half precision, where that is used), no more. */
const COMPANY_TOLERANCE = 1e-3;
/** Trial sequences are what is read of these letters' beginnings, the longest first. */
const TRIAL = 'ACGTTGCAAGCTCTAGATCCGGTATTAGCACCGATGGTCAATTCGCGA';
const TRIAL_LENGTHS = [48, 24, 12, 6, 3, 1];

/** The model file of a folder: `model.onnx`, also in `onnx/`, or a lone `*.onnx` there. Undefined where there is none. */
export function findOnnx(folder: string): string | undefined {
  for (const place of [folder, join(folder, 'onnx')]) {
    if (!existsSync(place) || !statSync(place).isDirectory()) continue;
    const files = readdirSync(place).filter((name) => name.endsWith('.onnx'));
    const chosen = files.includes('model.onnx') ? 'model.onnx' : files[0];
    if (files.length > 1 && chosen !== 'model.onnx')
      throw new Error(`${place} holds several models (${files.sort().slice(0, 5).join(', ')}); give the path of one`);
    if (chosen) return join(place, chosen);
  }
  return undefined;
}

/** Sequences that may share a batch without changing each other's vectors. */
type Company = 'any' | 'equal' | 'none';
const COMPANY: Readonly<Record<Company, string>> = {
  any: 'padded, and masked by the model',
  equal: 'of equally many tokens: padding changes what this model gives',
  none: 'of one sequence: others in the batch change what this model gives',
};

interface OnnxEncoder {
  readonly session: Session;
  readonly inputs: readonly RoleInput[];
  readonly outputs: readonly OnnxValue[];
  readonly tokenizer: ModelTokenizer;
}

/**
 * Opens a folder, or an `.onnx` file with the tokenizer beside it (or in the folder above `onnx/`). Throws, naming file and remedy, where inputs or outputs
 * can't be recognised or files are missing.
 */
export async function onnxModel(folderOrFile: string, compute: Compute): Promise<Encoder> {
  const given = resolve(folderOrFile);
  const path = given.endsWith('.onnx') ? given : findOnnx(given);
  if (!path || !existsSync(path)) throw new Error(`${given} holds no .onnx model`);
  const place = dirname(path);
  const folder = basename(place) === 'onnx' ? dirname(place) : place;
  const settings = await readOnnxSettings(join(folder, 'glm.json'));
  const model = await readOnnxFile(path);
  const inputs = inputRoles(model, settings, path);
  const outputs = hiddenStateOutputs(model, settings, path);
  const maxTokens = settings.maxTokens ?? (await statedMaxTokens(folder));
  const tokenizer = await folderTokenizer(folder, maxTokens);
  const encoder = { inputs, outputs, tokenizer, session: await open(path, model, outputs, compute) };
  const { dimension, company } = await tryOut(encoder, path).catch(async (error: unknown) => {
    await encoder.session.dispose();
    throw error;
  });
  const hashes = await Promise.all([path, ...model.externalFiles.map((file) => join(place, file))].map(sha256File));
  return {
    dimension,
    layers: outputs.length - 1,
    fingerprint: hashJson({
      onnx: hashes,
      settings,
      tokenizer: tokenizer.identity,
      outputs: outputs.map(({ name }) => name),
    }),
    card: {
      architecture: 'ONNX export',
      file: basename(path),
      hiddenStates: outputs.map(({ name }) => name),
      dimension,
      tokenizer: tokenizer.description,
      nucleotidesPerToken: tokenizer.nucleotidesPerToken,
      maxNucleotides: tokenizer.maxNucleotides,
      maxTokens: Number.isFinite(maxTokens) ? maxTokens : undefined,
      batches: COMPANY[company],
    },
    pooledTokens: (sequence) => tokenizer.encode([sequence]).mask.reduce((sum, seen) => sum + Number(seen), 0),
    async embed(sequences, representations, progress) {
      checkRepresentations(representations, outputs.length - 1, path);
      return embed(encoder, { dimension, company, compute, path }, sequences, representations, progress);
    },
    dispose: () => encoder.session.dispose(),
  };
}

/** Tokens that config.json or the tokenizer's settings allow; infinite where neither says. */
async function statedMaxTokens(folder: string): Promise<number> {
  const path = join(folder, 'config.json');
  let config: { max_position_embeddings?: unknown } | null = null;
  try {
    if (existsSync(path)) config = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  const positions = config?.max_position_embeddings;
  const { maxTokens } = await readTokenizerFiles(folder);
  return Math.min(maxTokens, typeof positions === 'number' && positions > 0 ? positions : Number.POSITIVE_INFINITY);
}

async function open(path: string, model: OnnxFile, outputs: readonly OnnxValue[], compute: Compute): Promise<Session> {
  const label = basename(path);
  const wrong = outputs.find(({ type }) => type !== 'float32' && type !== 'float16');
  if (wrong) throw new Error(`${path}: output '${wrong.name}' is ${wrong.type}; hidden states are float32 or float16`);
  const missing = model.externalFiles.find((file) => !existsSync(join(dirname(path), file)));
  if (missing !== undefined) throw new Error(`${path}: its weights lie in ${missing}, which is missing. Fetch it too`);
  const half = outputs.filter(({ type }) => type === 'float16').map(({ name }) => name);
  if (half.length === 0) return openSession(path, { ...compute, label });
  const externalData = externalDataOf(model, dirname(path));
  return openSession(model.castToFloat32(half), { ...compute, label, externalData });
}

/** What each role is fed, [rows, tokens]. */
const FED: Readonly<Record<InputRole, (batch: TokenBatch) => BigInt64Array>> = {
  ids: ({ ids }) => ids,
  mask: ({ mask }) => mask,
  types: ({ ids }) => new BigInt64Array(ids.length),
  positions: ({ ids, tokens }) => ids.map((_, i) => BigInt(i % tokens)),
};

async function run({ session, inputs, tokenizer }: OnnxEncoder, rows: readonly string[], outputs: readonly string[]) {
  const batch = tokenizer.encode(rows);
  const dims = [rows.length, batch.tokens];
  const feeds: Feeds = Object.fromEntries(
    inputs.map(({ name, role, type }): [string, TensorValue] => {
      const data = FED[role](batch);
      return [
        name,
        type === 'int32' ? { type, data: Int32Array.from(data, Number), dims } : { type: 'int64', data, dims },
      ];
    }),
  );
  return { batch, states: await session.run(feeds, [...new Set(outputs)]) };
}

/** The two longest trial sequences that the model can read. */
function trials(tokenizer: ModelTokenizer, path: string): string[] {
  let refusal: unknown;
  const readable = TRIAL_LENGTHS.map((length) => TRIAL.slice(0, length)).filter((sequence) => {
    try {
      return tokenizer.tokens(sequence) > 0;
    } catch (error) {
      refusal = error;
      return false;
    }
  });
  if (readable.length === 0)
    throw new Error(`${path}: its tokenizer reads none of the trial sequences`, { cause: refusal });
  return readable.slice(0, 2);
}

/** Sizes of the hidden states, and what company leaves a sequence's hidden states as they are alone. */
async function tryOut(encoder: OnnxEncoder, path: string): Promise<{ dimension: number; company: Company }> {
  const names = encoder.outputs.map(({ name }) => name);
  const [long, short = long] = trials(encoder.tokenizer, path);
  const alone = await run(encoder, [short], names);
  const { tokens } = alone.batch;
  for (const name of names) {
    const { dims, type } = alone.states[name];
    if (dims.length !== 3 || dims[0] !== 1 || dims[1] !== tokens || type !== 'float32')
      throw new Error(
        `${path}: output '${name}' is ${type} [${dims.join(', ')}] for ${tokens} tokens of one sequence, not [1, ${tokens}, dimension]`,
      );
  }
  const dimension = alone.states[names[0]].dims[2];
  const other = names.find((name) => alone.states[name].dims[2] !== dimension);
  if (other)
    throw new Error(
      `${path}: outputs '${names[0]}' and '${other}' are of different width; list those of one width in glm.json`,
    );
  const unchangedBeside = async (neighbour: string): Promise<boolean> => {
    const { states } = await run(encoder, [short, neighbour], names);
    return names.every((name) =>
      startsAlike(alone.states[name].data as Float32Array, states[name].data as Float32Array),
    );
  };
  const masks = encoder.inputs.some(({ role }) => role === 'mask') && encoder.tokenizer.tokens(long) > tokens;
  if (masks && (await unchangedBeside(long))) return { dimension, company: 'any' };
  const turned = [...short].reverse().join('');
  const comparable = encoder.tokenizer.tokens(turned) === tokens;
  return { dimension, company: comparable && (await unchangedBeside(turned)) ? 'equal' : 'none' };
}

/** The first row of a batch against the same row alone. */
function startsAlike(alone: Float32Array, batch: Float32Array): boolean {
  const largest = alone.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return alone.every((value, i) => Math.abs(value - batch[i]) <= COMPANY_TOLERANCE * largest);
}

function checkRepresentations(representations: readonly Representation[], layers: number, path: string): void {
  for (const { layer, pooling } of representations) {
    if (!Number.isInteger(layer) || layer < 0 || layer > layers)
      throw new Error(`${path} gives the hidden states 0 to ${layers}, not ${layer}`);
    if (!isTokenPooling(pooling)) throw new Error(`${path}: pooling '${pooling}' is not offered for ONNX exports`);
  }
}

interface EmbedOptions {
  readonly dimension: number;
  readonly company: Company;
  readonly compute: Compute;
  readonly path: string;
}

async function embed(
  encoder: OnnxEncoder,
  { dimension, company, compute, path }: EmbedOptions,
  sequences: readonly string[],
  representations: readonly Representation[],
  progress?: (fraction: number, message: string) => void,
): Promise<Matrix[]> {
  const tokens = sequences.map((sequence, i) => {
    try {
      return encoder.tokenizer.tokens(sequence);
    } catch (error) {
      throw new Error(`${path}: sequence ${i + 1} of ${sequences.length}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
  const order = sequences.map((_, i) => i).sort((a, b) => tokens[a] - tokens[b] || a - b);
  const names = representations.map(({ layer }) => encoder.outputs[layer].name);
  const results = representations.map(() => new Float32Array(sequences.length * dimension));
  // Per token: the hidden states asked for, which come back, and some 12 times the width for a block's own.
  const affordable = batchMemory(compute.device) / (4 * dimension * (new Set(names).size + 12));
  const budget = Math.min(TOKENS_PER_BATCH, affordable);
  for (let done = 0; done < order.length; ) {
    let end = done + 1;
    const joins = (next: number) =>
      next < order.length &&
      (next + 1 - done) * tokens[order[next]] <= budget &&
      (company === 'any' || (company === 'equal' && tokens[order[next]] === tokens[order[done]]));
    while (joins(end)) end += 1;
    const bucket = order.slice(done, end);
    await runInBatches(bucket.length, bucket.length, async (from, to) => {
      const rows = bucket.slice(from, to);
      const { batch, states } = await run(
        encoder,
        rows.map((row) => sequences[row]),
        names,
      );
      for (const [r, { pooling }] of representations.entries())
        for (const [i, row] of rows.entries()) {
          const hidden = states[names[r]].data as Float32Array; // [rows, tokens, dimension]
          const target = results[r].subarray(row * dimension, (row + 1) * dimension);
          poolTokens(pooling as TokenPooling, hidden, batch, i, target);
        }
    });
    done = end;
    progress?.(done / order.length, `embedded ${done} of ${order.length} sequences`);
  }
  return results.map((values, r) => {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new Error(
        `${path}: ${values[bad]} in '${names[r]}' of sequence ${Math.floor(bad / dimension) + 1} of ${sequences.length}`,
      );
    return { rows: sequences.length, columns: dimension, values };
  });
}
