"""GPT-NeoX: transformers' GPTNeoXForCausalLM, with its two parts side by side and one after the other. Usage: python gpt_neox.py"""

from decoders import next_labels, runner
from golden import batch, randomise, write
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

CONFIG = {
    "architectures": ["GPTNeoXForCausalLM"],
    "hidden_act": "gelu",
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 32,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 64,
    "model_type": "gpt_neox",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "rotary_emb_base": 10000,
    "rotary_pct": 0.5,
    "tie_word_embeddings": False,
    "use_parallel_residual": True,
    "vocab_size": 20,
}
SEQUENTIAL = {
    **CONFIG,
    "rotary_emb_base": 500,
    "rotary_pct": 1.0,
    "tie_word_embeddings": True,
    "use_parallel_residual": False,
}


def main() -> None:
    for name, config in (("gpt-neox", CONFIG), ("gpt-neox-sequential", SEQUENTIAL)):
        model = GPTNeoXForCausalLM(GPTNeoXConfig(**config))
        # The reference is to have read the fields of older configs, not to have ignored them.
        rope = model.config.rope_parameters
        assert (rope["rope_theta"], rope["partial_rotary_factor"]) == (config["rotary_emb_base"], config["rotary_pct"])
        randomise(model)
        ids, mask = batch(config["vocab_size"], 3, 0)
        write(name, config, model, ids, mask, next_labels(ids, mask), runner(model))


if __name__ == "__main__":
    main()
