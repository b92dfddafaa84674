/** How a statistic becomes a verdict. */
import type { CheckResult, Verdict } from '../quality-report.ts';
import { type Interval, wilson } from '../statistics.ts';
import { type CheckId, DEFINITIONS, THRESHOLDS, type Threshold } from '../thresholds.ts';

/** Rows listed as examples at most. */
const EXAMPLES = 5;

export interface Finding {
  readonly statistic: string;
  readonly value: number;
  readonly interval?: Interval;
  readonly reason: string;
  readonly examples?: readonly (readonly string[])[];
  readonly evidence?: CheckResult['evidence'];
  /** The worst verdict that the evidence allows. Default FAIL. */
  readonly atMost?: Verdict;
}

export function judge(id: CheckId, finding: Finding): CheckResult {
  const thresholds: Threshold = THRESHOLDS[id];
  const { warn, fail } = thresholds;
  const { value, atMost = 'FAIL' } = finding;
  if (Number.isNaN(value)) throw new Error(`check ${id}: the statistic is not a number`);
  let verdict: Verdict = 'PASS';
  if (warn !== null && value >= warn && atMost !== 'PASS') verdict = 'WARN';
  if (fail !== null && value >= fail && atMost === 'FAIL') verdict = 'FAIL';
  return {
    id,
    verdict,
    statistic: finding.statistic,
    value,
    ...(finding.interval === undefined ? {} : { interval: finding.interval }),
    thresholds: { warn, fail },
    reason: finding.reason,
    examples: (finding.examples ?? []).slice(0, EXAMPLES).map((ids) => [...ids]),
    evidence: { ...finding.evidence },
  };
}

export function skipped(id: CheckId, statistic: string, reason: string): CheckResult {
  const { warn, fail }: Threshold = THRESHOLDS[id];
  return {
    id,
    verdict: 'SKIP',
    statistic,
    value: null,
    thresholds: { warn, fail },
    reason,
    examples: [],
    evidence: {},
  };
}

/** A share of rows k / n with Wilson's interval. Fewer than three rows never raise a verdict. */
export function judgeShare(
  id: CheckId,
  k: number,
  n: number,
  finding: Omit<Finding, 'value' | 'interval'>,
): CheckResult {
  const few = k < DEFINITIONS.leastRows;
  return judge(id, {
    ...finding,
    value: n === 0 ? 0 : k / n,
    interval: wilson(k, n),
    atMost: few ? 'PASS' : finding.atMost,
  });
}

export function percent(k: number, n: number): string {
  return `${n === 0 ? 0 : ((100 * k) / n).toFixed(1)}%`;
}
