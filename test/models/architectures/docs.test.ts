/** docs/models.md lists what is known, and how far each is from its reference. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '../../../src/models/architectures/known-architectures.ts';
import { GOLDENS } from './golden-case.ts';

const page = readFileSync(new URL('../../../docs/models.md', import.meta.url), 'utf8');
/** Cells of the rows of the tables. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );

describe('docs/models.md', () => {
  it.each(ARCHITECTURES.map(({ id, title }) => [id, title]))('has %s among the architectures', (id, title) => {
    const row = rows.find(([first]) => first === `\`${id}\``);
    expect(row?.[1]).toBe(title);
    expect(row).toHaveLength(6);
    expect(row?.every((cell) => cell.trim() !== '')).toBe(true);
  });

  it('has parity figures of every golden, under its architecture', () => {
    const goldens = readdirSync(GOLDENS, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && !entry.name.startsWith('_') ? [entry.name] : [],
    );
    const figures = rows.filter((row) => row.length === 5 && /e-\d/.test(row[2]));
    expect(figures.map(([, golden]) => golden).sort()).toEqual(goldens.sort());
    const ids = new Set(ARCHITECTURES.map(({ id }) => id));
    expect(new Set(figures.map(([id]) => id))).toEqual(ids);
  });
});
