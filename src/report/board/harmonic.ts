/**
 * Harmonic means of two tasks' scores, contender by contender: HM = 2ab/(a + b). In the barcode
 * papers (Safari et al. 2025, arXiv 2502.18405) a is the genus accuracy of unseen species by 1-NN,
 * and b the AMI of a clustering without training. A task names the task that it is joined with
 * (`harmonicWith`). The means are of scores over seeds. There is no interval, because the two tasks
 * resample different rows, and nothing is compared or tested.
 */
import { METRICS } from '../../metrics/metric-table.ts';
import { formatScore, MISSING } from '../formats/numbers.ts';
import type { HarmonicRow, HarmonicTable, Leaderboard, LeaderboardRow, LeaderboardTask } from './schema.ts';

/**
 * Probes of the open-world side, the paper's own first: a contender is shown with the first kind
 * that it has.
 */
const OPEN_WORLD_PROBES: readonly RegExp[] = [/^nn-cosine$/, /^k?nn-/, /^/];

/**
 * 2ab/(a + b), and 0 for two zeros. Null when a score is missing or below zero, as for an AMI worse
 * than chance.
 */
export function harmonicMean(a: number | null, b: number | null): number | null {
  if (a === null || b === null || a < 0 || b < 0) return null;
  return a + b === 0 ? 0 : (2 * a * b) / (a + b);
}

/**
 * One table for each task that is joined with another one on the board. Lines are ordered by
 * harmonic mean; those without a mean come last.
 */
export function harmonicTables(
  tasks: readonly LeaderboardTask[],
  rows: readonly LeaderboardRow[],
): readonly HarmonicTable[] {
  return tasks.flatMap((task) => {
    const other = tasks.find(({ id }) => id === task.harmonicWith);
    if (!other || other === task || !task.higherIsBetter || !other.higherIsBetter) return [];
    const of = ({ id, hash }: LeaderboardTask) => rows.filter((row) => row.task === id && row.taskHash === hash);
    const [open, own] = [of(other), of(task)];
    const lines = entrantsOf([...open, ...own]).flatMap((entrant) =>
      linesOf(openWorldRows(open.filter(isOf(entrant))), own.filter(isOf(entrant))),
    );
    return [
      { task: task.id, taskHash: task.hash, openWorld: other.id, openWorldHash: other.hash, rows: sorted(lines) },
    ];
  });
}

type NamedRow = Pick<LeaderboardRow, 'contender' | 'label'>;

/**
 * Contenders with their labels. A row without a label belongs to every label of the contender in
 * the other task.
 */
function entrantsOf(rows: readonly LeaderboardRow[]): readonly NamedRow[] {
  const distinct = [...new Map(rows.map((row) => [JSON.stringify([row.contender, row.label]), row])).values()];
  const labelled = new Set(distinct.filter(({ label }) => label !== undefined).map(({ contender }) => contender));
  return distinct.filter(({ contender, label }) => label !== undefined || !labelled.has(contender));
}

const isOf =
  ({ contender, label }: NamedRow) =>
  (row: LeaderboardRow) =>
    row.contender === contender && (row.label === undefined || row.label === label);

function openWorldRows(rows: readonly LeaderboardRow[]): readonly LeaderboardRow[] {
  const kind = OPEN_WORLD_PROBES.find((pattern) => rows.some(({ probe }) => pattern.test(probe)));
  return rows.filter(({ probe }) => kind?.test(probe));
}

/**
 * Every probe of one side with every probe of the other; null when the contender has none on a
 * side.
 */
function linesOf(open: readonly LeaderboardRow[], own: readonly LeaderboardRow[]): HarmonicRow[] {
  const sides = (rows: readonly LeaderboardRow[]) => (rows.length > 0 ? rows : [undefined]);
  return sides(open).flatMap((a) => sides(own).map((b) => lineOf(a, b)));
}

function lineOf(a: LeaderboardRow | undefined, b: LeaderboardRow | undefined): HarmonicRow {
  const { contender, label, title, kind, family } = labelledOf(a?.kind ? [a, b] : [b, a]);
  const side = (row: LeaderboardRow | undefined) => row && { probe: row.probe, score: row.score, seeds: row.seeds };
  const perSeed = a && b ? seedMeans(a, b) : [];
  return {
    contender,
    ...(label === undefined ? {} : { label }),
    ...{ title, kind, family },
    openWorld: side(a) ?? null,
    own: side(b) ?? null,
    harmonicMean: harmonicMean(a?.score ?? null, b?.score ?? null),
    seedSpread: perSeed.length > 1 ? sampleDeviation(perSeed) : null,
  };
}

/** The first row that has a label, else the first row. */
function labelledOf(rows: readonly (LeaderboardRow | undefined)[]): LeaderboardRow {
  const present = rows.filter((row) => row !== undefined);
  return present.find(({ label }) => label !== undefined) ?? present[0];
}

/**
 * The harmonic mean of each seed; none when the two rows have different seeds or a seed has no
 * mean.
 */
function seedMeans(a: LeaderboardRow, b: LeaderboardRow): number[] {
  const scores = ({ cells }: LeaderboardRow) =>
    new Map(cells.filter(({ status }) => status === 'done').map(({ seed, score }) => [seed, score]));
  const [ofA, ofB] = [scores(a), scores(b)];
  if (ofA.size !== ofB.size) return [];
  const means = [...ofA].map(([seed, score]) => harmonicMean(score, ofB.get(seed) ?? null));
  return means.every((mean) => mean !== null) ? means : [];
}

function sampleDeviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

function sorted(rows: readonly HarmonicRow[]): HarmonicRow[] {
  const keys = (row: HarmonicRow) =>
    [row.harmonicMean, row.openWorld?.score, row.own?.score].map((score) => score ?? -1);
  return [...rows].sort((x, y) => {
    const [kx, ky] = [keys(x), keys(y)];
    const first = kx.findIndex((key, i) => key !== ky[i]);
    return first >= 0 ? ky[first] - kx[first] : x.contender < y.contender ? -1 : x.contender > y.contender ? 1 : 0;
  });
}

/**
 * A table as text, for every format for human readers: title, remark, heads, and one line of cells
 * per row.
 */
export interface HarmonicText {
  readonly title: string;
  readonly remark: string;
  readonly heads: readonly string[];
  /** The first two columns are words, the rest numbers. */
  readonly lines: readonly (readonly string[])[];
}

const REMARK =
  'Harmonic mean 2ab/(a+b) of the two scores, each the mean over seeds; ± is the standard deviation of the mean over seeds where both tasks ran ' +
  'the same seeds. No interval is claimed: the tasks resample different test rows. Where a score is missing or below zero there is no mean.';

/** The tables of a board as text. */
export function harmonicTexts(board: Leaderboard): readonly HarmonicText[] {
  return (board.harmonic ?? []).map((table) => {
    const find = (id: string, hash: string) => board.tasks.find((task) => task.id === id && task.hash === hash);
    const [own, open] = [find(table.task, table.taskHash), find(table.openWorld, table.openWorldHash)];
    const label = (task: LeaderboardTask | undefined) => (task?.metric ? METRICS[task.metric].label : 'Score');
    return {
      title: `Harmonic mean: ${open?.title ?? table.openWorld} × ${own?.title ?? table.task}`,
      remark: `a: ${table.openWorld}; b: ${table.task}. ${REMARK}`,
      heads: ['Contender', 'Probes', `a: ${label(open)}`, `b: ${label(own)}`, 'Harmonic mean'],
      lines: table.rows.map(lineInWords),
    };
  });
}

function lineInWords({ title, openWorld, own, harmonicMean: mean, seedSpread }: HarmonicRow): readonly string[] {
  const probe = (side: HarmonicRow['own']) => (side === null || side.probe === 'none' ? MISSING : side.probe);
  const probes = [probe(openWorld), probe(own)];
  const spread = seedSpread === null ? '' : ` ± ${formatScore(seedSpread)}`;
  return [
    title,
    probes.every((name) => name === MISSING) ? '' : probes.join(' × '),
    formatScore(openWorld?.score ?? null),
    formatScore(own?.score ?? null),
    `${formatScore(mean)}${mean === null ? '' : spread}`,
  ];
}
