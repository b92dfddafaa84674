/**
 * A BERT encoder with fixed weights: read from a folder in Hugging Face's layout (what `pretrain` writes, or any `BertForMaskedLM` saved as
 * safetensors beside its tokenizer.json), or drawn at random as the control.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { INFERENCE, type Mode } from '../onnx/dropout.ts';
import { unflatten } from '../onnx/flat.ts';
import type { ConstantData, Graph } from '../onnx/graph.ts';
import { hashJson, sha256 } from '../runtime/files.ts';
import { initialState, type Network } from '../runtime/network.ts';
import { readSafetensors } from '../runtime/safetensors.ts';
import { type BertConfig, type BertOptions, bertHiddenStates } from './bert.ts';
import { bertConfigOf, type PretrainConfig } from './presets.ts';
import { folderTokenizer, kmerModelTokenizer, type ModelTokenizer } from './tokenizers.ts';
import type { FrozenModel } from './types.ts';

/** Fields without which a `config.json` can't be turned into a graph. */
const REQUIRED: readonly (keyof BertConfig)[] = [
  'vocab_size',
  'hidden_size',
  'num_hidden_layers',
  'num_attention_heads',
  'intermediate_size',
  'max_position_embeddings',
  'type_vocab_size',
  'layer_norm_eps',
];

/** What transformers takes where a `config.json` is silent; matters to weights that are drawn or trained further, not to those read. */
const TRANSFORMERS_DEFAULTS: Partial<BertConfig> = {
  initializer_range: 0.02,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
};
/** Changes no embedding, so it has no part in the fingerprint. */
const NO_DROPOUT: Partial<BertConfig> = { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };

/** Fields of `BertConfig` that change the graph and have one value here. */
const FIXED: Readonly<Record<string, unknown>> = {
  model_type: 'bert',
  hidden_act: 'gelu',
  position_embedding_type: 'absolute',
};

const REMEDY =
  'a model folder is what `npm run bench -- pretrain --out FOLDER` writes, or a BERT of the hub saved as safetensors';

async function readJson(path: string): Promise<Record<string, unknown>> {
  if (!existsSync(path)) throw new Error(`${path} is missing; ${REMEDY}`);
  const text = await readFile(path, 'utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path} must hold a JSON object; ${REMEDY}`);
  return value as Record<string, unknown>;
}

/**
 * Reads a model folder: `config.json`, `model.safetensors`, `kmer_tokenizer.json` or `tokenizer.json`, and `training.json` where present. Throws, naming the
 * file, where one is missing, damaged, or does not fit the others.
 */
export async function loadBertFolder(folder: string): Promise<FrozenModel> {
  const at = (name: string) => join(folder, name);
  const raw = await readJson(at('config.json'));
  for (const [field, value] of Object.entries(FIXED))
    if ((raw[field] ?? (field === 'model_type' ? undefined : value)) !== value)
      throw new Error(
        `${at('config.json')}: ${field} '${String(raw[field])}' is not supported; known: ${String(value)}`,
      );
  for (const field of REQUIRED)
    if (typeof raw[field] !== 'number') throw new Error(`${at('config.json')}: the number '${field}' is missing`);
  const config = { ...TRANSFORMERS_DEFAULTS, ...raw } as unknown as BertConfig;
  const tokenizer = await folderTokenizer(folder, config.max_position_embeddings);
  // A hub vocabulary may be padded to a round number; k-mers are exactly as many as they are.
  const fits =
    tokenizer.nucleotidesPerToken === undefined
      ? tokenizer.vocabularySize <= config.vocab_size
      : tokenizer.vocabularySize === config.vocab_size;
  if (!fits)
    throw new Error(
      `${folder}: ${tokenizer.description} make a vocabulary of ${tokenizer.vocabularySize}, config.json has ${config.vocab_size}`,
    );
  const weights = at('model.safetensors');
  if (!existsSync(weights)) throw new Error(`${weights} is missing; ${REMEDY}`);
  const { tensors } = await readSafetensors(weights);
  const causal = raw.is_decoder === true;
  const prefix = [...tensors.keys()].some((name) => name.startsWith('bert.')) ? 'bert.' : '';
  const { layout } = initialState(encoderNetwork(config, { prefix, causal }), 0);
  layout.parameters.names.forEach((name, i) => {
    const [shape, found] = [layout.parameters.shapes[i], tensors.get(name)?.shape];
    if (!found) throw new Error(`${weights}: tensor '${name}' is missing, which ${at('config.json')} asks for`);
    if (found.join() !== shape.join())
      throw new Error(
        `${weights}: '${name}' is [${found.join(', ')}], ${at('config.json')} asks for [${shape.join(', ')}]`,
      );
  });
  const values = new Map<string, Float32Array>([...tensors].map(([name, tensor]) => [name, tensor.data]));
  const training = existsSync(at('training.json'))
    ? await readJson(at('training.json'))
    : { note: 'no training.json in the folder' };
  const facts = { weights: 'pre-trained', folder: basename(folder), training };
  return frozen(config, tokenizer, values, facts, { prefix, causal });
}

/** The encoder alone, to draw weights for it or to know their shapes. */
function encoderNetwork(config: BertConfig, options: BertOptions = {}): Network {
  return {
    label: 'k-mer BERT',
    build: (graph) => ({ last: hiddenStates(graph, config, options, INFERENCE)[config.num_hidden_layers] }),
  };
}

/** The same architecture with weights drawn from its initialisation: what an encoder that has learned nothing gives. */
export function randomKmerBert(config: PretrainConfig, seed: number): FrozenModel {
  const bert = bertConfigOf(config);
  const causal = config.objective === 'causal';
  const { state, layout } = initialState(encoderNetwork(bert, { causal }), `random-model:${seed}`);
  const { k, stride, length, reference } = config;
  const tokenizer = kmerModelTokenizer({ k, stride, length, reference }, bert.max_position_embeddings);
  const values = unflatten(state.parameters, layout.parameters);
  return frozen(bert, tokenizer, values, { weights: 'random', seed }, { causal });
}

function hiddenStates(graph: Graph, config: BertConfig, options: BertOptions, mode: Mode) {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  return bertHiddenStates(ids, graph.input('mask', 'int64', ['rows', 'tokens']), config, mode, options);
}

function frozen(
  config: BertConfig,
  tokenizer: ModelTokenizer,
  values: ReadonlyMap<string, Float32Array>,
  facts: Readonly<Record<string, unknown>>,
  options: BertOptions,
): FrozenModel {
  const weights = [...values].map(([name, data]) => [name, sha256(data)]);
  const parameters = [...values.values()].reduce((sum, data) => sum + data.length, 0);
  return {
    label: `BERT (${config.num_hidden_layers} x ${config.hidden_size})`,
    dimension: config.hidden_size,
    layers: config.num_hidden_layers,
    fingerprint: hashJson({ config: { ...config, ...NO_DROPOUT }, ...options, tokenizer: tokenizer.identity, weights }),
    card: {
      architecture: 'BERT',
      parameters,
      layers: config.num_hidden_layers,
      dimension: config.hidden_size,
      heads: config.num_attention_heads,
      tokenizer: tokenizer.description,
      nucleotidesPerToken: tokenizer.nucleotidesPerToken,
      maxNucleotides: tokenizer.maxNucleotides,
      maxTokens: config.max_position_embeddings,
      ...facts,
    },
    frames: tokenizer.frames,
    values: values as ReadonlyMap<string, ConstantData>,
    build(graph, mode = INFERENCE) {
      const states = hiddenStates(graph, config, options, mode);
      const mask = graph.inputs.find((input) => input.name === 'mask');
      if (!mask) throw new Error('the encoder graph has no mask input');
      return { hiddenStates: states, attentionMask: mask };
    },
    tokens: (sequence) => tokenizer.tokens(sequence),
    encode(sequences) {
      const { ids, mask, tokens } = tokenizer.encode(sequences);
      const dims = [sequences.length, tokens];
      return { ids: { type: 'int64', data: ids, dims }, mask: { type: 'int64', data: mask, dims } };
    },
  };
}
