import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { THRESHOLDS } from '../../src/quality/thresholds.ts';

it('docs/task-quality.md lists every check with its thresholds', () => {
  const page = readFileSync(new URL('../../docs/task-quality.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+\.[a-z-]+)` +\|[^|]*\| +(\S+) \| +(\S+) \|/gm)];
  const level = (value: number | null) => (value === null ? 'never' : String(value));
  expect(rows.map(([, id, warn, fail]) => [id, warn, fail])).toEqual(
    Object.entries(THRESHOLDS).map(([id, { warn, fail }]) => [id, level(warn), level(fail)]),
  );
});
