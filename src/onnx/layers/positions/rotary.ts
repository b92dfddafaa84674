/**
 * Rotary position embedding (Su et al. 2021) in the rotate-half convention of ESM-2, GPT-NeoX, Llama and ModernBERT: entries i and i + w/2 of a head are one
 * plane, turned at position t by the angle t theta^(-2i/w). Not the interleaved convention of GPT-J (planes 2i, 2i + 1). The angles are computed at run time in
 * float32, as the reference implementations do, so nothing bounds the length.
 *
 *     const turn = rotaryTables(ids, rotaryFrequencies(width));          // once per graph and theta
 *     attention(q, k, v, mode, { heads, rotate: (x) => rotary(x, turn) });
 */
import { GraphError, type Tensor } from '../../graph.ts';
import * as op from '../../operators/functions.ts';
import { lastAxis } from '../../shapes.ts';
import { tokenPositions } from './learned.ts';

/** What `rotary` multiplies with. Both float32 [t, w], the sine of the first half negated. */
export interface RotaryTables {
  readonly cosine: Tensor;
  readonly sine: Tensor;
}

/**
 * Radians per token of each plane: theta^(-2i/w), i = 0..w/2-1. `width` w is that part of a head which is turned: all of it, or the first
 * `rotary_pct` of it (GPT-NeoX). Scaled variants divide what this gives.
 */
export function rotaryFrequencies(width: number, theta = 10000): number[] {
  if (!Number.isInteger(width) || width < 2 || width % 2 !== 0)
    throw new GraphError(`rotary positions turn pairs of entries: the width must be even and positive, not ${width}`);
  return Array.from({ length: width / 2 }, (_, i) => theta ** ((-2 * i) / width));
}

/** Cosines and sines of the positions 0..t-1 of x [b, t, ...] (the token ids, say). t may be a symbol. */
export function rotaryTables(x: Tensor, frequencies: readonly number[]): RotaryTables {
  const graph = x.graph;
  const positions = op.cast(op.unsqueeze(tokenPositions(x), [1]), 'float32'); // [t, 1]
  const angles = op.multiply(positions, graph.constant(Float32Array.from(frequencies), [1, frequencies.length])); // [t, w/2]
  const [cosine, sine] = [op.cos(angles), op.sin(angles)];
  return { cosine: op.concat([cosine, cosine], 1), sine: op.concat([op.negate(sine), sine], 1) };
}

/** Turns each head's first w entries, w being the tables' width; the rest passes. x [b, h, t, d] with d >= w -> the same shape. */
export function rotary(x: Tensor, { cosine, sine }: RotaryTables): Tensor {
  const width = lastAxis(cosine, 'rotary');
  const head = lastAxis(x, 'rotary');
  if (width > head) throw new GraphError(`rotary: tables of width ${width} can't turn heads of width ${head}`);
  const half = width / 2;
  const parts = op.split(x, x.rank - 1, width === head ? [half, half] : [half, half, head - width]);
  const [first, second, ...rest] = parts;
  const turned = width === head ? x : op.concat([first, second], x.rank - 1); // [b, h, t, w]
  const swapped = op.concat([second, first], x.rank - 1);
  const like = (table: Tensor) => op.cast(table, x.dtype);
  const y = op.add(op.multiply(turned, like(cosine)), op.multiply(swapped, like(sine)));
  return op.concat([y, ...rest], x.rank - 1);
}
