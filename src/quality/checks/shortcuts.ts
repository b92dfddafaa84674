/**
 * Shortcuts: a fixed simple rule, fitted on train and valid, scored on test by MCC (classes) or Pearson's r (numbers), with a 95% interval.
 * Where the rarer of two classes is below 20% of the fitted rows, the rule is judged by AUROC too, as MCC = 2 AUROC - 1.
 * A threshold counts where the mean score over five folds of the fitted rows reaches it too.
 * Several questions (labels, targets): the worst one counts.
 * - length, unknown letters, case, composition (GC, CpG observed / expected): one number per sequence, in bins
 * - markov: chains of order 3 per class
 * - position motif: table of up to four k-mers at fixed positions, all sequences of one length
 * - anchored motif: the same at the start or the end, sequences of several lengths
 * - low information: share of test rows with less than half of their letters A, C, G, T
 */

import { createRandom } from '../../core/random.ts';
import type { AuditInput } from '../audit-input.ts';
import type { CheckResult, Verdict } from '../quality-report.ts';
import type { Question } from '../questions.ts';
import { binned, CPG_RULE, GC_RULE, LENGTH_RULE, UNKNOWN_RULE } from '../rules/feature-bins.ts';
import { MARKOV_RULE } from '../rules/markov.ts';
import { scoreRule } from '../rules/model-free-rules.ts';
import { END_POSITION_RULE, POSITION_RULE } from '../rules/position-table.ts';
import type { Rule } from '../rules/rule.ts';
import type { RuleScore } from '../statistics.ts';
import { type CheckId, DEFINITIONS, THRESHOLDS } from '../thresholds.ts';
import { judge, judgeShare, percent, skipped } from './check.ts';

export function shortcutChecks(input: AuditInput): CheckResult[] {
  const { shortest, longest } = input.data.packed;
  const oneLength = shortest === longest;
  const several = 'sequences have several lengths: see shortcut.anchored-motif';
  const caseRule: Rule = {
    id: 'case',
    title: 'share of lower-case letters',
    fit: (data, question, rows) =>
      binned(
        (_, some) => Float64Array.from({ length: some.length }, (_, i) => input.lowerCase![some[i]]),
        data,
        question,
        rows,
      ),
  };
  return [
    ruleCheck(input, 'shortcut.length', [LENGTH_RULE]),
    ruleCheck(input, 'shortcut.unknown-letters', [UNKNOWN_RULE]),
    input.lowerCase
      ? ruleCheck(input, 'shortcut.case', [caseRule])
      : judge('shortcut.case', {
          statistic: scoreName(input, [caseRule]),
          value: 0,
          reason: 'no letter was lower case',
        }),
    ruleCheck(input, 'shortcut.composition', [GC_RULE, CPG_RULE]),
    ruleCheck(input, 'shortcut.markov', [MARKOV_RULE]),
    oneLength
      ? ruleCheck(input, 'shortcut.position-motif', [POSITION_RULE])
      : skipped('shortcut.position-motif', scoreName(input, [POSITION_RULE]), several),
    oneLength
      ? skipped(
          'shortcut.anchored-motif',
          scoreName(input, [POSITION_RULE, END_POSITION_RULE]),
          'all sequences have one length: see shortcut.position-motif',
        )
      : ruleCheck(input, 'shortcut.anchored-motif', [POSITION_RULE, END_POSITION_RULE]),
    lowInformation(input),
  ];
}

function scoreName({ kind }: AuditInput, rules: readonly Rule[]): string {
  return `test ${kind === 'regression' ? "Pearson's r" : 'MCC'} of: ${rules.map(({ title }) => title).join(' or ')}`;
}

/** The best of some rules on the worst of the questions. */
export function ruleCheck(input: AuditInput, id: CheckId, rules: readonly Rule[]): CheckResult {
  const { data, askedFit, askedTest, limited } = input;
  const statistic = scoreName(input, rules);
  if (input.kind === 'clustering') return skipped(id, statistic, 'a clustering is fitted on no labels');
  let best:
    | { score: number; rule: Rule; question: Question; scored: NonNullable<ReturnType<typeof scoreRule>> }
    | undefined;
  for (const question of input.questions) {
    for (const rule of rules) {
      const scored = scoreRule(rule, data, question, askedFit, askedTest);
      if (scored === undefined) continue;
      const score = judgedScore(scored, question, askedFit);
      if (best === undefined || score > best.score) best = { score, rule, question, scored };
    }
  }
  if (best === undefined) return skipped(id, statistic, 'the rule does not apply: too few rows or too short sequences');
  const { score, rule, question, scored } = best;
  const area = scored.auroc === undefined ? '' : `, AUROC ${scored.auroc.toFixed(3)}`;
  const name = input.questions.length > 1 ? ` (${question.name})` : '';
  const detail = scored.detail === undefined ? '' : `: ${scored.detail}`;
  const { warn, fail } = THRESHOLDS[id];
  // A chance score on few test rows is no shortcut: the rule must reach the threshold on folds of the training rows too.
  const crossed = score >= (warn ?? Number.POSITIVE_INFINITY) ? crossScore(input, rule, question) : undefined;
  const limit = crossed === undefined ? 'FAIL' : verdictFrom(crossed, warn, fail);
  const folds = crossed === undefined ? '' : `, ${crossed.toFixed(3)} on folds of the training rows`;
  return judge(id, {
    statistic,
    value: score,
    interval: scored.interval,
    reason: `${rule.title} reaches ${scored.value.toFixed(3)}${area}${folds}${name}${detail}${limited ? `; asked of ${limited}` : ''}`,
    atMost: limit,
    evidence: {
      ...(crossed === undefined ? {} : { crossValidated: crossed }),
      rule: rule.id,
      ...(scored.auroc === undefined ? {} : { auroc: scored.auroc }),
      ...(scored.detail === undefined ? {} : { detail: scored.detail }),
    },
  });
}

/** MCC or r; for two classes of which one is rare, 2 AUROC - 1 where that is larger. */
function judgedScore({ value, auroc }: RuleScore, question: Question, fit: Uint32Array): number {
  const rare = question.classes === 2 && rarerShare(question, fit) < DEFINITIONS.rareClass;
  return rare ? Math.max(value, 2 * (auroc ?? 0.5) - 1) : value;
}

/** Mean score over folds of the fitted rows. */
function crossScore({ data, askedFit }: AuditInput, rule: Rule, question: Question): number {
  const { folds } = DEFINITIONS;
  const order = createRandom('audit folds').shuffle(askedFit.slice());
  let sum = 0;
  for (let fold = 0; fold < folds; fold++) {
    const train = order.filter((_, i) => i % folds !== fold);
    const scored = scoreRule(
      rule,
      data,
      question,
      train,
      order.filter((_, i) => i % folds === fold),
    );
    sum += scored === undefined ? 0 : judgedScore(scored, question, train) / folds;
  }
  return sum;
}

function verdictFrom(score: number, warn: number | null, fail: number | null): Verdict {
  if (fail !== null && score >= fail) return 'FAIL';
  return warn !== null && score >= warn ? 'WARN' : 'PASS';
}

function rarerShare({ values }: Question, rows: Uint32Array): number {
  const share = rows.reduce((sum, row) => sum + values[row], 0) / rows.length;
  return Math.min(share, 1 - share);
}

function lowInformation({ data, test, rows }: AuditInput): CheckResult {
  const { unknown } = data.composition();
  const low = test.filter((row) => 1 - unknown[row] < DEFINITIONS.leastBases);
  return judgeShare('shortcut.low-information', low.length, test.length, {
    statistic: 'share of test rows with fewer than half of their letters A, C, G, T',
    reason: `${low.length} of ${test.length} test rows (${percent(low.length, test.length)}) have fewer than half of their letters A, C, G, T`,
    examples: Array.from(low.slice(0, 5), (row) => [rows[row].id]),
  });
}
