"""Small Parquet files for the reader's tests, two row groups each: run `python3 table.py` in this folder."""

import random

import pyarrow as pa
import pyarrow.parquet as pq

table = pa.table(
    {
        "name": [f"s{i}" for i in range(6)],
        "seq": ["ACGT", "GGTA", "TTTT", "ACGN", "CCCC", "GATC"],
        "label": pa.array([0, 1, 1, 0, 1, 0], pa.int64()),
        "expression": [0.5, -1.0, 2.25, 3.0, 4.0, 5.5],
        "tags": [["a"], ["a", "b"], [], ["c"], ["b"], ["a"]],
    }
)
for codec in ["snappy", "zstd"]:
    pq.write_table(table, f"table.{codec}.parquet", compression=codec, row_group_size=4)

rng = random.Random(1)
pages = pa.table(
    {
        "id": [f"s{i}" for i in range(40)],
        "sequence": ["".join(rng.choice("ACGT") for _ in range(60)) for _ in range(40)],
        "label": [i % 2 for i in range(40)],
    }
)
pq.write_table(pages, "pages.zstd.parquet", compression="zstd")
