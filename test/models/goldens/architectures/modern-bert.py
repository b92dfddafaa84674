"""ModernBERT: transformers' ModernBertForMaskedLM with three layers (all, window, all) and a window of six tokens; and one with every additive term that a config
may ask for, a decoder of its own, and the layers and thetas as transformers 5 writes them. Usage: python modern-bert.py
"""

from golden import batch, masked_labels, randomise, write
from transformers import ModernBertConfig, ModernBertForMaskedLM

CONFIG = {
    "architectures": ["ModernBertForMaskedLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "decoder_bias": True,
    "embedding_dropout": 0.0,
    "global_attn_every_n_layers": 2,
    "global_rope_theta": 160000.0,
    "hidden_activation": "gelu",
    "hidden_size": 16,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 20,
    "local_attention": 6,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 32,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pad_token_id": 3,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 2,
    "tie_word_embeddings": True,
    "vocab_size": 31,
}
MASK_ID = 4


CHANGED = {
    "attention_bias": True,
    "classifier_bias": True,
    "hidden_size": 8,
    "intermediate_size": 12,
    "layer_types": ["sliding_attention", "full_attention"],
    "local_attention": 8,
    "mlp_bias": True,
    "norm_bias": True,
    "num_hidden_layers": 2,
    "rope_parameters": {
        "full_attention": {"rope_theta": 500.0, "rope_type": "default"},
        "sliding_attention": {"rope_theta": 50.0, "rope_type": "default"},
    },
    "tie_word_embeddings": False,
}
OLDER = ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta")


def golden(name: str, config: dict, layers: list[str]) -> None:
    model = ModernBertForMaskedLM(ModernBertConfig(**config))
    assert model.config.layer_types == layers
    assert model.config.sliding_window == config["local_attention"] // 2
    randomise(model)
    ids, mask = batch(config["vocab_size"], 5, config["pad_token_id"])
    ids, labels = masked_labels(ids, mask, MASK_ID)

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return output.hidden_states, output.logits

    write(name, config, model, ids, mask, labels, run)


def main() -> None:
    golden("modern-bert", CONFIG, ["full_attention", "sliding_attention", "full_attention"])
    changed = {key: value for key, value in CONFIG.items() if key not in OLDER} | CHANGED
    golden("modern-bert-biased", changed, changed["layer_types"])


if __name__ == "__main__":
    main()
