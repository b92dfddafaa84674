import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { thisProcess } from '../../src/core/process-identity.ts';
import { removeAbandoned, temporaryPath } from '../../src/core/temporary.ts';

it('what processes of this machine that are gone left is removed, and nothing else', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'temporary-'));
  const { machine, pid, start } = thisProcess();
  const { pid: dead } = spawnSync(process.execPath, ['-e', '0']);
  const kept = [
    basename(temporaryPath(join(folder, 'of-this-process'))),
    '.of-another-machine.0badcafe_1_5_01234567.tmp',
    'notes.tmp',
    'model.safetensors',
  ];
  const removed = [`.dead.${machine}_${dead}_${start}_01234567.tmp`];
  // Where start times are known, a process id that was given to another process does not keep the
  // file.
  if (start !== '-') removed.push(`.reused.${machine}_${pid}_${Number(start) - 1}_01234567.tmp`);
  for (const place of [folder, join(folder, 'one'), join(folder, 'one', 'two')]) {
    await mkdir(place, { recursive: true });
    for (const name of [...kept, ...removed]) await writeFile(join(place, name), '');
    await mkdir(join(place, `.folder.${machine}_${dead}_${start}_01234567.tmp`, 'inner'), { recursive: true });
  }
  await removeAbandoned(folder, 1);
  const left = async (path: string) => (await readdir(path)).filter((name) => !/^(one|two)$/.test(name)).sort();
  expect(await left(folder)).toEqual([...kept].sort());
  expect(await left(join(folder, 'one'))).toEqual([...kept].sort());
  expect(await left(join(folder, 'one', 'two'))).toHaveLength(kept.length + removed.length + 1);
  await removeAbandoned(join(folder, 'absent'));
  await rm(folder, { recursive: true });
});
