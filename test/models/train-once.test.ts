import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { CACHE_WARNING } from '../../src/core/optional-write.ts';
import { trainOnce } from '../../src/models/train-once.ts';

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'train-once-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

it.each(['model.safetensors', 'config.json'])(
  'a model whose %s was changed is trained again, with a warning',
  async (damaged) => {
    let trained = 0;
    const options = {
      cacheFolder,
      name: `m-${damaged}`,
      async train(folder: string) {
        trained += 1;
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'model.safetensors'), 'weights');
        await writeFile(join(folder, 'config.json'), '{"layers": 2}');
      },
      load: (folder: string) => readFile(join(folder, damaged), 'utf8'),
      onWait: () => {},
    };
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const first = await trainOnce(options);
    expect([await trainOnce(options), trained]).toEqual([first, 1]);
    const file = join(cacheFolder, 'models', options.name, damaged);
    await writeFile(file, 'something else');
    await utimes(file, new Date(2e9), new Date(2e9));
    expect([await trainOnce(options), trained]).toEqual([first, 2]);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(`${file} is damaged`), CACHE_WARNING);
    expect([await trainOnce(options), trained]).toEqual([first, 2]);
    warn.mockRestore();
  },
);
