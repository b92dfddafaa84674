/** The figures of a diagnostics page: n-gram floors, the mean distribution by rank, calibration, geometry by layer, CKA between layers. */

import { escapeHtml } from '../../core/escape.ts';
import type {
  DiagnosticsDocument,
  StoredFisher,
  StoredGeometry,
  StoredPredictive,
} from '../../diagnostics/document.ts';
import { type Chart, type ChartLine, chart, heatMap } from '../charts/chart.ts';
import { definitionList } from '../page/json-as-html.ts';
import { figure, letterName } from './view.ts';

/** Sections, each with its figures; those without data are left out. */
export function figures(document: DiagnosticsDocument): string[] {
  return [
    section('predictions', 'Predictions', '', [floors(document), byRank(document), calibration(document)]),
    section('layers', 'Hidden states by layer', layersRemark(document), layers(document)),
    staticEmbeddings(document),
    fisherSection(document),
  ].filter((html) => html !== '');
}

function section(id: string, title: string, remark: string, parts: readonly string[]): string {
  const shown = parts.filter((part) => part !== '');
  if (shown.length === 0) return '';
  const words = remark === '' ? '' : `<p class="soft floor">${escapeHtml(remark)}</p>`;
  return `<section id="${id}"><h2>${title}</h2>${words}<div class="figures">${shown.join('')}</div></section>`;
}

function framed(title: string, drawn: Chart, keys: readonly (readonly [string, string])[], words = ''): string {
  const svg = chart(drawn);
  if (svg === undefined) return '';
  const legend = keys.map(
    ([className, text]) =>
      `<span class="key"><svg viewBox="0 0 28 8" aria-hidden="true"><path class="curve ${className}" d="M0 4H28"/></svg>${escapeHtml(text)}</span>`,
  );
  return `<figure><h3>${escapeHtml(title)}</h3>${svg}<figcaption>${legend.join('')}${words === '' ? '' : `<br>${escapeHtml(words)}`}</figcaption></figure>`;
}

function floors(document: DiagnosticsDocument): string {
  const { ngrams, predictions } = document;
  if (!ngrams) return '';
  const { one } = letterName(document);
  const { orders } = ngrams.own;
  const last = orders[orders.length - 1].order;
  const level = (className: string, bits: number | null | undefined): ChartLine[] =>
    bits === null || bits === undefined
      ? []
      : [
          {
            className,
            points: [
              [0, bits],
              [last, bits],
            ],
          },
        ];
  const line = (className: string, entropies: typeof ngrams.own): ChartLine => ({
    className,
    marks: true,
    points: entropies.orders.map(({ order, bitsPerSymbol }) => [order, bitsPerSymbol]),
  });
  const own = predictions?.own.perNucleotide.nllBits;
  const shuffled = predictions?.shuffled.perNucleotide.nllBits;
  const keys: [string, string][] = [
    ['own', 'n-grams'],
    ['shuffled', 'n-grams, shuffled'],
    ...(predictions
      ? ([
          ['model', 'model'],
          ['model-shuffled', 'model, shuffled'],
        ] as [string, string][])
      : []),
  ];
  return framed(
    `Bits per ${one}, against counting`,
    {
      description: `Bits per ${one} of n-gram models of order 0 to ${last}: lowest ${figure(ngrams.own.best.bitsPerSymbol)}; of the model: ${figure(own)}`,
      x: { label: 'order of the n-gram model', whole: true },
      y: { label: `bits per ${one}` },
      lines: [
        line('own', ngrams.own),
        line('shuffled', ngrams.shuffled),
        ...level('model', own),
        ...level('model-shuffled', shuffled),
      ],
    },
    keys,
  );
}

function byRank({ predictions }: DiagnosticsDocument): string {
  if (!predictions) return '';
  const { own, shuffled } = predictions;
  const even = 1 / own.vocabulary;
  return framed(
    'Mean distribution by rank',
    {
      description: `Mean probability of the most probable token: ${figure(own.rankedDistribution[0]?.[1])}; a uniform guess: ${figure(even)}`,
      x: { label: 'rank of the token', logarithmic: true },
      y: { label: 'mean probability', logarithmic: true },
      lines: [
        {
          className: 'even',
          points: [
            [1, even],
            [own.vocabulary, even],
          ],
        },
        { className: 'own', points: own.rankedDistribution },
        { className: 'shuffled', points: shuffled.rankedDistribution },
      ],
    },
    [
      ['own', 'corpus'],
      ['shuffled', 'shuffled'],
      ['even', 'uniform'],
    ],
  );
}

function calibration({ predictions }: DiagnosticsDocument): string {
  if (!predictions) return '';
  const line = (className: string, { accuracy }: StoredPredictive): ChartLine => ({
    className,
    marks: true,
    points: accuracy.reliability.flatMap(({ meanConfidence, accuracy: right }): [number, number][] =>
      meanConfidence === null || right === null ? [] : [[meanConfidence, right]],
    ),
  });
  return framed(
    'Calibration',
    {
      description: `Accuracy against confidence; expected calibration error ${figure(predictions.own.accuracy.calibrationError)}`,
      x: { label: 'confidence', reaches: [0, 1] },
      y: { label: 'accuracy', reaches: [0, 1] },
      lines: [
        {
          className: 'even',
          points: [
            [0, 0],
            [1, 1],
          ],
        },
        line('own', predictions.own),
        line('shuffled', predictions.shuffled),
      ],
    },
    [
      ['own', 'corpus'],
      ['shuffled', 'shuffled'],
      ['even', 'as sure as right'],
    ],
    'Bins with few tokens scatter.',
  );
}

const MEASURES: readonly (readonly [string, (geometry: StoredGeometry) => number | null])[] = [
  ['Effective rank', (g) => g.effectiveRank],
  ['Participation ratio', (g) => g.participationRatio],
  ['Uniformity', (g) => g.uniformity],
  ['Anisotropy', (g) => g.anisotropy],
];

function layersRemark({ contextual }: DiagnosticsDocument): string {
  const [first] = contextual?.layers ?? [];
  if (!first) return '';
  const tokens = first.tokens ? `, and of ${first.tokens.rows} single tokens in context` : '';
  return `Of ${first.pooled.rows} windows, mean over tokens${tokens}. Layer 0 is the embeddings. Nothing is hidden from the model here.`;
}

function layers({ contextual }: DiagnosticsDocument): string[] {
  if (!contextual) return [];
  const hasTokens = contextual.layers.some(({ tokens }) => tokens !== undefined);
  const charts = MEASURES.map(([name, of]) => {
    const line = (className: string, key: 'pooled' | 'tokens'): ChartLine => ({
      className,
      marks: true,
      points: contextual.layers.flatMap(({ layer, [key]: geometry }): [number, number][] => {
        const value = geometry && of(geometry);
        return typeof value === 'number' ? [[layer, value]] : [];
      }),
    });
    return framed(
      name,
      {
        description: `${name} by layer: ${contextual.layers.map(({ pooled }) => figure(of(pooled))).join(', ')}`,
        x: { label: 'layer', whole: true },
        y: { label: name.toLowerCase() },
        lines: [line('own', 'pooled'), line('shuffled', 'tokens')],
      },
      [['own', 'windows'], ...(hasTokens ? ([['shuffled', 'tokens']] as [string, string][]) : [])],
    );
  });
  const cka = heatMap('Linear CKA between layers', contextual.layerCka);
  return [
    ...charts,
    `<figure><h3>Linear CKA between layers</h3>${cka}<figcaption>1: the same up to rotation and scale. Of windows.</figcaption></figure>`,
  ];
}

function staticEmbeddings({ wordTable }: DiagnosticsDocument): string {
  if (!wordTable) return '';
  const { vocabulary, dimensions, norms, geometry, nearestCosine } = wordTable;
  const { rows, columns: _columns, ...shape } = geometry;
  const lengths = {
    tokens: vocabulary,
    dimensions,
    meanLength: norms.mean,
    standardDeviationOfLengths: norms.standardDeviation,
    shortest: norms.least,
    longest: norms.most,
  };
  const cards = [
    `<article><h3>Lengths</h3>${definitionList(lengths)}</article>`,
    `<article><h3>Shape</h3>${definitionList({ tokensLookedAt: rows, ...shape, meanCosineWithNearest: nearestCosine.mean })}</article>`,
  ];
  return `<section id="static"><h2>Static embeddings</h2><div class="cards">${cards.join('')}</div></section>`;
}

function fisherSection({ fisher }: DiagnosticsDocument): string {
  if (!fisher) return '';
  const { batchMean, perToken, sampledShare } = fisher;
  const percent = sampledShare < 1 ? `, ${(100 * sampledShare).toPrecision(2)}% of those asked for` : '';
  const shown: [string, string, Pick<StoredFisher, 'groups' | 'total'>][] = [
    [
      'Batch-mean form, the paper\u2019s',
      `${batchMean.tokens} tokens in ${batchMean.batches} batches of ${batchMean.batchSize} windows`,
      batchMean,
    ],
    ['Per-token form', `${perToken.tokens} tokens${percent}`, perToken],
  ];
  if (batchMean.byRole)
    shown.push(['Batch-mean form, the tied word table as two', 'look-up and output matrix apart', batchMean.byRole]);
  const figuresOf = shown.map(
    ([title, words, { groups }]) =>
      `<figure><h3>${title}</h3><div class="bars">${groups.map(groupBars).join('')}</div><figcaption>${escapeHtml(words)}.</figcaption></figure>`,
  );
  const key =
    '<span class="key"><svg viewBox="0 0 28 8" aria-hidden="true"><rect class="fisher" width="28" height="8"/></svg>share of the Fisher information</span><span class="key"><svg viewBox="0 0 28 8" aria-hidden="true"><rect width="28" height="8"/></svg>share of the parameters</span>';
  return `<section id="fisher"><h2>Fisher information</h2><p class="soft floor">Empirical: squared gradients at the true tokens, summed over parameters. Where its share is well above that of the parameters, a change of a parameter changes predictions most. ${key}</p><div class="figures">${figuresOf.join('')}</div></section>`;
}

function groupBars({ group, share, parameterShare }: StoredFisher['groups'][number]): string {
  const bar = (value: number | null, y: number, className: string) =>
    `<rect${className} y="${y}" width="${(100 * (value ?? 0)).toFixed(2)}" height="4"/>`;
  const percent = (value: number | null) => (value === null ? '\u2013' : `${(100 * value).toFixed(1)}%`);
  return `<div><span>${escapeHtml(group)}</span><svg viewBox="0 0 100 9" preserveAspectRatio="none" aria-hidden="true">${bar(share, 0, ' class="fisher"')}${bar(parameterShare, 5, '')}</svg><span class="num">${percent(share)} / ${percent(parameterShare)}</span></div>`;
}
