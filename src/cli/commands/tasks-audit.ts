/** `tasks audit`: every check of a task's data, as a table and one JSON document, with an exit code for continuous integration. */
import { UsageError } from '../../core/errors.ts';
import { textTable } from '../../core/text-table.ts';
import type { PreparedRows } from '../../harness/tasks/prepare.ts';
import type { QualityReport } from '../../quality/quality-report.ts';
import { createOutput } from '../output.ts';
import { prepareAll, type TaskFlags } from './tasks.ts';

export interface AuditFlags extends TaskFlags {
  readonly failOn?: string;
  readonly genome?: string;
  readonly against?: string[];
  readonly homology?: boolean;
}

/** Exit code of an audit that found something: unlike a crash (1) and a usage error (2). */
export const FOUND = 3;

/** @returns 0, or {@link FOUND} where a task reaches the verdict of `--fail-on` (default fail) */
export async function auditCommand(spec: string | undefined, flags: AuditFlags): Promise<number> {
  const { failOn = 'fail' } = flags;
  if (failOn !== 'warn' && failOn !== 'fail')
    throw new UsageError(`--fail-on ${failOn}: there is no such verdict`, 'Use --fail-on warn or --fail-on fail.');
  const output = createOutput(flags.json ?? false);
  const [{ auditSplits, describeAudit }, { auditTask }, { genomeShares }] = await Promise.all([
    import('../../quality/audit.ts'),
    import('../../quality/audit-task.ts'),
    import('../../quality/genome-shares.ts'),
  ]);
  const others: { name: string; sequences: readonly string[] }[] = [];
  for (const other of flags.against ?? []) {
    for (const { definition, rows } of await prepareAll(other, taskFlagsOnly(flags)))
      others.push({ name: definition.id, sequences: rows.map(({ sequence }) => sequence) });
  }
  const documents: unknown[] = [];
  let found = false;
  for (const task of await prepareAll(spec, flags)) {
    const { definition, rows, hash, splitDescription, alphabetChanges, lowerCase } = task;
    const sequences = rows.map(({ sequence }) => sequence);
    const shares = flags.genome === undefined ? undefined : await genomeShares(flags.genome, sequences);
    const progress = statusLine(definition.id);
    const quality = auditTask(
      { kind: definition.kind, rows, lowerCase },
      { homology: flags.homology, genomeShares: shares, others, progress },
    );
    const audit = auditSplits(rows, definition.kind);
    documents.push({ task: definition.id, hash, split: splitDescription, alphabetChanges, audit, quality });
    output.print(`${definition.title} (${definition.id}); split: ${splitDescription}`);
    for (const line of describeAudit(audit)) output.print(`  ${line}`);
    output.print(`\n${describeQuality(quality)}\n`);
    found ||= quality.verdict === 'FAIL' || (failOn === 'warn' && quality.verdict === 'WARN');
  }
  output.document(documents.length === 1 ? documents[0] : documents);
  return found ? FOUND : 0;
}

/** The flags of another task: the folders, and no `--data`. */
function taskFlagsOnly({ dataFolder, cacheFolder, download }: AuditFlags): TaskFlags {
  return { dataFolder, cacheFolder, download };
}

/** One line on a terminal, redrawn; nothing elsewhere. */
function statusLine(task: PreparedRows['definition']['id']): (fraction: number, message: string) => void {
  const { stderr } = process;
  if (!stderr.isTTY) return () => {};
  return (fraction, message) => {
    stderr.write(`\r\u001b[2K${fraction < 1 ? `${Math.floor(100 * fraction)}% ${task}: ${message}` : ''}`);
  };
}

/** A table of the checks, then a sentence and example rows for each that warns or fails. */
export function describeQuality({ verdict, checks, rules }: QualityReport): string {
  const number = (value: number | null) => (value === null ? '' : value.toFixed(3));
  const table = textTable([
    ['  VERDICT', 'CHECK', 'VALUE', '95% INTERVAL', 'WARN', 'FAIL'],
    ...checks.map(({ id, verdict: own, value, interval, thresholds: { warn, fail } }) => [
      `  ${own}`,
      id,
      number(value),
      interval ? `${number(interval[0])} to ${number(interval[1])}` : '',
      warn === null ? 'never' : String(warn),
      fail === null ? 'never' : String(fail),
    ]),
  ]);
  const lines = checks
    .filter((check) => check.verdict === 'FAIL' || check.verdict === 'WARN')
    .flatMap(({ id, verdict: own, reason, examples }) => [
      `  ${own} ${id}: ${reason}`,
      ...(examples.length > 0 ? [`    rows: ${examples.map((ids) => ids.join(' ~ ')).join('; ')}`] : []),
    ]);
  const skipped = checks.filter((check) => check.verdict === 'SKIP').map(({ id, reason }) => `  SKIP ${id}: ${reason}`);
  return [`Verdict: ${verdict} (${rules})`, table, ...lines, ...skipped].join('\n');
}
