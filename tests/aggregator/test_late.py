"""Tests of values that come late: which frames are held up, and whose values are counted as such, group by group."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

import numpy as np
import pytest

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.fleet.arrivals import Arrivals
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.query.fleet_view import LATE_VALUES, MERGED_VALUES
from fog_aggregator.query.selection import Grouping
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_schema.codec import decode, encode
from fog_schema.frames import FINAL, KEYFRAME, LAST_PART, Frame
from fog_schema.paths import format_path
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import START, Fleet, counting

INTERVAL = 10.0


class Writer:
    """A writer that sends a frame an interval; `delay` is how long its link holds each up."""

    def __init__(self, fleet: Fleet, path: str) -> None:
        self.member = fleet.join(path)
        self.fleet = fleet
        self.counter = self.member.collector.register_counter("work_total", "")

    def send(self, count: int, *, stored: float | None = None) -> bool:
        """Send a frame that is made now and stored now, or later; return whether it came late."""
        self.counter.increment()
        made, outcome = self.fleet.now, None
        writer = self.member.writer
        for _ in range(count):
            frame = writer.encode_part(made, 10**6) if writer.keyframe_due else writer.encode_delta(made, 10**6)
            assert frame is not None
            self.fleet.now = made if stored is None else stored
            outcome = self.fleet.apply(self.member.path, frame.data)
            self.fleet.now = made
        assert outcome is not None
        return outcome.late

    def live(self, delays: Iterable[float]) -> list[bool]:
        """Send a frame an interval, each stored after its delay; return which of them came late."""
        late = []
        for delay in delays:
            late.append(self.send(1, stored=self.fleet.now + delay))
            self.fleet.now += INTERVAL
        return late


def test_what_a_link_has_held_up_is_late() -> None:
    """An outage of a minute: the frames of it are stored together when it is over. Then all is as before."""
    writer = Writer(Fleet(), "fog/0/1")
    assert writer.live([0, 0, 60, 50, 40, 30.5, 20, 10, 0, 0]) == [*[False] * 2, *[True] * 4, *[False] * 4]


def test_the_delay_of_a_link_that_does_not_change_is_no_lateness() -> None:
    """Nor one of less than 3 intervals: rates see no burst."""
    assert not any(Writer(Fleet(), "fog/0/1").live([300] * 20))
    assert not any(Writer(Fleet(), "fog/0/2").live([0, 29, 0, 29, 0, 0, 15, 29] * 4))


@pytest.mark.parametrize("drift", [1e-3, 1e-2])
def test_a_writer_whose_clock_is_slow_is_not_late(drift: float) -> None:
    """Not after a day either, when it is behind by more than 3 intervals."""
    late = Writer(Fleet(), "fog/0/1").live(number * INTERVAL * drift for number in range(8640))
    assert not any(late)


def test_a_machine_that_slept_is_late_for_some_intervals_alone() -> None:
    """Its clock stood still meanwhile, and says so for ever after."""
    late = Writer(Fleet(), "fog/0/1").live([0, 0, *[3600] * 100])
    assert 0 < sum(late) < 50
    assert not any(late[52:])


def merged(fleet: Fleet, level: int | None) -> dict[str, tuple[int, int]]:
    """Return how many values the groups of a level have, and how many came late; of the whole by an empty name."""
    view = fleet.network.view(grouping=Grouping(level=level))
    found = {one.family.name: one.parts[0].values.tolist() for one in view.sampled() if one.family.name in NAMES}
    paths = [format_path(path) for path, _ in view.coverages] if level is not None else [""]
    return dict(zip(paths, zip(found[MERGED_VALUES], found[LATE_VALUES], strict=True), strict=True))


NAMES = (MERGED_VALUES, LATE_VALUES)


def read(fleet: Fleet, frames: Iterable[tuple[str, Frame, float]], behind: float = 0.0) -> None:
    """Read frames as an engine does, those of one moment in a batch, so many seconds after they were stored."""
    own = SelfMetrics(fleet.own)
    ingest = Ingest(fleet.state, fleet.events, Accounts(Subjects()), BranchPatterns(), own, lambda *_: None)
    for at, batch in groupby(sorted(frames, key=stored), key=stored):
        messages = [Message(f"fog.v1.metrics.{path}", encode(frame), 1, round(at * 1e9)) for path, frame, _ in batch]
        ingest.metrics(messages, at + behind)


def stored(frame: tuple[str, Frame, float]) -> float:
    """Return when a frame was stored."""
    return frame[2]


def frames_of(fleet: Fleet, path: str, delays: Iterable[float]) -> list[tuple[str, Frame, float]]:
    """Let a writer of three series send frames; return them with the moments at which they are stored."""
    member, found = fleet.join(path), []
    counter = member.collector.register_counter("work_total", "", ["kind"])
    for number, delay in enumerate(delays):
        for kind in "abc":
            counter.labels(kind).increment()
        now, writer = START + number * INTERVAL, member.writer
        frame = writer.encode_part(now, 10**6) if writer.keyframe_due else writer.encode_delta(now, 10**6)
        assert frame is not None
        found.append((path.replace("/", "."), decode(frame.data), now + delay))
    return found


def test_late_values_are_counted_where_they_come_from() -> None:
    """Plain deltas, which are merged together, and others; each group of a level, and the whole."""
    fleet = Fleet()
    held_up = frames_of(fleet, "fog/0/1", [0, 0, 50, 40, 30])
    punctual = frames_of(fleet, "fog/0/2", [0] * 5) + frames_of(fleet, "fog/1/1", [0] * 5)
    read(fleet, held_up + punctual)
    assert merged(fleet, 2) == {"fog/0/1": (15, 6), "fog/0/2": (15, 0), "fog/1/1": (15, 0)}
    assert merged(fleet, 1) == {"fog/0": (30, 6), "fog/1": (15, 0)}
    assert merged(fleet, None) == {"": (45, 6)}


def test_the_metric_counts_what_is_stored_late_and_what_is_read_late() -> None:
    """A Prometheus that scrapes /metrics sees both as a burst."""
    for behind, late in ((0.0, 6), (100.0, 15)):
        fleet = Fleet()
        read(fleet, frames_of(fleet, "fog/0/1", [0, 0, 50, 40, 30]), behind)
        (found,) = [one for one in fleet.own.collect() if one.family.name == "fog_aggregator_values_late_total"]
        assert [series.value for series in found.series] == [late]


def test_the_counts_of_a_group_do_not_fall_when_a_node_retires() -> None:
    """They go where its other counts go."""
    fleet = counting("fog/0/1", {"a": 1.0})
    counting("fog/0/2", {"a": 1.0}, fleet)
    both = [place.row for place in fleet.state.places.values()]
    fleet.state.count_values([Outcome(values=10, late=late, row=row) for row in both for late in (False, True)])
    fleet.members[0].finish()
    fleet.state.observe(fleet.state.horizon + 1.0, fleet.now)
    fleet.members[1].send()
    fleet.sweep()
    assert set(merged(fleet, 2)) == {"fog/0/2", "fog/0/~retired"}
    assert merged(fleet, 1) == {"fog/0": (40, 20)}


def test_a_row_that_is_given_out_again_has_no_counts() -> None:
    """Of the place that had it before."""
    arrivals = Arrivals()
    arrivals.count([Outcome(values=5, late=True, row=100), Outcome(values=7, row=3)])
    arrivals.move(100, 200)
    groups = np.arange(300, dtype=np.int32)
    found = arrivals.by_group(groups, np.arange(300), 300)
    assert {row: tuple(found[row].tolist()) for row in np.flatnonzero(found[:, 0])} == {3: (7, 0), 200: (5, 5)}


def test_frames_that_are_not_applied_count_nowhere() -> None:
    """One that comes twice, and one that comes after the end of its epoch."""
    fleet = Fleet()
    last = Frame(KEYFRAME, 7, 2, flags=FINAL | LAST_PART)
    (first,) = frames_of(fleet, "fog/0/1", [0])
    read(fleet, [first, first, ("fog.0.9", last, START), ("fog.0.9", last, START)])
    assert merged(fleet, None) == {"": (3, 0)}
