"""Makes ngrams.json: held-out entropies of interpolated Witten-Bell n-grams, written down as the formula stands, with dictionaries of contexts.

    python ngrams.py                                        makes the golden
    python ngrams.py FILE TRAINING HELDOUT [nucleotides]     prints the entropies of a text or FASTA file: the first TRAINING symbols counted, the
                                                            next HELDOUT measured
"""

import json
import math
import random
import sys
from collections import Counter, defaultdict
from pathlib import Path


def sequences(symbols):
    """Pieces between gaps (-1)."""
    piece = []
    for symbol in [*symbols, -1]:
        if symbol != -1:
            piece.append(symbol)
        elif piece:
            yield piece
            piece = []


def entropies(training, held_out, alphabet, order):
    followers = defaultdict(Counter)
    for text in training:
        for piece in sequences(text):
            for i, symbol in enumerate(piece):
                for k in range(min(i, order) + 1):
                    followers[tuple(piece[i - k : i])][symbol] += 1
    totals = {context: sum(counter.values()) for context, counter in followers.items()}

    bits, count = [0.0] * (order + 1), 0
    for text in held_out:
        for piece in sequences(text):
            for i, symbol in enumerate(piece):
                p = 1 / alphabet
                count += 1
                for k in range(order + 1):
                    context = tuple(piece[i - k : i]) if k <= i else None
                    if context in followers:
                        kinds = len(followers[context])
                        p = (followers[context][symbol] + kinds * p) / (totals[context] + kinds)
                    bits[k] -= math.log2(p)
    return [b / count for b in bits]


def chain(length, alphabet, seed, gaps=0.0):
    """Symbols that depend on the two before them."""
    draw = random.Random(seed)
    rules = {}
    text = [0, 1 % alphabet]
    while len(text) < length:
        context = tuple(text[-2:])
        if context not in rules:
            rule = random.Random(repr((context, alphabet)))
            rules[context] = [rule.random() ** 4 for _ in range(alphabet)]
        text.append(draw.choices(range(alphabet), rules[context])[0] if draw.random() >= gaps else -1)
    return text


def case(alphabet, order, training, held_out):
    return {
        "alphabet": alphabet,
        "order": order,
        "training": training,
        "heldOut": held_out,
        "bitsPerSymbol": entropies(training, held_out, alphabet, order),
    }


def main():
    golden = {
        "four letters, gaps": case(4, 8, [chain(1500, 4, 1, 0.01), chain(700, 4, 2)], [chain(600, 4, 3, 0.02), [2], [1, 3]]),
        "forty letters": case(40, 3, [chain(1200, 40, 4)], [chain(300, 40, 5), [39, 38, 37, 36]]),
    }
    Path(__file__).with_name("ngrams.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def of_file(path, training, held_out, nucleotides):
    raw = Path(path).read_bytes().decode("utf8")
    if nucleotides:
        raw = "".join(line for line in raw.splitlines() if not line.startswith(">")).upper()
        text = ["ACGT".find(letter) for letter in raw[: training + held_out]]
        alphabet = 4
    else:
        characters = sorted(set(raw[: training + held_out]))
        places = {character: i for i, character in enumerate(characters)}
        text = [places[character] for character in raw[: training + held_out]]
        alphabet = len(characters)
    for order, bits in enumerate(entropies([text[:training]], [text[training:]], alphabet, 8)):
        print(order, repr(bits))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        of_file(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), len(sys.argv) > 4)
