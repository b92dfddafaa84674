/** A BERT-style k-mer encoder with fixed weights, read from a folder that `pretrain` wrote, or drawn at random as the control. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unflatten } from '../onnx/flat.ts';
import type { ConstantData, Graph } from '../onnx/graph.ts';
import { INFERENCE } from '../onnx/layers.ts';
import { hashJson, sha256 } from '../runtime/files.ts';
import { initialState } from '../runtime/network.ts';
import { readSafetensors } from '../runtime/safetensors.ts';
import { createKmerTokenizer, type KmerTokenizerConfig } from '../sequences/kmer-tokenizer.ts';
import { type BertConfig, bertHiddenStates } from './bert.ts';
import { bertConfigOf, type PretrainConfig } from './presets.ts';
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

async function readJson(path: string, remedy: string): Promise<Record<string, unknown>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new Error(`${path} is missing; ${remedy}`);
  }
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`);
  }
}

/** Reads a model folder: `config.json`, `kmer_tokenizer.json`, `model.safetensors`, and `training.json` where present. */
export async function loadKmerBert(folder: string): Promise<FrozenModel> {
  const remedy = 'a model folder is what `npm run bench -- pretrain --out FOLDER` writes';
  const raw = await readJson(join(folder, 'config.json'), remedy);
  if (raw.model_type !== 'bert')
    throw new Error(
      `${join(folder, 'config.json')}: model_type '${String(raw.model_type)}' is not supported; known: bert`,
    );
  for (const field of REQUIRED)
    if (typeof raw[field] !== 'number')
      throw new Error(`${join(folder, 'config.json')}: the number '${field}' is missing`);
  const config = {
    initializer_range: 0.02,
    ...raw,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  } as unknown as BertConfig;
  const tokenizer = (await readJson(join(folder, 'kmer_tokenizer.json'), remedy)) as unknown as KmerTokenizerConfig;
  const { tensors } = await readSafetensors(join(folder, 'model.safetensors'));
  const values = new Map<string, Float32Array>([...tensors].map(([name, tensor]) => [name, tensor.data]));
  let training: Record<string, unknown> = {};
  try {
    training = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as Record<string, unknown>;
  } catch {
    training = { note: 'no training.json in the folder' };
  }
  return frozen(config, tokenizer, values, { weights: 'pre-trained', folder, training });
}

/** The same architecture with weights drawn from its initialisation: what an encoder that has learned nothing gives. */
export function randomKmerBert(config: PretrainConfig, seed: number): FrozenModel {
  const bert = { ...bertConfigOf(config), hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 };
  const { state, layout } = initialState(
    {
      label: 'random k-mer BERT',
      build: (graph) => ({ last: hiddenStates(graph, bert)[bert.num_hidden_layers] }),
    },
    `random-model:${seed}`,
  );
  const tokenizer = { k: config.k, stride: config.stride, length: config.length };
  return frozen(bert, tokenizer, unflatten(state.parameters, layout.parameters), { weights: 'random', seed });
}

function hiddenStates(graph: Graph, config: BertConfig) {
  const ids = graph.input('ids', 'int64', ['rows', 'tokens']);
  return bertHiddenStates(ids, graph.input('mask', 'int64', ['rows', 'tokens']), config, INFERENCE);
}

function frozen(
  config: BertConfig,
  tokenizerConfig: KmerTokenizerConfig,
  values: ReadonlyMap<string, Float32Array>,
  facts: Readonly<Record<string, unknown>>,
): FrozenModel {
  const tokenizer = createKmerTokenizer(tokenizerConfig);
  const limit = tokenizerConfig.length;
  const weights = [...values].map(([name, data]) => [name, sha256(data)]);
  const parameters = [...values.values()].reduce((sum, data) => sum + data.length, 0);
  return {
    label: `k-mer BERT (${config.num_hidden_layers} x ${config.hidden_size})`,
    dimension: config.hidden_size,
    layers: config.num_hidden_layers,
    fingerprint: hashJson({ config: { ...config }, tokenizer: tokenizer.config, weights }),
    card: {
      architecture: 'BERT, masked language model over non-overlapping k-mers',
      parameters,
      layers: config.num_hidden_layers,
      dimension: config.hidden_size,
      heads: config.num_attention_heads,
      tokenizer: `${tokenizer.config.k}-mers, stride ${tokenizer.config.stride}`,
      nucleotidesPerToken: tokenizer.config.stride,
      maxNucleotides: limit,
      ...facts,
    },
    values: values as ReadonlyMap<string, ConstantData>,
    build(graph) {
      const states = hiddenStates(graph, config);
      const mask = graph.inputs.find((input) => input.name === 'mask');
      if (!mask) throw new Error('the encoder graph has no mask input');
      return { hiddenStates: states, attentionMask: mask };
    },
    tokens: (sequence) => Math.max(1, tokenizer.tokens(sequence.length)),
    encode(sequences) {
      sequences.forEach((sequence, i) => {
        if (limit !== undefined && sequence.length > limit)
          throw new Error(
            `sequence ${i} of the batch has ${sequence.length} nucleotides; this model reads at most ${limit}. Pre-train one with a larger 'length', or cut the sequences`,
          );
        if (sequence.length < tokenizer.config.k)
          throw new Error(
            `sequence ${i} of the batch has ${sequence.length} nucleotides, less than one ${tokenizer.config.k}-mer`,
          );
      });
      const longest = sequences.reduce((most, sequence) => Math.max(most, sequence.length), tokenizer.config.k);
      const { ids, mask, tokens } = tokenizer.encode(sequences, { length: longest });
      return {
        ids: { type: 'int64', data: BigInt64Array.from(ids, BigInt), dims: [sequences.length, tokens] },
        mask: { type: 'int64', data: BigInt64Array.from(mask, BigInt), dims: [sequences.length, tokens] },
      };
    },
  };
}
