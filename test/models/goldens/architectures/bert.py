"""BERT as DNABERT's checkpoints have it: transformers' BertForMaskedLM with 2-mers. Usage: python bert.py"""

import json

from golden import batch, kmer_words, masked_labels, randomise, write
from transformers import BertConfig, BertForMaskedLM

CONFIG = {
    "architectures": ["BertForMaskedLM"],
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
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 21,
}
MASK_ID = 4


def main() -> None:
    model = BertForMaskedLM(BertConfig(**CONFIG))
    randomise(model)
    ids, mask = batch(CONFIG["vocab_size"], 5, 0)
    ids, labels = masked_labels(ids, mask, MASK_ID)

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return output.hidden_states, output.logits

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kmer_words(2)]
    settings = {"do_lower_case": False, "model_max_length": 24, "tokenizer_class": "BertTokenizer"}
    files = {"vocab.txt": "\n".join(words) + "\n", "tokenizer_config.json": json.dumps(settings, indent=2) + "\n"}
    write("bert", CONFIG, model, ids, mask, labels, run, files)


if __name__ == "__main__":
    main()
