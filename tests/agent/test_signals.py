"""`handle_signals`: what is counted after the signal is not lost, and the signal does what it did before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from fog_agent import Agent
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.agent import draining_server
from utilityfog_frontend.telemetry import TelemetryCollector

REQUESTS = 20
ENDS = {"interrupt": (signal.SIGINT, 0), "captured": (signal.SIGTERM, -signal.SIGTERM)}
"""The signal that is sent and the exit code: of a program that ends by itself, unless it raises the signal again."""
TOLD_FIRST = {"loop, before", "signal, before", "interrupt"}
"""Where the agent hears of the signal; a handler that comes after its own takes its place."""


@asynccontextmanager
async def child(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Provide a Python program; killed when the test is done with it."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process) -> str:
    """Return the child's next line."""
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 15)).decode().strip()


@pytest.mark.parametrize("way", draining_server.WAYS)
async def test_requests_under_way_at_the_signal_are_counted(way: str, fog_nats: NatsServer) -> None:
    """Twenty are under way, the server drains, and all twenty are in the fleet's total.

    With an interval of a minute only the flush and the agent's end can have brought them.
    """
    number, code = ENDS.get(way, (signal.SIGTERM, 0))
    async with Fleet(fog_nats.url) as fleet, child(draining_server.__file__, fog_nats.url, way) as server:
        port = int(await said(server))
        requests = [await asyncio.open_connection("127.0.0.1", port) for _ in range(REQUESTS)]
        for reader, writer in requests:
            writer.write(b"begin\n")
            assert await reader.readline() == b"begun\n"
        server.send_signal(number)
        assert await said(server) == "draining"
        if way in TOLD_FIRST:
            await eventually(lambda: fleet.network.get_metric("requests_begun_total") is not None)
            assert fleet.value("requests_begun_total") == REQUESTS
        for reader, writer in requests:
            writer.write(b"end\n")
            assert await reader.readline() == b"done\n"
            writer.close()
        assert await asyncio.wait_for(server.wait(), 15) == code
        await eventually(lambda: fleet.network.get_metric("requests_total") is not None)
        await eventually(lambda: fleet.value("requests_total") == REQUESTS)


NOWHERE = "nats://127.0.0.1:1"  # nobody listens there: a flush takes its ten minutes


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Provide the SIGTERMs that the program's own handler was called with."""
    numbers: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGTERM, before)


async def test_only_the_first_signal_waits_for_the_flush(heard: list[int]) -> None:
    """A second signal ends at once; the first is passed on at the agent's end, and then the handler is back."""
    own = signal.getsignal(signal.SIGTERM)
    agent = Agent(TelemetryCollector(), path="fog/0", servers=NOWHERE, handle_signals=True, deadline=600)
    await agent.start()
    signal.raise_signal(signal.SIGTERM)
    assert heard == []
    signal.raise_signal(signal.SIGTERM)
    assert heard == [signal.SIGTERM]
    await agent.stop(deadline=0.01)
    assert heard == [signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGTERM) is own


async def test_a_handler_set_later_stays(heard: list[int]) -> None:
    """The agent's end does not bring back what the program itself replaced."""
    async with Agent(TelemetryCollector(), path="fog/0", servers=NOWHERE, handle_signals=True, deadline=0.01):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert heard == []


async def test_what_is_ignored_stays_ignored(heard: list[int]) -> None:
    """As under nohup: an agent does not make a program hear of it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    async with Agent(TelemetryCollector(), path="fog/0", servers=NOWHERE, handle_signals=True, deadline=0.01):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    assert heard == []


async def test_a_forked_child_does_not_wait_for_its_parents_agent() -> None:
    """It has no loop that could flush: the signal does at once what it did before."""
    async with Agent(TelemetryCollector(), path="fog/0", servers=NOWHERE, handle_signals=True, deadline=0.01):
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGTERM
