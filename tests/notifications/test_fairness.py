"""A receiver's pauses: no group keeps the others waiting, and no clock that was set back keeps anybody waiting."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.notifications.alertmanager import AlertmanagerOutbox
from fog_aggregator.notifications.changes import MOST_AT_ONCE, ChangesOutbox
from fog_aggregator.notifications.groups import Grouping, GroupsOutbox
from tests.notifications.test_outboxes import GROUPING, HOUR, NOON, OUTBOXES, alert, due, told


def test_a_group_that_fails_leaves_the_others_their_turn() -> None:
    """The first failure ends an attempt; the next one begins with others, and the failing group waits ever longer."""
    outbox = GroupsOutbox("r", Grouping(tokens=2, wait=0, interval=0, repeat=99 * HOUR))
    outbox.submit([alert("A", fog_path=f"fog/{number}") for number in range(3)], NOON)
    attempts: list[tuple[int, str]] = []
    for second in range(40):
        now = NOON + second * 1_000
        for batch in due(outbox, now):
            attempts.append((second, batch.group))
            if batch.group == "fog/0":
                outbox.failed(now, batch)
                break
            outbox.sent(batch, now)
    assert attempts[:3] == [(0, "fog/0"), (1, "fog/1"), (1, "fog/2")]
    assert [second for second, group in attempts if group == "fog/0"] == [0, 1, 3, 7, 15, 31]
    [batch] = due(outbox, NOON + 120_000)
    outbox.refused(batch)
    outbox.submit([alert("B", fog_path="fog/0")], NOON + 120_000)
    assert [one.group for one in due(outbox, NOON + 120_000)] == ["fog/0"], "what is refused fails no more"


def test_a_clock_that_was_set_back_gives_a_group_no_long_pause() -> None:
    """As it gives the receiver none."""
    outbox = GroupsOutbox("r", Grouping(tokens=2, wait=0, interval=0))
    outbox.submit([alert("A", fog_path="fog/0")], NOON - HOUR)
    [batch] = due(outbox, NOON)
    outbox.failed(NOON, batch)
    assert due(outbox, NOON + 500) == []
    assert len(due(outbox, NOON - HOUR)) == 1


@pytest.mark.parametrize("make", OUTBOXES)
def test_a_receiver_that_refuses_is_there(make: Any) -> None:
    """The pauses of its failures begin anew."""
    outbox = make("r")
    outbox.submit([alert()], NOON)
    for now in (NOON, NOON + 1_000):
        outbox.failed(now)
    [batch] = due(outbox, NOON + 3_000)
    outbox.refused(batch)
    outbox.submit([alert("B")], NOON + 3_000)
    outbox.failed(NOON + 3_000)
    assert due(outbox, NOON + 3_999) == []
    assert len(due(outbox, NOON + 4_000)) == 1


def test_an_end_that_an_alertmanager_refuses_is_owed_no_more() -> None:
    """It will never take it."""
    outbox = AlertmanagerOutbox("r")
    outbox.submit([alert()], NOON)
    told(outbox, NOON)
    outbox.submit([alert(firing=False)], NOON + 1)
    [batch] = due(outbox, NOON + 1)
    outbox.refused(batch)
    assert due(outbox, NOON + 2) == []
    assert len(outbox) == 0


def test_changes_are_told_some_at_a_time() -> None:
    """A flood keeps nobody waiting; the others follow."""
    outbox = ChangesOutbox("r")
    outbox.submit((alert(n=str(number)) for number in range(MOST_AT_ONCE + 2)), NOON)
    assert [len(told(outbox, NOON)) for _ in range(3)] == [MOST_AT_ONCE, 2, 0]


def test_a_clock_that_was_set_back_keeps_no_news_of_a_group() -> None:
    """It was told at a time that has not come."""
    outbox = GroupsOutbox("r", GROUPING)
    outbox.submit([alert("A", fog_path="fog/0")], NOON)
    assert told(outbox, NOON + 10_000) == ["A firing"]
    outbox.submit([alert("B", fog_path="fog/0")], NOON - HOUR)
    assert told(outbox, NOON - HOUR) == ["A firing", "B firing"]


def test_a_group_that_has_gone_has_no_pause_when_it_is_back() -> None:
    """Its failures went with it."""
    outbox = GroupsOutbox("r", Grouping(tokens=2, wait=0, interval=0))
    outbox.submit([alert("A", fog_path="fog/0"), alert("A", fog_path="fog/1")], NOON)
    first, second = due(outbox, NOON)
    for _ in range(5):
        outbox.failed(NOON, first)
    outbox.sent(second, NOON)
    outbox.submit([alert("A", firing=False, fog_path="fog/0")], NOON + 1)
    assert due(outbox, NOON + 1) == [], "nobody was told that it fired"
    outbox.submit([alert("A", fog_path="fog/0")], NOON + 2)
    assert [one.group for one in due(outbox, NOON + 2)] == ["fog/0"]
