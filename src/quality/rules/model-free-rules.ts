/** The rules that need no model, and how well one does: the shortcuts of an audit and the candidates of the baseline `row-zero`. */
import { meanAnswer, pickRows, type Question, widthOf } from '../questions.ts';
import { auroc, matthews, orderOf, pearson, type RuleScore, scoreAnswers } from '../statistics.ts';
import { CPG_RULE, GC_RULE, LENGTH_RULE, UNKNOWN_RULE } from './feature-bins.ts';
import { MARKOV_RULE } from './markov.ts';
import { NEAREST_RULE } from './nearest.ts';
import { END_POSITION_RULE, POSITION_RULE } from './position-table.ts';
import type { FittedRule, Rule, RuleData } from './rule.ts';
import { TWIN_RULE } from './twin.ts';

export const MAJORITY_RULE: Rule = {
  id: 'majority',
  title: 'the class frequencies or the mean of the training rows',
  fit(_data, question, rows) {
    const mean = meanAnswer(question, rows);
    return {
      answer: (_other, asked) => {
        const answers = new Float64Array(asked.length * mean.length);
        for (let i = 0; i < asked.length; i++) answers.set(mean, i * mean.length);
        return answers;
      },
    };
  },
};

/** In order of preference at equal scores: the simplest first. */
export const MODEL_FREE_RULES: readonly Rule[] = [
  MAJORITY_RULE,
  LENGTH_RULE,
  UNKNOWN_RULE,
  GC_RULE,
  CPG_RULE,
  MARKOV_RULE,
  POSITION_RULE,
  END_POSITION_RULE,
  TWIN_RULE,
  NEAREST_RULE,
];

/**
 * A rule fitted on some rows and scored on others. Two classes: the cut of P(positive) is the one of greatest MCC on the fitted rows.
 * @returns undefined where the rule does not apply
 */
export function scoreRule(
  rule: Rule,
  data: RuleData,
  question: Question,
  train: ArrayLike<number>,
  test: ArrayLike<number>,
): (RuleScore & { readonly detail?: string }) | undefined {
  const fitted = rule.fit(data, question, train);
  if (fitted === undefined) return undefined;
  const truth = pickRows(question, test).values;
  const answers = fitted.answer(data, test);
  if (question.classes !== 2) {
    const decided = question.classes === 0 ? answers : mostLikely(answers, question.classes);
    return { ...scoreAnswers(decided, truth, question), detail: fitted.detail };
  }
  const scores = positiveColumn(answers);
  const cut = bestCut(positiveColumn(fitted.answer(data, train)), pickRows(question, train).values);
  const decided = Float64Array.from(scores, (score) => (score > cut ? 1 : 0));
  return {
    ...scoreAnswers(decided, truth, question),
    auroc: auroc(scores, (i) => truth[i] === 1),
    detail: fitted.detail,
  };
}

/** Cross-validated score on training rows (MCC or Pearson's r), answers of held-out folds taken together. */
export function crossValidate(rule: Rule, data: RuleData, question: Question, folds: Uint8Array): number | undefined {
  const count = folds.reduce((most, fold) => Math.max(most, fold), 0) + 1;
  const width = widthOf(question);
  const answers = new Float64Array(folds.length * width);
  for (let fold = 0; fold < count; fold++) {
    const held = rowsWhere(folds.length, (i) => folds[i] === fold);
    const fitted: FittedRule | undefined = rule.fit(
      data,
      question,
      rowsWhere(folds.length, (i) => folds[i] !== fold),
    );
    if (fitted === undefined) return undefined;
    const part = fitted.answer(data, held);
    for (let i = 0; i < held.length; i++) answers.set(part.subarray(i * width, (i + 1) * width), held[i] * width);
  }
  if (question.classes === 0) return pearson(answers, question.values);
  const decided = mostLikely(answers, question.classes);
  const table = new Float64Array(question.classes ** 2);
  for (let i = 0; i < decided.length; i++) table[question.values[i] * question.classes + decided[i]]++;
  return matthews(table, question.classes);
}

export function rowsWhere(count: number, wanted: (row: number) => boolean): Uint32Array {
  const rows = new Uint32Array(count);
  let used = 0;
  for (let i = 0; i < count; i++) if (wanted(i)) rows[used++] = i;
  return rows.slice(0, used);
}

function mostLikely(answers: Float64Array, classes: number): Float64Array {
  return Float64Array.from({ length: answers.length / classes }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (answers[i * classes + c] > answers[i * classes + best]) best = c;
    return best;
  });
}

function positiveColumn(answers: Float64Array): Float64Array {
  return Float64Array.from({ length: answers.length / 2 }, (_, i) => answers[i * 2 + 1]);
}

/** The score above which "positive" has the greatest MCC; infinite where one class is missing. */
function bestCut(scores: Float64Array, truth: Float64Array): number {
  const order = orderOf(scores);
  const positives = truth.reduce((sum, value) => sum + value, 0);
  const table = [0, truth.length - positives, 0, positives]; // all called positive
  let cut = Number.NEGATIVE_INFINITY;
  let best = 0;
  for (let i = 0; i < order.length; i++) {
    const t = truth[order[i]];
    table[t * 2 + 1]--;
    table[t * 2]++;
    if (i + 1 < order.length && scores[order[i + 1]] === scores[order[i]]) continue;
    const value = matthews(table, 2);
    if (value > best) {
      best = value;
      cut = scores[order[i]];
    }
  }
  return best === 0 ? Number.POSITIVE_INFINITY : cut;
}
