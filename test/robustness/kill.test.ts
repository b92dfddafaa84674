import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { killOften } from './kill.ts';

describe('killed at a random moment and started again', () => {
  it.each(['run', 'pretrain', 'embed', 'ensemble'])(
    '%s leaves what an undisturbed run leaves, and nothing else',
    async (command) => {
      const result = await killOften(command, 1, createRandom(`kill test:${command}`));
      expect(result).toMatchObject({ kills: 1, different: 0, lost: 0, mixed: 0, leftOver: [] });
    },
    300_000,
  );
});
