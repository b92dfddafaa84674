/** A matched ensemble diagnosed as a whole: tiny members with random weights, against the measures of single members and pairs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Matrix } from '../../src/core/matrix.ts';
import { createRandom } from '../../src/core/random.ts';
import { sampleCorpus } from '../../src/diagnostics/corpus/sample.ts';
import { parameterInformation } from '../../src/diagnostics/fisher/parameter-information.ts';
import { layerVectors } from '../../src/diagnostics/geometry/contextual.ts';
import { effectiveRank, neighbourOverlap } from '../../src/diagnostics/geometry/geometry.ts';
import { linearCka } from '../../src/diagnostics/geometry/kernel-alignment.ts';
import { procrustes } from '../../src/diagnostics/geometry/procrustes.ts';
import { wordTable } from '../../src/diagnostics/geometry/word-table.ts';
import { createDisagreement } from '../../src/diagnostics/predictions/disagreement.ts';
import { askedPredictions } from '../../src/diagnostics/predictions/predictions.ts';
import { tokenReader } from '../../src/diagnostics/predictions/token-batches.ts';
import { diagnoseEnsemble } from '../../src/ensembles/diagnosis.ts';
import { createInformation } from '../../src/ensembles/information.ts';
import { requireMatched } from '../../src/ensembles/members.ts';
import { loadModelFolder, randomModel } from '../../src/models/model-folder.ts';
import { golden, memberLogits, vocabulary } from '../diagnostics/predictions/predictions-golden.ts';

const compute = { device: 'cpu', threads: 1 } as const;
const bert = fileURLToPath(new URL('../models/goldens/architectures/bert', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ensemble-diagnosis-'));
afterAll(() => rmSync(folder, { recursive: true }));

const random = createRandom('ensemble windows');
const letters = (length: number) => Array.from({ length }, () => 'ACGT'[random.integer(4)]).join('');
const corpus = join(folder, 'corpus.fa');
writeFileSync(corpus, Array.from({ length: 24 }, (_, i) => `>s${i}\n${letters(40)}\n`).join(''));

const members = await Promise.all([loadModelFolder(bert), randomModel(bert, 1), randomModel(bert, 2)]);
const options = { corpus, sequences: 12, seed: 3, compute };
const diagnosis = await diagnoseEnsemble(members, options);
const { predictions, staticEmbeddings, contextual, fisher } = diagnosis;
const { windows } = await sampleCorpus(corpus, {
  ...{ sequences: 12, seed: 3, tokens: (text: string) => members[0].tokens(text) },
  maxLetters: members[0].limits?.maxNucleotides,
  lettersPerToken: members[0].limits?.nucleotidesPerToken,
});
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const PAIRS = [
  [0, 1],
  [0, 2],
  [1, 2],
] as const;

describe('diagnoseEnsemble', () => {
  it('measures everything of a matched ensemble', () => {
    expect(diagnosis.missing).toEqual([]);
    expect(diagnosis.corpus.measured).toBe(12);
  });

  it('gives each member the numbers that it has alone', async () => {
    for (const [m, model] of members.entries()) {
      const alone = await askedPredictions(tokenReader(model), windows, {
        compute,
        seed: 3,
        share: diagnosis.share,
      });
      const own = predictions?.members[m];
      expect(own?.entropyBits).toBeCloseTo(alone.entropyBits, 10);
      expect(own?.klModelToUniformBits).toBeCloseTo(alone.klModelToUniformBits, 10);
      expect(own?.nllBitsPerLetter).toBeCloseTo(alone.perNucleotide?.nllBits as number, 10);
      expect(predictions?.positions).toBe(alone.rows);
    }
    expect(predictions?.measures.entropyBits.mean).toBeCloseTo(
      mean((predictions?.members ?? []).map(({ entropyBits }) => entropyBits)),
      12,
    );
  });

  it('has an interval about every mean over windows and over members', () => {
    const { entropyBits, perplexity } = predictions?.measures ?? {};
    for (const interval of [entropyBits?.members, entropyBits?.windows]) {
      expect(interval?.low).toBeLessThan(entropyBits?.mean as number);
      expect(interval?.high).toBeGreaterThan(entropyBits?.mean as number);
    }
    expect(perplexity?.windows).toBeUndefined();
    const whole = predictions?.nucleus.at(-1)?.jensenShannonDistance;
    expect(whole?.mean).toBeCloseTo(mean((predictions?.pairs ?? []).map((pair) => pair.jensenShannonDistance)), 12);
    expect(whole?.windows?.low).toBeLessThan(whole?.mean as number);
    expect(whole?.members?.high).toBeGreaterThan(whole?.mean as number);
  });

  it('compares static embeddings of all pairs', () => {
    const tables = members.map((model) => wordTable(model) as Matrix);
    const disparities = PAIRS.map(([a, b]) => procrustes(tables[a], tables[b]).disparity);
    expect(staticEmbeddings?.disparity.mean).toBeCloseTo(mean(disparities), 10);
    for (const { k, chanceJaccard } of staticEmbeddings?.neighbours ?? [])
      expect(chanceJaccard).toBeGreaterThan(k / (2 * tables[0].rows));
  });

  it('describes hidden states layer by layer, of members and of pairs', async () => {
    const vectors = [];
    for (const model of members) vectors.push(await layerVectors(tokenReader(model), windows, { compute, seed: 3 }));
    const last = members[0].layers;
    const pooled = vectors.map((member) => member.pooled[last]);
    const layer = contextual?.layers[last];
    expect(layer?.pooled.effectiveRank.mean).toBeCloseTo(mean(pooled.map(effectiveRank)), 8);
    expect(layer?.cka.mean).toBeCloseTo(mean(PAIRS.map(([a, b]) => linearCka(pooled[a], pooled[b]))), 8);
    expect(layer?.neighbourOverlap?.mean).toBeCloseTo(
      mean(PAIRS.map(([a, b]) => neighbourOverlap(pooled[a], pooled[b], 10))),
      12,
    );
    expect(contextual?.neighbours).toEqual({ k: 10, chance: 10 / 11 });
    expect(contextual?.layerCka[0][last]).toBeCloseTo(
      mean(vectors.map((member) => linearCka(member.pooled[0], member.pooled[last]))),
      8,
    );
  });

  it('has the Fisher shares of every member, which sum to 1', async () => {
    const shares: number[] = [];
    for (const model of members) {
      const alone = await parameterInformation(model, windows, { compute, seed: 3 });
      if ('why' in alone) throw new Error(alone.why);
      shares.push(alone.batchMean.sections.find(({ section }) => section === 'embeddings')?.share as number);
    }
    const embeddings = fisher?.batchMean.sections.find(({ name }) => name === 'embeddings');
    expect(embeddings?.share.mean).toBeCloseTo(mean(shares), 8);
    for (const form of [fisher?.batchMean, fisher?.perToken])
      expect(form?.groups.reduce((sum, { share }) => sum + share.mean, 0)).toBeCloseTo(1, 8);
  });

  it('says the same again', async () => {
    expect(await diagnoseEnsemble(members, options)).toEqual(diagnosis);
  });
});

describe('requireMatched', () => {
  it('refuses one member, the same member twice, and others', async () => {
    const all = members.map(tokenReader);
    expect(() => requireMatched(all, windows)).not.toThrow();
    expect(() => requireMatched(all.slice(0, 1), windows)).toThrow(/at least two/);
    expect(() => requireMatched([all[0], all[0]], windows)).toThrow(/member 1 has the same weights as member 0/);
    expect(() => requireMatched([all[0], tokenReader({ ...members[1], vocabularySize: 9 })], windows)).toThrow(
      /member 1 has vocabularySize 9/,
    );
    const shifted = {
      ...members[1],
      encode: (rows: readonly string[]) => members[1].encode(rows.map((row) => [...row].reverse().join(''))),
    };
    expect(() => requireMatched([all[0], tokenReader(shifted)], windows)).toThrow(/other tokens of the same letters/);
  });
});

describe('mutual information without a member', () => {
  const logits = [0, 1, 2].map(memberLogits);
  const gathered = createInformation(3, vocabulary);
  gathered.add(logits);
  const { mutualInformationBits, leftOut } = gathered.summary();

  it('of all members is that of the golden', () => {
    expect(mutualInformationBits).toBeCloseTo(golden.disagreement.mutualInformationBits, 10);
  });

  it('without one is that of the others', () => {
    for (const [left, found] of leftOut.entries()) {
      const others = createDisagreement(2, vocabulary, []);
      others.add(logits.filter((_, m) => m !== left));
      expect(found).toBeCloseTo(others.summary().mutualInformationBits, 10);
    }
  });
});
