/**
 * BERT encoders of ours with fixed weights: read from the folder that `pretrain` writes, or drawn at random from a pre-training configuration as the
 * control. Folders of any architecture are `model-folder.ts`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { bert } from '../models/architectures/bert.ts';
import { declarations, drawWeights, frozenModel, hashOfValues } from '../models/frozen-model.ts';
import type { FrozenModel } from '../models/model.ts';
import { FOLDER_REMEDY, loadModelFolder, readJsonObject } from '../models/model-folder.ts';
import { kmerModelTokenizer } from '../models/tokenizers/tokenizers.ts';
import { bertClassOf, bertConfigOf, kmersOf, type PretrainConfig } from './presets.ts';

/**
 * Reads a model folder: `config.json`, `model.safetensors`, `kmer_tokenizer.json` or `tokenizer.json`, and `training.json` where present. Throws, naming the
 * file, where one is missing, damaged, or does not fit the others.
 */
export async function loadBertFolder(folder: string): Promise<FrozenModel> {
  const [config, weights] = [join(folder, 'config.json'), join(folder, 'model.safetensors')];
  const { model_type: type } = await readJsonObject(config);
  if (type !== 'bert') throw new Error(`${config}: model_type '${String(type)}' is not supported; known: bert`);
  if (!existsSync(weights)) throw new Error(`${weights} is missing; ${FOLDER_REMEDY}`);
  return loadModelFolder(folder);
}

/** The same architecture with weights drawn from its initialisation: what an encoder that has learned nothing gives. */
export function randomKmerBert(config: PretrainConfig, seed: number): FrozenModel {
  const { objective } = config;
  const sizes = bertConfigOf(config);
  const architectures = [bertClassOf(objective)];
  const labels = { num_labels: kmersOf(config).vocabulary.classes, is_decoder: objective === 'causal' };
  const raw = { model_type: 'bert', architectures, ...sizes, ...labels };
  const configured = bert.configure(raw, 'the pre-training configuration');
  const { k, stride, length, reference } = config;
  const tokenizer = kmerModelTokenizer({ k, stride, length, reference }, sizes.max_position_embeddings);
  const { body, head = [] } = declarations(configured);
  const hasHead = !objective.startsWith('mae');
  const values = drawWeights(hasHead ? [...body, ...head] : body, seed);
  const facts = { weights: 'random', seed };
  return frozenModel(
    { config: raw, architecture: bert, configured, tokenizer },
    { values, hash: hashOfValues(values), hasHead, facts },
  );
}
