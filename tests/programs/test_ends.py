"""Programs that end: at once, while the server is away, without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.programs.running import NODE, Programs

COUNTED = 7

SHORT = """
    import os, pathlib, sys, time
    from fog_agent import BackgroundAgent
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    agent = BackgroundAgent(
        collector, path=os.environ["NODE"], servers=os.environ["NAMED"], interval=60, deadline=float(sys.argv[1])
    )
    agent.start()
    if len(sys.argv) > 2:
        print("arrived", agent.flush(), flush=True)
        while not pathlib.Path(sys.argv[2]).exists():
            time.sleep(0.01)
    work.increment(7)
"""


@pytest.fixture
def named(fog_nats: NatsServer) -> str:
    """Provide the server's URL with a name for an address: it must be looked up."""
    return f"nats://localhost:{fog_nats.port}"


async def test_a_program_that_ends_at_once_loses_nothing(programs: Programs, named: str) -> None:
    """It is at its end before the server's name is even looked up; it says nothing, and ends as soon as all is sent."""
    program = str(programs.write("short.py", SHORT))
    ended = await programs.run(program, "600", NAMED=named)  # well before that
    assert (ended.code, ended.output) == (0, "")
    await eventually(lambda: programs.fleet.network.get_metric("work_total") is not None)
    assert programs.fleet.value("work_total", NODE) == COUNTED


async def test_a_program_ends_while_the_connection_is_down(
    programs: Programs, named: str, fog_nats: NatsServer, tmp_path: Path
) -> None:
    """The server comes back within the deadline: the name is looked up again, and all is counted."""
    program = str(programs.write("short.py", SHORT))
    async with programs.start(program, "600", "may_end", NAMED=named) as running:
        await running.says("arrived True")
        fog_nats.kill()
        await running.says("lost the connection to NATS")
        await running.says("cannot connect to NATS")
        (tmp_path / "may_end").touch()
        fog_nats.start()
        ended = await running.ended()
    assert ended.code == 0
    assert "atexit" not in ended.output
    await eventually(lambda: programs.fleet.value("work_total", NODE) == COUNTED)


async def test_a_program_without_a_server_ends_within_the_deadline(programs: Programs) -> None:
    """It says once why nothing arrived, and what it had to say it about."""
    program = str(programs.write("short.py", SHORT))
    ended = await programs.run(program, "0.5", NAMED="nats://localhost:1")
    assert ended.code == 0
    assert ended.output.count("\n") == 2, ended.output
    assert "cannot connect to NATS at nats://localhost:1" in ended.output
    assert f"agent at {NODE} stops with frames that were not acknowledged in time" in ended.output


UNSTOPPED = """
    import asyncio, os, sys, threading
    from fog_agent import Agent
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")

    async def main(ready=None):
        agent = Agent(collector, path=os.environ["NODE"], servers=os.environ["NAMED"], interval=60)
        await agent.start()
        work.increment(3)
        if ready is not None:
            ready.set()
            await asyncio.Event().wait()

    if sys.argv[1] == "loop that ended":
        asyncio.run(main())
    else:
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(main(ready)), daemon=True).start()
        ready.wait()
    work.increment(4)
"""


@pytest.mark.parametrize("way", ["loop that ended", "loop of a daemon thread"])
async def test_an_agent_that_nobody_stops_is_flushed_at_the_end(programs: Programs, named: str, way: str) -> None:
    """Its loop has ended with `asyncio.run`, or is about to end with the process."""
    ended = await programs.run(str(programs.write("unstopped.py", UNSTOPPED)), way, NAMED=named)
    assert (ended.code, ended.output) == (0, "")
    await eventually(lambda: programs.fleet.network.get_metric("work_total") is not None)
    assert programs.fleet.value("work_total", NODE) == COUNTED
