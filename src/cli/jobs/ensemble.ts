/**
 * The child processes of `ensemble`: one makes tokenizer and blocks, one trains each member.
 * Controls of the corpus are made here, because they belong to the diagnostics.
 */

import { createRandom } from '../../core/random.ts';
import { shuffleText } from '../../diagnostics/corpus/shuffle.ts';
import { readChunks } from '../../ensembles/chunks.ts';
import type { EnsembleConfig, EnsembleControlName } from '../../ensembles/config.ts';
import type { EnsembleCorpus } from '../../ensembles/corpus.ts';
import { fourLetterCode, inFourLetters } from '../../ensembles/four-letters.ts';
import { type EnsembleControl, type MemberOptions, prepareEnsemble, trainMember } from '../../ensembles/training.ts';

export interface PrepareRequest {
  readonly config: EnsembleConfig;
  readonly files: readonly string[];
  readonly out: string;
  readonly dataSeed: number;
  readonly control: EnsembleControlName;
  readonly bits?: number;
}

type Progress = (fraction: number, message: string) => void;
type MakeControl = (request: PrepareRequest) => Promise<EnsembleControl | undefined>;

const CONTROLS: Readonly<Record<EnsembleControlName, MakeControl>> = {
  none: async () => undefined,
  untrained: async () => undefined,
  async shuffled({ dataSeed }) {
    return {
      key: `shuffled ${dataSeed}`,
      facts: () => ({ shuffled: 'pairs of neighbouring letters kept, within each chunk' }),
      change: (letters, index) => shuffleText(letters, createRandom(`shuffled:${dataSeed}:${index}`)),
    };
  },
  async 'four-letters'({ files, dataSeed, bits }) {
    const texts: string[] = [];
    for await (const { letters } of readChunks(files, 'text')) texts.push(letters);
    const code = fourLetterCode(texts, bits, dataSeed);
    return {
      key: `four-letters ${dataSeed} ${bits ?? 'code alone'}`,
      source: 'text',
      facts: () => ({ fourLetters: code }),
      change: (letters, index) => inFourLetters(code, letters, index, dataSeed),
    };
  },
};

/** Makes tokenizer, blocks, and the held-out part. */
export async function prepareEnsembleJob(request: PrepareRequest, progress: Progress): Promise<EnsembleCorpus> {
  return prepareEnsemble({ ...request, control: await CONTROLS[request.control](request), progress });
}

/** Trains one member. */
export async function ensembleMemberJob(request: MemberOptions, progress: Progress): Promise<void> {
  await trainMember({ ...request, progress });
}
