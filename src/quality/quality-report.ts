/** The result of an audit: one verdict per check and one for the task. Plain JSON, stored with the task's record. */
import { z } from 'zod';

export const VERDICTS = ['PASS', 'WARN', 'FAIL', 'SKIP'] as const;
export type Verdict = (typeof VERDICTS)[number];

export const QUALITY_SCHEMA = 'glm-bench/quality@1';

const checkSchema = z.object({
  id: z.string(),
  verdict: z.enum(VERDICTS),
  /** What the statistic is, in words. */
  statistic: z.string(),
  /** Null for a check that was skipped. */
  value: z.number().nullable(),
  /** 95% interval of the value. */
  interval: z.tuple([z.number(), z.number()]).optional(),
  thresholds: z.object({ warn: z.number().nullable(), fail: z.number().nullable() }),
  /** One sentence with the counts behind the verdict. */
  reason: z.string(),
  /** Ids of rows that show the fault; pairs are [test row, other row]. */
  examples: z.array(z.array(z.string())),
  /** Further numbers. */
  evidence: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
});

export const qualityReportSchema = z.object({
  schema: z.literal(QUALITY_SCHEMA),
  /** Version of thresholds and definitions. */
  rules: z.string(),
  verdict: z.enum(['PASS', 'WARN', 'FAIL']),
  checks: z.array(checkSchema),
});

export type CheckResult = z.infer<typeof checkSchema>;
export type QualityReport = z.infer<typeof qualityReportSchema>;

/** The worst verdict of the checks; a skipped check has none. */
export function worstVerdict(checks: readonly Pick<CheckResult, 'verdict'>[]): QualityReport['verdict'] {
  if (checks.some(({ verdict }) => verdict === 'FAIL')) return 'FAIL';
  return checks.some(({ verdict }) => verdict === 'WARN') ? 'WARN' : 'PASS';
}
