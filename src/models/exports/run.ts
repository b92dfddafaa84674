/**
 * An export's session: what its inputs are fed, and what a trial tells of its outputs when it is opened: their sizes, and which sequences may share a batch
 * without changing each other's numbers.
 */

import type { Session, TensorValue } from '../../runtime/session.ts';
import type { Feeds } from '../../runtime/training/network.ts';
import type { Company } from '../model.ts';
import type { ModelTokenizer, TokenBatch } from '../tokenizers/tokenizers.ts';
import type { OnnxValue } from './file.ts';
import { logitsColumns } from './predictions.ts';
import type { InputRole, RoleInput } from './settings.ts';

/** What other sequences in a batch may change, relative to the largest value: rounding (of half precision, where that is used), no more. */
const COMPANY_TOLERANCE = 1e-3;
/** Trial sequences are what is read of these letters' beginnings, the longest first. */
const TRIAL = 'ACGTTGCAAGCTCTAGATCCGGTATTAGCACCGATGGTCAATTCGCGA';
const TRIAL_LENGTHS = [48, 24, 12, 6, 3, 1];

export interface OnnxEncoder {
  readonly session: Session;
  readonly inputs: readonly RoleInput[];
  /** Hidden states. */
  readonly outputs: readonly OnnxValue[];
  /** The output with logits, or why there is none. */
  readonly logits: OnnxValue | string;
  readonly tokenizer: ModelTokenizer;
}

/** What each role is fed, [rows, tokens]. */
const FED: Readonly<Record<InputRole, (batch: TokenBatch) => BigInt64Array>> = {
  ids: ({ ids }) => ids,
  mask: ({ mask }) => mask,
  types: ({ ids }) => new BigInt64Array(ids.length),
  positions: ({ ids, tokens }) => ids.map((_, i) => BigInt(i % tokens)),
};

export async function run(encoder: OnnxEncoder, rows: readonly string[], outputs: readonly string[]) {
  const batch = encoder.tokenizer.encode(rows);
  return { batch, states: await runBatch(encoder, batch, outputs) };
}

export async function runBatch({ session, inputs }: OnnxEncoder, batch: TokenBatch, outputs: readonly string[]) {
  const dims = [batch.ids.length / batch.tokens, batch.tokens];
  const feeds: Feeds = Object.fromEntries(
    inputs.map(({ name, role, type }): [string, TensorValue] => {
      const data = FED[role](batch);
      return [
        name,
        type === 'int32' ? { type, data: Int32Array.from(data, Number), dims } : { type: 'int64', data, dims },
      ];
    }),
  );
  return session.run(feeds, [...new Set(outputs)]);
}

/** The two longest trial sequences that the model can read. */
function trials(tokenizer: ModelTokenizer, path: string): string[] {
  let refusal: unknown;
  const readable = TRIAL_LENGTHS.map((length) => TRIAL.slice(0, length)).filter((sequence) => {
    try {
      return tokenizer.tokens(sequence) > 0;
    } catch (error) {
      refusal = error;
      return false;
    }
  });
  if (readable.length === 0)
    throw new Error(`${path}: its tokenizer reads none of the trial sequences`, { cause: refusal });
  return readable.slice(0, 2);
}

export interface Found {
  /** Of the hidden states, 0 where there are none. */
  readonly dimension: number;
  /** What leaves a sequence's outputs as they are alone. */
  readonly company: Company;
  /** Of the logits, or why there are none. */
  readonly columns: number | string;
}

export async function tryOut(encoder: OnnxEncoder, path: string): Promise<Found> {
  const { logits } = encoder;
  const hidden = encoder.outputs.map(({ name }) => name);
  const names = typeof logits === 'string' ? hidden : [...hidden, logits.name];
  const [long, short = long] = trials(encoder.tokenizer, path);
  const alone = await run(encoder, [short], names);
  const { tokens } = alone.batch;
  const columns =
    typeof logits === 'string' ? logits : logitsColumns(alone.states[logits.name], tokens, encoder.tokenizer);
  for (const name of hidden) {
    const { dims, type } = alone.states[name];
    if (dims.length !== 3 || dims[0] !== 1 || dims[1] !== tokens || type !== 'float32')
      throw new Error(
        `${path}: output '${name}' is ${type} [${dims.join(', ')}] for ${tokens} tokens of one sequence, not [1, ${tokens}, dimension]`,
      );
  }
  const dimension = hidden.length === 0 ? 0 : alone.states[hidden[0]].dims[2];
  const other = hidden.find((name) => alone.states[name].dims[2] !== dimension);
  if (other)
    throw new Error(
      `${path}: outputs '${hidden[0]}' and '${other}' are of different width; list those of one width in glm.json`,
    );
  const unchangedBeside = async (neighbour: string): Promise<boolean> => {
    const { states } = await run(encoder, [short, neighbour], names);
    return names.every((name) =>
      startsAlike(alone.states[name].data as Float32Array, states[name].data as Float32Array),
    );
  };
  if (encoder.tokenizer.tokens(long) > tokens && (await unchangedBeside(long)))
    return { dimension, columns, company: 'any' };
  const turned = [...short].reverse().join('');
  const comparable = encoder.tokenizer.tokens(turned) === tokens;
  return { dimension, columns, company: comparable && (await unchangedBeside(turned)) ? 'equal' : 'none' };
}

/** The first row of a batch against the same row alone. */
function startsAlike(alone: Float32Array, batch: Float32Array): boolean {
  const largest = alone.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return alone.every((value, i) => Math.abs(value - batch[i]) <= COMPANY_TOLERANCE * largest);
}
