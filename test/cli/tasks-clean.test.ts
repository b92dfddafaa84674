import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/command-line.ts';
import { createRandom } from '../../src/core/random.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glm-bench-clean-'));
  const random = createRandom('rows');
  const rows = Array.from({ length: 100 }, (_, i) => {
    const sequence = Array.from({ length: 60 }, () => 'ACGT'[random.integer(4)]).join('');
    return { sequence, label: i % 2 === 0 ? 'yes' : 'no', split: ['train', 'train', 'train', 'valid', 'test'][i % 5] };
  });
  rows.push({ ...rows[0], split: 'test' }, { ...rows[1], sequence: `${rows[1].sequence.slice(1)}A`, split: 'test' });
  const lines = rows.map(({ sequence, label, split }, i) => `r${i},${sequence},${label},${split}`);
  await writeFile(join(folder, 'leaky.csv'), `id,sequence,label,split\n${lines.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function clean(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const heard = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      heard[stream] += String(text);
      return true;
    }),
  );
  try {
    const data = ['--data', join(folder, 'leaky.csv'), '--split', 'column:split'];
    return { code: await main(['tasks', 'clean', ...data, ...words]), ...heard };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('tasks clean', () => {
  it('writes a folder that --data reads, with an id and a hash of its own and an entry per row', async () => {
    const out = join(folder, 'clean');
    const { code, stdout, stderr } = await clean('--out', out, '--json');
    expect(stderr).not.toMatch(/error/i);
    expect(code).toBe(0);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ id: 'leaky.clean', rows: { kept: 100, moved: 1, removed: 1 } });
    expect(document.hash).not.toBe(document.from.hash);
    expect(document.rows.after.train + document.rows.after.valid + document.rows.after.test).toBe(101);
    expect(document.checks.after['overlap.near']).toMatchObject({ value: 0 });
    const manifest = (await readFile(join(out, 'manifest', 'manifest.csv'), 'utf8')).trim().split('\n');
    expect(manifest).toHaveLength(103);
    expect(manifest).toContain('r100,test,,removed,,the same sequence and label as r0');
    expect(JSON.parse(await readFile(join(out, 'manifest', 'task.json'), 'utf8'))).toEqual(document);
  });

  it('refuses a folder that holds something and an unknown policy', async () => {
    const filled = await clean('--out', folder);
    expect([filled.code, filled.stderr]).toEqual([2, expect.stringContaining('the folder is not empty')]);
    const wrong = await clean('--out', join(folder, 'other'), '--twins', 'keep');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringContaining('--twins keep: must be together or remove'),
    ]);
  });
});
