/** The leaderboard as GitHub-flavoured Markdown: one headline and one table per task, for READMEs and pull requests. */
import { escapeMarkdown } from '../../core/escape.ts';
import { type HarmonicText, harmonicTexts } from '../board/harmonic.ts';
import { rowsOfTask, shortTaskNote, unfinishedNote } from '../board/row-order.ts';
import type { Leaderboard, LeaderboardRow, LeaderboardTask } from '../board/schema.ts';
import { leftOutNote, qualityMark } from '../board/task-quality.ts';
import { MEASURES_REMARK, type MeasureColumn, measureColumns, measured } from '../page/model-diagnostics.ts';
import {
  decimalsFor,
  formatCount,
  formatDifference,
  formatP,
  formatScore,
  formatSeconds,
  MISSING,
  VERDICT_MARKS,
} from './numbers.ts';

export function leaderboardMarkdown(board: Leaderboard): string {
  const unfinished = unfinishedNote(board.cells);
  const leftOut = leftOutNote(board);
  return [
    `# ${escapeMarkdown(board.title)}`,
    ...(unfinished ? [`> **${unfinished}**`] : []),
    ...(leftOut ? [`> ${escapeMarkdown(leftOut)}.`] : []),
    ...board.tasks.map((task) => taskSection(board, task)),
    ...harmonicTexts(board).map(harmonicSection),
    '## How to read this',
    [
      `- Score: mean over seeds; in brackets the ${board.method.interval}.`,
      `- Difference: to the best one-hot baseline of the task (${board.method.reference}); positive is better. ${board.method.test}.`,
      ...(measureColumns(board.rows).length > 0 ? [`- ${MEASURES_REMARK}.`] : []),
      `- Verdict: ${VERDICT_MARKS.better} better, ${VERDICT_MARKS.indistinguishable} indistinguishable, ${VERDICT_MARKS.worse} worse, at Holm-corrected p < 0.05. ${board.method.correction}.`,
    ].join('\n'),
  ]
    .join('\n\n')
    .concat('\n');
}

function taskSection(board: Leaderboard, task: LeaderboardTask): string {
  const rows = rowsOfTask(board, task);
  const mark = qualityMark(board, task);
  const digits = decimalsFor(rows.map((row) => row.score));
  const measures = measureColumns(rows);
  const heading = ['Contender', 'Probe', `${escapeMarkdown(task.metricLabel)} [95% interval]`];
  const measureHeads = measures.map(({ heading: name, unit }) => `${name}, ${unit}`);
  const lines = [
    [...heading, 'Difference to one-hot', 'p (Holm)', 'Verdict', ...measureHeads, 'Seeds', 'Time'],
    ['---', '---', '---:', '---:', '---:', '---', ...measures.map(() => '---:'), '---:', '---:'],
    ...rows.map((row) => rowCells(row, digits, measures)),
  ];
  const size = task.sizes ? ` · ${formatCount(task.sizes.test)} test rows` : '';
  const remarks = rows.flatMap((row) => [
    ...(row.error ? [`- **Failed**: ${escapeMarkdown(`${row.title}: ${row.error}`)}`] : []),
    ...row.notes.map((note) => `- Note: ${escapeMarkdown(`${row.title}: ${note}`)}`),
  ]);
  return [
    `## ${escapeMarkdown(task.title)}`,
    `${escapeMarkdown(task.id)} · ${escapeMarkdown(task.metricLabel)}${shortTaskNote(task)}${size}`,
    ...(mark ? [`> **✗ ${escapeMarkdown(mark)}**`] : []),
    `**${escapeMarkdown(task.headline.sentence)}**`,
    lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    ...(remarks.length > 0 ? [remarks.join('\n')] : []),
  ].join('\n\n');
}

function harmonicSection({ title, remark, heads, lines }: HarmonicText): string {
  const rule = heads.map((_, i) => (i < 2 ? '---' : '---:'));
  const table = [heads, rule, ...lines.map((cells) => cells.map(escapeMarkdown))];
  return [
    `## ${escapeMarkdown(title)}`,
    escapeMarkdown(remark),
    table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
  ].join('\n\n');
}

function rowCells(row: LeaderboardRow, digits: number, measures: readonly MeasureColumn[]): string[] {
  const title = escapeMarkdown(row.title);
  const comparison = row.vsOneHot;
  const verdict = comparison?.verdict;
  const differenceDigits = Math.max(3, digits);
  return [
    row.isReference ? `**${title}**` : title,
    row.probe === 'none' ? '' : escapeMarkdown(row.probe),
    row.status === 'done'
      ? `${formatScore(row.score, digits)} [${formatScore(row.ci.low, digits)}, ${formatScore(row.ci.high, digits)}]`
      : MISSING,
    row.isReference
      ? 'reference'
      : comparison
        ? `${formatDifference(comparison.difference, differenceDigits)} [${formatDifference(comparison.ci.low, differenceDigits)}, ${formatDifference(comparison.ci.high, differenceDigits)}]`
        : MISSING,
    comparison ? formatP(comparison.pHolm).replace('<', '&lt;') : '',
    verdict ? `${VERDICT_MARKS[verdict]} ${verdict}` : row.status === 'done' ? '' : row.status,
    ...measures.map((column) => measured(row, column)),
    String(row.seeds),
    formatSeconds(row.seconds),
  ];
}
