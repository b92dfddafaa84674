/**
 * Trains matched ensembles: models of one architecture on one corpus in one order under the same
 * masks, which differ only in the seed of their initial weights and of their dropout, as in
 * Rochkoulets, Vrcek & Sikic 2026 (arXiv 2604.04287), where masks may differ too. A folder holds
 * the tokenizer, the blocks, the held-out chunks, a folder in Hugging Face's layout for every
 * member, and `ensemble.json`. Each step writes its whole result or nothing, so that an interrupted
 * call continues: finished members stay, and the unfinished one continues from its checkpoint. The
 * diagnosis is in `diagnosis.ts`.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { hashJson, sha256File, writeFileAtomic } from '../core/files.ts';
import { removeAbandoned } from '../core/temporary.ts';
import { type PretrainReport, pretrain } from '../pretraining/pretrain.ts';
import type { Compute } from '../runtime/training/network.ts';
import { type BlockCounts, blockReading, blockRows } from './blocks.ts';
import { checkEnsembleConfig, type EnsembleConfig, pretrainConfigOf } from './config.ts';
import { type EnsembleControl, type EnsembleCorpus, ensembleTokenizer, writeEnsembleCorpus } from './corpus.ts';

export interface EnsembleOptions {
  readonly config: EnsembleConfig;
  /** FASTA for DNA, text for text and for a control made of text; gzip or not. */
  readonly files: readonly string[];
  readonly out: string;
  /** Seed of the choice of the best epoch's held-out rows, of the order and of the masks. */
  readonly dataSeed: number;
  readonly control?: EnsembleControl;
  readonly progress?: (fraction: number, message: string) => void;
}

export interface EnsembleMember {
  readonly folder: string;
  readonly seed: number;
  /** sha256 of its weights. */
  readonly weights: string;
  readonly parameters: number;
  readonly steps: number;
  /** Nats per masked token of held-out blocks, and of a uniform prediction. */
  readonly validLoss: number;
  readonly uniformLoss: number;
  readonly validAccuracy: number;
}

/** `ensemble.json`. */
export interface EnsembleManifest {
  readonly format: 'glm-bench/ensemble@1';
  readonly config: EnsembleConfig;
  readonly control: string;
  readonly dataSeed: number;
  readonly corpus: EnsembleCorpus;
  /** Hash of all blocks in order, the same for every member. */
  readonly corpusHash: string;
  readonly members: readonly EnsembleMember[];
}

const PREPARED = 'corpus.json';
const BLOCKS = 'blocks.u16';

interface Prepared {
  readonly key: string;
  readonly corpus: EnsembleCorpus;
}

export const memberFolder = (out: string, seed: number): string => join(out, `member-${seed}`);

/**
 * Makes tokenizer, blocks and held-out chunks, or finds them made.
 * @throws when the folder holds those of other files or another configuration.
 */
export async function prepareEnsemble(options: EnsembleOptions): Promise<EnsembleCorpus> {
  const { config, files, out, control, progress } = options;
  checkEnsembleConfig(config);
  const { language, tokenizer, vocabulary, k, tokens } = config;
  await removeAbandoned(out, 1);
  const hashes = await Promise.all(files.map(sha256File));
  const key = hashJson({ language, tokenizer, vocabulary, k, tokens, hashes, control: control?.key });
  const path = join(out, PREPARED);
  if (existsSync(path)) {
    const made = JSON.parse(await readFile(path, 'utf8')) as Prepared;
    if (made.key !== key)
      throw new UsageError(
        `${out} holds an ensemble of another corpus or configuration; use another folder, or delete it`,
      );
    if (existsSync(join(out, BLOCKS))) return made.corpus;
  }
  const sources = files.map((file, i) => ({ path: file, sha256: hashes[i] }));
  const corpus = await writeEnsembleCorpus({ config, sources, out, blocks: join(out, BLOCKS), control, progress });
  await writeFileAtomic(path, `${JSON.stringify({ key, corpus } satisfies Prepared, null, 2)}\n`);
  return corpus;
}

export interface MemberOptions extends Compute {
  readonly config: EnsembleConfig;
  readonly out: string;
  readonly seed: number;
  readonly dataSeed: number;
  readonly untrained?: boolean;
  readonly checkpointSeconds?: number;
  readonly progress?: (fraction: number, message: string) => void;
}

/** The fields of a member's `training.json` that are used here. */
interface MemberTraining {
  readonly config: object;
  readonly seed: number;
  readonly dataSeed: number;
  readonly untrained?: boolean;
  readonly corpusHash: string;
  readonly report: PretrainReport;
}

/** Whether a member exists. @throws when its folder holds a member of another configuration. */
export async function memberIsFinished(
  options: Pick<MemberOptions, 'config' | 'out' | 'seed' | 'dataSeed' | 'untrained'>,
): Promise<boolean> {
  const { config, out, seed, dataSeed, untrained = false } = options;
  const folder = memberFolder(out, seed);
  if (!existsSync(join(folder, 'config.json'))) return false;
  const { training } = await readMember(out, seed);
  const mine = hashJson({ config: pretrainConfigOf(config), dataSeed, untrained });
  const its = hashJson({
    config: training.config,
    dataSeed: training.dataSeed,
    untrained: training.untrained ?? false,
  });
  if (mine !== its)
    throw new UsageError(`${folder} holds a model of another configuration; use another folder, or delete it`);
  return true;
}

/**
 * Trains a member, or finds it trained. @throws when its folder holds a member of another
 * configuration.
 */
export async function trainMember(options: MemberOptions): Promise<void> {
  const { config, out, seed, dataSeed, untrained, device, threads, checkpointSeconds = 30, progress } = options;
  if (await memberIsFinished(options)) return;
  const reading = blockReading(await ensembleTokenizer(config, out), config.tokens);
  const compute = { device, threads, checkpointSeconds, progress };
  await pretrain(blockRows(join(out, BLOCKS)), {
    ...{ config: pretrainConfigOf(config), seed, dataSeed, reading, untrained, out: memberFolder(out, seed) },
    ...compute,
  });
}

async function readMember(out: string, seed: number): Promise<{ training: MemberTraining; member: EnsembleMember }> {
  const folder = memberFolder(out, seed);
  const training = JSON.parse(await readFile(join(folder, 'training.json'), 'utf8')) as MemberTraining;
  const { parameters, steps, validLoss, uniformLoss, validAccuracy } = training.report;
  const weights = await sha256File(join(folder, 'model.safetensors'));
  const scores = { parameters, steps, validLoss, uniformLoss, validAccuracy };
  return { training, member: { folder: `member-${seed}`, seed, weights, ...scores } };
}

/**
 * Writes `ensemble.json` for finished members.
 * @throws when they were not trained on the same blocks, or when two have the same weights.
 */
export async function finishEnsemble(
  options: Pick<EnsembleOptions, 'config' | 'out' | 'dataSeed'> & { readonly control: string },
  corpus: EnsembleCorpus,
  seeds: readonly number[],
): Promise<EnsembleManifest> {
  const { config, out, dataSeed, control } = options;
  const read = await Promise.all(seeds.map((seed) => readMember(out, seed)));
  const [corpusHash, ...others] = new Set(read.map(({ training }) => training.corpusHash));
  if (others.length > 0)
    throw new UsageError(`${out}: its members were trained on different blocks; delete it and start again`);
  const members = read.map(({ member }) => member);
  if (new Set(members.map(({ weights }) => weights)).size < members.length)
    throw new UsageError(`${out}: two members have the same weights`);
  const manifest: EnsembleManifest = {
    ...{ format: 'glm-bench/ensemble@1', config, control, dataSeed },
    ...{ corpus, corpusHash, members },
  };
  await writeFileAtomic(join(out, 'ensemble.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

export type { BlockCounts, EnsembleControl, EnsembleCorpus };
