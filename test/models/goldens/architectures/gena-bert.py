"""GENA-LM's pre-norm BERT by the authors' code. Needs transformers 4.56, which that code is written for.

Usage: python gena-bert.py FOLDER, with src/gena_lm/modeling_bert.py of AIRI-Institute/GENA_LM
"""

import sys

import torch
from golden import batch, masked_labels, randomise, write
from transformers import BertConfig

CONFIG = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "auto_map": {
        "AutoModel": "modeling_bert.BertModel",
        "AutoModelForMaskedLM": "modeling_bert.BertForMaskedLM",
    },
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 20,
    "initializer_range": 0.02,
    "intermediate_size": 28,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 24,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "pad_token_id": 3,
    "position_embedding_type": "absolute",
    "pre_layer_norm": True,
    "type_vocab_size": 2,
    "vocab_size": 27,
}
MASK_ID = 4


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    import modeling_bert

    model = modeling_bert.BertForMaskedLM(BertConfig(**CONFIG))
    randomise(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("_ln.weight"):
                parameter += 1
    ids, mask = batch(CONFIG["vocab_size"], 5, CONFIG["pad_token_id"])
    ids, labels = masked_labels(ids, mask, MASK_ID)

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, return_dict=True)
        return output.hidden_states, output.logits

    write("gena-bert", CONFIG, model, ids, mask, labels, run)


if __name__ == "__main__":
    main()
