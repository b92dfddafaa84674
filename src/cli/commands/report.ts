/** `report`: writes and shows the leaderboard of a results folder again. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createOutput } from '../output.ts';
import { writtenWords } from './run.ts';

/** `report DIR`: writes the leaderboard of a results folder again. */
export async function reportCommand(
  folder: string,
  flags: { title?: string; json?: boolean; includeFailed?: boolean },
): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const { UsageError } = await import('../../core/errors.ts');
  if (!existsSync(resolve(folder, 'run.json'))) {
    throw new UsageError(
      `${folder}: there is no run.json, so it is not a results folder`,
      'Name the --out folder of an earlier run.',
    );
  }
  const { writeReport } = await import('../../report/report.ts');
  const { leaderboard, files, faults } = await writeReport(resolve(folder), {
    title: flags.title,
    includeFailed: flags.includeFailed,
  });
  if (!output.json) {
    const { leaderboardTerminal } = await import('../../report/formats/terminal.ts');
    output.printColoured(leaderboardTerminal(leaderboard));
  }
  output.note(writtenWords(files));
  for (const fault of faults) output.note(fault);
  output.document(leaderboard);
  return leaderboard.cells.failed > 0 || faults.length > 0 ? 1 : 0;
}
