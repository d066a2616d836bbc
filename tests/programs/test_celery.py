"""celery's prefork pool: its processes come and go, leave by `os._exit`, and every job is counted."""

from __future__ import annotations

import pytest

from fog_testing.waiting import eventually
from tests.programs.running import DEADLINE, Programs

TASKS = """
    import os

    from celery import Celery
    from celery.signals import worker_process_init
    from fog_agent import BackgroundAgent
    from utilityfog_frontend.telemetry import TelemetryCollector

    folders = {"data_folder_in": "queue", "data_folder_out": "queue"}
    app = Celery("tasks", broker="filesystem://", broker_transport_options=folders)
    collector = TelemetryCollector()
    done = collector.register_counter("jobs_done_total", "Jobs done")
    agent = BackgroundAgent(collector, path=os.environ["NODE"], servers=os.environ["SERVER"], shared=True)


    @app.task
    def job():
        done.increment(10)
"""
BEFORE_THE_FORK = """
    agent.start()
"""
IN_EACH_CHILD = """
    @worker_process_init.connect
    def begin(**_):
        agent.start()
"""


@pytest.mark.parametrize("begin", [BEFORE_THE_FORK, IN_EACH_CHILD], ids=["before-the-fork", "in-each-child"])
async def test_every_job_is_counted(programs: Programs, begin: str) -> None:
    """Nobody stops an agent: the end of its process does."""
    queue = programs.folder / "queue"
    queue.mkdir()
    programs.write("tasks.py", TASKS + begin)
    programs.write("send.py", "import sys\nfrom tasks import job\nfor _ in range(65):\n    job.delay()\n")
    sent = await programs.run("send.py")
    assert (sent.code, sent.output) == (0, "")
    worker = ("celery", "--app", "tasks", "worker", "--concurrency", "2", "--max-tasks-per-child", "10")
    async with programs.start("-m", *worker) as running:
        await eventually(lambda: not any(queue.iterdir()), deadline=DEADLINE, what="all jobs are taken")
        ended = await running.stop()
    assert ended.code == 0, ended.output
    assert "Traceback" not in ended.output, ended.output
    assert await programs.exported("jobs_done_total") == 650
