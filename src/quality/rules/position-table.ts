/**
 * Up to four (position, k-mer) facts, k = 1..3, chosen one after the other; the answer is a table over their 2^4 combinations. Candidates are
 * ranked by |cov(fact, answer)|; the next fact is the one whose table explains most: information gain for classes, variance for numbers.
 * Positions count from the first base (`start`) or from the last (`end`), within the shortest training sequence.
 */
import { meanAnswer, type Question, widthOf } from '../questions.ts';
import type { FittedRule, Rule, RuleData } from './rule.ts';

const MOST_FACTS = 4;
const CANDIDATES = 40;
const MOST_POSITIONS = 1000;
/** Training rows that facts are chosen on; the table is filled from all. */
const MOST_ROWS = 20_000;

interface Fact {
  readonly position: number;
  readonly k: number;
  readonly word: number;
}

export type Anchor = 'start' | 'end';

export const POSITION_RULE: Rule = {
  id: 'position-table',
  title: 'table of four k-mers at fixed positions from the start',
  fit: (data, question, rows) => fitTable(data, question, rows, 'start'),
};

export const END_POSITION_RULE: Rule = {
  id: 'end-position-table',
  title: 'table of four k-mers at fixed positions from the end',
  fit: (data, question, rows) => fitTable(data, question, rows, 'end'),
};

function fitTable(data: RuleData, question: Question, rows: ArrayLike<number>, anchor: Anchor): FittedRule | undefined {
  const positions = Math.min(MOST_POSITIONS, shortestOf(data, rows));
  if (positions < 3 || rows.length < 20) return undefined;
  const some = everyNth(rows, MOST_ROWS);
  const candidates = rankFacts(data, question, some, positions, anchor);
  const marks = candidates.map((fact) => Uint8Array.from(some, (row) => (holds(data, row, fact, anchor) ? 1 : 0)));
  const chosen: number[] = [];
  const cells = new Uint8Array(some.length);
  for (let round = 0; round < Math.min(MOST_FACTS, candidates.length); round++) {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < candidates.length; c++) {
      if (chosen.includes(c)) continue;
      const explained = explainedBy(question, some, 2 ** (round + 1), (i) => cells[i] * 2 + marks[c][i]);
      if (explained > most + 1e-12) {
        most = explained;
        best = c;
      }
    }
    chosen.push(best);
    for (let i = 0; i < cells.length; i++) cells[i] = cells[i] * 2 + marks[best][i];
  }
  const facts = chosen.map((c) => candidates[c]);
  const cellOf = (other: RuleData, row: number) =>
    facts.reduce((cell, fact) => cell * 2 + (holds(other, row, fact, anchor) ? 1 : 0), 0);
  const width = widthOf(question);
  const table = fillTable(data, question, rows, 2 ** facts.length, cellOf);
  return {
    answer: (other, asked) => {
      const answers = new Float64Array(asked.length * width);
      for (let i = 0; i < asked.length; i++) {
        const cell = cellOf(other, asked[i]);
        answers.set(table.subarray(cell * width, (cell + 1) * width), i * width);
      }
      return answers;
    },
    detail: facts.map((fact) => describeFact(fact, anchor)).join(', '),
  };
}

/** `[cells, width]` mean answers, one pseudo-row of the mean of all rows each. */
function fillTable(
  data: RuleData,
  question: Question,
  rows: ArrayLike<number>,
  cells: number,
  cellOf: (data: RuleData, row: number) => number,
): Float64Array {
  const width = widthOf(question);
  const prior = meanAnswer(question, rows);
  const table = new Float64Array(cells * width);
  const counts = new Float64Array(cells);
  for (let i = 0; i < rows.length; i++) {
    const cell = cellOf(data, rows[i]);
    counts[cell]++;
    if (question.classes === 0) table[cell] += question.values[rows[i]];
    else table[cell * width + question.values[rows[i]]]++;
  }
  for (let i = 0; i < table.length; i++) table[i] = (table[i] + prior[i % width]) / (counts[Math.floor(i / width)] + 1);
  return table;
}

function rankFacts(data: RuleData, question: Question, rows: Uint32Array, positions: number, anchor: Anchor): Fact[] {
  const { codes, offsets } = data.packed;
  const width = widthOf(question);
  const mean = meanAnswer(question, rows);
  const ranked: { fact: Fact; strength: number }[] = [];
  for (const k of [1, 2, 3]) {
    const words = 4 ** k;
    const places = positions - k + 1;
    const sums = new Float64Array(places * words * width);
    const counts = new Float64Array(places * words);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      const first = anchor === 'start' ? offsets[row] : offsets[row + 1] - positions;
      const answer = question.values[row];
      for (let p = 0; p < positions; p++) {
        if (p + 1 < k) continue;
        let word = 0;
        let known = true;
        for (let j = p - k + 1; j <= p; j++) {
          const code = codes[first + j];
          if (code === 4) known = false;
          word = word * 4 + code;
        }
        if (!known) continue;
        const cell = (p - k + 1) * words + word;
        counts[cell]++;
        if (question.classes === 0) sums[cell] += answer;
        else sums[cell * width + answer]++;
      }
    }
    for (let cell = 0; cell < counts.length; cell++) {
      let strength = 0;
      for (let c = 0; c < width; c++) strength += Math.abs(sums[cell * width + c] - counts[cell] * mean[c]);
      const place = Math.floor(cell / words);
      const position = anchor === 'start' ? place : place - positions; // from the end: negative
      ranked.push({ fact: { position, k, word: cell % words }, strength });
    }
    ranked.sort((a, b) => b.strength - a.strength || a.fact.k - b.fact.k || a.fact.position - b.fact.position);
    ranked.length = Math.min(ranked.length, CANDIDATES);
  }
  return ranked.map(({ fact }) => fact);
}

/** Information gain per row (nats) of a partition for classes; explained sum of squares for numbers. */
function explainedBy(question: Question, rows: Uint32Array, cells: number, cellOf: (i: number) => number): number {
  const width = widthOf(question);
  const sums = new Float64Array(cells * width);
  const counts = new Float64Array(cells);
  for (let i = 0; i < rows.length; i++) {
    const cell = cellOf(i);
    counts[cell]++;
    if (question.classes === 0) sums[cell] += question.values[rows[i]];
    else sums[cell * width + question.values[rows[i]]]++;
  }
  let explained = 0;
  for (let cell = 0; cell < cells; cell++) {
    if (counts[cell] === 0) continue;
    if (question.classes === 0) explained += sums[cell] ** 2 / counts[cell];
    else
      for (let c = 0; c < width; c++) {
        const n = sums[cell * width + c];
        if (n > 0) explained += n * Math.log(n / counts[cell]);
      }
  }
  return explained / rows.length;
}

function holds({ packed: { codes, offsets } }: RuleData, row: number, fact: Fact, anchor: Anchor): boolean {
  const first = offsets[row];
  const end = offsets[row + 1];
  const from = anchor === 'start' ? first + fact.position : end + fact.position;
  if (from < first || from + fact.k > end) return false;
  let word = 0;
  for (let j = 0; j < fact.k; j++) {
    const code = codes[from + j];
    if (code === 4) return false;
    word = word * 4 + code;
  }
  return word === fact.word;
}

function shortestOf({ packed: { offsets } }: RuleData, rows: ArrayLike<number>): number {
  let shortest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rows.length; i++) shortest = Math.min(shortest, offsets[rows[i] + 1] - offsets[rows[i]]);
  return rows.length === 0 ? 0 : shortest;
}

/** At most `most` of the rows, evenly spread. */
export function everyNth(rows: ArrayLike<number>, most: number): Uint32Array {
  const count = Math.min(rows.length, most);
  return Uint32Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]);
}

function describeFact({ position, k, word }: Fact, anchor: Anchor): string {
  const letters = Array.from({ length: k }, (_, j) => 'ACGT'[(word >> (2 * (k - 1 - j))) & 3]).join('');
  return anchor === 'start' ? `${letters} at ${position + 1}` : `${letters} at ${position}`;
}
