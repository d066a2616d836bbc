"""The contract of the bus: the same cases over each adapter. Users of the ports see no difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fog_bus.memory import MemoryBus
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from fog_bus.ports import LogError, LogReader, Message, Outcome, Refusal, Share, Transport
from fog_bus.streams import METRICS, StreamSettings, metrics_stream
from fog_schema.subjects import Subjects
from fog_testing.waiting import eventually

LONG = 60.0
"""A deadline that no test waits for."""
SUBJECT = "fog.v1.metrics.fog.0"


@pytest.fixture(params=["memory", "nats"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Give a bus that is connected and has the stream of metrics."""
    if request.param == "memory":
        async with MemoryBus(heartbeat=0.1) as memory:
            yield memory
        return
    server = request.getfixturevalue("fog_nats")
    async with NatsTransport(NatsOptions.parse(server.url)) as nats:
        assert await nats.connected(10)
        assert await nats.provide(metrics_stream(Subjects())) == []
        yield nats


async def read(reader: LogReader, count: int) -> list[Message]:
    """Read so many messages."""
    messages: list[Message] = []
    while len(messages) < count:
        messages += await reader.next()
    return messages


async def test_what_is_acknowledged_is_in_the_log(bus: Transport) -> None:
    """Each publish gets the sequence under which the log has it, in order, with its subject and its time."""
    results = [await bus.publish(SUBJECT, b"%d" % number, LONG) for number in range(5)]
    assert [(one.outcome, one.stream, one.seq) for one in results] == [
        (Outcome.ACKED, METRICS, seq) for seq in range(1, 6)
    ]
    reader = await bus.log(METRICS).open(1)
    messages = await read(reader, 5)
    await reader.close()
    assert [(one.subject, one.data, one.seq) for one in messages] == [(SUBJECT, b"%d" % n, n + 1) for n in range(5)]
    assert [one.timestamp_ns for one in messages] == sorted({one.timestamp_ns for one in messages})
    assert reader.pending == 0


async def test_a_log_is_read_from_any_sequence_and_goes_on(bus: Transport) -> None:
    """A reader begins where it is told, and gets what is stored later; a quiet log gives an empty list."""
    log = bus.log(METRICS)
    for number in range(3):
        await bus.publish(SUBJECT, b"%d" % number, LONG)
    reader = await log.open(2)
    assert [one.data for one in await read(reader, 2)] == [b"1", b"2"]
    waiting = asyncio.create_task(read(reader, 1))
    await bus.publish(SUBJECT, b"later", LONG)
    assert [one.data for one in await waiting] == [b"later"]
    assert await reader.next() == []
    await reader.close()


async def test_a_log_tells_who_has_most_of_it(bus: Transport) -> None:
    """The subjects with most messages, the largest first, and nobody of a log that is empty."""
    log = bus.log(METRICS)
    assert await log.shares(3) == []
    for subject, count in (("fog.v1.metrics.a", 1), ("fog.v1.metrics.b", 5), ("fog.v1.metrics.c.d", 4)):
        for _ in range(count):
            await bus.publish(subject, b"", LONG)
    assert await log.shares(2) == [
        Share("fog.v1.metrics.b", 5, 0.5),
        Share("fog.v1.metrics.c.d", 4, 0.4),
    ]
    with pytest.raises(LogError):
        await bus.log("OTHER").shares(1)


async def test_a_log_tells_its_subjects(bus: Transport) -> None:
    """It lists the subjects that a filter matches, each once and in order, and none beyond the last one."""
    log = bus.log(METRICS)
    assert await log.subjects("fog.v1.metrics.>") == []
    for subject in ("fog.0.3", "fog.0", "lab.1", "fog.0.3", "fog.1.2"):
        await bus.publish(f"fog.v1.metrics.{subject}", b"", LONG)
    everything = [f"fog.v1.metrics.{subject}" for subject in ("fog.0", "fog.0.3", "fog.1.2", "lab.1")]
    assert await log.subjects("fog.v1.metrics.>") == everything
    assert await log.subjects("fog.v1.metrics.>", 3) == everything[3:]
    assert await log.subjects("fog.v1.metrics.>", 4) == []
    assert await log.subjects("fog.v1.metrics.fog.*.>") == everything[1:3]
    with pytest.raises(LogError):
        await bus.log("OTHER").subjects(">")


async def test_a_log_is_read_from_a_moment_on_and_by_subject(bus: Transport) -> None:
    """A reader gets its subjects' messages from that moment on, those that come later too, and knows how many wait."""
    log, filters = bus.log(METRICS), ["fog.v1.metrics.fog.0", "fog.v1.metrics.fog.0.>"]
    for number, subject in enumerate(["fog.0", "fog.0.3", "fog.1", "fog.0.3.1", "fog.00"]):
        await bus.publish(f"fog.v1.metrics.{subject}", b"%d" % number, LONG)
    reader = await log.open(1)
    stored = await read(reader, 5)
    await reader.close()
    node = await log.open_at(0.0, ["fog.v1.metrics.fog.0.3"])
    assert node.pending == 1
    assert [one.data for one in await read(node, 1)] == [b"1"]
    assert node.pending == 0
    subtree = await log.open_at(stored[1].timestamp, filters)
    waiting = asyncio.create_task(read(subtree, 3))
    await bus.publish("fog.v1.metrics.fog.1", b"other", LONG)
    await bus.publish("fog.v1.metrics.fog.0.4", b"later", LONG)
    assert [(one.data, one.seq) for one in await waiting] == [(b"1", 2), (b"3", 4), (b"later", 7)]
    nothing = await log.open_at(stored[4].timestamp + 1000, filters)
    assert nothing.pending == 0
    for one in (node, subtree, nothing):
        await one.close()


async def test_a_log_tells_what_it_is(bus: Transport) -> None:
    """First and last sequence, how many messages, and a creation time that stays."""
    log = bus.log(METRICS)
    empty = await log.info()
    assert (empty.last_seq, empty.messages, empty.tail) == (0, 0, 0)
    for _ in range(3):
        await bus.publish(SUBJECT, b"x", LONG)
    full = await log.info(beyond=0)
    assert (full.created, full.first_seq, full.last_seq, full.messages, full.tail) == (empty.created, 1, 3, 3, 3)
    assert 0 < full.first_timestamp <= full.now


async def test_a_log_that_is_not_there(bus: Transport) -> None:
    """Both questions say so in the same word, until the stream is provided."""
    log = bus.log("OTHER")
    for ask in (log.info, lambda: log.open(1), lambda: log.open_at(0.0, [">"])):
        with pytest.raises(LogError) as error:
            await ask()
        assert error.value.reason == "missing"
    settings = StreamSettings(name="OTHER", subjects=("other.>",), max_bytes=1_000_000)
    assert (await bus.publish("other.a", b"x", LONG)).refusal is Refusal.NO_STREAM
    assert [await bus.provide(settings), await bus.provide(settings)] == [[], []]
    assert (await bus.publish("other.a", b"x", LONG)).outcome is Outcome.ACKED
    assert (await log.info()).messages == 1


async def test_what_is_refused(bus: Transport) -> None:
    """No stream, and a message that is longer than the bus says it takes."""
    most = bus.max_payload
    assert most is not None
    assert (await bus.publish("nowhere", b"x", LONG)).refusal is Refusal.NO_STREAM
    assert (await bus.publish(SUBJECT, b"x" * (most + 1), LONG)).refusal is Refusal.TOO_LARGE


async def test_requests_are_heard(bus: Transport) -> None:
    """By subject and by pattern, in order; a callback that raises does not silence those after it."""
    heard: list[tuple[str, bytes]] = []

    def note(subject: str, data: bytes) -> None:
        heard.append((subject, data))
        if data == b"bad":
            raise ValueError(data)

    await bus.listen(["ask.a", "all.*.b", "under.>"], note)
    sent = [("ask.a", b"bad"), ("ask.b", b"no"), ("all.x.b", b"1"), ("under.x.y", b"2"), ("under", b"no")]
    for subject, data in sent:
        assert await bus.send(subject, data)
    expected = [(subject, data) for subject, data in sent if data != b"no"]
    await eventually(lambda: len(heard) == len(expected))
    assert sorted(heard) == sorted(expected)


async def test_without_a_connection(bus: Transport) -> None:
    """Every call says so at once, and a reader ends; nothing is kept for later."""
    await bus.publish(SUBJECT, b"1", LONG)
    log = bus.log(METRICS)
    reader = await log.open(1)
    running = asyncio.create_task(bus.run()) if isinstance(bus, MemoryBus) else None
    if isinstance(bus, MemoryBus):
        bus.disconnect()
    else:
        assert isinstance(bus, NatsTransport)
        await bus.close()
        await eventually(lambda: bus.max_payload is None)
    assert (bus.max_payload, await bus.connected(0), await bus.send(SUBJECT, b"2")) == (None, False, False)
    assert (await bus.publish(SUBJECT, b"2", LONG)).outcome is Outcome.DISCONNECTED
    for ask in (log.info, lambda: log.open(1), lambda: log.open_at(0.0, [">"]), lambda: read(reader, 2)):
        with pytest.raises(LogError) as error:
            await ask()
        assert error.value.reason == "disconnected"
    await reader.close()
    if running is not None:
        await bus.close()
        await running


async def test_a_message_with_a_known_id_is_not_stored_again(bus: Transport) -> None:
    """Listeners hear it all the same; without an id every message is stored."""
    heard: list[bytes] = []
    await bus.listen([SUBJECT], lambda _, data: heard.append(data))
    for data, message_id in ((b"1", "a"), (b"2", "a"), (b"3", "b"), (b"4", ""), (b"5", "")):
        assert await bus.send(SUBJECT, data, message_id=message_id)
    await eventually(lambda: len(heard) == 5)
    reader = await bus.log(METRICS).open(1)
    assert [one.data for one in await read(reader, 4)] == [b"1", b"3", b"4", b"5"]
    await reader.close()
