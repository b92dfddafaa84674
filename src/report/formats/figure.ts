/**
 * The whole board as one stand-alone SVG picture for a README: per task a forest plot of differences to the one-hot reference.
 * Styled by presentation rules of its own, light and dark; needs no network, script or font file.
 */
import { escapeHtml } from '../../core/escape.ts';
import { rowsOfTask, shortTitle } from '../board/row-order.ts';
import type { Leaderboard, LeaderboardRow, LeaderboardTask } from '../board/schema.ts';
import { forestAxis, forestDomain, forestMarks } from '../charts/svg.ts';
import { clip, formatDifference, formatScore, VERDICT_MARKS } from './numbers.ts';

const WIDTH = 860;
const ROW = 24;
const PLOT = { left: 365, right: 715 };

export const PLOT_COLOURS = `
  svg, :root { --ink:#1c2126; --soft:#5b6670; --rule:#d9dde1; --zero:#7a858f; --better:#0b62a8; --worse:#b34700; --even:#66717b; --paper:#ffffff; }
  @media (prefers-color-scheme: dark) {
    svg, :root { --ink:#e8eaed; --soft:#a3adb8; --rule:#343b42; --zero:#7d8894; --better:#6db6f2; --worse:#f29b5c; --even:#a3adb8; --paper:#14181c; }
  }`;

export const PLOT_RULES = `
  .grid { stroke: var(--rule); stroke-width: 1; fill: none; }
  .zero { stroke: var(--zero); stroke-width: 1.25; fill: none; }
  .whisker { stroke-width: 2; fill: none; stroke-linecap: round; }
  .whisker.better { stroke: var(--better); } .whisker.worse { stroke: var(--worse); } .whisker.indistinguishable { stroke: var(--even); }
  .mark.better { fill: var(--better); } .mark.worse { fill: var(--worse); } .mark.reference { fill: var(--ink); }
  .mark.indistinguishable { fill: var(--paper); stroke: var(--even); stroke-width: 2; }
  .tick { fill: var(--soft); font-size: 11px; text-anchor: middle; font-variant-numeric: tabular-nums; }
  .tick.end { text-anchor: end; } .tick.start { text-anchor: start; }`;

const FIGURE_RULES = `
  text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); font-size: 12.5px; }
  .background { fill: var(--paper); }
  .title { font-size: 17px; font-weight: 600; } .task { font-size: 14px; font-weight: 600; }
  .soft { fill: var(--soft); } .number { text-anchor: end; font-variant-numeric: tabular-nums; }
  .verdict.better { fill: var(--better); } .verdict.worse { fill: var(--worse); } .verdict.indistinguishable { fill: var(--soft); }
  .rule { stroke: var(--rule); }`;

export function leaderboardSvg(board: Leaderboard): string {
  let y = 64;
  const blocks: string[] = [];
  for (const task of board.tasks) {
    const block = taskBlock(board, task, y);
    blocks.push(block.svg);
    y = block.end + 26;
  }
  const legend = `Difference to the best one-hot baseline, 95% interval; ${VERDICT_MARKS.better} better  ${VERDICT_MARKS.indistinguishable} indistinguishable  ${VERDICT_MARKS.worse} worse  ◆ reference`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-labelledby="title">`,
    `<title id="title">${escapeHtml(`${board.title}: differences to the best one-hot baseline`)}</title>`,
    `<style>${PLOT_COLOURS}${PLOT_RULES}${FIGURE_RULES}</style>`,
    `<rect class="background" width="${WIDTH}" height="${y}"/>`,
    `<text class="title" x="16" y="28">${escapeHtml(clip(board.title, 90))}</text>`,
    `<text class="soft" x="16" y="48">${escapeHtml(legend)}</text>`,
    ...blocks,
    '</svg>\n',
  ].join('\n');
}

function taskBlock(board: Leaderboard, task: LeaderboardTask, top: number): { svg: string; end: number } {
  const rows = rowsOfTask(board, task);
  const domain = forestDomain(rows);
  const first = top + 30;
  const parts = [
    `<path class="rule" d="M16 ${top}H${WIDTH - 16}"/>`,
    `<text class="task" x="16" y="${top + 20}">${escapeHtml(clip(task.title, 70))}</text>`,
    `<text class="soft number" x="${WIDTH - 16}" y="${top + 20}">${escapeHtml(task.metricLabel)}${task.sizes ? `, n = ${task.sizes.test}` : ''}</text>`,
    ...rows.map((row, i) => rowMarks(row, domain, first + i * ROW)),
    forestAxis(domain, PLOT.left, PLOT.right, first + rows.length * ROW + 14),
  ];
  return { svg: parts.join('\n'), end: first + rows.length * ROW + 20 };
}

function rowMarks(row: LeaderboardRow, domain: ReturnType<typeof forestDomain>, top: number): string {
  const text = top + ROW / 2 + 4.5;
  const probe = row.probe === 'none' ? '' : ` · ${row.probe}`;
  const name = `${shortTitle(row, 42 - probe.length)}${probe}`;
  const verdict = row.vsOneHot?.verdict;
  const said = verdict
    ? `${VERDICT_MARKS[verdict]} ${formatDifference(row.vsOneHot!.difference)}`
    : row.isReference
      ? 'reference'
      : row.status;
  return [
    `<text x="16" y="${text}">${escapeHtml(clip(name, 48))}</text>`,
    `<text class="number" x="${PLOT.left - 22}" y="${text}">${formatScore(row.score)}</text>`,
    forestMarks(row.vsOneHot, row.isReference, domain, { ...PLOT, top, bottom: top + ROW }),
    `<text class="verdict ${verdict ?? ''}" x="${PLOT.right + 22}" y="${text}">${said}</text>`,
  ].join('');
}
