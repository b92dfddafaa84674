"""Hashes of the token ids that `tokenizers` gives for sequences of 10 kb with runs of N, by tokenizers made here.

Writes goldens/long-tokenizers/NAME/tokenizer.json and goldens/long_tokenizers.golden.json. Needs `tokenizers` alone:
    python long_tokenizers.py
"""

import hashlib
import itertools
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = Path(__file__).parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def letters(count: int, seed: int, alphabet: str = "ACGT") -> str:
    """A linear congruential generator (Numerical Recipes), so that the test can make the same letters."""
    state, out = seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        out.append(alphabet[(state >> 24) % len(alphabet)])
    return "".join(out)


SEQUENCES = [
    letters(10_000, 1),
    letters(4_000, 2) + "N" * 2_000 + letters(4_000, 3),
    "N" * 10_000,
    "A" * 10_000,
    letters(500, 4) + "n" * 100 + letters(500, 5).lower(),
]


def pieces() -> dict[str, int]:
    words = [*SPECIAL, *"ACGTN", *(f"##{x}" for x in "ACGTN")]
    for k in (2, 3, 5, 8):
        for i in range(40):
            word = letters(k, 100 * k + i)
            words += [word, f"##{word}"]
    return {word: i for i, word in enumerate(dict.fromkeys(words))}


def with_ends(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens(SPECIAL)
    ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    return tokenizer


def word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(pieces(), unk_token="[UNK]", max_input_chars_per_word=100_000))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return with_ends(tokenizer)


def bpe() -> Tokenizer:
    pairs = [("A", "C"), ("G", "T"), ("AC", "GT"), ("T", "T"), ("N", "N"), ("NN", "NN"), ("A", "A"), ("AA", "AA")]
    words = [*SPECIAL, *"ACGTN", *("".join(pair) for pair in pairs)]
    vocabulary = {word: i for i, word in enumerate(dict.fromkeys(words))}
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return with_ends(tokenizer)


def split_k_mers() -> Tokenizer:
    words = [*SPECIAL, *("".join(word) for word in itertools.product("ACGT", repeat=3))]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(".{3}"), "isolated")
    return with_ends(tokenizer)


golden = {}
for name, tokenizer in {"word-piece": word_piece(), "bpe": bpe(), "split-3-mers": split_k_mers()}.items():
    folder = HERE / "long-tokenizers" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    rows = [tokenizer.encode(sequence).ids for sequence in SEQUENCES]
    golden[name] = [
        {"tokens": len(row), "sha256": hashlib.sha256(",".join(map(str, row)).encode()).hexdigest()} for row in rows
    ]
(HERE / "long_tokenizers.golden.json").write_text(json.dumps(golden, indent=2) + "\n")
