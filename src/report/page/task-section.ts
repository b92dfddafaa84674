/** One task on the page: headline, sortable board with the forest plot, all metrics, what was chosen, learning curves, card. */

import { escapeHtml } from '../../core/escape.ts';
import { METRIC_NAMES } from '../../metrics/metric.ts';
import { METRICS } from '../../metrics/metric-table.ts';
import { rowsOfTask, shortTaskNote, titleOf } from '../board/row-order.ts';
import type { Comparison, Leaderboard, LeaderboardRow, LeaderboardTask, Verdict } from '../board/schema.ts';
import { qualityMark } from '../board/task-quality.ts';
import { learningCurves } from '../charts/curves.ts';
import { type Domain, forestAxis, forestDomain, forestMarks } from '../charts/svg.ts';
import {
  decimalsFor,
  formatCount,
  formatDifference,
  formatP,
  formatScore,
  formatSeconds,
  MISSING,
  plural,
  VERDICT_MARKS,
} from '../formats/numbers.ts';
import { definitionList } from './json-as-html.ts';
import { type MeasureColumn, measureColumns, measured } from './model-diagnostics.ts';
import { qualityTable } from './quality-table.ts';
import { leakedRows, taskCardHtml } from './task-card.ts';

const PLOT = { width: 200, height: 44, left: 15, right: 183 };

export function taskSection(board: Leaderboard, task: LeaderboardTask, index: number): string {
  const rows = rowsOfTask(board, task);
  const leaked = leakedRows(task);
  const mark = qualityMark(board, task);
  const sizes = task.sizes
    ? ` · ${formatCount(task.sizes.train)} training, ${formatCount(task.sizes.valid)} validation, ${formatCount(task.sizes.test)} test rows`
    : '';
  const remarks = rows.flatMap((row) => row.notes.map((note) => `<li>${escapeHtml(`${row.title}: ${note}`)}</li>`));
  const comparisons = comparisonsTable(rows, task);
  const curves = learningCurves(rows);
  return [
    `<section class="task" id="task-${index}" data-task="${index}" aria-labelledby="title-${index}">`,
    `<h2 id="title-${index}">${escapeHtml(task.title)}</h2>`,
    `<p class="meta"><code>${escapeHtml(task.id)}</code> · ${escapeHtml(task.metricLabel)}${shortTaskNote(task)}${sizes}</p>`,
    `<p class="headline">${escapeHtml(task.headline.sentence)}</p>`,
    mark ? `<p class="banner" data-quality="fail">✗ ${escapeHtml(mark)}</p>` : '',
    leaked
      ? `<p class="banner">⚠ ${plural(leaked, 'test row')} ${leaked === 1 ? 'has a duplicate' : 'have duplicates'} in earlier splits: scores may reward memory. See the task card.</p>`
      : '',
    boardTable(task, rows),
    remarks.length > 0 ? `<ul class="remarks">${remarks.join('')}</ul>` : '',
    fold(
      'Task card',
      ' description, citation, split, audit',
      `${task.description ? `<p>${escapeHtml(task.description)}</p>` : ''}${taskCardHtml(task)}`,
    ),
    task.quality ? fold('Audit of the data', ` ${task.quality.verdict}: every check`, qualityTable(task.quality)) : '',
    comparisons ? fold('Comparisons in full', ' with a second opinion from a classical test', comparisons) : '',
    fold('All metrics', ' mean over seeds', metricsTable(rows)),
    fold('Chosen on validation data', ' and how each fit went, per seed', chosen(rows)),
    curves ? fold('Learning curves', '', curves) : '',
    '</section>',
  ].join('\n');
}

/** Shape, colour and word; never colour alone. */
export function badge(verdict: Verdict | null, otherwise = ''): string {
  return verdict
    ? `<span class="badge ${verdict}"><span aria-hidden="true">${VERDICT_MARKS[verdict]}</span>${verdict}</span>`
    : otherwise && `<span class="badge none">${escapeHtml(otherwise)}</span>`;
}

function boardTable(task: LeaderboardTask, rows: readonly LeaderboardRow[]): string {
  const digits = decimalsFor(rows.map((row) => row.score));
  const domain = forestDomain(rows);
  const measures = measureColumns(rows);
  const better = task.higherIsBetter ? 'descending' : 'ascending';
  const head = (key: string, text: string, first: string, sorted = false, classes = '') =>
    `<th scope="col" data-first="${first}"${sorted ? ` aria-sort="${first}"` : ''}${classes && ` class="${classes}"`}><button type="button" data-key="${key}">${escapeHtml(text)}</button></th>`;
  return [
    '<div class="scroll"><table class="board" data-sortable>',
    '<thead><tr>',
    head('name', 'Contender', 'ascending'),
    head('score', task.metricLabel, better, true),
    head('difference', 'vs one-hot', 'descending'),
    '<th scope="col" class="bare"><span class="soft">← worse · better →</span></th>',
    head('verdict', 'Verdict', 'descending'),
    ...measures.map(({ key, short }) => head(key.toLowerCase(), short, 'descending', false, 'right')),
    head('validation', 'Valid.', 'descending', false, 'right'),
    head('seconds', 'Time', 'ascending', false, 'right'),
    '</tr></thead><tbody>',
    ...rows.map((row) => boardRow(row, digits, domain, measures)),
    `</tbody><tfoot><tr><td colspan="3"></td><td class="forest"><svg viewBox="0 0 ${PLOT.width} 18" aria-hidden="true">${forestAxis(domain, PLOT.left, PLOT.right, 13)}</svg></td><td colspan="${3 + measures.length}"></td></tr></tfoot></table></div>`,
  ].join('\n');
}

const VERDICT_ORDER: Readonly<Record<Verdict, number>> = {
  better: 3,
  indistinguishable: 1,
  'needs seeds': 0.5,
  worse: 0,
};

function boardRow(row: LeaderboardRow, digits: number, domain: Domain, measures: readonly MeasureColumn[]): string {
  const comparison = row.vsOneHot;
  const keys: Readonly<Record<string, string | number | null | undefined>> = {
    kind: row.kind ?? '',
    name: `${row.title} ${row.probe}`,
    score: row.score,
    difference: row.isReference ? 0 : comparison?.difference,
    verdict: row.isReference ? 2 : comparison?.verdict && VERDICT_ORDER[comparison.verdict],
    validation: row.validationScore,
    seconds: row.seconds,
    ...Object.fromEntries(measures.map(({ key }) => [key.toLowerCase(), row.diagnostics?.[key]])),
  };
  const attributes = Object.entries(keys).map(([key, value]) => `data-${key}="${escapeHtml(String(value ?? ''))}"`);
  const kind = [row.kind === 'baseline' && row.family ? `${row.family} baseline` : (row.kind ?? 'contender')];
  if (row.probe !== 'none') kind.push(row.probe);
  const who = `<td class="who"><span class="title">${escapeHtml(row.title)}</span><small>${escapeHtml(kind.join(' · '))}</small></td>`;
  const open = `<tr class="${row.isReference ? 'reference' : row.status}" ${attributes.join(' ')}>`;
  if (row.status !== 'done') {
    const why = row.status === 'failed' ? `Failed: ${row.error}` : 'Planned, not yet run';
    return `${open}${who}<td class="why" colspan="${6 + measures.length}">${row.status === 'failed' ? '<b aria-hidden="true">✕ </b>' : ''}${escapeHtml(why)}</td></tr>`;
  }
  const more = Math.max(3, digits);
  const difference = row.isReference
    ? '<span class="soft">reference</span>'
    : comparison
      ? `<span class="num">${formatDifference(comparison.difference, more)}</span><small class="num">${formatDifference(comparison.ci.low, more)} to ${formatDifference(comparison.ci.high, more)}</small>`
      : MISSING;
  const spread = row.seedSpread === null ? '' : `, ± ${formatScore(row.seedSpread, more)}`;
  return [
    open,
    who,
    `<td class="score"><span class="num"><b>${formatScore(row.score, digits)}</b></span><small class="num">${formatScore(row.ci.low, digits)} to ${formatScore(row.ci.high, digits)}</small></td>`,
    `<td class="difference">${difference}</td>`,
    `<td class="forest">${forestSvg(row, domain)}</td>`,
    `<td class="said">${row.isReference ? '<span class="badge"><span aria-hidden="true">◆</span>reference</span>' : badge(comparison?.verdict ?? null)}${comparison ? `<small class="num">p ${escapeHtml(formatP(comparison.pHolm).replace(/^(?!<)/, '= '))}</small>` : ''}</td>`,
    ...measures.map((column) => measureCell(row, column)),
    `<td class="right num" data-label="valid.">${formatScore(asMetric(row), digits)}</td>`,
    `<td class="right" data-label="time"><span class="num">${formatSeconds(row.seconds)}</span><small class="num">${plural(row.seeds, 'seed')}${spread}</small></td></tr>`,
  ].join('');
}

function measureCell(row: LeaderboardRow, column: MeasureColumn): string {
  const value = row.diagnostics?.[column.key];
  const why = row.diagnostics?.missing.join('; ');
  const title = typeof value !== 'number' && why ? ` title="${escapeHtml(why)}"` : '';
  return `<td class="right" data-label="${column.heading.toLowerCase()}"${title}><span class="num">${measured(row, column)}</span></td>`;
}

/** Validation scores are stored larger-is-better; shown in the metric's own direction, to be set beside the test score. */
function asMetric({ validationScore, higherIsBetter }: LeaderboardRow): number | null {
  return validationScore === null ? null : validationScore * (higherIsBetter ? 1 : -1);
}

function forestSvg(row: LeaderboardRow, domain: Domain): string {
  const { vsOneHot } = row;
  const said = row.isReference
    ? 'reference, difference 0'
    : vsOneHot
      ? `difference ${formatDifference(vsOneHot.difference)}, ${formatDifference(vsOneHot.ci.low)} to ${formatDifference(vsOneHot.ci.high)}, ${vsOneHot.verdict ?? 'undefined'}`
      : 'no comparison';
  const marks = forestMarks(vsOneHot, row.isReference, domain, { ...PLOT, top: 0, bottom: PLOT.height });
  return `<svg viewBox="0 0 ${PLOT.width} ${PLOT.height}" role="img" aria-label="${escapeHtml(said)}">${marks}</svg>`;
}

const SECOND_TESTS = { mcnemar: 'McNemar', wilcoxon: 'Wilcoxon' } as const;

/** Every comparison of the task, the one with the control included; undefined where there is none. */
function comparisonsTable(rows: readonly LeaderboardRow[], task: LeaderboardTask): string | undefined {
  const { model, vsControl } = task.headline;
  const nameOf = (contender: string, label: string | undefined, probe: string) => {
    const title = titleOf(rows, contender, label);
    return escapeHtml(probe === 'none' ? title : `${title} · ${probe}`);
  };
  const line = (row: { contender: string; label?: string; probe: string }, comparison: Comparison) => {
    const { reference, referenceLabel, referenceProbe, difference, ci, p, pHolm, secondOpinion } = comparison;
    const second = secondOpinion ? `${SECOND_TESTS[secondOpinion.test]} ${formatP(secondOpinion.p)}` : MISSING;
    const numbers = [
      `${formatDifference(difference)} (${formatDifference(ci.low)} to ${formatDifference(ci.high)})`,
      formatP(p),
      comparison === vsControl ? 'alone' : formatP(pHolm),
      second,
    ];
    const cells = numbers.map((text) => `<td class="right num">${escapeHtml(text)}</td>`).join('');
    return `<tr><td>${nameOf(row.contender, row.label, row.probe)}</td><td>${nameOf(reference, referenceLabel, referenceProbe)}</td>${cells}</tr>`;
  };
  const lines = rows.flatMap((row) => (row.vsOneHot ? [line(row, row.vsOneHot)] : []));
  for (const row of rows) if (row.vsRowZero) lines.push(line(row, row.vsRowZero));
  if (model && vsControl) lines.push(line(model, vsControl));
  if (lines.length === 0) return undefined;
  const heads = ['Difference (95% interval)', 'p', 'p (Holm)', 'Second opinion, p'];
  const right = heads.map((text) => `<th scope="col" class="right">${text}</th>`).join('');
  return `<div class="scroll"><table><thead><tr><th scope="col">Contender</th><th scope="col">Against</th>${right}</tr></thead><tbody>${lines.join('')}</tbody></table></div>`;
}

function metricsTable(rows: readonly LeaderboardRow[]): string {
  const scored = rows.filter((row) => row.status === 'done');
  const names = METRIC_NAMES.filter((name) => scored.some((row) => name in row.scores));
  const heads = names.map((name) => `<th scope="col" class="right">${escapeHtml(METRICS[name].label)}</th>`).join('');
  const body = scored.map((row) => {
    const cells = names.map((name) => `<td class="right num">${formatScore(row.scores[name] ?? null)}</td>`).join('');
    return `<tr><td>${escapeHtml(row.probe === 'none' ? row.title : `${row.title} · ${row.probe}`)}</td>${cells}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th scope="col">Contender</th>${heads}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

function chosen(rows: readonly LeaderboardRow[]): string {
  const cards = rows.flatMap((row) =>
    row.cells.map((cell) => {
      const { history, ...details } = cell.details ?? {};
      const entries = {
        device: cell.device,
        seconds: cell.seconds,
        'validation score': cell.validationScore,
        ...details,
      };
      const name = row.probe === 'none' ? row.title : `${row.title} · ${row.probe}`;
      return `<article><h3>${escapeHtml(name)} <span class="soft">seed ${cell.seed}${cell.status === 'done' ? '' : `, ${cell.status}`}</span></h3>${definitionList(entries)}<p class="soft"><code>${escapeHtml(cell.key.slice(0, 16))}</code></p></article>`;
    }),
  );
  return `<div class="cards">${cards.join('')}</div>`;
}

function fold(title: string, hint: string, body: string): string {
  return `<details><summary>${title}<span class="soft">${hint}</span></summary><div>${body}</div></details>`;
}
