"""Makes alignment.json: scores of best overlap alignments (+1 match, -1 mismatch, -2 per gapped letter, end gaps free).

Two oracles that must agree: the recurrence written out cell by cell, and parasail's semi-global alignment.
Needs: parasail. Run in this folder: python alignment.py
"""

import json
import random

import parasail

MATCH, MISMATCH, GAP = 1, -1, 2


def cell_by_cell(a, b):
    """Needleman and Wunsch's recurrence with a free first row and column; the best of the last row and column."""
    above = [0] * (len(b) + 1)
    best = 0
    for x in a:
        row = [0]
        for j, y in enumerate(b):
            same = x == y and x in "ACGT"
            row.append(max(above[j] + (MATCH if same else MISMATCH), above[j + 1] - GAP, row[j] - GAP))
        best = max(best, row[-1])
        above = row
    return max(best, *above)


MATRIX = parasail.matrix_create("ACGT", MATCH, MISMATCH)
# Every letter that is no base is parasail's last one, which scores 0 by default.
for letter in range(5):
    MATRIX[letter, 4] = MISMATCH
    MATRIX[4, letter] = MISMATCH


def overlap(a, b):
    score = cell_by_cell(a, b)
    if a and b:  # parasail refuses empty sequences, and takes no overlap at all for no alignment
        assert max(0, parasail.sg(a, b, GAP, GAP, MATRIX).score) == score, (a, b)
    return score


rng = random.Random(5)
letters = lambda n, alphabet="ACGT": "".join(rng.choice(alphabet) for _ in range(n))


def relative(a, rate):
    """The sequence again with substitutions, insertions, deletions and a few N."""
    out = []
    for x in a:
        fate = rng.random()
        if fate < rate:
            out.append(rng.choice("ACGTACGTN"))
        elif fate < 1.2 * rate:
            continue
        elif fate < 1.4 * rate:
            out.append(x + letters(1 + rng.randrange(3)))
        else:
            out.append(x)
    return "".join(out)


pairs = [("", ""), ("", "ACGT"), ("A", "A"), ("A", "C"), ("N", "N"), ("AAAA", "AA"), ("ACGTN", "ACGTN")]
for n in (31, 32, 33, 64, 65):  # about the width of a word
    a = letters(n)
    pairs += [(a, a), (a, relative(a, 0.2)), (a, letters(n))]
for rate in (0.02, 0.1, 0.2, 0.4):  # staggered relatives: each lacks what the other begins or ends with
    for _ in range(6):
        a = letters(rng.randrange(60, 260))
        b = relative(a, rate)
        cut = rng.randrange(0, 40)
        pairs += [(a[cut:], b[: len(b) - rng.randrange(1, 40)]), (letters(30) + a, b[cut:])]
for _ in range(6):  # two letters: many equal ways
    pairs.append((letters(rng.randrange(1, 120), "AT"), letters(rng.randrange(1, 120), "AT")))
barcode = letters(658)
pairs += [(barcode, relative(barcode, 0.15)[80:]), (relative(barcode, 0.1), barcode[:430])]

json.dump([{"a": a, "b": b, "score": overlap(a, b)} for a, b in pairs], open("alignment.json", "w"), indent=0)
