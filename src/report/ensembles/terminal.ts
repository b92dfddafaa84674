/** Ensembles side by side for a terminal: their numbers, and the study's claims. */

import { escapeTerminal } from '../../core/escape.ts';
import { aligned } from '../../core/text-table.ts';
import type { EnsembleDocument } from '../../ensembles/document.ts';
import { figure } from '../diagnostics/view.ts';
import { againstText, type Comparison, kmersAgainstBpe } from './claims.ts';
import { ENSEMBLE_MEASURES, measureNamed, withSpread } from './view.ts';

export function ensembleTerminal(documents: readonly EnsembleDocument[]): string {
  const rows = ENSEMBLE_MEASURES.map(({ name, of }) => [
    name,
    ...documents.map((document) => withSpread(of(document))),
  ]);
  const absent = documents.flatMap(({ ensemble, missing }) =>
    missing.map(({ what, why }) => `${escapeTerminal(ensemble.id)}: not measured: ${what}: ${escapeTerminal(why)}`),
  );
  return [
    aligned([['', ...documents.map(({ ensemble }) => escapeTerminal(ensemble.id))], ...rows]).join('\n'),
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
  return aligned([[`beside ${escapeTerminal(reference.ensemble.id)}`, '', 'difference', 'claim'], ...rows]).join('\n');
}
