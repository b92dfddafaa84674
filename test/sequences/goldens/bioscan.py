"""Makes bioscan.csv, bioscan.tsv and bioscan.json: a small table in the layout of the BIOSCAN-5M metadata file, and what pandas reads
from it and keeps after de-duplication (trailing N stripped, first of identical barcodes kept, whatever its split).
Needs pandas 2. Run in this folder: python bioscan.py"""

import json
import random

import pandas as pd

COLUMNS = (
    "processid sampleid taxon phylum class order family subfamily genus species dna_bin dna_barcode country province_state "
    "coord-lat coord-lon image_measurement_value area_fraction scale_factor inferred_ranks split index_bioscan_1M_insect chunk"
).split()
SPLITS = ["pretrain", "train", "train", "train", "val", "test", "key_unseen", "val_unseen", "test_unseen", "other_heldout"]
PARTS = {
    "pretrain": ["pretrain", "other_heldout"],
    "train": ["train"],
    "valid": ["val"],
    "testSeen": ["test"],
    "testUnseen": ["test_unseen"],
}

random.seed(5)
pool = ["".join(random.choice("ACGT") for _ in range(24)) for _ in range(90)]
rows = []
for i in range(160):
    split = random.choice(SPLITS)
    genus = f"Genus{random.choice('abcde' if 'unseen' in split else 'abcd')}"
    species = None if split == "pretrain" else f"{genus} sp. {random.choice('XY')}{random.randrange(3)}" if "unseen" in split else f"{genus} alba"
    barcode = random.choice(pool) + random.choice(["", "", "N", "NNN"])
    rows.append(
        {
            "processid": f"P{i:03}",
            "sampleid": f"S{i:03}",
            "taxon": species or genus,
            "phylum": "Arthropoda",
            "class": "Insecta",
            "order": "Diptera",
            "genus": None if split == "pretrain" and i % 2 else genus,
            "species": species,
            "dna_bin": None if i % 11 == 0 else f"BOLD:AAA{random.randrange(40):04}",
            "dna_barcode": random.choice([None, "no_data"]) if i % 37 == 5 else barcode,
            "country": random.choice(["Costa Rica", 'Area "de" Conservacion, Guanacaste', "two\nlines"]),
            "coord-lat": round(random.uniform(-50, 50), 3),
            "split": split,
            "chunk": f"{i % 7}",
        }
    )
table = pd.DataFrame(rows, columns=COLUMNS)
table.to_csv("bioscan.csv", index=False)
table.assign(country=table["country"].str.replace("\n", " ").str.replace('"', "")).to_csv("bioscan.tsv", index=False, sep="\t")

read = pd.read_csv("bioscan.csv", dtype=str)
read["dna_barcode"] = read["dna_barcode"].str.rstrip("N")
usable = read[read["dna_barcode"].notna() & (read["dna_barcode"] != "no_data")]
distinct = usable.drop_duplicates(subset=["dna_barcode"])
by_barcode = usable.groupby("dna_barcode")
first = by_barcode[["species", "genus", "dna_bin"]].transform(lambda column: column.iloc[0])
later = usable[usable.duplicated(subset=["dna_barcode"])]
conflict = pd.Series(False, index=later.index)
for name in ["species", "genus", "dna_bin"]:
    a, b = later[name], first.loc[later.index, name]
    conflict |= a.notna() & b.notna() & (a != b)

train = distinct[distinct["split"] == "train"]
unseen = distinct[distinct["split"] == "test_unseen"]
golden = {
    "rows": len(read),
    "usable": len(usable),
    "duplicates": len(later),
    "conflicts": int(conflict.sum()),
    "ids": {part: distinct[distinct["split"].isin(names)]["processid"].tolist() for part, names in PARTS.items()},
    "sequences": dict(zip(distinct["processid"], distinct["dna_barcode"])),
    "unseenOfKnownGenus": unseen[unseen["genus"].isin(train["genus"])]["processid"].tolist(),
    "clustered": distinct[distinct["split"].isin(["test", "test_unseen"]) & distinct["dna_bin"].notna()]
    .set_index("processid")["dna_bin"]
    .to_dict(),
}
with open("bioscan.json", "w") as file:
    json.dump(golden, file, indent=1)
    file.write("\n")
