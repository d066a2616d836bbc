"""`handle_signals` in real servers, and where a signal's default action ends nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.programs.running import DEADLINE, NODE, Programs

REQUESTS = 20

SERVED = """
    import asyncio, os, pathlib, sys
    import uvicorn
    from fog_agent import Agent
    from utilityfog_frontend.telemetry import TelemetryCollector

    where, port = sys.argv[1], int(sys.argv[2])
    collector = TelemetryCollector()
    done = collector.register_counter("done_total", "Requests answered")
    agent = Agent(
        collector, path=os.environ["NODE"], servers=os.environ["SERVER"], interval=60, deadline=60, handle_signals=True
    )

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            if where == "lifespan":
                await agent.start()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            if where == "lifespan":
                await agent.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
        print("begun", flush=True)
        while not pathlib.Path("answer").exists():
            await asyncio.sleep(0.01)
        done.increment()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def around():
        async with agent:
            await uvicorn.Server(config).serve()

    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
    if where == "around":
        asyncio.run(around())
    else:
        uvicorn.Server(config).run()
"""


async def answered(port: int) -> bool:
    """Make one request; tell whether it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("where", ["lifespan", "around"])
async def test_requests_under_way_in_uvicorn_are_counted(programs: Programs, where: str) -> None:
    """Twenty are under way when SIGTERM comes, all are answered, and all are in the total; uvicorn raises it again."""
    port = free_port()
    program = str(programs.write("served.py", SERVED))
    async with programs.start(program, where, str(port)) as running:
        await running.listens(port)
        requests = [asyncio.create_task(answered(port)) for _ in range(REQUESTS)]
        await eventually(lambda: running.output.count("begun") == REQUESTS, deadline=DEADLINE)
        running.send_signal(signal.SIGTERM)
        (programs.folder / "answer").touch()
        assert await asyncio.gather(*requests) == [True] * REQUESTS
        assert (await running.ended()).code == -signal.SIGTERM
    assert await programs.exported("done_total") == REQUESTS


FIRST_PROCESS = """
    import asyncio, os, pathlib
    from fog_agent import Agent
    from utilityfog_frontend.telemetry import TelemetryCollector

    async def main():
        collector = TelemetryCollector()
        work = collector.register_counter("work_total", "Work")
        place = {"path": os.environ["NODE"], "servers": os.environ["SERVER"]}
        async with Agent(collector, **place, interval=60, deadline=60, handle_signals=True):
            work.increment(3)
            print("process", os.getpid(), flush=True)
            while not pathlib.Path("go_on").exists():
                await asyncio.sleep(0.01)
            work.increment(4)
            while not pathlib.Path("end").exists():
                await asyncio.sleep(0.01)
            work.increment(5)

    asyncio.run(main())
"""


def child_of(process: int) -> int:
    """Return the one child that a process has."""
    [child] = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(child)


def can_be_first() -> bool:
    """Tell whether this machine lets a program be the first process of a namespace."""
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_be_first(), reason="no PID namespace can be made here")
async def test_a_process_that_no_signal_ends_goes_on_publishing(programs: Programs) -> None:
    """The first process of a container has no default action for signals: it is flushed at SIGTERM, and lives on."""
    program = programs.write("first.py", FIRST_PROCESS)
    inside = (
        f'import os, subprocess, sys; os.execvp("unshare", ["unshare", "--pid", "--fork", sys.executable, "{program}"])'
    )
    async with programs.start("-c", inside) as running:
        await running.says("process 1\n")
        child = child_of(running.process.pid)
        os.kill(child, signal.SIGTERM)
        await eventually(lambda: programs.fleet.network.get_metric("work_total") is not None, deadline=DEADLINE)
        assert programs.fleet.value("work_total", NODE) == 3
        (programs.folder / "go_on").touch()
        await eventually(lambda: programs.fleet.value("work_total", NODE) == 7, deadline=DEADLINE)
        os.kill(child, signal.SIGTERM)
        (programs.folder / "end").touch()
        assert (await running.ended()).code == 0
    await eventually(lambda: programs.fleet.value("work_total", NODE) == 12, deadline=DEADLINE)
