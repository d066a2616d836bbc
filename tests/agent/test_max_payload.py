"""A server whose configuration is reloaded with less room for a message than frames have needed until then."""

from __future__ import annotations

import os
import random
import signal

import pytest

from fog_agent import Agent
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import TelemetryCollector

CHILDREN = 1500
LITTLE = 12_000
TOO_LONG = 14_000
"""Characters of an event's value: allowed, and more than there is room for."""


def lower_max_payload(server: NatsServer) -> None:
    """Reload the server as an operator does."""
    (server.directory / "nats-server.conf").write_text(f"max_payload: {LITTLE}")
    os.kill(server.pid, signal.SIGHUP)


class Work:
    """A program with many series, and amounts that no frame can say briefly."""

    def __init__(self) -> None:
        self.collector = TelemetryCollector()
        self.total = 0.0
        self._counter = self.collector.register_counter("work_total", "Work", ["number"])

    def count(self) -> None:
        """Let every series count: a frame that says so needs more than `LITTLE`."""
        for number in range(CHILDREN):
            amount = random.uniform(0.1, 0.9)
            self._counter.labels(str(number)).increment(amount)
            self.total += amount

    async def is_exported(self, fleet: Fleet) -> None:
        """Wait until a fleet has counted as much."""
        await eventually(lambda: fleet.value("work_total") == pytest.approx(self.total), deadline=60)


async def test_frames_become_shorter_at_once() -> None:
    """Exported all the same; an event that has no room any more keeps its name."""
    work = Work()
    with NatsServer(config="max_payload: 1048576") as server:
        async with (
            Fleet(server.url) as fleet,
            Agent(work.collector, path="fog/0", servers=server.url, interval=0.5) as agent,
        ):
            work.count()
            assert await agent.flush()
            lower_max_payload(server)
            await eventually(lambda: "Reloaded" in server.log_tail())
            work.count()
            work.collector.record_event("said", "x" * TOO_LONG)
            work.collector.record_event("said", "short")
            await work.is_exported(fleet)
            await eventually(lambda: len(fleet.network.get_events()) == 2, deadline=60)
            assert [event.value for event in fleet.network.get_events()] == [None, "short"]
            assert await agent.flush()


async def test_a_final_that_became_too_long_arrives() -> None:
    """The agent stops before it has heard of less room: the server ends the connection, and the final is shortened."""
    work = Work()
    with NatsServer(config="max_payload: 1048576") as server:
        async with Fleet(server.url) as fleet:
            agent = Agent(work.collector, path="fog/0", servers=server.url, interval=600, deadline=60)
            await agent.start()
            work.count()
            assert await agent.flush()
            lower_max_payload(server)
            await eventually(lambda: "Reloaded" in server.log_tail())
            work.count()
            assert await agent.stop()
            await work.is_exported(fleet)
