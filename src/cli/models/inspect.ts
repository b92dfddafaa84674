/**
 * `models inspect`: facts of a model and what it needs, from its files. For a checkpoint, weights
 * are read only to hash them, and everything that is missing is reported at once. Exports and
 * precomputed embeddings are opened, because only they know their sizes.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { sha256File } from '../../core/files.ts';
import { createRandom } from '../../core/random.ts';
import { bytesPerSequence, rowsPerBatch, tokenBudget } from '../../embeddings/batch-plan.ts';
import type { ConfiguredArchitecture, RawConfig } from '../../models/architectures/architecture.ts';
import { architectureOf } from '../../models/architectures/known-architectures.ts';
import { type Checkpoint, openCheckpoint } from '../../models/checkpoints/checkpoint.ts';
import { coverageShares, requireCoverage } from '../../models/coverage.ts';
import { TOKENS_PER_BATCH as EXPORT_TOKENS } from '../../models/exports/folder.ts';
import { declarations } from '../../models/frozen-model.ts';
import { readManifest } from '../../models/hub/hub-cache.ts';
import { hubIdOfFolder } from '../../models/hub/hub-id.ts';
import { type Licence, licenceOfFolder } from '../../models/hub/model-card.ts';
import type { Encoder } from '../../models/model.ts';
import { fitToCheckpoint, readJsonObject } from '../../models/model-folder.ts';
import { type ModelAtPath, modelAtPath } from '../../models/model-path.ts';
import { isPrecomputed } from '../../models/precomputed/precomputed.ts';
import { folderTokenizer, type ModelTokenizer } from '../../models/tokenizers/tokenizers.ts';
import { type Declared, findSource } from '../../models/weights.ts';
import type { Compute } from '../../runtime/training/network.ts';
import { measureFile, measureRandom, type TokenRate } from './tokens.ts';

type Progress = (fraction: number, message: string) => void;

export interface InspectRequest {
  /** Path of the model. */
  readonly model: string;
  /** The device, which decides how large batches are. */
  readonly device: Compute['device'];
  readonly threads: number;
  /** Measured besides random sequences. */
  readonly sequences?: string;
  /** Column of the sequence. */
  readonly column?: string;
}

export interface ModelFacts {
  readonly path: string;
  readonly id?: string;
  readonly description?: string;
  /** For models fetched from the hub. */
  readonly hub?: { readonly model: string; readonly commit: string; readonly endpoint?: string };
  readonly licence?: Licence;
  readonly architecture?: { readonly id: string; readonly title: string; readonly source: string };
  readonly config?: RawConfig;
  readonly sizes?: ModelSizes;
  readonly tokenizer?: {
    readonly description: string;
    readonly vocabularySize: number;
    readonly nucleotidesPerToken?: number;
    readonly maxNucleotides?: number;
  };
  readonly tokens: readonly TokenRate[];
  readonly memory?: MemoryEstimate;
  readonly checkpoint?: CheckpointFacts;
  /** Every file that determines the numbers. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[];
  /** Facts stated by an export or precomputed embeddings. */
  readonly card?: Readonly<Record<string, unknown>>;
  /** Disagreements between the files that were resolved. */
  readonly notices?: readonly string[];
  /** Why the model cannot be used as it is; empty when it can. */
  readonly missing: readonly string[];
}

export interface ModelSizes {
  readonly label?: string;
  /** Trained numbers that the graph uses: of the body, and of the head when there is one. */
  readonly parameters?: { readonly body: number; readonly head?: number };
  readonly layers: number;
  readonly dimension: number;
  readonly heads?: number;
  readonly vocabularySize?: number;
  readonly maxTokens?: number;
  readonly reads?: 'masked' | 'causal';
}

/** Bytes. */
export interface MemoryEstimate {
  /** As float32. */
  readonly weights?: number;
  readonly batch: {
    readonly tokens: number;
    readonly sequences: number;
    readonly bytes: number;
    readonly perSequence: number;
  };
}

export interface CheckpointFacts {
  readonly format: string;
  readonly tensors: number;
  /** How many tensors of each type. */
  readonly types: Readonly<Record<string, number>>;
  /** `none`: the architecture has no head here. */
  readonly head: 'present' | 'absent' | 'none';
  /** Tensors that no parameter uses, such as heads of other tasks. */
  readonly unused: readonly string[];
}

/** Opens the model as an encoder and closes it again. */
type WithEncoder = <T>(use: (encoder: Encoder, id: string) => Promise<T>) => Promise<T>;

export async function inspectModel(
  request: InspectRequest,
  progress: Progress,
  withEncoder: WithEncoder,
): Promise<ModelFacts> {
  const path = request.model;
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const missing: string[] = [];
  const unknown: string[] = [];
  const model = await attempt(unknown, () => modelAtPath(path));
  const isOpaque = model !== undefined && (model.path.endsWith('.onnx') || isPrecomputed(model.path));
  const details = isOpaque
    ? await encoderFacts(request, missing, withEncoder)
    : await checkpointFacts(request, folder, missing, model);
  const id = hubIdOfFolder(folder);
  const manifest = id && (await readManifest(folder));
  const stated = manifest?.licence ? { licence: manifest.licence, from: 'the hub' } : undefined;
  return {
    path,
    id: model?.id,
    description: model?.description,
    ...(id ? { hub: { model: id.id, commit: id.revision, endpoint: manifest?.endpoint } } : {}),
    licence: (await licenceOfFolder(folder)) ?? stated,
    ...details,
    files: await hashed(folder, model?.files ?? filesIn(folder), progress),
    missing: missing.length > 0 ? missing : unknown,
  };
}

async function attempt<T>(missing: string[], step: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    missing.push((error as Error).message);
    return undefined;
  }
}

type Details = Pick<ModelFacts, 'tokens'> & Partial<ModelFacts>;

async function encoderFacts(request: InspectRequest, missing: string[], withEncoder: WithEncoder): Promise<Details> {
  const found = await attempt(missing, () =>
    withEncoder(async (encoder): Promise<Details> => {
      const { layers, dimension, card, limits } = encoder;
      const maxTokens = limits?.maxTokens;
      const count = encoder.pooledTokens?.bind(encoder);
      const tokens = count ? await measured(count, request) : [];
      if (dimension === 0) return { card, tokens }; // logits only
      return {
        card,
        sizes: { layers, dimension },
        tokens,
        memory: { batch: batchEstimate(dimension, EXPORT_TOKENS, maxTokens) },
      };
    }),
  );
  return found ?? { tokens: [] };
}

async function checkpointFacts(
  request: InspectRequest,
  folder: string,
  missing: string[],
  model: ModelAtPath | undefined,
): Promise<Details> {
  const where = join(folder, 'config.json');
  const config = await attempt(missing, () => readJsonObject(where));
  const architecture = config && (await attempt(missing, () => architectureOf(config, where)));
  const configured = config && (await attempt(missing, () => architecture?.configure(config, where)));
  const positions = configured?.maxTokens ?? Number.POSITIVE_INFINITY;
  const tokenizer = await attempt(missing, () => folderTokenizer(folder, positions));
  const checkpoint = await attempt(missing, () => openCheckpoint(model?.path ?? request.model));
  const stated = config && architecture && configured && { config, architecture, configured, where };
  const unfit: string[] = [];
  const fitted = stated && checkpoint && (await attempt(unfit, () => fitToCheckpoint(stated, checkpoint)));
  const used = fitted?.described.configured ?? configured;
  // A graph with more layers than tensors may take minutes to build.
  const isPlausible = configured && (!checkpoint || configured.layers <= checkpoint.names().length);
  const declared = fitted?.declared ?? (isPlausible ? declarations(configured) : undefined);
  const before = missing.length;
  const facts = checkpoint && checkpointOf(fitted?.checkpoint ?? checkpoint, used, declared, missing);
  // Missing tensors are listed one by one when their names are otherwise right.
  if (missing.length === before || unfit.some((message) => message.includes('behind'))) missing.push(...unfit);
  return {
    config,
    architecture: architecture && { id: architecture.id, title: architecture.title, source: architecture.source },
    sizes: configured && declared && { ...sizesOf(configured), parameters: parametersOf(declared) },
    tokenizer: tokenizer && tokenizerFacts(tokenizer),
    tokens: tokenizer ? await measuredAndCovered(tokenizer, request, missing) : [],
    memory: configured && declared && memoryOf(configured, parametersOf(declared), tokenBudget(request)),
    checkpoint: facts,
    notices: fitted?.notices ?? [],
  };
}

async function measured(count: (sequence: string) => number, { sequences, column }: InspectRequest) {
  const random = measureRandom(count);
  return sequences === undefined ? [random] : [random, await measureFile(sequences, column, count)];
}

/**
 * Token rates. A tokenizer that knows few of the random sequences is a reason why the model cannot
 * be used.
 */
async function measuredAndCovered(tokenizer: ModelTokenizer, request: InspectRequest, missing: string[]) {
  const { coverage, unknown } = tokenizer;
  if (coverage) {
    const random = createRandom('inspect:coverage');
    const rows = Array.from({ length: 64 }, () => Array.from({ length: 32 }, () => 'ACGT'[random.integer(4)]).join(''));
    const shares = coverageShares(rows, coverage);
    // Random sequences need no place on a reference: they are not of its gene.
    await attempt(missing, () => requireCoverage('random sequences', { ...shares, unplaced: undefined }, unknown));
  }
  return measured((sequence) => tokenizer.tokens(sequence), request);
}

const sizesOf = ({ label, layers, dimension, heads, vocabularySize, maxTokens, reads }: ConfiguredArchitecture) => ({
  ...{ label, layers, dimension, heads, vocabularySize, maxTokens, reads },
});

const volume = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
const total = (declared: readonly Declared[]) => declared.reduce((sum, { shape }) => sum + volume(shape), 0);

function parametersOf({ body, head }: ReturnType<typeof declarations>) {
  return { body: total(body), ...(head ? { head: total(head) } : {}) };
}

function tokenizerFacts({
  description,
  vocabularySize,
  nucleotidesPerToken,
  maxNucleotides = Infinity,
}: ModelTokenizer) {
  const limit = Number.isFinite(maxNucleotides) ? maxNucleotides : undefined;
  return { description, vocabularySize, nucleotidesPerToken, maxNucleotides: limit };
}

/** Tokens of a long sequence, for the size of batches; fewer when the model reads fewer. */
const LONG_SEQUENCE = 512;

function memoryOf(
  { dimension, maxTokens }: ConfiguredArchitecture,
  parameters: { body: number; head?: number },
  budget: number,
): MemoryEstimate {
  const weights = 4 * (parameters.body + (parameters.head ?? 0));
  return { weights, batch: batchEstimate(dimension, budget, maxTokens) };
}

/** Of the largest batch of such sequences when memory is no limit. `budget`: tokens of a batch. */
function batchEstimate(dimension: number, budget: number, maxTokens = LONG_SEQUENCE): MemoryEstimate['batch'] {
  const tokens = Math.min(LONG_SEQUENCE, maxTokens);
  const perSequence = bytesPerSequence(dimension, 1, tokens);
  const sequences = rowsPerBatch(dimension, 1, tokens, Number.POSITIVE_INFINITY, budget);
  return { tokens, sequences, bytes: sequences * perSequence, perSequence };
}

function checkpointOf(
  checkpoint: Checkpoint,
  configured: ConfiguredArchitecture | undefined,
  declared: ReturnType<typeof declarations> | undefined,
  missing: string[],
): CheckpointFacts {
  const names = checkpoint.names();
  const types: Record<string, number> = {};
  for (const name of names) types[checkpoint.entry(name).dtype] = (types[checkpoint.entry(name).dtype] ?? 0) + 1;
  const facts = { format: checkpoint.format, tensors: names.length, types };
  if (!configured || !declared) return { ...facts, head: 'none', unused: [] };
  const sourceOf = ({ name }: Declared) => findSource(name, configured, checkpoint.has);
  const hasHead = declared.head?.every((entry) => sourceOf(entry)) ?? false;
  const wanted = hasHead ? [...declared.body, ...(declared.head ?? [])] : declared.body;
  for (const entry of wanted) missing.push(...shortcomings(entry, sourceOf(entry), checkpoint));
  const used = new Set([...declared.body, ...(declared.head ?? [])].map((entry) => sourceOf(entry)?.name));
  const head = declared.head === undefined ? 'none' : hasHead ? 'present' : 'absent';
  return { ...facts, head, unused: names.filter((name) => !used.has(name)) };
}

/** The fault of the tensor that a parameter is taken from. */
function shortcomings(
  { name, shape }: Declared,
  source: ReturnType<typeof findSource>,
  { entry, files: [file] }: Checkpoint,
): string[] {
  if (!source) return [`${file}: tensor '${name}' is missing`];
  const stored = entry(source.name).shape;
  const rows = source.rows;
  const fits = rows ? stored.some((length) => length >= rows.to) : volume(stored) === volume(shape);
  return fits ? [] : [`${file}: '${source.name}' is [${stored.join(', ')}], config.json needs [${shape.join(', ')}]`];
}

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(folder, name));
}

async function hashed(folder: string, files: readonly string[], progress: Progress): Promise<ModelFacts['files']> {
  const facts: { path: string; bytes: number; sha256: string }[] = [];
  const sizes = files.map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  for (const [i, file] of files.entries()) {
    progress(all > 0 ? done / all : 0, `sha256 of ${relative(folder, file)}`);
    if (existsSync(file)) facts.push({ path: relative(folder, file), bytes: sizes[i], sha256: await sha256File(file) });
    done += sizes[i];
  }
  return facts;
}
