"""GPT-2: transformers' GPT2LMHeadModel, its head tied to the word table. Usage: python gpt2.py"""

from decoders import next_labels, runner
from golden import batch, randomise, write
from transformers import GPT2Config, GPT2LMHeadModel

CONFIG = {
    "activation_function": "gelu_new",
    "architectures": ["GPT2LMHeadModel"],
    "attn_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2",
    "n_embd": 16,
    "n_head": 2,
    "n_inner": None,
    "n_layer": 2,
    "n_positions": 24,
    "resid_pdrop": 0.1,
    "vocab_size": 20,
}


def main() -> None:
    model = GPT2LMHeadModel(GPT2Config(**CONFIG))
    randomise(model)
    ids, mask = batch(CONFIG["vocab_size"], 3, 0)
    write("gpt2", CONFIG, model, ids, mask, next_labels(ids, mask), runner(model))


if __name__ == "__main__":
    main()
