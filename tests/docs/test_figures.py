"""A figure that a page takes from a measurement is on the page that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.house.source import read

PAGES: Final = (
    *("agent", "aggregator", "comparison", "concepts", "faq"),
    *("operations", "quick-start", "security", "sizing"),
)
MEASURED: Final = r"(benchmarks|benchmarks-sdk|history|memory|permissions|scale)\.md"
"""Pages of measurements, with their commands."""

BLOCK: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CITED: Final = re.compile(rf"\(\[[^\]]+\]\({MEASURED}[^)]*\)[^()]*\)")
ROW: Final = re.compile(rf"^\|(.*)\| \[[^\]]+\]\({MEASURED}[^)]*\) \|$", re.MULTILINE)
LINK_OR_CODE: Final = re.compile(r"\[[^\]]*\]\([^)]*\)|`[^`]*`")
NUMBER: Final = re.compile(r"(?<![\w./])\d(?:[\d,.]*\d)?")
COMPUTED: Final = {"153"}
"""Figures that follow from those that are cited; `test_sizing` computes them."""


def cited(page: str) -> Iterator[tuple[str, str]]:
    """List the figures of a page in sentences that end in a link to a measurement, and in rows that do, with it."""
    text = BLOCK.sub("", read(f"docs/{page}.md"))
    for match in CITED.finditer(text):
        before = text[: match.start()]
        start = max(before.rfind(end) for end in (". ", "\n\n", "| ", "\n- ", "; ", ": ", "? "))
        yield from ((number, match[1]) for number in NUMBER.findall(LINK_OR_CODE.sub("", before[start + 1 :])))
    for match in ROW.finditer(text):
        yield from ((number, match[2]) for number in NUMBER.findall(LINK_OR_CODE.sub("", match[1])))


@pytest.mark.parametrize("page", PAGES)
def test_figures_are_on_the_page_that_is_cited(page: str) -> None:
    """As written there: a measurement that was made anew changes both."""
    for number, source in cited(page):
        found = re.search(rf"(?<![\d.,]){re.escape(number)}(?!\d)", read(f"docs/{source}.md"))
        assert found or number in COMPUTED, f"docs/{page}.md: {number} is not on docs/{source}.md"


def test_there_are_figures() -> None:
    """The guard reads the pages."""
    assert len([number for page in PAGES for number, _ in cited(page)]) > 25
