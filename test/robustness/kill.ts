/**
 * Kills `run`, `pretrain` (new and with --overwrite), `embed` and `ensemble` by SIGKILL at random
 * moments, starts them again until they finish, and compares what they leave with what an
 * undisturbed run leaves. Three in four kills hit the whole process group, the others the main
 * process alone. Half of the moments are drawn evenly, half near the end, where files are written.
 *
 *     node --import tsx test/robustness/kill.ts --kills 200
 */
import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../../src/core/random.ts';
import { finished, start } from '../cli/bench.ts';
import { BASELINES, TASK } from '../harness/fixtures/toy.ts';
import { repeats, TINY } from '../models/fixtures.ts';

/** A command, what shows that it has begun to work, and what it leaves, apart from times. */
interface Victim {
  readonly words: readonly string[];
  readonly begun: (out: string, stderr: string, pid: number) => boolean;
  readonly left: (out: string) => unknown;
  /** Puts in place what the command replaces. */
  readonly prepare?: (folder: string, out: string) => void;
  /** Whether what a killed command left is the old or the new, and no mixture. */
  readonly isWhole?: (out: string, expected: string) => boolean;
}

const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
/** Whether the lock file names a process other than the one that was killed. */
const isHeldAnew = (lock: string, dead: number) =>
  existsSync(lock) && !readFileSync(lock, 'utf8').startsWith(`${dead} `) && statSync(lock).size > 0;
const model = (folder: string) =>
  ['model.safetensors', 'config.json', 'training.json', 'kmer_tokenizer.json'].map((name) =>
    hashOf(join(folder, name)),
  );

interface Stored {
  readonly key: string;
  readonly scores: object;
  readonly predictions: { readonly sha256: string };
}

function results(out: string): Record<string, unknown> {
  const folder = join(out, 'results');
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => /^[0-9a-f]+\.json$/.test(name));
  const stored = names.map((name) => json(join(folder, name)) as Stored);
  return Object.fromEntries(stored.map(({ key, scores, predictions }) => [key, { scores, predictions }]));
}

const MACHINE = ['--device', 'cpu', '--threads', '1'];
export const VICTIMS: Readonly<Record<string, Victim>> = {
  run: {
    words: [
      ...['run', '--task', 'task.ts', '--contender', 'baselines.ts#quick', 'baselines.ts#slow', 'kmer-bert-tiny'],
      ...['--seeds', '2', '--effort', '0.02', '--jobs', '2', '--cache-folder', 'OUT/cache', '--out', 'OUT', ...MACHINE],
    ],
    begun: (_, stderr) => / cells/.test(stderr),
    left: (out) => ({ results: results(out), cells: json(join(out, 'run.json')).cells }),
  },
  pretrain: {
    words: ['pretrain', '--config', 'tiny.json', '--sequences', 'reads.fa', '--out', 'OUT', ...MACHINE],
    begun: (out, _, dead) => isHeldAnew(`${out}.training.lock`, dead),
    left: model,
  },
  overwrite: {
    words: [
      ...['pretrain', '--config', 'tiny.json', '--sequences', 'reads.fa', '--seed', '7', '--overwrite'],
      ...['--out', 'OUT', ...MACHINE],
    ],
    begun: (out, _, dead) => isHeldAnew(`${out}.training.lock`, dead),
    left: model,
    prepare: (folder, out) => cpSync(join(folder, 'model'), join(folder, out), { recursive: true }),
    isWhole(out, expected) {
      const aside = join(dirname(out), `.${basename(out)}.previous`);
      const found = JSON.stringify(model(existsSync(out) ? out : aside));
      return found === expected || found === JSON.stringify(model(join(dirname(out), 'model')));
    },
  },
  embed: {
    words: ['embed', '--model', 'model', '--sequences', 'reads.fa', '--out', 'OUT.npy', ...MACHINE],
    begun: (out) => existsSync(`${out}.npy`),
    left: (out) => hashOf(`${out}.npy`),
  },
  ensemble: {
    words: [
      ...[
        'ensemble',
        '--config',
        'ensemble.json',
        '--corpus',
        'genome.fa',
        '--members',
        '2',
        '--out',
        'OUT',
        ...MACHINE,
      ],
    ],
    begun: (out, _, dead) => isHeldAnew(join(out, 'ensemble.lock'), dead),
    left: (out) => [
      hashOf(join(out, 'ensemble.json')),
      hashOf(join(out, 'blocks.u16')),
      ...['member-1', 'member-2'].map((name) => model(join(out, name))),
    ],
  },
};

export interface KillResult {
  readonly command: string;
  kills: number;
  /** Runs to the end, each after its kills, whose files differed from the undisturbed run's. */
  finished: number;
  different: number;
  /** Results that were stored before a kill and not after it. */
  lost: number;
  /** Kills after which a folder held a mixture of an old and a new model. */
  mixed: number;
  /** Temporary files, locks and training folders left when a command had finished. */
  leftOver: string[];
  /** From the start of a process after a kill until it works, seconds. */
  slowestStart: number;
}

async function inputs(folder: string): Promise<void> {
  const random = createRandom('genome');
  const fasta = (rows: readonly string[]) => rows.map((row, i) => `>s${i}\n${row}\n`).join('');
  const genome = Array.from({ length: 22 * 3072 }, () => 'AACGT'[random.integer(5)]).join('');
  const small = { tokens: 16, hidden: 8, layers: 1, heads: 1, feedForward: 16, batchSize: 512, learningRate: 0.01 };
  const files = {
    'task.ts': TASK(),
    'baselines.ts': BASELINES({ milliseconds: 200 }),
    'reads.fa': fasta([...new Set(repeats(400, 1, 60))].concat(repeats(200, 2, 61))),
    'genome.fa': `>one\n${genome}\n`,
    'tiny.json': JSON.stringify({ ...TINY, length: 64, epochs: 6 }),
    'ensemble.json': JSON.stringify({ preset: 'tiny-dna-kmer', k: 2, ...small, epochs: 2 }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

const begin = (folder: string, { words }: Victim, out: string): ChildProcess =>
  start(
    folder,
    words.map((word) => word.replace('OUT', out)),
    {},
    { detached: true },
  );

/**
 * Waits for the end; kills after `milliseconds`. -> whether it was killed, and the seconds until it
 * had begun to work.
 */
async function runOnce(
  folder: string,
  victim: Victim,
  out: string,
  dead: number,
  kill?: { readonly after: number; readonly group: boolean },
): Promise<{ pid: number; killed: boolean; begunAfter?: number; seconds: number }> {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1000;
  const child = begin(folder, victim, out);
  const pid = child.pid as number;
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let begunAfter: number | undefined;
  const watch = setInterval(() => {
    if (begunAfter === undefined && victim.begun(join(folder, out), stderr, dead)) begunAfter = seconds();
  }, 20);
  const timer = kill && setTimeout(() => process.kill(kill.group ? -pid : pid, 'SIGKILL'), kill.after);
  const { code, stderr: words } = await finished(child);
  clearInterval(watch);
  clearTimeout(timer);
  if (code !== 0 && code !== null) throw new Error(`${victim.words[0]} ended with ${code}: ${words}`);
  return { pid, killed: code === null, begunAfter, seconds: seconds() };
}

function leftOver(folder: string, out: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(out));
  return names.filter((name) => /\.tmp$|\.lock(\.|$)|\.training|\.previous/.test(name));
}

/** Kills a command `kills` times, over as many folders as it takes. */
export async function killOften(command: string, kills: number, random: Random): Promise<KillResult> {
  const victim = VICTIMS[command];
  const folder = await mkdtemp(join(tmpdir(), `kill-${command}-`));
  const sum: KillResult = {
    ...{ command, kills: 0, finished: 0, different: 0, lost: 0, mixed: 0, leftOver: [], slowestStart: 0 },
  };
  try {
    await inputs(folder);
    if (/embed|overwrite/.test(command)) await runOnce(folder, VICTIMS.pretrain, 'model', 0);
    victim.prepare?.(folder, 'whole');
    const { seconds } = await runOnce(folder, victim, 'whole', 0);
    const expected = JSON.stringify(victim.left(join(folder, 'whole')));
    for (let round = 0; sum.kills < kills; round++) {
      const out = `out${round}`;
      victim.prepare?.(folder, out);
      let [before, dead] = [{} as Record<string, unknown>, 0];
      for (let isDone = false; !isDone; ) {
        const share = random.next() < 0.5 ? random.next() : 0.75 + 0.3 * random.next();
        const kill = { after: share * seconds * 1000, group: random.next() < 0.75 };
        const ended = await runOnce(folder, victim, out, dead, sum.kills < kills ? kill : undefined);
        isDone = !ended.killed;
        if (dead > 0) sum.slowestStart = Math.max(sum.slowestStart, ended.begunAfter ?? 0);
        if (ended.killed) {
          [sum.kills, dead] = [sum.kills + 1, ended.pid];
          // The child of a main process that was killed alone ends within half a second.
          if (victim.isWhole && !kill.group) await new Promise((resolve) => setTimeout(resolve, 1500));
          if (victim.isWhole && !victim.isWhole(join(folder, out), expected)) sum.mixed += 1;
        }
        const after = command === 'run' ? results(join(folder, out)) : {};
        sum.lost += Object.keys(before).filter((key) => !(key in after)).length;
        before = after;
      }
      sum.finished += 1;
      if (JSON.stringify(victim.left(join(folder, out))) !== expected) sum.different += 1;
      sum.leftOver.push(...leftOver(folder, out));
      await rm(join(folder, out), { recursive: true, force: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return sum;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string', default: '0' },
      only: { type: 'string', multiple: true, default: Object.keys(VICTIMS) },
    },
  });
  const each = Math.ceil(Number(values.kills) / values.only.length);
  for (const command of values.only) console.log(await killOften(command, each, createRandom(`kill:${values.seed}`)));
}
