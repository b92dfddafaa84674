/**
 * Time and peak memory of the audit of a task beside seqleak's (`python -m seqleak audit`), one after the other on the same made-up rows:
 * 290,000 sequences of 200 letters, two classes, one row in twenty a mutated copy of an earlier one. Every check that needs no alignment
 * and no further file runs on both sides. Both are whole processes: start, reading the table, audit.
 *
 *   node --import tsx benchmarks/speed/audit.ts --python PYTHON [--rows 290000] [--letters 200] [--threads 2] [--json]
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createRandom } from '../../src/core/random.ts';
import type { AuditRow } from '../../src/quality/audit-input.ts';
import { auditTask } from '../../src/quality/audit-task.ts';
import { readDataPath } from '../../src/sequences/formats/readers.ts';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    rows: { type: 'string', default: '290000' },
    letters: { type: 'string', default: '200' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    /** This process is our side, and audits this table. */
    table: { type: 'string' },
  },
});

interface Side {
  readonly seconds: number;
  readonly peakMiB: number;
  /** Verdict of each check. */
  readonly verdicts: Readonly<Record<string, string>>;
}

async function makeTable(path: string, rows: number, letters: number): Promise<void> {
  const random = createRandom('audit speed');
  const lines = ['id\tsequence\tlabel\tsplit'];
  const recent: Buffer[] = [];
  for (let i = 0; i < rows; i++) {
    const sequence = Buffer.allocUnsafe(letters);
    const copied = recent.length > 0 && random.integer(20) === 0;
    if (copied) recent[random.integer(recent.length)].copy(sequence);
    for (let at = 0; at < letters; at++)
      if (!copied || random.integer(100) === 0) sequence[at] = 'ACGT'.charCodeAt(random.integer(4));
    recent[i % 1000] = sequence;
    const split = ['train', 'train', 'train', 'train', 'train', 'train', 'train', 'train', 'dev', 'test'];
    lines.push(`r${i}\t${sequence.toString('latin1')}\t${random.integer(2)}\t${split[random.integer(10)]}`);
  }
  await writeFile(path, `${lines.join('\n')}\n`);
}

/** Our side, in a process of its own. */
async function auditTable(path: string): Promise<void> {
  const read = await readDataPath(path, { sequence: 'sequence', label: 'label', id: 'id', split: 'split' });
  const rows = read.map((row): AuditRow => {
    if (row.split === undefined) throw new Error(`row ${row.id} has no split`);
    return { ...row, split: row.split };
  });
  const { checks } = auditTask({ kind: 'binary', rows });
  const verdicts = Object.fromEntries(checks.map(({ id, verdict }) => [id, verdict]));
  process.stdout.write(JSON.stringify({ verdicts, peakMiB: process.resourceUsage().maxRSS / 1024 }));
}

async function ours(path: string): Promise<Side> {
  const started = performance.now();
  const words = ['--import', 'tsx', import.meta.filename, '--table', path];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return { ...(JSON.parse(stdout) as Omit<Side, 'seconds'>), seconds: (performance.now() - started) / 1000 };
}

/** Runs seqleak and prints the peak memory of its process, MiB. */
const MEASURED = `
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "seqleak", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
`;

async function theirs(path: string, folder: string): Promise<Side> {
  const report = join(folder, 'seqleak.json');
  const columns = ['--seq-col', 'sequence', '--label-col', 'label', '--split-col', 'split', '--id-col', 'id'];
  const rest = ['--homology', 'off', '--threads', flags.threads, '--quiet', '--out', report];
  const started = performance.now();
  const words = ['-c', MEASURED, 'audit', '--data', path, ...columns, ...rest];
  const { stdout } = await promisify(execFile)(flags.python, words);
  const seconds = (performance.now() - started) / 1000;
  const { checks } = JSON.parse(await readFile(report, 'utf8')) as { checks: Record<string, { status: string }> };
  const verdicts = Object.fromEntries(Object.entries(checks).map(([id, { status }]) => [id, status]));
  return { seconds, peakMiB: Number(stdout.trim()), verdicts };
}

if (flags.table !== undefined) {
  await auditTable(flags.table);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'audit-speed-'));
  try {
    const table = join(folder, 'rows.tsv');
    await makeTable(table, Number(flags.rows), Number(flags.letters));
    const sides = { ours: await ours(table), seqleak: await theirs(table, folder) };
    const ratio = {
      time: sides.seqleak.seconds / sides.ours.seconds,
      memory: sides.seqleak.peakMiB / sides.ours.peakMiB,
    };
    if (flags.json) console.log(JSON.stringify({ rows: Number(flags.rows), ...sides, ratio }, null, 2));
    else {
      for (const [name, { seconds, peakMiB, verdicts }] of Object.entries(sides)) {
        const ran = Object.values(verdicts).filter((verdict) => ['PASS', 'WARN', 'FAIL'].includes(verdict)).length;
        console.log(`${name}: ${seconds.toFixed(1)} s, peak ${peakMiB.toFixed(0)} MiB, ${ran} checks`);
      }
      console.log(`seqleak takes ${ratio.time.toFixed(1)} x the time and ${ratio.memory.toFixed(1)} x the memory`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
