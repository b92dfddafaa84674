/**
 * Ways to run any model, written behind its name: `+rc` (the mean over both strands), `+w510` (in windows of 510 letters), `+w510s255` (windows begun
 * every 255 letters), `+float16` (weights and products in half precision, on a GPU), `+random` (the control: weights drawn from the architecture's own
 * initialisation, other ones for each seed). They are part of the model's id and options, so results of the same model run in two ways stand beside each other.
 */
import type { Encoder, FrozenModel, ModelContext, ModelDefinition } from '../models/model.ts';
import type { Device } from '../runtime/device.ts';
import type { Windows } from './windows.ts';

/** Plain JSON. What is absent is as the model does it by itself. */
export interface Variant {
  readonly windows?: Windows;
  /** `average`: the mean of the vectors of a sequence and of its reverse complement. */
  readonly strands?: 'average';
  readonly precision?: 'float16';
  /** `random`: the architecture's own initialisation in place of the checkpoint. */
  readonly weights?: 'random';
}

const WORDS = /^(.+?)((?:\+(?:rc|random|float16|w[1-9]\d*(?:s[1-9]\d*)?))+)$/;

/** `name+w510+rc` -> `name` and what stands behind it; no variant where nothing does, or one word twice. */
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

/** What stands behind a model's name: one spelling for one variant. */
export function variantSuffix({ windows, strands, precision, weights }: Variant): string {
  const stride = windows && windows.stride !== windows.window ? `s${windows.stride}` : '';
  const words = [weights, windows && `w${windows.window}${stride}`, strands && 'rc', precision];
  return words.flatMap((word) => (word ? [`+${word}`] : [])).join('');
}

/**
 * The model run that way: id, title and options say so; with random weights it is a control, stochastic. Throws for windows that would pass over letters, and
 * for random weights of a model that has none.
 */
export function variantOf(definition: ModelDefinition, variant: Variant): ModelDefinition {
  const { windows, strands, precision, weights } = variant;
  if (windows && windows.stride > windows.window)
    throw new Error(
      `windows of ${windows.window} nucleotides begun every ${windows.stride} would pass over letters; use a stride of at most ${windows.window}`,
    );
  if (weights && !definition.control)
    throw new Error(
      '+random draws the weights of a known architecture anew, and this model has none; it takes a checkpoint with its config.json, or a plugin with `control`, not an .onnx file, precomputed embeddings or a control',
    );
  // The model that this one is the control of, run in the same way.
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

/** What random weights make of a model. */
const RANDOM = {
  description: 'the architecture with weights drawn from its own initialisation, other ones for each seed',
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
  // Weights alone leave it a graph, which can be tuned.
  if (!windows && !strands && !precision) return load(context);
  const { encoderOf } = await import('./extract.ts');
  // A model that makes room for the longest sequence is to make room for a window.
  const longestSequence = Math.min(context.longestSequence, windows?.window ?? Number.POSITIVE_INFINITY);
  const loaded: FrozenModel | Encoder = await load({
    ...context,
    longestSequence,
    // Weights in half precision are made from those in memory.
    ...(precision ? { mapWeights: false } : {}),
  });
  const plain = encoderOf(loaded, { device: context.device as Device, threads: context.threads }, { precision });
  try {
    const inWindows = windows ? (await import('./windows.ts')).windowed(plain, windows) : plain;
    // Strands outside windows: the other strand's windows begin at its own first letter, so neither strand is preferred.
    return strands ? (await import('./strands.ts')).bothStrands(inWindows) : inWindows;
  } catch (error) {
    await plain.dispose();
    throw error;
  }
}
