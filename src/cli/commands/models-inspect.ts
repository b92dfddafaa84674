/** `models inspect`: prints the facts of a model for human readers. */
import { resolve } from 'node:path';
import { textTable } from '../../core/text-table.ts';
import { locateModel } from '../../harness/definitions.ts';
import { bytesInWords } from '../../models/hub/bytes-in-words.ts';
import { existing, type MachineFlags, machine, runJob } from '../child-job.ts';
import type { MemoryEstimate, ModelFacts } from '../models/inspect.ts';
import type { TokenRate } from '../models/tokens.ts';
import { createOutput } from '../output.ts';

export interface InspectFlags extends MachineFlags {
  readonly sequences?: string;
  readonly column?: string;
}

const JOBS = new URL('../jobs/models.ts', import.meta.url);

const count = (value: number) => value.toLocaleString('en-US');

/** Exit code 1 when the model cannot be used as it is. */
export async function inspectCommand(spec: string, flags: InspectFlags): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const on = await machine({ ...flags, device: flags.device ?? 'cpu' });
  const sequences = flags.sequences === undefined ? undefined : await existing('sequences', flags.sequences, 'file');
  const request = { ...on, model: resolve(await locateModel(spec, on.cacheFolder)), sequences, column: flags.column };
  const facts = await runJob<ModelFacts>('inspectJob', request, JOBS);
  output.document(facts);
  output.print(textTable(linesOf(facts)));
  if (facts.files.length > 0)
    output.print(
      `\n${textTable([['FILE', 'SIZE', 'SHA256'], ...facts.files.map(({ path, bytes, sha256 }) => [path, bytesInWords(bytes), sha256])])}`,
    );
  if (facts.missing.length === 0) return 0;
  const shown = facts.missing.slice(0, 10);
  const more = facts.missing.length - shown.length;
  output.print(
    `\nThe model cannot be used as it is:\n${shown.map((what) => `  ${what}`).join('\n')}${more > 0 ? `\n  and ${more} more` : ''}`,
  );
  return 1;
}

/** One fact per line; unknown facts have no line. */
function linesOf(facts: ModelFacts): string[][] {
  const { hub, licence, architecture, sizes, tokenizer, checkpoint, card, notices } = facts;
  const lines: (readonly [string, string | undefined])[] = [
    ['model', facts.id ?? facts.path],
    ['what', facts.description],
    ['fetched from', hub && `${hub.model} at ${hub.commit}${hub.endpoint ? ` (${hub.endpoint})` : ''}`],
    ['licence', licence ? `${licence.licence} (${licence.from})` : 'not stated'],
    ['architecture', architecture && `${architecture.title}: ${sizes?.label ?? ''}`],
    ['source', architecture?.source],
    ['parameters', parametersInWords(sizes?.parameters)],
    ['layers', sizes && `${sizes.layers}, width ${sizes.dimension}${sizes.heads ? `, ${sizes.heads} heads` : ''}`],
    ['head', checkpoint && HEADS[checkpoint.head](sizes?.reads)],
    ['tokenizer', tokenizer && `${tokenizer.description}; ${count(tokenizer.vocabularySize)} tokens`],
    ...facts.tokens.map((rate) => ['tokens per base', rateInWords(rate)] as const),
    ['longest input', longestInWords(facts)],
    ['memory', facts.memory && memoryInWords(facts.memory)],
    [
      'checkpoint',
      checkpoint && `${checkpoint.format}; ${count(checkpoint.tensors)} tensors (${typesInWords(checkpoint.types)})`,
    ],
    ['notice', notices && notices.length > 0 ? notices.join('; ') : undefined],
    ['not used', checkpoint && unusedInWords(checkpoint.unused)],
    ...Object.entries(card ?? {})
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => [field, typeof value === 'string' ? value : JSON.stringify(value)] as const),
  ];
  return lines.flatMap(([field, value]) => (value === undefined ? [] : [[field, value]]));
}

const HEADS: Readonly<Record<'present' | 'absent' | 'none', (reads?: string) => string>> = {
  present: (reads) => `present (${reads === 'causal' ? 'next token' : 'masked tokens'})`,
  absent: () => 'not in the checkpoint: no logits',
  none: () => 'none',
};

function parametersInWords(parameters: { body: number; head?: number } | undefined): string | undefined {
  if (!parameters) return undefined;
  const { body, head } = parameters;
  return head ? `${count(body)}, and ${count(head)} of the head` : count(body);
}

function rateInWords({ of, sequences, bases, tokensPerBase, lengths, unreadable, why, first }: TokenRate): string {
  const which = of === 'random' ? `random sequences` : `sequences of ${of}${first ? ' (its first)' : ''}`;
  const refused = unreadable > 0 ? `; ${count(unreadable)} cannot be read whole: ${why}` : '';
  if (tokensPerBase === null) return `none of the ${which} can be read: ${why ?? 'there are none'}`;
  const [shortest, longest] = lengths ?? [0, 0];
  const span = shortest === longest ? `${shortest}` : `${shortest} to ${longest}`;
  return `${tokensPerBase.toPrecision(3)} on ${count(sequences)} ${which} of ${span} letters, ${count(bases)} in all${refused}`;
}

/** In letters too, from the rate measured last. */
function longestInWords({ sizes, tokenizer, tokens }: ModelFacts): string | undefined {
  if (!sizes || !tokenizer) return undefined;
  if (sizes.maxTokens === undefined && tokenizer.maxNucleotides === undefined) return 'no limit set by the model';
  const rate = tokens.at(-1)?.tokensPerBase;
  const letters =
    tokenizer.maxNucleotides ?? (rate && sizes.maxTokens ? Math.floor(sizes.maxTokens / rate) : undefined);
  const about = tokenizer.maxNucleotides === undefined ? 'about ' : '';
  const parts = [
    sizes.maxTokens === undefined ? undefined : `${count(sizes.maxTokens)} tokens`,
    letters === undefined ? undefined : `${about}${count(letters)} letters`,
  ];
  return parts.filter(Boolean).join(', ');
}

function memoryInWords({ weights, batch }: MemoryEstimate): string {
  const held = weights === undefined ? '' : `weights ${bytesInWords(weights)} as float32; `;
  const { sequences, tokens, bytes, perSequence } = batch;
  const whole = `a batch of ${sequences} ${sequences === 1 ? 'sequence' : 'sequences'} of ${tokens} tokens ${bytesInWords(bytes)}`;
  return `about: ${held}${whole}${sequences === 1 ? '' : ` (${bytesInWords(perSequence)} each)`}`;
}

const typesInWords = (types: Readonly<Record<string, number>>) =>
  Object.entries(types)
    .map(([type, number]) => `${number} ${type}`)
    .join(', ');

function unusedInWords(unused: readonly string[]): string | undefined {
  if (unused.length === 0) return undefined;
  return `${unused.slice(0, 4).join(', ')}${unused.length > 4 ? `, and ${unused.length - 4} more` : ''}`;
}
