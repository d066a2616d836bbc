"""A whole aggregator and a real nats-server whose clock is set: counts and nodes stay right.

The server has a clock of its own (`fog_testing.clock`). Where a machine does not allow that, a proxy before the
aggregator changes the times in what the server says (`clock_proxy`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.clock import why_no_clock
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


@dataclass(frozen=True)
class Clocked:
    """A server whose clock is set, for agents and for the aggregator."""

    server: NatsServer
    proxy: ClockProxy | None

    def settings(self, **others: object) -> AggregatorConfig:
        """Return the settings of an aggregator that hears what the clock says."""
        url = self.server.url if self.proxy is None else self.proxy.url
        return config(self.server, nats=NatsOptions(servers=(url,)), **others)

    def set_ahead(self, seconds: float) -> None:
        """Set the clock."""
        if self.proxy is None:
            self.server.clock.set_ahead(seconds)
        else:
            self.proxy.set_clock(seconds)

    def is_off(self, aggregator: Aggregator) -> bool:
        """Tell whether an aggregator's time is not the server's."""
        ahead = self.server.clock.ahead if self.proxy is None else self.proxy.ahead()
        return abs(aggregator.network.now() - time.time() - ahead) >= 5


@pytest.fixture
async def clocked() -> AsyncIterator[Clocked]:
    """Provide a server whose clock is set."""
    real = not why_no_clock()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(NatsServer(own_clock=real))
        yield Clocked(server, None if real else await stack.enter_async_context(ClockProxy(server)))


async def passed(since: float, seconds: float) -> None:
    """Wait until a clock was wrong for so long: no condition can stand in for it."""
    await eventually(lambda: time.monotonic() - since >= seconds, deadline=PATIENCE)


async def test_a_clock_that_is_ahead_for_a_moment(clocked: Clocked, tmp_path: Path) -> None:
    """A month for 3 s, then 90 s for 2 s: who begins during it or after it counts in full, and all stay live."""
    settings = clocked.settings(state_dir=tmp_path)
    async with site(clocked.server) as agents:
        async with serving(settings) as aggregator:
            await agents.join(1)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            for ahead, seconds in ((MONTH, 3.0), (90.0, 2.0)):
                clocked.set_ahead(ahead)
                since = time.monotonic()
                await agents.join(10)
                await passed(since, seconds)
                clocked.set_ahead(0)
                await agents.join(100)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
            await eventually(lambda: not clocked.is_off(aggregator), deadline=PATIENCE)
            await agents.join(1000)
            await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
        async with serving(settings) as again:
            await agents.join(10_000)
            await eventually(lambda: agents.is_seen_by(again), deadline=PATIENCE)


async def test_clocks_that_step_are_followed(clocked: Clocked) -> None:
    """A new leader 40 s ahead, then a clock an hour behind: the aggregator's time is the server's, and it says so."""
    async with site(clocked.server) as agents, serving(clocked.settings()) as aggregator:
        await agents.join(1)
        await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
        assert not clocked.is_off(aggregator)
        for ahead in (40.0, -3600.0):
            await _is_followed(clocked, aggregator, agents, ahead)


async def _is_followed(clocked: Clocked, aggregator: Aggregator, agents: Site, ahead: float) -> None:
    before = len(stepped(aggregator))
    clocked.set_ahead(ahead)
    await eventually(lambda: not clocked.is_off(aggregator), deadline=PATIENCE)
    await agents.join(10)
    await eventually(lambda: agents.is_seen_by(aggregator), deadline=PATIENCE)
    await eventually(lambda: len(stepped(aggregator)) > before, deadline=PATIENCE)
