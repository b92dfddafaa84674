"""Llama: transformers' LlamaForCausalLM, with grouped heads of keys and values and a head of its own; and tied, with biases, every head its own.

Usage: python llama.py
"""

from decoders import next_labels, runner
from golden import batch, randomise, write
from transformers import LlamaConfig, LlamaForCausalLM

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "mlp_bias": False,
    "model_type": "llama",
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-06,
    "rope_theta": 500.0,
    "tie_word_embeddings": False,
    "vocab_size": 20,
}
TIED = {
    **{key: value for key, value in CONFIG.items() if key != "rope_theta"},
    "attention_bias": True,
    "head_dim": 6,
    "mlp_bias": True,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"},
    "tie_word_embeddings": True,
}


def main() -> None:
    for name, config, theta in (("llama", CONFIG, 500.0), ("llama-tied", TIED, 1000.0)):
        model = LlamaForCausalLM(LlamaConfig(**config))
        assert model.config.rope_parameters["rope_theta"] == theta
        randomise(model)
        ids, mask = batch(config["vocab_size"], 3, 0)
        write(name, config, model, ids, mask, next_labels(ids, mask), runner(model))


if __name__ == "__main__":
    main()
