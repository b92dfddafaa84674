/** The leaderboard for a terminal: one aligned table per task, colours only where asked for (the caller knows whether it is a TTY). */

import { escapeTerminal } from '../../core/escape.ts';
import { aligned } from '../../core/text-table.ts';
import { type HarmonicText, harmonicTexts } from '../board/harmonic.ts';
import { rowsOfTask, shortTaskNote, shortTitle, unfinishedNote } from '../board/row-order.ts';
import type { Leaderboard, LeaderboardRow, LeaderboardTask } from '../board/schema.ts';
import { leftOutNote, qualityMark } from '../board/task-quality.ts';
import { measureColumns, measured } from '../page/model-diagnostics.ts';
import {
  clip,
  decimalsFor,
  formatCount,
  formatDifference,
  formatP,
  formatScore,
  formatSeconds,
  MISSING,
  VERDICT_MARKS,
} from './numbers.ts';

export interface TerminalOptions {
  /** Default: standard output is a TTY and NO_COLOR is not set. */
  readonly colour?: boolean;
}

const CODES = { bold: '1', dim: '2', red: '31', blue: '34', yellow: '33' } as const;
type Paint = (code: keyof typeof CODES, text: string) => string;

interface Column {
  readonly heading: string;
  readonly right?: boolean;
  readonly cell: (row: LeaderboardRow) => string;
}

export function leaderboardTerminal(board: Leaderboard, options: TerminalOptions = {}): string {
  const colour = options.colour ?? (process.stdout.isTTY === true && !process.env.NO_COLOR);
  const paint: Paint = (code, text) => (colour ? `\u001b[${CODES[code]}m${text}\u001b[0m` : text);
  const parts = [paint('bold', escapeTerminal(board.title))];
  for (const task of board.tasks) parts.push(taskTable(board, task, paint));
  for (const table of harmonicTexts(board)) parts.push(harmonicTable(table, paint));
  const unfinished = unfinishedNote(board.cells);
  if (unfinished) parts.push(paint('yellow', unfinished));
  const leftOut = leftOutNote(board);
  if (leftOut) parts.push(paint('red', `${leftOut}.`));
  parts.push(
    paint(
      'dim',
      `Intervals: ${board.method.interval}.\nDifferences (positive = better): ${board.method.test}.\n${board.method.correction}.`,
    ),
  );
  return `${parts.join('\n\n')}\n`;
}

function taskTable(board: Leaderboard, task: LeaderboardTask, paint: Paint): string {
  const rows = rowsOfTask(board, task);
  const scored = rows.filter((row) => row.status === 'done');
  const scoreDigits = decimalsFor(scored.map((row) => row.score));
  const digits = Math.max(scoreDigits, 3);
  const columns: Column[] = [
    { heading: 'Contender', cell: (row) => escapeTerminal(shortTitle(row, 40)) },
    { heading: 'Probe', cell: (row) => clip(escapeTerminal(row.probe === 'none' ? '' : row.probe), 20) },
    { heading: task.metricLabel, right: true, cell: (row) => formatScore(row.score, scoreDigits) },
    { heading: '95% interval', cell: (row) => range(row.ci, (value) => formatScore(value, scoreDigits)) },
    {
      heading: 'vs one-hot',
      right: true,
      cell: (row) => (row.isReference ? 'reference' : formatDifference(row.vsOneHot?.difference ?? null, digits)),
    },
    {
      heading: '95% interval',
      cell: (row) =>
        row.vsOneHot
          ? range(row.vsOneHot.ci, (value) => formatDifference(value, digits))
          : row.isReference
            ? ''
            : MISSING,
    },
    { heading: 'p (Holm)', right: true, cell: (row) => (row.vsOneHot ? formatP(row.vsOneHot.pHolm) : '') },
    {
      heading: 'Verdict',
      cell: (row) => {
        const verdict = row.vsOneHot?.verdict;
        if (verdict) return `${VERDICT_MARKS[verdict]} ${verdict}`;
        return row.isReference ? '◆ reference' : row.status === 'done' ? '' : row.status;
      },
    },
    ...measureColumns(rows).map((column) => ({
      heading: `${column.short}, ${column.unit}`,
      right: true,
      cell: (row: LeaderboardRow) => measured(row, column),
    })),
    { heading: 'Seeds', right: true, cell: (row) => String(row.seeds) },
    { heading: 'Time', right: true, cell: (row) => formatSeconds(row.seconds) },
  ];
  const table = [columns.map((column) => column.heading), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const lines = aligned(table, (c) => columns[c].right === true);
  const painted = lines.slice(1).map((line, i) => paintRow(rows[i], line, paint));
  const mark = qualityMark(board, task);
  const size = task.sizes ? ` · ${formatCount(task.sizes.test)} test rows` : '';
  const problems = rows.flatMap((row) => [
    ...(row.error ? [paint('red', `  failed: ${escapeTerminal(`${row.title}: ${row.error}`)}`)] : []),
    ...row.notes.map((note) => paint('yellow', `  note: ${escapeTerminal(`${row.title}: ${note}`)}`)),
  ]);
  return [
    paint('bold', escapeTerminal(`${task.title} (${task.id})`)) + paint('dim', `${size}${shortTaskNote(task)}`),
    ...(mark ? [paint('red', escapeTerminal(`✗ ${mark}`))] : []),
    escapeTerminal(task.headline.sentence),
    '',
    paint('dim', lines[0]),
    ...painted,
    ...problems,
  ].join('\n');
}

function harmonicTable({ title, remark, heads, lines }: HarmonicText, paint: Paint): string {
  const clipped = lines.map((cells) => cells.map((text, c) => (c < 2 ? clip(escapeTerminal(text), 40) : text)));
  const [head, ...body] = aligned([heads, ...clipped], (c) => c >= 2);
  return [
    paint('bold', escapeTerminal(title)),
    paint('dim', escapeTerminal(remark)),
    '',
    paint('dim', head),
    ...body,
  ].join('\n');
}

function paintRow(row: LeaderboardRow, line: string, paint: Paint): string {
  if (row.status === 'failed') return paint('red', line);
  if (row.status === 'missing') return paint('dim', line);
  if (row.isReference) return paint('bold', line);
  if (row.vsOneHot?.verdict === 'better') return paint('blue', line);
  if (row.vsOneHot?.verdict === 'worse') return paint('yellow', line);
  return line;
}

function range(ci: { low: number | null; high: number | null }, format: (value: number | null) => string): string {
  return ci.low === null || ci.high === null ? MISSING : `${format(ci.low)} to ${format(ci.high)}`;
}
