/** `plan`: lists the cells that `run` would compute. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { textTable } from '../../core/text-table.ts';
import { prepareRun } from '../../harness/run.ts';
import { openStore } from '../../harness/store/store.ts';
import { runOptions } from '../options.ts';
import { createOutput } from '../output.ts';
import { createProgress } from '../progress.ts';

import type { RunFlags } from './run.ts';

/** Lists the cells that `run` would compute. */
export async function planCommand(flags: RunFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const progress = createProgress(process.stderr);
  const prepared = await prepareRun({ ...runOptions(flags), onEvent: (event) => progress.onEvent(event) });
  progress.end();
  const store = flags.out !== undefined && existsSync(flags.out) ? await openStore(resolve(flags.out)) : undefined;
  const cells = await Promise.all(
    prepared.plan.cells.map(async ({ key, task, contender, probe, seed }) => ({
      key,
      task: task.description.id,
      contender: contender.definition.id,
      probe,
      seed,
      state: store ? (await store.read(key)).state : 'absent',
    })),
  );
  const { environment, jobs, plan } = prepared;
  output.document({ title: prepared.title, environment, jobs, cells, skipped: plan.skipped });
  output.print(
    textTable([
      ['TASK', 'CONTENDER', 'PROBE', 'SEED', 'STORED'],
      ...cells.map((cell) => [cell.task, cell.contender, cell.probe, String(cell.seed), cell.state]),
    ]),
  );
  for (const why of plan.skipped) output.print(`Left out: ${why}`);
  const pending = cells.filter(({ state }) => state !== 'done').length;
  output.print(
    `\n${cells.length} cells, ${pending} to compute, on ${environment.device} (${environment.precision}), ` +
      `${jobs} processes of ${environment.threads} threads`,
  );
  return 0;
}
