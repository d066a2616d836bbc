"""`make scale` measures fleets, each in a process of its own, and computes what a million nodes need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "benchmarks/scale.py"
sys.path.insert(0, str(ROOT / "benchmarks"))

from scale import (  # noqa: E402
    DOCUMENT,
    a_million,
    exponent,
    growth_table,
    million_table,
    tiers_table,
    written,
)


def test_small_fleets_have_every_figure() -> None:
    """Two sizes are enough for exponents; no figure is missing, and none is of a fleet that was not read."""
    arguments = [sys.executable, str(PROGRAM), "--nodes", "20,200", "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(done.stdout)
    assert set(told["nodes"]) == {"20", "200"}
    assert set(told["exponents"]) == set(told["nodes"]["20"]) == set(told["nodes"]["200"])
    assert told["nodes"]["200"]["checkpoint bytes"] > 5 * told["nodes"]["20"]["checkpoint bytes"] > 0
    assert told["nodes"]["200"]["ready with checkpoint s"] > 0
    assert told["nodes"]["20"]["memory bytes"] < 20e6, "of the fleet, and not of what is loaded to merge it"
    assert told["a million nodes"]["frames a second"] == 100_000
    assert all(value >= 0 for value in told["a million nodes"].values())
    assert rows("figure").keys() == told["exponents"].keys(), "the document has these figures, in this order"


def rows(head: str) -> dict[str, list[str]]:
    """Return the rows of the table of docs/scale.md whose head begins so, by their first cell."""
    [table] = re.findall(
        rf"^\| {head} [^\n]*\n\|---[^\n]*\n((?:\|[^\n]*\n)+)", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {name: values for name, *values in cells}


def test_the_document_is_what_the_program_writes() -> None:
    """Exponents follow from its figures, and so does what a million nodes need."""
    sizes = (100, 1_000, 10_000, 100_000)
    found = {size: {name: float(row[at]) for name, row in rows("figure").items()} for at, size in enumerate(sizes)}
    for name, row in rows("figure").items():
        slope = exponent({size: figures[name] for size, figures in found.items()})
        assert float(row[-1]) == pytest.approx(slope, abs=0.011), name
    needs, told = a_million(sizes[-1], found[sizes[-1]]), rows("a million nodes")
    assert list(told) == list(needs)
    for name, [value] in told.items():
        assert float(value) == pytest.approx(needs[name], rel=0.02), name


def test_tables_are_written_in_their_places() -> None:
    """The text around them stays; a document that has no place for one is refused."""
    document = DOCUMENT.read_text(encoding="utf-8")
    growth, million, tiers = growth_table({10: {"a": 1.0}}), million_table({"b": 2.0}), tiers_table({600: {"c": 3.0}})
    for table in (growth, million, tiers):
        document = written(document, table)
    assert all(f"\n\n{table}\n\n" in document for table in (growth, million, tiers))
    before, after = (
        re.sub(r"^\|.*\n", "", text, flags=re.MULTILINE) for text in (DOCUMENT.read_text("utf-8"), document)
    )
    assert before == after
    with pytest.raises(SystemExit, match="is to stand where the new one goes"):
        written("nothing", tiers)
