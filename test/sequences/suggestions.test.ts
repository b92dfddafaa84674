import { describe, expect, it } from 'vitest';
import { didYouMean } from '../../src/sequences/sequence-error.ts';

const NETWORKS = ['kmer-logistic', 'one-hot-resnet', 'one-hot-chip-cnn', 'one-hot-gb-cnn', 'gue.tf_0'];

describe('what a name was meant to be', () => {
  it.each([
    ['a slip of the finger: the nearest', 'kmer-logisitc', ' (did you mean "kmer-logistic"?)'],
    [
      'letters left out: whatever holds them in order',
      'onehot-cnn',
      ' (did you mean "one-hot-gb-cnn" or "one-hot-chip-cnn"?)',
    ],
    ['a part of the name', 'resnet', ' (did you mean "one-hot-resnet"?)'],
    ['a part of the name, punctuation aside', 'tf0', ' (did you mean "gue.tf_0"?)'],
    ['nothing like it', 'quux', ''],
  ])('%s', (_what, name, suggestion) => {
    expect(didYouMean(name, NETWORKS)).toBe(suggestion);
  });

  it('a short name is not taken for another that shares no letter with it', () => {
    expect(didYouMean('zz', ['0', '1'])).toBe('');
    expect(didYouMean('f1', ['r2', 'macroF1'])).toBe(' (did you mean "macroF1"?)');
  });
});
