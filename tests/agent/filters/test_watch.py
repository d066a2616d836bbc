"""Send some of a program's series: through a real collector and writer into the reader's state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf, nan
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_agent.core.filters.parsing import AGGREGATE_KEY, RELABEL_KEY, parse_filters
from fog_agent.core.filters.watch import MOST_ENDED, FilteredWatch
from fog_agent.core.writer import Settings, Writer
from tests.agent.filters.node import MAX, Node, Notes, named
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue, MetricType, SeriesSnapshot

WITHOUT_PATH = {AGGREGATE_KEY: [{"match": "http_*", "without": ["path"]}]}


def test_dropped_series_get_no_id_and_are_counted_by_rule() -> None:
    """A series that is dropped takes no id; others are as without filters."""
    rules = [
        {"source_labels": ["__name__"], "regex": "noise_.*", "action": "drop"},
        {"source_labels": ["kind"], "regex": "a|b|", "action": "keep"},
    ]
    node = Node({RELABEL_KEY: rules})
    noise = node.collector.register_counter("noise_total", "Noise", ["kind"])
    work = node.collector.register_counter("work_total", "Work", ["kind"])
    for kind in "abc":
        noise.labels(kind).increment(5)
        work.labels(kind).increment(2)
    node.send()
    assert named(node.totals(), "work_total") == {("a",): 2, ("b",): 2}
    assert {name for name, _ in node.totals()} == {"work_total"}
    assert [series.id for series in node.writer._series.members.ordered] == [0, 1]  # noqa: SLF001 - what ids are given
    assert node.notes.counts == {"relabel 1 drop": 3, "relabel 2 keep": 1}


def test_renamed_series_lose_a_unit_that_their_name_has_no_more() -> None:
    """The wire wants a unit at a name's end."""
    rule = {"source_labels": ["__name__"], "regex": "wait_seconds", "target_label": "__name__", "replacement": "waited"}
    node = Node({RELABEL_KEY: [rule]})
    node.collector.register_histogram("wait_seconds", "Wait", unit="seconds", buckets=[1.0]).observe(0.5)
    node.send()
    assert node.totals() == {("waited", ()): HistogramValue((1, 0), 0.5)}


STEP = st.tuples(
    st.sampled_from(
        ["count", "count", "count", "observe", "send", "keyframe", "remove", "reset", "restart", "fraction"]
    ),
    st.sampled_from(["/a", "/b", "/c"]),
    st.sampled_from(["get", "put"]),
    st.integers(1, 9),
)


@given(st.lists(STEP, max_size=40))
def test_an_aggregated_total_is_the_sum_of_the_originals(steps: list[tuple[str, str, str, int]]) -> None:
    """Whatever is counted, removed, reset, in whatever epoch: exact, also for label sets that come back."""
    node = Node(WITHOUT_PATH)
    requests = node.collector.register_counter("http_requests_total", "Requests", ["path", "method"])
    sizes = node.collector.register_histogram("http_size", "Sizes", buckets=[2.0, 5.0], labels=["path", "method"])
    other = node.collector.register_counter("other_total", "Others", ["path", "method"])
    counted: Counter[str] = Counter()
    observed: Counter[str] = Counter()
    others: Counter[tuple[str, str]] = Counter()
    for what, path, method, amount in steps:
        labels = {"path": path, "method": method}
        if what in {"count", "fraction"}:
            requests.labels(**labels).increment(amount / 4 if what == "fraction" else amount)
            counted[method] += amount / 4 if what == "fraction" else amount  # type: ignore[assignment]
            other.labels(**labels).increment(amount)
            others[path, method] += amount
        elif what == "observe":
            sizes.labels(**labels).observe(amount)
            observed[method] += 1
        elif what == "remove":
            requests.remove(**labels)
            sizes.remove(**labels)
        elif what == "reset":
            requests.reset()
        elif what == "restart":
            node.restart()
        else:
            node.send(keyframe=what == "keyframe")
    node.send()
    node.send(keyframe=True)
    totals = node.totals(own=False)
    assert named(totals, "http_requests_total") == {(method,): count for method, count in counted.items()}
    assert {key: sum(value.counts) for key, value in named(totals, "http_size").items()} == {
        (method,): count for method, count in observed.items()
    }
    assert named(totals, "other_total") == {(method, path): count for (path, method), count in others.items()}
    assert "collision" not in node.notes.counts


def test_a_collision_is_told_once_counted_and_added() -> None:
    """A labeldrop under which series fall together: counts are added, and nothing is lost or doubled."""
    node = Node({RELABEL_KEY: [{"regex": "pod", "action": "labeldrop"}]})
    work = node.collector.register_counter("work_total", "Work", ["pod", "zone"])
    work.labels("p1", "z").increment(3)
    node.send()
    for pod in ("p2", "p3"):
        work.labels(pod, "z").increment(4)
    node.send()
    work.labels("p1", "z").increment()
    work.remove("p2", "z")
    node.send()
    assert named(node.totals(), "work_total") == {("z",): 12}
    assert node.notes.counts == {"collision": 2}
    assert len(set(node.notes.said)) == 1


@pytest.mark.parametrize(("rollup", "expected"), [("sum", 9.0), ("min", 1.0), ("max", 5.0), ("avg", 3.0)])
def test_gauges_are_merged_as_their_family_says(rollup: Any, expected: float) -> None:
    """By the headline of `rollup=`; one that goes is out of the next frame."""
    node = Node(WITHOUT_PATH)
    depth = node.collector.register_gauge("http_depth", "Depth", ["path"], rollup=rollup)
    for path, value in (("/a", 1.0), ("/b", 3.0), ("/c", 5.0)):
        depth.labels(path).set(value)
    node.send()
    assert node.totals()["http_depth", ()] == expected
    depth.remove("/a")
    node.send()
    assert node.totals()["http_depth", ()] == {"sum": 8.0, "min": 3.0, "max": 5.0, "avg": 4.0}[rollup]


@pytest.mark.parametrize("rollup", [(), "last"])
def test_a_gauge_without_a_rollup_is_not_merged(rollup: Any) -> None:
    """It is left out, counted, and told once."""
    node = Node(WITHOUT_PATH)
    depth = node.collector.register_gauge("http_depth", "Depth", ["path"], rollup=rollup)
    for path in ("/a", "/b"):
        depth.labels(path).set(1)
    node.send()
    assert node.totals() == {}
    assert node.notes.counts == {"no rollup": 2}
    assert "rollup=" in node.notes.said[0]


def test_what_cannot_be_is_left_out_and_counted() -> None:
    """A name of another type, a label that no histogram may have, a name that is none."""
    rename = {"source_labels": ["__name__"], "regex": "b", "target_label": "__name__", "replacement": "a_total"}
    bad = {"source_labels": ["__name__"], "regex": "c", "target_label": "__name__", "replacement": "c d"}
    bounds = {"source_labels": ["__name__"], "regex": "wait", "target_label": "le", "replacement": "1"}
    node = Node({RELABEL_KEY: [rename, bad, bounds]})
    node.collector.register_counter("a_total", "A").increment()
    node.collector.register_gauge("b", "B").set(1)
    node.collector.register_gauge("c", "C").set(1)
    node.collector.register_histogram("wait", "Wait", buckets=[1.0]).observe(1)
    node.send()
    assert node.totals() == {("a_total", ()): 1}
    assert node.notes.counts == {"unlike": 1, "invalid": 2}


def test_a_name_has_series_of_one_type_whatever_their_labels() -> None:
    """A gauge that becomes a counter's name is left out while a counter has it, and sent when none does any more."""
    rename = {"source_labels": ["__name__"], "regex": "foo", "target_label": "__name__", "replacement": "bar_total"}
    node = Node({RELABEL_KEY: [rename]})
    bar = node.collector.register_counter("bar_total", "Bar", ["a"])
    foo = node.collector.register_gauge("foo", "Foo", ["b"], rollup="sum")
    for value in ("1", "2"):
        bar.labels(value).increment(3)
    foo.labels("2").set(7)
    node.send()
    assert node.totals() == {("bar_total", (("a", "1"),)): 3, ("bar_total", (("a", "2"),)): 3}
    bar.remove("1")
    node.send()
    foo.labels("3").set(7)
    node.send()
    assert node.notes.counts == {"unlike": 2}
    bar.remove("2")
    node.send()
    foo.labels("4").set(8)
    node.send()
    assert node.totals()["bar_total", (("b", "4"),)] == 8
    assert node.notes.counts == {"unlike": 2}


@pytest.mark.parametrize("name", ["fog_agent_frames_total", "fog_path_total", "x" * 257])
def test_no_rule_gives_a_name_that_is_the_fleets_own_or_too_long(name: str) -> None:
    """It would be added to what the agent says of itself, or refused by an aggregator. Its own name is kept."""
    rename = {"source_labels": ["__name__"], "regex": "x_total", "target_label": "__name__", "replacement": name}
    node = Node({RELABEL_KEY: [rename]})
    node.collector.register_counter("x_total", "X").increment()
    node.collector.register_counter("fog_agent_mine_total", "Mine").increment()
    node.send()
    assert {one for one, _ in node.totals()} == {"fog_agent_mine_total"}
    assert node.notes.counts == {"invalid": 1}


def test_an_empty_label_is_none() -> None:
    """So that a series whose label a rule takes away is the one that has it empty."""
    rule = {"source_labels": ["k"], "regex": "a", "target_label": "k", "replacement": ""}
    node = Node({RELABEL_KEY: [rule]})
    work = node.collector.register_counter("work_total", "Work", ["k"])
    work.labels("").increment(1)
    work.labels("a").increment(2)
    node.send()
    assert list(node.totals().values()) == [3]
    assert node.notes.counts == {"collision": 1}
    for value in ("", "a"):
        work.remove(value)
    node.send()
    assert not node.watch._by_labels  # noqa: SLF001 - nothing is kept of what has ended
    assert not node.watch._names  # noqa: SLF001


@pytest.mark.parametrize(("rollup", "expected"), [("sum", inf), ("max", inf), ("min", 1.0), ("avg", inf)])
def test_an_infinity_is_merged_and_what_is_no_number_is_not(rollup: Any, expected: float) -> None:
    """As floats are added and compared."""
    node = Node(WITHOUT_PATH)
    depth = node.collector.register_gauge("http_depth", "Depth", ["path"], rollup=rollup)
    for path, value in (("/a", 1.0), ("/b", inf), ("/c", nan)):
        depth.labels(path).set(value)
    node.send()
    assert node.totals()["http_depth", ()] == expected


def test_what_has_ended_is_bounded_and_counted() -> None:
    """Thousands of label sets that come and go take no memory, and their counts stay."""
    node = Node(WITHOUT_PATH)
    requests = node.collector.register_counter("http_requests_total", "Requests", ["path"], max_children=10)
    requests.labels("/stays").increment()
    node.send()
    for number in range(500):
        requests.labels(f"/{number}").increment(2)
        if number % 3 == 0:
            node.send()
        requests.remove(f"/{number}")
    node.send()
    assert node.totals() == {("http_requests_total", ()): 1001}
    [sent] = node.watch.series()
    assert len(sent._ended) <= MOST_ENDED  # noqa: SLF001 - the bound is about this
    assert len(node.watch._of) == 1  # noqa: SLF001


def test_an_aggregate_of_totals_outside_stands_on_all_their_readings() -> None:
    """So that a state file remembers each of them."""
    node = Node(WITHOUT_PATH)
    totals = {"/a": 10, "/b": 20}

    def read() -> list[FamilySnapshot]:
        series = [SeriesSnapshot((("path", path),), total) for path, total in totals.items()]
        return [FamilySnapshot(Family("http_total", MetricType.COUNTER), series)]

    node.collector.add_source(read, since="outside")
    node.watch.series()
    node.writer.encode_part(node.now, MAX)
    totals |= {"/a": 11, "/b": 25}
    node.collector.refresh()
    frame = node.writer.encode_delta(node.now, MAX)
    assert frame is not None
    assert {mark.labels: mark.reading.value for mark in frame.marks} == {(("path", "/a"),): 11, (("path", "/b"),): 25}


class Plain:
    """One of a program's counters."""

    family = Family("http_total", MetricType.COUNTER)
    gate = None

    def __init__(self, path: str) -> None:
        self.labels = (("path", path),)
        self.value = 1

    def read(self) -> int:
        """Return its count."""
        return self.value

    peek = read


class Marked(Plain):
    """One whose total lives outside."""

    def marks(self) -> list[str]:
        """Return what stands for its last reading."""
        return [self.labels[0][1]]


def test_marks_are_told_whichever_series_came_first_and_once_of_what_is_settled() -> None:
    """Else a state file would forget a total, and count it twice."""
    source: Any = SimpleNamespace(here=(Plain("/plain"),), ended=[], refuse_newcomers=False)
    source.series = lambda: source.here
    source.take_ended = lambda: [source.ended.pop() for _ in source.ended[:]]
    writer = Writer([FilteredWatch(source, parse_filters(WITHOUT_PATH), Notes())], Settings(), epoch=1, now=0.0)
    assert writer.encode_part(0.0, MAX).marks == ()
    many = [Marked(f"/{number}") for number in range(MOST_ENDED + 3)]
    source.here = (*source.here, *many)
    frame = writer.encode_delta(1.0, MAX)
    assert frame is not None
    assert {str(mark) for mark in frame.marks} == {one.labels[0][1] for one in many}
    for one in many:
        one.value += 1
    source.ended, source.here = many[:], source.here[:1]
    told = []
    for now in (2.0, 3.0):
        frame = writer.encode_delta(now, MAX)
        assert frame is not None
        told.append(len(frame.marks))
        source.here[0].value += 1
    assert told == [MOST_ENDED + 3, MOST_ENDED]


def test_a_series_alone_is_read_by_its_own_call() -> None:
    """No cost for a sample: what is sent of it reads it as the writer would."""
    node = Node({RELABEL_KEY: [{"regex": "none", "action": "labeldrop"}]})
    work = node.collector.register_counter("work_total", "Work")
    work.increment()
    [sent] = node.watch.series()
    [raw] = node.collector.watch_series().series()
    read: Callable[[], Any] = sent.read
    assert read == raw.read
    assert node.watch.series() is node.watch.series()
