/**
 * Plots as SVG text, without a plotting library: a forest row (difference with interval and zero
 * line), its axis, and line charts for learning curves. Colours come from CSS classes when the page
 * has a style sheet. Shape always repeats the colour (up triangle better, down triangle worse,
 * circle indistinguishable, diamond the reference).
 */

import type { Comparison, LeaderboardRow, Verdict } from '../board/schema.ts';
import { decimalsFor, formatDifference } from '../formats/numbers.ts';

export interface Domain {
  readonly low: number;
  readonly high: number;
}

export type Scale = (value: number) => number;

/**
 * Linear map of a domain to pixels; values outside map to outside. Halved first: the span of a
 * finite domain may be infinite.
 */
export function linearScale({ low, high }: Domain, from: number, to: number): Scale {
  const span = high / 2 - low / 2 || 1;
  return (value) => from + ((value / 2 - low / 2) / span) * (to - from);
}

/**
 * Round tick values (1, 2 or 5 times a power of ten) inside a domain, about `count` of them, ascending and different.
 * Ticks are whole multiples of a step, counted by their index, so their number is known before the first is made. A domain
 * that is empty, or too narrow for float64 to hold such multiples, has one tick at its lower end. A domain that is not finite
 * has none.
 */
export function niceTicks({ low, high }: Domain, count: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [];
  const wanted = Math.max(1, count);
  const raw = high / wanted - low / wanted; // divided first: the span of a finite domain may be infinite
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw * 0.999) ?? 10);
  if (!(raw > 0 && step > 0 && Number.isFinite(step))) return [low];
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Above this bound, neighbouring multiples may round to one float64 number.
  if (Math.max(Math.abs(first), Math.abs(last)) > Number.MAX_SAFE_INTEGER / 4) return [low];
  const ticks = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step);
  return ticks.length > 0 ? ticks : [low];
}

/**
 * Shared axis of one task's forest plot: zero and every interval, except floors (families `chance`
 * and `composition`), which are often far away: beyond the edge they end in an arrow.
 */
export function forestDomain(rows: readonly LeaderboardRow[]): Domain {
  const all = rows.filter((row) => row.vsOneHot !== null && row.vsOneHot.difference !== null);
  const near = all.filter((row) => row.family !== 'chance' && row.family !== 'composition');
  const values = (near.length > 0 ? near : all).flatMap(({ vsOneHot }) =>
    [vsOneHot!.difference, vsOneHot!.ci.low, vsOneHot!.ci.high].filter((value) => value !== null),
  );
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const pad = (high - low || 0.02) * 0.06;
  return { low: low - pad, high: high + pad };
}

/** Marker centred on (x, y). */
export function marker(shape: Verdict | 'reference', x: number, y: number): string {
  const at = (dx: number, dy: number) => `${round(x + dx)} ${round(y + dy)}`;
  if (shape === 'indistinguishable' || shape === 'needs seeds')
    return `<circle class="mark ${shape}" cx="${round(x)}" cy="${round(y)}" r="4.2"/>`;
  const corners = {
    better: [at(0, -5.5), at(5.2, 4), at(-5.2, 4)],
    worse: [at(0, 5.5), at(5.2, -4), at(-5.2, -4)],
    reference: [at(0, -5.6), at(5.6, 0), at(0, 5.6), at(-5.6, 0)],
  }[shape];
  return `<path class="mark ${shape}" d="M${corners.join('L')}Z"/>`;
}

/** Grid, zero line, interval and marker of one row between `left` and `right`, centred on `y`. */
export function forestMarks(
  comparison: Comparison | null,
  isReference: boolean,
  domain: Domain,
  box: { left: number; right: number; top: number; bottom: number },
): string {
  const x = linearScale(domain, box.left, box.right);
  const y = (box.top + box.bottom) / 2;
  const line = (at: number, name: string) =>
    `<path class="${name}" d="M${round(x(at))} ${round(box.top)}V${round(box.bottom)}"/>`;
  const grid = niceTicks(domain, 6)
    .filter((tick) => Math.abs(tick) > 1e-12)
    .map((tick) => line(tick, 'grid'))
    .join('');
  const base = grid + line(0, 'zero');
  if (isReference) return base + marker('reference', x(0), y);
  if (comparison === null || comparison.difference === null) return base;
  const verdict = comparison.verdict ?? 'indistinguishable';
  const clamp = (value: number) => Math.min(box.right, Math.max(box.left, x(value)));
  const low = comparison.ci.low ?? comparison.difference;
  const high = comparison.ci.high ?? comparison.difference;
  const arrows =
    (x(low) < box.left - 0.5 ? arrow(box.left, y, -1, verdict) : '') +
    (x(high) > box.right + 0.5 ? arrow(box.right, y, 1, verdict) : '');
  const inside = x(comparison.difference) >= box.left && x(comparison.difference) <= box.right;
  return (
    base +
    `<path class="whisker ${verdict}" d="M${round(clamp(low))} ${round(y)}H${round(clamp(high))}"/>` +
    arrows +
    (inside ? marker(verdict, x(comparison.difference), y) : '')
  );
}

/** Tick labels under a forest plot. */
export function forestAxis(domain: Domain, left: number, right: number, y: number): string {
  const x = linearScale(domain, left, right);
  const ticks = niceTicks(domain, 6);
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 1;
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  return ticks
    .map((tick) => `<text class="tick" x="${round(x(tick))}" y="${y}">${formatDifference(tick, decimals)}</text>`)
    .join('');
}

export interface Series {
  readonly points: readonly (readonly [number, number])[];
  /** CSS class: which quantity, which seed. */
  readonly className: string;
}

/**
 * A small line chart with a frame, y ticks and the last x value; all series share the axes.
 * Undefined when nothing is finite.
 */
export function lineChart(series: readonly Series[], width: number, height: number, label: string): string | undefined {
  const finite = series.map(({ points, className }) => ({
    className,
    points: points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
  }));
  const points = finite.flatMap((one) => one.points);
  if (points.length === 0) return undefined;
  const extent = (values: number[]): Domain => ({
    low: values.reduce((a, b) => Math.min(a, b)),
    high: values.reduce((a, b) => Math.max(a, b)),
  });
  const xs = extent(points.map(([x]) => x));
  const ys = extent(points.map(([, y]) => y));
  const flat = ys.high === ys.low ? Math.abs(ys.high) * 0.1 || 1 : 0;
  const domain = { low: ys.low - flat, high: ys.high + flat };
  const [left, right, top, bottom] = [40, width - 6, 8, height - 18];
  const x = linearScale(xs, left, right);
  const y = linearScale(domain, bottom, top);
  const ticks = niceTicks(domain, 3);
  const decimals = decimalsFor(ticks) - 1;
  const grid = ticks
    .map(
      (tick) =>
        `<path class="grid" d="M${left} ${round(y(tick))}H${right}"/>` +
        `<text class="tick end" x="${left - 5}" y="${round(y(tick) + 3.5)}">${tick.toFixed(Math.max(0, decimals))}</text>`,
    )
    .join('');
  const lines = finite
    .filter((one) => one.points.length > 0)
    .map(({ points: own, className }) =>
      own.length === 1
        ? `<circle class="curve ${className}" cx="${round(x(own[0][0]))}" cy="${round(y(own[0][1]))}" r="2"/>`
        : `<path class="curve ${className}" d="M${own.map(([px, py]) => `${round(x(px))} ${round(y(py))}`).join('L')}"/>`,
    )
    .join('');
  const ends =
    `<text class="tick start" x="${left}" y="${height - 5}">${xs.low}</text>` +
    `<text class="tick end" x="${right}" y="${height - 5}">${label} ${xs.high}</text>`;
  return `<svg class="chart" viewBox="0 0 ${width} ${height}" aria-hidden="true">${grid}${lines}${ends}</svg>`;
}

function arrow(x: number, y: number, direction: 1 | -1, verdict: string): string {
  const back = x - direction * 8;
  return `<path class="mark ${verdict}" d="M${round(x)} ${round(y)}L${round(back)} ${round(y - 4)}V${round(y + 4)}Z"/>`;
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
