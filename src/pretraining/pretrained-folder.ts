/**
 * The output folder of pre-training, in Hugging Face's layout: `config.json` and
 * `model.safetensors` that transformers loads unchanged, our `kmer_tokenizer.json` or a
 * `tokenizer.json`, and `training.json` with all settings. The encoder of BarcodeMAE is a bare
 * `BertModel`; its decoder, which evaluation does not use, is in `decoder.safetensors`.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../core/files.ts';
import { unflatten } from '../onnx/flat-parameters.ts';
import { writeSafetensors } from '../runtime/arrays/safetensors.ts';
import type { TrainedNetwork } from '../runtime/training/train.ts';
import { ENCODER_PREFIX } from './barcode-mae.ts';
import { bertClassOf, bertConfigOf, type PretrainConfig } from './presets.ts';
import type { TrainingTokenizer } from './training-tokenizers.ts';

/** Name prefixes of the encoder's parameters: all except heads, projections and decoders. */
const isEncoder = (name: string) => name.startsWith('bert.') || name.startsWith(ENCODER_PREFIX);

/** Weights of the encoder alone. */
export function encoderSize({ layout }: TrainedNetwork): number {
  const { names, sizes } = layout.parameters;
  return names.reduce((sum, name, i) => sum + (isEncoder(name) ? sizes[i] : 0), 0);
}

/** Writes the folder; `config.json` last, since a folder with a config is a finished model. */
export async function savePretrained(
  folder: string,
  tokenizer: TrainingTokenizer,
  { state, layout }: TrainedNetwork,
  config: PretrainConfig,
  training: object,
): Promise<void> {
  const { names, shapes } = layout.parameters;
  const values = unflatten(state.parameters, layout.parameters);
  const tensors = names.map((name, i) => ({ name, shape: shapes[i], data: values.get(name) as Float32Array }));
  const isMae = config.objective.startsWith('mae');
  const stays = (name: string) => !isMae || isEncoder(name);
  const write = (file: string, wanted: typeof tensors) =>
    writeSafetensors(
      join(folder, file),
      new Map(wanted.map(({ name, shape, data }) => [isMae ? name.replace(/^encoder\./, '') : name, { shape, data }])),
      { format: 'pt' },
    );
  await write(
    'model.safetensors',
    tensors.filter(({ name }) => stays(name)),
  );
  if (isMae)
    await write(
      'decoder.safetensors',
      tensors.filter(({ name }) => !stays(name)),
    );
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  await tokenizer.saveTo(folder);
  await writeFileAtomic(join(folder, 'training.json'), text(training));
  await writeFileAtomic(join(folder, 'config.json'), text(hubConfig(config, tokenizer)));
}

/** `config.json` as transformers reads it. */
function hubConfig(config: PretrainConfig, tokenizer: TrainingTokenizer): Record<string, unknown> {
  const { objective } = config;
  const architecture = bertClassOf(objective);
  return {
    architectures: [architecture],
    model_type: 'bert',
    hidden_act: 'gelu',
    ...bertConfigOf(config, tokenizer),
    position_embedding_type: 'absolute',
    pad_token_id: tokenizer.vocabulary.paddingId,
    ...(objective === 'masked-lm' ? { tie_word_embeddings: true } : {}),
    ...(architecture === 'BertForTokenClassification' ? { num_labels: tokenizer.vocabulary.classes } : {}),
    ...(objective === 'causal' ? { is_decoder: true } : {}),
  };
}
