/** Ensembles side by side: claims with intervals, the page, the table for a terminal; drawn from documents alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { diagnoseEnsemble } from '../../../src/ensembles/diagnosis.ts';
import {
  type EnsembleDocument,
  ensembleDiagnosticsSchema,
  ensembleDocument,
  ensembleKey,
} from '../../../src/ensembles/document.ts';
import { randomModel } from '../../../src/models/model-folder.ts';
import { againstText, kmersAgainstBpe } from '../../../src/report/ensembles/claims.ts';
import { ensemblePage } from '../../../src/report/ensembles/page.ts';
import { ensembleTerminal } from '../../../src/report/ensembles/terminal.ts';

const bert = fileURLToPath(new URL('../../models/goldens/architectures/bert', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ensemble-page-'));
afterAll(() => rmSync(folder, { recursive: true }));
const random = createRandom('page');
const corpus = join(folder, 'corpus.fa');
writeFileSync(
  corpus,
  Array.from(
    { length: 12 },
    (_, i) => `>${i}\n${Array.from({ length: 24 }, () => 'ACGT'[random.integer(4)]).join('')}\n`,
  ).join(''),
);

const environment = {
  ...{ device: 'cpu', precision: 'float32', threads: 1, node: 'v20', platform: 'linux/x64' },
  ...{ packages: {}, codeHash: 'c' },
};
const settings = { sequences: 4, seed: 0 };
const diagnosis = await diagnoseEnsemble(await Promise.all([1, 2, 3].map((seed) => randomModel(bert, seed))), {
  ...{ corpus, ...settings },
  compute: { device: 'cpu', threads: 1 },
});

/** A document of the same numbers, called otherwise. */
function documentOf(
  id: string,
  language: 'text' | 'dna',
  more: Partial<EnsembleDocument['ensemble']> = {},
): EnsembleDocument {
  return ensembleDocument(diagnosis, {
    ...{ key: id, settings, environment },
    ensemble: {
      ...{ id, title: `title of ${id}`, language, tokenizer: 'bpe', control: 'none', lettersPerToken: 4 },
      ...{ config: {}, corpus: { files: ['a'] } },
      members: [1, 2, 3].map((seed) => ({
        ...{ seed, fingerprint: `${id}${seed}`, parameters: 10, steps: 2, validLoss: 3, uniformLoss: 4 },
      })),
      ...more,
    },
    corpus: { file: 'corpus.fa', sha256: 's', heldOut: true },
    timings: { seconds: 1, startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:01.000Z' },
  });
}

/** With KL to uniform of this mean and standard error over members, none over windows. */
function withKl(document: EnsembleDocument, mean: number, standardError: number): EnsembleDocument {
  const changed = structuredClone(document);
  const { measures } = changed.predictions as NonNullable<EnsembleDocument['predictions']>;
  measures.klModelToUniformBits = { mean, standardDeviation: 1, members: { standardError, low: 0, high: 0 } };
  return changed;
}

const english = documentOf('english', 'text');
const yeast = documentOf('yeast', 'dna');
const kmers = documentOf('yeast-6mer', 'dna', { tokenizer: 'kmer' });
const shuffled = documentOf('yeast-shuffled', 'dna', { control: 'shuffled' });

describe('the document', () => {
  it('is read back as it was written', () => {
    expect(ensembleDiagnosticsSchema.parse(JSON.parse(JSON.stringify(english)))).toEqual(english);
  });

  it('has another key for other members, corpus, settings, device, threads or code', () => {
    const base = { fingerprints: ['a', 'b'], corpus: 'c', settings, environment };
    const keys = [
      base,
      { ...base, fingerprints: ['a'] },
      { ...base, corpus: 'd' },
      { ...base, settings: { ...settings, seed: 1 } },
      { ...base, environment: { ...environment, device: 'cuda' } },
      { ...base, environment: { ...environment, codeHash: 'd' } },
      { ...base, environment: { ...environment, threads: environment.threads + 1 } },
    ].map(ensembleKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(ensembleKey({ ...base, environment: { ...environment, node: 'x' } as typeof environment })).toBe(keys[0]);
  });
});

describe('claims', () => {
  it("have Welch's interval, as SciPy's of the same means and errors", () => {
    // As t.ppf(.975, df) of SciPy with df = v ** 2 / (.3 ** 4 / 2 + .1 ** 4 / 2), v = .3 ** 2 + .1 ** 2.
    const [{ reference, others }] = againstText([withKl(english, 2, 0.1), withKl(yeast, 1, 0.3)]);
    const [found] = others[0].differences;
    expect([reference.ensemble.id, others[0].document.ensemble.id]).toEqual(['english', 'yeast']);
    expect(found?.difference).toBeCloseTo(-1, 12);
    expect(found?.low).toBeCloseTo(-2.1508828669150715, 8);
    expect(found?.high).toBeCloseTo(0.15088286691507147, 8);
    expect(found?.verdict).toBe('undecided');
  });

  it('are decided by the interval and the direction', () => {
    const verdictOf = (text: number, dna: number) =>
      againstText([withKl(english, text, 0.01), withKl(yeast, dna, 0.01)])[0].others[0].differences[0]?.verdict;
    expect([verdictOf(2, 1), verdictOf(1, 2), verdictOf(1, 1.001)]).toEqual([
      'as claimed',
      'against the claim',
      'undecided',
    ]);
  });

  it('compare text with DNA and controls, and k-mers with BPE of the same files', () => {
    const all = [english, yeast, kmers, shuffled];
    const ids = (documents: readonly { readonly document: EnsembleDocument }[]) =>
      documents.map(({ document }) => document.ensemble.id);
    expect(againstText(all).map(({ others }) => ids(others))).toEqual([['yeast', 'yeast-6mer', 'yeast-shuffled']]);
    expect(kmersAgainstBpe(all).map(({ reference, others }) => [reference.ensemble.id, ids(others)])).toEqual([
      ['yeast', ['yeast-6mer']],
    ]);
  });

  it('are not made of two members, whose pair has no interval', () => {
    const bare = structuredClone(yeast);
    const nucleus = bare.predictions?.nucleus.at(-1);
    if (nucleus) nucleus.jensenShannonDistance.members = undefined;
    expect(againstText([english, bare])[0].others[0].differences[1]).toBeUndefined();
  });
});

describe('the page', () => {
  const page = ensemblePage([english, yeast, kmers, shuffled]);

  it('has every figure of the study, and tells controls apart', () => {
    for (const title of [
      'Entropy, bits per token',
      'KL(model || uniform), bits per token',
      'Jensen-Shannon distance of pairs',
      'Shared neighbours of tokens',
      'Local rank correlation',
      'Static: Procrustes disparity',
      'Pairs of yeast-6mer',
      'Share of the batch-mean form',
    ])
      expect(page).toContain(`<h3>${title}</h3>`);
    expect(page.match(/<span class="soft">control<\/span>/g)).toHaveLength(1);
  });

  it('needs nothing but itself', () => {
    expect(/<script|<link|<img|url\(|@import|NaN|>undefined/.exec(page)).toBeNull();
    expect(page.match(/<svg/g)?.length).toBe(page.match(/<\/svg>/g)?.length);
  });

  it('does not take names for markup', () => {
    const evil = documentOf('<img src=x onerror=alert(1)>', 'dna', { title: '</title><script>' });
    const shown = ensemblePage([english, evil]);
    expect(/<img|<script/.exec(shown)).toBeNull();
  });

  it('warns of a corpus that may have been trained on, and says what was not measured', () => {
    const other = structuredClone(yeast);
    other.corpus.heldOut = false;
    other.fisher = null;
    other.missing = [{ what: 'fisher', why: 'no adjoint' }];
    const shown = ensemblePage([other]);
    expect(shown).toContain('does not say was kept aside');
    expect(shown).toContain('not measured: fisher: no adjoint');
    expect(shown).not.toContain('Share of the batch-mean form');
  });

  it('is of one ensemble at least', () => {
    expect(() => ensemblePage([])).toThrow(/at least one/);
  });
});

describe('the table for a terminal', () => {
  it('has a column for each ensemble and a line for each claim', () => {
    const text = ensembleTerminal([english, withKl(yeast, 0, 0.001)]);
    expect(text).toMatch(/^ +english +yeast\n/);
    expect(text).toMatch(/Entropy, bits per token +\d\.\d{4} ± \d\.\d{4}/);
    expect(text).toMatch(
      /yeast: Predictions nearer to uniform +KL\(model \|\| uniform\), bits per token +−\d.* as claimed/,
    );
  });
});
