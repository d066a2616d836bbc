"""docs/in-real-servers.md is true: each recipe runs as printed, and what was counted is what was exported."""

from __future__ import annotations

import ast
import asyncio
import inspect
import signal
from typing import Any

import pytest

from fog_schema.paths import parse_path
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.programs.page import PAGE, Recipe
from tests.programs.running import DEADLINE, NODE, Programs, get

REQUESTS = 50


async def arrived(programs: Programs, name: str, wanted: float, path: str = NODE) -> None:
    """Wait for a total while every writer of the path has ended in good order, so that nothing more can come."""
    network = programs.fleet.network

    def at_least() -> bool:
        place = network.fleet.place(parse_path(path))
        return place is not None and not place.epochs and programs.fleet.value(name, path) >= wanted

    await eventually(at_least, deadline=DEADLINE, what=f"{name} is {wanted}, and its writers have ended")
    assert programs.fleet.value(name, path) == wanted


async def serve(programs: Programs, *arguments: str, port: int) -> int:
    """Run a server, send it requests, end it by SIGTERM; return its exit code."""
    async with programs.start(*arguments) as server:
        await server.listens(port)
        await asyncio.gather(*(get(port) for _ in range(REQUESTS)))
        ended = await server.stop()
    return ended.code


@pytest.mark.parametrize("preload", [False, True], ids=["", "preload"])
async def test_gunicorn(programs: Programs, *, preload: bool) -> None:
    """Workers count what they answered, with the program imported after the fork and before it."""
    command = Recipe("gunicorn", programs).commands[preload]
    assert ("--preload" in command) is preload
    port = free_port()
    assert await serve(programs, *command, "--bind", f"127.0.0.1:{port}", port=port) == 0
    await arrived(programs, "shop_requests_total", REQUESTS)


async def test_uvicorn(programs: Programs) -> None:
    """The lifespan ends after the last request."""
    [command] = Recipe("uvicorn and FastAPI", programs).commands
    port = free_port()
    assert await serve(programs, *command, "--port", str(port), port=port) in {0, -signal.SIGTERM}
    await arrived(programs, "shop_requests_total", REQUESTS)


async def test_celery(programs: Programs) -> None:
    """Its processes come and go, and leave by `os._exit`; every job is counted."""
    queue = programs.folder / "queue"
    queue.mkdir()
    broker = (
        f'"filesystem://", broker_transport_options={dict.fromkeys(("data_folder_in", "data_folder_out"), "queue")}'
    )
    [command] = Recipe("celery", programs, {'"redis://127.0.0.1:6379/0"': broker}).commands
    programs.write("send.py", "from tasks import job\nfor _ in range(65):\n    job.delay()\n")
    sent = await programs.run("send.py")
    assert sent.code == 0, sent.output
    async with programs.start(*command) as worker:
        await eventually(lambda: not any(queue.iterdir()), deadline=DEADLINE, what="all jobs are taken")
        ended = await worker.stop()
    assert ended.code == 0, ended.output
    await arrived(programs, "jobs_done_total", 65)


async def test_multiprocessing(programs: Programs) -> None:
    """A child sends what it counted before it leaves."""
    [command] = Recipe("multiprocessing", programs).commands
    ended = await programs.run("-W", "error", *command)
    assert (ended.code, ended.output) == (0, "")
    await arrived(programs, "items_total", 30)


async def test_a_short_job(programs: Programs) -> None:
    """Two runs add up, and the gauge has left with them."""
    [command] = Recipe("Short jobs: cron", programs).commands
    for _ in range(2):
        ended = await programs.run("-W", "error", *command)
        assert (ended.code, ended.output) == (0, "")
    await arrived(programs, "backup_files_total", 14, "fog/0/3/backup")
    with pytest.raises(KeyError):
        programs.fleet.value("backup_bytes")


async def test_a_notebook(programs: Programs) -> None:
    """Cells run on a loop that runs already, and the second one may be run again."""
    cells = Recipe("Notebooks", programs).files
    names: dict[str, Any] = {}
    for cell in ("cell 1", "cell 2", "cell 2"):
        code = compile(cells[cell], cell, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(code, names)  # noqa: S307 - our own documentation
        if inspect.isawaitable(outcome):
            await outcome
    assert await asyncio.to_thread(names["agent"].stop)
    await arrived(programs, "rows_total", 200)


def test_every_recipe_is_run() -> None:
    """The page has no block that no test takes, here or in `test_killed.py`."""
    titles = (
        "gunicorn",
        "Killed workers",
        "uvicorn and FastAPI",
        "celery",
        "multiprocessing",
        "Short jobs: cron",
        "Notebooks",
    )
    fences = [PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0].count("```") for title in titles]
    assert all(fences)
    assert PAGE.count("```") == sum(fences)
