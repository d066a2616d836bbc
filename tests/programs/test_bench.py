"""`make bench` runs benchmarks as they are, holds their figures against what is asked, and writes its document."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from bench import BEGIN, END, HEAD, row, table, written  # noqa: E402
from budgets import BUDGETS  # noqa: E402
from growth import chart  # noqa: E402


def test_a_benchmark_is_held_against_its_budget() -> None:
    """The program runs, notes its figure, and the table says what is asked of it and whether it is kept."""
    arguments = [sys.executable, str(ROOT / "benchmarks/bench.py"), "--only", "agent_delta"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("| a delta of 200 series")]
    assert len(lines) == 1
    assert lines[0].split(" | ")[1] == "at most 150 µs"
    assert lines[0].split(" | ")[3] in {"yes", "**no**"}


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.figure)
def test_what_misses_is_bold(budget: object) -> None:
    """A figure at its budget keeps it, one beyond it does not, one that was not measured is neither."""
    assert isinstance(budget, type(BUDGETS[0]))
    beyond = budget.asked * (0.9 if budget.at_least else 1.1)
    assert row(budget, budget.asked).split(" | ")[3] == "yes"
    assert row(budget, beyond).split(" | ")[2:4] == [f"**{budget.form.format(beyond)}**", "**no**"]
    assert row(budget, None).split(" | ")[2:4] == ["-", "-"]


def test_the_document_has_the_budgets_of_the_program() -> None:
    """Each row of the table in the document is one of these, with what is asked and the command, in their order."""
    document = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    rows = document.partition(BEGIN)[2].partition(END)[0].partition(HEAD)[2].strip().splitlines()
    asked = table({}).removeprefix(HEAD).strip().splitlines()
    assert [_without_figures(line) for line in rows] == [_without_figures(line) for line in asked]


def test_what_was_not_measured_keeps_its_row() -> None:
    """Of a sitting with some of the benchmarks; a row that is new, and was not measured, has a dash."""
    first, second, third = BUDGETS[:3]
    before = table({first.figure: 1.0, second.figure: 1.0}, [first, second])
    rows = table({first.figure: 9.0}, [first, second, third], before).splitlines()[-3:]
    assert rows == [row(first, 9.0), row(second, 1.0), row(third, None)]


def test_only_what_is_between_the_marks_is_written() -> None:
    """Whatever stands before and after stays; a document without marks is refused."""
    assert written(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\nnew\n{END}\nb"
    with pytest.raises(SystemExit, match="are to stand around the table"):
        written(f"a {BEGIN}", "new")


def test_a_chart_has_a_line_for_each_figure() -> None:
    """It is XML; lines rise with what they show, and no name stands on another."""
    drawn = ET.fromstring(chart({"a & b": {100: 0.001, 1000: 0.01}, "c": {100: 0.001, 1000: 0.0101}}))  # noqa: S314 - our own
    lines = drawn.findall("{*}polyline")
    ends = [[float(number) for number in line.attrib["points"].split()[-1].split(",")] for line in lines]
    starts = [[float(number) for number in line.attrib["points"].split()[0].split(",")] for line in lines]
    assert all(end[0] > start[0] and end[1] < start[1] for start, end in zip(starts, ends, strict=True))
    names = {text.text: float(text.attrib["y"]) for text in drawn.findall("{*}text") if text.text in {"a & b", "c"}}
    assert abs(names["a & b"] - names["c"]) >= 12


def _without_figures(line: str) -> tuple[str, ...]:
    what, asked, _, _, command = line.strip("| ").split(" | ")
    return what, asked, command
