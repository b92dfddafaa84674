/** Checkpoints whose tensors have other names than the model needs: prefixes of training software, found without a list. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadModelFolder } from '../../../src/models/model-folder.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../../../src/runtime/arrays/safetensors.ts';
import { readGoldenFolder } from '../architectures/parity.ts';
import { checkpointFolder } from '../checkpoint-folders.ts';

const folder = mkdtempSync(join(tmpdir(), 'glm-bench-wrappers-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
type Rename = (name: string) => string | readonly string[];

/** The tiny BERT (or another golden) with its tensors under other names. */
async function renamed(rename: Rename, name = 'bert'): Promise<string> {
  made += 1;
  const to = join(folder, `${made}`);
  cpSync(checkpointFolder(name), to, { recursive: true });
  const file = join(to, 'model.safetensors');
  const { tensors } = await readSafetensors(file);
  const other = [...tensors].flatMap(([key, tensor]) =>
    [rename(key)].flat().map((renamed): [string, NamedTensor] => [renamed, tensor]),
  );
  await writeSafetensors(file, new Map(other));
  return to;
}

const PREFIXES = [
  'module.',
  '_orig_mod.',
  'model.',
  '_fsdp_wrapped_module.',
  'base_model.model.',
  'encoder.',
  'module._orig_mod.',
  'model.module.backbone.',
];

describe('a checkpoint of wrapped tensors', () => {
  it.each(PREFIXES)('gives the weights of the plain one, its head too: %s', async (prefix) => {
    const plain = await loadModelFolder(checkpointFolder('bert'));
    const model = await loadModelFolder(await renamed((name) => prefix + name));
    expect([...model.values.keys()]).toEqual([...plain.values.keys()]);
    for (const [name, values] of plain.values) expect(model.values.get(name)).toEqual(values);
  });

  it.each(['gpt2', 'esm', 'llama', 'modern-bert', 'hyena-dna', 'caduceus-ps'])('of %s too', async (name) => {
    const plain = await loadModelFolder(checkpointFolder(name));
    const model = await loadModelFolder(await renamed((key) => `module.model.${key}`, name));
    for (const [key, values] of plain.values) expect(model.values.get(key)).toEqual(values);
  });

  it('may be wrapped inside, layer by layer, as FSDP does', async () => {
    const plain = await loadModelFolder(checkpointFolder('bert'));
    const model = await loadModelFolder(
      await renamed((name) => `module.${name.replace(/(layer\.\d+\.)/, '$1_fsdp_wrapped_module.')}`),
    );
    for (const [name, values] of plain.values) expect(model.values.get(name)).toEqual(values);
  });

  it('of two models is refused, with both prefixes', async () => {
    const both = await renamed((name) => [`student.${name}`, `teacher.${name}`]);
    await expect(loadModelFolder(both)).rejects.toThrow(
      /holds two models of this architecture, behind 'student\.(bert\.)?' and 'teacher\.(bert\.)?'/,
    );
  });

  it('with an adapter that is not merged is refused', async () => {
    const adapter = await renamed((name) =>
      name.includes('query.weight') ? [name, name.replace('.weight', '.lora_A.default.weight')] : name,
    );
    await expect(loadModelFolder(adapter)).rejects.toThrow(/adapter \(LoRA\) that is not merged/);
  });

  it('that lacks a tensor behind its prefix is refused, with that prefix and the names that the file has', async () => {
    const lacking = await renamed((name) => (name.includes('layer.1.output.dense.bias') ? [] : `module.${name}`));
    await expect(loadModelFolder(lacking)).rejects.toThrow(
      /tensor 'bert\.encoder\.layer\.1\.output\.dense\.bias' is missing behind the prefix 'module\.'.*\(1 of \d+ are missing\); the file has \d+ tensors: 'module\./,
    );
  });

  it('of another model is refused, with the first names of the file', async () => {
    const foreign = await renamed((name) => `x${name.length}.${name.replaceAll('.', '-')}`);
    await expect(loadModelFolder(foreign)).rejects.toThrow(/is missing, which .* asks for \(\d+ of \d+ are missing\)/);
  });
});

describe('sizes of a config', () => {
  it('are checked against the checkpoint before a graph is built', async () => {
    const many = join(folder, 'many');
    cpSync(checkpointFolder('bert'), many, { recursive: true });
    const { config } = readGoldenFolder('bert');
    const write = (layers: number) =>
      writeFileSync(join(many, 'config.json'), JSON.stringify({ ...config, num_hidden_layers: layers }));
    write(1e9);
    await expect(loadModelFolder(many)).rejects.toThrow(
      'num_hidden_layers = 1000000000; a whole number from 1 to 4096 is needed',
    );
    write(4000);
    await expect(loadModelFolder(many)).rejects.toThrow(/4000 layers are configured, but .* has \d+ tensors/);
  });
});
