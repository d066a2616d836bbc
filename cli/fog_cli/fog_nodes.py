"""The simulated fog on a real bus: for each node a collector, an agent, and a connection that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fog_agent.agent import Agent
from fog_agent.connection import Connection
from fog_agent.options import NatsOptions
from fog_cli.books import Book, Ledger, add
from fog_cli.fogsim import LINK_LOST, LINK_RESTORED, Fog, Happening
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import (
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)


@dataclass(slots=True)
class _Node:
    collector: TelemetryCollector
    ledger: Ledger
    connection: Connection
    agent: Agent
    link: asyncio.Task[None] | None = None


class FogNodes:
    """All nodes of a simulated fog, in this process. A lost link is a closed connection, until it is restored."""

    def __init__(self, fog: Fog, options: NatsOptions, interval: float) -> None:
        self._fog = fog
        self._nodes = {path: _node(path, options, interval) for path in fog.nodes}

    async def start(self) -> None:
        """Connect every node and begin to publish."""
        for node in self._nodes.values():
            node.link = asyncio.create_task(node.connection.run())
            await node.agent.start()

    def advance(self, now: float) -> None:
        """Let the nodes live until `now`: record what happened to each, and cut and restore links."""
        self._live(self._fog.advance(now))

    def connected(self) -> int:
        """How many nodes have a link now."""
        return sum(node.connection.client is not None for node in self._nodes.values())

    async def stop(self) -> bool:
        """End every outage, flush every node's last counts, and close; True when all of it was acknowledged."""
        self._live(self._fog.heal())
        return all(await asyncio.gather(*(self._stop(node) for node in self._nodes.values())))

    def book(self) -> Book:
        """What all nodes counted."""
        return add(node.ledger.book() for node in self._nodes.values())

    def _live(self, happened: Iterable[Happening]) -> None:
        for path, event, value in happened:
            node = self._nodes[path]
            node.collector.record_event(event, dict(value), labels={"source": "demo"})
            if event == LINK_LOST and node.link is not None:
                node.link.cancel()
                node.link = None
            elif event == LINK_RESTORED and node.link is None:
                node.link = asyncio.create_task(node.connection.run())

    @staticmethod
    async def _stop(node: _Node) -> bool:
        flushed = await node.agent.stop()
        await node.connection.close()
        if node.link is not None:
            await node.link
        return flushed


def _node(path: Path, options: NatsOptions, interval: float) -> _Node:
    collector = TelemetryCollector()
    setup_coordination_hooks(collector)
    setup_messaging_hooks(collector)
    setup_health_hooks(collector)
    name = format_path(path)
    connection = Connection(replace(options, name=f"fog demo {name}"))
    agent = Agent(collector, path=name, connection=connection, interval=interval, info={"role": "demo"}, deadline=10.0)
    return _Node(collector, Ledger(collector), connection, agent)
