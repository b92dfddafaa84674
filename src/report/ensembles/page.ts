/** Matched ensembles side by side as a self-contained page without scripts: the study's claims, all numbers, the figures, provenance. */

import { escapeHtml } from '../../core/escape.ts';
import type { EnsembleDocument, StoredEstimate } from '../../ensembles/document.ts';
import { figure } from '../diagnostics/view.ts';
import { formatCount, formatSeconds, MISSING, plural } from '../formats/numbers.ts';
import { definitionList } from '../page/json-as-html.ts';
import { staticPage } from '../page/static-page.ts';
import { PAGE_STYLE } from '../page/style.ts';
import { againstText, type ClaimVerdict, type Comparison, kmersAgainstBpe } from './claims.ts';
import { ensembleFigures, SERIES, seriesClass } from './figures.ts';
import { ENSEMBLE_MEASURES, isControl, measureNamed, withSpread } from './view.ts';

type Documents = readonly EnsembleDocument[];

/** Okabe & Ito's colours, told apart by the colour-blind; the last two ours. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9', '#7a5195', '#6b7280'];
const DASHES = ['none', '6 3', '2 2.5'];

const STYLE = `${PAGE_STYLE}
  .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 1.6rem 2rem; } .figures figure { margin: 0; } figure h3 { margin: 0 0 .3rem; } figcaption { color: var(--soft); }
  ${COLOURS.map((colour, i) => `.curve.e${i} { stroke: ${colour}; } circle.curve.e${i} { fill: ${colour}; }`).join(' ')}
  ${DASHES.map((dash, i) => `.curve.d${i} { stroke-dasharray: ${dash}; }`).join(' ')}
  .curve.solid, circle.curve { stroke-dasharray: none !important; } .curve.thin { stroke-width: 1; opacity: .6; stroke-dasharray: none; } .curve.chance { stroke: var(--zero); stroke-width: 1; stroke-dasharray: 3 3; }
  .heat { fill: var(--accent); } .cell { fill: var(--ink); font-size: 9.5px; text-anchor: middle; font-variant-numeric: tabular-nums; } .cell.light { fill: var(--paper); }
  .keys { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--rule); padding: .5rem 0; z-index: 2; font-size: .86rem; }
  .key { display: inline-flex; align-items: center; gap: .35em; margin-right: 1em; white-space: nowrap; } .key svg { width: 28px; height: 8px; }
  .numbers { width: auto; } .numbers th, .numbers td { padding-right: 1.3rem; } .numbers td:first-child { min-width: 13rem; } .wide td:first-child, .wide th:first-child { position: sticky; left: 0; background: var(--paper); } .wide td { white-space: nowrap; } .wide small { display: block; color: var(--soft); } .numbers tr.first td { border-top: 1.5px solid var(--rule); } .floor { max-width: 60em; }
  .claims small { display: block; color: var(--soft); font-weight: 400; } .claims td small { white-space: nowrap; } .claims { font-size: .84rem; }`;

const MARKS: Readonly<Record<ClaimVerdict, string>> = { 'as claimed': '▲', undecided: '○', 'against the claim': '▼' };
const BADGES: Readonly<Record<ClaimVerdict, string>> = {
  'as claimed': 'better',
  undecided: 'indistinguishable',
  'against the claim': 'worse',
};

/** @throws for no documents. */
export function ensemblePage(documents: Documents): string {
  if (documents.length === 0) throw new Error('a page of no ensembles; give at least one');
  const title =
    documents.length === 1 ? documents[0].ensemble.title : 'Entropy, disagreement and stability of matched ensembles';
  const absent = documents.flatMap(({ ensemble, missing }) =>
    missing.map(({ what, why }) => `${ensemble.id}: not measured: ${what}: ${why}.`),
  );
  const seen = documents.filter(({ corpus }) => !corpus.heldOut);
  const warnings = seen.map(
    ({ ensemble, corpus }) =>
      `${ensemble.id}: measured on ${corpus.file}, which its folder does not say was kept aside in training.`,
  );
  return staticPage({
    kind: 'ensembles',
    title,
    style: STYLE,
    lede: [
      'Models that differ in their seed alone, on the same corpus in the same order: what they are unsure of, where they disagree, and where their information lies.',
    ],
    banners: [...absent, ...warnings],
    sections: [
      ensembles(documents),
      claims(documents),
      numbers(documents),
      keys(documents),
      ...ensembleFigures(documents),
      HOW,
      provenance(documents),
    ],
    madeFrom: 'ensemble-diagnostics.json',
  });
}

function ensembles(documents: Documents): string {
  const rows = documents.map((document) => {
    const { ensemble, corpus, predictions } = document;
    const cells = [
      String(ensemble.members.length),
      predictions ? formatCount(predictions.vocabulary) : MISSING,
      figure(ensemble.lettersPerToken),
      formatCount(corpus.measured),
      predictions ? formatCount(predictions.positions) : MISSING,
    ];
    const control = isControl(document) ? ` <span class="soft">control</span>` : '';
    return `<tr><td><b>${escapeHtml(ensemble.id)}</b>${control}<br><span class="soft">${escapeHtml(ensemble.title)}</span></td>${cells.map((cell) => `<td class="right num">${cell}</td>`).join('')}</tr>`;
  });
  return `<section id="ensembles"><h2>Ensembles</h2><div class="scroll"><table class="numbers"><thead><tr><th scope="col">Ensemble</th>${['Members', 'Tokens', 'Letters a token', 'Windows', 'Hidden tokens'].map((name) => `<th scope="col" class="right">${name}</th>`).join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

function claims(documents: Documents): string {
  const tables = [
    ...againstText(documents).map((comparison) => claimTable('Beside text', comparison)),
    ...kmersAgainstBpe(documents).map((comparison) => claimTable('k-mers beside BPE', comparison)),
  ];
  if (tables.length === 0) return '';
  const words =
    'Difference of the two ensembles with a 95% interval from members and windows together. Not corrected for the number of comparisons. Controls stand below the genomes: a claim about DNA that holds for them too is about something else.';
  return `<section id="claims"><h2>The claims</h2><p class="soft floor">${words}</p>${tables.join('')}</section>`;
}

function claimTable(title: string, { reference, claims: listed, others }: Comparison): string {
  const heads = listed.map(
    ({ measure, words }) =>
      `<th scope="col">${escapeHtml(words)}<small>${escapeHtml(measureNamed(measure).name)}</small></th>`,
  );
  const ordered = [...others].sort((a, b) => Number(isControl(a.document)) - Number(isControl(b.document)));
  const rows = ordered.map(({ document, differences }) => {
    const cells = differences.map((found) =>
      found
        ? `<td><span class="badge ${BADGES[found.verdict]}">${MARKS[found.verdict]} ${found.verdict}</span><small class="num">${figure(found.difference)} [${figure(found.low)}, ${figure(found.high)}]</small></td>`
        : `<td>${MISSING}</td>`,
    );
    const control = isControl(document) ? '<small>control</small>' : '';
    return `<tr><td>${escapeHtml(document.ensemble.id)}${control}</td>${cells.join('')}</tr>`;
  });
  return `<h3>${title}: less ${escapeHtml(reference.ensemble.id)}</h3><div class="scroll"><table class="claims"><thead><tr><th scope="col">Ensemble</th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function numbers(documents: Documents): string {
  const heads = documents.map(({ ensemble }) => `<th scope="col" class="right">${escapeHtml(ensemble.id)}</th>`);
  const rows = ENSEMBLE_MEASURES.map(({ name, of, first }) => {
    const cells = documents.map((document) => `<td class="right num">${stacked(of(document))}</td>`);
    return `<tr${first ? ' class="first"' : ''}><td>${escapeHtml(name)}</td>${cells.join('')}</tr>`;
  });
  return `<section id="numbers"><h2>Numbers</h2><p class="soft">Mean over members or pairs ± half the 95% interval over members. Letters: nucleotides, or characters of a text.</p><div class="scroll"><table class="numbers wide"><thead><tr><th scope="col">Measure</th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

/** The spread below the mean. */
const stacked = (estimate: StoredEstimate | undefined): string =>
  withSpread(estimate).replace(/ (±.*)/, '<small>$1</small>');

function keys(documents: Documents): string {
  if (documents.length > 3 * SERIES)
    return `<p class="banner" role="status">${plural(documents.length, 'ensemble')}: some share a line style below.</p>`;
  const listed = documents.map(
    ({ ensemble }, i) =>
      `<span class="key"><svg viewBox="0 0 28 8" aria-hidden="true"><path class="curve ${seriesClass(i)}" d="M0 4H28"/></svg>${escapeHtml(ensemble.id)}</span>`,
  );
  return `<div class="keys">${listed.join('')}</div>`;
}

const HOW_ITEMS = [
  '<b>Per token or per letter</b>: tokens span different stretches, and vocabularies differ: bits per token of two tokenizers are different questions.',
  '<b>KL(model || uniform)</b> is log2 of the vocabulary less entropy: what the model knows. <b>KL(uniform || model)</b> is driven by tokens that are ruled out. The study (arXiv 2604.04287) changed from the first to the second between its versions.',
  '<b>Jensen-Shannon distance</b>: root of the divergence in bits, 0 the same, 1 nothing in common; for each hidden token and pair of members. At p, of the most probable tokens that make up p.',
  "<b>Mutual information</b>: entropy of the members' mean prediction less the mean of their entropies; it can only be as large as log2 of the members.",
  '<b>Shared neighbours</b> of two unrelated embeddings are not none: the chance line rises with k. <b>Disparity</b>: what is left when one embedding is rotated and scaled onto the other. <b>CKA</b>: 1 the same up to rotation and scale; it is above 0 for unrelated embeddings of few tokens and many dimensions.',
  "<b>Fisher information</b>: squared gradients of the loss of true tokens. Batch mean: as the study has it, whose scale depends on the batch; per token: the textbook's, over a sample. Shares go with the number of parameters: see the ratio.",
  "<b>Intervals over members</b> (jackknife over members with all their pairs, Student's t) tell of other seeds; <b>over windows</b> (bootstrap) of other text of the same corpus. With three members they are wide and may pass what is possible; figures cut them there. Neither tells of other corpora, sizes or training times: small models trained for minutes are not the study's.",
];
const HOW = `<section id="how" class="howto"><h2>How to read this</h2><ul>${HOW_ITEMS.map((item) => `<li>${item}</li>`).join('')}</ul></section>`;

function provenance(documents: Documents): string {
  const cards = documents.map(({ ensemble, corpus, settings, environment, timings, key }) => {
    const { seconds, startedAt, finishedAt } = timings;
    const facts = {
      ...{ measuredOn: corpus, settings },
      ...{ configuration: ensemble.config, corpus: ensemble.corpus, members: ensemble.members },
      machine: { ...environment, time: formatSeconds(seconds), startedAt, finishedAt },
      key,
    };
    return `<details><summary>${escapeHtml(ensemble.id)}</summary><div>${definitionList(facts)}</div></details>`;
  });
  return `<section id="provenance"><h2>Provenance</h2>${cards.join('')}</section>`;
}
