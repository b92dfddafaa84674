/** Ensembles side by side for a terminal: their numbers, and the study's claims. */
import type { EnsembleDocument } from '../harness/ensemble-document.ts';
import { figure } from './diagnostics-view.ts';
import { againstText, type Comparison, kmersAgainstBpe } from './ensemble-claims.ts';
import { ENSEMBLE_MEASURES, measureNamed, withSpread } from './ensemble-view.ts';
import { escapeTerminal } from './escape.ts';

export function ensembleTerminal(documents: readonly EnsembleDocument[]): string {
  const rows = ENSEMBLE_MEASURES.map(({ name, of }) => [
    name,
    ...documents.map((document) => withSpread(of(document))),
  ]);
  const absent = documents.flatMap(({ ensemble, missing }) =>
    missing.map(({ what, why }) => `${escapeTerminal(ensemble.id)}: not measured: ${what}: ${escapeTerminal(why)}`),
  );
  return [
    aligned([['', ...documents.map(({ ensemble }) => escapeTerminal(ensemble.id))], ...rows]),
    '±: half the 95% interval over members.',
    ...againstText(documents).map((comparison) => claims(comparison)),
    ...kmersAgainstBpe(documents).map((comparison) => claims(comparison)),
    absent.join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function claims({ reference, others, claims: listed }: Comparison): string {
  const rows = others.flatMap(({ document, differences }) =>
    differences.flatMap((found, i) => {
      const { words, measure } = listed[i];
      if (!found) return [];
      const interval = `${figure(found.difference)} [${figure(found.low)}, ${figure(found.high)}]`;
      return [
        [`${escapeTerminal(document.ensemble.id)}: ${words}`, measureNamed(measure).name, interval, found.verdict],
      ];
    }),
  );
  return aligned([[`beside ${escapeTerminal(reference.ensemble.id)}`, '', 'difference', 'claim'], ...rows]);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
