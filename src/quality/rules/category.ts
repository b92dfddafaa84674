/** A category per row; the answer of a category is the mean answer of its training rows, and of all rows where it is new. */
import { meanAnswer, type Question, widthOf } from '../questions.ts';
import type { Rule } from './rule.ts';

/** @param categoryOf of a row by its index; rows of training and test are rows of one task here. */
export function categoryRule(
  id: string,
  title: string,
  categoryOf: (row: number) => string | number | undefined,
): Rule {
  return {
    id,
    title,
    fit(_data, question: Question, rows) {
      const width = widthOf(question);
      const prior = meanAnswer(question, rows);
      const sums = new Map<string | number, { count: number; sum: Float64Array }>();
      for (let i = 0; i < rows.length; i++) {
        const category = categoryOf(rows[i]);
        if (category === undefined) continue;
        const entry = sums.get(category) ?? { count: 0, sum: new Float64Array(width) };
        entry.count++;
        entry.sum[question.classes === 0 ? 0 : question.values[rows[i]]] +=
          question.classes === 0 ? question.values[rows[i]] : 1;
        sums.set(category, entry);
      }
      return {
        answer(_other, asked) {
          const answers = new Float64Array(asked.length * width);
          for (let i = 0; i < asked.length; i++) {
            const entry = sums.get(categoryOf(asked[i]) ?? Number.NaN);
            for (let c = 0; c < width; c++)
              answers[i * width + c] = entry ? (entry.sum[c] + prior[c]) / (entry.count + 1) : prior[c];
          }
          return answers;
        },
      };
    },
  };
}
