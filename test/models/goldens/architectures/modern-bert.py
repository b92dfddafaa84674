"""ModernBERT: transformers' ModernBertForMaskedLM with three layers (all, window, all) and a window of six tokens. Usage: python modern-bert.py"""

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


def main() -> None:
    model = ModernBertForMaskedLM(ModernBertConfig(**CONFIG))
    assert model.config.layer_types == ["full_attention", "sliding_attention", "full_attention"]
    assert model.config.sliding_window == 3
    randomise(model)
    ids, mask = batch(CONFIG["vocab_size"], 5, CONFIG["pad_token_id"])
    ids, labels = masked_labels(ids, mask, MASK_ID)

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return output.hidden_states, output.logits

    write("modern-bert", CONFIG, model, ids, mask, labels, run)


if __name__ == "__main__":
    main()
