"""A tiny BertForMaskedLM with a BPE tokenizer.json, as models of the hub lie in their folders, and what transformers makes of some sequences.

Run by hand: `python tiny_bpe_bert.py` writes tiny-bpe-bert/ and tiny_bpe_bert.golden.json beside itself. Needs torch, transformers, tokenizers.
"""

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "tiny-bpe-bert"
SPECIAL = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]

random.seed(7)
torch.manual_seed(7)
corpus = ["".join(random.choice("ACGT") for _ in range(60)) + "TATAAA" * 3 for _ in range(200)]
tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=40, special_tokens=SPECIAL))
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
fast = PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]"
)
config = BertConfig(
    vocab_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=24,
    pad_token_id=1,
)
model = BertForMaskedLM(config).eval()
with torch.no_grad():
    for parameter in model.parameters():
        parameter.copy_(torch.randn_like(parameter) * 0.3)
fast.save_pretrained(FOLDER)
model.save_pretrained(FOLDER, safe_serialization=True)
for extra in ("special_tokens_map.json", "generation_config.json"):
    (FOLDER / extra).unlink(missing_ok=True)

sequences = ["ACGTACGTTATAAA", "TATAAATATAAA", "A", "GGGNACCC", "ACGTTGCATATAAAGC"]
batch = fast(sequences, padding=True, return_tensors="pt")
with torch.no_grad():
    states = model(**batch, output_hidden_states=True).hidden_states
(HERE / "tiny_bpe_bert.golden.json").write_text(
    json.dumps(
        {
            "sequences": sequences,
            "ids": [[t for t, m in zip(row, mask) if m] for row, mask in zip(batch["input_ids"].tolist(), batch["attention_mask"].tolist())],
            "means": [
                [[round(v, 6) for v in (state[i] * batch["attention_mask"][i][:, None]).sum(0).div(batch["attention_mask"][i].sum()).tolist()]
                 for i in range(len(sequences))]
                for state in states
            ],
        }
    )
    + "\n"
)
