/**
 * Variants of a model, as suffixes of its name: `+rc` (the mean over both strands), `+w510` (in
 * windows of 510 letters), `+w510s255` (windows that start every 255 letters), `+float16` (weights
 * and products in half precision, on a GPU), `+random` (the control: weights drawn from the
 * architecture's initialisation, different for each seed). The variant is part of the model's id
 * and options, so results of several variants of a model can be compared.
 */
import type { Encoder, FrozenModel, ModelContext, ModelDefinition } from '../models/model.ts';
import type { Device } from '../runtime/device.ts';
import type { Windows } from './windows.ts';

/** Plain JSON. A missing field means the model's default. */
export interface Variant {
  readonly windows?: Windows;
  /** `average`: the mean of the vectors of a sequence and of its reverse complement. */
  readonly strands?: 'average';
  readonly precision?: 'float16';
  /** `random`: the architecture's initialisation instead of the checkpoint. */
  readonly weights?: 'random';
}

const WORDS = /^(.+?)((?:\+(?:rc|random|float16|w[1-9]\d*(?:s[1-9]\d*)?))+)$/;

/**
 * Splits `name+w510+rc` into `name` and its variant; no variant when there is no suffix or one is
 * repeated.
 */
export function splitVariant(spec: string): { readonly base: string; readonly variant?: Variant } {
  const [, base, suffix] = WORDS.exec(spec) ?? [];
  if (base === undefined) return { base: spec };
  const words = suffix.slice(1).split('+');
  const kinds = new Set(words.map((word) => (word.startsWith('w') ? 'w' : word)));
  if (kinds.size < words.length) return { base: spec };
  const sizes = words.find((word) => word.startsWith('w'))?.match(/\d+/g);
  const [window, stride = window] = sizes?.map(Number) ?? [];
  return {
    base,
    variant: {
      ...(sizes ? { windows: { window, stride } } : {}),
      ...(words.includes('rc') ? { strands: 'average' as const } : {}),
      ...(words.includes('float16') ? { precision: 'float16' as const } : {}),
      ...(words.includes('random') ? { weights: 'random' as const } : {}),
    },
  };
}

/** The suffixes of a variant, in canonical order. */
export function variantSuffix({ windows, strands, precision, weights }: Variant): string {
  const stride = windows && windows.stride !== windows.window ? `s${windows.stride}` : '';
  const words = [weights, windows && `w${windows.window}${stride}`, strands && 'rc', precision];
  return words.flatMap((word) => (word ? [`+${word}`] : [])).join('');
}

/**
 * The model with the variant in id, title and options; with random weights it is a stochastic
 * control. Throws for windows that would skip letters, and for random weights of a model without a
 * known architecture.
 */
export function variantOf(definition: ModelDefinition, variant: Variant): ModelDefinition {
  const { windows, strands, precision, weights } = variant;
  if (windows && windows.stride > windows.window)
    throw new Error(
      `windows of ${windows.window} nucleotides that start every ${windows.stride} would skip letters; use a stride of at most ${windows.window}`,
    );
  if (weights && !definition.control)
    throw new Error(
      '+random needs a model of a known architecture: a checkpoint with its config.json, or a plugin with `control`, not an .onnx file, precomputed embeddings or a control',
    );
  // The model that this one is the control of, in the same variant.
  const controlOf = `${definition.id}${variantSuffix({ ...variant, weights: undefined })}`;
  const overlap = windows && windows.stride < windows.window ? ` begun every ${windows.stride}` : '';
  const ways = [
    weights && 'random weights',
    windows && `windows of ${windows.window} nt${overlap}`,
    strands && 'both strands',
    precision,
  ];
  return {
    ...definition,
    ...(weights ? RANDOM : {}),
    id: `${definition.id}${variantSuffix(variant)}`,
    title: [definition.title, ...ways].filter(Boolean).join(', '),
    options: { ...definition.options, variant, ...(weights ? { controlOf } : {}) },
    maxLength: windows ? undefined : definition.maxLength,
    load: (context) => loadVariant(definition, variant, context),
  };
}

/** Fields of the definition that change with random weights. */
const RANDOM = {
  description: 'the architecture with weights drawn from its initialisation, different for each seed',
  kind: 'control',
  licence: 'none: no weights',
  stochastic: true,
  control: undefined,
} as const;

async function loadVariant(
  definition: ModelDefinition,
  { windows, strands, precision, weights }: Variant,
  context: ModelContext,
): Promise<FrozenModel | Encoder> {
  const load = weights && definition.control ? definition.control : definition.load;
  // With random weights the model is still a graph, so it can be fine-tuned.
  if (!windows && !strands && !precision) return load(context);
  const { encoderOf } = await import('./extract.ts');
  // A model that allocates memory for the longest sequence only needs room for a window.
  const longestSequence = Math.min(context.longestSequence, windows?.window ?? Number.POSITIVE_INFINITY);
  const loaded: FrozenModel | Encoder = await load({
    ...context,
    longestSequence,
    // Weights in half precision are converted from those in memory.
    ...(precision ? { mapWeights: false } : {}),
  });
  const plain = encoderOf(loaded, { device: context.device as Device, threads: context.threads }, { precision });
  try {
    const inWindows = windows ? (await import('./windows.ts')).windowed(plain, windows) : plain;
    // Strands outside windows: the windows of the other strand start at its own first letter, so
    // both strands are treated equally.
    return strands ? (await import('./strands.ts')).bothStrands(inWindows) : inWindows;
  } catch (error) {
    await plain.dispose();
    throw error;
  }
}
