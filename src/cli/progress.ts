/**
 * How far a run is: on a terminal one line that is redrawn, with the time left; elsewhere a line per finished cell, so that logs
 * stay readable. Always on standard error.
 */
import { escapeTerminal, withoutControls } from '../core/escape.ts';
import type { RunEvent } from '../harness/run-types.ts';

export interface ProgressView {
  onEvent(event: RunEvent): void;
  /** Removes the status line. */
  end(): void;
}

interface Running {
  readonly name: string;
  fraction: number;
  message: string;
}

/** 75 -> "1 min 15 s". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

type Cell = Extract<RunEvent, { type: 'progress' }>['cell'];

function cellName({ task, contender, probe, seed }: Cell): string {
  const how = probe === 'none' ? '' : ` + ${probe}`;
  return `${task.description.id} / ${contender.definition.id}${how}${seed > 0 ? ` (seed ${seed})` : ''}`;
}

export function createProgress(stream: NodeJS.WriteStream, now: () => number = Date.now): ProgressView {
  const live = stream.isTTY === true;
  const running = new Map<string, Running>();
  let total = 0;
  let settled = 0;
  let startedAt = now();
  let drawn = false;
  let lastDraw = 0;

  const clear = () => {
    if (drawn) stream.write('\r\u001b[2K');
    drawn = false;
  };
  const say = (text: string) => {
    clear();
    stream.write(`${withoutControls(text)}\n`);
  };
  const draw = (text: string) => {
    if (!live || now() - lastDraw < 80) return;
    lastDraw = now();
    clear();
    stream.write(escapeTerminal(text).slice(0, (stream.columns ?? 80) - 1));
    drawn = true;
  };
  const status = () => {
    const parts = [...running.values()];
    const share = (settled + parts.reduce((sum, { fraction }) => sum + fraction, 0)) / Math.max(1, total);
    const elapsed = (now() - startedAt) / 1000;
    const left = share > 0.02 ? `, about ${duration((elapsed * (1 - share)) / share)} left` : '';
    const first = parts[0] ? `: ${parts[0].name}: ${parts[0].message}` : '';
    draw(`${Math.floor(100 * share)}% (${settled}/${total} cells${left})${first}`);
  };

  return {
    onEvent(event) {
      if (event.type === 'notice') say(event.message);
      if (event.type === 'preparing') draw(`Preparing ${event.task}: ${event.message}`);
      if (event.type === 'waiting') draw(`Waiting for ${event.cells} cells that another run is computing`);
      if (event.type === 'planned') {
        startedAt = now();
        total = event.plan.cells.length - event.reused;
        for (const why of event.plan.skipped) say(`Left out: ${why}`);
        const stored = event.reused > 0 ? `, ${event.reused} already stored` : '';
        say(`${event.plan.cells.length} cells${stored}${total > 0 ? `, ${total} to compute` : ': nothing to compute'}`);
      }
      if (event.type === 'progress') {
        running.set(event.cell.key, { name: cellName(event.cell), fraction: event.fraction, message: event.message });
        status();
      }
      if (event.type === 'finished') {
        running.delete(event.cell.key);
        settled += 1;
        const { result, computed } = event;
        const score = result.scores[result.task.metric];
        const what =
          result.status === 'failed'
            ? `FAILED: ${result.error?.message.split('\n')[0]}`
            : `${result.task.metric} ${score === null || score === undefined ? 'undefined' : score.toFixed(3)}`;
        const how = computed ? duration(result.timings.seconds) : 'by another run';
        say(`[${settled}/${total}] ${cellName(event.cell)}: ${what} (${how})`);
        if (settled < total) status();
      }
    },
    end: clear,
  };
}

/** A status line for one long step: percentage, time left, what is being done. Shown on terminals only. */
export function createStatusLine(stream: NodeJS.WriteStream): {
  draw(fraction: number, message: string): void;
  clear(): void;
} {
  const startedAt = Date.now();
  let drawn = false;
  const clear = () => {
    if (drawn) stream.write('\r\u001b[2K');
    drawn = false;
  };
  return {
    draw(fraction, message) {
      if (!stream.isTTY) return;
      clear();
      const elapsed = (Date.now() - startedAt) / 1000;
      const left = fraction > 0.02 ? `, about ${duration((elapsed * (1 - fraction)) / fraction)} left` : '';
      stream.write(
        escapeTerminal(`${Math.floor(100 * fraction)}%${left}: ${message}`).slice(0, (stream.columns ?? 80) - 1),
      );
      drawn = true;
    },
    clear,
  };
}
