"""Goldens of byte-pair encoding: what huggingface/tokenizers learns from two small made-up corpora, the file it saves, and the ids it gives.

    pip install tokenizers && python bpe.py        (tokenizers 0.23.3 made what is committed)
"""
import json
import os
import random

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.trainers import BpeTrainer

SPECIAL = ["<UNK>", "<PAD>", "<CLS>", "<SEP>", "<MASK>"]
UNUSUAL = r"""[^a-zA-Z0-9 .,;:!?"'()\-–—/\\&%$€@#\[\]{}<>]+"""
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bpe")


def text_corpus(rng):
    syllables = ["ba", "re", "tion", "st", "e", "ing", "mo", "lo", "qu", "is", "the", "an", "ly", "or"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(300)]
    # Characters that are cleaned away: letters with marks, pairs of surrogates, what JavaScript and Rust class differently.
    words += ["na\u00efve", "caf\u00e9", "\u03b1\u03b2\u03b3", "\ufb01ne", "a\u0301b", "x\u00b2", "\U0001d49c\U0001f600", "snake_case", "\u2014", "\u20ac5"]
    marks = [" ", " ", " ", ", ", ". ", "\n", "\t", "\u00a0", "\ufeff", "\u0085", "\u2028", " (", ") ", "--", "&&", "[x]", "\\", '"']
    weights = [1 / (i + 1) for i in range(len(words))]
    return ["".join(w + rng.choice(marks) for w in rng.choices(words, weights, k=60)) for _ in range(60)]


def dna_corpus(rng):
    """Chunks with repeats, so that merges run long, among them runs of one letter and tandem repeats: pairs that overlap themselves."""
    parts = ["".join(rng.choices("ACGT", k=rng.randint(3, 25))) for _ in range(40)] + ["A" * 9, "T" * 12, "CA" * 7, "GAA" * 6]
    chunks = []
    for _ in range(50):
        made = "".join(p if rng.random() < 0.5 else "".join(rng.choices("ACGT", [4, 2, 2, 4], k=8)) for p in rng.choices(parts, k=25))
        chunks.append(made[:300])
    return chunks


def golden(name, corpus, size, tokenizer, probes):
    tokenizer.train_from_iterator(corpus, BpeTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False))
    saved = json.loads(tokenizer.to_str())
    ids = [{"text": text, "ids": tokenizer.encode(text).ids} for text in probes]
    with open(os.path.join(HERE, f"{name}.json"), "w") as file:
        json.dump({"size": size, "corpus": corpus, "probes": ids, "tokenizer": saved}, file)


os.makedirs(HERE, exist_ok=True)
rng = random.Random(7)
text = Tokenizer(BPE(unk_token="<UNK>"))
text.normalizer = Replace(Regex(UNUSUAL), " ")
text.pre_tokenizer = Whitespace()
corpus = text_corpus(rng)
golden("text", corpus, 300, text, corpus[:4] + text_corpus(rng)[:4] + ["zzz ZZZ", "caf\u00e9\u0085na\u00efve\ufeffx", "", "  "])

dna = Tokenizer(BPE(unk_token="<UNK>"))
corpus = dna_corpus(rng)
golden("dna", corpus, 500, dna, corpus[:4] + dna_corpus(rng)[:4] + ["ACGTNNNACGNT", "N", "A"])
