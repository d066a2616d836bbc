"""Programs that are killed and have a journal: every count is in the fleet, whoever ends their epochs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.programs.page import Recipe
from tests.programs.running import DEADLINE, Programs, get

REQUESTS = 60


async def served(programs: Programs, port: int, kill: list[int]) -> None:
    """Send requests to a server while its processes are killed, one after the other; each must be answered."""
    for victim in kill:
        await asyncio.gather(*(get(port) for _ in range(REQUESTS // len(kill))))
        process = psutil.Process(victim)
        process.kill()
        await asyncio.to_thread(process.wait, DEADLINE)


def journals(directory: Path) -> int:
    """How many journals there are."""
    return len(list(directory.glob("*.journal")))


async def test_gunicorns_workers(programs: Programs) -> None:
    """Killed between two requests, all of them; the workers that come for them end their epochs."""
    directory = programs.folder / "journals"
    [command, _] = Recipe("gunicorn", programs).commands
    Recipe("Killed workers", programs, {"/run/shop/journals": str(directory)})
    port = free_port()
    async with programs.start(*command, "--bind", f"127.0.0.1:{port}") as server:
        await server.listens(port)
        await eventually(lambda: journals(directory) >= 3, deadline=DEADLINE, what="each worker has a journal")
        workers = [child.pid for child in psutil.Process(server.process.pid).children()]
        await served(programs, port, workers)
        await eventually(lambda: journals(directory) == 3, deadline=DEADLINE, what="the dead ones' are gone")
        assert (await server.stop()).code == 0
    assert await programs.exported("shop_requests_total") == REQUESTS
    assert journals(directory) == 0


async def test_the_agent_of_the_host_ends_a_program_that_does_not_come_again(programs: Programs) -> None:
    """Master and workers are killed at once, and nobody starts them again."""
    directory = programs.folder / "journals"
    [command, _] = Recipe("gunicorn", programs).commands
    [agent] = Recipe("Killed workers", programs, {"/run/shop/journals": str(directory)}).commands
    port = free_port()
    async with programs.start(*command, "--bind", f"127.0.0.1:{port}") as server:
        await server.listens(port)
        await asyncio.gather(*(get(port) for _ in range(REQUESTS)))
        server.kill()
    assert journals(directory) > 0
    async with programs.start("-m", "fog_cli", *agent[2:]) as host:
        await eventually(lambda: journals(directory) == 0, deadline=DEADLINE, what=f"no journal is left; {host.output}")
    assert await programs.exported("shop_requests_total") == REQUESTS
