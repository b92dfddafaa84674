"""Goldens for one-hot, k-mer counts, k-mer tokens, reverse complement, xoshiro128** and near-duplicate pairs.

Written from the definitions with plain strings, sets and dictionaries: run `python3 encodings.py > encodings.json`.
"""

import itertools
import json
import random

random.seed(7)
PAIRS = dict(zip("ACGTRYKMBVDHSWN", "TGCAYRMKVBHDSWN"))


def draw(n, letters="ACGT"):
    return "".join(random.choice(letters) for _ in range(n))


def revcomp(s):
    return "".join(PAIRS[c] for c in reversed(s))


sequences = [draw(13), draw(9, "ACGTN"), draw(5, "ACGTRYKMBVDHSWN"), "ACGT", "N", draw(17, "ACGTACGTACGTN")]


def one_hot(s, length, channels, center):
    offset = (length - len(s)) // 2 if center else 0
    rows = [[0] * length for _ in range(channels)]
    for i, c in enumerate(s):
        row = "ACGT".find(c)
        if row < 0:
            row = 4
        if row < channels:
            rows[row][offset + i] = 1
    return rows


def kmers(s, ks, canonical, normalise):
    values = []
    for k in ks:
        names = ["".join(p) for p in itertools.product("ACGT", repeat=k)]
        if canonical:
            names = [n for n in names if n <= revcomp(n)]
        counts = dict.fromkeys(names, 0)
        for i in range(len(s) - k + 1):
            word = s[i : i + k]
            if set(word) <= set("ACGT"):
                counts[min(word, revcomp(word)) if canonical else word] += 1
        total = sum(counts.values())
        values += [c / total if normalise and total else c for c in counts.values()]
    return values


def tokens(s, k, stride, length, offset):
    vocabulary = ["[MASK]", "[UNK]"] + ["".join(p) for p in itertools.product("ACGT", repeat=k)]
    index = {word: i for i, word in enumerate(vocabulary)}
    x = s.rstrip("N")[offset:][:length]
    mask = [1] * (len(x) // k) + [0] * (length // k - len(x) // k)
    x += "N" * (length - len(x))
    ids = [index.get(x[i : i + k], 1) for i in range(0, length - k + 1, stride)]
    return {"ids": ids, "mask": mask if stride == k else None}


def xoshiro128(state, n):
    rotl = lambda x, r: ((x << r) | (x >> (32 - r))) & 0xFFFFFFFF
    out = []
    s = list(state)
    for _ in range(n):
        out.append((rotl((s[1] * 5) & 0xFFFFFFFF, 7) * 9) & 0xFFFFFFFF)
        t = (s[1] << 9) & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)
    return out


def kmer_set(s, k):
    words = (s[i : i + k] for i in range(len(s) - k + 1))
    return {min(w, revcomp(w)) for w in words if set(w) <= set("ACGT")}


def mutate(s, n):
    s = list(s)
    for i in random.sample(range(len(s)), n):
        s[i] = random.choice("ACGTN")
    return "".join(s)


families = []
for _ in range(25):
    parent = draw(120)
    for _ in range(6):
        child = mutate(parent, random.randint(0, 4))
        families.append(revcomp(child) if random.random() < 0.5 else child)
families = sorted({min(s, revcomp(s)) for s in families})
sets = [kmer_set(s, 8) for s in families]
near = [
    [i, j]
    for i, j in itertools.combinations(range(len(families)), 2)
    if len(sets[i] & sets[j]) >= 0.8 * len(sets[i] | sets[j])
]

print(
    json.dumps(
        {
            "sequences": sequences,
            "oneHot": {
                "left4": [one_hot(s, 18, 4, False) for s in sequences],
                "center5": [one_hot(s, 18, 5, True) for s in sequences],
            },
            "kmers": {
                "plain": [kmers(s, [1, 3], False, False) for s in sequences],
                "canonicalNormalised": [kmers(s, [2, 3], True, True) for s in sequences],
            },
            "tokens": {
                "k4": [tokens(s, 4, 4, 18, 0) for s in sequences],
                "k3offset": [tokens(s, 3, 3, 12, i % 3) for i, s in enumerate(sequences)],
                "k3stride1": [tokens(s, 3, 1, 18, 0) for s in sequences],
            },
            "reverseComplements": [revcomp(s) for s in sequences],
            "xoshiro128": {"state": [1, 2, 3, 4], "words": xoshiro128([1, 2, 3, 4], 10)},
            "near": {"sequences": families, "pairs": near},
        }
    )
)
