import type { PretrainConfig } from '../../pretraining/presets.ts';
import { type PretrainReport, pretrain } from '../../pretraining/pretrain.ts';
import { type PretrainFiles, type PretrainFilesReport, pretrainSequences } from '../../pretraining/sequences.ts';

import type { JobMachine } from '../child-job.ts';

type Progress = (fraction: number, message: string) => void;

export interface PretrainRequest extends JobMachine {
  readonly config: PretrainConfig;
  /** A tokenizer.json, or a folder with one, in place of k-mers. */
  readonly tokenizer?: string;
  readonly from: PretrainFiles;
  readonly seed: number;
  readonly out: string;
  /** Replaces a finished model of other settings. */
  readonly overwrite?: boolean;
}

export interface PretrainFinished extends PretrainReport {
  readonly source: PretrainFilesReport;
}

/** Pre-trains an encoder on the sequences of files, streamed; continues where an earlier call with the same settings was cut off. */
export async function pretrainJob(request: PretrainRequest, progress: Progress): Promise<PretrainFinished> {
  const { config, tokenizer, seed, out, overwrite, device, threads } = request;
  const { sequences, report: source } = pretrainSequences(request.from);
  const options = { config, tokenizer, seed, out, overwrite, device, threads, progress };
  const report = await pretrain(sequences, { ...options, source: () => source });
  return { ...report, source };
}
