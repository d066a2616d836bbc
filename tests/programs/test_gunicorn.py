"""gunicorn: every answered request is in the fleet once its workers have ended in good order."""

from __future__ import annotations

import asyncio

from tests.programs.running import Programs, free_port, get

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


async def test_workers_that_import_the_program_themselves(programs: Programs) -> None:
    """Each has an agent of its own, and two workers are two writers beside each other."""
    programs.write("shop.py", APPLICATION)
    port = free_port()
    async with programs.start("-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "shop") as server:
        await server.listens(port)
        await asyncio.gather(*(get(port) for _ in range(40)))
        ended = await server.stop()
    assert ended.code == 0, ended.output
    assert await programs.exported("requests_total") == 40
