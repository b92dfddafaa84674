/**
 * BERT encoders of this project with fixed weights: read from a folder that `pretrain` wrote, or
 * drawn at random from a pre-training configuration (the control). `model-folder.ts` reads folders
 * of any architecture.
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
 * Reads a model folder: `config.json`, `model.safetensors`, `kmer_tokenizer.json` or
 * `tokenizer.json`, and `training.json` if present. Throws, with the name of the file, when one is
 * missing, damaged, or inconsistent with the others.
 */
export async function loadBertFolder(folder: string): Promise<FrozenModel> {
  const [config, weights] = [join(folder, 'config.json'), join(folder, 'model.safetensors')];
  const { model_type: type } = await readJsonObject(config);
  if (type !== 'bert') throw new Error(`${config}: model_type '${String(type)}' is not supported; known: bert`);
  if (!existsSync(weights)) throw new Error(`${weights} is missing; ${FOLDER_REMEDY}`);
  return loadModelFolder(folder);
}

/**
 * The same architecture with weights drawn from its initialisation: the result of an untrained
 * encoder.
 */
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
