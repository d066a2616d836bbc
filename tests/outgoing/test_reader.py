"""Steps of a history as a receiver gets them: chosen series, whole histograms, stale markers, stable parts."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

import pytest

from fog_aggregator.history.step import WHOLE
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.outgoing.items import About, ItemKind
from fog_aggregator.outgoing.reader import Choice, PartOfStep, StepReader
from fog_aggregator.outgoing.remote_write import RemoteWrite
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, label, make_labels
from tests.history.building import STEP, Tables
from tests.outgoing.messages import REMOTE

ABOUT: Final = {
    "orders_total": About(ItemKind.COUNTER, "Orders"),
    "took": About(ItemKind.HISTOGRAM, "Time", "seconds"),
    "depth": About(ItemKind.GAUGE),
}
HISTOGRAM: Final = {"took_bucket/le=0.5": 1, "took_bucket/le=+Inf": 3, "took_sum": 2.5, "took_count": 3}
LOCK: Final = threading.Lock()


def store(*steps: Mapping[int, Mapping[str, float]], limits: HistoryLimits | None = None) -> HistoryStore:
    """Return a history of some steps, of levels with values by series."""
    made, tables = HistoryStore(limits or HistoryLimits()), Tables()
    for number, levels in enumerate(steps, 1):
        made.append(tables.step(number * STEP, levels))
    return made


def reader(history: HistoryStore, *, described: Mapping[str, About] = ABOUT, **choice: Any) -> StepReader:
    """Return a reader of the whole fleet, or of what is chosen."""
    return StepReader(history, Choice(**{"levels": [WHOLE]} | choice), RemoteWrite(), lambda: described)


def sent(parts: list[PartOfStep]) -> dict[Labels, float | str]:
    """Return what requests of all parts carry; a stale marker as a text."""
    found: dict[Labels, float | str] = {}
    for part in parts:
        request = REMOTE["WriteRequest"].FromString(part.message(RemoteWrite(), 0, len(part.items)))
        for series in request.timeseries:
            labels = tuple((one.name, one.value) for one in series.labels)
            assert labels not in found
            [sample] = series.samples
            found[labels] = "stale" if sample.value != sample.value else sample.value
    return found


def names(found: Mapping[Labels, object]) -> set[str]:
    """Return the names of series."""
    return {label(labels, NAME) for labels in found}


def test_a_step_is_what_the_history_has() -> None:
    """Values, histograms as one item in the order of their bounds, and a stale marker where a series has ended."""
    history = store({WHOLE: {"orders_total/k=a": 7, "depth": 1.5, **HISTOGRAM}}, {WHOLE: {"orders_total/k=a": 8}})
    reading = reader(history)
    first = reading.step(STEP, LOCK)
    [took] = [item for part in first for item in part.items if item.name == "took"]
    assert [label(row, NAME) for row in took.rows] == ["took_bucket", "took_bucket", "took_sum", "took_count"]
    assert [label(row, "le") for row in took.rows] == ["0.5", "+Inf", "", ""]
    assert (took.bounds, took.labels, took.about) == ((0.5,), (), ABOUT["took"])
    assert sent(first)[make_labels({NAME: "orders_total", "k": "a"})] == 7
    second = sent(reading.step(2 * STEP, LOCK))
    assert {label(labels, NAME): value for labels, value in second.items()} == {
        "orders_total": 8, "depth": "stale", "took_bucket": "stale", "took_sum": "stale", "took_count": "stale",
    }  # fmt: skip
    assert reading.step(3 * STEP, LOCK) == []  # nobody has taken it


def test_levels_selectors_and_labels_are_chosen() -> None:
    """Series of some levels that any selector finds; a label of ours gives way to the series' own."""
    levels: dict[int, dict[str, float]] = {
        WHOLE: {"orders_total": 1},
        0: {"orders_total/fog_path=fog": 1, "depth/fog_path=fog/zone=x": 2.0},
    }
    history = store(levels)
    assert names(sent(reader(history, levels=[0]).step(STEP, LOCK))) == {"orders_total", "depth"}
    depth = [[Matcher(MatchKind.EQUAL, NAME, "depth")], [Matcher(MatchKind.EQUAL, NAME, "missing")]]
    chosen = sent(
        reader(history, levels=[WHOLE, 0], selectors=depth, labels=(("zone", "eu"), ("c", "1"))).step(STEP, LOCK)
    )
    assert list(chosen) == [make_labels({NAME: "depth", "fog_path": "fog", "zone": "x", "c": "1"})]


def test_the_aggregators_own_series_are_left_out() -> None:
    """Of a pair each has its own; those of coverage, which every group has, are sent."""
    history = store(
        {WHOLE: {"fog_aggregator_frames_total": 1, "fog_aggregator_nodes/state=live": 2.0, "fog_agent_x": 1}}
    )
    assert names(sent(reader(history).step(STEP, LOCK))) == {"fog_aggregator_nodes", "fog_agent_x"}


def test_parts_stay_while_series_do() -> None:
    """A step of the same series has the same bytes prepared; a newcomer changes one part alone."""
    many = {f"orders_total/n={number}": number for number in range(5_000)}
    history = store({WHOLE: many}, {WHOLE: many}, {WHOLE: many | {"orders_total/n=new": 1}})
    reading = reader(history)
    one, two, three = (reading.step(at * STEP, LOCK) for at in (1, 2, 3))
    assert all(len(part.items) <= 2_000 for part in one)
    assert len(one) > 2
    prepared = [{id(part.prepared) for part in parts} for parts in (one, two, three)]
    assert prepared[0] == prepared[1]
    assert len(prepared[2] - prepared[0]) == 1
    assert len(sent(three)) == 5_001


def test_the_order_of_items_is_that_of_every_run() -> None:
    """Another history, with the series in another order, has the same parts."""
    many = {f"orders_total/n={number}": 1 for number in range(3_000)}
    one = reader(store({WHOLE: many})).step(STEP, LOCK)
    other = reader(store({WHOLE: dict(reversed(many.items()))})).step(STEP, LOCK)
    assert [{item.rows for item in part.items} for part in one] == [
        {item.rows for item in part.items} for part in other
    ]


def test_what_is_learned_of_metrics_later_counts() -> None:
    """A history from disk has series that nothing is known about until the fleet is."""
    history, described = store({WHOLE: HISTOGRAM}, {WHOLE: HISTOGRAM}), dict[str, About]()
    reading = StepReader(history, Choice([WHOLE]), RemoteWrite(), lambda: described)
    assert len([item for part in reading.step(STEP, LOCK) for item in part.items]) == 4
    described |= ABOUT
    assert [item.name for part in reading.step(2 * STEP, LOCK) for item in part.items] == ["took"]


def test_a_histogram_that_is_not_whole_is_sent_by_its_series() -> None:
    """Nothing is left out."""
    history = store({WHOLE: {"took_bucket/le=0.5": 1, "took_sum": 2.5, "took_count": 3}})
    assert names(sent(reader(history).step(STEP, LOCK))) == {"took_bucket", "took_sum", "took_count"}


def test_counters_have_their_beginning() -> None:
    """As the newest step knows it; none for gauges, nor one that is later than the step."""
    history, tables = HistoryStore(HistoryLimits()), Tables(born=12.5)
    for at in (1, 2):
        history.append(tables.step(at * STEP, {WHOLE: {"orders_total": at, "depth": 1.0}}))
    starts = {
        item.name: start
        for part in reader(history).step(2 * STEP, LOCK)
        for item, start in zip(part.items, part.moment.starts, strict=True)
    }
    assert starts == {"orders_total": 12_500, "depth": 0}
    assert [start for part in reader(history).step(STEP, LOCK) for start in part.moment.starts] == [0, 0]
    history.adopt(history.encode_head())
    assert {start for part in reader(history).step(2 * STEP, LOCK) for start in part.moment.starts} == {12_500, 0}


@pytest.mark.parametrize("close_at", [0, 1, 2, 3, 4])
def test_blocks_and_the_head_are_read_alike(close_at: int) -> None:
    """A step is the same from a block as from the head; the series that ended is marked, also between the two."""
    values = [
        {"orders_total/k=a": 1, "x_total": 1},
        {"orders_total/k=a": 2},
        {"orders_total/k=a": 2, "x_total": 5},
        {"x_total": 6},
    ]
    history, tables = HistoryStore(HistoryLimits()), Tables()
    for number, one in enumerate(values, 1):
        history.append(tables.step(number * STEP, {WHOLE: one}))
        if number == close_at:
            history.adopt(history.encode_head())
    reading = reader(history)
    found = [
        {label(labels, NAME): value for labels, value in sent(reading.step(at * STEP, LOCK)).items()}
        for at in (1, 2, 3, 4)
    ]
    assert found == [
        {"orders_total": 1, "x_total": 1},
        {"orders_total": 2, "x_total": "stale"},
        {"orders_total": 2, "x_total": 5},
        {"orders_total": "stale", "x_total": 6},
    ]
    assert history.times_after(0, 10) == [STEP, 2 * STEP, 3 * STEP, 4 * STEP]
    assert history.times_after(2 * STEP, 1) == [3 * STEP]
    assert history.times_after(4 * STEP, 1) == []


def test_part_of_a_part() -> None:
    """Halves of a part carry what the whole does."""
    history = store({WHOLE: {f"orders_total/n={number}": number for number in range(50)} | HISTOGRAM})
    [part] = reader(history).step(STEP, LOCK)
    halves = [part.message(RemoteWrite(), first, stop) for first, stop in ((0, 20), (20, len(part.items)))]
    both = [one for half in halves for one in REMOTE["WriteRequest"].FromString(half).timeseries]
    assert both == list(REMOTE["WriteRequest"].FromString(part.message(RemoteWrite(), 0, len(part.items))).timeseries)
    assert part.series(0, len(part.items)) == 54


@pytest.mark.parametrize("bound", ["abc", "nan"])
def test_a_series_that_is_named_like_a_bucket_costs_no_other(bound: str) -> None:
    """Its label has no number: it is a series of its own, and everybody gets theirs."""
    history = store({WHOLE: {**HISTOGRAM, f"took_bucket/le={bound}": 7, "depth": 1.0}})
    found = sent(reader(history).step(STEP, LOCK))
    assert found[make_labels({NAME: "took_bucket", "le": bound})] == 7
    assert len(found) == len(HISTOGRAM) + 2
