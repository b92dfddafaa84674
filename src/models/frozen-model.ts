/**
 * An architecture with its sizes, a tokenizer and values for its parameters, as the frozen model that the harness takes: what
 * `model-folder.ts` reads from disk and what is drawn at random end here alike.
 */

import { hashJson, sha256 } from '../core/files.ts';
import { createRandom } from '../core/random.ts';
import { type ConstantData, Graph } from '../onnx/graph.ts';
import { INFERENCE } from '../onnx/layers/dropout.ts';
import type { Architecture, ConfiguredArchitecture, RawConfig } from './architectures/architecture.ts';
import type { FrozenModel, InputLimits } from './model.ts';
import type { ModelTokenizer } from './tokenizers/rows.ts';
import type { Declared } from './weights.ts';

/** Fields of a config that change no embedding and so have no part in the fingerprint. */
const WITHOUT_EFFECT = [
  '_name_or_path',
  'transformers_version',
  'torch_dtype',
  'dtype',
  'hidden_dropout_prob',
  'attention_probs_dropout_prob',
];

/** What a model is but for its weights. */
export interface ModelParts {
  readonly config: RawConfig;
  readonly architecture: Architecture;
  readonly configured: ConfiguredArchitecture;
  readonly tokenizer: ModelTokenizer;
}

export interface ModelWeights {
  /** By the names that the architecture declares. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /** What tells them from others, for the fingerprint. */
  readonly hash: string;
  /** Are those of the head among them? */
  readonly hasHead: boolean;
  /** `[vocabulary]` letters of every token (`FrozenModel.tokenLetters`), where words are known. */
  readonly tokenLetters?: ArrayLike<number>;
  /** For the card: where they are from. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Disagreements between the files that were resolved, for people. */
  readonly notices?: readonly string[];
}

/** Does the tokenizer say which tokens the columns of the logits stand for, where these aren't the vocabulary? */
export function headIsNamed({ configured, tokenizer }: Pick<ModelParts, 'configured' | 'tokenizer'>): boolean {
  const { classes, vocabularySize } = configured;
  return classes === undefined || (tokenizer.firstOrdinaryId ?? Number.NaN) + classes === vocabularySize;
}

/** What an architecture declares for its hidden states, and what its head adds; `head` is undefined where it has none. */
export interface Declarations {
  readonly body: readonly Declared[];
  readonly head?: readonly Declared[];
}

/** Declares the inputs and the architecture in a graph. */
function declare(configured: ConfiguredArchitecture, graph: Graph, mode = INFERENCE) {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  const mask = graph.input('mask', 'int64', ['rows', 'tokens']);
  return { mask, built: configured.build(graph, { ids, mask }, mode) };
}

/**
 * @throws when a config has more layers than a checkpoint has tensors: before a graph of them is built, which may take
 *   minutes and all memory.
 */
export function requireLayers({ layers }: ConfiguredArchitecture, tensors: number, file: string, where: string): void {
  if (layers > tensors)
    throw new Error(
      `${where}: ${layers} layers are configured, but ${file} has ${tensors} tensors, fewer than one for each layer`,
    );
}

export function declarations(configured: ConfiguredArchitecture): Declarations {
  const graph = new Graph();
  const { logits, scores } = declare(configured, graph).built;
  const all = () => [...graph.parameters.values(), ...graph.buffers.values()];
  const body = all();
  if (!logits && !scores) return { body };
  logits?.(graph.input('vectors', 'float32', ['m', configured.dimension]));
  scores?.(graph.input('states', 'float32', ['rows', 'tokens', configured.dimension]));
  const inBody = new Set(body.map(({ name }) => name));
  return { body, head: all().filter(({ name }) => !inBody.has(name)) };
}

/** First values by the architecture's own initialisation, drawn in the order of declaration; buffers as declared. */
export function drawWeights(declared: readonly Declared[], seed: number): Map<string, Float32Array> {
  const random = createRandom(`weights:random-model:${seed}`);
  return new Map(
    declared.map((entry): [string, Float32Array] => {
      const size = entry.shape.reduce((product, length) => product * length, 1);
      const values =
        'initialise' in entry
          ? entry.initialise(() => random.next(), entry.shape)
          : new Float32Array(size).fill(entry.initial);
      return [entry.name, values];
    }),
  );
}

/** A hash of drawn values: other code that draws other weights from the same seed is told apart. */
export function hashOfValues(values: ReadonlyMap<string, Float32Array>): string {
  return hashJson([...values].map(([name, data]) => [name, sha256(data)]));
}

export function frozenModel(
  { config, architecture, configured, tokenizer }: ModelParts,
  { values, hash, hasHead, facts, notices, tokenLetters }: ModelWeights,
): FrozenModel {
  const { label, dimension, layers, heads, reads, vocabularySize, wordTable, maxTokens } = configured;
  const { classes: count } = configured;
  const firstId = tokenizer.firstOrdinaryId;
  const classes = count !== undefined && firstId !== undefined ? { firstId, count } : undefined;
  const limits: InputLimits = {
    nucleotidesPerToken: tokenizer.nucleotidesPerToken,
    maxNucleotides: Number.isFinite(tokenizer.maxNucleotides) ? tokenizer.maxNucleotides : undefined,
    maxTokens,
  };
  const parameterCount = countParameters(values);
  const effective = Object.fromEntries(Object.entries(config).filter(([field]) => !WITHOUT_EFFECT.includes(field)));
  return {
    label,
    dimension,
    layers,
    reads,
    vocabularySize,
    wordTable,
    classes,
    tokenLetters,
    classifier: hasHead ? configured.classifier : undefined,
    maskId: tokenizer.maskId,
    fingerprint: hashJson({
      architecture: architecture.id,
      config: effective,
      tokenizer: tokenizer.identity,
      weights: hash,
    }),
    card: {
      architecture: architecture.title,
      source: architecture.source,
      parameters: parameterCount,
      layers,
      dimension,
      heads,
      tokenizer: tokenizer.description,
      ...limits,
      reads,
      head: hasHead,
      ...facts,
    },
    frames: tokenizer.frames,
    limits,
    coverage: tokenizer.coverage,
    unknown: tokenizer.unknown,
    parameterCount,
    notices,
    values,
    build(graph, mode = INFERENCE) {
      const { mask, built } = declare(configured, graph, mode);
      const { hiddenStates, logits, scores } = built;
      return { hiddenStates, attentionMask: mask, ...(hasHead ? { logits, scores } : {}) };
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
