/** `run`: computes missing cells, writes the leaderboard, and shows it. */
import { relative } from 'node:path';
import { type RunSummary, run } from '../../harness/run.ts';
import type { Result } from '../../harness/store/result.ts';
import { type ComparisonFlags, runOptions } from '../options.ts';
import { createOutput, type Output } from '../output.ts';
import { createProgress, duration } from '../progress.ts';

export interface RunFlags extends ComparisonFlags {
  readonly out?: string;
  readonly json?: boolean;
  readonly includeFailed?: boolean;
}

/** The command as typed, for the record. */
function typedCommand(): string {
  const quoted = process.argv.slice(2).map((word) => (/^[\w./:=@#,+-]+$/.test(word) ? word : `'${word}'`));
  if (process.env.npm_lifecycle_event !== 'bench') return ['glm-bench', ...quoted].join(' ');
  return ['npm run bench', ...(quoted.length > 0 ? ['--', ...quoted] : [])].join(' ');
}

/** Runs and reports; returns the exit code. */
export async function runCommand(flags: RunFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const progress = createProgress(process.stderr);
  const abort = new AbortController();
  let signalled: 'SIGINT' | 'SIGTERM' | undefined;
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    if (signalled) process.exit(exitCodeOf(signalled));
    signalled = signal;
    abort.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const options = { ...runOptions(flags), out: flags.out, command: typedCommand(), signal: abort.signal };
  let summary: RunSummary;
  try {
    summary = await run({ ...options, onEvent: (event) => progress.onEvent(event) });
  } catch (error) {
    if (!signalled) throw error;
    progress.end();
    output.note('Interrupted before any cell started.');
    return exitCodeOf(signalled);
  } finally {
    progress.end();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  if (signalled && summary.interrupted) {
    output.note(
      `Interrupted. Finished cells are kept in ${shown(summary.out)}; the same command continues with the rest:\n  ${typedCommand()}`,
    );
    return exitCodeOf(signalled);
  }
  return conclude(summary, output, flags.includeFailed);
}

function exitCodeOf(signal: 'SIGINT' | 'SIGTERM'): number {
  return signal === 'SIGINT' ? 130 : 143;
}

async function conclude(summary: RunSummary, output: Output, includeFailed?: boolean): Promise<number> {
  const { writeReport } = await import('../../report/report.ts');
  const { leaderboard, files, faults } = await writeReport(summary.out, { includeFailed });
  if (!output.json) {
    const { leaderboardTerminal } = await import('../../report/formats/terminal.ts');
    output.printColoured(`\n${leaderboardTerminal(leaderboard)}`);
  }
  const { computed, reused, failed, seconds } = summary;
  output.note(`${computed} cells computed, ${reused} reused, in ${duration(seconds)}. ${writtenWords(files)}`);
  for (const fault of faults) output.note(fault);
  for (const { task, contender, probe, seed, error } of failed) {
    output.note(`Failed: ${cellWords(task.id, contender.id, probe, seed)}: ${error?.message}`);
  }
  if (failed.length > 0) output.note(`${failed.length} cells failed; the same command runs them again.`);
  output.document({ ...summary, failed: failed.map(failureDocument), leaderboard });
  return failed.length > 0 || faults.length > 0 ? 1 : 0;
}

export function writtenWords(files: readonly string[]): string {
  return files.length > 0 ? `Written: ${files.map(shown).join(', ')}` : 'The leaderboard was not written:';
}

function failureDocument({ key, task, contender, probe, seed, error }: Result): Record<string, unknown> {
  return { key, task: task.id, contender: contender.id, probe, seed, error: error?.message };
}

function cellWords(task: string, contender: string, probe: string, seed: number): string {
  return `${task} / ${contender}${probe === 'none' ? '' : ` + ${probe}`}, seed ${seed}`;
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
