"""Goldens of the k-mer tokenizer of BarcodeBERT and BarcodeMAE: ids and attention masks of whole sequences, for goldens.py.

Follows github bioscan-ml/BarcodeMAE (barcodebert/datasets.py, data/data_split.py): N's at the end are stripped when the tables are made; `offset`
letters are dropped from the start; longer than 660 is cut, shorter filled up with N; words of k letters without overlap; [MASK] 0, [UNK] 1, then
the words over ACGT in lexicographic order; a word with any other letter, a lower-case one too, is [UNK]. The mask has 660 // k places, ones for the
first length // k of them. A sequence cut to 660 has ones throughout.

tokenizer.json: maxLength 660; cases: name, sequence, k, stripTrailingN (whether the end was stripped), offset, ids and attentionMask as run-length
pairs [value, count, value, count, ...].
"""

from itertools import groupby, product
from random import Random

MAX_LENGTH = 660


def tokenize(sequence, k, strip, offset):
    vocabulary = {"".join(letters): 2 + i for i, letters in enumerate(product("ACGT", repeat=k))}
    kept = (sequence.rstrip("N") if strip else sequence)[offset:]
    padded = kept[:MAX_LENGTH].ljust(MAX_LENGTH, "N")
    ids = [vocabulary.get(padded[i : i + k], 1) for i in range(0, MAX_LENGTH - k + 1, k)]
    ones = min(len(kept), MAX_LENGTH) // k
    return ids, [1] * ones + [0] * (MAX_LENGTH // k - ones)


def runs(values):
    return [number for value, group in groupby(values) for number in (value, len(list(group)))]


def sequences():
    random = Random(11)
    dna = lambda length: "".join(random.choices("ACGT", k=length))
    exact = dna(660)
    interior = dna(203)
    return {
        "short": "ACGTTGCATGCCA",
        "shorter than a word": "ACG",
        "exactly 660": exact,
        "659": exact[:659],
        "661": exact + "G",
        "longer than 660": exact + dna(41),
        "length not divisible": dna(653),
        "lower case": "acgtTGCATGCCAacgtACGTACGT",
        "interior N": interior[:60] + "N" + interior[61:120] + "NNNNNNNNNNNN" + interior[132:],
        "N's at the end": interior[:100] + "N" * 30,
        "N's at both ends": "NNNNN" + interior[:90] + "N" * 7,
        "N's past 660": exact[:640] + "N" * 60,
        "IUPAC letters": "ACGTRYACGTACGTSWACKMACGTBDHVACGT-ACGTACGTACGU",
        "only N": "N" * 50,
        "first and last words": "AAAAAATTTTTTAAAAACTTTTTGCAAAAAGTTTTT",
    }


def golden():
    cases = []
    for name, sequence in sequences().items():
        ends = (False, True) if sequence.endswith("N") else (True,)
        offsets = (0, 1, 3) if name in ("short", "exactly 660", "661") else (0,)
        for k in (4, 6):
            for strip in ends:
                for offset in offsets:
                    ids, mask = tokenize(sequence, k, strip, offset)
                    facts = {"name": name, "sequence": sequence, "k": k, "stripTrailingN": strip, "offset": offset}
                    cases.append(facts | {"ids": runs(ids), "attentionMask": runs(mask)})
    return {"maxLength": MAX_LENGTH, "cases": cases}
