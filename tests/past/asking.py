"""Agents and an aggregator on a real nats-server, and questions over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from fog_agent import Agent
from fog_aggregator.service import Aggregator
from fog_schema.paths import format_path
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from utilityfog_frontend.telemetry import TelemetryCollector


@dataclass
class Asked:
    """A fog whose aggregator is asked.

    Attributes:
        aggregator: the aggregator.
        session: a client.
        agents: by path.
    """

    server: NatsServer
    aggregator: Aggregator
    session: aiohttp.ClientSession
    agents: dict[str, Agent] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where the aggregator answers."""
        host, port = self.aggregator.web.address
        return f"http://{host}:{port}"

    async def node(self, path: str, interval: float = 0.1) -> TelemetryCollector:
        """Let a node begin; return its collector."""
        collector = TelemetryCollector(self_metrics=False)
        self.agents[path] = Agent(collector, path=path, servers=self.server.url, interval=interval, deadline=30)
        await self.agents[path].start()
        return collector

    async def settle(self) -> float:
        """Wait until all that was counted is read; return server's time then."""
        for agent in self.agents.values():
            assert await agent.flush()
        await eventually(lambda: all(map(self._has_read, self.agents.values())))
        return self.aggregator.network.now()

    def _has_read(self, agent: Agent) -> bool:
        with self.aggregator.network.lock:
            node = self.aggregator.network.fleet.place(agent.path)
            epoch = node.epochs.get(agent.sent.epoch) if node is not None else None
            return epoch is not None and epoch.seq >= agent.sent.seq

    async def stop(self, path: str) -> None:
        """End a node in good order."""
        agent = self.agents.pop(path)
        await agent.stop()
        await eventually(
            lambda: not self.aggregator.network.fleet.places[agent.path].epochs, what=format_path(agent.path)
        )

    async def get(self, address: str, **parameters: Any) -> tuple[int, Any]:
        """Ask; return the status and the JSON."""
        given = {name: str(value) for name, value in parameters.items()}
        async with self.session.get(self.url + address, params=given) as response:
            return response.status, await response.json()

    async def value(self, query: str, time: float) -> dict[str, float]:
        """Return the vector of a query at a moment, by the text of its labels."""
        status, body = await self.get("/api/v1/query", query=query, time=time)
        assert status == 200, body
        return {
            ",".join(f"{name}={value}" for name, value in sorted(one["metric"].items())): float(one["value"][1])
            for one in body["data"]["result"]
        }


@contextlib.asynccontextmanager
async def asked(server: NatsServer, **options: Any) -> AsyncIterator[Asked]:
    """Provide a fog without nodes, whose aggregator is ready."""
    async with serving(config(server, **options)) as aggregator, aiohttp.ClientSession() as session:
        fog = Asked(server, aggregator, session)
        try:
            yield fog
        finally:
            for agent in fog.agents.values():
                await agent.stop()


async def consumers(server: NatsServer) -> int:
    """Return how many consumers the stream of metrics has."""
    from fog_bus.nats.api import JetStream
    from fog_bus.streams import METRICS
    from tests.bus.broker import connected

    async with connected(server.url) as link:
        return len((await JetStream(link).call(f"CONSUMER.NAMES.{METRICS}"))["consumers"] or ())
