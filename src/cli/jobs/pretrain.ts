import type { PretrainConfig } from '../../pretraining/presets.ts';
import { type PretrainReport, pretrain } from '../../pretraining/pretrain.ts';
import { type PretrainFiles, type PretrainFilesReport, pretrainSequences } from '../../pretraining/sequences.ts';

import type { JobMachine } from '../child-job.ts';

type Progress = (fraction: number, message: string) => void;

export interface PretrainRequest extends JobMachine {
  readonly config: PretrainConfig;
  /** A tokenizer.json, or a folder with one, instead of k-mers. */
  readonly tokenizer?: string;
  readonly from: PretrainFiles;
  readonly seed: number;
  readonly out: string;
  /** Replaces a finished model with other settings. */
  readonly overwrite?: boolean;
}

export interface PretrainFinished extends PretrainReport {
  readonly source: PretrainFilesReport;
}

/**
 * Pre-trains an encoder on the sequences of files, streamed. Continues an interrupted call with the
 * same settings.
 */
export async function pretrainJob(request: PretrainRequest, progress: Progress): Promise<PretrainFinished> {
  const { config, tokenizer, seed, out, overwrite, device, threads } = request;
  const { sequences, report: source } = pretrainSequences(request.from);
  const options = { config, tokenizer, seed, out, overwrite, device, threads, progress };
  const report = await pretrain(sequences, { ...options, source: () => source });
  return { ...report, source };
}
