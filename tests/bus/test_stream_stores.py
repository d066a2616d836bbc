"""The reading loop and what may happen to a store: whatever it was, it is found out, and no message is left unread."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fog_bus.nats.api import JetStream
from fog_bus.nats.link import Link
from fog_bus.ports import Discontinuity
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import CLEAR, HELD, FaultProxy
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream, publish
from tests.bus.reading import Reading, Timing, running


def put_back(server: NatsServer, copy: Path) -> None:
    """Replace the store of a server that is down with an older copy."""
    shutil.rmtree(server.store_dir)
    shutil.copytree(copy, server.store_dir)


async def crash(server: NatsServer, *links: Link) -> None:
    """Kills the server; returns when all have noticed."""
    server.kill()
    await eventually(lambda: all(link.connection.client is None for link in links))


async def test_a_crash_with_the_same_store(fog_nats: NatsServer) -> None:
    """SIGKILL and restart, thrice: everything once, and nothing is said to be discontinuous."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        async with running(Reading(link)) as reading:
            for round_ in range(3):
                await publish(link, range(round_ * 100, round_ * 100 + 100))
                await reading.until(range(round_ * 100 + 100))
                await crash(fog_nats, link)
                fog_nats.start()
            await publish(link, range(300, 310))
            await reading.until(range(310))
            assert not reading.discontinuities


async def test_a_wiped_store(fog_nats: NatsServer) -> None:
    """The missing stream is told of once and waited for; the one that is made then is read from its start."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            await crash(fog_nats, link)
            shutil.rmtree(fog_nats.store_dir)
            fog_nats.start()
            await eventually(lambda: reading.cursor.restarts["missing"] > 2)
            await make_stream(link)
            await publish(link, range(100, 120))
            await reading.until([*range(10), *range(100, 120)])
            assert reading.discontinuities == [Discontinuity.MISSING, Discontinuity.REPLACED]


async def test_a_stream_that_is_deleted_and_made_again(fog_nats: NatsServer) -> None:
    """Under a connection that lives on, and while the new one is already longer than the old."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(3))
        async with running(Reading(link)) as reading:
            await reading.until(range(3))
            await JetStream(link).call("STREAM.DELETE.S")
            await make_stream(link)
            await publish(link, range(100, 110))
            await reading.until([*range(3), *range(100, 110)])
            assert reading.discontinuities[-1] is Discontinuity.REPLACED


@pytest.mark.parametrize("grown", [0, 5, 30])
async def test_an_older_store_put_back(fog_nats: NatsServer, tmp_path: Path, grown: int) -> None:
    """Shorter than what we read, just as long, or grown past us: it is found out, and read from the start."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        fog_nats.stop()
        shutil.copytree(fog_nats.store_dir, tmp_path / "copy")
        fog_nats.start()
        await publish(link, range(10, 15))
        async with running(Reading(link)) as reading:
            await reading.until(range(15))
            position = reading.cursor.position
        await crash(fog_nats, link)
        put_back(fog_nats, tmp_path / "copy")
        fog_nats.start()
        await publish(link, range(100, 100 + grown))
        async with running(Reading(link, position=position)) as reading:
            await reading.until([*range(10), *range(100, 100 + grown)])
            assert reading.discontinuities == [Discontinuity.ROLLED_BACK]


async def test_an_older_store_under_a_running_reader(fog_nats: NatsServer, tmp_path: Path) -> None:
    """It reconnects to a stream that has lost its end: all of it is read again."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        fog_nats.stop()
        shutil.copytree(fog_nats.store_dir, tmp_path / "copy")
        fog_nats.start()
        await publish(link, range(10, 15))
        async with running(Reading(link)) as reading:
            await reading.until(range(15))
            await crash(fog_nats, link)
            put_back(fog_nats, tmp_path / "copy")
            fog_nats.start()
            await reading.until([*range(15), *range(10)])
            assert reading.discontinuities == [Discontinuity.ROLLED_BACK]


async def test_trimmed_while_away(fog_nats: NatsServer) -> None:
    """The remaining messages are read, and a loss is reported; when only read messages went, none is."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            position = reading.cursor.position
        await publish(link, range(10, 20))
        for first, told in ((11, []), (16, [Discontinuity.TRIMMED])):
            await JetStream(link).call("STREAM.PURGE.S", {"seq": first})
            async with running(Reading(link, position=position)) as reading:
                await reading.until(range(first - 1, 20))
                assert reading.discontinuities == told
                assert reading.cursor.trimmed == first - 11
        await JetStream(link).call("STREAM.PURGE.S")
        async with running(Reading(link, position=position)) as reading:
            await eventually(lambda: reading.cursor.caught_up)
            await publish(link, range(20, 25))
            await reading.until(range(20, 25))
            assert reading.discontinuities == [Discontinuity.TRIMMED]
            assert reading.cursor.trimmed == 10


async def test_a_subject_that_keeps_few_messages(fog_nats: NatsServer) -> None:
    """The last message that was handled is gone, as are others of its subject: what nobody read is counted, no more.

    The stream looks as one does that was rolled back and has grown again, so it is read from its start.
    """
    async with connected(fog_nats.url) as link:
        await make_stream(link, max_msgs_per_subject=3)
        await publish(link, range(5), "s.quiet")
        await publish(link, range(5, 8), "s.loud")
        async with running(Reading(link)) as reading:
            await reading.until([2, 3, 4, 5, 6, 7])
            position, before = reading.cursor.position, reading.cursor.trimmed
            assert before == 0  # they were gone before anybody read, and nobody's position tells of them
        await publish(link, range(8, 20), "s.loud")
        async with running(Reading(link, position=position)) as reading:
            await reading.until([2, 3, 4, 17, 18, 19])
            assert reading.discontinuities[0] == Discontinuity.ROLLED_BACK
            assert reading.cursor.trimmed == 9  # 8 to 16, not 5 to 7 again


async def test_trimmed_under_us(fog_nats: NatsServer) -> None:
    """A reader that cannot keep up with a stream that forgets: it goes on with what is left, and tells."""
    async with (
        FaultProxy("127.0.0.1", fog_nats.port) as proxy,
        connected(fog_nats.url) as writer,
        connected(proxy.url) as link,
    ):
        await make_stream(writer)
        patient = Timing(heartbeat=10, check=10)
        async with running(Reading(link, timing=patient)) as reading:
            await publish(writer, range(10))
            await reading.until(range(10))
            proxy.impose(down=HELD, up=HELD)
            assert writer.connection.client is not None
            for number in range(10, 4000):
                await writer.connection.client.publish("s.a", b"%d" % number)
            await publish(writer, range(4000, 4001))
            await JetStream(writer).call("STREAM.PURGE.S", {"keep": 5})
            proxy.impose(down=CLEAR, up=CLEAR)
            await eventually(lambda: reading.numbers[-1] == 4000)
            assert reading.numbers == [*range(len(reading.numbers) - 5), *range(3996, 4001)]
            assert Discontinuity.TRIMMED in reading.discontinuities
            assert reading.cursor.trimmed == 4001 - len(reading.numbers)
