"""Delimited text and what Python's csv module reads in it -> delimited.json. Needs Python only: python3 delimited.py"""
import csv, io, json, random
from pathlib import Path

rng = random.Random(11)
LETTERS = ["a", "b", "ACGT", " ", '"', '""', "'", ",", ";", "\t", "\n", "x y", "5\" jar", ""]


def field(letters, most=4):
    return "".join(rng.choice(letters) for _ in range(rng.randrange(most)))


def read(text, **options):
    return [row for row in csv.reader(io.StringIO(text, newline=""), **options) if row]


def written(between, quoting):
    """A table as csv.writer writes it: any letters, quoted where needed or everywhere."""
    width = rng.randrange(2, 5)
    # A field that begins with blanks and a quote is quoted to us, text to Python.
    rows = [[field(LETTERS).lstrip(' ') for _ in range(width)] for _ in range(rng.randrange(1, 6))]
    rows.insert(0, [f"c{i}" for i in range(width)])
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=between, quoting=quoting, lineterminator=rng.choice(["\n", "\r\n"])).writerows(rows)
    text = buffer.getvalue()
    assert read(text, delimiter=between) == rows
    return text, rows


def swallows(rows, between, quoting):
    """A row over lines each of which looks like a whole row: refused by us."""
    for row in rows:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=between, quoting=quoting, lineterminator="").writerow(row)
        lines = buffer.getvalue().split("\n")
        if 1 < len(lines) and len(lines) + len(row) > 4 and all(len(x.split(between)) == len(row) for x in lines):
            return True
    return False


cases = []
for i in range(300):
    between = "," if i % 3 else ";"
    quoting = csv.QUOTE_ALL if i % 2 else csv.QUOTE_MINIMAL
    text, rows = written(between, quoting)
    if swallows(rows, between, quoting):
        continue
    cases.append({"format": "csv", "text": text, "rows": rows})
for i in range(100):
    text, rows = written("\t", csv.QUOTE_ALL)
    # Tab-separated text with every field quoted; line breaks inside quotes only where the first line does not look whole.
    if all("\n" not in value for row in rows for value in row):
        cases.append({"format": "tsv", "text": text, "rows": rows})
STRAY = ["a", "ACGT", " ", '"', "'", ",", "5\" jar", '"Candidatus X', ""]
for i in range(300):
    width = rng.randrange(2, 5)
    rows = [[f"c{c}" for c in range(width)]]
    while len(rows) < rng.randrange(2, 9):
        row = [field(STRAY) for _ in range(width)]
        # Both ends quoted: text to QUOTE_NONE, a quoted field to us.
        if any(len(v.strip()) > 1 and v.strip()[0] == v.strip()[-1] == '"' for v in row):
            continue
        rows.append(row)
    text = "".join("\t".join(row) + "\n" for row in rows)
    assert read(text, delimiter="\t", quoting=csv.QUOTE_NONE) == rows
    cases.append({"format": "tsv", "text": text, "rows": rows})

Path(__file__).with_suffix(".json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print(len(cases), "cases")
