import { describe, expect, it } from 'vitest';
import task, { regulatoryActivity } from '../../tasks/regulatory-activity.ts';

const rows = regulatoryActivity();
const variance = (values: readonly number[]) => {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
};

describe('the regulatory activity task', () => {
  it('has a known ceiling: the noise-free signal explains 0.87 of the variance', () => {
    const noise = variance(rows.map(({ activity, signal }) => activity - signal));
    expect(Math.sqrt(noise)).toBeCloseTo(0.6, 1);
    expect(1 - noise / variance(rows.map(({ activity }) => activity))).toBeCloseTo(0.87, 2);
    expect(task.description).toContain('R2 0.87');
  });

  it('is exactly the sum of its parts', () => {
    for (const { sequence, signal, sites } of regulatoryActivity({ strength: 1, noise: 0 }).slice(0, 300)) {
      const of = (name: string) => sites.filter((site) => site.motif === name);
      const paired = of('A').some((a) => of('B').some((b) => Math.abs(a.start - b.start) <= 40));
      const gc = [...sequence].filter((base) => base === 'G' || base === 'C').length / sequence.length;
      // One column of ten is at half strength even at full strength: a site matches in nine or ten.
      const least = 0.9 * of('A').length + 0.72 * of('B').length - 1.2 * of('C').length;
      const most = of('A').length + 0.8 * of('B').length - 1.08 * of('C').length;
      const rest = signal - 2 - (paired ? 1.5 : 0) - (0.5 * (gc - 0.415)) / 0.035;
      expect(rest).toBeGreaterThan(least - 1e-9);
      expect(rest).toBeLessThan(most + 1e-9);
    }
  });

  it('plants sites that do not overlap, and gives finite labels', () => {
    for (const { sites, row } of rows) {
      const sorted = [...sites].sort((a, b) => a.start - b.start);
      for (let i = 1; i < sorted.length; i++) expect(sorted[i].start).toBeGreaterThanOrEqual(sorted[i - 1].end);
      expect(Number.isFinite(row.label)).toBe(true);
    }
  });

  it('refuses a length with no room for five sites', () => {
    expect(() => regulatoryActivity({ length: 80 })).toThrow(/length 80: five sites need at least 100/);
  });
});
