"""A registry of prometheus_client that is read into a collector, in a program that forks: nothing is counted twice."""

from __future__ import annotations

import asyncio

import pytest

from fog_testing.ports import free_port
from tests.programs.running import Programs, get

BRIDGED = """
    import os
    import sys
    import threading

    import prometheus_client
    from fog_agent import BackgroundAgent
    from utilityfog_frontend.telemetry import TelemetryCollector
    from utilityfog_frontend.telemetry.bridges import prometheus_source

    collector = TelemetryCollector()
    collector.add_source(prometheus_source(prometheus_client.REGISTRY))
    counter = prometheus_client.Counter("bridged", "Read from another library")
    timer = prometheus_client.Histogram("bridged_seconds", "Also read from there", buckets=[1, 2])
    agent = BackgroundAgent(collector, path=os.environ["NODE"], servers=os.environ["SERVER"], shared=True)

"""

CHILDREN = """
    before, seen, first, second = sys.argv[1:]
    if before == "before":
        agent.start()
    counter.inc(int(first))
    if seen == "seen":
        collector.collect()
    counter.inc(int(second))
    timer.observe(1.5)
    for _ in range(4):
        child = os.fork()
        if not child:
            if before == "after":
                agent.start()
            counter.inc(10)
            timer.observe(0.5)
            sys.exit()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    if before == "after":
        agent.start()
"""


@pytest.mark.parametrize("files", [False, True], ids=["in-memory", "in-files"])
@pytest.mark.parametrize(("before", "seen"), [("before", "seen"), ("after", "unseen")])
async def test_each_increment_is_counted_once(programs: Programs, *, before: str, seen: str, files: bool) -> None:
    """A child counts from the fork on, whether the parent has read the registry before or not.

    With values in files, one for each process, prometheus_client itself begins at zero in a child.
    """
    folder = programs.folder / "files"
    folder.mkdir()
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(folder)} if files else {}
    amounts = (3, 4) if files else (60, 40)  # with files, less than a child counts: what it reads has not gone down
    programs.write("program.py", BRIDGED + CHILDREN)
    ended = await programs.run("-W", "ignore", "program.py", before, seen, *map(str, amounts), **environ)
    assert (ended.code, ended.output) == (0, "")
    assert await programs.exported("bridged_total") == sum(amounts) + 40
    assert programs.fleet.count("bridged_seconds") == 5


APPLICATION = """
    counter.inc()
    agent.start()

    def application(environ, start_response):
        counter.inc()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]
"""


async def test_a_preloaded_gunicorn(programs: Programs) -> None:
    """Counted once: an increment while the program is imported, and one for each request."""
    programs.write("shop.py", BRIDGED + APPLICATION)
    port = free_port()
    command = ("gunicorn", "--preload", "--workers", "3", "--bind", f"127.0.0.1:{port}", "shop")
    async with programs.start("-m", *command) as server:
        await server.listens(port)
        await asyncio.gather(*(get(port) for _ in range(100)))
        ended = await server.stop()
    assert ended.code == 0, ended.output
    assert await programs.exported("bridged_total") == 101
