/**
 * Determines the kind of model at a path without reading weights or starting an engine. A folder is
 * the checkpoint of a known architecture (`model-folder.ts`) when it has `config.json` and weights,
 * otherwise an ONNX export (`folder.ts`). A file is precomputed embeddings (`precomputed.ts`), an
 * `.onnx` model, or a checkpoint with `config.json` and tokenizer in the same folder.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import type { Device } from '../runtime/device.ts';
import { architectureOf } from './architectures/known-architectures.ts';
import { findCheckpoint } from './checkpoints/find-checkpoint.ts';
import { hubModelName } from './hub/hub-id.ts';
import type { ModelDefinition } from './model.ts';
import { loadModelFolder, randomModel, readJsonObject } from './model-folder.ts';
import { isPrecomputed } from './precomputed/precomputed.ts';

export interface ModelAtPath {
  /** The checkpoint's folder, or the file. */
  readonly path: string;
  /** The name of the file, or of the folder when the file name is generic. */
  readonly id: string;
  /** Every file that affects the model's numbers, absolute, sorted. */
  readonly files: readonly string[];
  readonly description: string;
  readonly load: ModelDefinition['load'];
  /** For checkpoints: the same architecture with weights from its initialisation. */
  readonly control?: ModelDefinition['control'];
}

const KNOWN =
  'a model is a folder with config.json, weights and tokenizer; a file of weights beside its config.json; an .onnx file, or a folder with one, and its tokenizer; or embeddings in a .npy or .parquet file';

/** Generic file names, without their extension. */
const COMMON_NAMES = /^(model|pytorch_model|checkpoint)(\.safetensors|\.bin)?(\.index)?$/;
/** Files from which configs and tokenizers are read. */
const SETTINGS = /\.(json|txt)$/;

/** Throws, with the missing file and the supported kinds, when there is no model at the path. */
export async function modelAtPath(given: string): Promise<ModelAtPath> {
  const path = resolve(given);
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status) throw new Error(`${given}: there is no such file or folder`);
  if (status.isDirectory()) return modelInFolder(path);
  if (isPrecomputed(path)) return precomputed(path);
  if (path.endsWith('.onnx')) return onnx(path);
  if (!existsSync(join(dirname(path), 'config.json')))
    throw new Error(`${given}: holds no model, since it has no config.json beside it; ${KNOWN}`);
  return checkpoint(path, dirname(path));
}

async function modelInFolder(folder: string): Promise<ModelAtPath> {
  if (existsSync(join(folder, 'config.json'))) {
    try {
      return await checkpoint(folder, folder);
    } catch (error) {
      const exported = await exportIn(folder);
      if (exported) return exported;
      throw error;
    }
  }
  const exported = await exportIn(folder);
  if (exported) return exported;
  const vectors = readdirSync(folder).find(isPrecomputed);
  if (vectors)
    throw new Error(`${folder}: give the path of the embeddings themselves, such as ${join(folder, vectors)}`);
  throw new Error(`${folder}: holds no config.json and no .onnx file; ${KNOWN}`);
}

async function exportIn(folder: string): Promise<ModelAtPath | undefined> {
  const path = (await import('./exports/folder.ts')).findOnnx(folder);
  return path === undefined ? undefined : onnx(path);
}

/** `weights`: the folder, or one file of it. */
async function checkpoint(weights: string, folder: string): Promise<ModelAtPath> {
  const where = join(folder, 'config.json');
  const { title, companions = [] } = architectureOf(await readJsonObject(where), where);
  const { files, index } = findCheckpoint(weights);
  const chosen = [...files, ...companions].map((file) => join(folder, file));
  return {
    path: weights,
    id: identifier(weights, folder),
    files: sorted([...chosen, ...(index ? [index] : []), ...settingsOf(folder)]),
    description: `${title}, weights as published`,
    load: ({ mapWeights }) => loadModelFolder(folder, { checkpoint: weights, external: mapWeights }),
    control: ({ seed }) => randomModel(folder, seed),
  };
}

async function onnx(path: string): Promise<ModelAtPath> {
  const place = dirname(path);
  const folder = basename(place) === 'onnx' ? dirname(place) : place;
  const { readOnnxFile } = await import('./exports/file.ts');
  const { externalFiles } = await readOnnxFile(path);
  const external = externalFiles.map((file) => join(place, file)).filter((file) => existsSync(file));
  return {
    path,
    id: identifier(path, folder),
    files: sorted([path, ...external, ...settingsOf(folder)]),
    description: 'an encoder exported to ONNX, run as it is',
    load: async ({ device, threads }) =>
      (await import('./exports/folder.ts')).onnxModel(path, { device: device as Device, threads }),
  };
}

function precomputed(path: string): ModelAtPath {
  const sidecar = path.replace(/\.npy$/i, '.json');
  return {
    path,
    id: identifier(path, dirname(path)),
    files: sorted([path, ...(existsSync(sidecar) ? [sidecar] : [])]),
    description: 'embeddings computed elsewhere, one row per sequence',
    load: async () => (await import('./precomputed/precomputed.ts')).precomputedEmbeddings(path),
  };
}

function identifier(path: string, folder: string): string {
  const stem = basename(path, extname(path));
  const isNamed = path !== folder && !COMMON_NAMES.test(stem);
  return (isNamed ? stem : (hubModelName(folder) ?? basename(folder))).replace(/[^A-Za-z0-9._-]+/g, '-');
}

/** Configs and tokenizers of a folder. */
function settingsOf(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && SETTINGS.test(entry.name));
  return files.map(({ name }) => join(folder, name));
}

const sorted = (files: readonly string[]): string[] => [...new Set(files)].sort();

/** The model in the form that the harness uses. */
export function definitionOf({ id, description, load, control }: ModelAtPath): ModelDefinition {
  return {
    id,
    title: id,
    description,
    kind: 'model',
    citation: 'as stated where the files come from',
    licence: 'as stated where the files come from',
    version: '1',
    stochastic: false,
    options: {},
    load,
    ...(control ? { control } : {}),
  };
}
