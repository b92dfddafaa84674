import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { SequenceSet } from '../../src/sequences/sequence-set.ts';

describe('a set of sequences', () => {
  it('agrees with a Set on a hundred thousand sequences, half of them met before', () => {
    const random = createRandom('sequence-set');
    const [ours, theirs] = [new SequenceSet(), new Set<string>()];
    let wrong = 0;
    for (let i = 0; i < 100_000; i++) {
      const sequence = random.integer(70_000).toString(4);
      if (ours.has(sequence) !== theirs.has(sequence)) wrong += 1;
      if (ours.add(sequence) === theirs.has(sequence)) wrong += 1;
      theirs.add(sequence);
    }
    expect(wrong).toBe(0);
    expect(ours.size).toBe(theirs.size);
  });

  it('tells sequences apart that differ in a letter, in case, or in length by one', () => {
    const set = new SequenceSet();
    expect(['', 'A', 'a', 'AA', 'AC', 'CA', 'Ā'].map((sequence) => set.add(sequence))).not.toContain(false);
    expect(set.add('AC')).toBe(false);
    expect(set.has('G')).toBe(false);
    expect(set.size).toBe(7);
  });
});
