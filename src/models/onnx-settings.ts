/**
 * Which inputs and outputs of an exported encoder are what. Names that exporters use (optimum, transformers.js, torch.onnx of a transformers model)
 * are recognised; `glm.json` beside the model says it for others:
 *
 *     { "hiddenStates": ["embeddings", "block1", "block2"], "inputs": { "ids": "tokens", "mask": "padding" }, "maxTokens": 512 }
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { OnnxFile, OnnxValue } from './onnx-file.ts';

/** What an input is for. */
export type InputRole = 'ids' | 'mask' | 'types' | 'positions';

export interface OnnxSettings {
  /** Output names of layers 0, 1, ... */
  readonly hiddenStates?: readonly string[];
  readonly inputs?: Readonly<Partial<Record<InputRole, string>>>;
  readonly maxTokens?: number;
}

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
  const { hiddenStates, inputs = {}, maxTokens, ...other } = value as Record<string, unknown>;
  const [unknown] = Object.keys(other);
  if (unknown !== undefined) fail(`unknown field '${unknown}'; known: hiddenStates, inputs, maxTokens`);
  const areNames =
    Array.isArray(hiddenStates) && hiddenStates.length > 0 && hiddenStates.every((name) => typeof name === 'string');
  if (hiddenStates !== undefined && !areNames) fail("'hiddenStates' must list output names");
  if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) return fail("'inputs' must be an object");
  for (const [role, name] of Object.entries(inputs))
    if (!Object.hasOwn(ROLES, role) || typeof name !== 'string')
      fail(`'inputs' maps ${Object.keys(ROLES).join(', ')} to input names, not '${role}'`);
  if (maxTokens !== undefined && (!Number.isInteger(maxTokens) || (maxTokens as number) < 1))
    fail("'maxTokens' must be a positive whole number");
  return { hiddenStates, inputs, maxTokens } as OnnxSettings;
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

/** Outputs of layers 0, 1, ...; of models that give one hidden state alone, that is layer 0. */
export function hiddenStateOutputs(model: OnnxFile, settings: OnnxSettings, path: string): readonly OnnxValue[] {
  const named = new Map(model.outputs.map((output) => [output.name, output]));
  const pick = (name: string): OnnxValue => {
    const output = named.get(name);
    if (!output)
      throw new Error(`${path}: glm.json asks for the output '${name}'; it has ${[...named.keys()].join(', ')}`);
    return output;
  };
  if (settings.hiddenStates) return settings.hiddenStates.map(pick);
  const numbered: OnnxValue[] = [];
  for (const output of model.outputs) {
    const number = /^hidden_states[._]?(\d{1,3})$/.exec(output.name)?.[1];
    if (number !== undefined) numbered[Number(number)] = output;
  }
  if (numbered.length > 0 && Array.from(numbered).every((output) => output !== undefined)) return numbered;
  const last = LAST.map((name) => named.get(name)).find((output) => output !== undefined);
  if (last) return [last];
  throw new Error(
    `${path}: none of its outputs (${[...named.keys()].slice(0, 8).join(', ')}) is a hidden state: last_hidden_state or hidden_states.0, .1, ... Export the encoder (feature-extraction), or list outputs under "hiddenStates" in glm.json`,
  );
}
