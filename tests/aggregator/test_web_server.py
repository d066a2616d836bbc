"""The server meets rude, slow and many clients."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import repeat

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.output import in_slices, send
from fog_aggregator.components.http.response_slots import MOST_AT_ONCE
from fog_aggregator.components.http.server import ListenError, WebServer
from fog_testing.waiting import eventually
from tests.aggregator.fleet import Fleet
from tests.aggregator.serving import FakeStatus, Served, sample_fleet, serving

GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Provide a small fleet, served."""
    async with serving(sample_fleet()) as served:
        yield served


async def connect(served: Served, **options: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a raw connection."""
    host, port = served.server.address
    return await asyncio.open_connection(host, port, **options)


async def talk(served: Served, data: bytes) -> bytes:
    """Send some bytes and read until the server closes."""
    reader, writer = await connect(served)
    writer.write(data)
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


async def test_a_port_in_use_says_what_to_do() -> None:
    """One line, and another server can start afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = WebServer(make_app(Fleet().network, FakeStatus()), ("127.0.0.1", port))
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: something listens there already"):
            await server.start()
        await server.stop()
    server = WebServer(make_app(Fleet().network, FakeStatus()), ("127.0.0.1", port))
    await server.start()
    assert server.address == ("127.0.0.1", port)
    await server.stop()


@pytest.mark.parametrize("host", ["203.0.113.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    """Both an address of another machine and a name that nobody has."""
    server = WebServer(make_app(Fleet().network, FakeStatus()), (host, 0))
    with pytest.raises(ListenError, match="cannot listen on"):
        await server.start()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_nothing_can_be_changed(served: Served, method: str) -> None:
    """Only GET and HEAD are answered, on paths that exist and on others."""
    for path in ("/metrics", "/nothing"):
        answer = await served.ask(path, method)
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "HEAD"}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_silences_are_not_made_over_http(served: Served, method: str) -> None:
    """A client of Alertmanager that tries is told how they are made."""
    answer = await served.ask("/api/silences", method)
    assert answer.status == 403
    assert "fog silence add" in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:10364", "127.0.0.1.evil.example", "", "a b", "[::1"])
async def test_a_strangers_name_is_refused_on_loopback(served: Served, host: str) -> None:
    """A page whose name was made to point here cannot read the fleet."""
    answer = await served.ask("/metrics", Host=host)
    assert answer.status in (400, 403)
    if answer.status == 403:
        assert "is not this server" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9", "fog.localhost", "127.9.9.9"])
async def test_loopbacks_names_are_ours(served: Served, host: str) -> None:
    """Whatever the port: it may be forwarded."""
    assert (await served.ask("/-/healthy", Host=host)).status == 200


async def test_who_listens_to_all_answers_to_all_names() -> None:
    """Then whoever set it up knows its names; we do not."""
    server = WebServer(make_app(sample_fleet().network, FakeStatus()), ("0.0.0.0", 0))  # noqa: S104 - the case at hand
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.address[1])
    writer.write(GET.replace(b"localhost", b"fog.example"))
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await server.stop()


async def test_browsers_are_told_to_be_strict(served: Served) -> None:
    """On pages, answers and errors alike; and nobody is told what we are made of."""
    for path in ("/", "/metrics", "/api/status", "/nothing", "/api/nothing", "/metrics?x=1"):
        headers = (await served.ask(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Server"] == "fog"
    assert (await served.ask("/nothing")).text == "nothing is served at /nothing; / shows what is\n"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\r\n" * 100 + b"nonsense\r\n\r\n",
    ],
)
async def test_what_is_not_http_does_not_fill_the_log(
    served: Served, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A stranger's bytes end his connection, and nothing else."""
    with caplog.at_level(logging.INFO):
        await talk(served, data + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert [record.getMessage() for record in caplog.records] == []
    assert (await served.ask("/-/healthy")).status == 200


async def test_a_header_that_never_ends_is_cut_off() -> None:
    """Neither a connection that says nothing nor one that dribbles holds a place for long."""
    async with serving(sample_fleet(), patience=0.2) as served:
        assert await talk(served, b"") == b""
        assert b"200 OK" not in await talk(served, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX: y")
        assert (await talk(served, GET + b"GET /-/heal")).count(b"200 OK") == 1


async def test_connections_are_bounded() -> None:
    """Where all are busy the one too many is told, and there is room again when another leaves."""
    async with serving(large_fleet(), most_connections=2 * MOST_AT_ONCE) as served:
        held = [await connect(served, limit=1024) for _ in range(MOST_AT_ONCE)]  # the share of one client
        for reader, writer in held:
            writer.write(GET.replace(b"-/healthy", b"metrics"))
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert await talk(served, b"") == (
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 21\r\n"
            b"Connection: close\r\n\r\ntoo many connections\n"
        )
        for _, writer in held:
            writer.close()

        async def room() -> bool:
            return b"200 OK" in await talk(served, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

        await eventually(room, what="a place for another connection")


async def test_the_oldest_idle_connection_makes_room() -> None:
    """A client that keeps connections open and asks nothing loses them first, and keeps nobody out."""
    async with serving(sample_fleet(), most_connections=6) as served:
        held = [await connect(served) for _ in range(3)]
        for reader, writer in held:
            writer.write(GET)
            assert await reader.readuntil(b"healthy\n")
        assert b"200 OK" in await talk(served, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionResetError):
                assert await held[0][0].read() == b""
        held[1][1].write(GET)
        assert await held[1][0].readuntil(b"healthy\n")
        for _, writer in held:
            writer.close()


async def test_many_at_once_are_no_more_than_the_bound() -> None:
    """Connections that come in one turn of the loop each find another one to let go."""
    async with serving(sample_fleet(), most_connections=6) as served:
        held = await asyncio.gather(*(connect(served) for _ in range(60)))

        async def settled() -> bool:
            return sum(reader.at_eof() or reader.exception() is not None for reader, _ in held) >= 57

        await eventually(settled, what="no more than the share of one client")
        for _, writer in held:
            writer.close()


def large_fleet() -> Fleet:
    """One whose exposition no socket's buffers hold."""
    fleet = Fleet()
    counter = fleet.join("fog/0").collector.register_counter("seen_total", "", ["kind"], max_children=20_000)
    for kind in range(16_000):
        counter.labels(f"{kind:01000}").increment(1)
    fleet.send()
    return fleet


async def test_a_reader_that_does_not_read_is_cut_off() -> None:
    """By the deadline that a scraper names; half an answer is broken off, never ended as if it were whole."""
    async with serving(large_fleet()) as served:
        reader, writer = await connect(served, limit=1024)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.2\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await eventually(lambda: not served.server.connections, what="the server gives up")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(65536):
                received = (received + data)[-100:]
        assert not received.endswith(b"\r\n0\r\n\r\n")
        writer.close()
        whole = await served.ask("/metrics")
        assert whole.body.count(b"\nseen_total{") == 16_000


async def test_slow_readers_do_not_keep_others_from_their_turn() -> None:
    """As many as there are turns read nothing: nobody minds until somebody waits, and that one is answered."""
    async with serving(large_fleet()) as served:
        slow = [await connect(served, limit=1024) for _ in range(MOST_AT_ONCE)]
        for reader, writer in slow:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert served.server.connections == MOST_AT_ONCE
        assert (await served.ask("/metrics")).status == 200
        for _, writer in slow:
            writer.close()


async def test_stopping_does_not_wait_for_the_idle_nor_the_slow(served: Served) -> None:
    """Connections that are open, and half a request, do not keep the server."""
    idle, slow = await connect(served), await connect(served)
    slow[1].write(b"GET /-/hea")
    async with asyncio.timeout(60):
        await served.server.stop()
    for reader, writer in (idle, slow):
        assert await reader.read() == b""
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await connect(served)


async def test_a_bug_is_logged_and_says_so(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for the client, the traceback for the log, and the server goes on."""

    def broken(*_: object) -> None:
        raise RuntimeError("oh no")

    monkeypatch.setattr(served.fleet.network, "inventory", broken)
    answer = await served.ask("/api/conflicts")
    assert answer.status == 500
    assert "this is a bug in the aggregator" in answer.text
    assert "oh no" not in answer.text
    assert "oh no" in caplog.text
    assert (await served.ask("/-/healthy")).status == 200


@pytest.mark.parametrize("how", ["a stream", "a body in pieces"])
async def test_a_client_that_leaves_is_no_fault(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """While it is told something; the log has nothing of it."""
    came, ended = asyncio.Event(), asyncio.Event()

    async def telling(request: web.Request) -> web.StreamResponse:
        came.set()
        try:
            if how == "a body in pieces":
                return await send(request, repeat(b"x" * 100_000), "text/plain", aside=True)
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"x" * 100_000)
        finally:
            ended.set()

    async with answering(telling) as url:
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(GET.replace(b"-/healthy", b"asked"))
        await came.wait()
        writer.transport.abort()
        async with asyncio.timeout(60):
            await ended.wait()
    assert caplog.text == ""


async def test_a_connection_of_ours_that_breaks_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    """The client is there, and is told; the log has the details."""

    async def broken(_request: web.Request) -> web.StreamResponse:
        raise ConnectionRefusedError("nobody listens there")

    async with answering(broken) as url, aiohttp.ClientSession() as client, client.get(url / "asked") as answer:
        assert answer.status == 500
    assert "nobody listens there" in caplog.text


@contextlib.asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[URL]:
    """Serve one more route, `/asked`, for as long as the body runs."""
    app = make_app(sample_fleet().network, FakeStatus())
    app.router.add_get("/asked", handler)
    server = WebServer(app, ("127.0.0.1", 0))
    await server.start()
    try:
        yield URL("http://{}:{}".format(*server.address))
    finally:
        await server.stop()


async def test_rules_are_reloaded_from_this_machine(served: Served) -> None:
    """By a program, and by no browser; what is wrong is the answer."""
    assert (await served.ask("/-/reload", "POST")).text == "reloaded\n"
    for header in ("Origin", "Sec_Fetch_Site"):
        answer = await served.ask("/-/reload", "POST", **{header: "x"})
        assert answer.status == 403
        assert "from this machine alone" in answer.text
    served.status.reason = "rules.yml: 1:1: wrong"
    answer = await served.ask("/-/reload", "POST")
    assert (answer.status, answer.text) == (422, "the rules are as they were: rules.yml: 1:1: wrong\n")
    assert (await served.ask("/-/reload")).status == 405


def test_chunks_of_one_slice_of_time_are_one_piece() -> None:
    """With a turn of all others after each chunk, a large answer of a busy aggregator took as many of their turns."""
    clock = iter([0.0, 0.004, 0.008, 0.012, 0.012, 0.030, 0.030, 0.031])
    assert list(in_slices([b"a", b"b", b"c", b"d", b"e"], lambda: next(clock))) == [b"abc", b"d", b"e"]
