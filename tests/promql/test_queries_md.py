"""The page of the language: its tables list all there is, and each example has been tried against Prometheus."""

from __future__ import annotations

import re
from typing import Final

import pytest

from fog_aggregator.promql import MemoryStorage
from fog_aggregator.promql.evaluation.context import Limits
from fog_aggregator.promql.evaluation.elementwise import ARITHMETIC, COMPARISON
from fog_aggregator.promql.evaluation.functions import FUNCTIONS
from fog_aggregator.promql.language.parse import AGGREGATIONS
from fog_aggregator.promql.language.scan import MAX_NESTING, MAX_OPERATORS, MAX_TEXT
from fog_aggregator.promql.language.tree import SET_OPERATORS
from tests.house.source import read
from tests.promql.comparing import answers, difference
from tests.promql.grammar import LENGTH, START, random_series
from tests.promql.prometheus import Prometheus

PAGE: Final = read("docs/queries.md")
ROW: Final = re.compile(r"^\| (.+) \| (.+) \| `(.+)` \| ([\d.]*) ?\|$", re.MULTILINE)
RANGE: Final = (START + 300_000, START + LENGTH, 30_000)


def rows(title: str) -> list[tuple[str, str, str]]:
    """Take the rows of a section's table: the name, the example, and since when it is there."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [(row[1].strip("`"), row[3].replace(r"\|", "|"), row[4]) for row in ROW.finditer(section)]


EXAMPLES: Final = [
    (expression, since)
    for title in ("Selectors and modifiers", "Operators", "Aggregations", "Functions")
    for _, expression, since in rows(title)
]


def test_the_tables_list_all_there_is_in_order() -> None:
    """Functions, aggregations and operators, and nothing else."""
    functions = [name for name, _, _ in rows("Functions")]
    assert functions == sorted(FUNCTIONS)
    assert {name for name, _, _ in rows("Aggregations")} == AGGREGATIONS
    assert {name for name, _, _ in rows("Operators")} == {*ARITHMETIC, *COMPARISON, *SET_OPERATORS}
    assert len(rows("Selectors and modifiers")) == 8


def test_examples_use_what_they_are_of() -> None:
    """Each function, aggregation and operator stands in its own example."""
    for title in ("Functions", "Aggregations"):
        for name, expression, _ in rows(title):
            assert re.search(rf"\b{name}\b", expression), name
    for name, expression, _ in rows("Operators"):
        assert name in expression, name


def test_the_limits_are_those_of_the_code() -> None:
    """Text, brackets, operators, values, series and points."""
    limits = Limits()
    assert f"{MAX_TEXT:,} bytes, {MAX_NESTING} nested brackets and {MAX_OPERATORS} operators" in PAGE
    assert f"{limits.samples // 10**6} million values" in PAGE
    assert f"{limits.series:,} series and return {limits.points:,} points" in PAGE.replace("\nread", " read")


@pytest.fixture(scope="module")
def storage() -> MemoryStorage:
    """Hold the series that Prometheus has too."""
    return MemoryStorage(random_series(1))


@pytest.mark.parametrize(("expression", "since"), EXAMPLES, ids=[expression for expression, _ in EXAMPLES])
def test_examples_have_the_same_answers(
    prometheus: Prometheus, storage: MemoryStorage, expression: str, since: str
) -> None:
    """At a moment and over a range; of what is newer than the judge, that there is an answer."""
    for moments in ((START + 1_207_000,), RANGE):
        theirs, ours = answers(prometheus, storage, expression, moments)
        assert ours["data"]["result"], "an example that selects nothing shows nothing"
        assert since or difference(theirs, ours) == "", expression
