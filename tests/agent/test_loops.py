"""Agents and the event loops that they live in: used twice, left by their loop, found again, never two at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from fog_agent import Agent, BackgroundAgent
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually, wait_until
from utilityfog_frontend.telemetry import Counter, TelemetryCollector

MINUTE = 60.0


@pytest.fixture
def collector() -> TelemetryCollector:
    """Provide a program's collector."""
    return TelemetryCollector()


@pytest.fixture
def work(collector: TelemetryCollector) -> Counter:
    """Provide what it counts."""
    return collector.register_counter("work_total", "Work")


async def in_loop(main: Coroutine[Any, Any, object]) -> None:
    """Run a program's `main` as the program does, from the beginning of an event loop to its end."""
    await asyncio.to_thread(asyncio.run, main)


async def exported(fleet: Fleet, count: int) -> None:
    """Wait until the fleet's total is so much, and no more."""
    await eventually(lambda: fleet.network.get_metric("work_total") is not None)
    await eventually(lambda: fleet.value("work_total") == count)


async def test_a_background_agent_is_used_twice(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector, work: Counter
) -> None:
    """Its second life has a loop of its own, and a connection: ten are counted there, and one before."""
    agent = BackgroundAgent(collector, path="fog/0", servers=fog_nats.url, interval=MINUTE)

    def program() -> None:
        with agent:
            work.increment()
        with agent:
            work.increment(10)

    await asyncio.to_thread(program)
    await exported(fog_fleet, 11)


async def test_an_agent_is_used_in_two_loops(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector, work: Counter
) -> None:
    """One after the other, as in a program that calls `asyncio.run` twice."""
    agent = Agent(collector, path="fog/0", servers=fog_nats.url, interval=MINUTE)

    async def main() -> None:
        async with agent:
            work.increment(3)

    await in_loop(main())
    await in_loop(main())
    await exported(fog_fleet, 6)


@pytest.mark.parametrize("same", [True, False])
async def test_a_loop_that_ended_before_its_agent_leaves_nothing_behind(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector, work: Counter, *, same: bool
) -> None:
    """The agent itself, or another one of the collector, goes on from there: nine were counted before, three after."""
    agents = [Agent(collector, path="fog/0", servers=fog_nats.url, interval=MINUTE) for _ in range(2)]

    async def dies() -> None:
        await agents[0].start()
        work.increment(4)
        assert await agents[0].flush()
        work.increment(5)

    async def lives() -> None:
        async with agents[0] if same else agents[1]:
            work.increment(3)

    await in_loop(dies())
    await in_loop(lives())
    await exported(fog_fleet, 12)


async def test_a_stop_in_another_loop_sends_what_the_first_has_left(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector, work: Counter
) -> None:
    """As when a program calls `asyncio.run` once for the start and once for the end."""
    agent = Agent(collector, path="fog/0", servers=fog_nats.url, interval=MINUTE)
    await in_loop(agent.start())
    work.increment(7)
    await in_loop(agent.stop())
    await exported(fog_fleet, 7)


async def test_two_loops_that_run_at_once_do_not_publish_the_same(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector
) -> None:
    """However busy the first one is, it is the one that publishes."""
    async with Agent(collector, path="fog/0", servers=fog_nats.url):
        other = Agent(collector, path="fog/0", servers=fog_nats.url)
        with pytest.raises(RuntimeError, match="already publishes"):
            await in_loop(other.start())
        with pytest.raises(RuntimeError, match="already publishes"):
            await asyncio.to_thread(BackgroundAgent(collector, path="fog/0", servers=fog_nats.url).start)


async def test_a_loop_that_runs_again_finds_that_another_agent_has_taken_over(
    fog_fleet: Fleet, fog_nats: NatsServer, collector: TelemetryCollector, work: Counter
) -> None:
    """A loop that stands still cannot publish; when it goes on, its agent ends, and nothing is counted twice."""
    ends = threading.Event()
    first = Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1)
    second = Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1)

    def program() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(first.start())
        work.increment(3)
        with asyncio.Runner() as runner:
            runner.run(second.start())
            work.increment(4)
            assert runner.run(second.flush())
            assert not loop.run_until_complete(first.flush())
            assert not loop.run_until_complete(first.stop())
            work.increment(5)
            assert runner.run(second.stop())
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
        loop.close()
        ends.set()

    await asyncio.to_thread(program)
    assert ends.is_set()
    await exported(fog_fleet, 12)


@pytest.mark.filterwarnings("ignore:Exception in thread fog-agent")
def test_a_background_agent_whose_thread_has_died_starts_again(collector: TelemetryCollector) -> None:
    """Whatever it died of; one that lives is not started twice."""
    agent = BackgroundAgent(collector, path="fog/0", servers="nats://127.0.0.1:1", interval=MINUTE, deadline=0.1)
    agent.start()
    with pytest.raises(RuntimeError, match="runs already"):
        agent.start()
    thread = agent._thread  # noqa: SLF001 - it dies as no program lets it
    assert thread is not None
    assert thread._loop is not None  # noqa: SLF001
    thread._loop.call_soon_threadsafe(thread._loop.stop)  # noqa: SLF001
    wait_until(lambda: thread.is_over)
    agent.start()
    agent.stop()
