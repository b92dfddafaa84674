/**
 * The built-in models: encoders pre-trained within the run on the unlabelled training sequences of
 * a task, their controls, and the models that they are compared with: k-mer composition and the
 * one-hot CNN trained with labels.
 */
import { keyOf } from '../core/key.ts';
import { kmerComposition } from '../models/encoders/kmer-composition.ts';
import { oneHotCnnEncoder } from '../models/encoders/one-hot-cnn-encoder.ts';
import { columnComponents, placedOneHot } from '../models/encoders/placed-one-hot.ts';
import type { Encoder, FrozenModel, ModelContext, ModelDefinition, Representation } from '../models/model.ts';
import { trainOnce } from '../models/train-once.ts';
import { onReference, PRESETS, type PretrainConfig } from '../pretraining/presets.ts';
import { SHIPPED } from './shipped.ts';

const CITATION =
  'Devlin et al. 2019, BERT; k-mer tokens and masking as in Millan Arias et al. 2023, BarcodeBERT (arXiv 2311.02401)';

/**
 * Pre-trains in the cache folder, or loads the model from it, under a key of everything that
 * determines the weights. When several processes need the same encoder, one pre-trains it and the
 * others wait.
 */
async function pretrained(config: PretrainConfig, context: ModelContext): Promise<FrozenModel> {
  const { loadBertFolder } = await import('../pretraining/bert-folder.ts');
  const scaled = { ...config, maxTokens: Math.ceil(config.maxTokens * context.effort) };
  const fitted = fittedTo(scaled, context);
  const key = keyOf('pretraining', {
    config: fitted,
    seed: context.seed,
    corpus: context.unlabelledHash,
    computation: context.codeHash,
  });
  return trainOnce({
    cacheFolder: context.cacheFolder,
    name: key.slice(0, 24),
    async train(out) {
      const { pretrain } = await import('../pretraining/pretrain.ts');
      await pretrain(context.unlabelled, {
        config: fitted,
        seed: context.seed,
        out,
        device: deviceOf(context.device),
        threads: context.threads,
        progress: (fraction, message) => context.progress(fraction, `pre-training: ${message}`),
      });
    },
    load: loadBertFolder,
    onWait: () => context.progress(0, 'pre-training: waiting for another process that trains the same encoder'),
  });
}

/**
 * Positions for every sequence of the task, test rows included: the preset's length, or more when
 * sequences are longer. With a reference, the number of its columns.
 */
function fittedTo(config: PretrainConfig, { longestSequence: longest, unlabelled }: ModelContext): PretrainConfig {
  if (config.reference !== undefined) return onReference(config, unlabelled.length, (i) => unlabelled[i]);
  // Rounded up in coarse steps, so that tasks with the same training rows share an encoder.
  return longest > config.length ? { ...config, length: Math.ceil(longest / config.length) * config.length } : config;
}

function deviceOf(device: string): 'cpu' | 'cuda' | 'webgpu' {
  if (device !== 'cpu' && device !== 'cuda' && device !== 'webgpu') throw new Error(`unknown device '${device}'`);
  return device;
}

function kmerBert(preset: string): ModelDefinition[] {
  const config = PRESETS[preset];
  const shape = `${config.layers} layers, width ${config.hidden}, ${config.k}-mers`;
  const common = { citation: CITATION, licence: 'MIT', version: '1', stochastic: true, options: { preset, config } };
  // Every layer, mean-pooled, is a candidate in the choice on validation data.
  const representations = (encoder: Encoder) =>
    Array.from({ length: encoder.layers + 1 }, (_, layer) => ({ layer, pooling: 'mean' as const }));
  return [
    {
      ...common,
      id: `kmer-bert-${preset}`,
      title: `k-mer BERT (${preset})`,
      description: `${shape}; masked-language pre-training within the run on the task's own training sequences, labels unseen; then frozen.`,
      kind: 'model',
      representations,
      load: (context) => pretrained(config, context),
    },
    {
      ...common,
      id: `kmer-bert-${preset}-random`,
      title: `k-mer BERT (${preset}), random weights`,
      description: `${shape}; the same architecture with its initial weights: the result of an untrained encoder.`,
      kind: 'control',
      representations,
      load: (context) => random(config, context),
    },
  ];
}

const BARCODE_TITLES = {
  barcodemae: ['BarcodeMAE', 'Safari et al. 2025, arXiv 2502.18405'],
  'barcodemae-v1': ['BarcodeMAE, first version', 'Safari et al. 2025, arXiv 2502.18405'],
  barcodebert: ['BarcodeBERT', 'Millan Arias et al. 2023, arXiv 2311.02401'],
  barcodecausal: ['Causal barcode decoder', 'the causal comparison of Safari et al. 2025, arXiv 2502.18405'],
} as const;

/**
 * An encoder of the barcode papers pre-trained within the run, and its control. Encoders of one
 * size differ only in their objective.
 */
function barcodeEncoder(name: keyof typeof BARCODE_TITLES, size: string): ModelDefinition[] {
  const [title, source] = BARCODE_TITLES[name];
  const id = `${name}-${size}`;
  const config = PRESETS[id];
  const shape = `${config.layers} layers, width ${config.hidden}, ${config.k}-mers`;
  const citation = `${source}; this size is our own`;
  const common = {
    citation,
    licence: 'MIT',
    version: '1',
    stochastic: true,
    options: { preset: id, config },
    representations: (encoder: Encoder) => representations(encoder, config),
  };
  return [
    {
      ...common,
      id,
      title: `${title} (${size})`,
      description: `${shape}; pre-trained within the run on the task's own training sequences, labels unseen; then frozen.`,
      kind: 'model',
      load: (context) => pretrained(config, context),
    },
    {
      ...common,
      id: `${id}-random`,
      title: `${title} (${size}), random weights`,
      description: `${shape}; the same encoder with its initial weights.`,
      kind: 'control',
      load: (context) => random(config, context),
    },
  ];
}

/**
 * The barcode papers pool the last layer. Here every layer, and means over reading frames (a
 * reference has one frame), are candidates in the choice on validation data.
 */
function representations({ layers }: Encoder, { reference }: PretrainConfig): Representation[] {
  const depths = Array.from({ length: layers + 1 }, (_, layer) => layer);
  const poolings = reference === undefined ? (['mean', 'frames'] as const) : (['mean'] as const);
  return poolings.flatMap((pooling) => depths.map((layer) => ({ layer, pooling })));
}

async function random(config: PretrainConfig, context: ModelContext): Promise<FrozenModel> {
  const { randomKmerBert } = await import('../pretraining/bert-folder.ts');
  return randomKmerBert(fittedTo(config, context), context.seed);
}

export const MODELS: Readonly<Record<string, ModelDefinition>> = Object.fromEntries(
  [
    ...['tiny', 'small'].flatMap(kmerBert),
    ...(Object.keys(BARCODE_TITLES) as (keyof typeof BARCODE_TITLES)[]).flatMap((name) =>
      barcodeEncoder(name, 'small'),
    ),
    kmerComposition(5),
    kmerComposition(6),
    oneHotCnnEncoder,
    placedOneHot,
    columnComponents,
    ...SHIPPED,
  ].map((definition) => [definition.id, definition]),
);
