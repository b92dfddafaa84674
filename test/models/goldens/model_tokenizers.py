"""Token ids of the tokenizers that models of the hub have, and the files that they are made from, in goldens/tokenizers/.

EsmTokenizer (Nucleotide Transformer; here with 3-mers) and BertTokenizer on spaced k-mers (DNABERT) are transformers'. A character-level
tokenizer.json with lower-casing (GPN's kind) is made with `tokenizers`. Those of Caduceus and HyenaDNA are their authors' code, from files named
on the command line:
    python model_tokenizers.py CADUCEUS_REPOSITORY/caduceus/tokenization_caduceus.py HYENADNA_FOLDER/tokenization_hyena.py
"""

import importlib.util
import itertools
import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertTokenizer, EsmTokenizer, PreTrainedTokenizerFast

HERE = Path(__file__).parent / "tokenizers"
SEQUENCES = [
    "ACGTACGTACGT",
    "ACGTACGTACG",
    "ACGTACGTAC",
    "ACGNACGTACGT",
    "ACGTNNNNACGTA",
    "NACGTACGT",
    "NNNN",
    "acgtACGTACGT",
    "ACGTacgtACGT",
    "ACGTRYACGTAC",
    "ACGTACGRA",
    "ACG",
    "TTGCANGGTCCATAGCNNACGGATTTACAGTnACGT",
]
K = 3


def folder(name: str, files: dict[str, object]) -> Path:
    path = HERE / name
    path.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        (path / file).write_text(text)
    return path


def esm() -> EsmTokenizer:
    words = ["".join(letters) for letters in itertools.product("ATCG", repeat=K)]
    lines = ["<unk>", "<pad>", "<mask>", "<cls>", *words, *"ATCGN", "<eos>", "<bos>"]
    settings = {"clean_up_tokenization_spaces": True, "eos_token": None, "model_max_length": 20, "tokenizer_class": "EsmTokenizer"}
    specials = {"cls_token": "<cls>", "mask_token": "<mask>", "pad_token": "<pad>", "unk_token": "<unk>"}
    path = folder(
        "esm", {"vocab.txt": "\n".join(lines), "tokenizer_config.json": settings, "special_tokens_map.json": specials}
    )
    return EsmTokenizer(str(path / "vocab.txt"), eos_token=None)


def dnabert() -> BertTokenizer:
    words = ["".join(letters) for letters in itertools.product("ATCG", repeat=K)]
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    settings = {"do_lower_case": False, "model_max_length": 40, "tokenizer_class": "BertTokenizer"}
    path = folder("dnabert", {"vocab.txt": "\n".join(lines) + "\n", "tokenizer_config.json": settings})
    return BertTokenizer(vocab=str(path / "vocab.txt"), do_lower_case=False)


def lower_case_letters() -> PreTrainedTokenizerFast:
    vocabulary = {"[PAD]": 0, "[MASK]": 1, "[UNK]": 2, "a": 3, "c": 4, "g": 5, "t": 6}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    path = folder("letters", {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}})
    tokenizer.save(str(path / "tokenizer.json"))
    return PreTrainedTokenizerFast(tokenizer_file=str(path / "tokenizer.json"), unk_token="[UNK]", pad_token="[PAD]")


def authors(path: str, name: str, max_length: int):
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)(model_max_length=max_length)


def main() -> None:
    caduceus, hyena = sys.argv[1:]
    bases = {name: {"model_max_length": 40, "padding_side": "left", "tokenizer_class": name} for name in ("CaduceusTokenizer", "HyenaDNATokenizer")}
    for name, settings in bases.items():
        folder(name, {"tokenizer_config.json": settings})
    spaced = lambda text: " ".join(text[i : i + K] for i in range(len(text) - K + 1))
    tokenizers = {
        "esm": (esm(), str),
        "dnabert": (dnabert(), spaced),
        "letters": (lower_case_letters(), str),
        "CaduceusTokenizer": (authors(caduceus, "CaduceusTokenizer", 40), str),
        "HyenaDNATokenizer": (authors(hyena, "HyenaDNATokenizer", 40), str),
    }
    ids = {name: [tokenizer(text(s))["input_ids"] for s in SEQUENCES] for name, (tokenizer, text) in tokenizers.items()}
    text = json.dumps({"sequences": SEQUENCES, "ids": ids}, indent=1)
    (HERE.parent / "tokenizers.golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
