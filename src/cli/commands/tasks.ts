/** `tasks list`, `show`, `validate`: what a task is, what is in its data, and whether a plugin is fit to be run. */

import { UsageError } from '../../core/errors.ts';
import { textTable } from '../../core/text-table.ts';
import type { TaskDefinition } from '../../harness/contracts.ts';
import { findTasks, listShipped } from '../../harness/definitions.ts';
import { taskContext } from '../../harness/run.ts';
import type { PreparedRows } from '../../harness/tasks/prepare.ts';
import { validateTaskFile } from '../../harness/tasks/validate.ts';
import { adhocOptions, type DataFlags } from '../options.ts';
import { createOutput, type Output } from '../output.ts';

export interface TaskFlags extends DataFlags {
  readonly json?: boolean;
  readonly dataFolder?: string;
  readonly cacheFolder?: string;
  readonly download?: boolean;
}

export async function listTasks(flags: TaskFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const tasks = (await listShipped('task')).map(({ definition }) => definition);
  output.document(tasks.map(card));
  output.print(textTable([['ID', 'KIND', 'METRIC', 'TITLE'], ...tasks.map((t) => [t.id, t.kind, t.metric, t.title])]));
  output.print('\nThese ship with the package; any plugin file is a task too: --task FILE. More: tasks show ID');
  return 0;
}

function card({ load: _load, ...facts }: TaskDefinition): Record<string, unknown> {
  return { ...facts };
}

export async function definitionsOf(spec: string | undefined, flags: TaskFlags): Promise<TaskDefinition[]> {
  const data = adhocOptions(flags);
  if (data && spec === undefined) return [await (await import('../../harness/tasks/ad-hoc-task.ts')).adhocTask(data)];
  if (spec === undefined) throw new UsageError('Which task? Give an id, a file, or --data PATH', 'See `tasks list`.');
  if (data) throw new UsageError('Give a task or --data PATH, not both');
  return (await findTasks(spec)).map(({ definition }) => definition);
}

/** The tasks of an id, a file, a package or `--data`, with their rows. */
export async function prepareAll(spec: string | undefined, flags: TaskFlags): Promise<PreparedRows[]> {
  const { prepareTask } = await import('../../harness/tasks/prepare.ts');
  const prepared: PreparedRows[] = [];
  for (const definition of await definitionsOf(spec, flags)) {
    prepared.push(await prepareTask(definition, taskContext({ ...flags, allowDownload: flags.download })));
  }
  return prepared;
}

/** `tasks show`: the card, and a few rows. */
export async function showTask(spec: string | undefined, flags: TaskFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const documents: unknown[] = [];
  const { sizesOf } = await import('../../harness/tasks/prepare.ts');
  for (const task of await prepareAll(spec, flags)) {
    const { definition, classes, hash, rows, splitDescription, alphabetChanges, notes, skipped } = task;
    const examples = rows.slice(0, 3).map(({ id, sequence, label, split }) => ({ id, sequence, label, split }));
    const facts = {
      classes,
      sizes: sizesOf(task),
      hash,
      split: splitDescription,
      alphabetChanges,
      notes,
      skippedRows: skipped,
      examples,
    };
    documents.push({ ...card(definition), ...facts });
    output.print(`${definition.title} (${definition.id})\n${definition.description ?? ''}`.trimEnd());
    const sizes = Object.entries(facts.sizes).map(([name, count]) => `${count} ${name}`);
    output.print(
      textTable([
        ['  kind', `${definition.kind}, primary metric ${definition.metric}`],
        ...(definition.harmonicWith ? [['  joined', `in a harmonic mean with ${definition.harmonicWith}`]] : []),
        ['  rows', `${sizes.join(', ')} (split: ${splitDescription})`],
        ['  classes', classes.slice(0, 20).join(', ') + (classes.length > 20 ? `, ... (${classes.length})` : '')],
        [
          '  letters',
          Object.entries(alphabetChanges)
            .map(([what, n]) => `${n} ${what}`)
            .join(', ') || 'unchanged',
        ],
        ...notes.map((line) => ['  noted', line]),
        ['  citation', definition.citation],
        ['  licence', definition.licence],
        ['  hash', hash],
        ...examples.map((row) => [
          '  example',
          `${row.id}: ${row.sequence.slice(0, 60)} -> ${JSON.stringify(row.label)}`,
        ]),
      ]),
    );
  }
  output.document(documents.length === 1 ? documents[0] : documents);
  return 0;
}

/** `tasks validate FILE`. */
export async function validateTask(file: string, flags: TaskFlags): Promise<number> {
  const output: Output = createOutput(flags.json ?? false);
  const context = taskContext({ ...flags, allowDownload: flags.download });
  const reports = await validateTaskFile(file, context, (line) => output.print(line));
  output.document(reports.length === 1 ? reports[0] : reports);
  output.print(`\n${file} is fit to be run: npm run bench -- run --task ${file}`);
  return 0;
}
