import { describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../../src/core/random.ts';
import { consensusReference, countPlaced, createPlacer } from '../../../src/sequences/alignment/consensus-alignment.ts';
import { alignmentCodes, alignmentPattern, overlapScore } from '../../../src/sequences/alignment/overlap-alignment.ts';
import { createKmerTokenizer, FIRST_KMER_ID, UNKNOWN_ID } from '../../../src/sequences/tokenizers/kmer-tokenizer.ts';

const letters = (random: Random, count: number) =>
  Array.from({ length: count }, () => 'ACGT'[random.integer(4)]).join('');
const mutated = (random: Random, sequence: string, rate: number) =>
  Array.from(sequence, (letter) => (random.next() < rate ? 'ACGT'[random.integer(4)] : letter)).join('');

/** Where a read agrees with a reference in most letters, every place tried: the plain answer. */
function exhaustive(reference: string, read: string): number {
  let best = { start: 0, same: -1 };
  for (let start = 1 - read.length; start < reference.length; start++) {
    let same = 0;
    for (let i = Math.max(0, -start); i < Math.min(read.length, reference.length - start); i++)
      if (read[i] === reference[start + i]) same++;
    if (same > best.same) best = { start, same };
  }
  return best.start;
}

describe('placing reads on a reference', () => {
  const random = createRandom('placement');
  const gene = letters(random, 600);
  const placer = createPlacer(gene);

  it.each([0.05, 0.2, 0.35])('finds the place where most letters agree, %f of them changed', (rate) => {
    for (let i = 0; i < 20; i++) {
      const from = random.integer(300);
      const read = letters(random, random.integer(40)) + mutated(random, gene.slice(from, from + 250), rate);
      expect(placer.find(read)?.start).toBe(exhaustive(gene, read));
    }
  });

  it('lays a read on its columns, N around it', () => {
    expect(placer.lay(gene.slice(100, 300))).toEqual({
      letters: 'N'.repeat(100) + gene.slice(100, 300) + 'N'.repeat(300),
      from: 100,
      to: 300,
      placed: true,
    });
  });

  it('cuts what stands before and after the reference', () => {
    const read = `${letters(random, 50)}${gene}${letters(random, 30)}`;
    expect(placer.lay(read)).toEqual({ letters: gene, from: 0, to: 600, placed: true });
  });

  it('leaves out letters that stand on no column, and lacks those that the read lost', () => {
    const own = createPlacer(`${gene.slice(0, 350)}CT${gene.slice(352)}`);
    const read = `${gene.slice(0, 200)}ACG${gene.slice(200, 350)}${gene.slice(352)}`;
    expect(own.lay(read)).toEqual({
      letters: `${gene.slice(0, 350)}NN${gene.slice(352)}`,
      from: 0,
      to: 600,
      placed: true,
    });
  });

  it('follows scattered insertions and deletions: nearly all letters keep their columns', () => {
    for (let i = 0; i < 10; i++) {
      const truth: number[] = []; // column of each letter of the read, -1 for inserted ones
      let read = '';
      for (let column = 40; column < 560; column++) {
        if (random.next() < 0.01) continue;
        read += random.next() < 0.1 ? 'ACGT'[random.integer(4)] : gene[column];
        truth.push(column);
        if (random.next() < 0.01) {
          read += 'ACGT'[random.integer(4)];
          truth.push(-1);
        }
      }
      const { letters: laid, placed } = placer.lay(read);
      expect(placed).toBe(true);
      const kept = truth.filter((column, at) => column >= 0 && laid[column] === read[at]).length;
      expect(kept / truth.length).toBeGreaterThan(0.95);
    }
  });

  it('scores paths as the overlap alignment does: no other path is better', () => {
    for (let i = 0; i < 30; i++) {
      const from = random.integer(200);
      const cut = from + 100 + random.integer(100);
      const read =
        mutated(random, gene.slice(from, cut), 0.1) +
        mutated(random, gene.slice(cut + random.integer(8), cut + 150), 0.1);
      const { letters: laid, from: first, to } = placer.lay(read);
      const letterCount = Array.from(laid).filter((letter) => letter !== 'N').length;
      const same = Array.from(laid).filter((letter, column) => letter === gene[column]).length;
      const skipped = to - first - letterCount;
      // Letters of the read before `first` stand on columns before it in an overlap that begins at the read's first letter: none here.
      const extra = read.length - letterCount;
      const score = same - (letterCount - same) - 2 * (skipped + extra);
      expect(score).toBe(overlapScore(alignmentPattern(gene), alignmentCodes(read)));
    }
  });

  it('counts neither N of the read nor of the reference for or against a place', () => {
    const holed = createPlacer(`${gene.slice(0, 200)}${'N'.repeat(100)}${gene.slice(300)}`);
    const found = holed.find(`${gene.slice(50, 150)}${'N'.repeat(20)}${gene.slice(170, 400)}`);
    expect(found).toEqual({ start: 50, overlap: 100 + 30 + 100, identity: 1 });
  });

  it('leaves a read of something else at the first column', () => {
    const read = letters(random, 300);
    expect(placer.lay(read)).toMatchObject({ from: 0, to: 300, placed: false });
    expect(placer.find('ACG')).toBeNull();
  });

  it('counts the reads that have a place', () => {
    const rows = [gene, letters(random, 300), gene.slice(100, 300)];
    expect(countPlaced(gene, rows.length, (i) => rows[i])).toEqual({ reads: 3, placed: 2 });
  });

  it('refuses what is no reference', () => {
    expect(() => createPlacer('ACGT')).toThrow(/at least 12 letters/);
    expect(() => createPlacer('ACGTACGTACGTRR')).toThrow(/A, C, G, T or N/);
  });
});

describe('the consensus of reads', () => {
  const random = createRandom('consensus');
  const gene = letters(random, 500);
  const read = (rate: number) => {
    const from = random.integer(120);
    return mutated(random, gene.slice(from, from + 330 + random.integer(50)), rate);
  };

  it('is the gene that the reads come from, from where one in ten begins to where one in ten ends', () => {
    const reads = Array.from({ length: 300 }, () => read(0.25));
    const found = consensusReference(reads.length, (i) => reads[i]);
    expect(found).toMatchObject({ reads: 300, placed: 300 });
    const start = gene.indexOf(found.letters.slice(100, 150)) - 100;
    expect(start).toBeGreaterThan(3);
    expect(start).toBeLessThan(25);
    const same = Array.from(found.letters).filter((letter, i) => letter === gene[start + i]).length;
    expect(same / found.letters.length).toBeGreaterThan(0.97);
    expect(start + found.letters.length).toBeLessThan(500);
  });

  it('looks at 2,000 reads at most, spread over all', () => {
    const asked: number[] = [];
    consensusReference(10_000, (i) => {
      asked.push(i);
      return gene;
    });
    expect(asked).toHaveLength(2000);
    expect(asked.at(-1)).toBe(9995);
  });

  it('refuses reads that are not of one gene', () => {
    const reads = Array.from({ length: 50 }, () => letters(random, 300));
    expect(() => consensusReference(reads.length, (i) => reads[i])).toThrow(/only \d+ of 50 reads can be laid/);
    expect(() => consensusReference(0, () => '')).toThrow(/no read/);
  });
});

describe('k-mers on a reference', () => {
  const random = createRandom('placed k-mers');
  const reference = letters(random, 120);
  const tokenizer = createKmerTokenizer({ k: 6, reference });
  const plain = createKmerTokenizer({ k: 6 });

  it('are the same columns in every read: those wholly inside it are attended to', () => {
    const { ids, mask, tokens } = tokenizer.encode([reference, reference.slice(20, 100)]);
    expect(tokens).toBe(20);
    const whole = Array.from(plain.encode([reference]).ids);
    expect(Array.from(ids.subarray(0, 20))).toEqual(whole);
    // Columns 20 to 99 hold the 6-mers that begin at 24, 30, ..., 90.
    expect(Array.from(mask.subarray(20))).toEqual(Array.from({ length: 20 }, (_, t) => (t >= 4 && t < 16 ? 1 : 0)));
    expect(Array.from(ids.subarray(24, 36))).toEqual(whole.slice(4, 16));
  });

  it('an N inside is an unknown that is attended to, as without a reference', () => {
    const { ids, mask } = tokenizer.encode([`${reference.slice(0, 60)}N${reference.slice(61)}`]);
    expect([ids[10], mask[10]]).toEqual([UNKNOWN_ID, 1]);
    expect(ids[11]).toBeGreaterThanOrEqual(FIRST_KMER_ID);
  });

  it('a batch ends with the last column that one of its reads covers', () => {
    expect(tokenizer.encode([reference.slice(0, 80)]).tokens).toBe(13);
  });

  it('counts reads that lose letters, and refuses offsets', () => {
    expect(tokenizer.encode([`ACGT${reference}`, reference]).truncated).toBe(1);
    expect(() => tokenizer.encode([reference], { offset: () => 1 })).toThrow(/no offsets/);
  });
});
