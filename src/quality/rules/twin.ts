/**
 * Dinucleotide twins: "a training row with the same dinucleotide counts exists: answer the other label". Negatives that are dinucleotide
 * shuffles of positives (Altschul & Erickson 1985) are found by it without looking at the order of a single letter.
 * More than two classes: the labels of the twins are ruled out. Copies of the sequence itself are no twins. Not for numbers.
 */
import { hashWords } from '../packed-sequences.ts';
import { meanAnswer } from '../questions.ts';
import type { Rule, RuleData } from './rule.ts';

export const TWIN_RULE: Rule = {
  id: 'twin',
  title: 'the other label of a training row with the same dinucleotide counts',
  fit(data, question, rows) {
    const { classes } = question;
    if (classes < 2) return undefined;
    const prior = meanAnswer(question, rows);
    const byKey = new Map<number, number[]>();
    const keys = data.dinucleotides();
    for (let i = 0; i < rows.length; i++) {
      const key = keys[rows[i]];
      if (Number.isNaN(key)) continue;
      const found = byKey.get(key);
      if (found === undefined) byKey.set(key, [rows[i]]);
      else found.push(rows[i]);
    }
    return {
      answer(other, asked) {
        const answers = new Float64Array(asked.length * classes);
        const twins = new Float64Array(classes);
        const otherKeys = other.dinucleotides();
        for (let i = 0; i < asked.length; i++) {
          twins.fill(0);
          let total = 0;
          const own = sequenceHash(other, asked[i]);
          for (const row of byKey.get(otherKeys[asked[i]]) ?? []) {
            if (sequenceHash(data, row) === own) continue;
            twins[question.values[row]]++;
            total++;
          }
          let sum = 0;
          for (let c = 0; c < classes; c++) {
            const excluded = total === 0 ? 1 : 1 - twins[c] / total + 0.01;
            answers[i * classes + c] = prior[c] * excluded;
            sum += answers[i * classes + c];
          }
          for (let c = 0; c < classes; c++) answers[i * classes + c] /= sum;
        }
        return answers;
      },
    };
  },
};

function sequenceHash({ packed }: RuleData, row: number): number {
  return hashWords(packed.codes, packed.offsets[row], packed.offsets[row + 1]);
}
