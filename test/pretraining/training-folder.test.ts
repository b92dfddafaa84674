/**
 * What lies in and beside the folder of a model while it is trained, saved, replaced, and after a
 * process was killed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thisProcess } from '../../src/core/process-identity.ts';
import { temporaryPath } from '../../src/core/temporary.ts';
import { type PretrainOptions, pretrain } from '../../src/pretraining/pretrain.ts';
import { openTrainingFolder } from '../../src/pretraining/training-folder.ts';
import { repeats, TINY } from '../models/fixtures.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-folder-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CORPUS = repeats(40, 1);
const CONFIG = { ...TINY, epochs: 1 };
const run = (out: string, options: Partial<PretrainOptions> = {}, corpus: readonly string[] = CORPUS) =>
  pretrain(corpus, { config: CONFIG, seed: 1, device: 'cpu', threads: 1, out: join(folder, out), ...options });
const beside = async (out: string) => (await readdir(folder)).filter((name) => name.includes(out)).sort();
const weightsOf = (out: string) => readFile(join(folder, out, 'model.safetensors'));
const trainingOf = async (out: string) => JSON.parse(await readFile(join(folder, out, 'training.json'), 'utf8'));

describe('a finished model', () => {
  it('of the same settings and sequences is not trained again, and its report is returned', async () => {
    const first = await run('same');
    let messages = 0;
    const again = await run('same', { progress: () => messages++ });
    expect(again).toEqual({ ...first, alreadyThere: true });
    expect(messages).toBe(0);
    expect(await beside('same')).toEqual(['same']);
  });

  it.each([
    ['another seed', { seed: 2 }, CORPUS],
    ['another configuration', { config: { ...CONFIG, hidden: 8 } }, CORPUS],
    ['other sequences', {}, repeats(40, 2)],
    ['no training', { untrained: true }, CORPUS],
  ] as const)('is not replaced by one of %s without overwrite', async (_, options, corpus) => {
    const out = 'kept';
    if (!existsSync(join(folder, out))) await run(out);
    const before = await weightsOf(out);
    const error = await run(out, options, corpus).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      message: expect.stringContaining('holds a finished model, and it was trained with other settings or sequences'),
      hint: expect.stringContaining('--overwrite'),
    });
    expect(await weightsOf(out)).toEqual(before);
    expect(await beside(out)).toEqual([out]);
  });

  it('is replaced as a whole with overwrite', async () => {
    await run('replaced', { config: { ...CONFIG, objective: 'mae-v1' } });
    expect(await readdir(join(folder, 'replaced'))).toContain('decoder.safetensors');
    await run('replaced', { overwrite: true });
    expect(await readdir(join(folder, 'replaced'))).not.toContain('decoder.safetensors');
    expect(await trainingOf('replaced')).toMatchObject({ seed: 1, config: CONFIG });
    expect(await beside('replaced')).toEqual(['replaced']);
  });
});

describe('a folder', () => {
  it('with files that do not belong to a model is refused before training', async () => {
    await mkdir(join(folder, 'notes'));
    await writeFile(join(folder, 'notes', 'thesis.tex'), '');
    await expect(run('notes', { overwrite: true })).rejects.toThrow('holds thesis.tex, which is not a file of a model');
    expect(await readdir(join(folder, 'notes'))).toEqual(['thesis.tex']);
  });

  it('that is empty is used', async () => {
    await mkdir(join(folder, 'empty'));
    await run('empty');
    expect(await readdir(join(folder, 'empty'))).toContain('config.json');
  });

  it('is trained by one process at a time', async () => {
    const training = await openTrainingFolder(join(folder, 'busy'));
    const other = openTrainingFolder(join(folder, 'busy'));
    await expect(other).rejects.toThrow(/busy\.training\.lock: process \d+ on \S+ holds this lock/);
    await training.close();
    expect(await beside('busy')).toEqual([]);
  });
});

describe('a process that was killed', () => {
  const dead = () => spawnSync(process.execPath, ['-e', '0']).pid;

  it('while it saved leaves the old model complete and its own files to be removed', async () => {
    await run('saving');
    const { machine } = thisProcess();
    const half = join(folder, `.saving.${machine}_${dead()}_12_0123abcd.tmp`);
    await mkdir(half);
    await writeFile(join(half, 'model.safetensors'), 'half');
    const alive = temporaryPath(join(folder, 'saving'));
    await writeFile(alive, 'another save of this process');
    await run('saving');
    expect(existsSync(half)).toBe(false);
    expect(existsSync(alive)).toBe(true);
    await rm(alive);
  });

  it('between the two renames of a replacement leaves the old model to be restored', async () => {
    await run('between');
    const before = await weightsOf('between');
    await rename(join(folder, 'between'), join(folder, '.between.previous'));
    await expect(run('between', { seed: 2 })).rejects.toThrow('holds a finished model');
    expect(await weightsOf('between')).toEqual(before);
    expect(await beside('between')).toEqual(['between']);
  });

  it('after the model was complete leaves a checkpoint that is removed', async () => {
    await run('after');
    await mkdir(join(folder, 'after.training'));
    await writeFile(join(folder, 'after.training', 'checkpoint.safetensors'), 'x');
    await run('after');
    expect(await beside('after')).toEqual(['after']);
  });
});
