/** The figures of a page of ensembles, several in each: the study's (arXiv 2604.04287) redrawn from our results. Series are told apart by colour and dashes. */

import { escapeHtml } from '../../core/escape.ts';
import type { EnsembleDocument, StoredEstimate } from '../../ensembles/document.ts';
import { type Chart, type ChartLine, chart, heatMap } from '../charts/chart.ts';
import { type IntervalRow, intervalRows } from '../charts/interval-rows.ts';
import { figure } from '../diagnostics/view.ts';
import { type EnsembleMeasure, measureNamed, sectionShare } from './view.ts';

type Documents = readonly EnsembleDocument[];

/** What lies between 0 and 1 by nature. */
const SHARE = [0, 1] as const;

export const SERIES = 8;
/** Class of the i-th ensemble: colours repeat, with other dashes. */
export const seriesClass = (i: number): string => `e${i % SERIES} d${Math.floor(i / SERIES) % 3}`;

export function ensembleFigures(documents: Documents): string[] {
  return [
    section(
      'entropy',
      'Entropy and distance from uniform',
      'Each member a tick, their mean a dot with its 95% interval over members.',
      [
        rows(documents, 'entropy', (d) => d.predictions?.members.map((m) => m.entropyBits), [0]),
        rows(documents, 'kl', (d) => d.predictions?.members.map((m) => m.klModelToUniformBits), [0]),
        rows(documents, 'kl-uniform', (d) => d.predictions?.members.map((m) => m.klUniformToModelBits), [0]),
        rows(documents, 'entropy-letter', (d) => d.predictions?.members.map((m) => m.entropyBitsPerLetter), [0]),
        byRank(documents),
      ],
    ),
    section('disagreement', 'Disagreement of members', 'Bars: 95% interval over members.', [
      distances(documents),
      rows(documents, 'agreement', (d) => d.predictions?.pairs.map((pair) => pair.top1Agreement), SHARE),
      rows(documents, 'information'),
    ]),
    section('static', 'Static embeddings', 'Over all pairs of members.', [
      overlaps(documents),
      spearman(documents),
      rows(documents, 'disparity', (d) => d.staticEmbeddings?.pairs.map((pair) => pair.disparity), SHARE),
      rows(documents, 'linear-cka', (d) => d.staticEmbeddings?.pairs.map((pair) => pair.linearCka), SHARE),
      ...documents.map(pairMap),
    ]),
    section('contextual', 'Hidden states in context', 'Of windows, mean over tokens. Layer 0 is the embeddings.', [
      byLayer(documents, 'Linear CKA of members', (layer) => layer.cka, SHARE),
      byLayer(documents, 'Shared nearest windows of members', (layer) => layer.neighbourOverlap, SHARE),
      byLayer(documents, 'Effective rank', (layer) => layer.pooled.effectiveRank, []),
      byLayer(documents, 'Anisotropy', (layer) => layer.pooled.anisotropy, SHARE),
    ]),
    section('fisher', 'Fisher information by layer', FISHER_WORDS, [
      fisherByGroup(documents, 'batchMean', 'Share of the batch-mean form'),
      fisherByGroup(documents, 'perToken', 'Share of the per-token form'),
      rows(documents, 'fisher', undefined, SHARE),
      rows(documents, 'fisher-lookup', undefined, SHARE),
      fisherAgainstSize(documents),
    ]),
  ].filter((html) => html !== '');
}

const FISHER_WORDS =
  'A tied word table counts with the embeddings, as in the study, with the gradient of its use as output matrix too; as a look-up alone it stands beside it.';

function section(id: string, title: string, remark: string, parts: readonly string[]): string {
  const shown = parts.filter((part) => part !== '');
  if (shown.length === 0) return '';
  return `<section id="${id}"><h2>${escapeHtml(title)}</h2><p class="soft floor">${escapeHtml(remark)}</p><div class="figures">${shown.join('')}</div></section>`;
}

function framed(title: string, svg: string | undefined, words = ''): string {
  if (svg === undefined) return '';
  const caption = words === '' ? '' : `<figcaption>${escapeHtml(words)}</figcaption>`;
  return `<figure><h3>${escapeHtml(title)}</h3>${svg}${caption}</figure>`;
}

/** One row an ensemble. */
function rows(
  documents: Documents,
  id: string,
  each: (document: EnsembleDocument) => readonly (number | null)[] | undefined = () => [],
  reaches: readonly number[] = [],
): string {
  const { name, of }: EnsembleMeasure = measureNamed(id);
  const made = documents.flatMap((document, i): IntervalRow[] => {
    const { mean, members } = of(document) ?? {};
    if (typeof mean !== 'number') return [];
    const [low, high] = [members?.low, members?.high].map((end) =>
      typeof end === 'number' ? within(reaches, end) : undefined,
    );
    const values = (each(document) ?? []).filter((value) => value !== null);
    return [{ label: document.ensemble.id, className: seriesClass(i), mean, low, high, values }];
  });
  const said = made.map(({ label, mean }) => `${label} ${figure(mean)}`).join(', ');
  return framed(name, intervalRows(`${name}: ${said}`, name, made, reaches));
}

/** Intervals that pass what is possible end there. */
function within(bounds: readonly number[], value: number): number {
  return bounds.length === 2 ? Math.min(Math.max(value, bounds[0]), bounds[1]) : value;
}

/** A line and, at every point, a bar of the interval over members. */
function lineWithBars(
  i: number,
  points: readonly (readonly [number, StoredEstimate | undefined])[],
  { shift = 0, bounds = SHARE }: { readonly shift?: number; readonly bounds?: readonly number[] } = {},
): ChartLine[] {
  const className = seriesClass(i);
  const known = points.flatMap(([x, estimate]): [number, StoredEstimate, number][] =>
    typeof estimate?.mean === 'number' ? [[x + shift, estimate, estimate.mean]] : [],
  );
  const bars = known.flatMap(([x, { members }]): ChartLine[] => {
    if (typeof members?.low !== 'number' || typeof members.high !== 'number') return [];
    const ends = [members.low, members.high].map((end): [number, number] => [x, within(bounds, end)]);
    return [{ className: `${className} thin`, points: ends }];
  });
  return [{ className, marks: true, points: known.map(([x, , mean]) => [x, mean]) }, ...bars];
}

/** Bars of several ensembles at one x stand beside each other. */
const beside = (i: number, documents: Documents, step: number): number => step * (i - (documents.length - 1) / 2);

function drawn(title: string, parts: Omit<Chart, 'description'>, words = ''): string {
  return framed(title, chart({ ...parts, description: `${title}, by ${parts.x.label}` }), words);
}

function byRank(documents: Documents): string {
  const lines = documents.flatMap(({ predictions }, i): ChartLine[] =>
    predictions ? [{ className: seriesClass(i), points: predictions.rankedDistribution }] : [],
  );
  return drawn('Mean distribution by rank', {
    x: { label: 'rank of the token', logarithmic: true },
    y: { label: 'mean probability', logarithmic: true },
    lines,
  });
}

function distances(documents: Documents): string {
  const lines = documents.flatMap(({ predictions }, i) =>
    lineWithBars(
      i,
      predictions?.nucleus.map(({ p, jensenShannonDistance }) => [p, jensenShannonDistance] as const) ?? [],
      { shift: beside(i, documents, 0.004) },
    ),
  );
  return drawn(
    'Jensen-Shannon distance of pairs',
    { x: { label: 'p of the nucleus', reaches: SHARE }, y: { label: 'mean distance', reaches: SHARE }, lines },
    'Small p: do members agree on their favourite tokens? p = 1: on everything.',
  );
}

function overlaps(documents: Documents): string {
  const lines = documents.flatMap(({ staticEmbeddings }, i): ChartLine[] => {
    const found = staticEmbeddings?.neighbours ?? [];
    const chance: [number, number][] = found.flatMap(({ k, chanceJaccard }) =>
      chanceJaccard === null ? [] : [[k, chanceJaccard]],
    );
    return [
      ...lineWithBars(
        i,
        found.map(({ k, jaccard }) => [k, jaccard]),
      ),
      { className: 'chance', points: chance },
    ];
  });
  return drawn(
    'Shared neighbours of tokens',
    { x: { label: 'k nearest', logarithmic: true }, y: { label: 'Jaccard index', reaches: SHARE }, lines },
    'Thin dashes: two unrelated embeddings of as many tokens.',
  );
}

function spearman(documents: Documents): string {
  const lines = documents.flatMap(({ staticEmbeddings }, i) =>
    lineWithBars(i, staticEmbeddings?.neighbours.map(({ k, localSpearman }) => [k, localSpearman] as const) ?? [], {
      bounds: [-1, 1],
    }),
  );
  return drawn(
    'Local rank correlation',
    { x: { label: 'k nearest', logarithmic: true }, y: { label: "Spearman's correlation", reaches: SHARE }, lines },
    'Of similarities within the k nearest by one member, then by the other; the study ranks the same tokens twice.',
  );
}

/** Upper triangle: linear CKA; lower: Procrustes disparity. */
function pairMap({ ensemble, staticEmbeddings }: EnsembleDocument): string {
  if (!staticEmbeddings) return '';
  const count = ensemble.members.length;
  const values = Array.from({ length: count }, () => new Array<number | null>(count).fill(null));
  for (const { first, second, linearCka, disparity } of staticEmbeddings.pairs) {
    values[first][second] = linearCka;
    values[second][first] = disparity;
  }
  const title = `Pairs of ${ensemble.id}`;
  return framed(
    title,
    heatMap(title, values),
    'Above the diagonal: linear CKA, 1 the same. Below: Procrustes disparity, 0 the same.',
  );
}

type Layer = NonNullable<EnsembleDocument['contextual']>['layers'][number];

function byLayer(
  documents: Documents,
  title: string,
  of: (layer: Layer) => StoredEstimate | undefined,
  reaches: readonly number[],
): string {
  const lines = documents.flatMap(({ contextual }, i) =>
    lineWithBars(i, contextual?.layers.map((layer) => [layer.layer, of(layer)] as const) ?? [], {
      ...{ shift: beside(i, documents, 0.02), bounds: reaches },
    }),
  );
  return drawn(title, { x: { label: 'layer', whole: true }, y: { label: title.toLowerCase(), reaches }, lines });
}

/** Embeddings, every block, head. */
function layerShares(groups: NonNullable<EnsembleDocument['fisher']>['batchMean']['groups']) {
  const blocks = groups.filter(({ name }) => name.startsWith('block '));
  return blocks.map(({ share }, i) => [i + 1, share] as const);
}

function fisherByGroup(documents: Documents, key: 'batchMean' | 'perToken', title: string): string {
  const lines = documents.flatMap(({ fisher }, i) => {
    const form = fisher?.[key];
    if (!form) return [];
    const blocks = layerShares(form.groups);
    return lineWithBars(
      i,
      [
        [0, sectionShare(form, 'embeddings')] as const,
        ...blocks,
        [blocks.length + 1, sectionShare(form, 'head')] as const,
      ],
      { shift: beside(i, documents, 0.03) },
    );
  });
  return drawn(title, {
    x: { label: '0: embeddings, then blocks, last: head', whole: true },
    y: { label: 'share of the trace', reaches: SHARE },
    lines,
  });
}

/** Share of the information over share of the parameters: 1 where it is spread evenly. */
function fisherAgainstSize(documents: Documents): string {
  const made = documents.flatMap(({ ensemble, fisher }, i): IntervalRow[] => {
    const { mean, members } = fisher?.batchMean.sections.find(({ name }) => name === 'embeddings')?.density ?? {};
    if (typeof mean !== 'number') return [];
    return [
      {
        label: ensemble.id,
        className: seriesClass(i),
        mean,
        low: members?.low ?? undefined,
        high: members?.high ?? undefined,
      },
    ];
  });
  const title = 'Fisher share of embeddings / share of parameters';
  return framed(title, intervalRows(title, 'ratio; 1: no more than its size', made, [0, 1]));
}
