/** Learning curves from `details.history`: `[{ epoch, trainLoss, validLoss | validScore }]`, one line per seed. */
import { z } from 'zod';
import { escapeHtml } from '../../core/escape.ts';
import type { LeaderboardRow } from '../board/schema.ts';
import { lineChart, type Series } from './svg.ts';

const historySchema = z.array(
  z.object({
    epoch: z.number(),
    trainLoss: z.number().nullish(),
    validLoss: z.number().nullish(),
    validScore: z.number().nullish(),
  }),
);
type Epoch = z.infer<typeof historySchema>[number];

/** Small charts, one or two per contender; an empty string when no cell has a history. */
export function learningCurves(rows: readonly LeaderboardRow[]): string {
  const figures = rows.flatMap((row) => {
    const histories = row.cells.flatMap(({ details }) => {
      const parsed = historySchema.safeParse(details?.history);
      return parsed.success && parsed.data.length > 0 ? [parsed.data] : [];
    });
    const series = (key: 'trainLoss' | 'validLoss' | 'validScore', className: string): Series[] =>
      histories.map((history) => ({ className, points: history.flatMap((epoch) => point(epoch, key)) }));
    const loss = lineChart([...series('trainLoss', 'train'), ...series('validLoss', 'valid')], 260, 130, 'epoch');
    const score = lineChart(series('validScore', 'score'), 260, 130, 'epoch');
    const name = escapeHtml(row.probe === 'none' ? row.title : `${row.title} · ${row.probe}`);
    return [
      ...(loss ? [`<figure>${loss}<figcaption>${name}: loss</figcaption></figure>`] : []),
      ...(score ? [`<figure>${score}<figcaption>${name}: validation score</figcaption></figure>`] : []),
    ];
  });
  return figures.length === 0
    ? ''
    : `<p class="soft">One line per seed. Grey: training loss. Dashed: validation loss.</p><div class="curves">${figures.join('')}</div>`;
}

function point(epoch: Epoch, key: 'trainLoss' | 'validLoss' | 'validScore'): (readonly [number, number])[] {
  const value = epoch[key];
  return typeof value === 'number' ? [[epoch.epoch, value] as const] : [];
}
