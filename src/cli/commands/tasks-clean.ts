/** `tasks clean`: writes a task without its leaks as a folder of data, with a manifest of what happened to every row. */
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { writeFileAtomic } from '../../core/atomic-file.ts';
import { UsageError } from '../../core/errors.ts';
import { escapeCsvText } from '../../core/escape.ts';
import { isMissing } from '../../core/files.ts';
import { taskContext } from '../../harness/run.ts';
import { type AdhocOptions, adhocTask } from '../../harness/tasks/ad-hoc-task.ts';
import { type PreparedRows, prepareTask, sizesOf } from '../../harness/tasks/prepare.ts';
import { auditTask } from '../../quality/audit-task.ts';
import { type CleanedSplit, cleanSplit, type ManifestEntry } from '../../quality/clean-split.ts';
import { QUALITY_RULES } from '../../quality/thresholds.ts';
import { createOutput } from '../output.ts';
import { definitionsOf, type TaskFlags } from './tasks.ts';

export interface CleanFlags extends TaskFlags {
  readonly out: string;
  readonly twins: string;
  readonly homology?: boolean;
  readonly resplit?: boolean;
}

const TWINS = ['together', 'remove'] as const;
/** File of each split: names that `--data` reads as splits. */
const FILES = { train: 'train.jsonl', valid: 'valid.jsonl', test: 'test.jsonl' } as const;

export async function cleanTask(spec: string | undefined, flags: CleanFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const twins = TWINS.find((name) => name === flags.twins);
  if (twins === undefined) throw new UsageError(`--twins ${flags.twins}: must be together or remove`);
  const definitions = await definitionsOf(spec, flags);
  if (definitions.length !== 1) {
    const ids = definitions.map(({ id }) => id).join(', ');
    throw new UsageError(`${spec} holds ${definitions.length} tasks; clean one at a time`, `Use one of: ${ids}.`);
  }
  const out = resolve(flags.out);
  await refuseFilled(out, flags.out);
  const context = taskContext({ ...flags, allowDownload: flags.download });
  const task = await prepareTask(definitions[0], context);
  let message = '';
  const progress = (fraction: number, next: string) => {
    const step = next.replace(/:.*/, '');
    if (step !== message) output.note(`${Math.round(100 * fraction)}% ${step}`);
    message = step;
  };
  const options = { twins, homology: flags.homology ?? false, resplit: flags.resplit ?? false };
  const cleaned = cleanSplit(task.rows, task.definition.kind, { ...options, progress });
  await writeRows(out, cleaned);
  const again = await readAgain(task, out, context, cleaned);
  const counts = countActions(cleaned.manifest);
  const verdicts = (rows: PreparedRows['rows']) =>
    Object.fromEntries(
      auditTask({ kind: task.definition.kind, rows }, { homology: options.homology })
        .checks.filter(({ id }) => id.startsWith('overlap.') || id === 'construction.shuffle-twins')
        .map(({ id, verdict, value }) => [id, { verdict, value }]),
    );
  const document = {
    schema: 'glm-bench/cleaned-task@1',
    id: again.definition.id,
    hash: again.hash,
    from: { id: task.definition.id, hash: task.hash, citation: task.definition.citation },
    rules: QUALITY_RULES,
    options,
    kind: task.definition.kind,
    metric: task.definition.metric,
    classes: task.classes,
    rows: { before: sizesOf(task), after: sizesOf(again), ...counts },
    components: cleaned.components,
    checks: { before: verdicts(task.rows), after: verdicts(again.rows) },
  };
  await writeFileAtomic(join(out, 'manifest', 'task.json'), `${JSON.stringify(document, null, 2)}\n`);
  output.document(document);
  output.print(
    `${task.rows.length} rows: ${counts.kept} kept, ${counts.moved} moved to another split, ${counts.removed} removed`,
  );
  for (const [id, before] of Object.entries(document.checks.before)) {
    output.print(`  ${id}: ${before.verdict} -> ${document.checks.after[id]?.verdict}`);
  }
  output.print(`Why, row by row: ${join(flags.out, 'manifest', 'manifest.csv')}`);
  output.print(`Run it: npm run bench -- run ${runFlags(task, again.definition.id, flags.out).join(' ')}`);
  return 0;
}

/** A folder that holds anything is not written into: stale rows would be read with the new ones. */
async function refuseFilled(folder: string, given: string): Promise<void> {
  const entries = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (entries.length > 0) throw new UsageError(`--out ${given}: the folder is not empty`, 'Name a new folder.');
}

async function writeRows(folder: string, { rows, manifest }: CleanedSplit): Promise<void> {
  for (const [split, name] of Object.entries(FILES)) {
    const lines = rows
      .filter((row) => row.split === split)
      .map(({ id, sequence, label, group }) => JSON.stringify({ id, sequence, label, group }));
    await writeFileAtomic(join(folder, name), `${lines.join('\n')}\n`);
  }
  const header = 'id,split before,split after,action,group,reason';
  const lines = manifest.map(({ id, before, after, action, component, reason }) =>
    [escapeCsvText(id), before, after ?? '', action, component ?? '', escapeCsvText(reason)].join(','),
  );
  await writeFileAtomic(join(folder, 'manifest', 'manifest.csv'), `${[header, ...lines].join('\n')}\n`);
}

/** The cleaned task as `--data` reads it, so that its hash is the one of later runs. */
async function readAgain(
  task: PreparedRows,
  folder: string,
  context: Parameters<typeof prepareTask>[1],
  cleaned: CleanedSplit,
): Promise<PreparedRows> {
  const again = await prepareTask(await adhocTask(cleanedOptions(task, folder)), context);
  const rows = new Map(again.rows.map((row) => [row.id, row]));
  if (again.rows.length !== cleaned.rows.length)
    throw new Error(`${folder}: ${again.rows.length} rows were read of ${cleaned.rows.length} written`);
  for (const row of cleaned.rows) {
    const read = rows.get(row.id);
    if (read?.sequence !== row.sequence || read.split !== row.split)
      throw new Error(`${folder}: row ${row.id} is read in another form than it was written`);
  }
  return again;
}

function cleanedOptions({ definition, classes, rows }: PreparedRows, folder: string): AdhocOptions {
  const { kind, metric, alphabet } = definition;
  return {
    data: folder,
    taskId: `${definition.id}.${basename(folder)}`.replace(/[^A-Za-z0-9._+-]+/g, '-'),
    ...{ kind, metric, alphabet, sequence: 'sequence', label: 'label', id: 'id' },
    ...(kind === 'binary' ? { positive: classes[1] } : {}),
    ...(rows.some(({ group }) => group !== undefined) ? { split: 'group:group' } : {}),
  };
}

/** Flags that read the folder as {@link readAgain} does. */
function runFlags(task: PreparedRows, id: string, folder: string): string[] {
  const { kind, metric, positive, split, alphabet } = cleanedOptions(task, folder);
  const quote = (text: string) => (/^[\w./:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
  return [
    ...['--data', quote(folder), '--task-id', id, '--kind', kind ?? '', '--metric', metric ?? ''],
    ...['--id', 'id', '--sequence', 'sequence', '--label', 'label'],
    ...(positive === undefined ? [] : ['--positive', quote(positive)]),
    ...(split === undefined ? [] : ['--split', split]),
    ...(alphabet?.alphabet === 'rna' ? ['--alphabet', 'rna'] : []),
  ];
}

function countActions(manifest: readonly ManifestEntry[]): Record<ManifestEntry['action'], number> {
  const counts = { kept: 0, moved: 0, removed: 0 };
  for (const { action } of manifest) counts[action]++;
  return counts;
}
