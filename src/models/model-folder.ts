/**
 * A model of any known architecture with fixed weights, from a folder in the hub's layout: `config.json` decides the architecture, the
 * tokenizer's files how letters are read, the checkpoint the weights. Or the same architecture with weights drawn from its own
 * initialisation: the control.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { INFERENCE } from '../onnx/dropout.ts';
import { type ConstantData, Graph } from '../onnx/graph.ts';
import { createRandom } from '../random.ts';
import { hashJson } from '../runtime/files.ts';
import { architectureOf } from './architectures/registry.ts';
import type { Architecture, ArchitectureGraph, ConfiguredArchitecture, RawConfig } from './architectures/types.ts';
import { openCheckpoint } from './checkpoints/checkpoint.ts';
import { folderTokenizer, type ModelTokenizer } from './tokenizers.ts';
import type { FrozenModel } from './types.ts';
import { bindWeights, type Declared, hasAll } from './weights.ts';

const REMEDY =
  'a model folder is what `npm run bench -- pretrain --out FOLDER` writes, or one of the hub: config.json, its weights and its tokenizer';

/** Fields of a config that change no embedding and so have no part in the fingerprint. */
const WITHOUT_EFFECT = [
  '_name_or_path',
  'transformers_version',
  'torch_dtype',
  'dtype',
  'hidden_dropout_prob',
  'attention_probs_dropout_prob',
];

/** A JSON object in a file. Throws, naming the file, where it is missing or damaged. */
export async function readJsonObject(path: string, remedy = REMEDY): Promise<Record<string, unknown>> {
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

/** What a folder is before any weight is looked at. */
interface Described {
  readonly folder: string;
  readonly where: string;
  readonly config: RawConfig;
  readonly architecture: Architecture;
  readonly configured: ConfiguredArchitecture;
  readonly tokenizer: ModelTokenizer;
}

async function describeFolder(folder: string): Promise<Described> {
  const where = join(folder, 'config.json');
  const config = await readJsonObject(where);
  const architecture = architectureOf(config, where);
  const configured = architecture.configure(config, where);
  const tokenizer = await folderTokenizer(folder, configured.maxTokens ?? Number.POSITIVE_INFINITY);
  // A hub vocabulary may be padded to a round number; our k-mers are exactly as many as they are.
  const exact = existsSync(join(folder, 'kmer_tokenizer.json'));
  const { vocabularySize: rows } = configured;
  if (exact ? tokenizer.vocabularySize !== rows : tokenizer.vocabularySize > rows)
    throw new Error(
      `${folder}: ${tokenizer.description} make a vocabulary of ${tokenizer.vocabularySize}, config.json has ${rows}`,
    );
  return { folder, where, config, architecture, configured, tokenizer };
}

export interface LoadOptions {
  /** Leave float32 weights in their files, for the runtime to map: no copy is made, and the model can't be tuned. Default false. */
  readonly external?: boolean;
}

/**
 * Reads a model folder. Throws, naming the file and the remedy, where a file is missing or damaged, where the architecture or the
 * tokenizer is unknown, and where the files don't fit each other.
 */
export async function loadModelFolder(folder: string, { external }: LoadOptions = {}): Promise<FrozenModel> {
  const described = await describeFolder(folder);
  const { configured, where } = described;
  const checkpoint = await openCheckpoint(folder);
  const { body, head } = declarations(configured);
  const hasHead = head.length > 0 && hasAll(head, configured, checkpoint);
  const declared = hasHead ? [...body, ...head] : body;
  const { values, externalData } = await bindWeights(declared, configured, checkpoint, { where, external });
  const training = join(folder, 'training.json');
  const facts = {
    weights: 'pre-trained',
    folder: basename(folder),
    checkpoint: checkpoint.format,
    training: existsSync(training) ? await readJsonObject(training) : { note: 'no training.json in the folder' },
  };
  const model = frozen(described, values, await checkpoint.sha256(), hasHead, facts);
  return externalData.length > 0 ? { ...model, externalData } : model;
}

/** The folder's architecture with every weight drawn from its own initialisation scheme; its checkpoint is not looked at. */
export async function randomModel(folder: string, seed: number): Promise<FrozenModel> {
  const described = await describeFolder(folder);
  const { body, head } = declarations(described.configured);
  const values = drawWeights([...body, ...head], seed);
  return frozen(described, values, { drawn: seed }, head.length > 0, { weights: 'random', seed });
}

/** First values, drawn in the order of declaration; buffers as declared. */
export function drawWeights(declared: readonly Declared[], seed: number): Map<string, Float32Array> {
  const random = createRandom(`weights:random-model:${seed}`);
  const values = declared.map((entry): [string, Float32Array] => {
    const size = entry.shape.reduce((product, length) => product * length, 1);
    const drawn = 'initialise' in entry;
    return [
      entry.name,
      drawn ? entry.initialise(() => random.next(), entry.shape) : new Float32Array(size).fill(entry.initial),
    ];
  });
  return new Map(values);
}

/** Declares the inputs and the architecture in a graph. */
function declare(configured: ConfiguredArchitecture, graph: Graph, mode = INFERENCE) {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  return { mask, built: configured.build(graph, { ids, mask }, mode) };
}

/** What an architecture declares for its hidden states, and what its head adds. */
export function declarations(configured: ConfiguredArchitecture): { body: Declared[]; head: Declared[] } {
  const graph = new Graph();
  const { built } = declare(configured, graph);
  const all = () => [...graph.parameters.values(), ...graph.buffers.values()];
  const body = all();
  declareHead(graph, built, configured);
  const inBody = new Set(body.map(({ name }) => name));
  return { body, head: all().filter(({ name }) => !inBody.has(name)) };
}

function declareHead(graph: Graph, { logits }: ArchitectureGraph, { dimension }: ConfiguredArchitecture): void {
  logits?.(graph.input('vectors', 'float32', ['m', dimension]));
}

function frozen(
  { config, architecture, configured, tokenizer }: Described,
  values: ReadonlyMap<string, ConstantData>,
  weights: unknown,
  hasHead: boolean,
  facts: Readonly<Record<string, unknown>>,
): FrozenModel {
  const { label, dimension, layers, heads, reads, vocabularySize, wordTable, maxTokens } = configured;
  const effective = Object.fromEntries(Object.entries(config).filter(([field]) => !WITHOUT_EFFECT.includes(field)));
  return {
    label,
    dimension,
    layers,
    reads,
    vocabularySize,
    wordTable,
    fingerprint: hashJson({ architecture: architecture.id, config: effective, tokenizer: tokenizer.identity, weights }),
    card: {
      architecture: architecture.title,
      source: architecture.source,
      parameters: countParameters(values),
      layers,
      dimension,
      heads,
      tokenizer: tokenizer.description,
      nucleotidesPerToken: tokenizer.nucleotidesPerToken,
      maxNucleotides: Number.isFinite(tokenizer.maxNucleotides) ? tokenizer.maxNucleotides : undefined,
      maxTokens,
      reads,
      head: hasHead,
      ...facts,
    },
    frames: tokenizer.frames,
    values,
    build(graph, mode = INFERENCE) {
      const { mask, built } = declare(configured, graph, mode);
      const { hiddenStates, logits } = built;
      return { hiddenStates, attentionMask: mask, logits: hasHead ? logits : undefined };
    },
    tokens: (sequence) => tokenizer.tokens(sequence),
    encode(sequences) {
      const { ids, mask, tokens } = tokenizer.encode(sequences);
      const dims = [sequences.length, tokens];
      return { ids: { type: 'int64', data: ids, dims }, mask: { type: 'int64', data: mask, dims } };
    },
  };
}

function countParameters(values: ReadonlyMap<string, ConstantData>): number {
  const sizes = [...values.values()].map((data) => ('location' in data ? data.length / 4 : data.length));
  return sizes.reduce((sum, size) => sum + size, 0);
}
