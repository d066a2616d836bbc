"""multiprocessing: children leave by `os._exit`, and nothing that they counted is lost."""

from __future__ import annotations

import pytest

from tests.programs.running import Programs

COUNTING = """
    import multiprocessing
    import os
    import sys
    from concurrent.futures import ProcessPoolExecutor

    from fog_agent import BackgroundAgent
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector()
    items = collector.register_counter("items_total", "Items done", ["way"])
    agent = BackgroundAgent(collector, path=os.environ["NODE"], servers=os.environ["SERVER"], shared=True)


    def begin():
        pass


    def work(way):
        for _ in range(10):
            items.labels(way).increment()


    def child(way):
        begin()
        work(way)


    def processes(context):
        children = [context.Process(target=child, args=("processes",)) for _ in range(3)]
        for one in children:
            one.start()
        for one in children:
            one.join()


    def pool(context):
        with context.Pool(2, begin, maxtasksperchild=5) as workers:
            workers.map(work, ["pool"] * 20, chunksize=1)
            workers.close()
            workers.join()


    def executor(context):
        with ProcessPoolExecutor(2, mp_context=context, initializer=begin) as workers:
            list(workers.map(work, ["executor"] * 20))


    def main():
        context = multiprocessing.get_context(sys.argv[1])
        processes(context)
        pool(context)
        executor(context)

"""

IN_EACH_CHILD = """
    def begin():
        agent.start()


    if __name__ == "__main__":
        main()
"""

BEFORE_THE_FORK = """
    if __name__ == "__main__":
        agent.start()
        items.labels("parent").increment()
        main()
"""


async def exported(programs: Programs) -> dict[str, float]:
    """Tell what was counted in which way."""
    return {way: await programs.exported("items_total", way=way) for way in ("processes", "pool", "executor")}


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
async def test_an_agent_that_is_started_in_each_child(programs: Programs, method: str) -> None:
    """Nobody stops it: the child's end does."""
    programs.write("counting.py", COUNTING + IN_EACH_CHILD)
    ended = await programs.run("-W", "error", "counting.py", method)
    assert (ended.code, ended.output) == (0, "")
    assert await exported(programs) == {"processes": 30, "pool": 200, "executor": 200}


async def test_an_agent_that_runs_when_its_process_forks(programs: Programs) -> None:
    """It begins anew in each child."""
    programs.write("counting.py", COUNTING + BEFORE_THE_FORK)
    # Python warns since 3.12 of each fork in a process that has threads.
    ended = await programs.run("-W", "error", "-W", "ignore::DeprecationWarning", "counting.py", "fork")
    assert (ended.code, ended.output) == (0, "")
    assert await exported(programs) == {"processes": 30, "pool": 200, "executor": 200}
    assert await programs.exported("items_total", way="parent") == 1
