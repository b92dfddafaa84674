/** `run`: computes what is missing, writes the leaderboard, shows it. And `plan`: what `run` would compute. */
import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { textTable } from '../core/text-table.ts';
import { prepareRun, type RunSummary, run } from '../harness/run.ts';
import type { Result } from '../harness/store/result.ts';
import { openStore } from '../harness/store/store.ts';
import { type ComparisonFlags, runOptions } from './options.ts';
import { createOutput, type Output } from './output.ts';
import { createProgress, duration } from './progress.ts';

export interface RunFlags extends ComparisonFlags {
  readonly out?: string;
  readonly json?: boolean;
}

/** What the user typed, for the record. */
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
    output.note('Interrupted before any cell was started.');
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
  return conclude(summary, output);
}

function exitCodeOf(signal: 'SIGINT' | 'SIGTERM'): number {
  return signal === 'SIGINT' ? 130 : 143;
}

async function conclude(summary: RunSummary, output: Output): Promise<number> {
  const { writeReport } = await import('../report/report.ts');
  const { leaderboard, files, faults } = await writeReport(summary.out);
  if (!output.json) {
    const { leaderboardTerminal } = await import('../report/formats/terminal.ts');
    output.print(`\n${leaderboardTerminal(leaderboard)}`);
  }
  const { computed, reused, failed, seconds } = summary;
  output.note(`${computed} cells computed, ${reused} reused, in ${duration(seconds)}. ${writtenWords(files)}`);
  for (const fault of faults) output.note(fault);
  for (const { task, contender, probe, seed, error } of failed) {
    output.note(`Failed: ${cellWords(task.id, contender.id, probe, seed)}: ${error?.message}`);
  }
  if (failed.length > 0) output.note(`${failed.length} cells failed; the same command tries them again.`);
  output.document({ ...summary, failed: failed.map(failureDocument), leaderboard });
  return failed.length > 0 || faults.length > 0 ? 1 : 0;
}

function writtenWords(files: readonly string[]): string {
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

/** Shows what `run` would compute. */
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

/** `report DIR`: writes the leaderboard of a results folder anew. */
export async function reportCommand(folder: string, flags: { title?: string; json?: boolean }): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const { UsageError } = await import('../core/errors.ts');
  if (!existsSync(resolve(folder, 'run.json'))) {
    throw new UsageError(
      `${folder}: holds no run.json, so it is no results folder`,
      'Give the --out folder of an earlier run.',
    );
  }
  const { writeReport } = await import('../report/report.ts');
  const { leaderboard, files, faults } = await writeReport(resolve(folder), { title: flags.title });
  if (!output.json) {
    const { leaderboardTerminal } = await import('../report/formats/terminal.ts');
    output.print(leaderboardTerminal(leaderboard));
  }
  output.note(writtenWords(files));
  for (const fault of faults) output.note(fault);
  output.document(leaderboard);
  return leaderboard.cells.failed > 0 || faults.length > 0 ? 1 : 0;
}
