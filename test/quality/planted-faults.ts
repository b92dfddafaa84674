/** Generators of tasks for the audit: a clean one, and one for each fault, equal to the clean one but for the fault. */
import { createRandom, type Random } from '../../src/core/random.ts';
import type { AuditRow, AuditTask } from '../../src/quality/audit-input.ts';
import { reverseComplement } from '../../src/sequences/alphabet.ts';

export const random = createRandom('planted faults');

export function drawSequence(length: number, { integer }: Random = random): string {
  return Array.from({ length }, () => 'ACGT'[integer(4)]).join('');
}

/** Random sequences of 120 nt with random labels: 400 train, 100 valid, 200 test rows. Nothing can be learned from them. */
export function cleanTask(): AuditTask {
  const rows = Array.from({ length: 700 }, (_, i): AuditRow => {
    const split = i < 400 ? 'train' : i < 500 ? 'valid' : 'test';
    return { id: `row ${i}`, sequence: drawSequence(120), label: String(i % 2), split };
  });
  return { kind: 'binary', rows };
}

/** The clean task with each row changed. */
export function changed(change: (row: AuditRow, index: number, rows: readonly AuditRow[]) => AuditRow): AuditTask {
  const { kind, rows } = cleanTask();
  return { kind, rows: rows.map(change) };
}

export const isPositive = ({ label }: AuditRow) => label === '1';
export const isTest = ({ split }: AuditRow) => split === 'test';

/** Substitutes one letter in `every`. */
export function mutate(sequence: string, every: number): string {
  return Array.from(sequence, (letter, i) => (i % every === every - 1 ? 'ACGT'['CGTA'.indexOf(letter)] : letter)).join(
    '',
  );
}

/**
 * A shuffle that preserves dinucleotide counts: segments between two pairs of equal letters are exchanged,
 * xAyBzAwBv -> xAwBzAyBv, many times (the exchange of Kandel et al. 1996, Discrete Applied Mathematics 71:171).
 */
export function shuffleDinucleotides(sequence: string): string {
  let letters = sequence;
  for (let round = 0; round < 400; round++) {
    const cuts = Array.from({ length: 4 }, () => random.integer(letters.length)).sort((a, b) => a - b);
    const [a, b, c, d] = cuts;
    if (a >= b || b >= c || c >= d || letters[a] !== letters[c] || letters[b] !== letters[d]) continue;
    letters = letters.slice(0, a) + letters.slice(c, d) + letters.slice(b, c) + letters.slice(a, b) + letters.slice(d);
  }
  return letters;
}

export const opposite = (sequence: string) => reverseComplement(sequence);
