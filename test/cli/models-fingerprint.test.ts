import { describe, expect, it } from 'vitest';
import {
  compareFingerprints,
  fingerprintOf,
  fixedSequences,
  parseFingerprint,
  readSequences,
  TOLERANCE,
} from '../../src/cli/models/fingerprint.ts';
import { sha256 } from '../../src/core/files.ts';
import type { Matrix } from '../../src/core/matrix.ts';
import { createRandom } from '../../src/core/random.ts';

const FACTS = { model: 'm', weights: 'w', tokens: fixedSequences().map((_, i) => (i < 6 ? i + 3 : null)) };

/** Three layers of six vectors; layer 1 moved by `moved` of its vectors' length, in a random direction. */
function matrices(moved = 0): Matrix[] {
  const random = createRandom('fingerprint-test');
  const [rows, columns] = [6, 64];
  return [0, 1, 2].map((layer) => {
    const values = Float32Array.from({ length: rows * columns }, () => random.normal() * 10 ** layer);
    const noise = createRandom(`noise:${layer}`);
    if (layer === 1) for (let i = 0; i < values.length; i++) values[i] += moved * 10 * noise.normal();
    return { rows, columns, values };
  });
}

describe('the fixed sequences', () => {
  it('are these for all time: mixed lengths, lower case, N', () => {
    const texts = fixedSequences();
    expect(sha256(texts.join('\n'))).toBe('bd18734debb34036d1ba0ad211fc98f3fa843560a6241ede587e305d2681f876');
    expect(texts.map(({ length }) => length)).toEqual([
      8, 12, 24, 37, 48, 60, 64, 97, 128, 150, 201, 256, 333, 400, 498, 512,
    ]);
    expect(texts.filter((text) => /[acgt]/.test(text))).not.toHaveLength(0);
    expect(texts.filter((text) => /N/.test(text))).not.toHaveLength(0);
    expect(readSequences()).toEqual(texts.map((text) => text.toUpperCase()));
  });
});

describe('comparing', () => {
  const stored = parseFingerprint(JSON.stringify(fingerprintOf(FACTS, matrices())), 'f.json');
  const compared = (moved: number) => compareFingerprints(fingerprintOf(FACTS, matrices(moved)), stored);

  it('finds the same model the same', () => {
    expect(compared(0)).toMatchObject({ same: true, sameWeights: true, reason: undefined });
  });

  it.each([1e-5, 1e-3, 0.1])('estimates that a layer moved by %d of its length', (moved) => {
    const { same, reason, layers } = compared(moved);
    expect(layers[1].difference / moved).toBeGreaterThan(0.5);
    expect(layers[1].difference / moved).toBeLessThan(3);
    expect([layers[0].difference, layers[2].difference]).toEqual([0, 0]);
    expect(same).toBe(moved < TOLERANCE);
    if (!same)
      expect(reason).toMatch(/^layer 1 differs: by .* of its vectors' norm at fixed sequence \d; 0\.0001 is allowed$/);
  });

  it('tells other weights that give the same vectors', () => {
    const other = fingerprintOf({ ...FACTS, weights: 'converted' }, matrices());
    expect(compareFingerprints(other, stored)).toMatchObject({ same: true, sameWeights: false });
  });

  it('tells another tokenizer, another depth and another width apart from other weights', () => {
    const tokens = [...FACTS.tokens];
    tokens[2] = 40;
    const because = (now: typeof stored) => compareFingerprints(now, stored).reason;
    expect(because(fingerprintOf({ ...FACTS, tokens }, matrices()))).toBe(
      'the tokenizer differs: fixed sequence 3 makes 40 tokens, it made 5 tokens',
    );
    expect(because(fingerprintOf(FACTS, matrices().slice(1)))).toMatch(/layers 0 to 1, the fingerprint 0 to 2/);
    const narrow = matrices().map(({ rows, values }) => ({ rows, columns: 32, values }));
    expect(because(fingerprintOf(FACTS, narrow))).toMatch(/vectors have 32 values, the fingerprint's had 64/);
  });

  it('does not call a layer of zeros, or of no numbers, the same as another', () => {
    const zero = matrices().map(({ values, ...shape }) => ({ ...shape, values: values.map(() => 0) }));
    const flat = fingerprintOf(FACTS, zero);
    expect(compareFingerprints(flat, flat).same).toBe(true);
    expect(compareFingerprints(fingerprintOf(FACTS, matrices()), flat).same).toBe(false);
    const lost = matrices();
    lost[2].values[0] = Number.NaN;
    expect(compareFingerprints(fingerprintOf(FACTS, lost), stored)).toMatchObject({ same: false });
  });

  it('refuses a fingerprint of other sequences, and files that are none', () => {
    expect(() => compareFingerprints(stored, { ...stored, sequences: 'others' })).toThrow(/is of other sequences/);
    expect(() => parseFingerprint('{', 'f.json')).toThrow(/f\.json: not valid JSON/);
    for (const damage of [
      { format: 'x' },
      { layers: [] },
      { layers: [{ norms: [1], projections: [[1]] }] },
      { dimension: 'x' },
    ])
      expect(() => parseFingerprint(JSON.stringify({ ...stored, ...damage }), 'f.json')).toThrow(
        /is not a fingerprint/,
      );
    expect(() => parseFingerprint('null', 'f.json')).toThrow(/is not a fingerprint/);
  });
});
