"""A reader of some subjects gets these alone, knows when it has read them all, and passes over the others."""

from __future__ import annotations

import pytest

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_bus.filters import covers, overlap
from fog_bus.nats.api import JetStream, nanoseconds
from fog_bus.nats.link import Link
from fog_bus.ports import Message, Position, StreamInfo
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream
from tests.bus.reading import Reading, running

OURS, OTHERS = "s.f", "s.f.1"


async def publish(link: Link, subject: str, *numbers: int) -> None:
    """Publish numbers."""
    for number in numbers:
        assert (await link.publish(subject, b"%d" % number, 5)).seq


async def test_only_ours_are_delivered_and_others_are_passed_over(fog_nats: NatsServer) -> None:
    """It is caught up with the last of ours, moves on to the stream's end, and goes on from there after a restart."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, OTHERS, 1, 2)
        await publish(link, OURS, 3)
        await publish(link, OTHERS, 4, 5)
        reading = Reading(link, filters=[OURS], selective=True)
        async with running(reading):
            await reading.until([3])
            await eventually(lambda: reading.cursor.caught_up and reading.cursor.seq == 5)
            await publish(link, OURS, 6)
            await reading.until([3, 6])
        await publish(link, OTHERS, 7)
        again = Reading(link, filters=[OURS], selective=True, position=reading.cursor.position)
        async with running(again):
            await eventually(lambda: again.cursor.caught_up and again.cursor.seq == 7)
            await publish(link, OURS, 8)
            await again.until([8])
        assert reading.discontinuities == again.discontinuities == []


async def test_another_store_is_noticed_where_nothing_is_ours(fog_nats: NatsServer) -> None:
    """The message at the position is not the one that was passed over: the stream is read from its start."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, OTHERS, 1, 2, 3)
        info = await JetStream(link).call("STREAM.INFO.S")
        await publish(link, OURS, 4)
        position = Position(info["created"], 3, nanoseconds(info["state"]["last_ts"]) + 1)
        reading = Reading(link, filters=[OURS], selective=True, position=position)
        async with running(reading):
            await reading.until([4])
        assert [one.value for one in reading.discontinuities] == ["rolled_back"]


async def test_a_stream_that_was_trimmed_while_nothing_was_ours_is_no_fault(fog_nats: NatsServer) -> None:
    """The position moves along: what the stream removes was others'."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, OTHERS, *range(5))
        reading = Reading(link, filters=[OURS], selective=True)
        async with running(reading):
            await eventually(lambda: reading.cursor.seq == 5)
        await publish(link, OTHERS, 5)
        await JetStream(link).call("STREAM.PURGE.S", {"keep": 2})
        again = Reading(link, filters=[OURS], selective=True, position=reading.cursor.position)
        async with running(again):
            await eventually(lambda: again.cursor.seq == 6)
        assert again.discontinuities == []


def info(last: int, tail: int) -> StreamInfo:
    """Return a stream."""
    return StreamInfo("monday", 1, last, last, 0, 0.0, None, None, now=0.0, tail=tail)


def test_nothing_of_ours_is_passed_over() -> None:
    """While one is unread, or the message at the position is another one, the position stays."""
    cursor = StreamCursor("S", [OURS], selective=True)
    cursor.begin(info(9, 4), 0.0)
    assert not cursor.may_pass_over(info(9, 4))
    cursor.take([Message(OURS, b"", 4, 40)], 0, 0.0)
    assert cursor.caught_up
    assert cursor.may_pass_over(info(9, 4))
    assert not cursor.may_pass_over(info(12, 11))
    cursor.pass_over(info(9, 4), 90, 41)
    cursor.pass_over(info(9, 4), 0, 40)
    assert cursor.seq == 4
    cursor.pass_over(info(9, 4), 90, 40)
    assert cursor.position == Position("monday", 9, 90)
    assert cursor.missed([Message(OURS, b"", 30, 300)]) is None


@pytest.mark.parametrize(
    ("one", "other", "both", "wide"),
    [
        ("a.b", "a.b", True, True),
        ("a.*", "a.b", True, True),
        ("a.b", "a.*", True, False),
        ("a.>", "a.b.c", True, True),
        ("a.>", "a", False, False),
        ("a.*.c", "a.b.>", True, False),
        ("a.b", "a.c", False, False),
        ("a.>", "a.*.>", True, True),
        ("a", "a.b", False, False),
    ],
)
def test_filters(one: str, other: str, both: bool, wide: bool) -> None:  # noqa: FBT001 - of a table
    """Two filters overlap where some subject passes both; one covers another one whose subjects all pass it."""
    assert overlap(one, other) is overlap(other, one) is both
    assert covers(one, other) is wide


async def test_streams_are_found_by_what_they_take(fog_nats: NatsServer) -> None:
    """By a filter that any of their subjects passes; and by name in order, each once."""
    async with connected(fog_nats.url) as link:
        api = JetStream(link)
        for name, subjects in (("B", ["x.f"]), ("A", ["x.f.0", "x.f.0.>"]), ("C", ["y.>"])):
            await api.call(f"STREAM.CREATE.{name}", {"name": name, "subjects": subjects})
        assert await api.streams_of("x.f.>") == ["A"]
        assert sorted(await api.streams_of("x.>")) == ["A", "B"]
        assert await api.streams_of("z") == []
