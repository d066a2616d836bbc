"""gunicorn: every answered request is in the fleet once its workers have ended in good order."""

from __future__ import annotations

import asyncio

import pytest

from fog_testing.ports import free_port
from tests.programs.running import Programs, get

REQUESTS = 200

APPLICATION = """
    import os

    from fog_agent import BackgroundAgent
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector()
    requests = collector.register_counter("requests_total", "Requests answered")
    BackgroundAgent(collector, path=os.environ["NODE"], servers=os.environ["SERVER"], shared=True).start()

    def application(environ, start_response):
        requests.increment()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
"""


async def serve(programs: Programs, *arguments: str) -> str:
    """Run gunicorn with two workers and send it requests; return its output."""
    port = free_port()
    command = ["-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", *arguments, "shop"]
    async with programs.start(*command) as server:
        await server.listens(port)
        workers = await asyncio.gather(*(get(port) for _ in range(REQUESTS)))
        ended = await server.stop()
    assert ended.code == 0, ended.output
    assert str(server.process.pid) not in workers
    return ended.output


@pytest.mark.parametrize("arguments", [(), ("--preload",)], ids=["", "preload"])
async def test_an_agent_that_is_started_where_the_program_is_imported(
    programs: Programs, arguments: tuple[str, ...]
) -> None:
    """Each worker has an agent: its own, or one that begins anew after the fork; none ends with a complaint."""
    programs.write("shop.py", APPLICATION)
    output = await serve(programs, *arguments)
    assert "Error" not in output, output
    assert "destroyed" not in output, output
    assert "Exception" not in output, output
    assert await programs.exported("requests_total") == REQUESTS
