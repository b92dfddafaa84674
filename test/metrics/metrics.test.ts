import { describe, expect, it } from 'vitest';
import type { Predictions, Targets } from '../../src/core/matrix.ts';
import { METRIC_NAMES, type Metric, type MetricName } from '../../src/metrics/metric.ts';
import { METRICS, metric, metricsFor } from '../../src/metrics/metric-table.ts';
import clusterings from './goldens/clustering.json' with { type: 'json' };
import others from './goldens/metrics.json' with { type: 'json' };
import { predictionsOf, targetsOf } from './matrices.ts';

type Golden = Omit<(typeof others)[number], 'scores'> & { readonly scores: object };
const goldens: readonly Golden[] = [...others, ...clusterings.cases];

describe('scores equal scikit-learn and SciPy to 1e-9', () => {
  for (const golden of goldens) {
    it(golden.name, () => {
      const columns = golden.targets.length / golden.rows;
      const targets: Targets = { rows: golden.rows, columns, values: Float64Array.from(golden.targets) };
      const predictions: Predictions = {
        rows: golden.rows,
        columns: golden.columns,
        values: Float64Array.from(golden.predictions, (value) => value / golden.scale),
      };
      const multiplicities = golden.multiplicities ? Uint16Array.from(golden.multiplicities) : undefined;
      const scores = Object.entries(golden.scores) as [MetricName, number | null][];
      expect(scores.length).toBeGreaterThan(3);
      for (const [name, expected] of scores) {
        const actual = METRICS[name].prepare(targets, predictions)(multiplicities);
        if (expected === null) expect(actual, name).toBeNaN();
        else expect(Math.abs(actual - expected) / Math.max(1, Math.abs(expected)), name).toBeLessThan(1e-9);
      }
    });
  }

  it('every metric has goldens for every kind it claims', () => {
    for (const { name, kinds } of Object.values(METRICS)) {
      for (const kind of kinds) {
        const scored = goldens.filter((golden) => golden.kind === kind && name in golden.scores);
        expect(scored.length, `${name} ${kind}`).toBeGreaterThan(5);
      }
    }
  });
});

describe('multiplicities are repeated rows', () => {
  for (const golden of goldens.filter(({ multiplicities }) => multiplicities !== null)) {
    it(golden.name, () => {
      const multiplicities = Uint16Array.from(golden.multiplicities ?? []);
      const repeat = (values: readonly number[], scale: number) => {
        const columns = values.length / golden.rows;
        const drawn = [...multiplicities].flatMap((times, row) =>
          Array.from({ length: times }, () => values.slice(row * columns, (row + 1) * columns)),
        );
        const flat = Float64Array.from(drawn.flat(), (value) => value / scale);
        return { rows: drawn.length, columns, values: flat };
      };
      const targets = repeat(golden.targets, 1);
      const predictions = repeat(golden.predictions, golden.scale);
      for (const [name, expected] of Object.entries(golden.scores) as [MetricName, number | null][]) {
        const actual = METRICS[name].prepare(targets, predictions)();
        if (expected === null) expect(actual, name).toBeNaN();
        else expect(actual, name).toBeCloseTo(expected, 8);
      }
    });
  }

  it('a prepared metric keeps no memory of the last call', () => {
    for (const golden of goldens.filter(({ rows }) => rows > 8)) {
      const targets = targetsOf(golden.rows, golden.targets);
      const predictions = predictionsOf(golden.rows, golden.predictions, golden.scale);
      const draw = Uint16Array.from({ length: golden.rows }, (_, row) => row % 3);
      for (const name of Object.keys(golden.scores) as MetricName[]) {
        const prepared = METRICS[name].prepare(targets, predictions);
        const plain = prepared();
        prepared(draw);
        expect(prepared(), name).toBe(plain);
        if (golden.kind === 'clustering') continue; // chance agreement depends on the number of rows
        const twice = prepared(new Uint16Array(golden.rows).fill(2));
        if (Number.isNaN(plain)) expect(twice, name).toBeNaN();
        else expect(twice, name).toBeCloseTo(plain, 10);
      }
    }
  });

  it('no row drawn is an undefined score, never a number', () => {
    const nothing = new Uint16Array(4);
    for (const { name, kinds, prepare } of Object.values(METRICS)) {
      const regression = kinds.includes('regression');
      const oneColumn = regression || kinds.includes('clustering');
      const targets = targetsOf(4, regression ? [1, 2, 4, 3] : [0, 1, 1, 0]);
      const predictions = predictionsOf(4, oneColumn ? [1, 2, 3, 4] : [2, 2, 0, 4, 1, 3, 4, 0], oneColumn ? 1 : 4);
      expect(prepare(targets, predictions)(nothing), name).toBeNaN();
    }
  });
});

describe('definitions', () => {
  it('calibration error is the gap between confidence and accuracy, 0 for an honest coin', () => {
    const prepared = (positives: number[]) =>
      METRICS.calibrationError.prepare(
        targetsOf(4, positives),
        predictionsOf(4, [1, 3, 1, 3, 1, 3, 1, 3], 4), // 75% sure of class 1
      );
    expect(prepared([1, 1, 1, 0])()).toBe(0);
    expect(prepared([1, 1, 1, 1])()).toBe(0.25);
    expect(prepared([0, 0, 0, 0])()).toBe(0.75);
  });

  it('float32 predictions score as the same numbers in float64, certain errors included', () => {
    const targets = targetsOf(3, [0, 1, 1]);
    const values = [0.25, 0.75, 1, 0, 0.1, 0.9];
    const single = { rows: 3, columns: 2, values: Float32Array.from(values) };
    const double = { rows: 3, columns: 2, values: Float64Array.from(single.values) };
    for (const { name, prepare } of metricsFor('binary')) {
      expect(prepare(targets, single)(), name).toBe(prepare(targets, double)());
    }
  });

  it('a constant that is not a dyadic fraction is still constant', () => {
    const constant = targetsOf(3, [0.1, 0.1, 0.1]);
    const other = predictionsOf(3, [1, 2, 4], 1);
    expect(METRICS.pearson.prepare(constant, other)()).toBeNaN();
    expect(METRICS.spearman.prepare(constant, other)()).toBeNaN();
    expect(METRICS.r2.prepare(constant, other)()).toBe(0);
    expect(METRICS.r2.prepare(constant, constant)()).toBe(1);
  });

  it('correlations survive resamples of few, close rows', () => {
    const x = Array.from({ length: 1000 }, (_, row) => row * 1e4);
    x[500] = 5e6 + 1e-3;
    x[501] = 5e6 + 2e-3;
    x[502] = 5e6 + 3e-3;
    const draw = new Uint16Array(1000);
    draw.set([300, 300, 400], 500);
    const y = x.map((_, row) => (row === 501 ? 1 : row === 502 ? 5 : 0));
    const few = METRICS.pearson.prepare(targetsOf(1000, x), predictionsOf(1000, y, 1))(draw);
    const shifted = [1e-3, 2e-3, 3e-3].flatMap((v, i) => Array<number>([300, 300, 400][i]).fill(v));
    const answer = [0, 1, 5].flatMap((v, i) => Array<number>([300, 300, 400][i]).fill(v));
    const exact = METRICS.pearson.prepare(targetsOf(1000, shifted), predictionsOf(1000, answer, 1))();
    expect(few).toBeCloseTo(exact, 5);
  });
});

describe('registry', () => {
  it('holds every name of the contract once, under its own name', () => {
    expect(Object.keys(METRICS)).toEqual([...METRIC_NAMES]);
    for (const [name, { name: own }] of Object.entries(METRICS)) expect(own).toBe(name);
  });

  it('lists the metrics of a kind', () => {
    const names = (metrics: Metric[]) => metrics.map(({ name }) => name);
    expect(names(metricsFor('regression'))).toEqual(['pearson', 'spearman', 'r2', 'mse']);
    expect(names(metricsFor('clustering'))).toEqual(['ami', 'ari', 'nmi', 'vMeasure']);
    expect(names(metricsFor('multilabel'))).not.toContain('balancedAccuracy');
    expect(names(metricsFor('binary'))).toEqual(names(metricsFor('multiclass')));
  });

  it('only errors and losses are better when lower', () => {
    const lower = Object.values(METRICS).filter(({ higherIsBetter }) => !higherIsBetter);
    expect(lower.map(({ name }) => name)).toEqual(['logLoss', 'calibrationError', 'mse']);
  });

  it('suggests the metric that was meant', () => {
    expect(metric('mcc')).toBe(METRICS.mcc);
    expect(() => metric('MCC')).toThrow('Unknown metric "MCC". Did you mean "mcc"?');
    expect(() => metric('roc_auc')).toThrow('Did you mean "auroc"?');
    expect(() => metric('acuracy')).toThrow('Did you mean "accuracy"?');
    expect(() => metric('toString')).toThrow(/^Unknown metric "toString"\. Metrics: accuracy, /);
  });
});

describe('bad input is refused, naming row and column', () => {
  const two = targetsOf(2, [0, 1]);
  const probabilities = (...values: number[]) => predictionsOf(2, values, 1);
  const good = probabilities(0.5, 0.5, 0.5, 0.5);
  const prepare = (name: MetricName, targets: Targets, predictions: Predictions) => () =>
    METRICS[name].prepare(targets, predictions);

  it.each([
    ['a NaN', probabilities(0.5, 0.5, Number.NaN, 0.5), 'prediction at row 1, column 0 is NaN'],
    ['an infinity', probabilities(0.5, 0.5, 0.5, Number.POSITIVE_INFINITY), 'row 1, column 1 is Infinity'],
    ['a negative probability', probabilities(-0.1, 1.1, 0.5, 0.5), 'row 0, column 0 is -0.1; expected a probability'],
    ['a row that is no distribution', probabilities(0.5, 0.5, 0.5, 0.6), 'row 1 (columns 0 to 1) sum to 1.1'],
    ['another number of rows', predictionsOf(3, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 1), '2 target rows but 3 prediction'],
    ['fewer numbers than the shape says', { ...good, rows: 2, columns: 3 }, 'hold 4 numbers, not 2 rows x 3 columns'],
  ])('%s among class probabilities', (_, predictions, message) => {
    for (const { name } of metricsFor('binary')) {
      expect(prepare(name, two, predictions), name).toThrow(message);
      expect(prepare(name, two, predictions), name).toThrow(new RegExp(`^${name}: `));
    }
  });

  it('impossible targets', () => {
    expect(prepare('mcc', targetsOf(2, [0, 2]), good)).toThrow(
      'mcc: target at row 1, column 0 is 2; expected a class index from 0 to 1 (predictions have 2 columns)',
    );
    expect(prepare('auroc', targetsOf(2, [0.5, 1]), good)).toThrow('row 0, column 0 is 0.5');
    expect(prepare('accuracy', targetsOf(2, [0, 1, 1, 2]), good)).toThrow('row 1, column 1 is 2; expected 0 or 1');
    expect(prepare('mse', targetsOf(2, [0, Number.NaN]), targetsOf(2, [0, 1]))).toThrow('target at row 1, column 0');
    expect(prepare('pearson', targetsOf(2, [0, 1]), predictionsOf(2, [Number.NaN, 1], 1))).toThrow('row 0, column 0');
  });

  it('column counts that fit no kind of task', () => {
    expect(prepare('accuracy', targetsOf(2, [0, 1, 1, 0]), probabilities(0.2, 0.3, 0.5, 0.2, 0.3, 0.5))).toThrow(
      '2 target columns do not fit 3 prediction columns',
    );
    expect(prepare('balancedAccuracy', targetsOf(2, [0, 1, 1, 0]), good)).toThrow('binary and multiclass');
    expect(prepare('r2', two, good)).toThrow('1 target columns but 2 prediction columns');
    expect(prepare('r2', targetsOf(0, []), targetsOf(0, []))).toThrow('empty');
  });

  it('multiplicities of another length', () => {
    for (const { name } of metricsFor('binary')) {
      expect(() => METRICS[name].prepare(two, good)(new Uint16Array(3)), name).toThrow('3 multiplicities for 2 rows');
    }
  });

  it('accepts the rounding of a float32 softmax', () => {
    expect(prepare('logLoss', two, probabilities(0.5, 0.4995, 0.5, 0.5005))).not.toThrow();
  });
});

it('goldens cover undefined scores', () => {
  const undefinedScores = goldens.flatMap(({ scores }) => Object.values(scores)).filter((s) => s === null);
  expect(undefinedScores.length).toBeGreaterThan(40);
});
