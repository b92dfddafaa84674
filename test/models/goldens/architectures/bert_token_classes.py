"""BERT as BarcodeBERT's checkpoints have it: transformers' BertForTokenClassification over 2-mers whose ids follow [MASK] and [UNK], its labels the
2-mers alone; and the causal comparison, a decoder. Usage: python bert_token_classes.py"""

import json

import torch
from golden import IGNORED, batch, masked_labels, randomise, write
from transformers import BertConfig, BertForTokenClassification

K = 2
FIRST_KMER = 2
SIZES = {
    "architectures": ["BertForTokenClassification"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 16,
    "initializer_range": 0.02,
    "intermediate_size": 24,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 24,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "num_labels": 4**K,
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": 4**K + FIRST_KMER,
}
TOKENIZER = {"k": K, "stride": K, "length": 48}


def golden(name: str, causal: bool) -> None:
    config = {**SIZES, **({"is_decoder": True} if causal else {})}
    model = BertForTokenClassification(BertConfig(**config, attn_implementation="eager"))
    randomise(model)
    ids, mask = batch(config["vocab_size"], FIRST_KMER, 1)
    if causal:
        labels = torch.full_like(ids, IGNORED)
        asked = (mask[:, 1:] == 1) & (mask[:, :-1] == 1)
        labels[:, :-1] = torch.where(asked, ids[:, 1:], torch.full_like(ids[:, 1:], IGNORED))
    else:
        ids, labels = masked_labels(ids, mask, 0)
    labels = torch.where(labels == IGNORED, labels, labels - FIRST_KMER)

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return output.hidden_states, output.logits

    write(name, config, model, ids, mask, labels, run, {"kmer_tokenizer.json": json.dumps(TOKENIZER, indent=2) + "\n"})


if __name__ == "__main__":
    golden("bert-token-classes", causal=False)
    golden("bert-token-classes-causal", causal=True)
