"""The nodes of the story: each takes requests, some fail, and it may lose its power."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from fog_agent.edge.agent import Agent
from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.instruments.gauge import Gauge
from utilityfog_frontend.telemetry.instruments.histogram import Histogram
from utilityfog_frontend.telemetry.instruments.labeled import LabeledCounter

INTERVAL: Final = 0.5
"""Seconds between frames, and between one handful of requests and the next."""
REQUESTS: Final = 8
"""Requests of a handful; a share of a quarter is two of them."""
SECONDS: Final = (0.004, 0.006, 0.009, 0.012, 0.015, 0.02, 0.03, 0.08)
"""How long each of them takes."""


@dataclass(slots=True)
class StoryNode:
    """One node.

    Attributes:
        collector: Its numbers and events.
        ratio: The share of its requests that fail.
        requests: Its requests by their code.
        seconds: How long they took.
        agent: Sends all of it.
        connection: By which the agent does.
        link: Keeps the connection; None before it is there.
    """

    collector: TelemetryCollector
    ratio: Gauge
    requests: LabeledCounter
    seconds: Histogram
    agent: Agent
    connection: Connection
    link: asyncio.Task[None] | None = None

    @classmethod
    def at(cls, path: str, options: NatsOptions) -> StoryNode:
        """Make the node of a path; it is not connected yet."""
        collector = TelemetryCollector()
        ratio = collector.register_gauge("error_ratio", "Share of requests that fail", rollup="max")
        ratio.set(0.0)
        requests = collector.register_counter("requests_total", "Requests by their code", ["code"])
        seconds = collector.register_histogram("request_seconds", "Time that requests took", unit="seconds")
        connection = Connection(replace(options, name=f"fog demo {path}"))
        agent = Agent(collector, path=path, connection=connection, interval=INTERVAL)
        return cls(collector, ratio, requests, seconds, agent, connection)

    def work(self) -> None:
        """Take a handful of requests; without power none comes."""
        if self.link is None or self.link.done():
            return
        failed = round(REQUESTS * self.ratio.get_value().value)
        self.requests.labels(code="500").increment(failed)
        self.requests.labels(code="200").increment(REQUESTS - failed)
        for seconds in SECONDS:
            self.seconds.observe(seconds)

    def connect(self) -> None:
        """Keep connected from now on."""
        self.link = asyncio.create_task(self.connection.run())

    async def cut(self) -> None:
        """Lose the connection, as when the power fails: nothing more is sent, no farewell either."""
        if self.link is not None:
            self.link.cancel()
            await asyncio.gather(self.link, return_exceptions=True)

    async def stop(self) -> None:
        """End in good order; a node without power has it back for that, as what it counted is flushed."""
        if self.link is None or self.link.done():
            self.connect()
        await self.agent.stop()
        await self.connection.close()
        await asyncio.gather(*([self.link] if self.link else []), return_exceptions=True)
