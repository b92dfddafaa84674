/** Shape arithmetic with symbols: what is equal gets one name, what is not gets another. */
import { describe, expect, it } from 'vitest';
import { addDims, broadcast, divide, multiply, windowOutput } from '../../src/onnx/shapes.ts';

describe('sums and products', () => {
  it('cancel what was added, multiplied or divided before', () => {
    expect(addDims([addDims(['batch', 3]), -3])).toBe('batch');
    expect(addDims(['a', 'b', 2])).toBe(addDims(['b', 2, 'a']));
    expect(multiply([2, 'batch', 3])).toBe('6*batch');
    expect(multiply(['a', 'b'])).toBe(multiply(['b', 'a']));
    expect(divide([multiply(['batch', 12])], [3, 4])).toBe('batch');
    expect(divide([multiply([addDims(['batch', 3]), 4])], [4])).toBe('batch+3');
    expect(divide([6, 4], [8])).toBe(3);
    expect(divide(['batch'], ['batch'])).toBe(1);
    expect(multiply([0, 'batch'])).toBe(0);
  });

  it('keep 2 (n + 3) and 2 n + 3 apart', () => {
    expect(multiply([2, addDims(['n', 3])])).not.toBe(addDims([multiply([2, 'n']), 3]));
    expect(addDims([multiply([2, addDims(['n', 3])]), -3])).not.toBe(multiply([2, 'n']));
  });

  it('refuse a reshape that can not be', () => {
    expect(() => divide([5], [2])).toThrow(/5 elements don't divide by 2/);
    expect(divide(['n'], [2])).toBe('quotient(n,2)');
  });
});

describe('broadcasting', () => {
  it('follows numpy, symbols taken to be equal to what they meet', () => {
    expect(broadcast([2, 1, 3], [4, 1])).toEqual([2, 4, 3]);
    expect(broadcast(['batch', 1], [5])).toEqual(['batch', 5]);
    expect(() => broadcast([2, 3], [4])).toThrow(/\[2,3\] and \[4\] don't broadcast/);
  });
});

describe('windows', () => {
  const window = { kernel: 3, stride: 2, dilation: 2, before: 1, after: 1 };
  it('count as PyTorch does, by number or by name', () => {
    expect(windowOutput(10, window)).toBe(4);
    expect(windowOutput(10, { ...window, ceil: true })).toBe(5);
    expect(windowOutput('n', { ...window, stride: 1 })).toBe('n+-2');
    expect(() => windowOutput(2, window)).toThrow(/window of 5 with stride 2 does not fit a length of 2/);
  });
});
