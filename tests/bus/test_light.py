"""nats-py comes without aiohttp until a WebSocket is made, and then with it; nobody else's imports change."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from fog_bus.nats.options import NatsOptions, NatsOptionsError
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port

LATE: Final = """
import sys
from fog_bus.nats.connection import Connection, NatsOptions
from nats.aio import transport
assert "aiohttp" not in sys.modules, "it was imported"
assert transport.__spec__.loader is transport.__loader__
assert "class WebSocketTransport" in transport.__loader__.get_source(transport.__name__)
"""
"""Claims of every program that imports the adapter before anything imports nats-py."""

OVER_WEBSOCKETS: Final = f"""{LATE}
import asyncio

async def main():
    async with Connection(NatsOptions(servers=(sys.argv[1],))) as connection:
        assert "aiohttp" in sys.modules, "it would be imported on the event loop"
        assert await connection.connected(10), connection.failures
        heard = asyncio.Queue()
        await connection.client.subscribe("greetings", cb=heard.put)
        await connection.client.publish("greetings", b"hello")
        print((await asyncio.wait_for(heard.get(), 10)).data)

asyncio.run(main())
"""

AS_BEFORE: Final = f"""{LATE}
import types
import aiohttp, multidict
assert type(aiohttp) is types.ModuleType and sys.modules["aiohttp"] is aiohttp
assert transport.aiohttp.WSMsgType is aiohttp.WSMsgType
assert transport.multidict.CIMultiDict is multidict.CIMultiDict
print("the same")
"""

NOT_INSTALLED: Final = """
import sys
sys.modules["aiohttp"] = None
import fog_bus.nats.connection
from nats.aio import transport
print(transport.aiohttp)
"""

THERE_BEFORE: Final = """
import aiohttp
import fog_bus.nats.connection
from nats.aio import transport
print(transport.aiohttp is aiohttp)
"""


def run(code: str, *arguments: str) -> str:
    """Run a program of its own and return its output."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_websocket_works_and_loads_it_before_the_loop_needs_it() -> None:
    """Messages go both ways through a real server."""
    port = free_port()
    with NatsServer(config=f"websocket {{ listen: '127.0.0.1:{port}', no_tls: true }}"):
        assert run(OVER_WEBSOCKETS, f"ws://127.0.0.1:{port}") == "b'hello'"


@pytest.mark.parametrize(("code", "output"), [(AS_BEFORE, "the same"), (NOT_INSTALLED, "None"), (THERE_BEFORE, "True")])
def test_nobody_elses_import_changes(code: str, output: str) -> None:
    """A program's own aiohttp is the real one, and a missing one is missing."""
    assert run(code) == output


def test_a_websocket_without_aiohttp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address is given, with what to do."""
    monkeypatch.setattr("fog_bus.nats.options.find_spec", lambda _: None)
    with pytest.raises(NatsOptionsError, match="need the package aiohttp: install it, or give a nats:// address"):
        NatsOptions(servers=("ws://127.0.0.1:8080",))
