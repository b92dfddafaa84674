/** The diagnostics page and its charts: what came with the data is text, never markup; numbers that are missing are not drawn. */
import { describe, expect, it } from 'vitest';
import { DIAGNOSTICS_SCHEMA, type DiagnosticsDocument, diagnosticsSchema } from '../../../src/diagnostics/document.ts';
import { chart, heatMap } from '../../../src/report/charts/chart.ts';
import { diagnosticsPage } from '../../../src/report/diagnostics/page.ts';
import { diagnosticsTerminal } from '../../../src/report/diagnostics/terminal.ts';
import { againstFloor, figure } from '../../../src/report/diagnostics/view.ts';

const HOSTILE = '<img src=x onerror=alert(1)>\u001b[31m';

const floors = (bits: number) => ({
  alphabet: 4,
  trainingSymbols: 100,
  heldOutSymbols: 50,
  uniformBits: 2,
  orders: [0, 1].map((order) => ({ order, bitsPerSymbol: bits - order / 10 })),
  best: { order: 1, bitsPerSymbol: bits - 0.1 },
});

const predicted = (nllBits: number) => ({
  ...{ rows: 40, vocabulary: 8, entropyNats: 1, entropyBits: 1.5, normalisedEntropy: 0.5 },
  ...{ klModelToUniformBits: 1.5, klUniformToModelBits: null },
  paper: { entropyBits: 1.5, klModelToUniformBits: 1.5, klUniformToModelBits: 2 },
  perNucleotide: { nucleotides: 80, entropyBits: 0.75, klModelToUniformBits: 0.75, nllBits },
  accuracy: {
    ...{ nllNats: 1, nllBits: 1.5, perplexity: 2.7, top1: 0.5, calibrationError: 0.1 },
    reliability: [
      { lower: 0, upper: 0.5, rows: 0, meanConfidence: null, accuracy: null },
      { lower: 0.5, upper: 1, rows: 40, meanConfidence: 0.6, accuracy: 0.5 },
    ],
  },
  rankedDistribution: [
    [1, 0.6],
    [8, 0.01],
  ] as [number, number][],
});

const document: DiagnosticsDocument = diagnosticsSchema.parse({
  schema: DIAGNOSTICS_SCHEMA,
  model: { id: HOSTILE, fingerprint: 'f', filesHash: 'h', reads: 'masked', card: { architecture: HOSTILE } },
  corpus: {
    ...{ file: `${HOSTILE}.fa`, sha256: 's', kind: 'fasta', windows: 9, measured: 4, counted: 5 },
    ...{ letters: 20, shortened: 0 },
  },
  settings: { sequences: 4, seed: 0, share: 0.1 },
  predictions: { own: predicted(1.5), shuffled: predicted(1.9) },
  ngrams: { own: floors(1.8), shuffled: floors(1.95) },
  contextual: null,
  wordTable: null,
  fisher: null,
  missing: [{ what: 'contextual', why: HOSTILE }],
  remarks: [HOSTILE],
  environment: {
    ...{ device: 'cpu', precision: 'float32', threads: 1, node: 'v20', platform: 'linux/x64' },
    ...{ packages: { 'glm-bench': '1' }, codeHash: 'c' },
  },
  timings: { seconds: 1, startedAt: 'a', finishedAt: 'b' },
});

describe('the diagnostics page', () => {
  it('lets nothing of the data be markup, has no script, and asks the network for nothing', () => {
    const page = diagnosticsPage(document);
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u001b');
    expect(page).not.toMatch(/<script|<link|url\(|@import/);
    expect(page).toContain("default-src 'none'");
    expect(diagnosticsTerminal(document)).not.toContain('\u001b');
  });

  it('leaves out the sections that have no data, and says why', () => {
    const page = diagnosticsPage(document);
    expect(page).toContain('<section id="predictions"');
    for (const id of ['layers', 'static', 'fisher']) expect(page).not.toContain(`<section id="${id}"`);
    expect(page).toContain('Not measured: contextual: &lt;img');
  });

  it('says whether the model beats the best floor, and on which terms', () => {
    expect(againstFloor(document)).toBe(
      'The model needs 1.5000 bits per nucleotide: 0.2000 bits per nucleotide fewer than counting what follows one letter takes (1.7000). The model sees both sides of a hidden token, the floor one.',
    );
    expect(againstFloor({ ...document, ngrams: null })).toBeUndefined();
  });

  it('writes what is undefined as a dash', () => {
    expect(diagnosticsTerminal(document)).toMatch(/KL\(uniform \|\| model\), bits per token +– +–/);
    expect([figure(null), figure(-0.5), figure(0), figure(0.00001234)]).toEqual([
      '–',
      '−0.5000',
      '0.0000',
      '0.00001234',
    ]);
  });
});

describe('charts', () => {
  const axes = { description: 'd', x: { label: 'x' }, y: { label: 'y' } };

  it('draw no point that is not finite, nor zero on a logarithmic axis; nothing at all without points', () => {
    const points: [number, number][] = [
      [1, 1],
      [2, Number.NaN],
      [3, 0],
      [4, 10],
    ];
    const drawn = (y: object) =>
      chart({ ...axes, y: { label: 'y', ...y }, lines: [{ className: 'own', marks: true, points }] })?.match(
        /<circle/g,
      );
    expect(drawn({})).toHaveLength(3);
    expect(drawn({ logarithmic: true })).toHaveLength(2);
    expect(chart({ ...axes, lines: [{ className: 'own', points: [[1, Number.NaN]] }] })).toBeUndefined();
  });

  it('tick powers of ten on a logarithmic axis, and whole numbers where only these mean something', () => {
    const ticks = (x: object, last: number) => {
      const lines = [
        {
          className: 'own',
          points: [
            [1, 1],
            [last, 2],
          ] as [number, number][],
        },
      ];
      const svg = chart({ ...axes, x: { label: 'x', ...x }, lines }) ?? '';
      return [...svg.matchAll(/<text class="tick" x="[\d.]+" y="215">([^<]*)</g)].map(([, text]) => text);
    };
    expect(ticks({ logarithmic: true }, 4096)).toEqual(['1', '10', '100', '1000']);
    expect(ticks({ whole: true }, 3)).toEqual(['1', '2', '3']);
  });

  it('heat maps name every cell, undefined ones too', () => {
    const svg = heatMap('CKA', [
      [1, null],
      [null, 1],
    ]);
    expect(svg.match(/<rect/g)).toHaveLength(4);
    expect(svg).toContain('<title>0, 1: undefined</title>');
  });
});
