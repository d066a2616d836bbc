"""The reading loop against a real server: in every fault each message is handled, in order, and none twice unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from fog_bus.nats.api import JetStream
from fog_bus.nats.arrivals import Arrivals, Arrived, DeliveryRun
from fog_bus.nats.consumer import PullConsumer
from fog_bus.nats.link import Link
from fog_bus.ports import Message
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import BLACK_HOLE, CLEAR, HELD, FaultProxy
from fog_testing.waiting import eventually
from tests.bus.broker import connected, hpub, make_stream, publish, raw
from tests.bus.reading import Reading, Timing, running


async def no_consumers(link: Link) -> None:
    """Wait until the server has none left; it takes a request to delete one as it finds the time."""

    async def gone() -> bool:
        return not (await JetStream(link).call("CONSUMER.NAMES.S"))["consumers"]

    await eventually(gone)


async def test_from_the_start_and_on(fog_nats: NatsServer) -> None:
    """A backlog and then what comes: in order, once, with time and sequence; position, lag and readiness keep up."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(1200))
        async with running(Reading(link)) as reading:
            await reading.until(range(1200))
            await publish(link, range(1200, 1210))
            await reading.until(range(1210))
            reader = reading.cursor
            await eventually(lambda: reader.info and reader.info.last_seq == 1210)
            last = reading.messages[-1]
            assert reader.position is not None
            assert reader.position[1:] == (last.seq, last.timestamp_ns) == (1210, last.timestamp_ns)
            assert (last.subject, last.timestamp) == ("s.a", last.timestamp_ns / 1e9)
            assert reader.info is not None
            assert reader.read_until == reader.info.now > last.timestamp
            assert (reader.lag, reader.last_seq, reader.caught_up, reader.until_gap) == (0, 1210, True, None)
            assert not reader.restarts
            assert not reading.discontinuities


async def test_an_empty_stream_is_caught_up_with(fog_nats: NatsServer) -> None:
    """Nothing to read is no reason to wait; what comes later is read."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        async with running(Reading(link)) as reading:
            await eventually(lambda: reading.cursor.caught_up)
            await publish(link, range(1))
            await reading.until([0])


async def test_on_from_a_position(fog_nats: NatsServer) -> None:
    """A checkpoint's position: the messages behind it, whether there are some or none, and none before."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            position = reading.cursor.position
        async with running(Reading(link, position=position)) as reading:
            await eventually(lambda: reading.cursor.caught_up)
            await publish(link, range(10, 20))
            await reading.until(range(10, 20))
            assert not reading.discontinuities
        async with running(Reading(link, position=position)) as reading:
            await reading.until(range(10, 20))
            assert not reading.discontinuities


async def test_a_server_that_hangs(fog_nats: NatsServer) -> None:
    """SIGSTOP for longer than three heartbeats: noticed, and afterwards everything comes once."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            fog_nats.pause()
            await eventually(lambda: reading.cursor.restarts["silent"] == 1)
            fog_nats.resume()
            await publish(link, range(10, 20))
            await reading.until(range(20))
            assert not reading.discontinuities


@pytest.mark.parametrize("fault", ["cut", "silence", "hole"])
async def test_faults_of_the_network_in_the_middle_of_a_backlog(fog_nats: NatsServer, fault: str) -> None:
    """Reset, silent, or with some bytes swallowed: 20,000 messages are handled in order, each once."""
    async with FaultProxy("127.0.0.1", fog_nats.port) as proxy, connected(fog_nats.url) as writer:
        await make_stream(writer)
        client = writer.connection.client
        assert client is not None
        for number in range(20_000):
            await client.publish("s.a", b"%d" % number)
        await client.flush(5)
        async with connected(proxy.url) as link:
            done = 0

            def strike(messages: list[Message]) -> None:
                nonlocal done
                if int(messages[-1].data) // 5000 <= done:
                    return
                done += 1
                if fault == "cut":
                    proxy.cut()
                    return
                proxy.impose(down=HELD if fault == "silence" else BLACK_HOLE, new=False)
                lift = partial(proxy.impose, down=CLEAR)
                asyncio.get_running_loop().call_later(0.5 if fault == "silence" else 0.02, lift)

            async with running(Reading(link, also=strike)) as reading:
                await reading.until(range(20_000))
                assert done == 3
                assert fault != "silence" or reading.cursor.restarts["silent"]
                assert not reading.discontinuities


async def test_a_consumer_that_an_administrator_deletes(fog_nats: NatsServer) -> None:
    """The next one goes on where it was."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            for name in (await JetStream(link).call("CONSUMER.NAMES.S"))["consumers"]:
                await JetStream(link).call(f"CONSUMER.DELETE.S.{name}")
            await publish(link, range(10, 20))
            await reading.until(range(20))
            assert not reading.discontinuities


async def test_consumers_do_not_pile_up(fog_nats: NatsServer) -> None:
    """A reader that stops takes its consumer away."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        for _ in range(3):
            async with running(Reading(link)) as reading:
                await eventually(lambda reading=reading: reading.cursor.caught_up)  # type: ignore[misc]
        await no_consumers(link)


async def test_the_watchdog(fog_nats: NatsServer) -> None:
    """A consumer that lives and delivers nothing, paused here, while the stream grows: it is replaced."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(3))
        timing = Timing(heartbeat=0.05, check=0.05, stalled=0.2, longest_pause=0.1)
        async with running(Reading(link, timing=timing)) as reading:
            await reading.until(range(3))
            for name in (await JetStream(link).call("CONSUMER.NAMES.S"))["consumers"]:
                await JetStream(link).call(f"CONSUMER.PAUSE.S.{name}", {"pause_until": "2999-01-01T00:00:00Z"})
            await publish(link, range(3, 6))
            await reading.until(range(6))
            assert reading.cursor.restarts == {"stalled": 1}
            assert not reading.discontinuities


class Lagging(PullConsumer):
    """A consumer on a replica that lags behind: until it is let go, it knows and counts the first `shown` messages."""

    shown = 100
    released = asyncio.Event()

    async def open(self, start: Mapping[str, Any], *, anew: bool = False) -> None:
        """As of any consumer, but for what is pending."""
        await super().open(start, anew=anew)
        self._kept: list[Message] = []
        self.pending = max(0, min(self.pending, self.shown + 1 - start["opt_start_seq"]))

    async def next(self) -> list[Message]:
        """Return what it knows."""
        self._kept += await super().next()
        seen = [message for message in self._kept if self.released.is_set() or message.seq <= self.shown]
        self._kept = self._kept[len(seen) :]
        self.pending = 0
        return seen


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch) -> type[Lagging]:
    """Readers read from a replica that lags behind."""
    monkeypatch.setattr(Lagging, "released", asyncio.Event())
    monkeypatch.setattr("fog_bus.nats.log.PullConsumer", Lagging)
    return Lagging


async def looks(reading: Reading, count: int) -> None:
    """Wait until the reader has asked so often what the stream is, since now."""
    seen = [reading.cursor.info]

    def have_been() -> bool:
        if seen[-1] is not reading.cursor.info:
            seen.append(reading.cursor.info)
        return len(seen) > count

    await eventually(have_been)


async def test_a_replica_that_lags_behind_is_not_believed(fog_nats: NatsServer, lagging: type[Lagging]) -> None:
    """It has nothing more for us, and the stream's leader has told of more: not caught up, until that has come."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(300))
        async with running(Reading(link)) as reading:
            await eventually(lambda: len(reading.messages) == 100)
            await looks(reading, 3)
            assert (reading.cursor.caught_up, reading.cursor.lag) == (False, 200)
            lagging.released.set()
            await reading.until(range(300))
            await eventually(lambda: reading.cursor.caught_up)
            assert reading.cursor.lag == 0
            assert not reading.discontinuities


async def test_a_replica_that_lags_behind_our_position(fog_nats: NatsServer, lagging: type[Lagging]) -> None:
    """It does not know the last message that we handled: no stream has gone back for that, and nothing is read anew."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(300))
        lagging.released.set()
        async with running(Reading(link)) as reading:
            await reading.until(range(300))
            position = reading.cursor.position
        lagging.released.clear()
        await publish(link, range(300, 310))
        async with running(Reading(link, position=position)) as reading:
            await looks(reading, 3)
            assert (reading.cursor.caught_up, reading.cursor.lag) == (False, 10)
            lagging.released.set()
            await reading.until(range(300, 310))
            assert not reading.discontinuities


@pytest.mark.parametrize("which", ["all", "last"])
async def test_a_tail_that_is_gone_is_not_waited_for(fog_nats: NatsServer, which: str) -> None:
    """The last messages were deleted, one by one or with all others: what is left is read, and then it is caught up.

    Nor does the watchdog take it for a consumer that delivers nothing.
    """
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(8))
        await publish(link, range(8, 10), "s.b")
        await JetStream(link).call("STREAM.PURGE.S", {"filter": "s.>" if which == "all" else "s.b"})
        timing = Timing(heartbeat=0.05, check=0.05, stalled=0.2, longest_pause=0.1)
        async with running(Reading(link, timing=timing)) as reading:
            await reading.until(range(0 if which == "all" else 8))
            await eventually(lambda: reading.cursor.caught_up)
            await looks(reading, 12)
            await eventually(lambda: (reading.cursor.caught_up, reading.cursor.lag) == (True, 0))
            assert not reading.cursor.restarts["stalled"], "silent it may be, on a busy machine"
            await publish(link, range(10, 12))
            await eventually(lambda: reading.numbers[-2:] == [10, 11])


async def test_a_subtree(fog_nats: NatsServer) -> None:
    """Two filters: a place and all under it; the rest is not handed on, moves the position, and is not missed."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        for number, subject in enumerate(["s.0", "s.0.3", "s.0.30", "s.0.3.1", "s.1.3", "s.0.3", "s.0"]):
            await publish(link, range(number, number + 1), subject)
        async with running(Reading(link, filters=["s.0.3", "s.0.3.>"])) as reading:
            await reading.until([1, 3, 5])
            await eventually(lambda: reading.cursor.position and reading.cursor.position.seq == 7)
            position = reading.cursor.position
        await publish(link, range(7, 8), "s.0.3.2")
        async with running(Reading(link, position=position, filters=["s.0.3", "s.0.3.>"])) as reading:
            await reading.until([7])
            assert not reading.discontinuities


READER = """
authorization { users: [
  { user: admin, password: admin }
  { user: reader, password: reader, permissions: {
      publish: ["$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.CREATE.S.>", "$JS.API.CONSUMER.MSG.NEXT.S.*",
                "$JS.API.CONSUMER.DELETE.S.*", "fog.v1.resync.>"]
      subscribe: ["_INBOX_AGG.>"] } }
] }
"""


async def test_least_privilege() -> None:
    """The documented permissions of an aggregator are enough, and none of them is refused on the way."""
    with NatsServer(config=READER) as server:
        async with connected(server.url, user="admin", password="admin") as admin:
            await make_stream(admin)
            await publish(admin, range(10))
            reader = {"user": "reader", "password": "reader", "inbox_prefix": "_INBOX_AGG"}
            async with connected(server.url, **reader) as link:
                async with running(Reading(link)) as reading:
                    await reading.until(range(10))
                    await eventually(lambda: reading.cursor.info and reading.cursor.info.last_seq == 10)
                assert not link.connection.errors
            await no_consumers(admin)


async def test_a_domain() -> None:
    """JetStream in a domain is reached by the domain's own API."""
    with NatsServer(config="jetstream { domain: hub }") as server:
        async with connected(server.url, jetstream_domain="hub") as link:
            await make_stream(link)
            await publish(link, range(10))
            async with running(Reading(link)) as reading:
                await reading.until(range(10))


async def test_messages_that_look_like_the_servers_own(fog_nats: NatsServer) -> None:
    """Anyone who may publish can store a message with the headers of a status, or none that anyone can read."""
    forged = [
        b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
        b"NATS/1.0\r\nStatus: 409\r\n\r\n",
        b"N",
        b"NATS/1.0 100\r\n\r\n",
    ]
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await raw(fog_nats.port, b"".join(hpub(b"s.a", headers, b"%d" % n) for n, headers in enumerate(forged)))
        await raw(fog_nats.port, b"PUB s.\xff\x0bx 1\r\n4\r\n")
        await publish(link, range(5, 10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            assert not reading.cursor.restarts


async def test_messages_of_the_largest_size(fog_nats: NatsServer) -> None:
    """Requests are bounded in bytes, and what they leave behind the next one gets."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        size = link.connection.max_payload
        assert size is not None
        for _ in range(40):
            await link.publish("s.a", b"1".rjust(size), 10)
        async with running(Reading(link)) as reading:
            await reading.until([1] * 40)
            assert not reading.cursor.restarts


async def test_a_message_larger_than_a_request() -> None:
    """Where the server takes messages beyond the usual bound, requests grow with them."""
    with NatsServer(config="max_payload: 17825792") as server:
        async with connected(server.url) as link:
            await make_stream(link)
            await link.publish("s.a", b"1".rjust(17_825_792), 10)
            async with running(Reading(link, timing=Timing())) as reading:
                await reading.until([1])
                assert not reading.cursor.restarts


@pytest.mark.parametrize("lost", [5, 9])
async def test_a_delivery_that_gets_lost(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    """In the middle or as the last one before silence: its number is missing, and it is delivered again."""
    put = Arrivals.put
    losses = 0

    def lose_one(self: Arrivals, arrived: Arrived | DeliveryRun) -> None:
        nonlocal losses
        if not losses and isinstance(arrived, DeliveryRun):
            stays = [at for at, message in enumerate(arrived.messages) if message.data != b"%d" % lost]
            losses += len(stays) < len(arrived.messages)
            kept = ([arrived.messages[at] for at in stays], [arrived.consumer_seqs[at] for at in stays])
            arrived = DeliveryRun(*kept, 0)
        put(self, arrived)

    monkeypatch.setattr(Arrivals, "put", lose_one)
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))
        async with running(Reading(link)) as reading:
            await reading.until(range(10))
            assert reading.cursor.restarts == {"hole": 1}
            assert not reading.discontinuities


async def test_a_handler_that_fails(fog_nats: NatsServer) -> None:
    """It ends the reader, loudly, and the position stays before what was not handled."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await publish(link, range(10))

        def fail(_messages: list[Message]) -> None:
            raise ZeroDivisionError

        reading = Reading(link, also=fail)
        with pytest.raises(ZeroDivisionError):
            await reading.loop.run()
        assert reading.cursor.position is not None
        assert reading.cursor.position.seq == 0
