/**
 * What stands beside a score without having had part in it: predictive entropy, distance from uniform and the Fisher information of the embeddings
 * (`diagnostics/model-diagnostics.ts`), as columns of the board and as one picture each, of the difference to one-hot against the measure. Papers say that the entropy of DNA is
 * why genomic language models fall short; here is whether the models that do better are the more certain ones.
 */

import { escapeHtml } from '../../core/escape.ts';
import type { Result } from '../../harness/store/result.ts';
import { mean } from '../board/comparison.ts';
import type { Leaderboard, LeaderboardRow, RowDiagnostics } from '../board/schema.ts';
import { type ChartLine, chart } from '../charts/chart.ts';
import { formatDifference, formatScore, MISSING } from '../formats/numbers.ts';

export interface MeasureColumn {
  readonly key: 'entropyBits' | 'klModelToUniformBits' | 'fisherEmbeddings';
  readonly heading: string;
  /** Where room is short. */
  readonly short: string;
  readonly unit: string;
  readonly axis: string;
  readonly format: (value: number) => string;
}

export const MEASURE_COLUMNS: readonly MeasureColumn[] = [
  {
    key: 'entropyBits',
    heading: 'Entropy',
    short: 'Entropy',
    unit: 'bits/nt',
    axis: 'Predictive entropy, bits per nucleotide',
    format: (value) => formatScore(value, 2),
  },
  {
    key: 'klModelToUniformBits',
    heading: 'KL to uniform',
    short: 'KL',
    unit: 'bits/token',
    axis: 'KL(model ‖ uniform), bits per token',
    format: (value) => formatScore(value, 2),
  },
  {
    key: 'fisherEmbeddings',
    heading: 'Fisher in embeddings',
    short: 'Fisher',
    unit: 'share',
    axis: 'Fisher information in the embeddings, share',
    format: (value) => `${Math.round(100 * value)}%`,
  },
];

export const MEASURES_REMARK =
  'Entropy (bits per nucleotide), KL to uniform (bits per token) and the share of the Fisher information in the embeddings are measured on test sequences without their labels, as arXiv 2604.04287 defines them; models that give vectors only have none';

/** Means over the seeds that count; undefined where no result tells of any. */
export function rowDiagnostics(results: readonly Result[]): RowDiagnostics | undefined {
  const told = results.flatMap(({ diagnostics }) => diagnostics ?? []);
  if (told.length === 0) return undefined;
  const known = told.flatMap((one) => ('entropyBits' in one ? [one] : []));
  const average = (of: (one: (typeof known)[number]) => number | undefined) =>
    known.length < told.length ? null : mean(known.map((one) => of(one) ?? null));
  return {
    entropyBits: average((one) => one.entropyBits),
    klModelToUniformBits: average((one) => one.klModelToUniformBits),
    nllBits: average((one) => one.nllBits),
    fisherEmbeddings: average((one) => one.fisher?.embeddings),
    fisherEmbeddingParameters: average((one) => one.fisher?.embeddingParameters),
    missing: [...new Set(told.flatMap(({ missing }) => missing ?? []))],
  };
}

/** The columns that any of the rows has a number for. */
export function measureColumns(rows: readonly LeaderboardRow[]): readonly MeasureColumn[] {
  return MEASURE_COLUMNS.filter(({ key }) => rows.some(({ diagnostics }) => typeof diagnostics?.[key] === 'number'));
}

/** Nothing for baselines, which predict no tokens. */
export function measured(row: LeaderboardRow, { key, format }: MeasureColumn): string {
  if (row.kind === 'baseline') return '';
  const value = row.diagnostics?.[key] ?? null;
  return value === null ? MISSING : format(value);
}

interface Point {
  readonly number: number;
  readonly task: string;
  readonly row: LeaderboardRow;
}

/** Of each model and control of a task the probe that validation rows prefer, where it was measured and compared. */
function pointsOf(board: Leaderboard): Point[] {
  const best = new Map<string, LeaderboardRow>();
  for (const row of board.rows) {
    if (row.kind === 'baseline' || row.diagnostics === undefined || typeof row.vsOneHot?.difference !== 'number')
      continue;
    const key = JSON.stringify([row.task, row.taskHash, row.contender, row.label]);
    const other = best.get(key);
    const score = row.validationScore ?? Number.NEGATIVE_INFINITY;
    if (other === undefined || score > (other.validationScore ?? Number.NEGATIVE_INFINITY)) best.set(key, row);
  }
  const taskKey = (id: string, hash: string) => JSON.stringify([id, hash]);
  const titles = new Map(board.tasks.map(({ id, hash, title }) => [taskKey(id, hash), title]));
  return [...best.values()]
    .filter((row) => measureColumns([row]).length > 0)
    .map((row, i) => ({ number: i + 1, task: titles.get(taskKey(row.task, row.taskHash)) ?? row.task, row }));
}

/** The section of the page; an empty string where fewer than two models were measured. */
export function measuresSection(board: Leaderboard): string {
  const points = pointsOf(board);
  if (points.length < 2) return '';
  const columns = measureColumns(points.map(({ row }) => row));
  const figures = columns.map((column) => `<figure>${scatter(column, points)}</figure>`);
  return [
    '<section id="measures"><h2>Scores and diagnostics</h2>',
    `<p class="soft">Difference to the best one-hot baseline (positive is better, 95% interval) against what the model is like without labels. ${escapeHtml(MEASURES_REMARK)}. Filled: models; hollow: controls. Differences of different tasks are in different metrics, and no test is drawn from these pictures.</p>`,
    `<div class="curves scatters">${figures.join('')}</div>`,
    table(points, columns),
    '</section>',
  ].join('\n');
}

/** Differences, in the metric's own units, with the sign that makes positive better. */
function scatter(column: MeasureColumn, points: readonly Point[]): string {
  const lines = points.flatMap(({ number, row }): ChartLine[] => {
    const [x, comparison] = [row.diagnostics?.[column.key] ?? Number.NaN, row.vsOneHot];
    const ends = [comparison?.ci.low, comparison?.ci.high].map((y): [number, number] => [x, y ?? Number.NaN]);
    const className = row.kind === 'control' ? 'dot-control' : 'dot-model';
    return [
      { className: 'whiskers', points: ends },
      { className, points: [[x, comparison?.difference ?? Number.NaN]], label: String(number) },
    ];
  });
  const description = `${points.length} models: difference to one-hot against ${column.axis}`;
  const axes = {
    x: { label: column.axis, padded: true },
    y: { label: 'Difference to one-hot', reaches: [0], rule: 0 },
  };
  return chart({ description, ...axes, lines }) ?? '';
}

function table(points: readonly Point[], columns: readonly MeasureColumn[]): string {
  const heads = columns.map(({ heading, unit }) => `<th scope="col" class="right">${heading}, ${unit}</th>`).join('');
  const body = points.map(({ number, task, row }) => {
    const numbers = columns.map((column) => `<td class="right num">${measured(row, column)}</td>`).join('');
    const who = [row.title, row.probe].map((text) => `<td>${escapeHtml(text)}</td>`).join('');
    const { difference } = row.vsOneHot ?? { difference: null };
    return `<tr data-kind="${row.kind ?? ''}"><td class="right num">${number}</td>${who}<td>${escapeHtml(task)}</td><td class="right num">${formatDifference(difference)}</td>${numbers}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr><th scope="col" class="right">No.</th><th scope="col">Model</th><th scope="col">Probe</th><th scope="col">Task</th><th scope="col" class="right">vs one-hot</th>${heads}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}
