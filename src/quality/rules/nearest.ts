/**
 * The answer of the training row that shares the longest stretch with the sequence (sampled 16-mers on one diagonal, either strand); the mean
 * of the training rows where none shares one. What a look-up of near duplicates is worth.
 */
import { openKmerIndex } from '../kmer-index.ts';
import { meanAnswer, widthOf } from '../questions.ts';
import type { Rule } from './rule.ts';

export const NEAREST_RULE: Rule = {
  id: 'nearest-duplicate',
  title: 'the answer of the training row that shares most 16-mers',
  fit(data, question, rows) {
    const index = openKmerIndex(data.packed, rows);
    const prior = meanAnswer(question, rows);
    const width = widthOf(question);
    return {
      answer(other, asked) {
        const answers = new Float64Array(asked.length * width);
        for (let i = 0; i < asked.length; i++) {
          answers.set(prior, i * width);
          const [nearest] = index.search(other.packed, asked[i], 2);
          if (nearest === undefined) continue;
          const answer = question.values[nearest.row];
          if (question.classes === 0) answers[i] = answer;
          else for (let c = 0; c < width; c++) answers[i * width + c] = (prior[c] + (c === answer ? 9 : 0)) / 10;
        }
        return answers;
      },
    };
  },
};
