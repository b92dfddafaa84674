"""The other side of embedding.ts: genomic language models in transformers + PyTorch on the CPU, and the folders that both sides read. Run by hand.

    python torch_embedding.py make --model nt-v2-50m --folder FOLDER
    python torch_embedding.py serve --model nt-v2-50m --folder FOLDER --threads 2 --clock wall

make   writes a folder in the hub's layout: the shape of a published model with random weights of the reference implementation's own initialisation,
       and a tokenizer. The BPE words of dnabert-2 are trained on random sequences, so a token has about as many letters as the published 4096 words give.
serve  loads FOLDER, then answers each line {"ids": FILE, "lengths": [...], "budget": 4096, "out": FILE} of standard input with one JSON line
       {seconds, padding}: the mean over real tokens of the last hidden state of every row, in batches of rows of like length that hold at most
       `budget` tokens, padding included; or, where the line has "rows": 8 in its place, in batches of that many rows in the order given, padded to the
       longest. torch.inference_mode, scaled_dot_product_attention, float32. `ids` holds int32 rows one after another.
       Tokenizing is not timed; sorting, padding and pooling are. An empty line ends it; the last line printed is {"peak_mib": ...} (VmHWM).

dnabert-6    BERT-base on overlapping 6-mers, 1024 positions so that 660 letters fit (the published one has 512)
nt-v2-50m    transformers' EsmForMaskedLM, rotary, with the gated feed-forward part of its authors (SiLU(a) b, no biases)
dnabert-2    the authors' bert_layers.py and bert_padding.py (of zhihan1996/DNABERT-2-117M or mosaicml/examples), in --code; needs einops.
             Their flash kernel is for GPUs; this is their PyTorch path

Needs torch, transformers, tokenizers, safetensors and numpy.
"""

import argparse
import itertools
import json
import random
import sys
import time
from pathlib import Path

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
BERT = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 1024,
    "model_type": "bert",
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 4101,
}
ESM = {
    "add_bias_fnn": False,
    "architectures": ["EsmForMaskedLM"],
    "attention_probs_dropout_prob": 0.0,
    "emb_layer_norm_before": False,
    "esmfold_config": None,
    "hidden_dropout_prob": 0.0,
    "hidden_size": 512,
    "initializer_range": 0.02,
    "intermediate_size": 2048,
    "is_folding_model": False,
    "layer_norm_eps": 1e-12,
    "mask_token_id": 2,
    "max_position_embeddings": 2050,
    "model_type": "esm",
    "num_attention_heads": 16,
    "num_hidden_layers": 12,
    "pad_token_id": 1,
    "position_embedding_type": "rotary",
    "tie_word_embeddings": False,
    "token_dropout": False,
    "vocab_list": None,
    "vocab_size": 4107,
}
MOSAIC = {
    **{field: value for field, value in BERT.items() if field not in ("architectures", "model_type", "pad_token_id")},
    "alibi_starting_size": 512,
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {"AutoModelForMaskedLM": "bert_layers.BertForMaskedLM"},
    "max_position_embeddings": 512,
    "vocab_size": 4096,
}


def words(k):
    return ["".join(letters) for letters in itertools.product("ATCG", repeat=k)]


def bert_files():
    settings = {"do_lower_case": False, "model_max_length": 1024, "tokenizer_class": "BertTokenizer"}
    return {"vocab.txt": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words(6)]}, settings


def esm_files():
    settings = {"eos_token": None, "model_max_length": 2048, "tokenizer_class": "EsmTokenizer"}
    return {"vocab.txt": ["<unk>", "<pad>", "<mask>", "<cls>", *words(6), *"ATCGN"]}, settings


def bpe_files():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    draw = random.Random(0)
    text = ("".join(draw.choices("ACGT", k=600)) for _ in range(4000))
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(vocab_size=4096, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, special.index(token)) for token in ("[CLS]", "[SEP]")]
    )
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return {"tokenizer.json": [tokenizer.to_str()]}, settings


def bert(arguments):
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM._from_config(BertConfig(**BERT), attn_implementation="sdpa")


def esm(arguments):
    import torch
    from torch import nn
    from transformers import EsmConfig, EsmForMaskedLM

    class Gated(nn.Module):
        """In place of EsmIntermediate, under the same parameter name. [b, t, d] -> [b, t, f]"""

        def __init__(self, width, inner):
            super().__init__()
            self.dense = nn.Linear(width, 2 * inner, bias=False)

        def forward(self, x):
            gate, value = self.dense(x).chunk(2, dim=-1)
            return torch.nn.functional.silu(gate) * value

    model = EsmForMaskedLM._from_config(EsmConfig(**ESM), attn_implementation="sdpa")
    for layer in model.esm.encoder.layer:
        layer.intermediate = Gated(ESM["hidden_size"], ESM["intermediate_size"])
        layer.output.dense = nn.Linear(ESM["intermediate_size"], ESM["hidden_size"], bias=False)
    return model


def mosaic(arguments):
    if not arguments.code:
        sys.exit("dnabert-2: --code FOLDER with the authors' bert_layers.py is needed")
    sys.path.insert(0, arguments.code)
    import bert_layers
    from transformers import BertConfig

    bert_layers.flash_attn_qkvpacked_func = None
    return bert_layers.BertForMaskedLM(BertConfig(**MOSAIC, pad_token_id=3))


def last_of_mosaic(model, ids, mask):
    """The authors' encoder lists the vectors of real tokens alone. -> [b, t, d]"""
    import torch

    embedded = model.bert.embeddings(ids, torch.zeros_like(ids))
    real = model.bert.encoder(embedded, mask, output_all_encoded_layers=False)[-1]
    if real.dim() == 3:
        return real
    padded = torch.zeros_like(embedded)
    padded[mask.bool()] = real
    return padded


def last_of(body):
    return lambda model, ids, mask: getattr(model, body)(input_ids=ids, attention_mask=mask).last_hidden_state


# name -> (config, files of the tokenizer, model, last hidden state, id of padding)
MODELS = {
    "dnabert-6": (BERT, bert_files, bert, last_of("bert"), 0),
    "nt-v2-50m": (ESM, esm_files, esm, last_of("esm"), 1),
    "dnabert-2": (MOSAIC, bpe_files, mosaic, last_of_mosaic, 3),
}


def make(arguments):
    import torch
    from safetensors.torch import save_file

    config, files, build, _, _ = MODELS[arguments.model]
    torch.manual_seed(0)
    folder = Path(arguments.folder)
    texts, settings = files()
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps(config))
    weights = {name: parameter.detach().clone() for name, parameter in build(arguments).named_parameters()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def in_order(lengths, rows):
    """`rows` at a time, as they come."""
    for start in range(0, len(lengths), rows):
        yield list(range(start, min(start + rows, len(lengths))))


def by_length(lengths, budget):
    """Rows of like length, the longest first: as many as `budget` tokens hold when all are padded to the longest."""
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    while order:
        size = max(1, budget // lengths[order[0]])
        yield order[:size]
        order = order[size:]


def serve(arguments):
    import numpy
    import torch
    import transformers
    from safetensors.torch import load_file

    torch.set_num_threads(arguments.threads)
    _, _, build, last, padding_id = MODELS[arguments.model]
    model = build(arguments).eval()
    missing, unexpected = model.load_state_dict(load_file(Path(arguments.folder) / "model.safetensors"), strict=False)
    tied = [name for name in missing if not name.startswith(("cls.", "lm_head.")) and name not in dict(model.named_buffers())]
    if tied or unexpected:
        sys.exit(f"{arguments.model}: weights missing {tied}, unknown {unexpected}")
    clock = CLOCKS[arguments.clock]
    print(json.dumps({"version": f"PyTorch {torch.__version__}, transformers {transformers.__version__}"}), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        request = json.loads(line)
        lengths = request["lengths"]
        flat = torch.from_numpy(numpy.fromfile(request["ids"], dtype="<i4")).long()
        starts = list(itertools.accumulate(lengths, initial=0))
        vectors = None
        padded = 0
        began = clock()
        with torch.inference_mode():
            chosen = in_order(lengths, request["rows"]) if "rows" in request else by_length(lengths, request["budget"])
            for rows in chosen:
                longest = max(lengths[row] for row in rows)
                padded += longest * len(rows)
                ids = torch.full((len(rows), longest), padding_id)
                mask = torch.zeros_like(ids)
                for place, row in enumerate(rows):
                    ids[place, : lengths[row]] = flat[starts[row] : starts[row] + lengths[row]]
                    mask[place, : lengths[row]] = 1
                states = last(model, ids, mask)  # [rows, longest, d]
                weights = mask.unsqueeze(2).to(states.dtype)
                means = (states * weights).sum(1) / weights.sum(1)
                if vectors is None:
                    vectors = torch.empty(len(lengths), means.shape[1])
                vectors[rows] = means
        seconds = clock() - began
        vectors.numpy().astype("<f4").tofile(request["out"])
        print(json.dumps({"seconds": seconds, "padding": padded / sum(lengths)}), flush=True)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(json.dumps({"peak_mib": peak / 1024}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "serve"])
    parser.add_argument("--model", required=True, choices=list(MODELS))
    parser.add_argument("--folder", required=True)
    parser.add_argument("--code", help="folder of the authors' bert_layers.py, for dnabert-2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    arguments = parser.parse_args()
    {"make": make, "serve": serve}[arguments.mode](arguments)


if __name__ == "__main__":
    main()
