/**
 * The answer for one task as sentences: the best frozen model, chosen on validation data, compared
 * with the best one-hot baseline and with its own random-weights control.
 */
import type { Metric } from '../../metrics/metric.ts';
import { formatDifference, formatP, formatScore } from '../formats/numbers.ts';
import { chooseByValidation } from './comparison.ts';
import type { Comparison, Headline, LeaderboardRow } from './schema.ts';

const RELATION = {
  better: 'is better than',
  indistinguishable: 'is indistinguishable from',
  worse: 'is worse than',
  'needs seeds': 'cannot yet be compared (one seed; add --seeds 3) with',
} as const;

/**
 * The control of a model: the one that names it (`controlOf` in its options or card); otherwise the
 * one whose id starts with the model's id ("encoder" and "encoder-random"); otherwise, with
 * `onlyModel`, the only control. Several candidates give no control. The row with the same probe is
 * used, otherwise the control's best by validation score.
 */
export function controlFor(
  model: LeaderboardRow,
  controls: readonly (LeaderboardRow & { controlOf?: string })[],
  onlyModel: boolean,
): LeaderboardRow | undefined {
  const scored = controls.filter((row) => row.status === 'done');
  const named = scored.filter((row) => row.controlOf === model.contender);
  const extended = scored.filter((row) => row.controlOf === undefined && row.contender.startsWith(model.contender));
  const sameLabel = (row: LeaderboardRow) => row.label === model.label;
  const candidates = [
    named.filter(sameLabel),
    named,
    extended.filter(sameLabel),
    extended,
    onlyModel ? scored.filter((row) => row.controlOf === undefined) : [],
  ].find((rows) => new Set(rows.map((row) => JSON.stringify([row.contender, row.label]))).size === 1);
  return candidates?.find((row) => row.probe === model.probe) ?? (candidates && chooseByValidation(candidates));
}

export function headline(found: {
  metric: Metric;
  model?: LeaderboardRow;
  reference?: LeaderboardRow;
  control?: LeaderboardRow;
  vsControl: Comparison | null;
  rowZero?: LeaderboardRow;
  /** Models have scores, but no validation score to choose by. */
  unchosen?: boolean;
  /** Why the validation rows cannot be used for choices. */
  validationProblem?: string;
}): Headline {
  const { metric, model, reference, vsControl, validationProblem } = found;
  const sentences = model
    ? [...aboutModel({ ...found, model }), ...againstRowZero(model, found.rowZero)]
    : [withoutModel(metric, reference, found.unchosen ?? false)];
  return {
    sentence: [...sentences, ...(validationProblem ? [validationProblem] : [])].join(' '),
    model: model
      ? { contender: model.contender, ...(model.label === undefined ? {} : { label: model.label }), probe: model.probe }
      : null,
    vsOneHot: model?.vsOneHot ?? null,
    vsControl,
  };
}

const nameOf = (row: LeaderboardRow) => (row.probe === 'none' ? row.title : `${row.title} (${row.probe})`);
const scoreOf = (metric: Metric, { score }: LeaderboardRow) =>
  score === null
    ? `no ${metric.label}, which is undefined on these test rows`
    : `${metric.label} ${formatScore(score)}`;

function withoutModel(metric: Metric, reference: LeaderboardRow | undefined, unchosen: boolean): string {
  const known = reference
    ? `; the best one-hot baseline, ${nameOf(reference)}, reaches ${scoreOf(metric, reference)}`
    : '';
  return unchosen
    ? `No frozen model can be chosen: ${metric.label} is undefined on the validation rows${known}.`
    : `No frozen model has a score on this task${known}.`;
}

function aboutModel({
  metric,
  model,
  reference,
  control,
  vsControl,
}: {
  readonly metric: Metric;
  readonly model: LeaderboardRow;
  readonly reference?: LeaderboardRow;
  readonly control?: LeaderboardRow;
  readonly vsControl: Comparison | null;
}): string[] {
  const name = nameOf(model);
  const undefinedFor = (rows: readonly LeaderboardRow[]) => {
    const names = rows.filter(({ score }) => score === null).map(nameOf);
    return names.length > 0
      ? `${metric.label} of ${names.join(' and of ')} is undefined on these test rows`
      : `${metric.label} is undefined on most resamples of these test rows`;
  };
  const sentences: string[] = [];
  if (!reference) {
    sentences.push(
      `Frozen ${name} reaches ${scoreOf(metric, model)}; no one-hot baseline has a score, so there is nothing to compare it with.`,
    );
  } else if (isDefined(model.vsOneHot)) {
    const scores = `${scoreOf(metric, model)} against ${formatScore(reference.score)}`;
    sentences.push(
      `Frozen ${name} ${RELATION[model.vsOneHot.verdict]} the best one-hot baseline, ${nameOf(reference)}: ${scores} (${difference(model.vsOneHot)}).`,
    );
  } else {
    sentences.push(
      `Frozen ${name} cannot be compared with the best one-hot baseline, ${nameOf(reference)}: ${undefinedFor([model, reference])}.`,
    );
  }
  if (!control || !vsControl) sentences.push('There is no random-weights control to compare it with.');
  else if (isDefined(vsControl)) {
    sentences.push(
      `It ${RELATION[vsControl.verdict]} its random-weights control, ${nameOf(control)} (${difference(vsControl)}).`,
    );
  } else {
    sentences.push(
      `It cannot be compared with its random-weights control, ${nameOf(control)}: ${undefinedFor([model, control])}.`,
    );
  }
  return sentences;
}

/** A sentence where the model is not shown to beat the best rule without a model. */
function againstRowZero(model: LeaderboardRow, rowZero: LeaderboardRow | undefined): string[] {
  const comparison = model.vsRowZero ?? null;
  if (!rowZero || !isDefined(comparison) || comparison.verdict === 'better') return [];
  if (comparison.verdict === 'needs seeds') return [`It ${RELATION['needs seeds']} row zero.`];
  return [`It does not beat row zero, the best rule without a model (${difference(comparison)}).`];
}

type DefinedComparison = Comparison & { readonly verdict: NonNullable<Comparison['verdict']> };

/** A comparison without numbers would be a headline of dashes. */
function isDefined(comparison: Comparison | null): comparison is DefinedComparison {
  return comparison !== null && comparison.verdict !== null && comparison.difference !== null;
}

function difference({ difference: value, ci, pHolm }: Comparison): string {
  const p = formatP(pHolm);
  return `difference ${formatDifference(value)}, 95% interval ${formatDifference(ci.low)} to ${formatDifference(ci.high)}, p ${p.startsWith('<') ? p.replace('<', '< ') : `= ${p}`}`;
}
