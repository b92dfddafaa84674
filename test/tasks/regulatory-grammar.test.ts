import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { metric, reverseComplement } from '../../src/index.ts';
import { GRAMMAR_DEFAULTS, grammarPosterior } from '../../tasks/generators/grammar.ts';
import { informationContent, motif } from '../../tasks/generators/motifs.ts';
import task, { regulatoryGrammar } from '../../tasks/regulatory-grammar.ts';

const rows = regulatoryGrammar();
const small = { sizes: { train: 200, valid: 0, test: 0 } };

describe('the regulatory grammar task', () => {
  it('yields the stated rows, half of them positive in every split', () => {
    for (const [split, size] of Object.entries({ train: 6000, valid: 1000, test: 2000 })) {
      const part = rows.filter(({ row }) => row.split === split);
      expect(part).toHaveLength(size);
      expect(part.filter(({ row }) => row.label === 'grammar')).toHaveLength(size / 2);
    }
    expect(new Set(rows.map(({ row }) => row.id)).size).toBe(rows.length);
    expect(task.classes).toEqual(['decoy', 'grammar']);
  });

  it('is the same bytes for a seed on every machine', () => {
    const text = rows.map(({ row }) => `${row.id} ${row.sequence} ${row.label}\n`).join('');
    expect(createHash('sha256').update(text).digest('hex')).toBe(
      '36f3e9c57788b50ff393db02d1db3f9bb8430b630e9e0bfb4c8c1c7e8aa247c2',
    );
    expect(regulatoryGrammar({ seed: 1, ...small })[0].sequence).not.toBe(regulatoryGrammar(small)[0].sequence);
  });

  it('keeps where each motif lies: positives are A then B on one strand within the window', () => {
    for (const { sequence, sites, arrangement } of rows) {
      const upright = sites.map((site) =>
        site.strand === '+'
          ? sequence.slice(site.start, site.end)
          : reverseComplement(sequence.slice(site.start, site.end)),
      );
      for (const site of upright) expect(site).toHaveLength(10);
      if (arrangement !== 'grammar') continue;
      const [a, b] = sites;
      expect([a.motif, b.motif, a.strand]).toEqual(['A', 'B', b.strand]);
      const gap = a.strand === '+' ? b.start - a.end : a.start - b.end;
      expect(gap).toBeGreaterThanOrEqual(GRAMMAR_DEFAULTS.gap[0]);
      expect(gap).toBeLessThanOrEqual(GRAMMAR_DEFAULTS.gap[1]);
    }
  });

  it('plants fixed words when motifs have full strength', () => {
    for (const { sequence, sites } of regulatoryGrammar({ ...small, strength: 1 })) {
      for (const site of sites.filter(({ motif: name }) => name === 'B')) {
        const word = sequence.slice(site.start, site.end);
        expect(site.strand === '+' ? word : reverseComplement(word)).toMatch(/^ATG[ACGT]ACCCCT$/);
      }
    }
  });

  it('has decoys of every kind in their shares', () => {
    const decoys = rows.filter(({ row }) => row.split === 'train' && row.label === 'decoy');
    const count = (kind: string) => decoys.filter(({ arrangement }) => arrangement === kind).length;
    expect(['a-alone', 'b-alone', 'spacing', 'orientation', 'order', 'shuffled'].map(count)).toEqual([
      900, 900, 300, 225, 225, 450,
    ]);
  });

  it('is solved by the generating model, so that the labels can be learned', () => {
    const test = rows.filter(({ row }) => row.split === 'test');
    const posterior = test.map(({ sequence }) => grammarPosterior(sequence));
    const targets = Float64Array.from(test, ({ row }) => (row.label === 'grammar' ? 1 : 0));
    const predictions = Float64Array.from(posterior.flatMap((p) => [1 - p, p]));
    const n = test.length;
    const auroc = metric('auroc').prepare(
      { rows: n, columns: 1, values: targets },
      { rows: n, columns: 2, values: predictions },
    )();
    expect(auroc).toBeGreaterThan(0.99);
    expect(auroc).toBeLessThan(1);
  });

  it('refuses options that contradict each other', () => {
    expect(() => regulatoryGrammar({ wrongGap: [10, 20] })).toThrow(/wrongGap \[10,20\] overlaps gap/);
    expect(() => regulatoryGrammar({ length: 30 })).toThrow(/needs 32 nucleotides, but length is 30/);
    expect(() => regulatoryGrammar({ strength: 0.2 })).toThrow(/motif strength 0.2/);
  });
});

describe('its background and motifs', () => {
  it('has human-like composition: 41% G+C, CpG at a quarter of expectation, more A-runs than chance', () => {
    const text = rows.map(({ sequence }) => sequence).join('N');
    const count = (word: RegExp) => text.match(word)?.length ?? 0;
    const [c, g, a] = [count(/C/g), count(/G/g), count(/A/g)];
    const n = rows.length * 200;
    expect((c + g) / n).toBeCloseTo(0.42, 1);
    expect((count(/CG/g) * n) / (c * g)).toBeGreaterThan(0.2);
    expect((count(/CG/g) * n) / (c * g)).toBeLessThan(0.3);
    expect(count(/(?=AAAA)/g) / n).toBeGreaterThan(1.3 * (a / n) ** 4);
  });

  it('has motifs unlike each other and unlike any reverse complement, at any offset', () => {
    const words = (['A', 'B', 'C'] as const).map((name) => motif(name, 0.9).consensus);
    const differing = (a: string, b: string, offset: number) => {
      const columns = [...a].flatMap((base, i) => (b[i - offset] === undefined ? [] : [base !== b[i - offset]]));
      return columns.filter(Boolean).length / columns.length;
    };
    for (const [i, a] of words.entries()) {
      for (const [j, b] of words.entries()) {
        for (let offset = -5; offset <= 5; offset++) {
          expect(differing(a, reverseComplement(b), offset)).toBeGreaterThan(0.44);
          if (i !== j || offset !== 0) expect(differing(a, b, offset)).toBeGreaterThan(0.44);
        }
      }
    }
  });

  it('measures information content in bits against uniform bases', () => {
    const column = 2 + 0.9 * Math.log2(0.9) + 0.1 * Math.log2(0.1 / 3);
    const weak = 2 + 0.575 * Math.log2(0.575) + 0.425 * Math.log2(0.425 / 3);
    expect(informationContent(motif('A', 0.9))).toBeCloseTo(9 * column + weak, 12);
  });
});
