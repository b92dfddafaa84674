/** Llama against transformers' LlamaForCausalLM (goldens/architectures/llama.py), and what its graph lacks. */
import { describe, expect, it } from 'vitest';
import { llama } from '../../../src/models/architectures/llama.ts';
import { parityTests, readGoldenFolder } from './parity.ts';

// Two heads of queries to one of keys, and a head of its own; and as many of both, wider than the model, with biases, tied.
parityTests('llama', llama);
parityTests('llama-tied', llama);

describe('a Llama config', () => {
  const { config } = readGoldenFolder('llama');

  it.each([
    [{ num_key_value_heads: 3 }, 'here: num_attention_heads 4 does not divide into num_key_value_heads 3'],
    [
      { rope_parameters: { rope_type: 'llama3', rope_theta: 500000 } },
      "here: rope_parameters of type 'llama3' is not supported; known: default",
    ],
    [{ hidden_size: 18 }, "here: the number 'head_dim' is missing"],
  ])('that says %o is refused', (change, message) => {
    expect(() => llama.configure({ ...config, ...change }, 'here')).toThrow(message);
  });
});
