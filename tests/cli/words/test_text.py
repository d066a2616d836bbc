"""Texts in cells, tables, drawings."""

from __future__ import annotations

import math
import sys

import pytest

from fog_cli.words.spark import bar, chart, spark
from fog_cli.words.table import Column, table
from fog_cli.words.text import cells, cut, fitted, padded, plain, printable, wrapped


def test_hostile_text_is_text() -> None:
    """Control and direction characters are escaped; wide ones take two cells and combining ones none."""
    assert printable("a\x1b[31m\u202eb\n") == r"a\x1b[31m\u202eb\n"
    assert [cells(text) for text in ("abc", "日本", "e\u0301")] == [3, 4, 1]


@pytest.mark.parametrize(("most", "shown"), [(7, "日本語x"), (6, "日本…"), (4, "日…"), (1, "…"), (0, "")])
def test_a_cut_text_never_takes_more(most: int, shown: str) -> None:
    """Also where a wide character would stand across the end."""
    assert cut("日本語x", most) == shown
    assert cells(shown) <= most


def test_lines_are_filled_and_cut() -> None:
    """To the very cell."""
    assert padded("ab", 4) + padded("ab", 4, right=True) == "ab    ab"
    line = [("state ", "faint"), ("a long name", "bold")]
    assert [cells(plain(fitted(line, to))) for to in (3, 9, 17)] == [3, 9, 17]
    assert fitted(line, 9) == [("state ", "faint"), ("a …", "bold")]
    assert fitted(line, 20)[-1] == ("   ", "")
    assert wrapped("one two abcdefgh", 5) == ["one", "two", "abcde", "fgh"]


def test_a_table_is_aligned() -> None:
    """Numbers at their right end; a column with nothing in it is left out, and nothing stands after a line."""
    columns = (Column("state"), Column("n", right=True), Column("note"), Column("place", most=6))
    rows = [
        [("live", "live"), ("7", ""), ("", ""), ("fog/日本語", "")],
        [("stale", "stale"), ("12", ""), ("", ""), ("x", "")],
    ]
    assert [plain(line) for line in table(columns, rows)] == [
        "state   n  place",
        "live    7  fog/…",
        "stale  12  x",
    ]
    assert [plain(line) for line in table(columns, [])] == ["state  n  note  place"]


def test_sparklines() -> None:
    """From zero up; a gap is a blank, all zero is the lowest step, and more values than cells are their means."""
    assert spark([0, 1, 2, 3, 4, 5, 6, 7], 8) == "▁▂▃▄▅▆▇█"
    assert spark([4, math.nan, 4], 3) == "█ █"
    assert spark([0, 0], 2) == "▁▁"
    assert spark([], 3) == "   "
    assert spark([0, 0, 8, 8], 2) == "▁█"
    assert chart([0, 4, 8, math.nan], 4, 2) == ["  █ ", "▁██ "]


MOST = sys.float_info.max


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([MOST] * 4, "██"),
        ([0, 0, MOST, MOST], "▁█"),
        ([-MOST, -MOST, MOST, MOST], "▁█"),
        ([-MOST, MOST], "▁█"),
        ([0, 5e-324], "▁▁"),
        ([1e-310, 2e-310], "▅█"),
        ([math.inf, math.inf, 1, 1], " █"),
        ([-math.inf, math.nan, 1, 1], " █"),
    ],
)
def test_the_largest_numbers_are_drawn(values: list[float], drawn: str) -> None:
    """Neither a sum nor a range of them is infinite; what is infinite itself is a gap."""
    assert spark(values, 2) == drawn
    assert [len(line) for line in chart(values, 2, 3)] == [2, 2, 2]


def test_each_state_is_in_the_bar() -> None:
    """One node of many thousand has a cell; where there is no room nothing is drawn."""
    drawn = bar({"live": 99_999, "stale": 1, "departed": 0}, 20)
    assert drawn == [("█" * 19, "live"), ("▚", "stale")]
    assert bar({"live": 1, "stale": 1}, 1) == []
    assert bar({}, 20) == []
    many = {"live": 500, "stale": 499, "departed": 1, "missing": 1, "quarantined": 1, "unread": 1}
    assert sum(len(text) for text, _ in bar(many, 24)) == 24
