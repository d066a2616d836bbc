"""A whole aggregator and a real nats-server whose clock is set (as `clock_proxy` says): counts and nodes stay right."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.clock_proxy import ClockProxy
from tests.aggregator.services import config, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

INTERVAL = 0.5
MONTH = 30 * 86_400.0
PATIENCE = 60.0
"""Seconds; a step is followed within 10."""


class Site:
    """Agents of one server, which count.

    Attributes:
        counted: The counts of all of them together.
    """

    def __init__(self, server: NatsServer, stack: contextlib.AsyncExitStack) -> None:
        self.counted = 0
        self._server = server
        self._stack = stack
        self._agents = 0

    async def join(self, count: int) -> None:
        """Start one more agent, and let it count."""
        collector = TelemetryCollector(self_metrics=False)
        collector.register_counter("work_total", "Work").increment(count)
        collector.register_gauge("level", "Level").set(1)
        path = f"fog/{self._agents}"
        self._agents += 1
        self.counted += count
        agent = Agent(collector, path=path, servers=self._server.url, interval=INTERVAL)
        await self._stack.enter_async_context(agent)
        assert await agent.flush()

    def is_seen_by(self, aggregator: Aggregator) -> bool:
        """Tell whether an aggregator has every count, and calls every node live."""
        network = aggregator.network
        live = network.coverage().total().nodes[0]
        return total(aggregator, "work_total") == self.counted and live == self._agents


@contextlib.asynccontextmanager
async def site(server: NatsServer) -> AsyncIterator[Site]:
    """Provide agents that run while the body does."""
    async with contextlib.AsyncExitStack() as stack:
        yield Site(server, stack)


def stepped(aggregator: Aggregator) -> list[str]:
    """Return what events tell of steps of the clock of metrics' server."""
    return [event.name for event in aggregator.network.get_events() if event.name == "clock_stepped"]


def off_by(aggregator: Aggregator, proxy: ClockProxy) -> float:
    """Return by how many seconds an aggregator's time is not the server's."""
    return abs(aggregator.network.now() - time.time() - proxy.ahead())


@pytest.mark.parametrize(("ahead", "seconds"), [(MONTH, 3.0), (90.0, 2.0)])
async def test_a_clock_that_is_ahead_for_a_moment(
    fog_nats: NatsServer, tmp_path: Path, ahead: float, seconds: float
) -> None:
    """Writers that begin during it, and after it, count in full; all stay live; so it is after a restart as well."""
    async with ClockProxy(fog_nats) as proxy, site(fog_nats) as agents:
        settings = replace(config(fog_nats, state_dir=tmp_path), nats=NatsOptions(servers=(proxy.url,)))
        async with serving(settings) as aggregator:
            await agents.join(1)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            proxy.set_clock(ahead, seconds)
            await agents.join(10)
            await eventually(lambda: not proxy.ahead(), deadline=PATIENCE)
            for count in (100, 1000):
                await agents.join(count)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            await eventually(lambda: off_by(aggregator, proxy) < 5, deadline=PATIENCE)
        async with serving(settings) as again:
            await agents.join(10_000)
            await eventually(lambda: agents.is_seen_by(again), deadline=PATIENCE)


@pytest.mark.parametrize("ahead", [40.0, -3600.0])
async def test_a_clock_that_steps_is_followed(fog_nats: NatsServer, ahead: float) -> None:
    """A new leader, or a clock that was set back by an hour: the aggregator's time is the server's, and it says so."""
    async with ClockProxy(fog_nats) as proxy, site(fog_nats) as agents:
        settings = replace(config(fog_nats), nats=NatsOptions(servers=(proxy.url,)))
        async with serving(settings) as aggregator:
            await agents.join(1)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            assert off_by(aggregator, proxy) < 5
            proxy.set_clock(ahead)
            await eventually(lambda: off_by(aggregator, proxy) < 5, deadline=PATIENCE)
            await agents.join(10)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            await eventually(lambda: stepped(aggregator), deadline=PATIENCE)
