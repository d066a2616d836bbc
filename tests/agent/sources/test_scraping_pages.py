"""Pages that are like the last one, read by what is remembered of it: always as when nothing is remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_agent.sources.outside import OutsideTotals
from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import Page, PageReader
from tests.examples import examples
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.foreign.family import ForeignState
from utilityfog_frontend.telemetry.kinds import HistogramValue
from utilityfog_frontend.telemetry.model import FamilySnapshot

Lines = list[tuple[str, str, str]]
"""Of each line the text before the value (or all of a comment), the value, and the rest."""

KEYS = (
    *(f'c_total{{path="/{number}"}}' for number in range(3)),
    *('c_created{path="/0"}', 'c_created{path="/1"}', "u_total", "g", 'g{x="1"}', 'g{x="} 2"}', '{"q.r"}', "c_total"),
    *('h_bucket{le="1"}', 'h_bucket{le="2"}', 'h_bucket{le="+Inf"}', "h_sum", "h_count", "h_created"),
    *('s{quantile="0.5"}', "s_sum", "s_count", "s_created", 'g{x="1",y="2"}', 'g{y="2",x="1"}'),
)
COMMENTS = (
    *("# TYPE c counter", "# TYPE c_total counter", "# TYPE h histogram", "# TYPE s summary", "# TYPE g gauge"),
    *("# TYPE g counter", "# HELP g of it", "# HELP g of that", "#", ""),
)
VALUES = ("0", "1", "2", "3", "4", "5", "7.5", "-1", "-0", "NaN", "+Inf", "1e3", "9007199254740993", "0x1", "1_0", "")
TAILS = ("", "", "", "", " 1700000000000", "\r", " ", ' # {trace="a"} 1 1', " x")

LINE = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES), st.sampled_from(TAILS)),
    st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES[:7]), st.just("")),
    st.tuples(st.sampled_from(COMMENTS), st.just(""), st.just("")),
)
USUAL: Lines = [
    *(
        ("# TYPE c counter", "", ""),
        ("c", "3", ""),
        ("c_created", "900", ""),
        ('c{x="1"}', "5", ""),
        ("u_total", "1", ""),
    ),
    *(("# TYPE h histogram", "", ""), ('h_bucket{le="1"}', "1", ""), ('h_bucket{le="+Inf"}', "4", "")),
    *(("h_sum", "7.5", ""), ("h_created", "900", "")),
    *(('h_bucket{x="1",le="1"}', "0", ""), ('h_bucket{x="1",le="+Inf"}', "2", ""), ('h_sum{x="1"}', "3", "")),
    *(("# TYPE s summary", "", ""), ('s{quantile="0.5"}', "0.5", ""), ("s_sum", "4", ""), ("s_count", "2", "")),
    *(("s_created", "900", ""), ("g", "-1", ""), ("g2", "NaN", ""), ("g3", "1e3", " 1700000000000")),
]
PAGES = 10
CHANGES = ("count", "count", "count", "rise", "again", "value", "swap", "remove", "insert", "repeat", "fall", "reset")
AFTER: dict[str, Callable[[int, int], int]] = {
    "count": lambda value, number: value + (value + number) % 3,
    "rise": lambda value, _: value + 1,
    "fall": lambda value, _: max(0, value - 1),
    "reset": lambda _value, _number: 0,
}
"""How each whole value of a page changes."""


def is_sample(line: tuple[str, str, str]) -> bool:
    """Tell whether a line is no comment."""
    return not line[0].startswith("#") and bool(line[0])


def changed(lines: Lines, change: str, at: int, line: tuple[str, str, str]) -> Lines:
    """Return the lines of the next page."""
    found = list(lines)
    if change == "insert" or not found:
        found.insert(at, line)
        return found
    at %= len(found)
    key, _, tail = found[at]
    if change == "value" and is_sample(found[at]):
        found[at] = (key, line[1], line[2] if is_sample(line) else tail)
    elif change == "swap":
        found[at], found[at - 1] = found[at - 1], found[at]
    elif change == "remove":
        del found[at]
    elif change == "repeat":
        found.append(found[at])
    elif change in AFTER:
        found = [
            (key, str(AFTER[change](int(value), at)), tail) if value.isdigit() else (key, value, tail)
            for key, value, tail in found
        ]
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[bytes]:
    """Write some pages of one target, each from the one before it."""
    lines = draw(st.just(USUAL) | st.lists(LINE, max_size=12))
    bodies = []
    change = st.tuples(st.sampled_from(CHANGES), st.integers(0, 20), LINE)
    for how, at, line in draw(st.lists(change, min_size=PAGES, max_size=PAGES)):
        bodies.append("".join(f"{key} {value}{tail}\n" if value else f"{key}\n" for key, value, tail in lines))
        lines = changed(lines, how, at, line)
    return [body.encode() for body in bodies]


class ForgetfulReader(PageReader):
    """Remembers no page: it reads all of each one."""

    def read(self, body: bytes, now: float, asked: float | None = None) -> Page:
        """Read one page."""
        self._last = None
        return super().read(body, now, asked)


class Play:
    """Targets whose pages are read side by side and counted, each step on this thread: no two runs differ.

    All that is seen is written as text, in which NaN equals NaN and 1 is not 1.0.
    """

    def __init__(self, targets: int, make: Callable[[Families, int], PageReader]) -> None:
        self._now = 1000.0
        self._collector = TelemetryCollector(clock=lambda: self._now)
        outside = OutsideTotals.of(self._collector)
        self._latest: list[list[FamilySnapshot]] = [[] for _ in range(targets)]
        for number in range(targets):
            outside.add(f"target {number}", partial(self._latest.__getitem__, number))
        self._readers = [make(Families({}), 24) for _ in range(targets)]
        self._watch = self._collector.watch_series(refresh=False)

    def read(self, bodies: list[bytes]) -> list[str]:
        """Read a page of each target, and count it; return what can be seen of it."""
        self._now += 10
        seen = []
        for number, (reader, body) in enumerate(zip(self._readers, bodies, strict=True)):
            page = reader.read(body, self._now, self._now - 1)
            self._latest[number] = page.families
            seen.append(repr((page.samples, page.stamped, page.refused, page.texts)))
            seen += [
                repr((one.family, each.labels, each.value, each.created))
                for one in page.families
                for each in one.series
            ]
        [source] = self._collector._sources  # noqa: SLF001 - asked here, and in order
        assert all(question.ask() for question in source.questions())
        for which in (self._watch.series(), self._watch.take_ended()):
            seen += [repr((one.family.name, one.labels, one.read(), one.created)) for one in which]
        return seen


def played(histories_of: list[list[bytes]], make: Callable[[Families, int], PageReader]) -> list[list[str]]:
    """Read the pages of targets, page after page; return what is seen of each."""
    play = Play(len(histories_of), make)
    return [play.read([bodies[turn] for bodies in histories_of]) for turn in range(PAGES)]


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(histories(), min_size=1, max_size=2))
def test_what_is_remembered_of_the_last_page_changes_nothing(histories_of: list[list[bytes]]) -> None:
    """Whatever follows on whatever: order, repetition, what comes and goes, begins anew or cannot be read."""
    remembered = played(histories_of, PageReader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ForeignState, "_is_as_last", lambda *_: False)
        assert remembered == played(histories_of, ForgetfulReader)


def test_a_fault_on_the_way_leaves_nothing_of_its_page() -> None:
    """As where no memory is left: the next page is read whole, also where it is the one before."""
    before = b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 1\n'
    reader = PageReader(Families({}), 24)
    reader.read(before, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Families, "add", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            reader.read(before.replace(b'+Inf"} 2', b'+Inf"} 9') + b"new 1\n", 2.0)
    [family] = reader.read(before.replace(b"h_sum 1", b"h_sum 2"), 3.0).families
    assert family.series[0].value == HistogramValue((1, 1), 2.0)
