/**
 * The leaderboard as one self-contained page: no network, no fonts, no images. Its style and script are named by hash (`head.ts`), so that nothing
 * that came with the data could run even if an escape were missed.
 */
import { escapeHtml, escapeJsonForScript } from '../../core/escape.ts';
import { type HarmonicText, harmonicTexts } from '../board/harmonic.ts';
import { pretrainingSection } from '../board/pretraining.ts';
import { rowsOfTask, titleOf, unfinishedNote, verdictCounts } from '../board/row-order.ts';
import type { Comparison, Leaderboard, LeaderboardContender, LeaderboardTask } from '../board/schema.ts';
import { failedChecks, leftOutNote } from '../board/task-quality.ts';
import { formatCount, formatDifference, formatSeconds, plural, VERDICT_MARKS } from '../formats/numbers.ts';
import { pageHead } from './head.ts';
import { definitionList, linked } from './json-as-html.ts';
import { MEASURES_REMARK, measureColumns, measuresSection } from './model-diagnostics.ts';
import { PAGE_SCRIPT } from './script.ts';
import { PAGE_STYLE } from './style.ts';
import { badge, taskSection } from './task-section.ts';

export function leaderboardHtml(board: Leaderboard): string {
  const unfinished = unfinishedNote(board.cells);
  return [
    ...pageHead({ title: board.title, style: PAGE_STYLE, script: PAGE_SCRIPT }),
    '<body>',
    '<header class="page">',
    '<p class="eyebrow">glm-bench leaderboard</p>',
    `<h1>${escapeHtml(board.title)}</h1>`,
    `<p class="lede">Does a frozen genomic language model represent DNA better than one-hot encoding does? ${escapeHtml(answer(board))}</p>`,
    `<p class="soft">${facts(board)}</p>`,
    unfinished ? `<p class="banner" role="status">${escapeHtml(unfinished)}</p>` : '',
    summary(board),
    '</header>',
    filters(board),
    '<main>',
    '<p id="said" role="status" class="soft" aria-live="polite"></p>',
    ...board.tasks.map((task, i) => taskSection(board, task, i)),
    measuresSection(board),
    ...harmonicTexts(board).map(harmonicSection),
    pretrainingSection(board),
    `<section id="contenders"><h2>Contenders</h2>${board.contenders.map(contenderCard).join('')}</section>`,
    howToRead(board),
    provenance(board),
    '</main>',
    `<footer>Inputs <code>${escapeHtml(board.inputsHash.slice(0, 16))}</code>. Made by glm-bench from stored results only.</footer>`,
    `<script type="application/json" id="data">${escapeJsonForScript(board)}</script>`,
    `<script>${PAGE_SCRIPT}</script>`,
    '</body>',
    '</html>\n',
  ].join('\n');
}

/** One sentence over all tasks. */
function answer(board: Leaderboard): string {
  const { better, indistinguishable, worse, none } = verdictCounts(board);
  const judged = better + indistinguishable + worse;
  if (judged === 0) return 'Nothing has been compared yet.';
  const parts = [
    `better on ${better}`,
    `indistinguishable on ${indistinguishable}`,
    `worse on ${worse} of ${plural(judged, 'task')}`,
  ];
  const rest = none > 0 ? ` (${plural(none, 'task')} without a comparison)` : '';
  return `Here the best frozen model is ${parts.slice(0, 2).join(', ')} and ${parts[2]}${rest}.`;
}

function facts(board: Leaderboard): string {
  const models = board.contenders.filter(({ kind }) => kind === 'model').length;
  const { done, planned } = board.cells;
  const leftOut = leftOutNote(board);
  return [
    plural(board.tasks.length, 'task'),
    `${plural(board.contenders.length, 'contender')}, ${formatCount(models)} of them frozen models`,
    `${formatCount(done)} of ${plural(planned, 'cell')} done`,
    `${formatSeconds(board.provenance.seconds)} of computing`,
    ...(leftOut ? [escapeHtml(leftOut)] : []),
  ].join(' · ');
}

function summary(board: Leaderboard): string {
  const items = board.tasks.map(
    (task, i) =>
      `<li data-task="${i}"><div><a href="#task-${i}">${escapeHtml(task.title)}</a>${failedChecks(task).length > 0 ? ' <span class="badge none">✗ fails its audit</span>' : ''}</div><div>${badge(task.headline.vsOneHot?.verdict ?? null, 'not compared')}</div><p>${escapeHtml(inShort(board, task))}</p></li>`,
  );
  return `<ul class="summary">${items.join('')}</ul>`;
}

/** The headline's numbers without its sentences. */
function inShort(board: Leaderboard, task: LeaderboardTask): string {
  const { model, vsOneHot, vsControl } = task.headline;
  if (!model || !vsOneHot) return task.headline.sentence;
  const rows = rowsOfTask(board, task);
  const said = ({ difference, ci }: Comparison) =>
    `${formatDifference(difference)} (${formatDifference(ci.low)} to ${formatDifference(ci.high)})`;
  const control = vsControl
    ? `; against its random weights ${said(vsControl)}, ${vsControl.verdict ?? 'undefined'}`
    : '';
  const own = titleOf(rows, model.contender, model.label);
  const reference = titleOf(rows, vsOneHot.reference, vsOneHot.referenceLabel);
  return `${own} against ${reference}: ${task.metricLabel} ${said(vsOneHot)}${control}.`;
}

function filters(board: Leaderboard): string {
  const tasks = board.tasks.map((task, i) => `<option value="${i}">${escapeHtml(task.title)}</option>`);
  const kinds = (['baseline', 'model', 'control'] as const).map(
    (kind) => `<label><input type="checkbox" data-kind="${kind}" checked> ${kind}s</label>`,
  );
  return `<nav class="filters" aria-label="Filters"><div><label>Task <select id="task"><option value="">all</option>${tasks.join('')}</select></label>${kinds.join('')}<a href="#contenders">Contenders</a><a href="#how">How to read</a><a href="#provenance">Provenance</a><button class="plain" type="button" id="save">Save data (JSON)</button></div></nav>`;
}

function harmonicSection({ title, remark, heads, lines }: HarmonicText): string {
  const classes = (i: number) => (i < 2 ? '' : ' class="right num"');
  const head = heads.map((text, i) => `<th scope="col"${classes(i)}>${escapeHtml(text)}</th>`).join('');
  const body = lines.map(
    (cells) => `<tr>${cells.map((text, i) => `<td${classes(i)}>${escapeHtml(text)}</td>`).join('')}</tr>`,
  );
  return `<section class="harmonic"><h2>${escapeHtml(title)}</h2><p class="soft">${escapeHtml(remark)}</p><div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div></section>`;
}

function contenderCard(contender: LeaderboardContender): string {
  const kind = contender.family && contender.kind === 'baseline' ? `${contender.family} baseline` : contender.kind;
  const facts: [string, string][] = [
    ['Id', `<code>${escapeHtml(contender.id)}</code>, version ${escapeHtml(contender.version)}`],
    ['Citation', linked(contender.citation)],
    ...(contender.licence ? [['Licence', linked(contender.licence)] as [string, string]] : []),
    ...(contender.fingerprints.length > 0
      ? [
          [
            'Weights (sha256)',
            contender.fingerprints.map((hash) => `<code>${escapeHtml(hash)}</code>`).join('<br>'),
          ] as [string, string],
        ]
      : []),
  ];
  const list = `<dl>${facts.map(([name, html]) => `<div><dt>${name}</dt><dd>${html}</dd></div>`).join('')}</dl>`;
  const part = (title: string, value: Readonly<Record<string, unknown>> | null) => {
    const html = value ? definitionList(value) : '';
    return html && `<div><h3>${title}</h3>${html}</div>`;
  };
  const description = contender.description ? `<p>${escapeHtml(contender.description)}</p>` : '';
  return `<details><summary>${escapeHtml(contender.title)} <span class="soft">${escapeHtml(kind)}</span></summary><div>${description}${list}<div class="cards">${part('Options', contender.options)}${part('Model card', contender.card)}</div></div></details>`;
}

function howToRead(board: Leaderboard): string {
  const { method } = board;
  const items = [
    `<b>Score</b>: the task's primary metric on its test rows, mean over seeds. Below it the ${escapeHtml(method.interval)}.`,
    `<b>Difference to one-hot</b>: score minus that of the <b>reference</b> (◆), the best one-hot baseline of the task, ${escapeHtml(method.reference)}. Positive is better, also where a lower score is better. ${escapeHtml(method.test)}. The plot draws it with its interval; floors (chance, composition) far off the axis end in an arrow.`,
    `<b>p</b>: ${escapeHtml(method.correction)}. The comparison of a model with its random-weights control, in the headlines, stands alone and is not corrected.`,
    `<b>Second opinion</b>, under "Comparisons in full": a classical paired test beside the bootstrap, ${escapeHtml(method.secondOpinion)}. The two need not agree: it compares accuracy or size of error, not the task's metric, and knows one seed only.`,
    `<b>Verdict</b>: ${VERDICT_MARKS.better} better or ${VERDICT_MARKS.worse} worse need a corrected p of at most 0.05 and an interval that leaves out zero. ${VERDICT_MARKS.indistinguishable} indistinguishable does not mean equal: these data cannot tell.`,
    '<b>Best frozen model</b>: the model and probe with the best validation score. Nothing is chosen by test scores.',
    '<b>Controls</b>: the same architecture with weights that have learned nothing. A model that does not beat its control has gained nothing from pre-training on this task.',
    ...(measureColumns(board.rows).length > 0 ? [`<b>Diagnostics</b>: ${escapeHtml(MEASURES_REMARK)}.`] : []),
    '<b>What intervals leave out</b>: errors of the training data, of the choice of hyper-parameters, and, with few seeds, part of the variation between trainings.',
  ];
  return `<section id="how" class="howto"><h2>How to read this</h2><ul>${items.map((item) => `<li>${item}</li>`).join('')}</ul></section>`;
}

function provenance(board: Leaderboard): string {
  const { environments, seeds, startedAt, finishedAt, seconds } = board.provenance;
  const run = {
    seeds: seeds.join(', '),
    'first cell started': startedAt,
    'last cell finished': finishedAt,
    'computing time': formatSeconds(seconds),
    'inputs (sha256)': board.inputsHash,
  };
  const machines = environments.map(
    (environment) =>
      `<article><h3>${plural(environment.cells, 'cell')}</h3>${definitionList({ ...environment, cells: undefined })}</article>`,
  );
  return `<section id="provenance"><h2>Provenance</h2><pre><code>${escapeHtml(board.command)}</code></pre>${definitionList(run)}<div class="cards">${machines.join('')}</div></section>`;
}
