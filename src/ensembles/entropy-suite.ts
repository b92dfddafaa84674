/**
 * The suite `entropy`: matched ensembles of English and of DNA whose documents are compared (arXiv
 * 2604.04287), and controls. Every ensemble is a cell: its preset, its control, and the files of
 * the data folder that it is made from. The models are small and trained for minutes: the suite
 * tests the study's claims, not its numbers.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { writeFileAtomic } from '../core/files.ts';
import { codingSequences } from '../genome/coding-sequences.ts';

/**
 * Entropy of a nucleotide given the five before it, bits, counted in the yeast genome. English in
 * four letters is brought to this value.
 */
export const YEAST_BITS = 1.94;

/** Files relative to the data folder; or coding sequences of an annotated genome. */
type Corpus = 'english' | 'yeast' | 'ecoli' | 'cdna';

export interface EntropyCell {
  readonly id: string;
  readonly title: string;
  /** A preset of ensembles. */
  readonly preset: string;
  readonly corpus: Corpus;
  readonly control: 'none' | 'shuffled' | 'untrained' | 'four-letters';
  /** For English in four letters. */
  readonly bits?: number;
}

export const ENTROPY_CELLS: readonly EntropyCell[] = [
  { id: 'english-bpe', title: 'English, BPE', preset: 'tiny-text-bpe', corpus: 'english', control: 'none' },
  { id: 'yeast-bpe', title: 'S. cerevisiae, BPE', preset: 'tiny-dna-bpe', corpus: 'yeast', control: 'none' },
  { id: 'yeast-6mer', title: 'S. cerevisiae, 6-mers', preset: 'tiny-dna-kmer', corpus: 'yeast', control: 'none' },
  { id: 'ecoli-bpe', title: 'E. coli, BPE', preset: 'tiny-dna-bpe', corpus: 'ecoli', control: 'none' },
  { id: 'ecoli-6mer', title: 'E. coli, 6-mers', preset: 'tiny-dna-kmer', corpus: 'ecoli', control: 'none' },
  { id: 'cdna-bpe', title: 'Coding sequences, BPE', preset: 'tiny-dna-bpe', corpus: 'cdna', control: 'none' },
  { id: 'cdna-6mer', title: 'Coding sequences, 6-mers', preset: 'tiny-dna-kmer', corpus: 'cdna', control: 'none' },
  {
    id: 'yeast-shuffled-bpe',
    title: 'S. cerevisiae with its letters shuffled, pairs kept; BPE',
    preset: 'tiny-dna-bpe',
    corpus: 'yeast',
    control: 'shuffled',
  },
  {
    id: 'english-4-letters-bpe',
    title: 'English in four letters with the entropy of yeast; BPE',
    preset: 'tiny-dna-bpe',
    corpus: 'english',
    control: 'four-letters',
    bits: YEAST_BITS,
  },
  {
    id: 'english-bpe-untrained',
    title: 'English, BPE, initial weights',
    preset: 'tiny-text-bpe',
    corpus: 'english',
    control: 'untrained',
  },
  {
    id: 'yeast-6mer-untrained',
    title: 'S. cerevisiae, 6-mers, initial weights',
    preset: 'tiny-dna-kmer',
    corpus: 'yeast',
    control: 'untrained',
  },
];

const ECOLI = 'genomes/ecoli_k12_mg1655/GCF_000005845.2_ASM584v2_genomic';

const FILES: Readonly<Record<Exclude<Corpus, 'cdna'>, readonly string[]>> = {
  english: [
    'text/tinyshakespeare/input.txt.gz',
    'text/war_and_peace/warpeace_input.txt.gz',
    'text/wikitext2_valid_test/valid.txt.gz',
    'text/wikitext2_valid_test/test.txt.gz',
  ],
  yeast: ['genomes/yeast_r64/Saccharomyces_cerevisiae.R64-1-1.dna.toplevel.fa.gz'],
  ecoli: [`${ECOLI}.fna.gz`],
};

/** Genomes with their annotations. */
const ANNOTATED: readonly (readonly [fasta: string, gff: string])[] = [
  [`${ECOLI}.fna.gz`, `${ECOLI}.gff.gz`],
  ['genomes/athaliana_1pct/1pct.fa.gz', 'genomes/athaliana_1pct/1pct.gff3.gz'],
  ['genomes/celegans_1pct/1pct_elegans.fa.gz', 'genomes/celegans_1pct/1pct_elegans.gff3.gz'],
];

/**
 * The files of a cell; coding sequences are written to `out` once. @throws UsageError for a file
 * that is not in the data folder.
 */
export async function entropyCorpus(corpus: Corpus, dataFolder: string, out: string): Promise<string[]> {
  if (corpus !== 'cdna') return FILES[corpus].map((file) => inData(dataFolder, file));
  const written = join(out, 'coding-sequences.fa');
  if (existsSync(written)) return [written];
  const records: string[] = [];
  for (const [fasta, gff] of ANNOTATED)
    for (const { name, letters } of await codingSequences(inData(dataFolder, fasta), inData(dataFolder, gff)))
      records.push(`>${name}\n${letters}\n`);
  await writeFileAtomic(written, records.join(''));
  return [written];
}

function inData(dataFolder: string, file: string): string {
  const path = join(dataFolder, file);
  if (existsSync(path)) return path;
  throw new UsageError(`${path} is missing`, 'Put it there, or choose cells that do not need it with --only.');
}

/**
 * Cells by their ids, in the order of the suite; all when no id is given. @throws UsageError for an
 * unknown id.
 */
export function entropyCells(ids: readonly string[] = []): readonly EntropyCell[] {
  const unknown = ids.find((id) => !ENTROPY_CELLS.some((cell) => cell.id === id));
  if (unknown !== undefined)
    throw new UsageError(
      `--only ${unknown}: there is no such cell`,
      `Cells: ${ENTROPY_CELLS.map(({ id }) => id).join(', ')}.`,
    );
  return ids.length === 0 ? ENTROPY_CELLS : ENTROPY_CELLS.filter(({ id }) => ids.includes(id));
}
