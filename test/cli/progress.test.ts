import { describe, expect, it } from 'vitest';
import { createProgress, duration } from '../../src/cli/progress.ts';
import type { RunEvent } from '../../src/harness/run-types.ts';

type Finished = Extract<RunEvent, { type: 'finished' }>;

const cell = (key: string) =>
  ({
    ...{ key, probe: 'none', seed: 0 },
    task: { description: { id: 'promoters' } },
    contender: { definition: { id: `cnn-${key}` } },
  }) as unknown as Finished['cell'];
const result = (score: number | null) =>
  ({
    status: 'done',
    scores: { mcc: score },
    task: { metric: 'mcc' },
    timings: { seconds: 75 },
  }) as unknown as Finished['result'];

/** What is written when cells a and b are run, the clock going ten seconds per event. */
function written(isTTY: boolean): string {
  let text = '';
  let time = 0;
  const stream = { isTTY, columns: 120, write: (part: string) => (text += part) } as unknown as NodeJS.WriteStream;
  const view = createProgress(stream, () => time);
  const events: RunEvent[] = [
    {
      type: 'planned',
      plan: { cells: [cell('a'), cell('b'), cell('c')], skipped: ['c: not for this kind'] },
      reused: 1,
    },
    { type: 'progress', cell: cell('a'), fraction: 0.5, message: 'epoch 3' },
    { type: 'finished', cell: cell('a'), result: result(0.5), computed: true },
    { type: 'finished', cell: cell('b'), result: result(null), computed: false },
  ];
  for (const event of events) {
    view.onEvent(event);
    time += 10_000;
  }
  view.end();
  return text;
}

describe('progress', () => {
  it('is plain lines where nobody watches', () => {
    expect(written(false).split('\n')).toEqual([
      'Left out: c: not for this kind',
      '3 cells, 1 already stored, 2 to compute',
      '[1/2] promoters / cnn-a: mcc 0.500 (1 min 15 s)',
      '[2/2] promoters / cnn-b: mcc undefined (by another run)',
      '',
    ]);
  });

  it('is one redrawn line with the time left on a terminal, gone at the end', () => {
    const text = written(true);
    expect(text).toContain('25% (0/2 cells, about 30 s left): promoters / cnn-a: epoch 3');
    expect(text).toContain('50% (1/2 cells, about 20 s left)');
    expect(text.endsWith('\n')).toBe(true);
  });

  it('writes durations in words', () => {
    expect([0.4, 59, 75, 3700].map(duration)).toEqual(['0 s', '59 s', '1 min 15 s', '1 h 1 min']);
  });
});
