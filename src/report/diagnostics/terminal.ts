/** A diagnostics document for a terminal: the main table, the geometry of every layer, what is missing and why. */

import { escapeTerminal } from '../../core/escape.ts';
import { aligned } from '../../core/text-table.ts';
import type { DiagnosticsDocument, StoredGeometry } from '../../diagnostics/document.ts';
import { MISSING } from '../formats/numbers.ts';
import { againstFloor, figure, mainRows, measuredOn } from './view.ts';

export function diagnosticsTerminal(document: DiagnosticsDocument): string {
  const { model, corpus, missing, remarks } = document;
  const rows = mainRows(document);
  const parts = [
    `${model.id} on ${corpus.file}: ${measuredOn(document)}`,
    rows.length > 0
      ? aligned([
          ['', 'corpus', 'shuffled'],
          ...rows.flatMap(({ name, own, shuffled, first }) => [
            ...(first ? [['', '', '']] : []),
            [name, own, shuffled],
          ]),
        ]).join('\n')
      : '',
    againstFloor(document) ?? '',
    geometryTable(document),
    fisherTable(document),
    [
      ...missing.map(({ what, why }) => `not measured: ${what}: ${why}`),
      ...remarks.map((remark) => `note: ${remark}`),
      ...(rows.length > 0
        ? ['shuffled: the same windows, every pair of neighbouring letters as often as before. *: the lowest floor.']
        : []),
    ].join('\n'),
  ];
  return parts
    .filter((part) => part !== '')
    .map((part) => part.split('\n').map(escapeLine).join('\n'))
    .join('\n\n');
}

/** Columns are aligned by runs of spaces, which {@link escapeTerminal} would draw together. */
const escapeLine = (line: string): string =>
  line
    .split(/( {2,})/)
    .map((part) => (/^ {2,}$/.test(part) ? part : escapeTerminal(part)))
    .join('');

const MEASURES: readonly (readonly [string, (geometry: StoredGeometry) => number | null])[] = [
  ['effective rank', (g) => g.effectiveRank],
  ['participation', (g) => g.participationRatio],
  ['uniformity', (g) => g.uniformity],
  ['anisotropy', (g) => g.anisotropy],
];

function geometryTable({ contextual }: DiagnosticsDocument): string {
  if (!contextual) return '';
  const hasTokens = contextual.layers.every(({ tokens }) => tokens !== undefined);
  const heads = MEASURES.map(([name]) => name);
  const rows = contextual.layers.map(({ layer, pooled, tokens }) => [
    `Layer ${layer}`,
    ...MEASURES.map(([, of]) => figure(of(pooled))),
    ...(tokens ? MEASURES.map(([, of]) => figure(of(tokens))) : []),
  ]);
  const head = ['', ...heads, ...(hasTokens ? heads.map((name) => `tokens: ${name}`) : [])];
  return `Mean-pooled windows (${contextual.layers[0].pooled.rows})${hasTokens ? `, and tokens in context (${contextual.layers[0].tokens?.rows})` : ''}:\n${aligned([head, ...rows]).join('\n')}`;
}

function fisherTable({ fisher }: DiagnosticsDocument): string {
  if (!fisher) return '';
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? MISSING : `${(100 * value).toFixed(1)}%`;
  const rows = fisher.batchMean.groups.map(({ group, share, parameterShare }) => [
    group,
    ...[share, fisher.perToken.groups.find((other) => other.group === group)?.share, parameterShare].map(percent),
  ]);
  return `Fisher information (batch-mean of ${fisher.batchMean.tokens} tokens, per-token of ${fisher.perToken.tokens}):\n${aligned([['', 'batch-mean', 'per-token', 'parameters'], ...rows]).join('\n')}`;
}
