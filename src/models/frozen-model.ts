/**
 * Combines an architecture with its sizes, a tokenizer and parameter values into the frozen model
 * that the harness uses, for models read from disk (`model-folder.ts`) and for randomly drawn
 * weights.
 */

import { hashJson, sha256 } from '../core/files.ts';
import { createRandom } from '../core/random.ts';
import { type ConstantData, Graph } from '../onnx/graph.ts';
import { INFERENCE } from '../onnx/layers/dropout.ts';
import type { Architecture, ConfiguredArchitecture, RawConfig } from './architectures/architecture.ts';
import type { FrozenModel, InputLimits } from './model.ts';
import type { ModelTokenizer } from './tokenizers/rows.ts';
import type { Declared } from './weights.ts';

/** Config fields that do not affect embeddings and are not part of the fingerprint. */
const WITHOUT_EFFECT = [
  '_name_or_path',
  'transformers_version',
  'torch_dtype',
  'dtype',
  'hidden_dropout_prob',
  'attention_probs_dropout_prob',
];

/** Everything of a model except its weights. */
export interface ModelParts {
  readonly config: RawConfig;
  readonly architecture: Architecture;
  readonly configured: ConfiguredArchitecture;
  readonly tokenizer: ModelTokenizer;
}

export interface ModelWeights {
  /** By the names that the architecture declares. */
  readonly values: ReadonlyMap<string, ConstantData>;
  /** Identity of the weights, for the fingerprint. */
  readonly hash: string;
  /** Whether the weights of the head are included. */
  readonly hasHead: boolean;
  /**
   * `[vocabulary]` number of letters of every token (`FrozenModel.tokenLetters`), when the words
   * are known.
   */
  readonly tokenLetters?: ArrayLike<number>;
  /** Origin of the weights, for the card. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Resolved conflicts between the files, for display. */
  readonly notices?: readonly string[];
}

/**
 * Whether the tokenizer defines the tokens of the logits' columns when these are not the
 * vocabulary.
 */
export function headIsNamed({ configured, tokenizer }: Pick<ModelParts, 'configured' | 'tokenizer'>): boolean {
  const { classes, vocabularySize } = configured;
  return classes === undefined || (tokenizer.firstOrdinaryId ?? Number.NaN) + classes === vocabularySize;
}

/**
 * The parameters that an architecture declares for its hidden states, and those that its head adds;
 * `head` is undefined when there is no head.
 */
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
 * @throws when a config has more layers than a checkpoint has tensors. This is checked before the
 *   graph is built, which may take minutes and all memory.
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

/**
 * Initial values by the architecture's own initialisation, drawn in the order of declaration;
 * buffers as declared.
 */
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

/** A hash of drawn values: code that draws other weights from the same seed gives another hash. */
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
