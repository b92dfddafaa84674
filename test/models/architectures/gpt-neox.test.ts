/** GPT-NeoX against transformers' GPTNeoXForCausalLM (goldens/architectures/gpt_neox.py), and what its graph lacks. */
import { describe, expect, it } from 'vitest';
import { gptNeox } from '../../../src/models/architectures/gpt-neox.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

// Both parts of a block side by side, half of each head turned, a head of its own; and one after the other, all of it turned, tied.
parityTests('gpt-neox', gptNeox);
parityTests('gpt-neox-sequential', gptNeox);

describe('a GPT-NeoX config', () => {
  const { config } = readGoldenFolder('gpt-neox');

  it('finds its head under the name that files have and the one that classes have', () => {
    const { sources } = gptNeox.configure(config, 'config.json');
    expect(sources?.('embed_out.weight')?.names).toEqual(['embed_out.weight', 'lm_head.weight']);
    expect(sources?.('gpt_neox.embed_in.weight')?.names).toEqual(['gpt_neox.embed_in.weight', 'embed_in.weight']);
  });

  it.each([
    [{ rope_scaling: { type: 'linear', factor: 2 } }, "here: rope_scaling of type 'linear' is not supported"],
    [{ rotary_pct: 0.1 }, "here: rotary_pct = 0.1 rotates 0 of a head's 8 entries"],
    [{ use_parallel_residual: 'yes' }, 'here: use_parallel_residual = "yes"; true or false is needed'],
  ])('that says %o is refused', (change, message) => {
    expect(() => gptNeox.configure({ ...config, ...change }, 'here')).toThrow(message);
  });
});
