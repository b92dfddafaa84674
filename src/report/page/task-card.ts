/** A task's card on the page: what the data are, how they were divided, and what the audit found, leakage first. */
import { z } from 'zod';
import { escapeHtml } from '../../core/escape.ts';
import type { LeaderboardTask } from '../board/schema.ts';
import { round } from '../charts/svg.ts';
import { capitalise, formatCount, MISSING } from '../formats/numbers.ts';
import { definitionList, linked } from './json-as-html.ts';

const duplicates = z.object({ exact: z.number(), reverseComplement: z.number(), near: z.number() });

/** The audit of `src/quality/audit.ts`, as far as it is drawn; a record of another shape is shown as a plain list. */
const auditSchema = z.object({
  splits: z.record(
    z.string(),
    z.object({
      rows: z.number(),
      unique: z.number(),
      length: z.object({ min: z.number(), median: z.number(), max: z.number() }),
      unknownFraction: z.number(),
      gc: z.number().nullable(),
      classes: z.record(z.string(), z.number()).optional(),
      quantiles: z.array(z.array(z.number())).optional(),
    }),
  ),
  within: z.record(z.string(), duplicates),
  across: z.array(duplicates.extend({ from: z.string(), to: z.string() })),
  conflictingLabels: z.object({
    sequences: z.number(),
    rows: z.number(),
    oppositeSequences: z.number(),
    oppositeRows: z.number(),
  }),
  nearDuplicates: z.object({ k: z.number(), jaccard: z.number() }),
});
type Audit = z.infer<typeof auditSchema>;

const MOST_CLASSES = 12;

/** Test (or other later) rows with a duplicate in an earlier split; undefined where the audit has another shape. */
export function leakedRows(task: LeaderboardTask): number | undefined {
  const audit = auditSchema.safeParse(task.audit);
  if (!audit.success) return undefined;
  return audit.data.across.filter(({ to }) => to === 'test').reduce((sum, pair) => sum + total(pair), 0);
}

export function taskCardHtml(task: LeaderboardTask): string {
  const facts: [string, string][] = [
    ['Citation', task.citation === null ? MISSING : linked(task.citation)],
    ['Licence', task.licence === null ? MISSING : linked(task.licence)],
    ...(task.url ? [['Source', linked(task.url)] as [string, string]] : []),
    ['Kind', escapeHtml(task.kind ?? MISSING)],
    ...(task.classes.length > 0 ? [['Classes', classNames(task.classes)] as [string, string]] : []),
    ['Split', escapeHtml(task.split ?? MISSING)],
    ['Data hash', `<code>${escapeHtml(task.hash)}</code>`],
  ];
  const parsed = auditSchema.safeParse(task.audit);
  const changes = Object.keys(task.alphabetChanges).length > 0 ? definitionList(task.alphabetChanges) : '<p>None.</p>';
  const audit = parsed.success
    ? auditHtml(parsed.data)
    : definitionList(task.audit, { alarm: true }) || '<p>No audit was stored.</p>';
  return [
    `<dl>${facts.map(([name, html]) => `<div><dt>${name}</dt><dd>${html}</dd></div>`).join('')}</dl>`,
    ...(task.notes?.length
      ? [`<h3>Noted on reading</h3><ul>${task.notes.map((line) => `<li>${escapeHtml(line)}</li>`).join('')}</ul>`]
      : []),
    `<h3>Letters changed on reading</h3>${changes}`,
    `<h3>Audit</h3>${audit}`,
  ].join('');
}

function auditHtml(audit: Audit): string {
  const near = `near: Jaccard index of canonical ${audit.nearDuplicates.k}-mers at least ${audit.nearDuplicates.jaccard}`;
  const splits = Object.entries(audit.splits).map(([name, split]) => [
    capitalise(name),
    formatCount(split.rows),
    formatCount(split.unique),
    `${split.length.min} / ${split.length.median} / ${split.length.max}`,
    split.gc === null ? MISSING : `${(100 * split.gc).toFixed(1)}%`,
    `${(100 * split.unknownFraction).toFixed(2)}%`,
  ]);
  const shared = [
    ...audit.across.map((pair) => ({ ...pair, name: `${capitalise(pair.to)} rows also in ${pair.from}`, leak: true })),
    ...Object.entries(audit.within).map(([name, counts]) => ({
      ...counts,
      name: `Repeated within ${name}`,
      leak: false,
    })),
  ];
  const { sequences, rows, oppositeSequences, oppositeRows } = audit.conflictingLabels;
  const conflict =
    oppositeSequences > 0
      ? `<p class="banner">⚠ ${formatCount(sequences)} sequences (${formatCount(rows)} rows) carry contradicting labels; ${formatCount(oppositeSequences)} (${formatCount(oppositeRows)} rows) when strand is ignored.</p>`
      : '<p>No sequence carries contradicting labels.</p>';
  const quantiles = Object.entries(audit.splits).filter(([, split]) => split.quantiles);
  return [
    table(['Split', 'Rows', 'Unique', 'Length min / median / max', 'GC', 'Other letters'], splits),
    `<h3>Duplicates and leakage</h3><p class="soft">${near}</p>`,
    duplicateTable(shared),
    conflict,
    ...classBalance(audit),
    ...(quantiles.length > 0
      ? [
          `<h3>Targets: minimum, quartiles, maximum</h3>${definitionList(Object.fromEntries(quantiles.map(([name, split]) => [name, split.quantiles!.map((five) => five.map((q) => Number(q.toPrecision(4))).join(', '))])))}`,
        ]
      : []),
  ].join('');
}

function duplicateTable(
  rows: readonly { name: string; leak: boolean; exact: number; reverseComplement: number; near: number }[],
): string {
  const cell = (count: number, leak: boolean) =>
    count > 0 && leak
      ? `<td class="right num alarm"><b>⚠ ${formatCount(count)}</b></td>`
      : `<td class="right num">${formatCount(count)}</td>`;
  const body = rows.map(
    (row) =>
      `<tr><td>${escapeHtml(row.name)}</td>${[row.exact, row.reverseComplement, row.near].map((count) => cell(count, row.leak)).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr><th scope="col">Where</th><th scope="col" class="right">Exact</th><th scope="col" class="right">Reverse complement</th><th scope="col" class="right">Near</th></tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** Share of each class in the training rows, with counts of every split. */
function classBalance(audit: Audit): string[] {
  const names = Object.keys(audit.splits).filter((name) => audit.splits[name].classes);
  if (names.length === 0) return [];
  const first = audit.splits[names[0]];
  const classes = [...new Set(names.flatMap((name) => Object.keys(audit.splits[name].classes!)))];
  const most = Math.max(...Object.values(first.classes!));
  const bars = classes.slice(0, MOST_CLASSES).map((name) => {
    const counts = names.map((split) => formatCount(audit.splits[split].classes![name] ?? 0)).join(' / ');
    const width = round((100 * (first.classes![name] ?? 0)) / most);
    return `<div><span>${escapeHtml(name)}</span><svg viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true"><rect width="${width}" height="9"/></svg><span class="num">${counts}</span></div>`;
  });
  const more =
    classes.length > MOST_CLASSES
      ? `<p class="soft">and ${formatCount(classes.length - MOST_CLASSES)} more classes in leaderboard.json</p>`
      : '';
  return [
    `<h3>Class balance <span class="soft">(${names.map(escapeHtml).join(' / ')})</span></h3>`,
    `<div class="bars">${bars.join('')}</div>${more}`,
  ];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const right = (i: number) => (i === 0 ? '' : ' class="right num"');
  const head = heads.map((text, i) => `<th scope="col"${right(i)}>${escapeHtml(text)}</th>`).join('');
  const body = rows.map(
    (row) => `<tr>${row.map((text, i) => `<td${right(i)}>${escapeHtml(text)}</td>`).join('')}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function classNames(classes: readonly string[]): string {
  const more = classes.length > 24 ? `, and ${classes.length - 24} more` : '';
  return escapeHtml(classes.slice(0, 24).join(', ') + more);
}

function total({ exact, reverseComplement, near }: { exact: number; reverseComplement: number; near: number }): number {
  return exact + reverseComplement + near;
}
