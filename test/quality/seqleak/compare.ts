/**
 * Verdicts of the audit beside seqleak's on the same rows, as a Markdown table. Not part of `npm test`: needs Python with seqleak 0.4.1.
 *
 *   node --import tsx test/quality/seqleak/compare.ts --python PYTHON --data-folder DIR TASK-OR-PATH...
 *
 * Prints a line per task as soon as it is done: checks compared, checks of equal verdict, and each other pair of verdicts.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { findTasks } from '../../../src/harness/definitions.ts';
import { taskContext } from '../../../src/harness/run.ts';
import { adhocTask } from '../../../src/harness/tasks/ad-hoc-task.ts';
import { type PreparedRows, prepareTask } from '../../../src/harness/tasks/prepare.ts';
import { auditTask } from '../../../src/quality/audit-task.ts';

/** seqleak's name of each check -> ours. */
const SAME_CHECK: Readonly<Record<string, string>> = {
  'overlap.exact': 'overlap.exact',
  'overlap.near': 'overlap.near',
  'overlap.windows': 'overlap.windows',
  'shortcut.length': 'shortcut.length',
  'shortcut.ambiguous': 'shortcut.unknown-letters',
  'shortcut.lowinfo': 'shortcut.low-information',
  'shortcut.composition': 'shortcut.composition',
  'shortcut.kmer': 'shortcut.markov',
  'shortcut.position_motif': 'shortcut.position-motif',
  'shortcut.anchored_motif': 'shortcut.anchored-motif',
  'construction.shuffle': 'construction.shuffle-twins',
  'construction.segment': 'construction.segment-twins',
  'construction.synthetic_negatives': 'construction.synthetic-negatives',
  'construction.unmatched_site': 'construction.unmatched-site',
  'construction.library': 'construction.library',
};

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    'data-folder': { type: 'string' },
  },
});

interface Finding {
  readonly verdict: string;
  readonly value: number | null;
}

async function seqleak({ definition, rows }: PreparedRows): Promise<Record<string, Finding>> {
  const folder = await mkdtemp(join(tmpdir(), 'seqleak-'));
  try {
    const table = join(folder, 'rows.tsv');
    const lines = rows.map(({ sequence, label, split }, i) => `r${i}\t${sequence}\t${label}\t${split}`);
    await writeFile(table, `id\tsequence\tlabel\tsplit\n${lines.join('\n')}\n`);
    const report = join(folder, 'report.json');
    const columns = ['--seq-col', 'sequence', '--label-col', 'label', '--split-col', 'split', '--id-col', 'id'];
    const type = definition.kind === 'regression' ? 'regression' : 'classification';
    const rest = ['--task-type', type, '--homology', 'off', '--quiet', '--out', report];
    const words = ['-m', 'seqleak', 'audit', '--data', table, ...columns, ...rest];
    await promisify(execFile)(flags.python, words, { maxBuffer: 2 ** 26 });
    const { checks } = JSON.parse(await readFile(report, 'utf8')) as {
      checks: Record<string, { status: string; value: number | null }>;
    };
    return Object.fromEntries(
      Object.entries(checks).map(([id, { status, value }]) => [id, { verdict: status, value }]),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

const show = ({ verdict, value }: Finding) => (value === null ? verdict : `${verdict} ${value.toFixed(3)}`);

async function compare(task: PreparedRows): Promise<void> {
  const ours = auditTask({ kind: task.definition.kind, rows: task.rows });
  const theirs = await seqleak(task);
  const pairs = Object.entries(SAME_CHECK).flatMap(([their, our]) => {
    const a = ours.checks.find(({ id }) => id === our);
    const b = theirs[their];
    return a === undefined || b === undefined ? [] : [{ our, a, b }];
  });
  const other = pairs.filter(({ a, b }) => a.verdict !== b.verdict);
  const worst = ['FAIL', 'WARN', 'PASS'].find((verdict) =>
    Object.values(theirs).some((finding) => finding.verdict === verdict),
  );
  const described = other.map(({ our, a, b }) => `${our}: ${show(a)}, seqleak ${show(b)}`).join('; ');
  const failed = ours.checks.filter(({ verdict }) => verdict === 'FAIL').map((check) => `${check.id} ${show(check)}`);
  const cells = [task.definition.id, ours.verdict, worst, failed.join('; ') || '-'];
  console.log(`| ${[...cells, `${pairs.length - other.length} of ${pairs.length}`, described || '-'].join(' | ')} |`);
}

console.log('| task | ours | seqleak | failed checks | equal verdicts | other verdicts |\n| - | - | - | - | - | - |');
const context = taskContext({ dataFolder: flags['data-folder'] });
for (const spec of positionals) {
  const definitions = existsSync(spec)
    ? [await adhocTask({ data: spec })]
    : (await findTasks(spec)).map(({ definition }) => definition);
  for (const definition of definitions) await compare(await prepareTask(definition, context));
}
