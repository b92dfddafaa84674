/**
 * The answer for one task, in words: the best frozen model, chosen on validation data, against the best one-hot baseline and
 * against its own random-weights control.
 */
import type { Metric } from '../metrics/types.ts';
import { formatDifference, formatP, formatScore } from './format.ts';
import type { Comparison, Headline, LeaderboardRow } from './schema.ts';

const RELATION = {
  better: 'is better than',
  indistinguishable: 'is indistinguishable from',
  worse: 'is worse than',
} as const;

/**
 * The control of a model: the one that names it (`controlOf` in its options or card); else the one whose id shares the longest
 * beginning with the model's (at least half of it); else the only control there is. The same probe where it ran.
 */
export function controlFor(
  model: LeaderboardRow,
  controls: readonly (LeaderboardRow & { controlOf?: string })[],
): LeaderboardRow | undefined {
  const scored = controls.filter((row) => row.status === 'done');
  const named = scored.filter((row) => row.controlOf === model.contender);
  const related = scored.filter((row) => sharedStart(row.contender, model.contender) * 2 >= model.contender.length);
  const longest = Math.max(0, ...related.map((row) => sharedStart(row.contender, model.contender)));
  const nearest = related.filter((row) => sharedStart(row.contender, model.contender) === longest);
  const only = new Set(scored.map((row) => row.contender)).size === 1 ? scored : [];
  const candidates = [named, nearest, only].find((rows) => rows.length > 0) ?? [];
  return (
    candidates.find((row) => row.probe === model.probe) ??
    [...candidates].sort((a, b) => (b.validationScore ?? -Infinity) - (a.validationScore ?? -Infinity))[0]
  );
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
      ? `It ${relation(vsControl)} the same architecture with random weights (${difference(vsControl)}).`
      : 'There is no random-weights control to compare it with.',
  ];
  return {
    sentence: sentences.join(' '),
    model: { contender: model.contender, probe: model.probe },
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

function sharedStart(a: string, b: string): number {
  let i = 0;
  while (i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}
