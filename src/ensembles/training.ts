/**
 * Matched ensembles: models of one architecture on one corpus in one order under the same masks, that differ in the seed of their first weights and of their dropout alone, as in
 * Rochkoulets, Vrcek & Sikic 2026 (arXiv 2604.04287), whose masks may differ too. A folder holds the tokenizer, the blocks, what was kept aside, a
 * folder in Hugging Face's layout for every member, and `ensemble.json`. Each step leaves what it made or nothing, so that a call that was cut off goes on:
 * members that are finished stay, the one that was not goes on from its checkpoint. What an ensemble says is measured elsewhere.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashJson, sha256File, writeFileAtomic } from '../core/files.ts';
import { type PretrainReport, pretrain } from '../pretraining/pretrain.ts';
import type { Compute } from '../runtime/training/network.ts';
import { type BlockCounts, blockReading, blockRows } from './blocks.ts';
import { checkEnsembleConfig, type EnsembleConfig, pretrainConfigOf } from './config.ts';
import { type EnsembleControl, type EnsembleCorpus, ensembleTokenizer, writeEnsembleCorpus } from './corpus.ts';

export interface EnsembleOptions {
  readonly config: EnsembleConfig;
  /** FASTA for DNA, text for text and for a control that is made of it; gzip or not. */
  readonly files: readonly string[];
  readonly out: string;
  /** Of what is held out to choose the best epoch, of the order and the masks. */
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
  /** Nats per masked token of blocks held out in training, and of a uniform guess. */
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
  /** Hash of all blocks in order, as every member saw them. */
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
 * Makes tokenizer, blocks and what is kept aside, or finds them made.
 * @throws where the folder holds those of other files or another set-up.
 */
export async function prepareEnsemble(options: EnsembleOptions): Promise<EnsembleCorpus> {
  const { config, files, out, control, progress } = options;
  checkEnsembleConfig(config);
  const { language, tokenizer, vocabulary, k, tokens } = config;
  const hashes = await Promise.all(files.map(sha256File));
  const key = hashJson({ language, tokenizer, vocabulary, k, tokens, hashes, control: control?.key });
  const path = join(out, PREPARED);
  if (existsSync(path)) {
    const made = JSON.parse(await readFile(path, 'utf8')) as Prepared;
    if (made.key !== key)
      throw new Error(`${out} holds an ensemble of another corpus or set-up; give another folder, or delete it`);
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

/** What a member's `training.json` says, as far as it is read here. */
interface MemberTraining {
  readonly config: object;
  readonly seed: number;
  readonly dataSeed: number;
  readonly untrained?: boolean;
  readonly corpusHash: string;
  readonly report: PretrainReport;
}

/** Whether a member is there. @throws where its folder holds one of another set-up. */
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
  if (mine !== its) throw new Error(`${folder} holds a model of another set-up; give another folder, or delete it`);
  return true;
}

/** Trains a member, or finds it trained. @throws where its folder holds one of another set-up. */
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
 * Writes `ensemble.json` of members that are finished.
 * @throws where they did not see the same blocks, or where two have the same weights.
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
    throw new Error(`${out}: its members were trained on different blocks; delete it and start anew`);
  const members = read.map(({ member }) => member);
  if (new Set(members.map(({ weights }) => weights)).size < members.length)
    throw new Error(`${out}: two members have the same weights`);
  const manifest: EnsembleManifest = {
    ...{ format: 'glm-bench/ensemble@1', config, control, dataSeed },
    ...{ corpus, corpusHash, members },
  };
  await writeFileAtomic(join(out, 'ensemble.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

export type { BlockCounts, EnsembleControl, EnsembleCorpus };
