"""A program forks while its agent runs: the child publishes what it counts, and the parent notices nothing."""

from __future__ import annotations

import pytest

from fog_testing.waiting import eventually
from tests.programs.running import DEADLINE, NODE, Programs

HEAD = """
    import asyncio
    import gc
    import os
    import sys
    import time
    from pathlib import Path

    from fog_agent import Agent, BackgroundAgent
    from fog_agent.edge import forks
    from fog_bus.memory import MemoryBus
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector()
    counter = collector.register_counter("counted_total")
    gauge = collector.register_gauge("level", rollup="sum")
    options = {"path": os.environ["NODE"], "servers": os.environ["SERVER"], "interval": 0.1}
    agent = BackgroundAgent(collector, **options)


    def wait_until(condition):
        end = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.01)


    def heir():
        [(_, thread)] = forks._heirs.values()
        return thread


    def child_ends_well(child):
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

"""


async def run(programs: Programs, body: str) -> str:
    """Run a program that ends well, and return its output."""
    programs.write("program.py", HEAD + body)
    # Python warns since 3.12 of each fork in a process that has threads.
    ended = await programs.run("-W", "error", "-W", "ignore:.*fork:DeprecationWarning", "program.py")
    assert ended.code == 0, ended.output
    return ended.output


async def test_the_parents_connection_and_loop_are_left_alone(programs: Programs) -> None:
    """A child that ends as any program does cleans up nothing of them; both go on on the connection that there was."""
    output = await run(
        programs,
        """
    agent.start()
    assert agent.flush()
    for _ in range(3):
        child = os.fork()
        counter.increment(10)
        if not child:
            assert agent.flush()
            gc.collect()
            counter.increment(100)
            sys.exit()
        child_ends_well(child)
        assert agent.flush()
    assert agent._agent._route.own.connection.generation == 1
    """,
    )
    assert output == ""
    assert await programs.exported("counted_total") == 3 * 10 + 3 * 110


async def test_a_child_that_counts_nothing_does_not_connect(programs: Programs) -> None:
    """Not even at its end."""
    await run(
        programs,
        """
    agent.start()
    child = os.fork()
    if not child:
        time.sleep(3 * forks.MOMENT)
        assert heir().waits
        sys.exit()
    child_ends_well(child)
    counter.increment()
    """,
    )
    assert await programs.exported("counted_total") == 1
    place = programs.fleet.network.fleet.place(("fog", "0", "3"))
    assert place is not None
    assert programs.fleet.value("fog_agent_frames_total", NODE) >= 1


async def test_a_child_begins_anew_with_filters_whatever_gauges_came(programs: Programs) -> None:
    """One that a start would be refused for: it is left out in the child, as in the parent since it came."""
    programs.write("filters.toml", 'aggregate = [{match = "late*", by = []}]')
    output = await run(
        programs,
        """
    agent = BackgroundAgent(collector, filters=Path(__file__).parent / "filters.toml", **options)
    agent.start()
    assert agent.flush()
    late = collector.register_gauge("late", labels=["k"])
    late.labels("a").set(1)
    child = os.fork()
    counter.increment(10)
    if not child:
        late.labels("b").set(1)
        sys.exit()
    child_ends_well(child)
    """,
    )
    assert "cannot begin" not in output
    assert await programs.exported("counted_total") == 20


async def test_an_agent_of_an_event_loop_begins_anew_in_a_thread(programs: Programs) -> None:
    """The child has no loop; its own program may be anything. A grandchild is a child."""
    output = await run(
        programs,
        """
    def child_of(count, then):
        child = os.fork()
        if not child:
            gc.collect()
            counter.increment(count)
            then()
            sys.exit()
        child_ends_well(child)


    def nothing():
        pass


    async def main():
        async with Agent(collector, **options) as agent:
            assert await agent.flush()
            counter.increment()
            child_of(10, lambda: child_of(100, nothing))
            counter.increment()
            assert await agent.flush(), "the parent hears no more"
            assert agent._route.own.connection.generation == 1


    asyncio.run(main())
    """,
    )
    assert output == ""
    assert await programs.exported("counted_total") == 112


@pytest.mark.parametrize("moment", ["True", "not heir().waits"], ids=["before", "after"])
async def test_an_agent_that_is_started_by_hand_goes_before(programs: Programs, moment: str) -> None:
    """Before the inherited one has begun, and after: each increment is counted once, whichever object is started."""
    await run(
        programs,
        f"""
    agent.start()
    for by_hand in (agent, BackgroundAgent(collector, **options)):
        child = os.fork()
        if not child:
            counter.increment(10)
            wait_until(lambda: {moment})
            by_hand.start()
            assert not forks._heirs
            counter.increment(100)
            sys.exit()
        child_ends_well(child)
    """,
    )
    assert await programs.exported("counted_total") == 220


async def test_a_child_ends_whatever_hangs(programs: Programs) -> None:
    """As a lock does that a thread of the parent held at the fork: the end is waited for, but not for ever."""
    await run(
        programs,
        """
    from fog_bus.nats import resolver

    BackgroundAgent(collector, deadline=0.2, **options).start()
    child = os.fork()
    if not child:
        resolver._look_up = lambda *_: time.sleep(1_000)
        counter.increment()
        sys.exit()
    child_ends_well(child)
    """,
    )


async def test_an_agent_imports_nothing_while_it_runs(programs: Programs) -> None:
    """A child forked meanwhile would have the lock of a module that is half imported, for ever."""
    output = await run(
        programs,
        """
    before = set(sys.modules)
    agent.start()
    counter.increment()
    collector.record_event("something")
    assert agent.flush()
    agent.stop()
    print(*(set(sys.modules) - before))
    """,
    )
    assert output.split() == []


async def test_gauges_are_the_parents_until_it_is_gone(programs: Programs) -> None:
    """Unshared: two processes are no two values of one node, and nobody reports several writers."""
    programs.write(
        "program.py",
        HEAD
        + """
    gauge.set(5)
    agent.start()
    if not os.fork():
        gauge.set(7)
        counter.increment()
        wait_until(Path("end").exists)
        sys.exit()
    wait_until(Path("leave").exists)
    """,
    )
    fleet = programs.fleet
    async with programs.start("program.py") as running:
        await eventually(lambda: counted(programs) == 1, deadline=DEADLINE, what="the child has counted")
        assert await programs.exported("level") == 5
        assert fleet.value("fog_aggregator_paths_contended") == 0
        (programs.folder / "leave").touch()
        assert (await running.ended()).code == 0
        await eventually(lambda: level(programs) == 7, deadline=DEADLINE, what="the child's gauge is there")
        (programs.folder / "end").touch()
        await eventually(lambda: level(programs) == 0, deadline=DEADLINE, what="the child has ended")
    assert await programs.exported("counted_total") == 1


def counted(programs: Programs) -> float:
    """Return what has been counted until now."""
    try:
        return programs.fleet.value("counted_total", NODE)
    except KeyError:
        return 0


def level(programs: Programs) -> float:
    """Return the node's gauge; 0 for none."""
    try:
        return programs.fleet.value("level", NODE)
    except KeyError:
        return 0


async def test_a_daemon_takes_its_agent_along(programs: Programs) -> None:
    """Two forks, and both parents leave at once, by `os._exit`."""
    programs.write(
        "program.py",
        HEAD
        + """
    gauge.set(5)
    agent.start()
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    counter.increment(10)
    wait_until(Path("end").exists)
    """,
    )
    async with programs.start("program.py") as running:
        assert (await running.ended()).code == 0
        await eventually(lambda: counted(programs) == 10, deadline=DEADLINE, what="the daemon has counted")
        await eventually(lambda: level(programs) == 5, deadline=DEADLINE, what="the daemon's gauge is there")
        (programs.folder / "end").touch()
        await eventually(lambda: level(programs) == 0, deadline=DEADLINE, what="the daemon has ended")
    assert await programs.exported("counted_total") == 10


async def test_an_agent_whose_bus_stays_behind_says_so(programs: Programs) -> None:
    """Once in each child, by log and by warning."""
    programs.write(
        "program.py",
        HEAD
        + """
    async def main():
        async with Agent(collector, path="fog/0/3", bus=MemoryBus()):
            if os.fork():
                os.wait()
            else:
                os._exit(0)


    asyncio.run(main())
    """,
    )
    ended = await programs.run("-W", "ignore:.*multi-threaded", "program.py")
    assert ended.code == 0
    assert ended.output.count("start an agent in the child") == 1
    assert ended.output.count("RuntimeWarning: the agent at fog/0/3 was given a bus") == 1
