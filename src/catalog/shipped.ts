/**
 * The encoders that are part of the package: weights pre-trained by this project on data whose
 * licence allows it, each in a folder of `shipped/` with its model card. They need no download; the
 * checksum of the weights is part of their key.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sha256File } from '../core/files.ts';
import type { FrozenModel, ModelDefinition } from '../models/model.ts';
import type { PretrainConfig } from '../pretraining/presets.ts';

export const SHIPPED_FOLDER = fileURLToPath(new URL('./shipped', import.meta.url));

/** sha256 of each folder's `model.safetensors`. */
export const SHIPPED_WEIGHTS = {
  'barcodemae-deepcoi': '1c18ba0a59de04d43ffdffbb14ef87eb7afb4cd666ccdda99113134a09fcc226',
} as const;
type ShippedId = keyof typeof SHIPPED_WEIGHTS;

/** Reads an encoder of the package. Throws when its weights differ from the published ones. */
export async function loadShipped(id: ShippedId, parent = SHIPPED_FOLDER): Promise<FrozenModel> {
  const folder = join(parent, id);
  const weights = join(folder, 'model.safetensors');
  const found = await sha256File(weights);
  if (found !== SHIPPED_WEIGHTS[id])
    throw new Error(`${weights} is damaged (sha256 ${found}, not ${SHIPPED_WEIGHTS[id]}): reinstall the package`);
  const { loadBertFolder } = await import('../pretraining/bert-folder.ts');
  return loadBertFolder(folder);
}

/** The same encoder with its initial weights. */
async function randomShipped(id: ShippedId, seed: number): Promise<FrozenModel> {
  const text = await readFile(join(SHIPPED_FOLDER, id, 'training.json'), 'utf8');
  const { config } = JSON.parse(text) as { config: PretrainConfig };
  const { randomKmerBert } = await import('../pretraining/bert-folder.ts');
  return randomKmerBert(config, seed);
}

const barcodeMae = {
  citation:
    'Safari et al. 2025, arXiv 2502.18405 (method); Gwak & Rho 2025, DeepCOI, doi:10.1186/s13059-025-03861-7 (data)',
  licence: 'MIT',
  version: '1',
  options: { weights: SHIPPED_WEIGHTS['barcodemae-deepcoi'] },
};

/**
 * BarcodeMAE pre-trained on COI barcodes of DeepCOI (model card:
 * `shipped/barcodemae-deepcoi/README.md`), and its control.
 */
export const SHIPPED: readonly ModelDefinition[] = [
  {
    ...barcodeMae,
    id: 'barcodemae-deepcoi',
    title: 'BarcodeMAE, shipped',
    description:
      'A small BarcodeMAE encoder that is part of the package, pre-trained on COI barcodes of annelids without labels; frozen.',
    kind: 'model',
    stochastic: false,
    load: () => loadShipped('barcodemae-deepcoi'),
  },
  {
    ...barcodeMae,
    id: 'barcodemae-deepcoi-random',
    title: 'BarcodeMAE, shipped, random weights',
    description: 'The shipped encoder with its initial weights.',
    kind: 'control',
    stochastic: true,
    load: ({ seed }) => randomShipped('barcodemae-deepcoi', seed),
  },
];
