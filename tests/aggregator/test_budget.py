"""A subject has a budget of working time: what is over it is left out, and repaired by a keyframe (R12.63)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fog_aggregator.core.costs.accounts import MOST_CHARGED, MOST_SAVED, RATE, RESUMED_AT
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.path_costs import costs_by_path
from fog_bus.ports import Message
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import pack_ids, pack_ints
from fog_schema.frames import COUNTER, DELTA, EVENTS, Definition, Event, Frame, Numbers
from fog_schema.paths import Path
from tests.aggregator.slicing import BEGIN, SlicedEngine, frame_of

EVIL, GOOD = ("fog", "evil"), ("fog", "good")


def each_second(path: str, count: int, first: int = 1, at: float = BEGIN) -> list[Message]:
    """Make the frames of a node that sends each second."""
    return [
        frame_of(path, seq, at + number, kind=DELTA if seq > 1 else 1)
        for number, seq in enumerate(range(first, first + count))
    ]


def merged(*nodes: list[Message]) -> list[Message]:
    """Merge what nodes sent by time, as their stream has it."""
    messages = sorted((one for node in nodes for one in node), key=lambda one: one.timestamp_ns)
    return [message._replace(seq=seq) for seq, message in enumerate(messages, 1)]


def applied(reading: SlicedEngine) -> int:
    """Return how many frames were applied."""
    return int(reading.total("fog_aggregator_frames_total", outcome="applied"))


def left_out(reading: SlicedEngine) -> int:
    """Return how many messages were left out."""
    return int(reading.total("fog_aggregator_messages_refused_total", reason="budget"))


def test_a_path_that_takes_too_much_time_is_left_out_and_others_are_not() -> None:
    """Its epoch wants a keyframe; the frames of the other one are all there."""
    reading = SlicedEngine(MOST_CHARGED)
    reading.read(merged(each_second("fog/evil", 40), each_second("fog/good", 1)))
    assert left_out(reading) == 40 - applied(reading) + 1
    assert 10 <= applied(reading) - 1 <= MOST_SAVED + RATE * 40 + 2
    assert [path for path in reading.engine.fleet.gapped.values() if path == EVIL] == [EVIL]
    reading.processor.cost = 0.0
    reading.read([one._replace(seq=41 + at) for at, one in enumerate(each_second("fog/good", 30, first=2), 1)])
    place = reading.engine.fleet.place(GOOD)
    assert place is not None
    assert place.epochs[7].seq == 31
    assert [key for key, _ in reading.said].count("budget") >= 1


def test_the_next_sweep_lists_an_event() -> None:
    """One for as long as it goes on, and another one when it begins again."""
    reading, at = SlicedEngine(MOST_CHARGED), 0.0
    reading.engine.tick(at)

    def listed() -> list[Path]:
        nonlocal at
        at += 20.0
        reading.engine.tick(at)
        return [event.path for event in reading.engine.events.events if event.open().name == "budget_is_spent"]

    for turn in range(2):
        reading.read(each_second("fog/evil", 20, first=1 + 20 * turn, at=BEGIN + 20 * turn))
        assert listed() == [EVIL]
    assert listed() == [EVIL]
    reading.read(each_second("fog/evil", 20, first=41, at=BEGIN + 40))
    assert listed() == [EVIL, EVIL]


def test_messages_of_a_quarantined_path_are_refused_ones() -> None:
    """The path's cost says so: nothing of it was decoded."""
    reading = SlicedEngine()
    reading.engine.fleet.order(EVIL, Order(BEGIN, out=True))
    reading.engine.fleet.settle_orders(BEGIN + 1)
    reading.read(merged(each_second("fog/evil", 7, at=BEGIN + 1), each_second("fog/good", 5)))
    costs = costs_by_path(reading.engine.accounts)
    assert (costs[EVIL].refused, costs[GOOD].refused) == (7, 0)
    assert reading.total("fog_aggregator_messages_refused_total", reason="quarantined") == 7


def test_refused_series_are_counted_by_reason() -> None:
    """A reserved name, an id without a value, a label set that an earlier id has, and a limit."""
    reading = SlicedEngine()
    reading.engine.fleet.limits = replace(reading.engine.fleet.limits, series_per_path=4)
    names = [("fog_bad_total", [1, 2, 3]), ("repeated_total", [4, 5]), ("fine_total", [6]), ("lacking_total", [7])]
    names += [("more_total", [8]), ("late_total", [9]), ("last_total", [10])]
    definitions = [Definition(name, COUNTER, "", "", (), (), (), pack_ids(ids), ()) for name, ids in names]
    ids = [one for _, several in names for one in several if one != 7]
    values = Numbers(pack_ids(ids), pack_ints([1] * len(ids)))
    reading.read([frame_of("fog/0", definitions=encode_definitions(definitions), counters=values)])
    reasons = {
        reason: reading.total("fog_aggregator_series_refused_total", reason=reason)
        for reason in ("reserved", "valueless", "repeated", "limit")
    }
    assert reasons == {"reserved": 3, "valueless": 1, "repeated": 1, "limit": 1}


def test_a_backlog_is_read_in_full() -> None:
    """A node takes as much time for its frames as in the time that they are of, however soon they are read."""
    reading = SlicedEngine(0.9 * RATE)
    count = 10 * round(MOST_SAVED / RATE)  # of these a tenth would be paid out of what was saved
    reading.read(each_second("fog/0", count))
    assert (applied(reading), left_out(reading)) == (count, 0)


def test_what_is_left_out_ends() -> None:
    """Once enough time is saved up frames are taken again; a keyframe then repairs what was missed."""
    reading = SlicedEngine(MOST_CHARGED)
    reading.read(each_second("fog/evil", 30))
    before = left_out(reading)
    later = BEGIN + 60 + RESUMED_AT / RATE
    reading.processor.cost = 0.0
    reading.read([frame_of("fog/evil", 31, later)])
    assert left_out(reading) == before
    assert reading.engine.fleet.gapped == {}


def test_a_process_that_was_stopped_blames_nobody() -> None:
    """A message is charged a second at most, also when the clock went on for an hour."""
    reading = SlicedEngine(3600.0)
    reading.read(each_second("fog/0", 5))
    assert applied(reading) == 5


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_a_servers_clock_that_steps_takes_nothing_away(step: float) -> None:
    """From the step on the budget is filled as before it."""
    reading = SlicedEngine(0.9 * RATE)
    reading.read([*each_second("fog/0", 1000), *each_second("fog/0", 1000, 1001, BEGIN + step)])
    assert left_out(reading) == 0


def test_events_have_a_budget_and_commands_have_none() -> None:
    """An operator's commands come from nobody else."""
    reading = SlicedEngine(MOST_CHARGED)
    event = Event("door_opened", None, {}, {}, BEGIN)
    data = [encode(Frame(EVENTS, 7, seq, events=(event,))) for seq in range(1, 31)]
    at = int(BEGIN * 1e9)
    reading.read([Message("fog.v1.events.fog.evil", one, seq, at) for seq, one in enumerate(data, 1)], "E")
    assert reading.engine.events.total == 10
    assert left_out(reading) == 20
    reading.read([Message("fog.v1.control.fog.evil", b"", seq, at) for seq in range(1, 31)], "C")
    assert left_out(reading) == 20


def test_each_subject_has_an_account() -> None:
    """Messages, bytes, time and refusals, by path; a subject of no path has none."""
    reading = SlicedEngine(0.25)
    good = frame_of("fog/good")
    reading.read([good, Message("fog.v1.metrics.fog.evil", b"x", 2, good.timestamp_ns), good._replace(seq=3)])
    reading.read([Message("fog.v1.metrics.fog.a b", b"x", 4, good.timestamp_ns)])
    accounts = {one.path: one for one in reading.engine.accounts.by_subject.values()}
    assert set(accounts) == {GOOD, EVIL}
    account, evil = accounts[GOOD], accounts[EVIL]
    assert (account.messages, account.bytes, account.seconds, account.refused) == (2, 2 * len(good.data), 0.5, 0)
    assert (evil.messages, evil.bytes, evil.refused) == (1, 1, 1)
