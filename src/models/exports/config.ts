/**
 * What the `config.json` beside an export says of it, in the words of transformers: how many tokens it reads, whether its head predicts hidden tokens or the
 * next one, how wide and deep it is. All of it may be missing.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Reads } from './settings.ts';

export interface ExportConfig {
  /** Infinite where it doesn't say. */
  readonly maxTokens: number;
  readonly reads?: Reads;
  /** Width of the hidden states and number of blocks, 0 where it doesn't say. */
  readonly width: number;
  readonly blocks: number;
}

type Fields = Readonly<Record<string, unknown>>;

const HEADS: readonly (readonly [Reads, RegExp])[] = [
  ['masked', /ForMaskedLM$/],
  ['causal', /ForCausalLM$|^(OpenAI)?GPT.*LMHeadModel$/],
];
/** Where `architectures` is missing. */
const FAMILIES: readonly (readonly [Reads, RegExp])[] = [
  ['masked', /^(albert|bert|camembert|convbert|deberta|deberta-v2|distilbert|electra|esm|modernbert|mpnet|roberta)$/],
  [
    'causal',
    /^(falcon|gemma\d?|gpt2|gpt_neo|gpt_neox|gptj|llama|mamba2?|mistral|mixtral|openai-gpt|opt|phi\d?|qwen\d?)$/,
  ],
];

/** Empty facts where there is no file. @throws where it is not JSON. */
export async function readExportConfig(path: string): Promise<ExportConfig> {
  let config: Fields = {};
  try {
    if (existsSync(path)) config = (JSON.parse(await readFile(path, 'utf8')) as Fields | null) ?? {};
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
  const number = (...fields: readonly string[]) =>
    fields.map((field) => config[field]).find((value): value is number => typeof value === 'number' && value > 0);
  return {
    maxTokens: number('max_position_embeddings', 'n_positions') ?? Number.POSITIVE_INFINITY,
    reads: readsOf(config),
    width: number('hidden_size', 'n_embd', 'd_model', 'dim') ?? 0,
    blocks: number('num_hidden_layers', 'n_layer', 'n_layers') ?? 0,
  };
}

/** Undefined where nothing says it. */
export function readsOf({ is_decoder: decoder, architectures, model_type: type }: Fields): Reads | undefined {
  if (decoder === true) return 'causal';
  if (Array.isArray(architectures) && architectures.length > 0)
    return HEADS.find(([, pattern]) => architectures.some((name) => pattern.test(String(name))))?.[0];
  return FAMILIES.find(([, pattern]) => pattern.test(String(type)))?.[0];
}
