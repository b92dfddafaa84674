/**
 * The audit of a task: every check of `thresholds.ts` in that order, each with a statistic, an interval where one applies, example rows and a
 * verdict. The overlap checks compare test rows with train and validation rows together, since contenders are chosen on both.
 */
import { type AuditTask, auditInput } from './audit-input.ts';
import { confoundChecks } from './checks/confounds.ts';
import { genomeMembership, library, unmatchedSite } from './checks/construction.ts';
import { labelChecks } from './checks/labels.ts';
import { copiesCheck, findOverlaps, overlapChecks } from './checks/overlap.ts';
import { shortcutChecks } from './checks/shortcuts.ts';
import { twinChecks } from './checks/twins.ts';
import { packSequences } from './packed-sequences.ts';
import { type CheckResult, QUALITY_SCHEMA, type QualityReport, worstVerdict } from './quality-report.ts';
import { CHECK_IDS, QUALITY_RULES } from './thresholds.ts';
import { dinucleotideTwins, segmentTwins } from './twin-pairs.ts';

export type { AuditTask } from './audit-input.ts';

export interface AuditOptions {
  /** Also align test rows with fitted rows; slow. Default false. */
  readonly homology?: boolean;
  /** `[rows]` share of each row's 16-mers in a reference (`genome-shares.ts`). */
  readonly genomeShares?: Float64Array;
  /** Other tasks whose rows are sought among this one's. */
  readonly others?: readonly { readonly name: string; readonly sequences: readonly string[] }[];
  readonly progress?: (fraction: number, message: string) => void;
}

/** @throws SequenceError for letters outside IUPAC: apply an alphabet policy first. */
export function auditTask(task: AuditTask, options: AuditOptions = {}): QualityReport {
  const { progress = () => {} } = options;
  progress(0, 'packing sequences');
  const input = auditInput(task);
  progress(0.1, 'overlap');
  const overlaps = findOverlaps(input);
  const checks: CheckResult[] = overlapChecks(input, overlaps, options);
  const others = (options.others ?? []).map(({ name, sequences }) => ({ name, packed: packSequences(sequences) }));
  checks.push(copiesCheck(input, others), ...labelChecks(input, overlaps));
  progress(0.6, 'shortcuts');
  checks.push(...shortcutChecks(input));
  progress(0.8, 'construction');
  checks.push(...twinChecks(input, { shuffle: dinucleotideTwins(input), segment: segmentTwins(input) }));
  checks.push(genomeMembership(input, options.genomeShares), unmatchedSite(input), library(input));
  progress(0.9, 'confounds and shift');
  checks.push(...confoundChecks(input));
  checks.sort((a, b) => orderOf(a.id) - orderOf(b.id));
  if (checks.length !== CHECK_IDS.length) throw new Error(`${checks.length} checks ran of ${CHECK_IDS.length}`);
  progress(1, 'done');
  return { schema: QUALITY_SCHEMA, rules: QUALITY_RULES, verdict: worstVerdict(checks), checks };
}

function orderOf(id: string): number {
  return (CHECK_IDS as readonly string[]).indexOf(id);
}
