"""The faults of the bus in memory: each does to publishers and readers what a server's and a network's faults do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from fog_aggregator.core.engine.cursor import Patience, StreamCursor
from fog_aggregator.reading import ReadingLoop
from fog_bus.memory import Fate, MemoryBus, MemoryStream
from fog_bus.ports import Discontinuity, Message, Outcome, Position, Refusal
from fog_bus.streams import METRICS, StreamSettings
from fog_testing.waiting import eventually

LONG = 60.0
SUBJECT = "fog.v1.metrics.fog.0"


@pytest.mark.parametrize(
    ("fate", "outcome", "at_once", "in_the_end"),
    [
        (Fate.STORED, Outcome.ACKED, 1, 1),
        (Fate.ACK_LOST, Outcome.TIMEOUT, 1, 1),
        (Fate.LOST, Outcome.TIMEOUT, 0, 0),
        (Fate.DELAYED, Outcome.TIMEOUT, 0, 1),
        (Fate.STORED_TWICE, Outcome.ACKED, 2, 2),
        (Fate.STORED_AND_DELAYED, Outcome.ACKED, 1, 2),
        (Fate.REFUSED, Outcome.REFUSED, 0, 0),
    ],
)
async def test_what_becomes_of_a_publish(fate: Fate, outcome: Outcome, at_once: int, in_the_end: int) -> None:
    """The publisher is told the outcome; the stream has the message at once, late, twice or never."""
    bus = MemoryBus()
    bus.fate = lambda subject: fate if subject == SUBJECT else Fate.STORED
    stream = bus.streams[METRICS]
    assert (await bus.publish(SUBJECT, b"x", LONG)).outcome is outcome
    assert len(stream.messages) == at_once
    stream.deliver_delayed()
    stream.deliver_delayed()
    assert len(stream.messages) == in_the_end


async def test_a_stream_that_refuses() -> None:
    """Every publish is refused for the reason that is set, and delayed messages do not arrive."""
    bus = MemoryBus()
    stream = bus.streams[METRICS]
    stream.publish(SUBJECT, b"late", Fate.DELAYED)
    stream.refusal = Refusal.FULL
    assert (await bus.publish(SUBJECT, b"x", LONG)).refusal is Refusal.FULL
    stream.deliver_delayed()
    assert list(stream.messages) == []


async def test_messages_expire_by_the_clock() -> None:
    """After the stream's age; a delayed message is given up after an hour."""
    now = 1_000_000.0
    bus = MemoryBus(clock=lambda: now)
    stream = bus.streams[METRICS]
    stream.publish(SUBJECT, b"1")
    stream.publish(SUBJECT, b"2", Fate.DELAYED)
    now += 3 * 86_400 - 1
    stream.publish(SUBJECT, b"3")
    now += 2
    stream.expire()
    stream.deliver_delayed()
    assert [message.data for message in stream.messages] == [b"3"]
    assert (stream.info().first_seq, stream.info().now, stream.info().bytes) == (2, now, 1)


def _trim(stream: MemoryStream) -> None:
    stream.trim(3)
    stream.disrupt()


def _put_back(stream: MemoryStream) -> None:
    """Put back an older copy, which grows past the reader's position."""
    stream.put_back(0)
    for _ in range(3):
        stream.publish(SUBJECT, b"new")


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (MemoryStream.wipe, Discontinuity.REPLACED),
        (lambda stream: stream.roll_back(2), Discontinuity.ROLLED_BACK),
        (_trim, None),
        (_put_back, Discontinuity.ROLLED_BACK),
        (MemoryStream.disrupt, None),
    ],
)
async def test_a_reader_meets_a_fault(fault: Callable[[MemoryStream], None], what: Discontinuity | None) -> None:
    """The loop that reads JetStream's streams finds the fault here too, and reads from where it must."""
    bus = MemoryBus(heartbeat=0.05)
    stream = bus.streams[METRICS]
    stream.publish(SUBJECT, b"1")
    stream.copy()
    for number in (2, 3):
        stream.publish(SUBJECT, b"%d" % number)
    info, third = stream.info(), stream.messages[-1]
    cursor = StreamCursor(METRICS, (), Position(info.created, third.seq, third.timestamp_ns), Patience(0.1, 30.0))
    found: list[Discontinuity] = []
    handled: list[bytes] = []

    def handle(messages: Sequence[Message], pending: int) -> None:
        handled.extend(message.data for message in messages)
        cursor.take(messages, pending, asyncio.get_running_loop().time())

    fault(stream)
    stream.publish(SUBJECT, b"last")
    reading = asyncio.create_task(ReadingLoop(bus.log(METRICS), cursor, handle, found.append, 0.1).run())
    await eventually(lambda: b"last" in handled)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert found == ([] if what is None else [what])
    kept = [message.data for message in stream.messages]
    assert handled == (kept if what is not None else [b"last"])


def test_a_servers_clock_may_be_wrong_and_is_set_back() -> None:
    """Stamps and what the server tells go by it, and so does age; messages of one moment are still told apart."""
    now = [1_000_000.0]
    stream = MemoryBus(clock=lambda: now[0]).streams[METRICS]
    for ahead in (0.0, 40.0, 40.0, -40.0):
        stream.ahead = ahead
        stream.publish("fog.v1.metrics.fog", b"")
        assert stream.info().now == now[0] + ahead
    stamps = [message.timestamp_ns for message in stream.messages]
    assert stamps == [10**15, 10**15 + 40 * 10**9, 10**15 + 40 * 10**9 + 1, 10**15 - 40 * 10**9]
    stream.ahead = stream.settings.max_age + 20
    stream.expire()
    assert [message.seq for message in stream.messages] == [2, 3, 4], "age removes a beginning, and no hole"


def test_an_older_copy_keeps_nothing_for_longer_than_the_stream_does() -> None:
    """The server has not looked yet at what is too old when the copy is put back; later it has."""
    now = [1e9]
    stream = MemoryStream(StreamSettings(name="S", subjects=(SUBJECT,), max_age=100.0), lambda: now[0])
    stream.publish(SUBJECT, b"copied")
    stream.copy()
    now[0] += 1000.0
    stream.put_back()
    stream.publish(SUBJECT, b"new")
    now[0] += 50.0
    stream.expire()
    assert [one.data for one in stream.messages] == [b"copied", b"new"]
    now[0] += 60.0
    stream.expire()
    assert not stream.messages
