/**
 * Which inputs and outputs of an exported encoder are what. Names that exporters use (optimum, transformers.js, torch.onnx of a transformers model)
 * are recognised; `glm.json` beside the model says it for others:
 *
 *     { "hiddenStates": ["embeddings", "block1", "block2"], "inputs": { "ids": "tokens", "mask": "padding" }, "maxTokens": 512,
 *       "logits": "scores", "reads": "masked" }
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { OnnxFile, OnnxValue } from './file.ts';

/** What an input is for. */
export type InputRole = 'ids' | 'mask' | 'types' | 'positions';

export interface OnnxSettings {
  /** Output names of layers 0, 1, ... */
  readonly hiddenStates?: readonly string[];
  readonly inputs?: Readonly<Partial<Record<InputRole, string>>>;
  readonly maxTokens?: number;
  /** Name of the output with logits over the vocabulary. */
  readonly logits?: string;
  /** What these predict: hidden tokens, or the next one. */
  readonly reads?: Reads;
}

export type Reads = 'masked' | 'causal';

export interface RoleInput extends OnnxValue {
  readonly role: InputRole;
}

const ROLES: Readonly<Record<InputRole, readonly string[]>> = {
  ids: ['input_ids'],
  mask: ['attention_mask'],
  types: ['token_type_ids'],
  positions: ['position_ids'],
};
/** The one hidden state that most exports have. */
const LAST = ['last_hidden_state', 'token_embeddings'];
const LOGITS = 'logits';
const READS: readonly unknown[] = ['masked', 'causal'] satisfies Reads[];

/** Reads `glm.json`; {} where there is none. Throws, naming field and file. */
export async function readOnnxSettings(path: string): Promise<OnnxSettings> {
  if (!existsSync(path)) return {};
  const fail = (what: string): never => {
    throw new Error(`${path}: ${what}`);
  };
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    fail(`not valid JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail('must hold a JSON object');
  const { hiddenStates, inputs = {}, maxTokens, logits, reads, ...other } = value as Record<string, unknown>;
  const [unknown] = Object.keys(other);
  if (unknown !== undefined) fail(`unknown field '${unknown}'; known: hiddenStates, inputs, logits, maxTokens, reads`);
  const areNames =
    Array.isArray(hiddenStates) && hiddenStates.length > 0 && hiddenStates.every((name) => typeof name === 'string');
  if (hiddenStates !== undefined && !areNames) fail("'hiddenStates' must list output names");
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) return fail("'inputs' must be an object");
  for (const [role, name] of Object.entries(inputs))
    if (!Object.hasOwn(ROLES, role) || typeof name !== 'string')
      fail(`'inputs' maps ${Object.keys(ROLES).join(', ')} to input names, not '${role}'`);
  if (maxTokens !== undefined && (!Number.isInteger(maxTokens) || (maxTokens as number) < 1))
    fail("'maxTokens' must be a positive whole number");
  if (logits !== undefined && typeof logits !== 'string') fail("'logits' must be the name of an output");
  if (reads !== undefined && !READS.includes(reads)) fail('\'reads\' must be "masked" or "causal"');
  return {
    hiddenStates,
    inputs,
    maxTokens,
    ...(logits ? { logits } : {}),
    ...(reads ? { reads } : {}),
  } as OnnxSettings;
}

/** What each input of the model is for. Throws where one is unknown, is of a type that isn't fed, or has fixed sizes. */
export function inputRoles(model: OnnxFile, settings: OnnxSettings, path: string): readonly RoleInput[] {
  const roles = Object.keys(ROLES) as InputRole[];
  const inputs = model.inputs.map((input) => {
    const role = roles.find((candidate) =>
      [settings.inputs?.[candidate] ?? ROLES[candidate]].flat().includes(input.name),
    );
    if (!role)
      throw new Error(
        `${path}: input '${input.name}' is none of ${Object.values(ROLES).flat().join(', ')}. Name it under "inputs" in glm.json, or export the encoder without it (no cache of past keys)`,
      );
    if (input.type !== 'int64' && input.type !== 'int32')
      throw new Error(`${path}: input '${input.name}' is ${input.type}; fed are int64 and int32`);
    if (input.shape.some((size) => size !== undefined))
      throw new Error(`${path}: input '${input.name}' has fixed sizes; export with dynamic axes for batch and tokens`);
    return { ...input, role };
  });
  if (!inputs.some(({ role }) => role === 'ids')) throw new Error(`${path}: no input takes token ids (input_ids)`);
  return inputs;
}

/** Outputs of layers 0, 1, ...; of models that give one hidden state alone, that is layer 0; none where no output is known for one. */
export function hiddenStateOutputs(model: OnnxFile, settings: OnnxSettings, path: string): readonly OnnxValue[] {
  if (settings.hiddenStates) return settings.hiddenStates.map((name) => outputNamed(model, name, path));
  const numbered: OnnxValue[] = [];
  for (const output of model.outputs) {
    const number = /^hidden_states[._]?(\d{1,3})$/.exec(output.name)?.[1];
    if (number !== undefined) numbered[Number(number)] = output;
  }
  if (numbered.length > 0 && Array.from(numbered).every((output) => output !== undefined)) return numbered;
  const last = LAST.map((name) => model.outputs.find((output) => output.name === name)).find((output) => output);
  return last ? [last] : [];
}

export function noHiddenStates(model: OnnxFile, path: string): Error {
  return new Error(
    `${path}: none of its outputs (${listed(model)}) is a hidden state: last_hidden_state or hidden_states.0, .1, ... Export the encoder (feature-extraction), or list outputs under "hiddenStates" in glm.json`,
  );
}

/** The output with logits: what glm.json names, else `logits`; why there is none. */
export function logitsOutput(model: OnnxFile, settings: OnnxSettings, path: string): OnnxValue | string {
  const output =
    settings.logits === undefined
      ? model.outputs.find(({ name }) => name === LOGITS)
      : outputNamed(model, settings.logits, path);
  if (!output)
    return `none of its outputs (${listed(model)}) is called logits: export the model with its head, or name the output under "logits" in glm.json`;
  if (output.type !== 'float32' && output.type !== 'float16')
    return `its output '${output.name}' is ${output.type}; logits are float32 or float16`;
  return output;
}

function outputNamed({ outputs }: OnnxFile, name: string, path: string): OnnxValue {
  const output = outputs.find((candidate) => candidate.name === name);
  if (!output)
    throw new Error(
      `${path}: glm.json asks for the output '${name}'; it has ${outputs.map((other) => other.name).join(', ')}`,
    );
  return output;
}

const listed = ({ outputs }: OnnxFile) =>
  outputs
    .slice(0, 8)
    .map(({ name }) => name)
    .join(', ');
