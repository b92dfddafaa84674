/**
 * Fake run folders with known differences. Predictions are the truth plus noise: `skill` is the distance between the classes in
 * units of noise, half of which is shared by all contenders of a task (as real contenders find the same rows hard), so that
 * equal skill means no true difference and skill 2 against 1 means a large one.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Predictions, Targets, TaskKind } from '../../src/core/matrix.ts';
import type { Origin, RunSettings } from '../../src/harness/cells/identity.ts';
import {
  RESULT_SCHEMA,
  type Result,
  RUN_MANIFEST_SCHEMA,
  type RunManifest,
  TASK_RECORD_SCHEMA,
  type TaskRecord,
} from '../../src/harness/store/result.ts';
import type { MetricName } from '../../src/metrics/metric.ts';
import { METRICS, metricsFor } from '../../src/metrics/metric-table.ts';
import { encodeNpy } from '../../src/runtime/arrays/npy.ts';

export interface FakeContender {
  readonly id: string;
  readonly kind: 'baseline' | 'model' | 'control';
  readonly family?: 'one-hot' | 'composition' | 'chance';
  readonly skill: number;
  /** Default: the skill, as validation data would show it. */
  readonly validation?: number;
  readonly probe?: string;
  readonly title?: string;
  readonly description?: string;
  readonly citation?: string;
  readonly options?: Record<string, unknown>;
  readonly card?: Record<string, unknown>;
  readonly details?: Record<string, unknown>;
  /** By seed. */
  readonly diagnostics?: readonly NonNullable<Result['diagnostics']>[];
  /** Seeds beyond these are planned but not run. */
  readonly ranSeeds?: number;
  readonly failure?: string;
  /** Seeds, instead of the run's number. */
  readonly seeds?: number;
  /** What the manifest states of files, options and settings; absent, as in manifests of older versions. */
  readonly origin?: Partial<Omit<Origin, 'settings'>> & { readonly settings?: Partial<RunSettings> };
}

const SETTINGS: RunSettings = { device: 'cpu', precision: 'float32', threads: 1, effort: 1 };
const ORIGIN = { options: 'o', code: 'c', source: 's' };

export interface FakeTask {
  readonly id: string;
  readonly title?: string;
  readonly description?: string;
  readonly kind?: TaskKind;
  readonly metric?: MetricName;
  readonly rows?: number;
  readonly outputs?: number;
  /** Every true answer is 0. */
  readonly oneAnswer?: boolean;
  readonly contenders: readonly FakeContender[];
  readonly audit?: Record<string, unknown>;
  readonly quality?: TaskRecord['quality'];
  readonly notes?: string[];
  readonly harmonicWith?: string;
  readonly alphabetChanges?: Record<string, number>;
  readonly citation?: string;
  readonly url?: string;
}

export interface FakeRun {
  readonly title?: string;
  readonly seeds?: number;
  readonly tasks: readonly FakeTask[];
}

/** Writes the folder and returns its manifest. Equal arguments give equal bytes. */
export async function fakeRun(dir: string, { title = 'A fake run', seeds = 2, tasks }: FakeRun): Promise<RunManifest> {
  for (const folder of ['predictions', 'tasks', 'targets'])
    await mkdir(join(dir, 'results', folder), { recursive: true });
  const cells: RunManifest['cells'] = [];
  for (const task of tasks) cells.push(...(await fakeTask(dir, task, seeds)));
  const manifest: RunManifest = { schema: RUN_MANIFEST_SCHEMA, title, command: 'bench run --suite fake', cells };
  await writeFile(join(dir, 'run.json'), JSON.stringify(manifest));
  return manifest;
}

async function fakeTask(dir: string, task: FakeTask, seeds: number): Promise<RunManifest['cells']> {
  const { id, kind = 'binary', rows = 400, outputs = 2 } = task;
  const metric = task.metric ?? (kind === 'regression' ? 'pearson' : 'mcc');
  const hash = sha(`task ${id} ${rows}`);
  const noise = gaussian(hash);
  const columns = kind === 'regression' || kind === 'multilabel' ? outputs : 1;
  const targets: Targets = {
    rows,
    columns,
    values: Float64Array.from({ length: rows * columns }, (_, i) =>
      task.oneAnswer
        ? 0
        : kind === 'regression'
          ? noise()
          : kind === 'multilabel'
            ? Number(noise() > 0)
            : Math.floor(i % outputs),
    ),
  };
  const shared = Float64Array.from({ length: rows * outputs }, noise);
  const targetBytes = encodeNpy(targets);
  await writeFile(join(dir, 'results', 'targets', `${hash}.npy`), targetBytes);
  const classes = kind === 'regression' ? [] : Array.from({ length: outputs }, (_, i) => `class ${i}`);
  const sizes = { train: rows * 8, valid: rows, test: rows };
  const record: TaskRecord = {
    schema: TASK_RECORD_SCHEMA,
    id,
    title: task.title ?? `Task ${id}`,
    ...(task.description ? { description: task.description } : {}),
    kind,
    metric,
    hash,
    classes,
    citation: task.citation ?? 'Nobody (2020) Nowhere 1:1',
    licence: 'CC-BY-4.0',
    ...(task.url ? { url: task.url } : {}),
    sizes,
    split: 'given; valid cut from train, stratified 10%, seed 0',
    ...(task.notes ? { notes: task.notes } : {}),
    ...(task.harmonicWith ? { harmonicWith: task.harmonicWith } : {}),
    alphabetChanges: task.alphabetChanges ?? {},
    audit: task.audit ?? {},
    ...(task.quality ? { quality: task.quality } : {}),
    targets: { file: `targets/${hash}.npy`, sha256: sha(targetBytes), rows, columns },
  };
  await writeFile(join(dir, 'results', 'tasks', `${hash}.json`), JSON.stringify(record));
  const cells: RunManifest['cells'] = [];
  for (const contender of task.contenders) {
    const probe = contender.probe ?? (contender.kind === 'baseline' ? 'none' : 'logistic');
    const settings = { ...SETTINGS, ...contender.origin?.settings };
    const origin = contender.origin && { ...ORIGIN, ...contender.origin, settings };
    for (let seed = 0; seed < (contender.seeds ?? seeds); seed++) {
      const key = sha(JSON.stringify([hash, contender.id, probe, seed, ...(origin ? [origin] : [])]));
      const names = { key, task: id, taskHash: hash, contender: contender.id, probe, seed };
      cells.push({ ...names, ...(origin ? { origin } : {}) });
      if (seed >= (contender.ranSeeds ?? contender.seeds ?? seeds)) continue;
      const predictions = predict(kind, targets, shared, outputs, contender.skill, gaussian(key));
      const bytes = encodeNpy({ ...predictions, values: predictions.values as Float64Array });
      if (!contender.failure) await writeFile(join(dir, 'results', 'predictions', `${key}.npy`), bytes);
      const result: Result = {
        schema: RESULT_SCHEMA,
        key,
        status: contender.failure ? 'failed' : 'done',
        ...(contender.failure ? { error: { message: contender.failure } } : {}),
        task: {
          ...{
            id,
            title: record.title,
            kind,
            metric,
            hash,
            classes,
            citation: record.citation,
            licence: record.licence,
          },
          ...{ trainSize: sizes.train, validSize: sizes.valid, testSize: rows },
        },
        contender: {
          id: contender.id,
          title: contender.title ?? contender.id,
          kind: contender.kind,
          ...(contender.family ? { family: contender.family } : {}),
          ...(contender.description ? { description: contender.description } : {}),
          citation: contender.citation ?? 'Somebody (2021) Somewhere 2:2',
          licence: 'MIT',
          version: '1',
          options: contender.options ?? { width: 64 },
          ...(contender.kind === 'baseline' ? {} : { fingerprint: sha(contender.id), card: contender.card ?? {} }),
        },
        probe,
        seed,
        scores: contender.failure ? {} : scoresOf(kind, targets, predictions),
        validationScore: contender.failure ? null : (contender.validation ?? contender.skill),
        ...(contender.failure
          ? {}
          : {
              predictions: { file: `predictions/${key}.npy`, sha256: sha(bytes), rows, columns: predictions.columns },
            }),
        ...(contender.diagnostics ? { diagnostics: contender.diagnostics[seed] } : {}),
        details: contender.details ?? {},
        environment: {
          ...{ ...settings, node: 'v20.19.0', platform: 'linux-x64' },
          ...{ packages: { 'onnxruntime-node': '1.30.0' }, codeHash: sha('code') },
        },
        timings: { seconds: 2.5, startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:02.500Z' },
      };
      await writeFile(join(dir, 'results', `${key}.json`), JSON.stringify(result));
    }
  }
  return cells;
}

function predict(
  kind: TaskKind,
  targets: Targets,
  shared: Float64Array,
  outputs: number,
  skill: number,
  own: () => number,
): Predictions {
  const { rows } = targets;
  const values = new Float64Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    const logits = Array.from({ length: outputs }, (_, c) => {
      const noise = Math.SQRT1_2 * (shared[row * outputs + c] + own());
      if (kind === 'regression') return skill * targets.values[row * outputs + c] + noise;
      if (kind === 'multilabel') return skill * (2 * targets.values[row * outputs + c] - 1) + noise;
      return skill * Number(targets.values[row] === c) + noise;
    });
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    logits.forEach((logit, c) => {
      values[row * outputs + c] =
        kind === 'regression' ? logit : kind === 'multilabel' ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / total;
    });
  }
  return { rows, columns: outputs, values };
}

function scoresOf(kind: TaskKind, targets: Targets, predictions: Predictions): Result['scores'] {
  return Object.fromEntries(
    metricsFor(kind).map(({ name }) => {
      const score = METRICS[name].prepare(targets, predictions)();
      return [name, Number.isFinite(score) ? score : null];
    }),
  );
}

function sha(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Standard normal numbers (Box-Muller on mulberry32), seeded by a hexadecimal hash. */
function gaussian(hash: string): () => number {
  let state = Number.parseInt(hash.slice(0, 8), 16);
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
