"""The source of selectors: rules see the first counts of a counter that began while it was watched."""

from __future__ import annotations

import threading

import pytest

from fog_aggregator.components.history.present import OwnPresent
from fog_aggregator.components.history.source import HistorySource
from fog_aggregator.history.routing import Level, Subtree, View, Whole
from fog_aggregator.history.step import WHOLE
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.promql.errors import QueryTimeoutError, UnavailableError
from fog_aggregator.promql.labels import Matcher, MatchKind, label
from fog_aggregator.sources.ports import enough_room
from tests.history.building import STEP, Tables
from utilityfog_frontend.telemetry import TelemetryCollector

NAME = (Matcher(MatchKind.EQUAL, "__name__", "young_total"),)


def source(*, from_zero: bool = False) -> HistorySource:
    """Return a source of two steps: a counter is born with 7 at the second."""
    store, old, young = HistoryStore(HistoryLimits()), Tables(), Tables(born=15.0)
    store.choice.measured([1], {WHOLE: 1, 0: 1})
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    own.register_gauge("fog_aggregator_here", "Here").set(5)
    group = "young_total/fog_level=0/fog_path=fog"
    store.append(old.step(STEP, {WHOLE: {"old_total": 1}, 0: {}}))
    store.append(young.step(2 * STEP, {WHOLE: {"old_total": 1, "young_total": 7}, 0: {group: 7}}))
    return HistorySource(store, threading.Lock(), OwnPresent(lambda: 25.0, own.collect), from_zero=from_zero)


def values(found: HistorySource, view: View, matchers: tuple[Matcher, ...] = NAME) -> list[float]:
    """Return the values of one series."""
    return [value for part in found.select(view, matchers, 0, 9**9).parts for value in part.values.ravel().tolist()]


@pytest.mark.parametrize("view", [Whole(), Level(0), Subtree(("fog",))])
def test_rules_count_a_newborn_from_zero(view: View) -> None:
    """Queries see what was exported; rules a zero before it."""
    assert values(source(), view) == [7.0]
    assert values(source(from_zero=True), view) == [0.0, 7.0]


def test_results_have_the_labels_of_their_view() -> None:
    """A subtree is a group of a level without the level; a level below the deepest has the number that was asked."""
    [subtree] = source().select(Subtree(("fog",)), NAME, 0, 9**9).parts
    assert subtree.labels == [(("__name__", "young_total"), ("fog_path", "fog"))]
    [deeper] = source().select(Level(3), NAME, 0, 9**9).parts
    assert label(deeper.labels[0], "fog_level") == "3"
    assert source().holds(Subtree(("fog",)))
    assert not source().holds(Subtree(("fog", "0")))


def test_a_request_asks_for_room_and_may_end() -> None:
    """Before the values are read; a query that nobody waits for reads no further block."""
    asked: list[int] = []
    assert values(source().until(lambda: False, asked.append), Whole()) == [7.0]
    assert asked == [2]

    def full(count: int) -> None:
        raise UnavailableError(f"busy: {count}")

    with pytest.raises(UnavailableError, match="busy: 2"):
        values(source().until(lambda: False, full), Whole())
    with pytest.raises(QueryTimeoutError, match="ended before the history was read"):
        values(source().until(lambda: True, enough_room), Whole())
    assert values(source(from_zero=True).until(lambda: False, enough_room), Whole()) == [0.0, 7.0]


def test_own_series_have_a_present() -> None:
    """By their name a value of now is added, as the streams' time may stand still; of no later time than asked."""
    own = (Matcher(MatchKind.EQUAL, "__name__", "fog_aggregator_here"),)
    [part] = source().select(Whole(), own, 0, 9**9).parts
    assert (part.times.tolist(), part.values.tolist()) == ([25_000], [5.0])
    assert source().select(Whole(), own, 0, 2 * STEP).parts == []
