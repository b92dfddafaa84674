/** Seeded damage to real files: whatever comes out is an error in words or tensors of the shapes they claim, and never much memory. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { openCheckpoint } from '../../../src/models/checkpoints/checkpoint.ts';
import { countingAllocations, GOLDENS } from './hostile.ts';

const ROUNDS = 120;
/** The table of the 65,536 half-precision values, made once. */
const HALF_TABLE = 4 * 65_536;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

type Damage = (file: Buffer, random: () => number) => Buffer;
const below = (random: () => number, limit: number) => Math.floor(random() * limit);
const DAMAGES: readonly Damage[] = [
  // One to four bytes become others.
  (file, random) => {
    const copy = Buffer.from(file);
    for (let i = 1 + below(random, 4); i > 0; i--) copy[below(random, copy.length)] = below(random, 256);
    return copy;
  },
  // One bit.
  (file, random) => {
    const copy = Buffer.from(file);
    copy[below(random, copy.length)] ^= 1 << below(random, 8);
    return copy;
  },
  (file, random) => file.subarray(0, below(random, file.length)),
  // Bytes inserted: of the file itself, so that they are often opcodes.
  (file, random) => {
    const [at, from] = [below(random, file.length), below(random, file.length)];
    return Buffer.concat([file.subarray(0, at), file.subarray(from, from + below(random, 40)), file.subarray(at)]);
  },
  // Bytes cut out.
  (file, random) => {
    const at = below(random, file.length);
    return Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + below(random, 20))]);
  },
  // Four bytes become a huge number: lengths, counts and offsets among them.
  (file, random) => {
    const copy = Buffer.from(file);
    copy.writeUInt32LE(0xffffffff - below(random, 2 ** 31), below(random, copy.length - 4));
    return copy;
  },
];

describe('damaged checkpoints', () => {
  it.each(['zip.pt', 'legacy.pt', 'lightning.ckpt', 'protocol5.pth', 'zip64.pt', 'expected.safetensors'])(
    '%s',
    async (name) => {
      const file = await readFile(join(GOLDENS, name));
      const random = createRandom(`checkpoints ${name}`);
      const path = join(folder, name);
      let [refused, read] = [0, 0];
      for (let round = 0; round < ROUNDS; round++) {
        const damaged = DAMAGES[round % DAMAGES.length](file, () => random.next());
        await writeFile(path, damaged);
        const allocated = await countingAllocations(async () => {
          try {
            const checkpoint = await openCheckpoint(path);
            for (const tensor of checkpoint.names()) {
              const { dtype, shape } = checkpoint.entry(tensor);
              if (!/^B?F/.test(dtype)) continue;
              const values = await checkpoint.read(tensor);
              expect(values.length).toBe(shape.reduce((product, size) => product * size, 1));
              const external = checkpoint.external(tensor);
              if (external) expect(external.offset + external.length).toBeLessThanOrEqual(damaged.length);
            }
            read += 1;
          } catch (error) {
            // Not a RangeError or TypeError, which would be an accident of ours.
            expect(['CheckpointError', 'Error']).toContain((error as Error).name);
            expect((error as Error).message).toContain(path);
            refused += 1;
          }
        });
        expect(allocated).toBeLessThanOrEqual(16 * damaged.length + HALF_TABLE + 64 * 1024);
      }
      expect(refused).toBeGreaterThan(ROUNDS / 4);
      expect(read).toBeGreaterThan(0); // flips among the values themselves are no error
    },
  );
});
