/**
 * A model of a known architecture with fixed weights, from a folder in the hub's layout:
 * `config.json` determines the architecture, the tokenizer's files the token ids, the checkpoint
 * the weights. Or the same architecture with weights drawn from its initialisation: the control.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ConfiguredArchitecture } from './architectures/architecture.ts';
import { architectureOf } from './architectures/known-architectures.ts';
import { type Checkpoint, openCheckpoint } from './checkpoints/checkpoint.ts';
import { withCompanions } from './checkpoints/companions.ts';
import { type NeededTensors, unwrapped } from './checkpoints/wrappers.ts';
import {
  type Declarations,
  declarations,
  drawWeights,
  frozenModel,
  hashOfValues,
  headIsNamed,
  type ModelParts,
  requireLayers,
} from './frozen-model.ts';
import type { FrozenModel } from './model.ts';
import { withinRows } from './tokenizers/rows.ts';
import { tokenLetters } from './tokenizers/token-letters.ts';
import { folderTokenizer } from './tokenizers/tokenizers.ts';
import { bindWeights, type Declared, findSource, hasAll, sourceNames } from './weights.ts';

export const FOLDER_REMEDY =
  'a model folder is written by `npm run bench -- pretrain --out FOLDER`, or comes from the hub: config.json, its weights and its tokenizer';

/** A JSON object in a file. Throws, with the name of the file, when it is missing or damaged. */
export async function readJsonObject(path: string, remedy = FOLDER_REMEDY): Promise<Record<string, unknown>> {
  if (!existsSync(path)) throw new Error(`${path} is missing; ${remedy}`);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path} must hold a JSON object; ${remedy}`);
  return value as Record<string, unknown>;
}

/** The contents of a folder except the weights; `where` is its config. */
interface DescribedFolder extends ModelParts {
  readonly where: string;
}

async function describeFolder(folder: string): Promise<DescribedFolder> {
  const where = join(folder, 'config.json');
  const config = await readJsonObject(where);
  const architecture = architectureOf(config, where);
  const configured = architecture.configure(config, where);
  const tokenizer = await folderTokenizer(folder, configured.maxTokens ?? Number.POSITIVE_INFINITY);
  // A hub vocabulary may be padded to a round number; our k-mer vocabularies have an exact size.
  const exact = existsSync(join(folder, 'kmer_tokenizer.json'));
  const { vocabularySize: rows } = configured;
  if (exact && tokenizer.vocabularySize !== rows)
    throw new Error(
      `${folder}: ${tokenizer.description} make a vocabulary of ${tokenizer.vocabularySize}, config.json has ${rows}`,
    );
  return { where, config, architecture, configured, tokenizer: withinRows(tokenizer, rows, where) };
}

export interface LoadOptions {
  /**
   * Leave float32 weights in their files, for the runtime to map: no copy is made, and the model
   * cannot be fine-tuned. Default false.
   */
  readonly external?: boolean;
  /**
   * File of the folder with the weights. Default: the file that `checkpoints/find-checkpoint.ts`
   * finds.
   */
  readonly checkpoint?: string;
}

/**
 * Reads a model folder. Throws, with the file and the remedy, when a file is missing or damaged,
 * when the architecture or the tokenizer is unknown, and when the files are inconsistent.
 */
export async function loadModelFolder(folder: string, options: LoadOptions = {}): Promise<FrozenModel> {
  const stated = await describeFolder(folder);
  const { where } = stated;
  const stored = await withCompanions(
    await openCheckpoint(options.checkpoint ?? folder),
    (stated.architecture.companions ?? []).map((file) => join(folder, file)),
  );
  const { described, checkpoint, declared: parts, notices } = await fitToCheckpoint(stated, stored);
  const { configured } = described;
  const { body, head } = parts;
  const hasHead = head !== undefined && headIsNamed(described) && hasAll(head, configured, checkpoint);
  const declared = hasHead ? [...body, ...head] : body;
  const { values, externalData } = await bindWeights(declared, configured, checkpoint, {
    where,
    external: options.external,
  });
  const training = join(folder, 'training.json');
  const facts = {
    weights: 'pre-trained',
    folder: basename(folder),
    checkpoint: checkpoint.format,
    ...(notices.length > 0 ? { notices } : {}),
    training: existsSync(training) ? await readJsonObject(training) : { note: 'no training.json in the folder' },
  };
  const hash = await checkpoint.sha256();
  const letters = await tokenLetters(folder);
  const model = frozenModel(described, { values, hash, hasHead, facts, notices, tokenLetters: letters });
  return externalData.length > 0 ? { ...model, externalData } : model;
}

type Described = Pick<DescribedFolder, 'config' | 'architecture' | 'configured' | 'where'>;

/** The combination of a config and a checkpoint. */
interface Fitted<D extends Described> {
  readonly described: D;
  /** By the parameter names of the architecture. */
  readonly checkpoint: Checkpoint;
  readonly declared: Declarations;
  readonly notices: readonly string[];
}

/**
 * Checks the config's sizes against the tensors before a graph is built, finds the prefix of
 * wrapped tensors, and uses the output matrix of the file for any value of `tie_word_embeddings`
 * (like transformers 5).
 */
export async function fitToCheckpoint<D extends Described>(described: D, stored: Checkpoint): Promise<Fitted<D>> {
  const { config, configured, architecture, where } = described;
  requireLayers(configured, stored.names().length, `${stored.files[0]}`, where);
  const declared = declarations(configured);
  const checkpoint = unwrapped(stored, neededTensors(declared.body, configured), where);
  const { outputMatrix, wordTable } = configured;
  if (outputMatrix === undefined || wordTable === undefined) return { described, checkpoint, declared, notices: [] };
  const own = findSource(outputMatrix.parameter, configured, checkpoint.has)?.name;
  const words = findSource(wordTable, configured, checkpoint.has)?.name;
  if (own === undefined && !outputMatrix.tied) {
    const absent = `${where}: tie_word_embeddings is false, but the checkpoint has no '${outputMatrix.parameter}': the model has no output head`;
    return { described, checkpoint, declared, notices: [absent] };
  }
  if (own === undefined || words === undefined || !outputMatrix.tied || own === words)
    return { described, checkpoint, declared, notices: [] };
  if (await sameValues(checkpoint, own, words)) return { described, checkpoint, declared, notices: [] };
  const untied = architecture.configure({ ...config, tie_word_embeddings: false }, where);
  const notice = `${where}: the word table and the output matrix are tied by this config, but the checkpoint has another output matrix, '${own}'. The matrix of the checkpoint is used`;
  return {
    described: { ...described, configured: untied },
    checkpoint,
    declared: declarations(untied),
    notices: [notice],
  };
}

function neededTensors(body: readonly Declared[], configured: ConfiguredArchitecture): NeededTensors {
  return body.map(({ name }) => sourceNames(name, configured));
}

async function sameValues(checkpoint: Checkpoint, a: string, b: string): Promise<boolean> {
  if (checkpoint.entry(a).shape.join() !== checkpoint.entry(b).shape.join()) return false;
  const [x, y] = [await checkpoint.read(a), await checkpoint.read(b)];
  return x === y || x.every((value, i) => value === y[i]);
}

/**
 * The folder's architecture with every weight drawn from its initialisation scheme; the checkpoint
 * is not read.
 */
export async function randomModel(folder: string, seed: number): Promise<FrozenModel> {
  const described = await describeFolder(folder);
  const { body, head } = declarations(described.configured);
  const values = drawWeights([...body, ...(head ?? [])], seed);
  const facts = { weights: 'random', seed };
  const hasHead = head !== undefined && headIsNamed(described);
  const letters = await tokenLetters(folder);
  return frozenModel(described, { values, hash: hashOfValues(values), hasHead, facts, tokenLetters: letters });
}
