/**
 * Markov chains of order 3 per class with one pseudo-count: log P(s | c) = sum_t log P(s_t | s_t-3 .. s_t-1, c). Classes by Bayes' rule
 * with training frequencies. Numbers: log-odds per base of the upper against the lower third of the training rows, binned.
 */
import { pickRows, type Question } from '../questions.ts';
import { orderOf } from '../statistics.ts';
import { binned } from './feature-bins.ts';
import type { Rule, RuleData } from './rule.ts';

const WORDS = 256;

export const MARKOV_RULE: Rule = {
  id: 'markov',
  title: 'Markov chains of order 3, one per class',
  fit(data, question, rows) {
    if (question.classes === 0) return fitNumbers(data, question, rows);
    const { classes } = question;
    const tables = logTables(data, rows, classes, (i) => question.values[rows[i]]);
    const priors = new Float64Array(classes);
    for (let i = 0; i < rows.length; i++) priors[question.values[rows[i]]]++;
    return {
      answer(other, asked) {
        const answers = new Float64Array(asked.length * classes);
        const sums = new Float64Array(classes);
        for (let i = 0; i < asked.length; i++) {
          for (let c = 0; c < classes; c++) sums[c] = Math.log((priors[c] + 1e-9) / rows.length);
          addLogLikelihood(other, asked[i], tables, sums);
          const top = sums.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
          let total = 0;
          for (let c = 0; c < classes; c++) total += Math.exp(sums[c] - top);
          for (let c = 0; c < classes; c++) answers[i * classes + c] = Math.exp(sums[c] - top) / total;
        }
        return answers;
      },
    };
  },
};

function fitNumbers(data: RuleData, question: Question, rows: ArrayLike<number>) {
  const order = orderOf(pickRows(question, rows).values);
  const third = Math.floor(rows.length / 3);
  if (third === 0) return undefined;
  const part = new Int8Array(rows.length).fill(-1);
  for (let i = 0; i < third; i++) {
    part[order[i]] = 0;
    part[order[order.length - 1 - i]] = 1;
  }
  const tables = logTables(data, rows, 2, (i) => part[i]);
  return binned((other, asked) => logOdds(other, asked, tables), data, question, rows);
}

/** `[asked]` log-odds per base of table 1 against table 0. */
export function logOdds(data: RuleData, asked: ArrayLike<number>, tables: Float64Array): Float64Array {
  const { offsets } = data.packed;
  const sums = new Float64Array(2);
  return Float64Array.from({ length: asked.length }, (_, i) => {
    sums.fill(0);
    addLogLikelihood(data, asked[i], tables, sums);
    return (sums[1] - sums[0]) / Math.max(1, offsets[asked[i] + 1] - offsets[asked[i]] - 3);
  });
}

/** `[WORDS, classes]` log P(last base | three bases before, class); rows of class -1 are not counted. */
export function logTables(
  { packed: { codes, offsets } }: RuleData,
  rows: ArrayLike<number>,
  classes: number,
  classOf: (i: number) => number,
): Float64Array {
  const table = new Float64Array(WORDS * classes);
  for (let i = 0; i < rows.length; i++) {
    const c = classOf(i);
    if (c < 0) continue;
    for (let at = offsets[rows[i]], word = 0, run = 0; at < offsets[rows[i] + 1]; at++) {
      const code = codes[at];
      run = code === 4 ? 0 : run + 1;
      word = ((word << 2) | (code & 3)) & 255;
      if (run >= 4) table[word * classes + c]++;
    }
  }
  for (let context = 0; context < WORDS; context += 4) {
    for (let c = 0; c < classes; c++) {
      let total = 4;
      for (let b = 0; b < 4; b++) total += table[(context + b) * classes + c];
      for (let b = 0; b < 4; b++) {
        const cell = (context + b) * classes + c;
        table[cell] = Math.log((table[cell] + 1) / total);
      }
    }
  }
  return table;
}

function addLogLikelihood(
  { packed: { codes, offsets } }: RuleData,
  row: number,
  tables: Float64Array,
  sums: Float64Array,
): void {
  const classes = sums.length;
  for (let at = offsets[row], word = 0, run = 0; at < offsets[row + 1]; at++) {
    const code = codes[at];
    run = code === 4 ? 0 : run + 1;
    word = ((word << 2) | (code & 3)) & 255;
    if (run < 4) continue;
    const first = word * classes;
    for (let c = 0; c < classes; c++) sums[c] += tables[first + c];
  }
}
