/**
 * The one-hot CNN of the barcode papers' protocols as an encoder: trained on the labels of the
 * task's training rows, frozen, and probed like the language models. Unlike them it has seen
 * labels; its title states this.
 */
import { keyOf } from '../../core/key.ts';
import { parseDevice } from '../../runtime/device.ts';
import type { Encoder, ModelContext, ModelDefinition } from '../model.ts';
import { trainOnce } from '../train-once.ts';
import type { CnnEncoderOptions } from './labelled-cnn.ts';

/** As published (BarcodeBERT, baselines/cnn/cnn_utils.py and 1D_CNN_supervised.py). */
export const CNN_ENCODER_DEFAULTS: CnnEncoderOptions = {
  widths: [64, 32, 16],
  hidden: 500,
  length: 660,
  learningRate: 1e-3,
  batchSize: 128,
  epochs: 20,
};

/**
 * Trains in the cache folder, or loads the weights from it, under a key of everything that
 * determines the weights. When several processes need the same weights, one trains and the others
 * wait. `context.effort` scales the epochs. Throws when the task's training rows have no labels.
 */
export async function loadCnnEncoder(options: CnnEncoderOptions, context: ModelContext): Promise<Encoder> {
  const { supervised } = context;
  if (!supervised)
    throw new Error(
      'one-hot-barcode-cnn-encoder is trained with labels, and the training rows of this task have none that name a class. ' +
        'Leave it out here.',
    );
  const { barcodeCnnEncoder, readBarcodeCnn, saveBarcodeCnn, trainBarcodeCnn } = await import('./labelled-cnn.ts');
  const device = parseDevice(context.device);
  if (device === 'auto') throw new Error('The one-hot CNN encoder needs a device by name; resolve "auto" first.');
  const compute = { device, threads: context.threads };
  const recipe = { ...options, epochs: Math.max(1, Math.round(options.epochs * context.effort)) };
  const labelled = supervised.hash;
  const key = keyOf('supervisedEncoder', { recipe, seed: context.seed, labelled, computation: context.codeHash });
  const progress: ModelContext['progress'] = (fraction, message) =>
    context.progress(fraction, `training with labels: ${message}`);
  return trainOnce({
    cacheFolder: context.cacheFolder,
    name: `cnn-${key.slice(0, 24)}`,
    train: async (folder) =>
      saveBarcodeCnn(folder, await trainBarcodeCnn(supervised, recipe, { ...compute, seed: context.seed, progress })),
    load: async (folder) => barcodeCnnEncoder(await readBarcodeCnn(folder), recipe, compute),
    onWait: () => context.progress(0, 'training with labels: waiting for another process that trains the same encoder'),
  });
}

export const oneHotCnnEncoder: ModelDefinition = {
  id: 'one-hot-barcode-cnn-encoder',
  title: 'One-hot CNN encoder (BarcodeBERT), trained with labels',
  description:
    "The barcode papers' one-hot CNN, trained on the labels (species where known) of the task's training rows, then frozen; its 500 features " +
    'before the tanh. Uses labels, unlike the other encoders. Letters after the 660th are cut off, as in the papers.',
  kind: 'model',
  family: 'one-hot',
  citation: 'Millan Arias et al. 2026, Bioinformatics Advances vbag054, arXiv:2311.02401 (baselines/cnn/cnn_utils.py)',
  licence: 'MIT',
  version: '1',
  stochastic: true,
  options: { ...CNN_ENCODER_DEFAULTS },
  representations: () => [{ layer: 0, pooling: 'mean' }],
  load: (context) => loadCnnEncoder(CNN_ENCODER_DEFAULTS, context),
};
