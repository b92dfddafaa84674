/**
 * Coding sequences (cDNA without untranslated regions) of an annotated genome: the CDS features of
 * GFF3 (Sequence Ontology, GFF3 1.26) with the same parent, joined in the order of transcription
 * and reverse-complemented on the minus strand. Of transcripts of one gene, which are recognised by
 * their overlap on a strand, the longest is kept.
 */
import { reverseComplement } from '../sequences/alphabet.ts';
import { fastaId, readFasta } from '../sequences/formats/fasta.ts';
import { readLines } from '../sequences/formats/gzip-stream.ts';
import { SequenceError } from '../sequences/sequence-error.ts';

export interface CodingSequence {
  /** `transcript sequence:start-end(strand)`, 1-based, both ends inclusive. */
  readonly name: string;
  /** Upper case. */
  readonly letters: string;
}

interface Transcript {
  readonly id: string;
  readonly sequence: string;
  readonly strand: string;
  /** 1-based, ends inclusive. */
  readonly parts: { readonly start: number; readonly end: number }[];
}

/**
 * Two transcripts belong to one gene when they overlap by more than this share of the shorter one.
 */
const SAME_GENE = 0.5;

/**
 * In the order of the genome. @throws SequenceError for a line that is not GFF3, a feature that
 * extends past the end of its sequence, or a file without coding sequences.
 */
export async function codingSequences(fasta: string, gff: string): Promise<CodingSequence[]> {
  const transcripts = await readTranscripts(gff);
  const found: CodingSequence[] = [];
  for await (const { header, sequence } of readFasta(fasta)) {
    const genome = sequence.toUpperCase();
    for (const transcript of longestOfGenes(transcripts.get(fastaId(header)) ?? []))
      found.push(spliced(transcript, genome, gff));
  }
  if (found.length === 0)
    throw new SequenceError(`no coding sequence of ${fasta}: do both files use the same sequence names?`, {
      file: gff,
    });
  return found;
}

/** By the name of their sequence. */
async function readTranscripts(gff: string): Promise<Map<string, Transcript[]>> {
  const transcripts = new Map<string, Transcript>();
  let isSequence = false;
  for await (const { firstLine, lines } of readLines(gff))
    for (const [i, line] of lines.entries()) {
      isSequence ||= line.startsWith('##FASTA');
      if (isSequence || line.startsWith('#') || line.trim() === '') continue;
      const columns = line.split('\t');
      const [sequence, , type, from, to, , strand] = columns;
      const [start, end] = [Number(from), Number(to)];
      if (columns.length !== 9 || !(Number.isInteger(start) && Number.isInteger(end) && start >= 1 && start <= end))
        throw new SequenceError('not a line of GFF3: nine columns are expected, with start and end as whole numbers', {
          file: gff,
          line: firstLine + i,
        });
      if (type !== 'CDS') continue;
      const id = attribute(columns[8], 'Parent') ?? attribute(columns[8], 'ID') ?? `line ${firstLine + i}`;
      const key = `${sequence} ${strand} ${id}`;
      const transcript = transcripts.get(key) ?? { id, sequence, strand, parts: [] };
      transcript.parts.push({ start, end });
      transcripts.set(key, transcript);
    }
  for (const { parts } of transcripts.values()) parts.sort((a, b) => a.start - b.start);
  const bySequence = new Map<string, Transcript[]>();
  for (const transcript of transcripts.values()) {
    const list = bySequence.get(transcript.sequence);
    if (list) list.push(transcript);
    else bySequence.set(transcript.sequence, [transcript]);
  }
  return bySequence;
}

/** The first value of `name=value,value;...`. */
function attribute(text: string, name: string): string | undefined {
  const found = text.split(';').find((entry) => entry.trim().startsWith(`${name}=`));
  return found
    ?.trim()
    .slice(name.length + 1)
    .split(',')[0];
}

const lengthOf = ({ parts }: Transcript): number => parts.reduce((sum, { start, end }) => sum + end - start + 1, 0);
const startOf = ({ parts }: Transcript): number => parts[0].start;
const endOf = ({ parts }: Transcript): number => parts[parts.length - 1].end;

/**
 * Longest first. A transcript that lies mostly on a kept one is left out. The result is ordered by
 * start.
 */
function longestOfGenes(transcripts: readonly Transcript[]): Transcript[] {
  const taken: Transcript[] = [];
  const byLength = [...transcripts].sort((a, b) => lengthOf(b) - lengthOf(a) || startOf(a) - startOf(b));
  const bins = new Map<string, Transcript[]>(); // kept transcripts by stretches of the genome
  for (const transcript of byLength) {
    const keys = binsOf(transcript);
    const near = new Set(keys.flatMap((key) => bins.get(key) ?? []));
    if ([...near].some((other) => overlap(transcript, other) > SAME_GENE)) continue;
    taken.push(transcript);
    for (const key of keys) bins.set(key, [...(bins.get(key) ?? []), transcript]);
  }
  return taken.sort((a, b) => startOf(a) - startOf(b) || endOf(a) - endOf(b));
}

const BIN = 16_384;

function binsOf(transcript: Transcript): string[] {
  const first = Math.floor(startOf(transcript) / BIN);
  const last = Math.floor(endOf(transcript) / BIN);
  return Array.from({ length: last - first + 1 }, (_, i) => `${transcript.strand}${first + i}`);
}

/** Share of the shorter span, introns included, that both cover. */
function overlap(a: Transcript, b: Transcript): number {
  const shared = Math.min(endOf(a), endOf(b)) - Math.max(startOf(a), startOf(b)) + 1;
  return shared / Math.min(endOf(a) - startOf(a) + 1, endOf(b) - startOf(b) + 1);
}

function spliced(transcript: Transcript, genome: string, gff: string): CodingSequence {
  const { id, sequence, strand, parts } = transcript;
  if (endOf(transcript) > genome.length)
    throw new SequenceError(`${id} ends at ${endOf(transcript)} of ${sequence}, which has ${genome.length} letters`, {
      file: gff,
    });
  const letters = parts.map(({ start, end }) => genome.slice(start - 1, end)).join('');
  return {
    name: `${id} ${sequence}:${startOf(transcript)}-${endOf(transcript)}(${strand})`,
    letters: strand === '-' ? reverseComplement(letters) : letters,
  };
}
