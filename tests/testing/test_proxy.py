"""The fault proxy: each fault does to a connection what its name says, to old and new ones apart."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from fog_testing.proxy import BLACK_HOLE, CLEAR, HELD, Conditions, FaultProxy
from fog_testing.waiting import eventually


@dataclass
class Peer:
    """One end of a connection, and all that it has received."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)
    end: str = ""

    async def listen(self) -> None:
        """Collect until the stream ends (`eof`) or breaks (`reset`)."""
        try:
            while data := await self.reader.read(65536):
                self.received += data
            self.end = "eof"
        except ConnectionResetError:
            self.end = "reset"


@dataclass
class Net:
    """Clients and the server's ends of their connections, in the order they were made, with the proxy between."""

    proxy: FaultProxy
    server: list[Peer]
    clients: list[Peer]
    listening: asyncio.TaskGroup

    async def connect(self) -> tuple[Peer, Peer]:
        """Return a new connection: its client's and its server's end."""
        seen = len(self.server)
        client = Peer(*await asyncio.open_connection("127.0.0.1", self.proxy.port))
        self.clients.append(client)
        self.listening.create_task(client.listen())
        await eventually(lambda: len(self.server) > seen)
        return client, self.server[seen]


@asynccontextmanager
async def network() -> AsyncIterator[Net]:
    """Provide a server that only listens, behind a proxy."""
    peers: list[Peer] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(Peer(reader, writer))
        await peers[-1].listen()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, asyncio.TaskGroup() as group, FaultProxy("127.0.0.1", port) as proxy:
        net = Net(proxy, peers, [], group)
        yield net
        for peer in [*peers, *net.clients]:
            peer.writer.transport.abort()


async def test_without_faults_bytes_and_half_closes_pass_both_ways() -> None:
    """With nothing imposed a megabyte arrives whole, and an end in one direction leaves the other open."""
    async with network() as net:
        client, server = await net.connect()
        client.writer.write(b"x" * 1_000_000)
        client.writer.write_eof()
        await eventually(lambda: server.end == "eof")
        assert len(server.received) == 1_000_000
        server.writer.write(b"still here")
        await eventually(lambda: client.received == b"still here")
        server.writer.close()
        await eventually(lambda: client.end == "eof")
        await eventually(lambda: not net.proxy.links)


async def test_a_cut_is_a_reset_on_both_sides() -> None:
    """Both ends see ECONNRESET, not an orderly end, and a held connection is cut all the same."""
    async with network() as net:
        held, plain = await net.connect(), await net.connect()
        net.proxy.links[0].impose(up=HELD, down=HELD)
        net.proxy.cut()
        await eventually(lambda: [peer.end for peer in (*held, *plain)] == ["reset"] * 4)
        assert net.proxy.links == ()
        client, server = await net.connect()
        client.writer.write(b"afterwards")
        await eventually(lambda: server.received == b"afterwards")


async def test_a_reset_of_one_side_reaches_the_other() -> None:
    """A client that breaks off is seen by the server as one that breaks off."""
    async with network() as net:
        client, server = await net.connect()
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await eventually(lambda: server.end == "reset")


async def test_what_is_held_flows_when_released_in_order_and_whole() -> None:
    """A partition loses nothing: what was sent before, in and after it arrives in one piece, the end of stream too."""
    async with network() as net:
        client, server = await net.connect()
        net.proxy.impose(up=HELD)
        client.writer.write(b"one ")
        client.writer.write_eof()
        server.writer.write(b"the other way is open")
        await eventually(lambda: client.received == b"the other way is open")
        assert not server.received
        net.proxy.impose(up=CLEAR)
        await eventually(lambda: server.end == "eof")
        assert server.received == b"one "


async def test_a_black_hole_swallows_bytes_and_ends() -> None:
    """The sender feels nothing; when it is lifted the bytes stay missing, and the end of stream gets through."""
    async with network() as net:
        client, server = await net.connect()
        net.proxy.impose(up=BLACK_HOLE)
        client.writer.write(b"x" * 8_000_000)  # more than all buffers on the way: it is really taken
        await client.writer.drain()
        client.writer.write_eof()
        for answer in (b"1", b"2", b"3"):  # time enough for the end of stream, if it could get through
            server.writer.write(answer)
            await eventually(partial(client.received.endswith, answer))
        assert (bytes(server.received), server.end) == (b"", "")
        net.proxy.impose(up=CLEAR)
        await eventually(lambda: server.end == "eof")
        assert len(server.received) < 8_000_000


@pytest.mark.parametrize(("old", "new"), [(True, False), (False, True)])
async def test_old_and_new_connections_have_conditions_of_their_own(*, old: bool, new: bool) -> None:
    """A fault for those that are open leaves those to come alone, and the other way round."""
    async with network() as net:
        before = await net.connect()
        net.proxy.impose(up=HELD, old=old, new=new)
        after = await net.connect()
        free, held = (after, before) if old else (before, after)
        for client, _ in (held, free):
            client.writer.write(b"x")
        await eventually(lambda: free[1].received == b"x")
        assert not held[1].received


async def test_new_connections_can_be_refused() -> None:
    """They are reset at once, while those that are open go on; so are those whose target is away."""
    async with network() as net:
        client, server = await net.connect()
        net.proxy.refuse_new = True
        refused = Peer(*await asyncio.open_connection("127.0.0.1", net.proxy.port))
        await refused.listen()
        assert refused.end == "reset"
        client.writer.write(b"x")
        await eventually(lambda: server.received == b"x")
    async with FaultProxy("127.0.0.1", 1) as proxy:  # nobody listens there
        lost = Peer(*await asyncio.open_connection("127.0.0.1", proxy.port))
        await lost.listen()
        assert lost.end == "reset"
    for peer in (refused, lost):
        peer.writer.close()


async def test_garbage_and_half_closes_are_put_into_a_connection() -> None:
    """The proxy speaks in either direction with a voice of its own, and can end one direction alone, for good."""
    async with network() as net:
        client, server = await net.connect()
        link = net.proxy.links[0]
        link.inject("down", b"-ERR 'nonsense'\r\n")
        link.half_close("down")
        await eventually(lambda: client.end == "eof")
        assert client.received == b"-ERR 'nonsense'\r\n"
        client.writer.write(b"up is open")
        link.inject("up", b"!")
        await eventually(lambda: sorted(server.received) == sorted(b"up is open!"))
        server.writer.write(b"nobody hears this")
        client.writer.write(b" still")
        await eventually(lambda: server.received.endswith(b" still"))
        assert client.received == b"-ERR 'nonsense'\r\n"


@pytest.mark.parametrize("slow", [Conditions(delay=3600), Conditions(rate=100)])
async def test_slow_connections_lose_nothing(slow: Conditions) -> None:
    """Bytes that a delay or a limited rate holds back are overtaken by others, and come as soon as it is lifted."""
    async with network() as net:
        (late, late_server), (early, early_server) = await net.connect(), await net.connect()
        net.proxy.links[0].impose(up=slow)
        late.writer.write(b"s" * 50_000)
        early.writer.write(b"f" * 50_000)
        await eventually(lambda: len(early_server.received) == 50_000)
        assert len(late_server.received) < 50_000
        net.proxy.impose(up=CLEAR)
        await eventually(lambda: len(late_server.received) == 50_000)
