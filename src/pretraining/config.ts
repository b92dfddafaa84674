/**
 * Checks a pre-training set-up before anything runs: first the range of each field, then the
 * relations between fields. A field that the objective does not use is an error.
 */
import { z } from 'zod';
import { didYouMean } from '../sequences/sequence-error.ts';
import { OBJECTIVES } from './masking.ts';
import { PRESETS, type PretrainConfig } from './presets.ts';

const whole = z.int().min(1);
const share = z.number().min(0).max(1);

const FIELDS = {
  objective: z.enum(OBJECTIVES),
  k: z.int().min(1).max(12),
  stride: whole.optional(),
  length: whole,
  reference: z
    .string()
    .regex(/^(consensus|[ACGTN]{12,})$/, { error: "must be 'consensus', or at least 12 letters A, C, G, T, N" })
    .optional(),
  hidden: whole,
  layers: whole,
  heads: whole,
  feedForward: whole,
  dropout: share.lt(1),
  decoderLayers: whole.optional(),
  decoderHidden: whole.optional(),
  decoderHeads: whole.optional(),
  maskRate: z.number().gt(0).lt(1),
  maskedShare: share,
  randomShare: share,
  maskedWeight: share,
  batchSize: whole,
  learningRate: z.number().positive(),
  weightDecay: z.number().min(0),
  schedule: z.enum(['cosine', 'oneCycle']),
  warmUp: share.lt(1),
  maxGradientNorm: z.number().positive(),
  epochs: whole,
  maxTokens: whole,
} as const satisfies Record<keyof PretrainConfig, z.ZodType>;

export const PRETRAIN_FIELDS = Object.keys(FIELDS) as (keyof PretrainConfig)[];
const DECODER_FIELDS = ['decoderLayers', 'decoderHidden', 'decoderHeads'] as const;
/** Fields that only k-mers use. */
const KMER_FIELDS = ['stride', 'reference'] as const;
const schema = z.strictObject(FIELDS);
const partial = schema.partial().extend({ preset: z.string().optional() });

const hasDecoder = ({ objective }: Pick<PretrainConfig, 'objective'>) => objective.startsWith('mae');

/** A field, and what is wrong with it given the other fields, or undefined. */
type Rule = readonly [field: keyof PretrainConfig, problem: (config: PretrainConfig) => string | undefined];

const RULES: readonly Rule[] = [
  ['stride', ({ stride = 1, k }) => (stride > k ? `is ${stride}, which skips letters: at most k = ${k}` : undefined)],
  ['length', ({ length, k }) => (length < k ? `is ${length}, less than one k-mer of k = ${k}` : undefined)],
  ['heads', ({ heads, hidden }) => undivided(heads, hidden, 'hidden')],
  ...DECODER_FIELDS.map(
    (field): Rule => [
      field,
      (config) =>
        config[field] !== undefined && !hasDecoder(config)
          ? `is given, but objective '${config.objective}' has no decoder; leave it out, or set objective to mae-v2`
          : undefined,
    ],
  ),
  [
    'decoderHeads',
    (config) => {
      const { heads, hidden, decoderHeads = heads, decoderHidden = hidden } = config;
      return hasDecoder(config) ? undivided(decoderHeads, decoderHidden, 'the width of the decoder') : undefined;
    },
  ],
  [
    'decoderHidden',
    ({ objective, hidden, decoderHidden = hidden }) =>
      objective === 'mae-v1' && decoderHidden !== hidden
        ? `is ${decoderHidden} and hidden is ${hidden}; mae-v1 has no projection between them: make them equal`
        : undefined,
  ],
  [
    'randomShare',
    ({ maskedShare, randomShare }) =>
      maskedShare + randomShare > 1 + 1e-9
        ? `and maskedShare sum to ${maskedShare + randomShare}; at most 1, the rest stays as it is`
        : undefined,
  ],
  [
    'maskedWeight',
    ({ objective, maskedWeight }) =>
      objective === 'causal' && maskedWeight !== 1
        ? `is ${maskedWeight}, but objective 'causal' masks no tokens; leave it at 1`
        : undefined,
  ],
];

function undivided(heads: number, width: number, what: string): string | undefined {
  return width % heads === 0
    ? undefined
    : `is ${heads}, which does not divide ${what} (${width}); every head needs the same width`;
}

/**
 * Throws, with the name of the field, for a set-up that cannot run or has a field that would be
 * ignored. `kmers` false: tokens are those of a tokenizer.json, and k is only the upper bound of
 * the random offset.
 */
export function checkPretrainConfig(config: PretrainConfig, { kmers = true }: { readonly kmers?: boolean } = {}): void {
  const { success, error } = schema.safeParse(config);
  if (!success) throw new Error(`pre-training set-up: ${wordsOf(error.issues[0], config)}`);
  for (const [field, problem] of RULES) {
    const found = problem(config);
    if (found !== undefined) throw new Error(`pre-training set-up: ${field} ${found}`);
  }
  const unread = kmers ? undefined : KMER_FIELDS.find((field) => config[field] !== undefined);
  if (unread)
    throw new Error(`pre-training set-up: ${unread} is given, but tokens are those of a tokenizer.json; leave it out`);
}

/**
 * A set-up from user input: some fields that replace those of a preset (`preset`, default the
 * first). `objective`, if given, is set before both. Decoder fields that only the preset has are
 * dropped when the objective has no decoder.
 * @throws with the name of the field, and a suggestion for an unknown name.
 */
export function pretrainConfigFrom(written: unknown, objective?: string): PretrainConfig {
  const { success, data, error } = partial.safeParse(written);
  if (!success) throw new Error(wordsOf(error.issues[0], written));
  const names = Object.keys(PRESETS);
  const { preset = names[0], ...fields } = data;
  if (!Object.hasOwn(PRESETS, preset))
    throw new Error(`preset '${preset}' is not known${didYouMean(preset, names)}; one of ${names.join(', ')}`);
  if (objective !== undefined && !(OBJECTIVES as readonly string[]).includes(objective))
    throw new Error(
      `objective '${objective}' is not known${didYouMean(objective, OBJECTIVES)}; one of ${OBJECTIVES.join(', ')}`,
    );
  const own = { ...fields, ...(objective === undefined ? {} : { objective }) } as Partial<PretrainConfig>;
  const all: PretrainConfig = { ...PRESETS[preset], ...own };
  const unread = hasDecoder(all) ? [] : DECODER_FIELDS.filter((field) => own[field] === undefined);
  const config = Object.fromEntries(
    Object.entries(all).filter(([field]) => !(unread as readonly string[]).includes(field)),
  ) as unknown as PretrainConfig;
  checkPretrainConfig(config);
  return config;
}

/** Message for one problem: the field, what is wrong, and a suggestion for an unknown name. */
function wordsOf(issue: z.core.$ZodIssue, written: unknown): string {
  if (issue.code === 'unrecognized_keys') {
    const [name] = issue.keys;
    return `there is no field '${name}'${didYouMean(name, ['preset', ...PRETRAIN_FIELDS])}`;
  }
  const [field] = issue.path;
  if (field === undefined) return 'give a JSON object of fields';
  const value = (written as Record<PropertyKey, unknown>)[field];
  if (value === undefined) return `${String(field)} is missing`;
  const meant =
    issue.code === 'invalid_value' && typeof value === 'string' ? didYouMean(value, issue.values.map(String)) : '';
  return `${String(field)} is ${JSON.stringify(value)}${meant}: ${issue.message}`;
}
