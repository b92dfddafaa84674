"""ESM as the first Nucleotide Transformer has it: transformers' EsmForMaskedLM, learned positions, token dropout; and its other options.

Usage: python esm.py
"""

from golden import batch, esm_tokenizer, masked_labels, randomise, write
from transformers import EsmConfig, EsmForMaskedLM

CONFIG = {
    "architectures": ["EsmForMaskedLM"],
    "attention_probs_dropout_prob": 0.0,
    "emb_layer_norm_before": True,
    "esmfold_config": None,
    "hidden_dropout_prob": 0.0,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "is_folding_model": False,
    "layer_norm_eps": 1e-12,
    "mask_token_id": 2,
    "max_position_embeddings": 22,
    "model_type": "esm",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pad_token_id": 1,
    "position_embedding_type": "absolute",
    "tie_word_embeddings": False,
    "token_dropout": True,
    "vocab_list": None,
    "vocab_size": 25,
}


def runner(model):
    """Hidden states as `output_hidden_states` gives them; the last is the normalised one that the head reads."""

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        last = model.esm(input_ids=ids, attention_mask=mask).last_hidden_state
        assert (output.hidden_states[-1] == last).all()
        return output.hidden_states, output.logits

    return run


def make(name: str, **changes) -> None:
    config = CONFIG | changes
    model = EsmForMaskedLM(EsmConfig(**config))
    randomise(model)
    ids, mask = batch(config["vocab_size"], 4, config["pad_token_id"])
    ids[:, 0] = 3
    ids, labels = masked_labels(ids, mask, config["mask_token_id"])
    write(name, config, model, ids, mask, labels, runner(model), esm_tokenizer(2, 20))


def main() -> None:
    make("esm")
    # As ESM-2 has it.
    make("esm-rotary-tied", position_embedding_type="rotary", tie_word_embeddings=True, emb_layer_norm_before=False)


if __name__ == "__main__":
    main()
