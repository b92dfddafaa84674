"""Writes three vectors the ways that src/models/precomputed/precomputed.ts reads them, as its head says. Needs numpy, pandas, pyarrow.

    python precomputed.py
"""
import hashlib
import json
import os

import numpy
import pandas

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "precomputed")
at = lambda name: os.path.join(HERE, name)
os.makedirs(HERE, exist_ok=True)

vectors = numpy.arange(12, dtype="float32").reshape(3, 4) / 8
sequences = ["ACGT", "acgtn", "GG"]
hashes = [hashlib.sha256(sequence.upper().encode()).hexdigest() for sequence in sequences]

for name, dtype in {"single": "float32", "half": "float16", "double": "float64"}.items():
    numpy.save(at(f"{name}.npy"), vectors.astype(dtype))
    json.dump({"sequences": sequences, "model": "made by hand"}, open(at(f"{name}.json"), "w"))
numpy.save(at("hashed.npy"), vectors)
json.dump({"sha256": hashes}, open(at("hashed.json"), "w"))
for name, array in {"fortran": numpy.asfortranarray(vectors), "big": vectors.astype(">f4")}.items():
    numpy.save(at(f"{name}.npy"), array)
    json.dump({"sequences": sequences}, open(at(f"{name}.json"), "w"))
numpy.save(at("integers.npy"), vectors.astype("int64"))

pandas.DataFrame({"sequence": sequences, "embedding": list(vectors), "label": [0, 1, 0]}).to_parquet(at("list.parquet"))
wide = pandas.DataFrame(vectors, columns=["e3", "e2", "e1", "e0"])  # not in order
wide.assign(sha256=hashes, label=[0, 1, 0], e=1.0).to_parquet(at("wide.parquet"))
pandas.DataFrame({"embedding": list(vectors)}).to_parquet(at("nameless.parquet"))
pandas.DataFrame({"sequence": sequences, "label": [0.0, 1.0, 0.0]}).to_parquet(at("labels.parquet"))
ragged = [vectors[0], vectors[1][:3], vectors[2]]
pandas.DataFrame({"sequence": sequences, "embedding": ragged}).to_parquet(at("ragged.parquet"))
