"""Three servers that are a cluster, streams with three replicas: leaders are killed, the quorum is lost and found.

Their clocks differ by 40 s, where a program's clock can be set: each new leader is another clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.rate_limited_log import LOGGER
from fog_bus.streams import METRICS
from fog_testing.clock import why_no_clock
from fog_testing.nats_cluster import NatsCluster
from fog_testing.waiting import eventually
from tests.aggregator.services import serving, total
from tests.bus.broker import connected
from tests.cli.processes import run
from tests.deployments.shipped import configuration, passwords
from utilityfog_frontend.telemetry import Counter, TelemetryCollector

APART = 40.0
"""Seconds between the leader's clock and those of the others, in either direction."""
WORDS = "has no leader in the cluster fog at the moment"


async def test_leaders_are_killed_and_a_quorum_is_lost_and_found(caplog: pytest.LogCaptureFixture) -> None:
    """The total is never above the truth, and equal once the stream has a leader; the agent says what it waits for."""
    text = configuration("cluster.conf")
    with passwords(text):
        async with NatsCluster(config=text, own_clocks=not why_no_clock()) as cluster:
            await _goes_on(cluster, caplog)


@dataclass
class Counting:
    """A program that counts, with its agent, and the aggregator that must have the same."""

    agent: Agent
    work: Counter
    aggregator: Aggregator
    counted: int = 0

    async def count(self, seconds: float = 30.0) -> None:
        """Count, and wait until the fleet's total has it, never above."""
        self.work.increment(7)
        self.counted += 7
        async with asyncio.timeout(seconds):
            while not await self.agent.flush():
                assert total(self.aggregator, "work_total") <= self.counted
        await eventually(lambda: total(self.aggregator, "work_total") == self.counted, deadline=seconds)

    async def is_followed(self) -> None:
        """Wait until the aggregator tells that its server's clock has stepped, and has everybody live."""
        network = self.aggregator.network
        await eventually(lambda: "clock_stepped" in {event.name for event in network.get_events()})
        await eventually(lambda: network.coverage().total().nodes[0] == 1, what="the node is live")

    async def count_unheard(self) -> None:
        """Count while nobody acknowledges anything."""
        self.work.increment(5)
        self.counted += 5
        assert not await self.agent.flush()


async def _goes_on(cluster: NatsCluster, caplog: pytest.LogCaptureFixture) -> None:
    login = ["--user", "admin", "--password", "secret-FOG_ADMIN_PASSWORD"]
    made = await asyncio.to_thread(run, "streams", "apply", "--nats", cluster.urls, "--replicas", "3", *login)
    assert made.returncode == 0, made.stderr
    collector = TelemetryCollector()
    node = _login("fog-0-3", "FOG_0_3", "_INBOX_AGENT.fog.0.3", cluster)
    reader = _login("aggregator", "FOG_AGGREGATOR", "_INBOX_AGG", cluster)
    config = AggregatorConfig(nats=reader, listen=("127.0.0.1", 0), create_streams=False)
    async with serving(config) as aggregator, Agent(collector, path="fog/0/3", options=node, interval=0.1) as agent:
        counting = Counting(agent, collector.register_counter("work_total", "Work"), aggregator)
        await counting.count()
        _set_clocks(cluster)
        with caplog.at_level("WARNING", logger=LOGGER.name):
            await _lose_leaders(cluster, counting, caplog)
        await counting.count()
        await _lag(cluster, counting, config)


def _set_clocks(cluster: NatsCluster) -> None:
    """Let the leader's clock be right, and those of the others not."""
    if not why_no_clock():
        for name, ahead in zip(cluster.servers.keys() - {cluster.leader(METRICS)}, (APART, -APART), strict=True):
            cluster.servers[name].clock.set_ahead(ahead)


async def _lose_leaders(cluster: NatsCluster, counting: Counting, caplog: pytest.LogCaptureFixture) -> None:
    first = cluster.leader(METRICS) or ""
    cluster.kill(first)
    await counting.count()
    assert WORDS in caplog.text
    if not why_no_clock():
        await counting.is_followed()
    second = await asyncio.to_thread(cluster.wait_for_leader, METRICS, other_than=first)
    cluster.kill(second)  # one of three is left
    await counting.count_unheard()
    assert "JetStream is off" not in caplog.text
    assert await _why_no_stream_is_found(cluster) == "unavailable", "no right is missing"
    await asyncio.to_thread(cluster.start)


async def _lag(cluster: NatsCluster, counting: Counting, config: AggregatorConfig) -> None:
    """Start an aggregator when a replica has much to catch up with; its reader may be of that one."""
    lagging = next(name for name in cluster.servers if name != cluster.leader(METRICS))
    cluster.servers[lagging].pause()
    for _ in range(20):
        await counting.count()
    cluster.servers[lagging].resume()
    async with serving(config) as another:
        assert total(another, "work_total") == counting.counted, "ready means complete"


async def _why_no_stream_is_found(cluster: NatsCluster) -> str:
    """Ask which streams there are until that is refused, and return the reason; by a missing right, names are guessed.

    A leader that is left alone goes on for some seconds.
    """
    reasons: list[str] = []

    async def is_refused() -> bool:
        try:
            await JetStream(link).streams_of("fog.v1.metrics.>")
        except JetStreamError as error:
            reasons.append(error.reason)
        return bool({*reasons} - {"timeout"})

    async with connected(cluster.urls, user="admin", password="secret-FOG_ADMIN_PASSWORD") as link:
        await eventually(is_refused, deadline=30, what="the one server that is left refuses")
    return reasons[-1]


def _login(user: str, password: str, inbox: str, cluster: NatsCluster) -> NatsOptions:
    return NatsOptions.parse(cluster.urls, user=user, password=f"secret-{password}_PASSWORD", inbox_prefix=inbox)
