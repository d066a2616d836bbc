"""Ports that are held: for a server that names one, and for nobody else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from fog_testing import ports
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port


async def test_who_names_it_listens_there_again_and_again() -> None:
    """Servers of asyncio, and a nats-server; a connection is refused in between."""
    port = free_port()
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
    port = free_port("")
    with NatsServer(config=f"http: 127.0.0.1:{port}", jetstream=False):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()


def test_nobody_else_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no others the kernel would rather refuse: it is never given to who asks for any."""
    held = {free_port() for _ in range(64)}
    assert len(held) == 64
    for _ in range(2000):
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", 0))
            assert other.getsockname()[1] not in held
    monkeypatch.setattr(ports, "_MOST_HELD", 3)
    free_port()
    assert len(ports._sockets) == 3  # noqa: SLF001 - nothing else tells how many descriptors it keeps
