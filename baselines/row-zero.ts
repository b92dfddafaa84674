/**
 * Row zero: the best rule without a model. Each rule of the audit (majority, length, unknown letters, GC, CpG, Markov chains, k-mers at fixed
 * positions, dinucleotide twins, nearest duplicate) is cross-validated on the training rows. The best one gets its validation score from a fit
 * on the training rows, and predicts from a fit on training and validation rows: what it looks up may lie in either. A model that does not
 * beat row zero shows nothing about DNA on that task. Labels and targets each have their own rule.
 */
import {
  createRandom,
  defineBaseline,
  type FittedRule,
  modelFreeRules,
  type Question,
  type RuleData,
  type Targets,
} from '../src/index.ts';

const FOLDS = 5;
/** Training rows that rules are compared on; the chosen rule is fitted on all rows. */
const MOST_ROWS = 20_000;

/** `[rows]` folds of equal size in random order: the same for every seed, since nothing else is drawn. */
function foldsOf(rows: number): Uint8Array {
  const order = createRandom('row-zero folds').shuffle(Uint32Array.from({ length: rows }, (_, i) => i));
  return Uint8Array.from(order, (place) => place % FOLDS);
}

/** `[rows of both, columns]` */
function joined(train: Targets, valid: Targets): Targets {
  const values = new Float64Array(train.values.length + valid.values.length);
  values.set(train.values);
  values.set(valid.values, train.values.length);
  return { rows: train.rows + valid.rows, columns: train.columns, values };
}

export default defineBaseline({
  id: 'row-zero',
  title: 'Row zero (best rule without a model)',
  description:
    'The best of ten fixed rules, chosen by 5-fold cross-validation on training rows: majority, length, unknown letters, GC, CpG, order-3 Markov ' +
    'chains, k-mers at fixed positions from either end, the other label of a dinucleotide twin, the label of the nearest duplicate.',
  citation: 'None: a control for shortcuts and for leaks between train and test',
  family: 'composition',
  kinds: ['binary', 'multiclass', 'multilabel', 'regression'],
  version: '1',
  stochastic: false,
  options: { folds: FOLDS, mostRows: MOST_ROWS },
  async fit({ definition, classes, outputs, train, valid }, { validationScore, progress }) {
    const { rules, questionsOf, widthOf, ruleData, crossValidate, rowsWhere } = await modelFreeRules();
    const count = train.sequences.length;
    const step = Math.max(1, count / MOST_ROWS);
    const some = rowsWhere(Math.min(count, MOST_ROWS), () => true).map((_, i) => Math.floor(i * step));
    const data = ruleData(train.sequences);
    const compared = step === 1 ? data : ruleData(Array.from(some, (row) => train.sequences[row]));
    const folds = foldsOf(some.length);
    const questions = questionsOf(definition.kind, train.targets, classes);
    const chosen = questions.map((question, q) => {
      const part = { ...question, values: Float64Array.from(some, (row) => question.values[row]) };
      const scores = rules.map((rule) => crossValidate(rule, compared, part, folds));
      const best = scores.reduce<number>((top, score, r) => ((score ?? -2) > (scores[top] ?? -2) + 1e-9 ? r : top), 0);
      progress((q + 1) / questions.length, `${question.name}: ${rules[best].id}`);
      return { rule: rules[best], scores };
    });
    const fitAll = (rows: RuleData, asked: readonly Question[]) =>
      chosen.map(({ rule }, q) => {
        const fitted = rule.fit(
          rows,
          asked[q],
          rowsWhere(rows.packed.count, () => true),
        );
        if (fitted === undefined) throw new Error(`row-zero: the rule ${rule.id} does not apply to all rows`);
        return fitted;
      });
    const both = ruleData([...train.sequences, ...valid.sequences]);
    const finalFit = fitAll(both, questionsOf(definition.kind, joined(train.targets, valid.targets), classes));
    const predict = (fits: readonly FittedRule[], sequences: readonly string[]) => {
      const asked = ruleData(sequences);
      const rows = rowsWhere(sequences.length, () => true);
      const values = new Float64Array(sequences.length * outputs);
      for (const [q, fitted] of fits.entries()) {
        const answers = fitted.answer(asked, rows);
        const width = widthOf(questions[q]);
        if (fits.length === 1 && width === outputs) values.set(answers);
        else for (let r = 0; r < sequences.length; r++) values[r * outputs + q] = answers[r * width + width - 1];
      }
      return { rows: sequences.length, columns: outputs, values };
    };
    return {
      predict: async (sequences) => predict(finalFit, sequences),
      validationScore: validationScore(valid.targets, predict(fitAll(data, questions), valid.sequences)),
      details: {
        rules: chosen.map(({ rule, scores }, q) => ({
          question: questions[q].name,
          rule: rule.id,
          ...(finalFit[q].detail === undefined ? {} : { detail: finalFit[q].detail }),
          crossValidated: Object.fromEntries(scores.map((score, r) => [rules[r].id, score ?? null])),
        })),
      },
    };
  },
});
