/**
 * One cell: a contender is fitted on a task's training rows, everything that must be chosen is chosen on its validation rows,
 * and only then are the test rows looked at, once. For a baseline that is `fit` and `predict`; for a model, the probe is
 * fitted on every representation (layer, pooling) offered and the one with the best validation score predicts, or the probe trains
 * the model itself. Predictions are checked before anything is scored (`scoring.ts`).
 */

import { join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { sha256Lines } from '../../core/files.ts';
import type { Matrix, Predictions } from '../../core/matrix.ts';
import type { Measures, Unmeasured } from '../../diagnostics/model-diagnostics.ts';
import { windowRemedy } from '../../embeddings/limits.ts';
import { coverageNotices, coverageShares, requireCoverage } from '../../models/coverage.ts';
import type { Encoder, ModelContext, ModelDefinition, Representation } from '../../models/model.ts';
import type { ModelProbe, Probe } from '../../probes/probe.ts';
import type { Device } from '../../runtime/device.ts';
import { UnusableSequence } from '../../sequences/sequence-error.ts';
import type { BaselineDefinition, PreparedTask, SplitData } from '../contracts.ts';
import { storedMeasures } from './model-diagnostics.ts';
import { scoreTest, type TestScores, validationScorer } from './scoring.ts';

export interface CellSettings {
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  readonly effort: number;
  readonly cacheFolder: string;
  /** Key of code and machine: see `computationOf`. */
  readonly codeHash: string;
  readonly progress: (fraction: number, message: string) => void;
}

/** What running a cell yields; plain data. */
export interface CellOutcome extends TestScores {
  readonly validationScore: number;
  readonly details: Readonly<Record<string, unknown>>;
  readonly fingerprint?: string;
  readonly card?: Readonly<Record<string, unknown>>;
  readonly diagnostics?: Measures | Unmeasured;
}

/** Fits a baseline and predicts the test rows. */
export async function runBaseline(
  task: PreparedTask,
  baseline: BaselineDefinition,
  settings: CellSettings,
): Promise<CellOutcome> {
  const { definition, classes, outputs, splits } = task;
  const fitted = await baseline.fit(
    { definition, classes, outputs, train: splits.train, valid: splits.valid },
    { ...settings, validationScore: validationScorer(task), progress: part(settings, 0, 0.95) },
  );
  if (typeof (fitted as Partial<typeof fitted> | undefined)?.predict !== 'function') {
    throw new Error(`fit of baseline ${baseline.id} must return { predict, validationScore, details }`);
  }
  try {
    settings.progress(0.95, 'predict');
    const test = scoreTest(task, await fitted.predict(splits.test.sequences));
    return {
      ...test,
      validationScore: finite(fitted.validationScore, 'validation score'),
      details: plainJson(fitted.details),
    };
  } finally {
    await fitted.dispose?.();
  }
}

/** Frozen features of every split, one matrix per representation. */
export interface EmbeddedTask {
  readonly representations: readonly Representation[];
  readonly features: Readonly<Record<'train' | 'valid' | 'test', readonly Matrix[]>>;
  readonly fingerprint: string;
  readonly card: Readonly<Record<string, unknown>>;
  /** Of models that stand with the baselines: none. */
  readonly diagnostics?: Measures | Unmeasured;
}

/** Names file and line of a sequence that a model cannot use; other errors are passed on. */
export function placed(error: unknown, { ids, places }: SplitData): unknown {
  if (!(error instanceof UnusableSequence) || ids[error.row] === undefined || error.rows !== ids.length) return error;
  const id = `row "${ids[error.row]}"`;
  const place = places?.[error.row];
  return new UsageError(error.at(place === undefined || place === id ? id : `${place} (${id})`));
}

/** Loads a model (pre-training it if that is what it does) and embeds the task's splits. Validation and test rows never train it. */
export async function embedTask(
  task: PreparedTask,
  model: ModelDefinition,
  settings: CellSettings,
): Promise<EmbeddedTask> {
  const { train, valid, test } = task.splits;
  const { encoderOf } = await import('../../embeddings/extract.ts');
  const { storedEmbeddings } = await import('../../embeddings/store.ts');
  const { device, threads, cacheFolder, codeHash } = settings;
  const encoder = encoderOf(await loadModel(task, model, settings, true), { device: device as Device, threads });
  try {
    const representations =
      model.representations?.(encoder) ??
      Array.from({ length: encoder.layers + 1 }, (_, layer): Representation => ({ layer, pooling: 'mean' }));
    if (representations.length === 0) throw new Error(`model ${model.id} offers no representation`);
    const total = train.sequences.length + valid.sequences.length + test.sequences.length;
    let done = 0;
    const features: Record<string, readonly Matrix[]> = {};
    for (const [name, split] of Object.entries({ train, valid, test })) {
      const { sequences } = split;
      const [low, high] = [done, done + sequences.length].map((count) => 0.5 + (0.18 * count) / total);
      const store = join(cacheFolder, 'embeddings');
      const progress = part(settings, low, high);
      const matrices = await storedEmbeddings(
        store,
        { device, computation: codeHash },
        encoder,
        sequences,
        representations,
        progress,
      ).catch((error: unknown) => {
        throw placed(error, split);
      });
      checkFeatures(matrices, sequences.length, representations, name);
      features[name] = matrices;
      done += sequences.length;
    }
    const { fingerprint } = encoder;
    const card = withCoverage(encoder, test.sequences, model.id);
    const diagnostics = model.family
      ? undefined
      : await storedMeasures(encoder, test.sequences, { ...settings, progress: part(settings, 0.68, 0.7) });
    return { representations, features: features as EmbeddedTask['features'], fingerprint, card, diagnostics };
  } finally {
    await encoder.dispose();
  }
}

/** The model's card with the shares of unknown tokens and of sequences without a place. @throws above their bounds. */
function withCoverage(encoder: Encoder, sequences: readonly string[], id: string): Encoder['card'] {
  const { card, coverage, unknown } = encoder;
  if (coverage === undefined) return card;
  const shares = coverageShares(sequences, coverage);
  requireCoverage(id, shares, unknown);
  const notices = [...(encoder.notices ?? []), ...coverageNotices(id, shares)];
  return {
    ...card,
    unknownTokens: shares.unknown,
    ...(shares.unplaced === undefined ? {} : { unplacedSequences: shares.unplaced }),
    ...(notices.length > 0 ? { notices } : {}),
  };
}

/** The model itself, pre-trained if that is what loading does: half of a cell's progress. */
function loadModel(
  task: PreparedTask,
  model: ModelDefinition,
  settings: CellSettings,
  mapWeights = false,
): ReturnType<ModelDefinition['load']> {
  refuseLong(task, model);
  const { train, valid, test } = task.splits;
  return model.load({
    ...settings,
    mapWeights,
    unlabelled: train.sequences,
    unlabelledHash: sha256Lines(train.sequences),
    supervised: supervisedRows(train),
    longestSequence: [train, valid, test].reduce(
      (most, { sequences }) => sequences.reduce((longest, { length }) => Math.max(longest, length), most),
      0,
    ),
    progress: part(settings, 0, 0.5),
  });
}

/** Training rows with something to learn from: see `ModelContext.supervised`. */
function supervisedRows({ sequences, groups }: SplitData): NonNullable<ModelContext['supervised']> {
  const rows = groups.flatMap((group, i) => (group === '' ? [] : [i]));
  const labelled = { sequences: rows.map((i) => sequences[i]), labels: rows.map((i) => groups[i]) };
  return { ...labelled, hash: sha256Lines([...labelled.sequences, '', ...labelled.labels]) };
}

function refuseLong(task: PreparedTask, model: ModelDefinition): void {
  if (model.maxLength === undefined) return;
  for (const { ids, sequences } of Object.values(task.splits)) {
    const long = sequences.findIndex((sequence) => sequence.length > model.maxLength!);
    if (long >= 0) {
      const limit = `model ${model.id} reads at most ${model.maxLength}`;
      const remedy = windowRemedy({ maxNucleotides: model.maxLength });
      throw new Error(`row "${ids[long]}" has ${sequences[long].length} nucleotides; ${limit}${remedy}`);
    }
  }
}

function checkFeatures(
  matrices: readonly Matrix[],
  rows: number,
  representations: readonly Representation[],
  split: string,
): void {
  if (matrices.length !== representations.length) {
    throw new Error(`${representations.length} representations were asked for, ${matrices.length} came back`);
  }
  for (const [i, { rows: got, columns, values }] of matrices.entries()) {
    const { layer, pooling } = representations[i];
    const name = `${split} embeddings of layer ${layer}, ${pooling}`;
    if (got !== rows || values.length !== rows * columns) throw new Error(`${name}: ${got} rows for ${rows} sequences`);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new Error(`${name}: ${values[bad]} in row ${Math.floor(bad / columns)}, column ${bad % columns}`);
  }
}

/** Fits a probe on each representation, lets the best on validation rows predict the test rows. */
export async function runProbe(
  task: PreparedTask,
  embedded: EmbeddedTask,
  probe: Probe,
  settings: CellSettings,
): Promise<CellOutcome> {
  const { representations, features, fingerprint, card, diagnostics } = embedded;
  const { train, valid } = task.splits;
  const choices: { layer: number; pooling: string; validationScore: number }[] = [];
  let best: { index: number; predictions: Predictions; validationScore: number; details: object } | undefined;
  const offered = probe.layers === 'last' ? [lastLayer(representations)] : [...representations.keys()];
  for (const [place, i] of offered.entries()) {
    const representation = representations[i];
    const [low, high] = [place, place + 1].map((count) => 0.7 + (0.3 * count) / offered.length);
    const fitted = await probe.fit(
      { features: features.train[i], targets: train.targets },
      { features: features.valid[i], targets: valid.targets },
      {
        ...settings,
        kind: task.definition.kind,
        outputs: task.outputs,
        validationScore: validationScorer(task),
        progress: part(settings, low, high),
      },
    );
    try {
      const validationScore = finite(fitted.validationScore, `validation score of layer ${representation.layer}`);
      choices.push({ ...representation, validationScore });
      // Ties go to the earlier, that is the shallower, representation. Test rows are predicted, not scored, until all are fitted.
      if (!best || validationScore > best.validationScore) {
        const predictions = await fitted.predict(features.test[i]);
        best = { index: i, predictions, validationScore, details: fitted.details };
      }
    } finally {
      await fitted.dispose?.();
    }
  }
  const { index, predictions, validationScore, details } = best!;
  return {
    ...scoreTest(task, predictions),
    validationScore,
    details: { representation: representations[index], representations: choices, probe: details },
    fingerprint,
    card,
    diagnostics,
  };
}

/** Loads a model and lets the probe train it; the tuned model predicts the test rows. */
export async function runModelProbe(
  task: PreparedTask,
  model: ModelDefinition,
  probe: ModelProbe,
  settings: CellSettings,
): Promise<CellOutcome> {
  const { train, valid, test } = task.splits;
  const loaded = await loadModel(task, model, settings);
  if ('embed' in loaded) {
    await loaded.dispose();
    throw new Error(
      `model ${model.id} is an encoder that gives vectors only, so the probe ${probe.id} can't train it: use a probe on frozen features`,
    );
  }
  const tuned = await probe
    .tune(loaded, train, valid, {
      ...settings,
      kind: task.definition.kind,
      outputs: task.outputs,
      validationScore: validationScorer(task),
      progress: part(settings, 0.5, 0.95),
    })
    .catch((error: unknown) => {
      // Which of the two is known by its size only.
      const isSure = train.ids.length !== valid.ids.length;
      throw isSure ? placed(placed(error, train), valid) : error;
    });
  try {
    settings.progress(0.95, 'predict');
    return {
      ...scoreTest(
        task,
        await tuned.predict(test.sequences).catch((error: unknown) => {
          throw placed(error, test);
        }),
      ),
      validationScore: finite(tuned.validationScore, 'validation score'),
      details: { frozen: false, ...plainJson(tuned.details) },
      fingerprint: loaded.fingerprint,
      card: loaded.card,
    };
  } finally {
    await tuned.dispose?.();
  }
}

/** Where the deepest layer stands, its mean over tokens where that is offered. */
function lastLayer(representations: readonly Representation[]): number {
  const depth = Math.max(...representations.map(({ layer }) => layer));
  const mean = representations.findIndex(({ layer, pooling }) => layer === depth && pooling === 'mean');
  return mean >= 0 ? mean : representations.findIndex(({ layer }) => layer === depth);
}

/** Details as they will be stored. Throws for what JSON cannot hold, so that the cell fails and not the run. */
function plainJson(details: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(JSON.stringify(details ?? {})) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`the details are not plain JSON: ${(error as Error).message}`);
  }
}

function finite(value: number, what: string): number {
  if (!Number.isFinite(value)) throw new Error(`the ${what} is ${value}; it must be finite`);
  return value;
}

/** A share of the cell's progress. */
function part({ progress }: CellSettings, low: number, high: number): CellSettings['progress'] {
  return (fraction, message) => progress(low + (high - low) * Math.min(1, Math.max(0, fraction)), message);
}
