/**
 * Who computes which cell, and when: lanes (child processes, and this process for definitions given as objects) take units of
 * work off one queue. A unit is the cells of one model, task and seed, whose probes share embeddings, or one baseline's cell.
 * A cell that another run in the same folder is computing is put aside and looked at again. A process that dies costs the cell
 * it ran, is replaced, and the rest of its unit goes on.
 */
import type { Cell } from '../cells/plan.ts';
import type { Result } from '../store/result.ts';
import type { ResultStore } from '../store/store.ts';

export interface Lane {
  accepts(cell: Cell): boolean;
  /** Runs the cell and gives its document, whether done or failed; undefined when the run was interrupted. */
  run(cell: Cell): Promise<Result | undefined>;
}

export interface ScheduleOptions {
  readonly store: ResultStore;
  readonly lanes: readonly Lane[];
  readonly signal: AbortSignal;
  /** Seconds that a unit took before, where known. */
  readonly expectedSeconds: (cell: Cell) => number | undefined;
  /**
   * When the stored failure of a cell ended that this run tries again. A failure with another end is
   * a new one of another run.
   */
  readonly failedBefore: (cell: Cell) => string | undefined;
  /** A cell's result is stored: by us, or by another run meanwhile. */
  readonly onResult: (cell: Cell, result: Result, computed: boolean) => void;
  /** Nothing is left but cells that other runs hold. */
  readonly onWaiting: (cells: number) => void;
}

const POLL_MS = 300;

/** Cells that are best run one after another in one process. */
export function unitsOf(cells: readonly Cell[]): Cell[][] {
  const units = new Map<string, Cell[]>();
  for (const cell of cells) {
    const { task, contender, seed, key } = cell;
    const name =
      contender.type === 'model' ? JSON.stringify([task.description.hash, contender.definition.id, seed]) : key;
    units.set(name, [...(units.get(name) ?? []), cell]);
  }
  return [...units.values()];
}

/** Longest first: what is unknown, models before baselines, then by the seconds it took before. */
export function longestFirst(units: readonly Cell[][], expected: (cell: Cell) => number | undefined): Cell[][] {
  const weight = (unit: readonly Cell[]) => {
    const seconds = unit.map(expected);
    if (seconds.some((value) => value === undefined)) return unit[0].contender.type === 'model' ? 2e9 : 1e9;
    return seconds.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  };
  return [...units].sort((a, b) => weight(b) - weight(a));
}

/** Computes every cell, or returns early once the signal is aborted. Rejects only on errors of the store itself. */
export async function schedule(cells: readonly Cell[], options: ScheduleOptions): Promise<void> {
  const { store, lanes, signal, onResult } = options;
  const queue = longestFirst(unitsOf(cells), options.expectedSeconds);
  const putAside: Cell[] = [];

  /** True when the cell is settled, false when another run has it. */
  async function settle(lane: Lane, cell: Cell): Promise<boolean> {
    const lock = await store.lockCell(cell.key);
    const stored = await store.read(cell.key);
    const settledElsewhere =
      stored.state === 'done' ||
      (stored.state === 'failed' && stored.result.timings.finishedAt !== options.failedBefore(cell));
    try {
      if (settledElsewhere) onResult(cell, stored.result, false);
      else if (!lock) return false;
      else await compute(lane, cell);
      return true;
    } finally {
      await lock?.release();
    }
  }

  async function compute(lane: Lane, cell: Cell): Promise<void> {
    const result = await lane.run(cell);
    if (result) onResult(cell, result, true);
  }

  async function work(lane: Lane): Promise<void> {
    while (!signal.aborted) {
      const next = queue.findIndex((unit) => lane.accepts(unit[0]));
      if (next < 0) return;
      for (const cell of queue.splice(next, 1)[0]) {
        if (signal.aborted) return;
        if (!(await settle(lane, cell))) putAside.push(cell);
      }
    }
  }

  await Promise.all(lanes.map(work));
  while (putAside.length > 0 && !signal.aborted) {
    options.onWaiting(putAside.length);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    queue.push(...unitsOf(putAside.splice(0)));
    await Promise.all(lanes.map(work));
  }
}
