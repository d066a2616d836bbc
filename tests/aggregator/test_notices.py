"""Writers hear that others write at their path: once, and again each hour while it lasts."""

from __future__ import annotations

from collections.abc import Collection

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.notices import AGAIN_SECONDS, MOST_AT_ONCE, Notices
from fog_aggregator.core.engine.sweeper import Sweeper
from fog_aggregator.core.fleet.event_list import EventList
from fog_schema.frames import SEVERAL_WRITERS, SHARED, Frame, Request
from fog_schema.subjects import Subjects
from tests.aggregator.branch_root import Root, counted
from tests.aggregator.rollups import Reporter

PATH = ("fog", "node")


def test_a_writer_hears_it_once_an_hour() -> None:
    """As one whose path is contended again later does."""
    notices, writers = Notices(), [(PATH, 1), (PATH, 2)]
    asked = [(PATH, Request(epoch, notices=SEVERAL_WRITERS)) for epoch in (1, 2)]
    assert notices.due(writers, 0.0) == asked
    assert notices.due([*writers, (PATH, 3)], 10.0) == [(PATH, Request(3, notices=SEVERAL_WRITERS))]
    assert notices.due(writers, AGAIN_SECONDS - 1) == []
    assert notices.due(writers, AGAIN_SECONDS) == asked
    assert notices.due([], AGAIN_SECONDS + 10) == []
    assert notices.due(writers, AGAIN_SECONDS + 20) == asked


def test_many_are_told_in_turn() -> None:
    """At most a hundred at once; the others the next time."""
    notices, writers = Notices(), [(PATH, epoch) for epoch in range(1, 151)]
    told = [len(notices.due(writers, now)) for now in (0.0, 10.0, 20.0)]
    assert told == [MOST_AT_ONCE, 50, 0]


class NothingShown:
    """A read side that shows nothing."""

    def forget_ended(self) -> None:
        """Nothing is shown."""

    def forget_exported(self, places: Collection[tuple[str, ...]]) -> None:
        """Nothing is shown."""

    def disagreements(self) -> dict[str, tuple[str, ...]]:
        """Nobody disagrees."""
        return {}


def test_those_that_say_so_or_are_silent_are_left_alone() -> None:
    """Of five writers at a path two are live and unshared: they are told, and an event is listed."""
    root, events, sweeper = Root(), EventList(), Sweeper(Accounts(Subjects()))
    writers = [Reporter(epoch) for epoch in range(1, 6)]

    def hear(frame: Frame) -> None:
        frame.flags |= SHARED if frame.epoch in {3, 4} else 0
        root.state.apply(PATH, frame, root.now)

    for one in writers:
        hear(one.keyframe(counted(5)))
    for _ in range(10):
        root.now += 10
        for one in writers[:-1]:
            hear(one.delta(counted(5)))
    found = sweeper.sweep(root.state, events, NothingShown(), 0.0, root.now)
    assert found.contended == 1
    assert sorted(request.epoch for path, request in found.requests if path == PATH) == [1, 2]
    assert sweeper.sweep(root.state, events, NothingShown(), 10.0, root.now).requests == []
