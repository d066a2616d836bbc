"""The figures of docs/sizing.md are those of the pages that they name."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.house.source import read

PAGE: Final = read("docs/sizing.md")
NUMBER: Final = r"([\d,.]+)"
ROWS: Final = re.findall(
    rf"^\| {NUMBER} \| {NUMBER} \| {NUMBER} MiB: \S+ \| {NUMBER} % \| {NUMBER} GB \|"
    rf" {NUMBER} MB \| {NUMBER} s \| {NUMBER} s \|$",
    PAGE,
    re.MULTILINE,
)
"""Of each fleet: nodes, frames a second, memory, part of a core, stream, checkpoint, ready with one and without."""

COUNTERS: Final = 100
INTERVAL: Final = 10
DAYS: Final = 3


def growth(figure: str) -> list[float]:
    """Return a row of the table of docs/scale.md: of 100, 1,000, 10,000 and 100,000 nodes."""
    [row] = re.findall(rf"^\| {figure} \| (.+) \|$", read("docs/scale.md"), re.MULTILINE)
    return [float(cell) for cell in row.split(" | ")[:4]]


def sized(what: str) -> int:
    """Return a row of the page's rule for memory, in bytes."""
    [number, unit] = re.findall(rf"^\| {what} \| ([\d,]+)( MiB)? \|$", PAGE, re.MULTILINE)[0]
    return int(number.replace(",", "")) * (2**20 if unit else 1)


def close(told: str, true: float) -> bool:
    """Tell whether a figure is the true one, as far as it is written."""
    return float(told.replace(",", "")) == pytest.approx(true, rel=0.06)


def test_there_are_four_fleets() -> None:
    """They are what `make scale` measures."""
    assert [row[0] for row in ROWS] == ["100", "1,000", "10,000", "100,000"]


def test_what_is_measured_is_as_measured() -> None:
    """Checkpoints, and the time until ready, with a checkpoint and without."""
    for column, figure, unit in (
        (5, "checkpoint bytes", 1e6),
        (6, "ready with checkpoint s", 1.0),
        (7, "ready without checkpoint s", 1.0),
    ):
        for row, true in zip(ROWS, growth(figure), strict=True):
            assert close(row[column], round(true / unit, 2)), (row[0], figure)


def test_what_is_computed_follows_from_the_rules() -> None:
    """Memory by the rule below the table; the core by what a delta costs, twice, and the stream by a frame's bytes."""
    [per_frame] = re.findall(r"^\| stream \| (\d+) bytes a frame", PAGE, re.MULTILINE)
    for row, delta in zip(ROWS, growth("CPU a delta s"), strict=True):
        nodes = int(row[0].replace(",", ""))
        frames = nodes / INTERVAL
        memory = sized("to begin with") + COUNTERS * sized("a label set, once for the fleet")
        memory += nodes * (sized("a node") + COUNTERS * sized("a counter or gauge of a node"))
        assert close(row[1], frames)
        assert close(row[2], memory / 2**20)
        assert float(row[3]) == pytest.approx(2 * delta * frames * 100, rel=0.2)
        assert close(row[4], int(per_frame) * frames * 86400 * DAYS / 1e9)


def test_the_rules_are_those_of_their_pages() -> None:
    """Memory's rule, a frame's bytes, and what the SDK takes."""
    memory = read("docs/memory.md")
    for rule in ("3 kB a node", "200 B a counter or gauge", "64 B a bucket", "500 B a label set", "and 100 MiB"):
        assert rule in memory.replace("\n", " ").replace("**", ""), rule
    [rate] = re.findall(r"network into the servers MB/s \| ([\d.]+) \|", read("docs/scale.md"))
    assert f"{float(rate) * 1e6 / (1_000_000 / INTERVAL):.0f} bytes a frame" in PAGE
    assert "| memory a series                        |              619.6 B" in read("docs/benchmarks-sdk.md")
    for bytes_, page in (
        ("| 175 |", "benchmarks"),
        ("1.9", "history"),
        ("32 MB", "benchmarks"),
        ("0.4 %", "benchmarks"),
    ):
        assert bytes_ in read(f"docs/{page}.md")
        assert bytes_ in PAGE
