"""Readers whose names are few: no two take one, none takes another's, and what is left behind comes back."""

from __future__ import annotations

import random
from typing import Any

import pytest
from nats.aio.msg import Msg

from fog_bus.nats.api import JetStream
from fog_bus.nats.client import Client
from fog_bus.nats.consumer import PullConsumer
from fog_bus.nats.link import Link
from fog_bus.nats.log import NatsLog
from fog_bus.ports import LogError, Message
from fog_bus.reader_names import Candidate, ReaderNames
from fog_bus.streams import reader_names
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import FaultProxy
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream, publish


async def consumers(link: Link) -> set[str]:
    """Return the names of all consumers of the stream."""
    return set((await JetStream(link).call("CONSUMER.NAMES.S"))["consumers"])


def test_names_of_two_paths_are_different_ones() -> None:
    """Also where the tokens of one, joined, look like those of the other; the whole tree has none of its own."""
    assert reader_names(("fog", "0"))[0] == "fog~0+0"
    assert not set(reader_names(("fog", "0-1"))) & set(reader_names(("fog", "0", "1")))
    assert reader_names(()) == ()


def test_what_was_left_a_moment_ago_comes_first() -> None:
    """And once only; after a time the server has forgotten it, and the other one of a pair may have it."""
    names = ReaderNames(("a", "b"), 60.0, random.Random(0))
    names.leave("b", 1.0)
    assert names.candidates(2.0) == [Candidate("b", left=True), Candidate("a")]
    assert not any(one.left for one in names.candidates(2.0))
    names.leave("b", 2.0)
    assert sorted(names.candidates(62.0)) == [Candidate("a"), Candidate("b")]


async def test_no_two_readers_take_one_name(fog_nats: NatsServer) -> None:
    """With two names there are two readers; a third is refused, disturbs neither, and takes the place of one."""
    async with connected(fog_nats.url) as link, connected(fog_nats.url) as other:
        await make_stream(link)
        logs = [NatsLog(one, "S", 0.1, readers=("x", "y")) for one in (link, other)]
        first, second = [await log.open(1) for log in logs]
        assert await consumers(link) == {"x", "y"}
        with pytest.raises(LogError, match="all 2 readers of this stream are in use, x to y") as refused:
            await logs[0].open(1)
        assert refused.value.reason == "refused"
        await publish(link, range(3))
        for reader in (first, second):
            got: list[bytes] = []
            while len(got) < 3:
                got += [message.data for message in await reader.next()]
            assert got == [b"0", b"1", b"2"]
        await second.close()

        async def free() -> bool:
            return len(await consumers(link)) == 1

        await eventually(free)
        await logs[0].open(1)
        assert await consumers(link) == {"x", "y"}


async def test_a_reader_takes_back_the_name_that_it_lost(fog_nats: NatsServer) -> None:
    """With a single name: its connection ends without a word, and the next reader does not wait for the server."""
    async with (
        connected(fog_nats.url) as direct,
        FaultProxy("127.0.0.1", fog_nats.port) as proxy,
        connected(proxy.url) as link,
    ):
        await make_stream(direct)
        log = NatsLog(link, "S", 0.1, readers=("x",))
        reader, generation = await log.open(1), link.connection.generation
        proxy.cut()
        await eventually(lambda: link.connection.client is not None and link.connection.generation > generation)
        await reader.close()
        assert await consumers(direct) == {"x"}
        await publish(direct, range(1))
        again = await log.open(1)
        while not (messages := await again.next()):
            pass
        assert messages[0].data == b"0"


async def test_what_a_stranger_sends_to_a_reader_is_left_out(fog_nats: NatsServer) -> None:
    """A stranger who knows the inbox: with a reply of one's own, none, or headers that say nothing; reading goes on."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        client = link.connection.client
        assert client is not None
        consumer = PullConsumer(JetStream(link), client, "S", name="x", heartbeat=0.1)
        await consumer.open({"deliver_policy": "all"})
        inbox = consumer._address.inbox  # noqa: SLF001 — a secret
        for reply in ("s.a", "$JS.ACK.S.y.1.1.1.1.0", "$JS.ACK.S.x.1.one.1.1.0", "$JS.ACK.S.x.", ""):
            await client.publish(inbox, b"stranger", reply=reply)
        for headers in ({"Other": "x"}, {"Status": "100", "Nats-Last-Consumer": "many"}):
            await client.publish(inbox, b"", headers=headers)
        await publish(link, range(3))
        got: list[bytes] = []
        while len(got) < 3:
            got += [message.data for message in await consumer.next()]
        assert got == [b"0", b"1", b"2"]
        await consumer.close()


@pytest.mark.parametrize("number", ["known", "unknown"])
async def test_messages_arrive_past_the_queue_of_nats_py(
    fog_nats: NatsServer, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in order, those with headers too, and none by the callback; by it where nats-py tells no number.

    When this fails with a new nats-py, a subscription has its number elsewhere: a message costs three times as much.
    """
    called: list[bytes] = []
    build = Client._build_message  # noqa: SLF001 - nats-py's, for each message that takes its way

    def counted(*given: Any) -> Msg:
        called.append(given[4])
        return build(*given)

    monkeypatch.setattr(Client, "_build_message", counted)
    if number == "unknown":
        monkeypatch.setattr(Client, "deliver", lambda *_: False)
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        client = link.connection.client
        assert client is not None
        await publish(link, range(3))
        await client.publish("s.a", b"3", headers={"A": "b"})
        for one in range(4, 300):
            await client.publish("s.a", b"%d" % one)
        consumer = PullConsumer(JetStream(link), client, "S", heartbeat=0.1)
        await consumer.open({"deliver_policy": "all"})
        got: list[Message] = []
        while len(got) < 300:
            got += await consumer.next()
        assert [message.data for message in got] == [str(one).encode() for one in range(300)]
        assert [message.seq for message in got] == list(range(1, 301))
        assert (b"299" in called) is (number == "unknown")
        before = len(client._ps.arrivals)  # noqa: SLF001 - nothing else shows that it is let go of
        await consumer.close()
        assert before - len(client._ps.arrivals) == (number == "known")  # noqa: SLF001 - the inbox's stays


async def test_a_message_of_another_subject_is_left_out(fog_nats: NatsServer) -> None:
    """A stream's messages can be brought to any subject by whoever may make a reader; they are no requests."""
    heard: list[str] = []
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        await link.listen(["ask"], lambda subject, _: heard.append(subject))
        await publish(link, range(3))
        raw_heard: list[str] = []

        async def note(message: object) -> None:
            raw_heard.append(getattr(message, "subject", ""))

        assert link.connection.client is not None
        await link.connection.client.subscribe("ask", cb=note)
        config = {"name": "push", "deliver_subject": "ask", "ack_policy": "none", "deliver_policy": "all"}
        await JetStream(link).call("CONSUMER.CREATE.S.push", {"stream_name": "S", "config": config})
        await eventually(lambda: raw_heard == ["s.a"] * 3)  # the server does bring them
        await link.send("ask", b"")
        await eventually(lambda: heard[-1:] == ["ask"])
    assert heard == ["ask"]
