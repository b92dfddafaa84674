/**
 * The head of an export that is run as it is: which of its outputs are logits over the tokenizer's vocabulary, and what they are at chosen tokens. Logits of whole
 * batches are computed, and the rows asked for taken out here: the file may have any operator.
 */

import type { TensorValue } from '../../runtime/session.ts';
import type { Feeds } from '../../runtime/training/network.ts';
import type { Company, ExportedModel, OnnxSource } from '../model.ts';
import type { ModelTokenizer, TokenBatch } from '../tokenizers/tokenizers.ts';
import type { ExportConfig } from './config.ts';

export interface ExportParts {
  readonly label: string;
  readonly card: ExportedModel['card'];
  readonly limits: ExportedModel['limits'];
  readonly parameterCount: ExportedModel['parameterCount'];
  readonly config: ExportConfig;
  readonly reads: ExportedModel['reads'];
  readonly tokenizer: ModelTokenizer;
  readonly tokenLetters: ExportedModel['tokenLetters'];
  readonly company: Company;
  readonly file: OnnxSource;
  /** Columns of the logits, or why there are none. */
  readonly columns: number | string;
  run(batch: TokenBatch, outputs: readonly string[]): Promise<Readonly<Record<string, TensorValue>>>;
}

/** Columns of what an output called logits gave for one sequence; why it can't be logits over a vocabulary. */
export function logitsColumns(
  { dims, type }: Pick<TensorValue, 'dims' | 'type'>,
  tokens: number,
  { vocabularySize }: Pick<ModelTokenizer, 'vocabularySize'>,
): number | string {
  if (dims.length !== 3 || dims[0] !== 1 || dims[1] !== tokens || type !== 'float32')
    return `its logits are ${type} [${dims.join(', ')}] for ${tokens} tokens of one sequence, not [1, ${tokens}, vocabulary]`;
  if (dims[2] < vocabularySize)
    return `its logits tell ${dims[2]} classes, and the tokenizer has ${vocabularySize} tokens: no head that predicts tokens`;
  return dims[2];
}

export function exportedModel(parts: ExportParts): ExportedModel {
  const { label, card, limits, parameterCount, config, reads, tokenizer, tokenLetters, company, file, columns, run } =
    parts;
  const unknown =
    'config.json does not say whether its logits tell hidden tokens or the next one: put "reads": "masked" or "causal" in glm.json';
  return {
    ...{ label, card, limits, parameterCount, reads, tokenLetters, company, file },
    dimension: config.width,
    layers: config.blocks,
    vocabularySize: typeof columns === 'number' ? columns : undefined,
    refusal: typeof columns === 'string' ? columns : reads === undefined ? unknown : undefined,
    coverage: tokenizer.coverage,
    unknown: tokenizer.unknown,
    maskId: tokenizer.maskId,
    frames: tokenizer.frames,
    tokens: (sequence) => tokenizer.tokens(sequence),
    encode(sequences) {
      const { ids, mask, tokens } = tokenizer.encode(sequences);
      const dims = [sequences.length, tokens];
      return { ids: { type: 'int64', data: ids, dims }, mask: { type: 'int64', data: mask, dims } };
    },
    async logitsAt(feeds, places) {
      const { logits = '' } = file;
      const states = await run(batchOf(feeds), [logits]);
      const { data, dims } = states[logits];
      const width = dims[dims.length - 1];
      const rows = new Float32Array(places.length * width);
      places.forEach((place, i) => {
        rows.set((data as Float32Array).subarray(Number(place) * width, (Number(place) + 1) * width), i * width);
      });
      return rows; // [places, vocabulary]
    },
  };
}

function batchOf({ ids, mask }: Feeds): TokenBatch {
  return { ids: ids.data as BigInt64Array, mask: mask.data as BigInt64Array, tokens: ids.dims[1] };
}
