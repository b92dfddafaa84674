/**
 * Line charts with both axes, linear or logarithmic, and heat maps of square tables, as SVG text.
 * Lines differ by dashes as well as by colour, and colours come from CSS classes. Every picture has
 * a text alternative.
 */
import { escapeHtml } from '../../core/escape.ts';
import { decimalsFor } from '../formats/numbers.ts';
import { type Domain, linearScale, niceTicks, round } from './svg.ts';

export interface Axis {
  readonly label: string;
  readonly logarithmic?: boolean;
  /** Ticks at whole numbers only. */
  readonly whole?: boolean;
  /** Values that the axis must include. */
  readonly reaches?: readonly number[];
  /** Margin at both ends of the axis. */
  readonly padded?: boolean;
  /** A line across the chart at this value. */
  readonly rule?: number;
}

export interface ChartLine {
  /** CSS class of the line: which quantity. */
  readonly className: string;
  readonly points: readonly (readonly [number, number])[];
  /** A mark at every point. */
  readonly marks?: boolean;
  /** Text at the last point. */
  readonly label?: string;
}

export interface Chart {
  /** Text alternative: what the chart shows. */
  readonly description: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly ChartLine[];
}

const SIZE = { width: 380, height: 240, left: 56, right: 18, top: 10, bottom: 40 };

/** The chart; undefined when no point can be drawn. */
export function chart({ description, x, y, lines }: Chart): string | undefined {
  const drawable = lines.map(({ points, ...line }) => ({
    ...line,
    points: points.filter(([px, py]) => fits(px, x) && fits(py, y)),
  }));
  const points = drawable.flatMap((line) => line.points);
  if (points.length === 0) return undefined;
  const [left, right] = [SIZE.left, SIZE.width - SIZE.right];
  const [top, bottom] = [SIZE.top, SIZE.height - SIZE.bottom];
  const across = axisOf(
    x,
    points.map(([px]) => px),
    left,
    right,
    x.padded ? 0.06 : 0,
  );
  const up = axisOf(
    y,
    points.map(([, py]) => py),
    bottom,
    top,
    0.06,
  );
  const ticks = [
    ...up.ticks.map(
      ({ at, text }) =>
        `<path class="grid" d="M${left} ${round(at)}H${right}"/><text class="tick end" x="${left - 6}" y="${round(at + 3.8)}">${text}</text>`,
    ),
    ...across.ticks.map(({ at, text }) => `<text class="tick" x="${round(at)}" y="${bottom + 15}">${text}</text>`),
    ...(y.rule === undefined ? [] : [`<path class="zero" d="M${left} ${round(up.scale(y.rule))}H${right}"/>`]),
    `<text class="tick" x="${round((left + right) / 2)}" y="${SIZE.height - 6}">${escapeHtml(x.label)}</text>`,
    `<text class="tick" transform="translate(11 ${round((top + bottom) / 2)}) rotate(-90)">${escapeHtml(y.label)}</text>`,
  ];
  const drawn = drawable
    .filter((line) => line.points.length > 0)
    .map(({ className, marks, label, points: own }) => {
      const places = own.map(([px, py]) => [round(across.scale(px)), round(up.scale(py))] as const);
      const path =
        places.length > 1
          ? `<path class="curve ${className}" d="M${places.map((place) => place.join(' ')).join('L')}"/>`
          : '';
      const dots =
        marks || places.length === 1
          ? places.map(([px, py]) => `<circle class="curve ${className}" cx="${px}" cy="${py}" r="1.6"/>`).join('')
          : '';
      const [lastX, lastY] = places[places.length - 1];
      const text = label
        ? `<text class="tick start" x="${round(lastX + 5)}" y="${round(lastY - 4)}">${escapeHtml(label)}</text>`
        : '';
      return path + dots + text;
    });
  return `<svg class="chart" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${escapeHtml(description)}">${ticks.join('')}${drawn.join('')}</svg>`;
}

const fits = (value: number, axis: Axis): boolean => Number.isFinite(value) && (!axis.logarithmic || value > 0);

/** Maps values to pixels, with `pad` of the span free at both ends. */
function axisOf(axis: Axis, values: readonly number[], from: number, to: number, pad: number) {
  const place = axis.logarithmic ? Math.log10 : (value: number) => value;
  const all = [...values, ...(axis.reaches ?? [])].filter((value) => fits(value, axis)).map(place);
  const [low, high] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const spare = high > low ? (high - low) * pad : Math.abs(high) * 0.1 || 1;
  const domain: Domain = { low: low - spare, high: high + spare };
  const scale = linearScale(domain, from, to);
  const nice = axis.logarithmic ? decades(domain) : niceTicks(domain, 5);
  const ticks = axis.whole ? nice.filter((tick) => Math.abs(tick - Math.round(tick)) < 1e-9) : nice;
  const decimals = ticks.every((tick) => Math.abs(tick - Math.round(tick)) < 1e-9)
    ? 0
    : Math.max(0, decimalsFor(ticks) - 1);
  const text = (tick: number) => (axis.logarithmic ? power(tick) : tick.toFixed(decimals).replace('-', '−'));
  return {
    scale: (value: number) => scale(place(value)),
    ticks: ticks.map((tick) => ({ at: scale(tick), text: text(tick) })),
  };
}

/** Whole powers of ten, at most six. */
function decades({ low, high }: Domain): number[] {
  const step = Math.max(1, Math.ceil((high - low) / 6));
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.max(0, Math.floor((high - first) / step + 1e-9) + 1) }, (_, i) => first + i * step);
}

function power(exponent: number): string {
  if (exponent >= 0 && exponent <= 5) return String(10 ** exponent);
  return exponent < 0 && exponent >= -3 ? (10 ** exponent).toFixed(-exponent) : `1e${exponent}`.replace('-', '−');
}

/**
 * Values of 0 to 1 for pairs of the same things; darker is nearer to 1. Small tables show the value
 * in each cell.
 */
export function heatMap(description: string, values: readonly (readonly (number | null)[])[]): string {
  const count = values.length;
  const [left, side] = [26, 230];
  const cell = side / count;
  const cells = values.flatMap((row, r) =>
    row.map((value, c) => {
      const [x, y] = [left + c * cell, r * cell];
      const strength = Math.max(0, Math.min(1, value ?? 0));
      const text =
        count <= 7 && value !== null
          ? `<text class="cell${strength > 0.55 ? ' light' : ''}" x="${round(x + cell / 2)}" y="${round(y + cell / 2 + 3.5)}">${value.toFixed(2)}</text>`
          : '';
      return `<rect class="heat" x="${round(x)}" y="${round(y)}" width="${round(cell - 1)}" height="${round(cell - 1)}" fill-opacity="${round(strength)}"><title>${r}, ${c}: ${value === null ? 'undefined' : value.toFixed(4)}</title></rect>${text}`;
    }),
  );
  const step = Math.ceil(count / 12);
  const labels = values.flatMap((_, i) =>
    i % step === 0
      ? [
          `<text class="tick end" x="${left - 5}" y="${round(i * cell + cell / 2 + 3.8)}">${i}</text>`,
          `<text class="tick" x="${round(left + i * cell + cell / 2)}" y="${side + 14}">${i}</text>`,
        ]
      : [],
  );
  return `<svg class="chart" viewBox="0 0 ${left + side + 4} ${side + 20}" role="img" aria-label="${escapeHtml(description)}">${cells.join('')}${labels.join('')}</svg>`;
}
