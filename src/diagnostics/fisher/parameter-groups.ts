/**
 * Assigns a parameter to a part of its model by name: the word embeddings, the rest of the
 * embedding layer, each block (and in it attention, MLP, normalisation, or a mixer in place of
 * attention), what follows the blocks, and the head. The paper (arXiv 2604.04287) has three parts:
 * everything called "embeddings", `encoder.i`, and "cls"; {@link sectionOf} maps the finer groups
 * to these.
 */

export type BlockPart = 'attention' | 'mixer' | 'MLP' | 'normalisation' | 'other';

export interface ParameterGroup {
  /** `word embeddings`, `other embeddings`, `embedding normalisation`, `block 0` ..., `final normalisation`, `head`, `other`. */
  readonly group: string;
  /** Inside blocks. */
  readonly part?: BlockPart;
}

export type Section = 'embeddings' | 'blocks' | 'head';

export const WORD_EMBEDDINGS = 'word embeddings';
const HEAD = 'head';

/**
 * `encoder.layer.3.`, `h.3.`, `layers.3.`, `encoder.3.`, and the scopes of exports:
 * `/encoder/layer.3/`. The first number is the block.
 */
const BLOCK = /(?:^|[./])(?:layers?|blocks?|h|encoder|decoder)[./](\d+)(?=[./])/;
const NORMALISATION = /norm|(?:^|[._/])ln(?:_|\d|[./])/i;
const EMBEDDING = /embed|(?:^|[./])w[pt]e[./]|word_vectors|position|token_type/i;
/** Heads of exports, which are known by name only. */
const HEAD_NAMES = /(?:^|[./])(?:cls|lm_head|predictions|embed_out|head|decoder|classifier|vocab_\w+)[./]/;

/** In the order of matching: the normalisation of an attention is a normalisation. */
const PARTS: readonly (readonly [BlockPart, RegExp])[] = [
  ['normalisation', NORMALISATION],
  ['attention', /attn|attention/i],
  ['mixer', /mixer|conv|mamba|hyena/i],
  ['MLP', /mlp|ffn|feed_?forward|intermediate|(?:^|[._/])fc\d*[./]|output[./]dense/i],
];

/**
 * The group of a parameter. `wordTable`: the name of the word embeddings. `inHead`: whether the
 * head declares the parameter, when the graph knows; otherwise the name decides.
 */
export function parameterGroup(name: string, wordTable?: string, inHead?: boolean): ParameterGroup {
  if (name === wordTable) return { group: WORD_EMBEDDINGS };
  if (inHead) return { group: HEAD };
  const block = BLOCK.exec(name);
  if (block) {
    const part = PARTS.find(([, pattern]) => pattern.test(name.slice(block.index)))?.[0] ?? 'other';
    return { group: `block ${block[1]}`, part };
  }
  if (inHead === undefined && HEAD_NAMES.test(name)) return { group: HEAD };
  if (NORMALISATION.test(name))
    return { group: EMBEDDING.test(name) ? 'embedding normalisation' : 'final normalisation' };
  return { group: EMBEDDING.test(name) ? 'other embeddings' : 'other' };
}

/**
 * The paper's coarse part of a group. What follows the blocks counts as head; undefined for
 * `other`.
 */
export function sectionOf(group: string): Section | undefined {
  if (group.startsWith('block ')) return 'blocks';
  if (group.includes('embedding')) return 'embeddings';
  return group === HEAD || group === 'final normalisation' ? 'head' : undefined;
}
