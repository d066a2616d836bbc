"""The supervisor over nats-py: there is a connection again, whatever happened to the last one."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from pathlib import Path

import nats.aio.client
import psutil
import pytest
from nats.aio.msg import Msg

from fog_bus.backoff import backoff
from fog_bus.nats.connection import Client, Connection, NatsOptions, NatsOptionsError, reason_of
from fog_bus.nats.link import Link
from fog_bus.rate_limited_log import RateLimitedLog
from fog_testing.nats_server import NatsServer
from fog_testing.proxy import BLACK_HOLE, HELD, FaultProxy
from fog_testing.waiting import eventually
from tests.bus.broker import connected, hpub, raw


def test_pauses_grow_are_jittered_and_bounded() -> None:
    """Doubling from half a second to the bound, each between a fifth and the whole of that; never zero."""
    rng = random.Random(1)
    for attempt, whole in ((0, 0.5), (1, 1.0), (3, 4.0), (5, 15.0), (10_000, 15.0)):
        pauses = [backoff(attempt, rng) for _ in range(200)]
        assert whole / 5 <= min(pauses) < whole / 3
        assert whole * 0.8 < max(pauses) <= whole


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Exception('nats: permissions violation for publish to "a.b"'), "permission"),
        (Exception("nats: 'Authorization Violation'"), "authorization"),
        (ConnectionRefusedError("connect call failed"), "unreachable"),
        (TimeoutError(), "timeout"),
        (Exception("anything at all"), "other"),
    ],
)
def test_reasons_are_of_a_small_set(error: Exception, reason: str) -> None:
    """Whatever the server's text, a counter's label is one of a few words."""
    assert reason_of(error) == reason


def test_a_thing_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Lines of one key come once in 60 s, and then tell how many were left out; other keys have their own minute."""
    times = iter((0.0, 1.0, 59.0, 60.0, 60.0))
    log = RateLimitedLog(lambda: next(times))
    for _ in range(4):
        log(logging.WARNING, "down", "NATS is down")
    log(logging.WARNING, "full", "stream is full")
    assert caplog.messages == ["NATS is down", "NATS is down (2 more like it since)", "stream is full"]


class TestOptions:
    """Where and as whom."""

    def test_no_secret_is_shown(self) -> None:
        """Neither the text nor the list of servers has a user's password or token."""
        options = NatsOptions(servers=("nats://me:secret@a:4222", "b"), password="secret", user="me", token="secret")
        assert "secret" not in f"{options!r} {options} {options.where}"
        assert options.where == "nats://a:4222, nats://b"

    @pytest.mark.parametrize("address", ["http://a:1", "nats://", "nats://a:port", "nats://me:secret@:4222"])
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        """At once, in one line, without the password in it."""
        with pytest.raises(NatsOptionsError, match="is not a NATS address") as refused:
            NatsOptions.parse(address)
        assert "secret" not in str(refused.value)

    @pytest.mark.parametrize("begin", ["se#", "se/", "se?", "se,", "[se", "12#", "12/", "12?"])
    def test_a_password_that_cuts_its_address_short_is_refused(self, begin: str) -> None:
        """Its sign ends the host, or makes two addresses of one: no part of it is connected to, or told."""
        with pytest.raises(NatsOptionsError, match="goes into the options for it") as refused:
            NatsOptions.parse(f"nats://me:{begin}cret@a:4222")
        assert "cret" not in str(refused.value)
        assert "me:" not in str(refused.value)

    def test_what_cannot_work_is_refused(self) -> None:
        """A file that is not there, a certificate without its key, no server at all."""
        with pytest.raises(NatsOptionsError, match="no such file"):
            NatsOptions(tls_ca="/nowhere/ca.pem")
        with pytest.raises(NatsOptionsError, match="give both or neither"):
            NatsOptions(tls_cert=__file__)
        with pytest.raises(NatsOptionsError, match="no NATS server named"):
            NatsOptions.parse(" , ")

    def test_a_certificate_that_is_none(self) -> None:
        """One line that names the file."""
        with pytest.raises(NatsOptionsError, match="cannot use TLS files"):
            NatsOptions(tls_ca=__file__).tls()

    def test_login_in_an_address_is_for_every_server(self) -> None:
        """A cluster tells of servers without a password; options of their own win over the address."""
        assert NatsOptions.parse("a,nats://me:pw@b").login() == {"user": "me", "password": "pw"}
        assert NatsOptions.parse("nats://tok@b").login() == {"token": "tok"}
        assert NatsOptions.parse("nats://me:pw@b", token="tok").login()["token"] == "tok"

    def test_context_of_the_nats_tool(self, tmp_path: Path) -> None:
        """The keys that the tool writes; empty ones count as not there."""
        (tmp_path / "nats" / "context").mkdir(parents=True)
        (tmp_path / "nats" / "context" / "prod.json").write_text(
            json.dumps({"url": "nats://a,nats://b", "user": "me", "password": "pw", "creds": "", "inbox_prefix": "_I"})
        )
        options = NatsOptions.from_context("prod", tmp_path)
        assert options.servers == ("nats://a", "nats://b")
        assert (options.user, options.password, options.creds, options.inbox_prefix) == ("me", "pw", None, "_I")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [(None, "cannot read"), ("{", "is not JSON"), ("[]", "not a JSON object"), ('{"nsc": "x"}', "not supported")],
    )
    def test_bad_context(self, tmp_path: Path, text: str | None, complaint: str) -> None:
        """One line that names the file or says what is not supported."""
        (tmp_path / "nats" / "context").mkdir(parents=True)
        if text is not None:
            (tmp_path / "nats" / "context" / "bad.json").write_text(text)
        with pytest.raises(NatsOptionsError, match=complaint):
            NatsOptions.from_context("bad", tmp_path)


async def test_a_first_connect_without_a_server_is_no_obstacle(caplog: pytest.LogCaptureFixture) -> None:
    """Starting does not block or fail; the reason is said once; when the server comes, there is a connection."""
    with NatsServer() as server:
        server.kill()
        connection = Connection(NatsOptions.parse(server.url), longest_pause=0.01)
        async with connection:
            assert not await connection.connected(0)
            await eventually(lambda: connection.errors["unreachable"] > 2)
            server.start()
            assert await connection.connected(10)
    assert len([line for line in caplog.messages if "cannot connect" in line]) == 1


async def test_a_crash_of_the_server(fog_nats: NatsServer) -> None:
    """SIGKILL and restart: hooks tell of the end and of a new client, which can publish."""
    connection = Connection(NatsOptions.parse(fog_nats.url), longest_pause=0.05)
    seen: list[object] = []

    async def hello(client: Client) -> None:
        seen.append(client)

    connection.on_connect.append(hello)
    connection.on_disconnect.append(lambda: seen.append("end"))
    async with connection:
        assert await connection.connected(10)
        fog_nats.kill()
        await eventually(lambda: "end" in seen)
        assert connection.client is None
        fog_nats.start()
        await eventually(lambda: connection.generation == 2)
        assert connection.client is seen[2]
        assert connection.client is not seen[0]
    assert seen[1] == seen[3] == "end"


async def test_connected_never_says_so_without_a_client(fog_nats: NatsServer) -> None:
    """A caller that waits for a client does wait: at no turn of the loop is there a connection without a client.

    Else an agent asks, is told to go on, and asks again, and its host's event loop stands still.
    """
    async with connected(fog_nats.url) as link:
        connection = link.connection
        fog_nats.kill()
        fog_nats.start()
        while connection.generation < 2:
            assert await connection.connected(0) == (connection.client is not None)
            await asyncio.sleep(0)


@pytest.mark.parametrize("fault", ["cut", "half-close", "garbage", "nonsense", "message cut short", "held", "hole"])
async def test_faults_of_the_network(fog_nats: NatsServer, fault: str) -> None:
    """Reset, ended, disturbed, or silent with unsent bytes in the socket: soon there is a new connection.

    Of the old one nothing stays: neither its socket, for the kernel's 15 minutes, nor the task of a subscription.
    """
    silent = fault in ("held", "hole")
    async with FaultProxy("127.0.0.1", fog_nats.port) as proxy:
        options = NatsOptions.parse(proxy.url)
        connection = Connection(options, longest_pause=0.05, ping_interval=0.05 if silent else 10)
        Link(connection)  # subscribes
        async with connection:
            assert await connection.connected(10)
            match fault:
                case "cut":
                    proxy.cut()
                case "half-close":
                    proxy.links[0].half_close("down")
                case "garbage":
                    proxy.links[0].inject("down", b"\x00\xff garbage\r\n")
                case "message cut short":
                    proxy.links[0].inject("down", b"MSG a b\r\n")
                case "nonsense":  # the server answers with an error after which nats-py would stay closed for ever
                    proxy.links[0].inject("up", b"NONSENSE\r\n")
                case _:
                    proxy.impose(up=HELD if fault == "held" else BLACK_HOLE, down=HELD, new=False)
                    for _ in range(12):
                        if connection.client is not None:
                            await connection.client.publish("a", b"x" * 1_000_000)
                            await asyncio.sleep(0)  # some of it gets as far as the socket, some does not
            await eventually(lambda: connection.generation == 2)
            assert connection.client is not None
            await connection.client.flush(5)
            await eventually(lambda: sockets_to(proxy.port) == subscriptions() == 1)


def sockets_to(port: int) -> int:
    """How many connections to a port this process has."""
    return sum(bool(found.raddr) and found.raddr.port == port for found in psutil.Process().net_connections("tcp"))


def subscriptions() -> int:
    """How many tasks of nats-py wait for messages."""
    return sum("_wait_for_msgs" in repr(task) for task in asyncio.all_tasks())


async def test_a_wrong_password(caplog: pytest.LogCaptureFixture) -> None:
    """It is told as such, without the password, and tried again: the server's configuration may change."""
    with NatsServer(config="authorization { user: me, password: right }") as server:
        options = NatsOptions.parse(f"nats://me:wrong-one@127.0.0.1:{server.port}")
        async with Connection(options, longest_pause=0.01) as connection:
            await eventually(lambda: connection.errors["authorization"] > 1)
            assert connection.client is None
    assert "wrong-one" not in caplog.text
    assert "uthorization" in caplog.text


async def test_a_hook_that_fails(fog_nats: NatsServer) -> None:
    """It costs that connection, not the program."""
    connection = Connection(NatsOptions.parse(fog_nats.url), longest_pause=0.01)
    calls = 0

    async def hook(_client: Client) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError("not this time")

    connection.on_connect.append(hook)
    async with connection:
        assert await connection.connected(10)
    assert calls == 2
    assert connection.generation == 1


async def test_close_lets_everything_out(fog_nats: NatsServer) -> None:
    """A message that was published before `close` arrives."""
    async with connected(fog_nats.url) as other:
        got: list[bytes] = []
        await other.listen(["a"], lambda _, data: got.append(data))
        assert other.connection.client is not None
        await other.connection.client.flush(5)
        async with connected(fog_nats.url) as link:
            for number in range(50):
                assert await link.send("a", b"%d" % number)
        await eventually(lambda: len(got) == 50)


@pytest.mark.parametrize("deadline", [0, 1e-5])
async def test_closing_in_no_time_is_no_fault(
    fog_nats: NatsServer, caplog: pytest.LogCaptureFixture, deadline: float
) -> None:
    """Give up what is under way without a word: a flush that is cancelled is not a fault of the protocol."""
    caplog.set_level(logging.INFO)
    for _ in range(20):
        connection = Connection(NatsOptions.parse(fog_nats.url))
        running = asyncio.create_task(connection.run())
        assert await connection.connected(5)
        await connection.close(deadline)
        await asyncio.sleep(0)
        await running
    assert {record.levelname for record in caplog.records} <= {"INFO"}, caplog.messages


async def test_closing_on_a_server_that_hangs(fog_nats: NatsServer) -> None:
    """`close` keeps to its deadline, and `run` ends."""
    connection = Connection(NatsOptions.parse(fog_nats.url))
    async with connection:
        assert await connection.connected(10)
        fog_nats.pause()
        await connection.close(0.05)
    fog_nats.resume()
    assert connection.client is None


@pytest.mark.parametrize(
    "poison",
    [
        hpub(b"a.a", b"N", b"x"),
        hpub(b"a.a", b"NATS/1.0", b"x"),
        hpub(b"a.a", b"NATS/1.0 \xff\xff\r\n\r\n", b"x"),
        hpub(b"a.a", b"NATS/1.0\r\n\xff: \xff\r\n\r\n", b"x"),
        b"PUB a.\xff\xfe 1\r\nx\r\n",
        b"PUB a.b\x0bc\x0cd 1\r\nx\r\n",
        b"PUB a.\x00\x1c 1\r\nx\r\n",
        b"PUB a." + b"x" * 3000 + b" 1\r\nx\r\n",
    ],
)
async def test_no_message_breaks_the_client(fog_nats: NatsServer, poison: bytes) -> None:
    """Headers that are none and subjects of odd bytes, which the server lets through, arrive; so does the next message.

    With nats-py alone each of these but the last two ends the reading: of every reader, and after each reconnect.
    """
    async with connected(fog_nats.url) as link:
        assert link.connection.client is not None
        got: list[Msg] = []

        async def listen(message: Msg) -> None:
            got.append(message)

        await link.connection.client.subscribe("a.>", cb=listen)
        await link.connection.client.flush(5)
        await raw(fog_nats.port, poison + b"PUB a.b 1\r\ny\r\n")
        await eventually(lambda: got and got[-1].data == b"y")
        assert [message.data for message in got] == [b"x", b"y"]
        assert link.connection.generation == 1


async def test_messages_that_arrive_in_pieces(fog_nats: NatsServer) -> None:
    """Whatever the size, with reply and headers or without: what is published arrives, in order, byte for byte."""
    sizes = [0, 1, 100, 32_767, 32_768, 32_769, 1_000_000, 2, 65_536, 0]
    async with connected(fog_nats.url) as link:
        client = link.connection.client
        assert client is not None
        got: list[tuple[str, bytes, dict[str, str] | None]] = []

        async def listen(message: Msg) -> None:
            got.append((message.reply, message.data, message.headers))

        await client.subscribe("a", cb=listen)
        for size in sizes:
            await client.publish("a", b"\r\n" * (size // 2), reply="r.e")
            await client.publish("a", b"MSG" * (size // 3), headers={"K": "v\u00e9"})
        await eventually(lambda: len(got) == 2 * len(sizes))
    assert got[::2] == [("r.e", b"\r\n" * (size // 2), None) for size in sizes]
    assert got[1::2] == [("", b"MSG" * (size // 3), {"K": "v\u00e9"}) for size in sizes]


async def test_equal_headers_are_read_once_and_are_each_messages_own(
    fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent stream says the same again and again; what one reader does to its headers no other one sees."""
    read: list[bytes] = []
    parse = nats.aio.client.Client._process_headers  # noqa: SLF001 - what is counted

    async def count(self: nats.aio.client.Client, headers: bytes) -> dict[str, str] | None:
        read.append(headers)
        found: dict[str, str] | None = await parse(self, headers)
        return found

    monkeypatch.setattr(nats.aio.client.Client, "_process_headers", count)
    async with connected(fog_nats.url) as link:
        client = link.connection.client
        assert client is not None
        got: list[dict[str, str] | None] = []

        async def listen(message: Msg) -> None:
            got.append(dict(message.headers or {}))
            if message.headers is not None:
                message.headers.clear()

        await client.subscribe("a", cb=listen)
        for value in ("1", "1", "2", "1"):
            await client.publish("a", b"", headers={"K": value})
        await eventually(lambda: len(got) == 4)
    assert [(one or {})["K"] for one in got] == ["1", "1", "2", "1"]
    assert len(read) == 2


def test_link_is_the_hooks_only_user() -> None:
    """A link hooks into its connection once, not once for each reconnect; the inbox does, once for all links."""
    connection = Connection(NatsOptions())
    hooks = (connection.on_connect, connection.on_disconnect, connection.on_error)
    for links in (1, 2, 3):
        Link(connection)
        assert [len(one) for one in hooks] == [links + 1, 1, links + 1]
