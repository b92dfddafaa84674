"""The second Nucleotide Transformer: transformers' EsmForMaskedLM with rotary positions and the gated feed-forward of its authors.

The gate is that of instadeepai/nucleotide-transformer, layers.py (use_glu_in_ffn): SiLU of the first half times the second, no biases.
Usage: python nucleotide_transformer_v2.py
"""

import torch
from esm import runner
from golden import batch, esm_tokenizer, masked_labels, randomise, write
from torch import nn
from transformers import EsmConfig, EsmForMaskedLM

CONFIG = {
    "add_bias_fnn": False,
    "architectures": ["EsmForMaskedLM"],
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {"AutoConfig": "esm_config.EsmConfig", "AutoModelForMaskedLM": "modeling_esm.EsmForMaskedLM"},
    "emb_layer_norm_before": False,
    "esmfold_config": None,
    "hidden_dropout_prob": 0.0,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "is_folding_model": False,
    "layer_norm_eps": 1e-12,
    "mask_token_id": 2,
    "max_position_embeddings": 22,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "pad_token_id": 1,
    "position_embedding_type": "rotary",
    "tie_word_embeddings": False,
    "token_dropout": False,
    "vocab_list": None,
    "vocab_size": 25,
}


class Gated(nn.Module):
    """In place of EsmIntermediate, under the same parameter name. [b, t, d] -> [b, t, f]"""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, 2 * inner, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.dense(x).chunk(2, dim=-1)
        return nn.functional.silu(gate) * value


def main() -> None:
    model = EsmForMaskedLM(EsmConfig(**CONFIG))
    for layer in model.esm.encoder.layer:
        layer.intermediate = Gated(CONFIG["hidden_size"], CONFIG["intermediate_size"])
        layer.output.dense = nn.Linear(CONFIG["intermediate_size"], CONFIG["hidden_size"], bias=False)
    randomise(model)
    ids, mask = batch(CONFIG["vocab_size"], 4, CONFIG["pad_token_id"])
    ids[:, 0] = 3
    ids, labels = masked_labels(ids, mask, CONFIG["mask_token_id"])
    write("nucleotide-transformer-v2", CONFIG, model, ids, mask, labels, runner(model), esm_tokenizer(2, 20))


if __name__ == "__main__":
    main()
