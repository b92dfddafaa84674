/** The part of the untyped package that the reference probe uses. */
declare module 'ml-logistic-regression' {
  import type { Matrix } from 'ml-matrix';

  interface TwoClasses {
    /** Per row, the sigmoid score of not being the classifier's own class. */
    testScores(features: Matrix): number[];
  }
  export default class LogisticRegression {
    constructor(options: { numSteps: number; learningRate: number });
    readonly classifiers: TwoClasses[];
    train(features: Matrix, labels: Matrix): void;
  }
}
