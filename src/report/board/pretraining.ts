/**
 * Loss curves of models that were pre-trained within a run, from their cards (`training.report`,
 * see `src/pretraining/pretrain.ts`): one per set of weights, not one per task and probe that used
 * them. Losses are nats per predicted token. They compare models with the same tokenizer and
 * objective, not others.
 */
import { z } from 'zod';
import { escapeHtml } from '../../core/escape.ts';
import { lineChart, type Series } from '../charts/svg.ts';
import { plural } from '../formats/numbers.ts';
import type { StoredCell } from './run-folder.ts';
import type { Leaderboard, PretrainingCurve } from './schema.ts';

const reportSchema = z.object({
  steps: z.number(),
  history: z.array(z.object({ epoch: z.number(), trainLoss: z.number().nullish(), validLoss: z.number().nullish() })),
  losses: z.array(z.object({ step: z.number(), loss: z.number() })).optional(),
});
/** More points than a chart's width in pixels can show, and few enough for the size of the page. */
const MOST_POINTS = 250;

const cardSchema = z.object({ training: z.object({ report: reportSchema }) });

/**
 * By `contenderKey`: the curves of each contender, one per set of weights, with the tasks and seeds
 * that used it, in order of planning.
 */
export function pretrainingCurves(cells: readonly StoredCell[]): ReadonlyMap<string, readonly PretrainingCurve[]> {
  const found = new Map<string, Map<string, PretrainingCurve>>();
  for (const { planned, result, contenderKey } of cells) {
    const fingerprint = result?.contender.fingerprint;
    const card = cardSchema.safeParse(result?.contender.card);
    if (fingerprint === undefined || !card.success) continue;
    const own = found.get(contenderKey) ?? new Map<string, PretrainingCurve>();
    found.set(contenderKey, own);
    const { tasks, seeds } = own.get(fingerprint) ?? { tasks: [], seeds: [] };
    own.set(fingerprint, {
      fingerprint,
      tasks: [...new Set([...tasks, planned.task])],
      seeds: [...new Set([...seeds, planned.seed])].sort((a, b) => a - b),
      ...pointsOf(card.data.training.report),
    });
  }
  return new Map([...found].map(([contender, curves]) => [contender, [...curves.values()]]));
}

/** Both losses over steps; all epochs have the same number of steps. */
function pointsOf({ steps, history, losses }: z.infer<typeof reportSchema>): Pick<PretrainingCurve, 'train' | 'valid'> {
  const stepsPerEpoch = steps / Math.max(1, ...history.map(({ epoch }) => epoch));
  const byEpoch = (key: 'trainLoss' | 'validLoss') =>
    history.flatMap((record): [number, number][] => {
      const loss = record[key];
      return typeof loss === 'number' ? [[Math.round(record.epoch * stepsPerEpoch), loss]] : [];
    });
  return {
    train: losses?.length ? thinned(losses) : byEpoch('trainLoss'),
    valid: byEpoch('validLoss'),
  };
}

/** At most {@link MOST_POINTS} points: means over neighbours, each at its last step. */
function thinned(losses: readonly { readonly step: number; readonly loss: number }[]): [number, number][] {
  const stretch = Math.ceil(losses.length / MOST_POINTS);
  return Array.from({ length: Math.ceil(losses.length / stretch) }, (_, i) => {
    const part = losses.slice(i * stretch, (i + 1) * stretch);
    return [part[part.length - 1].step, part.reduce((sum, { loss }) => sum + loss, 0) / part.length];
  });
}

/**
 * The section of the page: a chart per contender, or per set of tasks when a contender learned from
 * different sequences for them.
 */
export function pretrainingSection(board: Leaderboard): string {
  const figures = board.contenders.flatMap(({ title, pretraining = [] }) => {
    const named = pretraining.map((curve) => ({ ...curve, usedFor: curve.tasks.join(', ') }));
    const groups = [...new Set(named.map(({ usedFor }) => usedFor))];
    return groups.flatMap((tasks) => {
      const curves = named.filter(({ usedFor }) => usedFor === tasks);
      const series = (key: 'train' | 'valid'): Series[] =>
        curves.map((curve) => ({ className: key, points: curve[key] }));
      const chart = lineChart([...series('train'), ...series('valid')], 260, 130, 'step');
      const which = groups.length > 1 ? `<br><span class="soft">for ${escapeHtml(tasks)}</span>` : '';
      const lines = curves.length > 1 ? ` <span class="soft">(${plural(curves.length, 'seed')})</span>` : '';
      return chart ? [`<figure>${chart}<figcaption>${escapeHtml(title)}${lines}${which}</figcaption></figure>`] : [];
    });
  });
  if (figures.length === 0) return '';
  return `<section id="pretraining"><h2>Pre-training: loss, nats per token</h2><p class="soft">One line per set of weights. Grey: training loss. Dashed: loss on sequences held out. Every chart has its own axis.</p><div class="curves">${figures.join('')}</div></section>`;
}

/** A model card without the loss curves, which are kept separately. */
export function withoutCurves(card: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (!cardSchema.safeParse(card).success) return card;
  const training = card.training as { readonly report: Readonly<Record<string, unknown>> };
  const { history: _history, losses: _losses, ...report } = training.report;
  return { ...card, training: { ...training, report } };
}
