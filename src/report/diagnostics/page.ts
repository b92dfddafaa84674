/** Diagnostics of one model on one corpus as a self-contained page without scripts: the main table, the paper's figures redrawn from these results, provenance. */

import { escapeHtml } from '../../core/escape.ts';
import type { DiagnosticsDocument } from '../../diagnostics/document.ts';
import { formatSeconds } from '../formats/numbers.ts';
import { definitionList } from '../page/json-as-html.ts';
import { staticPage } from '../page/static-page.ts';
import { PAGE_STYLE } from '../page/style.ts';
import { figures } from './figures.ts';
import { againstFloor, letterName, mainRows, measuredOn } from './view.ts';

const STYLE = `${PAGE_STYLE}
  .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 1.6rem 2rem; } .figures figure { margin: 0; } figure h3 { margin: 0 0 .3rem; } figcaption { color: var(--soft); }
  .curve.own { stroke: var(--accent); } .curve.shuffled { stroke: var(--worse); stroke-dasharray: 6 3; } .curve.model { stroke: var(--accent); stroke-width: 2.2; stroke-dasharray: 1.5 3; }
  .curve.model-shuffled { stroke: var(--worse); stroke-width: 2.2; stroke-dasharray: 1.5 3; } .curve.even { stroke: var(--zero); stroke-width: 1; stroke-dasharray: 2 2; }
  circle.curve { stroke-dasharray: none !important; } .heat { fill: var(--accent); } .cell { fill: var(--ink); font-size: 9.5px; text-anchor: middle; font-variant-numeric: tabular-nums; } .cell.light { fill: var(--paper); }
  .key { display: inline-flex; align-items: center; gap: .35em; margin-right: 1em; white-space: nowrap; } .key svg { width: 28px; height: 8px; }
  .numbers { width: auto; min-width: min(100%, 38rem); } .numbers tr.first td { border-top: 1.5px solid var(--ink); padding-top: .9rem; } .floor { max-width: 60em; }
  #fisher .figures { grid-template-columns: repeat(auto-fill, minmax(min(100%, 460px), 1fr)); } #fisher .bars div { grid-template-columns: 11rem 1fr 7.5rem; } .bars .num { text-align: right; }
  @media (max-width: 760px) { #fisher .bars div { grid-template-columns: 7rem 1fr 6.5rem; } }
  .bars rect.fisher, .key rect.fisher { fill: var(--accent); } .key rect { fill: var(--even); }`;

export function diagnosticsPage(document: DiagnosticsDocument): string {
  const { model, corpus, missing, remarks } = document;
  const title = `${model.id} on ${corpus.file}`;
  const absent = missing.map(({ what, why }) => `Not measured: ${what}: ${why}.`);
  return staticPage({
    kind: 'diagnostics',
    title,
    style: STYLE,
    lede: [againstFloor(document) ?? 'What this model says of a corpus without labels.', `${measuredOn(document)}.`],
    banners: [...absent, ...remarks.map((remark) => `${remark}.`)],
    sections: [numbers(document), ...figures(document), howToRead(document), provenance(document)],
    madeFrom: 'diagnostics.json',
  });
}

function numbers(document: DiagnosticsDocument): string {
  const rows = mainRows(document);
  if (rows.length === 0) return '';
  const body = rows.map(
    ({ name, own, shuffled, first }) =>
      `<tr${first ? ' class="first"' : ''}><td>${escapeHtml(name)}</td><td class="right num">${own}</td><td class="right num">${shuffled}</td></tr>`,
  );
  return `<section id="numbers"><h2>Numbers</h2><p class="soft">Shuffled: the same windows, every pair of neighbouring letters as often as before. *: the lowest n-gram floor.</p><div class="scroll"><table class="numbers"><thead><tr><th scope="col">Measure</th><th scope="col" class="right">Corpus</th><th scope="col" class="right">Shuffled</th></tr></thead><tbody>${body.join('')}</tbody></table></div></section>`;
}

function howToRead(document: DiagnosticsDocument): string {
  const { one, many } = letterName(document);
  const items = [
    `<b>Per token or per ${one}</b>: tokens of different models span different stretches. Compare models by bits per ${one} (a uniform guess over four letters: 2 bits), never per token.`,
    '<b>Entropy</b>: how undecided the predictions are. High, near that of a uniform guess: the model can not tell what is hidden.',
    '<b>KL(model || uniform)</b> is log2 of the vocabulary less entropy: what the model knows. <b>KL(uniform || model)</b> is driven by the tokens that it rules out; the two are not interchangeable, and the paper changed from one to the other between its versions (arXiv 2604.04287).',
    `<b>n-gram floor</b> of order k: bits per ${one} of counting which letter follows k others (interpolated Witten-Bell), in windows that neither model nor floor was measured on. A model that needs more bits has learned nothing beyond counts. A masked model also sees what follows.`,
    `<b>Shuffled</b>: a model that does as well on windows whose ${many} are shuffled, pairs kept, knows pairs only.`,
    '<b>Calibration error</b>: mean distance of confidence from accuracy, in bins of confidence.',
    "<b>Fisher information</b>: the batch-mean form goes with the size of the batches, and a part's share with its number of parameters; compare shares, and each with the share of the parameters beside it.",
    '<b>Effective rank</b> and <b>participation ratio</b>: directions in use, by all singular values or ruled by the largest. <b>Uniformity</b>: the lower, the more evenly spread over directions. <b>Anisotropy</b>: 1 where all vectors point the same way. All depend on how many rows were looked at.',
  ];
  return `<section id="how" class="howto"><h2>How to read this</h2><ul>${items.map((item) => `<li>${item}</li>`).join('')}</ul></section>`;
}

function provenance({ model, corpus, settings, environment, timings }: DiagnosticsDocument): string {
  const { seconds, startedAt, finishedAt } = timings;
  const packages = Object.entries(environment.packages).map(([name, version]) => `${name} ${version}`);
  const parts: [string, Readonly<Record<string, unknown>>][] = [
    ['Corpus', corpus],
    ['Settings', settings],
    ['Machine', { ...environment, packages, time: formatSeconds(seconds), startedAt, finishedAt }],
    ['Model', { fingerprint: model.fingerprint, filesHash: model.filesHash, ...withoutHistory(model.card) }],
  ];
  const cards = parts.map(([name, facts]) => `<article><h3>${name}</h3>${definitionList(facts)}</article>`);
  return `<section id="provenance"><h2>Provenance</h2><div class="cards">${cards.join('')}</div></section>`;
}

/** A card without the loss curve of pre-training. */
function withoutHistory(card: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { training, ...rest } = card;
  if (typeof training !== 'object' || training === null || !('report' in training)) return card;
  const { history: _history, losses: _losses, ...report } = training.report as Record<string, unknown>;
  return { ...rest, training: { ...training, report } };
}
