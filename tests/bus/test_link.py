"""Publishing: every outcome is a value, the right one, and nothing is sent later than its publisher believes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.link import Link, parse_ack
from fog_bus.ports import Outcome, Publish, Refusal, RequestError
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import CLEAR, HELD, FaultProxy
from fog_testing.waiting import eventually
from tests.bus.broker import connected, make_stream

LONG = 60.0
"""A deadline that no test waits for."""


async def post(link: Link, subject: str, payload: bytes, deadline: float) -> Publish:
    """Publish by callback, as an agent does."""
    answer: asyncio.Future[Publish] = asyncio.get_running_loop().create_future()
    if not link.post(subject, payload, deadline, answer.set_result):
        return await link.publish(subject, payload, deadline)
    return await answer


by_either_way = pytest.mark.parametrize("publish", [Link.publish, post], ids=["by a task", "by callback"])
Way: TypeAlias = Callable[[Link, str, bytes, float], Awaitable[Publish]]


def error(code: int, text: str) -> bytes:
    """Return an answer of JetStream that refuses."""
    return json.dumps({"error": {"code": 503, "err_code": code, "description": text}, "stream": "", "seq": 0}).encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"stream":"S","seq":7}', Publish(Outcome.ACKED, stream="S", seq=7)),
        (b'{"stream":"S", "seq":7}', Publish(Outcome.ACKED, stream="S", seq=7)),
        (b'{"stream":"\\u0053","seq":7}', Publish(Outcome.ACKED, stream="S", seq=7)),
        (b'{"stream":"S","seq":07}', Refusal.OTHER),
        (b'{"stream":"S","seq":7}x', Refusal.OTHER),
        (b'{"stream":"S","seq":7,"domain":"d","duplicate":true}', Publish(Outcome.ACKED, stream="S", seq=7)),
        (error(10077, "maximum bytes exceeded"), Refusal.FULL),
        (error(10077, "maximum messages per subject exceeded"), Refusal.FULL),
        (error(10077, "something of the disk"), Refusal.OTHER),
        (error(10047, "insufficient storage resources available"), Refusal.FULL),
        (error(10054, "message size exceeds maximum allowed"), Refusal.TOO_LARGE),
        (error(10076, "jetstream not enabled"), Refusal.NO_STREAM),
        (error(10008, "jetstream system temporarily unavailable"), Refusal.OTHER),
        (b"", Refusal.OTHER),
        (b"+ACK", Refusal.OTHER),
        (b"\xff", Refusal.OTHER),
        (b"[]", Refusal.OTHER),
        (b'{"seq":7}', Refusal.OTHER),
        (b'{"stream":"S","seq":"7"}', Refusal.OTHER),
        (b"[" * 100_000, Refusal.OTHER),
    ],
)
def test_answers_to_a_publish(answer: bytes, expected: Publish | Refusal) -> None:
    """Only what JetStream says counts as an acknowledgement; its refusals are told apart by their codes."""
    result = parse_ack(answer)
    assert expected in (result, result.refusal)
    assert (result.outcome is Outcome.ACKED) == isinstance(expected, Publish)


@by_either_way
async def test_an_acknowledged_publish(fog_nats: NatsServer, publish: Way) -> None:
    """The stream's name and sequence come back, and the message has no header: ids are the whole stream's affair."""
    async with connected(fog_nats.url) as link:
        await make_stream(link, "FRAMES")
        results = await asyncio.gather(*(publish(link, "s.a", b"%d" % n, LONG) for n in range(50)))
        assert [(result.outcome, result.stream) for result in results] == [(Outcome.ACKED, "FRAMES")] * 50
        assert sorted(result.seq for result in results) == list(range(1, 51))
        stored = await JetStream(link).call("STREAM.MSG.GET.FRAMES", {"seq": 1})
        assert "hdrs" not in stored["message"]


@by_either_way
async def test_messages_of_one_turn_leave_together(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch, publish: Way
) -> None:
    """In one write, though each is published by itself; one after the other they are written one by one."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        written: list[bytes] = []
        write = asyncio.StreamWriter.write

        def counted(writer: asyncio.StreamWriter, data: bytes) -> None:
            written.append(data)
            write(writer, data)

        monkeypatch.setattr(asyncio.StreamWriter, "write", counted)
        await asyncio.gather(*(publish(link, "s.a", b"together", LONG) for _ in range(20)))
        assert [data.count(b"together") for data in written if b"PUB s.a " in data] == [20]
        written.clear()
        for _ in range(3):
            await publish(link, "s.a", b"alone", LONG)
        assert [data.count(b"alone") for data in written if b"PUB s.a " in data] == [1, 1, 1]


async def test_an_answer_settles_what_waits_before_nats_py_reads(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer to a post comes by nats-py's task; fails when a version of it is otherwise."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        client = link.connection.client
        assert client is not None
        read: list[bytes] = []
        parse = client._ps.parse  # noqa: SLF001 - of nats-py

        async def parsed(data: bytes = b"") -> None:
            read.append(data)
            await parse(data)

        monkeypatch.setattr(client._ps, "parse", parsed)  # noqa: SLF001 - as above
        for number in range(1, 4):
            answer: asyncio.Future[Publish] = asyncio.get_running_loop().create_future()
            assert link.post("s.a", b"x", LONG, answer.set_result)
            assert (await answer).seq == number
        await client.flush(5)
        assert b"".join(read) == b"PONG\r\n"


async def test_what_waits_to_be_written_is_not_overtaken(fog_nats: NatsServer) -> None:
    """A message of the same turn that was published before goes first, whichever way it went."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        before = asyncio.ensure_future(link.publish("s.a", b"first", LONG))
        await asyncio.sleep(0)
        assert (await post(link, "s.a", b"second", LONG)).seq == 2
        assert (await before).seq == 1


async def test_a_socket_that_is_full_is_waited_for(fog_nats: NatsServer) -> None:
    """Messages that do not fit wait in nats-py's own way, behind the ones before, and arrive once the peer reads."""
    async with FaultProxy("127.0.0.1", fog_nats.port) as proxy, connected(proxy.url) as link:
        await make_stream(link)
        proxy.impose(up=HELD)
        client = link.connection.client
        assert client is not None
        writer = client._transport._io_writer  # type: ignore[union-attr] # noqa: SLF001 - of nats-py
        held = []
        while not writer.transport.get_write_buffer_size():
            held.append(asyncio.create_task(link.publish("s.a", b"x" * 900_000, LONG)))
            await asyncio.sleep(0.01)
        held += [asyncio.create_task(link.publish("s.a", b"last", LONG)) for _ in range(2)]
        await asyncio.sleep(0)
        assert client.pending_data_size
        held.append(asyncio.create_task(post(link, "s.a", b"posted", LONG)))
        proxy.impose(up=CLEAR)
        seqs = [(await one).seq for one in held]
        assert seqs == list(range(1, len(held) + 1))


async def test_a_link_on_a_connection_that_is_there_already(fog_nats: NatsServer) -> None:
    """It gets its answers, and each request once, before any reconnect gives it a reason to subscribe."""
    heard: list[bytes] = []
    async with connected(fog_nats.url) as first:
        await make_stream(first, "FRAMES")
        link = Link(first.connection)
        await link.listen(["ask"], lambda _, data: heard.append(data))
        assert (await link.publish("s.a", b"", LONG)).outcome is Outcome.ACKED
        await first.send("ask", b"1")
        await first.send("ask", b"2")
        await eventually(lambda: heard[-1:] == [b"2"])
    assert heard == [b"1", b"2"]


@by_either_way
@pytest.mark.parametrize("jetstream", [True, False])
async def test_no_stream(publish: Way, *, jetstream: bool) -> None:
    """No stream takes the subject, or JetStream is off: known at once. A stream made later takes it."""
    with NatsServer(jetstream=jetstream) as server:
        async with connected(server.url) as link:
            result = await publish(link, "s.a", b"x", LONG)
            assert (result.outcome, result.refusal) == (Outcome.REFUSED, Refusal.NO_STREAM)
            if jetstream:
                await make_stream(link)
                assert (await publish(link, "s.a", b"x", LONG)).outcome is Outcome.ACKED


@by_either_way
async def test_a_full_stream_and_messages_that_are_too_large(fog_nats: NatsServer, publish: Way) -> None:
    """Both are refusals with their own reason, whether the stream, the server or the client says no."""
    async with connected(fog_nats.url) as link:
        await make_stream(link, "FULL", max_bytes=2000, discard="new", max_msg_size=1500)
        assert (await publish(link, "s.a", b"x" * 1400, LONG)).outcome is Outcome.ACKED
        assert (await publish(link, "s.a", b"x" * 1400, LONG)).refusal is Refusal.FULL
        assert (await publish(link, "s.a", b"x" * 1600, LONG)).refusal is Refusal.TOO_LARGE
        assert (await publish(link, "s.a", b"x" * 2_000_000, LONG)).refusal is Refusal.TOO_LARGE
        assert link.connection.generation == 1


AGENT = """
authorization { users: [
  { user: admin, password: admin }
  { user: agent, password: agent, permissions: {
      publish: ["fog.v1.metrics.fog.0.3", "fog.v1.events.fog.0.3"]
      subscribe: ["_INBOX_AGENT.fog.0.3.>", "fog.v1.resync.fog.0.3", "fog.v1.resync.fog.0", "fog.v1.resync.fog"] } }
] }
"""


@by_either_way
async def test_an_agents_permissions(publish: Way) -> None:
    """With exactly the documented ones frames are acknowledged and requests heard; everything else is refused by name.

    The server tells of a refused publish only to the connection as a whole, and answers nothing: without a look there
    it would be a timeout.
    """
    with NatsServer(config=AGENT) as server:
        agent = {"user": "agent", "password": "agent", "inbox_prefix": "_INBOX_AGENT.fog.0.3"}
        async with (
            connected(server.url, user="admin", password="admin") as admin,
            connected(server.url, **agent) as link,
        ):
            await make_stream(admin, "FOG_METRICS", "fog.v1.metrics.>")
            heard: list[str] = []
            paths = ["fog.v1.resync.fog", "fog.v1.resync.fog.0", "fog.v1.resync.fog.0.3"]
            await link.listen([*paths, "fog.v1.resync.other"], lambda subject, _: heard.append(subject))
            assert (await publish(link, "fog.v1.metrics.fog.0.3", b"frame", LONG)).outcome is Outcome.ACKED
            refused = await publish(link, "fog.v1.metrics.fog.0.4", b"frame", LONG)
            assert (refused.outcome, refused.refusal) == (Outcome.REFUSED, Refusal.PERMISSION)
            assert "fog.v1.metrics.fog.0.4" in refused.text
            for path in [*paths, "fog.v1.resync.other"]:
                await admin.send(path, b"")
            await eventually(lambda: len(heard) == 3)
            assert heard == paths
            assert link.connection.errors["permission"] == 2  # the publish and the fourth subscription


@by_either_way
async def test_answers_that_may_not_come(publish: Way) -> None:
    """With an inbox that the server forbids no acknowledgement would ever come: the publish says so, and what to do."""
    with NatsServer(config=AGENT) as server:
        async with connected(server.url, user="agent", password="agent") as link:
            result = await publish(link, "fog.v1.metrics.fog.0.3", b"frame", LONG)
            assert result.refusal is Refusal.PERMISSION
            assert "inbox prefix" in result.text


@by_either_way
async def test_nothing_is_buffered_while_there_is_no_connection(fog_nats: NatsServer, publish: Way) -> None:
    """A publish in vain is known at once and never sent later: the frame is the publisher's to repeat."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        fog_nats.kill()
        for _ in range(10):
            assert (await publish(link, "s.a", b"in vain", LONG)).outcome is Outcome.DISCONNECTED
            assert not await link.send("s.a", b"in vain")
        fog_nats.start()
        assert await link.connection.connected(10)
        assert (await publish(link, "s.a", b"x", LONG)).seq == 1


@by_either_way
async def test_a_connection_that_ends_while_an_answer_is_awaited(fog_nats: NatsServer, publish: Way) -> None:
    """The wait ends with the connection, not with its deadline."""
    async with connected(fog_nats.url) as link:
        await make_stream(link)
        fog_nats.pause()
        waiting = asyncio.ensure_future(publish(link, "s.a", b"x", LONG))
        await asyncio.sleep(0)
        fog_nats.kill()
        assert (await waiting).outcome is Outcome.DISCONNECTED


@by_either_way
async def test_a_lost_answer(fog_nats: NatsServer, publish: Way) -> None:
    """A timeout proves nothing: the message is in the stream, and so is its repetition. A late answer does no harm."""
    async with FaultProxy("127.0.0.1", fog_nats.port) as proxy, connected(proxy.url) as link:
        await make_stream(link)
        proxy.impose(down=HELD)
        assert (await publish(link, "s.a", b"x", 0.05)).outcome is Outcome.TIMEOUT
        proxy.impose(down=CLEAR)
        assert (await publish(link, "s.a", b"x", LONG)).seq == 2


async def test_requests(fog_nats: NatsServer) -> None:
    """They are heard after a reconnect too, and a callback that fails on one does not silence the next."""
    async with connected(fog_nats.url) as link, connected(fog_nats.url) as other:
        heard: list[tuple[str, bytes]] = []

        def callback(subject: str, data: bytes) -> None:
            if data == b"bad":
                raise ValueError("a bad request")
            heard.append((subject, data))

        async def ask(data: bytes) -> None:
            assert link.connection.client is not None
            await link.connection.client.flush(5)  # the subscriptions are with the server
            for request in (("r.a", b"bad"), ("r.a", data), ("r.c", data), ("r.b", data)):
                assert await other.send(*request)
            await eventually(lambda: heard[-2:] == [("r.a", data), ("r.b", data)])

        await link.listen(["r.a", "r.b"], callback)
        await ask(b"1")
        fog_nats.kill()
        fog_nats.start()
        await eventually(lambda: link.connection.generation == other.connection.generation == 2)
        await ask(b"2")
        assert len(heard) == 4


async def test_a_request_without_an_answer(fog_nats: NatsServer) -> None:
    """It is an exception that names the subject and the reason."""
    async with connected(fog_nats.url) as link:
        with pytest.raises(RequestError, match=r"nobody\.home: no stream") as failed:
            await link.request("nobody.home", b"", LONG)
        assert failed.value.outcome.refusal is Refusal.NO_STREAM
    with pytest.raises(RequestError, match="disconnected"):
        await Link(Connection(NatsOptions())).request("nobody.home", b"", LONG)
