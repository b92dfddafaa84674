import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAtomicFile, writeFileAtomic, writeFolderAtomic } from '../../src/core/atomic-file.ts';
import { UsageError } from '../../src/core/errors.ts';
import { FileFault, fileFault, namingFile } from '../../src/core/file-fault.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-fault-'));
});
afterAll(() => rm(folder, { recursive: true }));

const systemError = (code: string, syscall = 'write') => Object.assign(new Error(code), { code, syscall });

it.each([
  ['ENOSPC', /^x\.npy: cannot be written: the disk is full \(ENOSPC\)$/, /Free space/],
  ['EACCES', /permission denied \(EACCES\)/, /rights of the folder/],
  ['EROFS', /the file system is read-only \(EROFS\)/, /another file system/],
  ['EMFILE', /this process has too many open files \(EMFILE\)/, /ulimit -n/],
])('%s names the file and the remedy', (code, message, hint) => {
  const fault = fileFault(systemError(code), 'x.npy');
  expect(fault).toBeInstanceOf(UsageError);
  expect(fault).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
});

it('a fault while reading is told apart, and other errors stay as they are', async () => {
  expect(fileFault(systemError('EMFILE', 'scandir'), 'data')).toMatchObject({
    message: 'data: cannot be read: this process has too many open files (EMFILE)',
  });
  const other = new TypeError('x is not a function');
  expect(fileFault(other, 'x')).toBe(other);
  expect(fileFault(systemError('ENOENT'), 'x')).not.toBeInstanceOf(FileFault);
  await expect(namingFile('x', () => Promise.reject(other))).rejects.toBe(other);
});

it('every way to write a file names the path that was asked for, not the temporary one', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  const below = join(file, 'out.json');
  const message = `${below}: cannot be written: a part of the path is a file, not a folder (ENOTDIR)`;
  await expect(writeFileAtomic(below, '')).rejects.toThrow(message);
  await expect(createAtomicFile(below)).rejects.toThrow(message);
  await expect(writeFolderAtomic(below, async () => {})).rejects.toThrow(message);
  const whole = join(folder, 'whole');
  const fill = (temporary: string) =>
    namingFile(join(temporary, 'weights'), () => Promise.reject(systemError('ENOSPC')));
  await expect(writeFolderAtomic(whole, fill)).rejects.toThrow(`${whole}: cannot be written: the disk is full`);
  const taken = join(folder, 'taken');
  await mkdir(join(taken, 'something'), { recursive: true });
  await expect(writeFileAtomic(taken, '')).rejects.toThrow(`${taken}: cannot be written: it is a folder`);
  expect((await readdir(folder)).sort()).toEqual(['file', 'taken']);
});
