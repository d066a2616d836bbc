"""A history that cannot hold the whole leaves the largest families out, says so, and keeps the others at each level."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from fog_aggregator.components.history.history import History
from fog_aggregator.components.history.options import HistoryOptions
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.history.families import FamilyChoice
from fog_aggregator.history.routing import Level, View, Whole
from fog_aggregator.history.step import WHOLE
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql import EvaluationError
from fog_aggregator.promql.labels import NAME, Matcher, MatchKind
from fog_aggregator.query.fleet_view import FamilySamples
from fog_aggregator.query.samples import GroupLabels, Labeller
from fog_aggregator.query.selection import TOGETHER
from fog_schema.codec import decode, encode
from fog_schema.limits import MAX_BOUNDS
from fog_schema.paths import Path
from tests.aggregator.filling import NOW, definition, keyframe
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, MetricType

LIMIT = 1_000
STEP = 10_000
FIRST = round(NOW) * 1000


class Kept:
    """A fleet and the history of it, step by step."""

    def __init__(self, series: int = LIMIT) -> None:
        self.fleet, self.own = Fleet(), TelemetryCollector(self_metrics=False, reserved_names=True)
        network = NetworkCollector(self.fleet, EventList(), self.own, lambda: NOW)
        self.history = History(HistoryOptions(history_series=series), None, network, self.own)
        self._steps = 0

    def count(self, path: Path, epoch: int, name: str, labels: Sequence[str]) -> None:
        """Let a node begin an epoch with a counter of each label."""
        self.fleet.apply(path, decode(encode(keyframe(epoch, [definition(name, list(labels))]))), NOW)

    def observe(self, path: Path, epoch: int, name: str, labels: Sequence[str]) -> None:
        """Let a node begin an epoch with the widest histogram of each label."""
        bounds = tuple(float(bound) for bound in range(MAX_BOUNDS))
        self.fleet.apply(path, decode(encode(keyframe(epoch, [definition(name, list(labels), bounds)]))), NOW)

    def step(self) -> None:
        """Take a step, and wait until it is kept."""
        recorder, kept = self.history.recorder, threading.Event()
        assert recorder is not None
        self._steps += 1
        recorder.on_kept = lambda _: kept.set()
        recorder.take(FIRST + self._steps * STEP, live=True)
        assert kept.wait(60)

    def found(self, view: View, name: str, kind: MatchKind = MatchKind.EQUAL) -> tuple[int, Sequence[str]]:
        """Return how many series the newest step has, with the warnings."""
        at = FIRST + self._steps * STEP
        found = self.history.source.select(view, (Matcher(kind, NAME, name),), at, at)
        return sum(len(part.labels) for part in found.parts), found.warnings

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels of the history's own."""
        [family] = [one for one in self.own.collect() if one.family.name == f"fog_aggregator_history_{name}"]
        return float(family.series[0].value)  # type: ignore[arg-type]


async def test_the_widest_histograms_leave_everything_else_in_the_history(caplog: pytest.LogCaptureFixture) -> None:
    """One path's 51,800 series cost no other family its place, and no level either; log, metrics and queries tell."""
    kept = Kept()
    kept.count(("fog", "good"), 1, "work_total", ["a", "b"])
    kept.observe(("fog", "evil"), 1, "size", [str(number) for number in range(200)])
    kept.step()
    kept.step()
    assert kept.history.store.series[WHOLE] <= LIMIT
    assert [kept.found(view, "work_total") for view in (Whole(), Level(0), Level(1))] == [(2, ())] * 3
    with pytest.raises(EvaluationError, match=r"size is not kept: it has 51800 series, .* or raise the limit"):
        kept.found(Whole(), "size_bucket")
    with pytest.raises(EvaluationError, match=r"size is not kept"):
        kept.found(Level(1), "size_sum")
    [number, warnings] = kept.found(Whole(), ".*(total|bucket)", MatchKind.REGEX)
    assert number >= 2
    assert "size is not kept" in warnings[0]
    await kept.history.stop(1.0)
    [record] = caplog.records
    told = f"size is not kept: it has 51800 series, and the whole may have {LIMIT} (--history-series, --history-memory)"
    assert record.message == f"history: {told}"
    assert (kept.metric("families_left_out"), kept.metric("family_series_left_out")) == (1, 51_800)


async def test_a_family_that_was_kept_stays_when_small_newcomers_come() -> None:
    """A thousand new families of two series each take what is left, and not the place of one with a hundred."""
    kept = Kept()
    kept.count(("fog", "good"), 1, "work_total", [str(number) for number in range(100)])
    kept.step()
    for epoch in range(1, 11):
        frames = [definition(f"new_{epoch}_{one}_total", ["a", "b"], first=2 * one + 1) for one in range(100)]
        kept.fleet.apply(("fog", "evil"), decode(encode(keyframe(epoch, frames))), NOW)
    kept.step()
    assert kept.found(Whole(), "work_total") == (100, ())
    assert kept.metric("families_left_out") > 500
    assert kept.history.store.series[WHOLE] <= LIMIT
    await kept.history.stop(1.0)


def sized(**families: int) -> list[FamilySamples]:
    """Return families with so many series each."""
    found = []
    for name, size in families.items():
        zeros = np.zeros(size, np.int32)
        samples = Samples(zeros, zeros, zeros)
        found.append(
            FamilySamples(Family(name, MetricType.GAUGE, ""), [samples], Labeller([], GroupLabels(TOGETHER, [()])))
        )
    return found


def test_a_family_comes_back_when_there_is_room_to_spare() -> None:
    """One that was too large is kept again once an eighth stays free with it, so that it does not come and go."""
    choice = FamilyChoice(800)
    told = list[object]()
    for size in (600, 750, 650, 550, 650, 750, 750):
        told.append("b" in choice.measured(sized(a=100, b=size), 50))
        assert "a" not in choice.left_out
        told.append(choice.take_lost())
    assert told == [True, [], False, ["b"], False, [], True, [], True, [], False, ["b"], False, []]
