"""MosaicBERT as DNABERT-2's checkpoints have it, six heads (no power of two), attention in PyTorch. Needs einops.

Usage: python mosaic-bert.py FOLDER, with the authors' bert_layers.py and bert_padding.py (of zhihan1996/DNABERT-2-117M or mosaicml/examples).
"""

import sys

import torch
from golden import batch, masked_labels, randomise, write
from transformers import BertConfig

CONFIG = {
    "alibi_starting_size": 8,
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_bert.BertConfig",
        "AutoModel": "bert_layers.BertModel",
        "AutoModelForMaskedLM": "bert_layers.BertForMaskedLM",
    },
    "classifier_dropout": None,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 24,
    "initializer_range": 0.02,
    "intermediate_size": 20,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 24,
    "num_attention_heads": 6,
    "num_hidden_layers": 2,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
    "vocab_size": 29,
}
MASK_ID, PADDING_ID = 4, 3


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    import bert_layers

    # The flash kernel is for GPUs and float16.
    bert_layers.flash_attn_qkvpacked_func = None
    model = bert_layers.BertForMaskedLM(BertConfig(**CONFIG, pad_token_id=PADDING_ID))
    randomise(model)
    ids, mask = batch(CONFIG["vocab_size"], 5, PADDING_ID)
    ids, labels = masked_labels(ids, mask, MASK_ID)

    def run(ids, mask):
        embedded = model.bert.embeddings(ids, torch.zeros_like(ids))
        hidden = [embedded]
        # The encoder lists the vectors of real tokens alone.
        for real in model.bert.encoder(embedded, mask, output_all_encoded_layers=True):
            padded = torch.zeros_like(embedded)
            padded[mask.bool()] = real
            hidden.append(padded)
        return hidden, model(ids, attention_mask=mask, return_dict=True).logits

    write("mosaic-bert", CONFIG, model, ids, mask, labels, run)


if __name__ == "__main__":
    main()
