"""What Python makes of a tokenizer.json that pre-training reads, and of the folder that it leaves (tiny-bpe-pretrained.ts).

ids: letters under tiny-bpe-bert/tokenizer.json in huggingface/tokenizers, without special tokens. folder: the same letters in the
tokenizer and the model that transformers loads from tiny-bpe-pretrained/. step: loss and gradients of its head, places drawn here, those
asked for shown as [MASK]. Classes are the ordinary tokens in the order of their ids. Run: python tiny_bpe_pretrained.py
"""

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertForTokenClassification

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "tiny-bpe-pretrained"
random.seed(11)
torch.manual_seed(11)


def letters(length, alphabet):
    return "".join(random.choice(alphabet) for _ in range(length))


def rounded(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


sequences = (
    [letters(random.randint(1, 40), "ACGT") for _ in range(12)]
    + [letters(random.randint(10, 40), "ACGTACGTN") for _ in range(12)]
    + ["N", "NNNNNN", "ANNNNA", "TATAAATATAAATATAAANNNN", "ACRYGT", "A", "ACGGTA" * 6]
)
source = Tokenizer.from_file(str(HERE / "tiny-bpe-bert" / "tokenizer.json"))
ids = [encoding.ids for encoding in source.encode_batch(sequences, add_special_tokens=False)]

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
assert [tokenizer(sequence)["input_ids"] for sequence in sequences] == ids
assert (tokenizer.pad_token_id, tokenizer.mask_token_id, tokenizer.unk_token_id) == (1, 4, 0)
model, info = BertForTokenClassification.from_pretrained(FOLDER, output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
model.eval()

chosen = sequences[10:14]
batch = tokenizer(chosen, padding=True, return_tensors="pt")
input_ids, attention = batch["input_ids"], batch["attention_mask"]
with torch.no_grad():
    output = model(input_ids=input_ids, attention_mask=attention, output_hidden_states=True)

special = set(tokenizer.all_special_ids) | {tokenizer.convert_tokens_to_ids(token) for token in ("[CLS]", "[SEP]")}
ordinary = [i for i in range(len(tokenizer)) if i not in special]
asked = torch.zeros_like(input_ids, dtype=torch.bool)
for row in range(len(chosen)):
    for place in range(input_ids.shape[1]):
        known = int(attention[row, place]) == 1 and int(input_ids[row, place]) in ordinary
        asked[row, place] = known and random.random() < 0.4
shown = torch.where(asked, tokenizer.mask_token_id, input_ids)
labels = torch.tensor([ordinary.index(i) for i in input_ids[asked].tolist()])
logits = model(input_ids=shown, attention_mask=attention).logits[asked]
loss = torch.nn.functional.cross_entropy(logits, labels)
loss.backward()

golden = {
    "sequences": sequences,
    "ids": ids,
    "classes": len(ordinary),
    "batch": {"sequences": chosen, "shape": list(input_ids.shape), "ids": input_ids.flatten().tolist(), "mask": attention.flatten().tolist()},
    "hiddenStates": [rounded(state) for state in output.hidden_states],
    "logits": rounded(output.logits),
    "step": {
        "places": [row.nonzero().flatten().tolist() for row in asked],
        "loss": loss.item(),
        "gradients": {name: {"shape": list(p.shape), "values": rounded(p.grad)} for name, p in model.named_parameters()},
    },
}
(HERE / "tiny_bpe_pretrained.golden.json").write_text(json.dumps(golden) + "\n")
