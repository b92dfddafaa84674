/**
 * An encoder exported to ONNX, run as it is: a folder with `model.onnx` (its weights inside or in files beside it) and the tokenizer's files. For models
 * whose architecture is not among ours, with any operator the engine knows; so it can be embedded and probed, but not tuned. Where it has logits over the
 * vocabulary it can be asked about tokens too (`predictions.ts`); one that has nothing else can't be embedded.
 *
 * Hidden states come back as [rows, tokens, dimension] and are pooled here. Which sequences may share a batch is found out on a trial when the model is
 * opened: all, if padding changes nothing; those of equally many tokens; or none (dynamically quantised models scale by a batch's largest value).
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { hashJson, sha256File } from '../../core/files.ts';
import type { Matrix } from '../../core/matrix.ts';
import { batchMemory, runInBatches } from '../../runtime/batches.ts';
import { openSession, type Session } from '../../runtime/session.ts';
import type { Compute } from '../../runtime/training/network.ts';
import { unusable } from '../../sequences/sequence-error.ts';
import { coverageShares, requireCoverage } from '../coverage.ts';
import type { Company, Encoder, InputLimits, Representation } from '../model.ts';
import { readTokenizerFiles } from '../tokenizers/files.ts';
import { tokenLetters } from '../tokenizers/token-letters.ts';
import { folderTokenizer } from '../tokenizers/tokenizers.ts';
import { readExportConfig } from './config.ts';
import { externalDataOf, type OnnxFile, type OnnxValue, readOnnxFile } from './file.ts';
import { exportedModel } from './predictions.ts';
import { type OnnxEncoder, run, runBatch, tryOut } from './run.ts';
import { hiddenStateOutputs, inputRoles, logitsOutput, noHiddenStates, readOnnxSettings } from './settings.ts';
import { isTokenPooling, poolTokens, type TokenPooling } from './token-pooling.ts';

/** Tokens (padding included) per batch at most. */
export const TOKENS_PER_BATCH = 16_384;

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

const COMPANY: Readonly<Record<Company, string>> = {
  any: 'padded: that changes nothing',
  equal: 'of equally many tokens: padding changes what this model gives',
  none: 'of one sequence: others in the batch change what this model gives',
};

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
  const logits = logitsOutput(model, settings, path);
  const asked = typeof logits === 'string' ? outputs : [...outputs, logits];
  if (asked.length === 0) throw noHiddenStates(model, path);
  const config = await readExportConfig(join(folder, 'config.json'));
  const reads = settings.reads ?? config.reads;
  const maxTokens = settings.maxTokens ?? Math.min(config.maxTokens, (await readTokenizerFiles(folder)).maxTokens);
  const tokenizer = await folderTokenizer(folder, maxTokens);
  const encoder = { inputs, outputs, logits, tokenizer, session: await open(path, model, asked, compute) };
  const close = async (error: unknown) => {
    await encoder.session.dispose();
    throw error;
  };
  const { dimension, company, columns } = await tryOut(encoder, path).catch(close);
  if (typeof columns === 'string' && settings.logits !== undefined) return close(new Error(`${path}: ${columns}`));
  if (typeof columns === 'string' && outputs.length === 0)
    return close(new Error(`${noHiddenStates(model, path).message}; and ${columns}`));
  const hashes = await Promise.all([path, ...model.externalFiles.map((file) => join(place, file))].map(sha256File));
  const head = typeof logits === 'string' || typeof columns === 'string' ? undefined : { logits: logits.name, reads };
  const limits: InputLimits = {
    nucleotidesPerToken: tokenizer.nucleotidesPerToken,
    maxNucleotides: tokenizer.maxNucleotides,
    maxTokens: Number.isFinite(maxTokens) ? maxTokens : undefined,
  };
  const card = {
    architecture: 'ONNX export',
    file: basename(path),
    parameters: model.parameters,
    hiddenStates: outputs.map(({ name }) => name),
    ...head,
    ...(outputs.length > 0 && { dimension }),
    tokenizer: tokenizer.description,
    ...limits,
    batches: COMPANY[company],
  };
  return {
    dimension,
    layers: Math.max(0, outputs.length - 1),
    fingerprint: hashJson({
      onnx: hashes,
      settings,
      tokenizer: tokenizer.identity,
      outputs: outputs.map(({ name }) => name),
      ...head,
    }),
    card,
    limits,
    coverage: tokenizer.coverage,
    unknown: tokenizer.unknown,
    exported: exportedModel({
      ...{
        label: basename(path),
        card,
        limits,
        config,
        parameterCount: model.parameters,
        reads,
        tokenizer,
        company,
        columns,
      },
      tokenLetters: await tokenLetters(folder),
      file: { path, inputs, logits: head?.logits, externalData: externalDataOf(model, place) },
      run: (batch, names) => runBatch(encoder, batch, names),
    }),
    pooledTokens: (sequence) => tokenizer.encode([sequence]).mask.reduce((sum, seen) => sum + Number(seen), 0),
    async embed(sequences, representations, progress) {
      if (outputs.length === 0) throw noHiddenStates(model, path);
      checkRepresentations(representations, outputs.length - 1, path);
      return embed(encoder, { dimension, company, compute, path }, sequences, representations, progress);
    },
    dispose: () => encoder.session.dispose(),
  };
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
      throw unusable(error, i, sequences.length, path);
    }
  });
  const { coverage, unknown } = encoder.tokenizer;
  if (coverage) requireCoverage(path, coverageShares(sequences, coverage), unknown);
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
