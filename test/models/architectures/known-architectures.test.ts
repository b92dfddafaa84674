/** Which architecture a config.json is: one alone for every golden folder, and a helpful word where it is none. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES, architectureOf } from '../../../src/models/architectures/known-architectures.ts';
import { readGoldenFolder } from './parity.ts';

const FOLDERS = readdirSync(new URL('../goldens/architectures/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
  .map(({ name }) => name);

describe('the registry of architectures', () => {
  it('has each id once', () => {
    const ids = ARCHITECTURES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each(FOLDERS)('finds one architecture alone for %s', (name) => {
    const { config } = readGoldenFolder(name);
    const matching = ARCHITECTURES.filter((architecture) => architecture.matches(config));
    expect(matching.map(({ id }) => id)).toEqual([architectureOf(config, name).id]);
  });

  it('says what it knows, and what else can be done, of a config that is none of them', () => {
    const config = { model_type: 'stripedhyena', architectures: ['StripedHyenaModelForCausalLM'] };
    expect(() => architectureOf(config, 'evo/config.json')).toThrow(
      "evo/config.json: model_type 'stripedhyena' (StripedHyenaModelForCausalLM) is not supported; known: ",
    );
    expect(() => architectureOf({}, 'evo/config.json')).toThrow(/\.onnx file, or as precomputed embeddings/);
  });
});
