/**
 * A plot of one quantity for several rows: the mean of each, its interval as a line, and the single
 * values as ticks; as SVG text.
 */
import { escapeHtml } from '../../core/escape.ts';
import { type Domain, linearScale, niceTicks, round } from './svg.ts';

export interface IntervalRow {
  readonly label: string;
  readonly className: string;
  readonly mean: number;
  readonly low?: number;
  readonly high?: number;
  /** Single values. */
  readonly values?: readonly number[];
}

const SIZE = { width: 380, labels: 130, right: 14, row: 19, axis: 38 };
const LONGEST_LABEL = 22;

/** The plot; undefined for no rows. `reaches`: values that the axis must include. */
export function intervalRows(
  description: string,
  axis: string,
  rows: readonly IntervalRow[],
  reaches: readonly number[] = [],
): string | undefined {
  const drawable = rows.filter(({ mean }) => Number.isFinite(mean));
  if (drawable.length === 0) return undefined;
  const all = drawable.flatMap(({ mean, low, high, values = [] }) => [mean, low ?? mean, high ?? mean, ...values]);
  const [low, high] = [Math.min(...all, ...reaches), Math.max(...all, ...reaches)];
  const pad = (high - low) * 0.03 || 0.5;
  const domain: Domain = { low: low - pad, high: high + pad };
  const scale = linearScale(domain, SIZE.labels, SIZE.width - SIZE.right);
  const bottom = drawable.length * SIZE.row;
  const ticks = niceTicks(domain, 4);
  const decimals = Math.max(
    0,
    ...ticks.map((tick) => (String(Number(tick.toPrecision(6))).split('.')[1] ?? '').length),
  );
  const grid = ticks.map(
    (tick) =>
      `<path class="grid" d="M${round(scale(tick))} 0V${bottom + 4}"/><text class="tick" x="${round(scale(tick))}" y="${bottom + 17}">${tick.toFixed(decimals).replace('-', '−')}</text>`,
  );
  const drawn = drawable.map((row, i) => marks(row, scale, i * SIZE.row + SIZE.row / 2));
  const words = `<text class="tick" x="${round((SIZE.labels + SIZE.width - SIZE.right) / 2)}" y="${bottom + SIZE.axis - 6}">${escapeHtml(axis)}</text>`;
  return `<svg class="chart" viewBox="0 0 ${SIZE.width} ${bottom + SIZE.axis}" role="img" aria-label="${escapeHtml(description)}">${grid.join('')}${drawn.join('')}${words}</svg>`;
}

function marks(
  { label, className, mean, low, high, values = [] }: IntervalRow,
  scale: (v: number) => number,
  y: number,
) {
  const short = label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL - 1)}…` : label;
  const whisker =
    low !== undefined && high !== undefined
      ? `<path class="curve solid ${className}" d="M${round(scale(low))} ${y}H${round(scale(high))}"/>`
      : '';
  const each = values.map(
    (value) => `<path class="curve solid thin ${className}" d="M${round(scale(value))} ${y - 4}v8"/>`,
  );
  return `<text class="tick end" x="${SIZE.labels - 8}" y="${y + 4}">${escapeHtml(short)}<title>${escapeHtml(label)}</title></text>${whisker}${each.join('')}<circle class="curve ${className}" cx="${round(scale(mean))}" cy="${y}" r="2"/>`;
}
