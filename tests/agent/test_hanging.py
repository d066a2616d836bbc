"""An agent whose sources hang: frames go out, the program's loop runs, and the end comes with exact counts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_bus.memory import MemoryBus
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot

INTERVAL = 0.2


@pytest.fixture
async def bus() -> MemoryBus:
    """Provide a bus in memory."""
    return MemoryBus()


@pytest.fixture
async def fleet(bus: MemoryBus) -> AsyncIterator[Fleet]:
    """Provide an aggregator over it."""
    async with Fleet(bus=bus) as fleet:
        yield fleet


class Disk:
    """A source with a counter and a gauge; while it hangs, its answer waits."""

    def __init__(self) -> None:
        self.reads = 0
        self._answers = threading.Event()
        self._answers.set()

    def hang(self) -> None:
        """Answer no more."""
        self._answers.clear()

    def release(self) -> None:
        """Answer again."""
        self._answers.set()

    def __call__(self) -> list[FamilySnapshot]:
        """Return what it has, once it answers."""
        self._answers.wait()
        return [
            FamilySnapshot(Family("reads_total", MetricType.COUNTER), [SeriesSnapshot((), self.reads)]),
            FamilySnapshot(Family("free_bytes", MetricType.GAUGE, rollup=("sum",)), [SeriesSnapshot((), 5)]),
        ]


def shown(fleet: Fleet, name: str, wanted: float | None) -> Callable[[], bool]:
    """Return a condition: the fleet shows this value, or no such metric."""

    def condition() -> bool:
        series = [
            one for snapshot in fleet.network.collect() if snapshot.family.name == name for one in snapshot.series
        ]
        return not series if wanted is None else bool(series) and fleet.value(name) == wanted

    return condition


async def test_a_source_that_hangs_freezes_nothing(
    fleet: Fleet, bus: MemoryBus, caplog: pytest.LogCaptureFixture
) -> None:
    """The others' counts arrive, its gauge is out after three intervals, its count stays and is exact at the end."""
    collector, disk = TelemetryCollector(), Disk()
    orders = collector.register_counter("orders_total")
    collector.add_source(disk, name="disk")
    disk.reads = 3
    try:
        async with Agent(collector, path="fog/0", bus=bus, interval=INTERVAL) as agent:
            await eventually(shown(fleet, "free_bytes", 5))
            disk.hang()
            disk.reads = 8
            for number in range(1, 4):
                orders.increment()
                await eventually(shown(fleet, "orders_total", number))
            await eventually(shown(fleet, "free_bytes", None))
            assert fleet.value("reads_total") == 3
            assert await agent.flush()
            assert "disk has not answered" in caplog.text
            disk.release()
            await eventually(shown(fleet, "free_bytes", 5))
            disk.reads = 9
            orders.increment()
        await eventually(shown(fleet, "orders_total", 4))
        await eventually(shown(fleet, "reads_total", 9))
    finally:
        disk.release()


async def test_the_loop_runs_while_an_agent_waits(fleet: Fleet, bus: MemoryBus) -> None:
    """The function of a gauge is asked on another thread, and as long as it hangs the loop goes on."""
    collector, begun, release = TelemetryCollector(), threading.Event(), threading.Event()

    def slow() -> float:
        begun.set()
        release.wait()
        return float(threading.current_thread() is not threading.main_thread())

    collector.register_gauge("off_the_loop", rollup="sum").set_function(slow)
    async with Agent(collector, path="fog/0", bus=bus, interval=INTERVAL) as agent:
        flush = asyncio.create_task(agent.flush())
        await eventually(begun.is_set)
        assert not flush.done()
        release.set()
        assert await flush
        await eventually(shown(fleet, "off_the_loop", 1))


async def test_an_agent_without_sources_has_one_thread_which_ends_with_it() -> None:
    """For reading and encoding."""
    before = set(threading.enumerate())
    async with Agent(TelemetryCollector(), path="fog/0", bus=MemoryBus(), interval=INTERVAL) as agent:
        assert await agent.flush()
        assert [thread.name for thread in set(threading.enumerate()) - before] == ["fog-agent-encoding"]
        [thread] = set(threading.enumerate()) - before
        assert thread.daemon
    await eventually(lambda: not thread.is_alive())


PROGRAM = """
    import asyncio, pathlib, signal, sys
    from fog_agent import Agent
    from utilityfog_frontend.telemetry import TelemetryCollector

    url, pipe = sys.argv[1:]
    collector = TelemetryCollector()
    orders = collector.register_counter("orders_total")
    collector.add_source(pathlib.Path(pipe).read_bytes)
    collector.add_hook("collection", lambda _: pathlib.Path(pipe).read_bytes())

    async def main():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        async with Agent(collector, path="fog/0", servers=url, interval=0.2):
            await collector.start_collection()
            orders.increment(7)
            print("ready", flush=True)
            await stop.wait()
            orders.increment(5)
            await collector.stop_collection()

    asyncio.run(main())
"""


async def test_a_program_whose_source_hangs_ends_by_sigterm(fog_nats: NatsServer, tmp_path: Path) -> None:
    """A source and a hook read a pipe that nobody writes into; all 12 native counts are exported, and it ends by 0."""
    os.mkfifo(tmp_path / "pipe")
    async with Fleet(fog_nats.url) as fleet:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(PROGRAM), fog_nats.url, str(tmp_path / "pipe"), stdout=-1
        )
        assert program.stdout is not None
        assert await program.stdout.readline() == b"ready\n"
        await eventually(shown(fleet, "orders_total", 7))
        program.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(program.wait(), 30) == 0
        await eventually(shown(fleet, "orders_total", 12))
