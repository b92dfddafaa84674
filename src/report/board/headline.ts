/**
 * The answer for one task, in words: the best frozen model, chosen on validation data, against the best one-hot baseline and
 * against its own random-weights control.
 */
import type { Metric } from '../../metrics/metric.ts';
import { formatDifference, formatP, formatScore } from '../formats/numbers.ts';
import { chooseByValidation } from './comparison.ts';
import type { Comparison, Headline, LeaderboardRow } from './schema.ts';

const RELATION = {
  better: 'is better than',
  indistinguishable: 'is indistinguishable from',
  worse: 'is worse than',
} as const;

/**
 * The control of a model: the one that names it (`controlOf` in its options or card); else the one whose id is the model's with
 * something added ("encoder" and "encoder-random"); else, where `onlyModel`, the only control there is. Never a guess among
 * several. The same probe where it ran, otherwise the control's best by validation score.
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
}): Headline {
  const { metric, model, reference, control, vsControl } = found;
  const name = (row: LeaderboardRow) => (row.probe === 'none' ? row.title : `${row.title} (${row.probe})`);
  const scored = (row: LeaderboardRow) => `${metric.label} ${formatScore(row.score)}`;
  if (!model) {
    const known = reference ? `; the best one-hot baseline, ${name(reference)}, reaches ${scored(reference)}` : '';
    return { sentence: `No frozen model has a score on this task${known}.`, model: null, vsOneHot: null, vsControl };
  }
  const sentences = [
    reference
      ? versusReference(name(model), name(reference), `${scored(model)} against ${formatScore(reference.score)}`, model)
      : `Frozen ${name(model)} reaches ${scored(model)}; no one-hot baseline has a score, so there is nothing to compare it with.`,
    control && vsControl
      ? `It ${relation(vsControl)} its random-weights control, ${name(control)} (${difference(vsControl)}).`
      : 'There is no random-weights control to compare it with.',
  ];
  return {
    sentence: sentences.join(' '),
    model: {
      contender: model.contender,
      ...(model.label === undefined ? {} : { label: model.label }),
      probe: model.probe,
    },
    vsOneHot: model.vsOneHot,
    vsControl,
  };
}

function versusReference(model: string, reference: string, scores: string, { vsOneHot }: LeaderboardRow): string {
  if (!vsOneHot) return `Frozen ${model} could not be compared with the best one-hot baseline, ${reference}.`;
  return `Frozen ${model} ${relation(vsOneHot)} the best one-hot baseline, ${reference}: ${scores} (${difference(vsOneHot)}).`;
}

function relation({ verdict }: Comparison): string {
  return verdict ? RELATION[verdict] : 'cannot be told from (the difference is undefined)';
}

function difference({ difference: value, ci, pHolm }: Comparison): string {
  const p = formatP(pHolm);
  return `difference ${formatDifference(value)}, 95% interval ${formatDifference(ci.low)} to ${formatDifference(ci.high)}, p ${p.startsWith('<') ? p.replace('<', '< ') : `= ${p}`}`;
}
