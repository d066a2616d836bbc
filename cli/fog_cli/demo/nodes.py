"""The simulated fog on a real bus: for each node a collector, an agent, and a connection that can be cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from fog_agent.edge.agent import Agent
from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from fog_cli.actions.books import Book, Ledger, add
from fog_cli.demo.fog_model import LINK_LOST, LINK_RESTORED, Fog, Happening
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import (
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)

START_TURN: Final = 0.25
"""Seconds for which nodes are started before the event loop turns: it is busy with those that were started already."""
FLUSH_SECONDS: Final = 50.0
"""Seconds that all nodes together have to hand over their last counts."""


@dataclass(slots=True)
class _Node:
    collector: TelemetryCollector
    ledger: Ledger
    connection: Connection
    agent: Agent
    link: asyncio.Task[None] | None = None
    """Keeps the connection while it is not cancelled."""

    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    def connect(self) -> None:
        """Keep connected from now on; a connection that was cut is let go of first."""
        self.link = asyncio.create_task(self._keep_connected())

    def cut(self) -> None:
        """Lose the connection, until the next `connect`."""
        if self.link is not None:
            self.link.cancel()

    async def _keep_connected(self) -> None:
        async with self.one_at_a_time:
            await self.connection.run()

    async def stop(self, deadline: float) -> bool:
        """Flush the last counts and close; True when all of them were acknowledged."""
        flushed = await self.agent.stop(deadline)
        await self.connection.close()
        if self.link is not None:
            await self.link
        return flushed


class FogNodes:
    """All nodes of a simulated fog, in this process. A lost link is a closed connection, until it is restored.

    Attributes:
        dropped: Seconds that nodes have left out by themselves: none, as they live when they are told to.
    """

    dropped: Final = 0.0

    def __init__(self, fog: Fog, options: NatsOptions, interval: float) -> None:
        self._fog = fog
        self._nodes = {path: _node(path, options, interval) for path in fog.nodes}

    async def start(self, stop: asyncio.Event) -> None:
        """Connect every node and begin to publish, until told to stop."""
        turn_ends = time.monotonic() + START_TURN
        for node in self._nodes.values():
            if time.monotonic() >= turn_ends:
                await asyncio.sleep(0)  # for signals, and for those that publish already
                turn_ends = time.monotonic() + START_TURN
            if stop.is_set():
                return
            node.connect()
            await node.agent.start(aside=False)  # a thread for each would be hundreds, and the loop is theirs

    def advance(self, now: float) -> None:
        """Let the nodes live until `now`: record what happened to each, and cut and restore links."""
        self._live(self._fog.advance(now))

    def connected(self) -> int:
        """How many nodes have a link now."""
        return sum(node.connection.client is not None for node in self._nodes.values())

    async def stop(self, deadline: float = FLUSH_SECONDS) -> bool:
        """End every outage, flush every node's last counts, and close; True when all of it was acknowledged."""
        self._live(self._fog.heal())
        return all(await asyncio.gather(*(node.stop(deadline) for node in self._nodes.values())))

    def book(self) -> Book:
        """Add up the counts of all nodes."""
        return add(node.ledger.book() for node in self._nodes.values())

    def _live(self, happened: Iterable[Happening]) -> None:
        for path, event, value in happened:
            node = self._nodes[path]
            node.collector.record_event(event, dict(value), labels={"source": "demo"})
            if event == LINK_LOST:
                node.cut()
            elif event == LINK_RESTORED:
                node.connect()


def _node(path: Path, options: NatsOptions, interval: float) -> _Node:
    collector = TelemetryCollector()
    setup_coordination_hooks(collector)
    setup_messaging_hooks(collector)
    setup_health_hooks(collector)
    name = format_path(path)
    connection = Connection(replace(options, name=f"fog demo {name}"))
    agent = Agent(collector, path=name, connection=connection, interval=interval, info={"role": "demo"})
    return _Node(collector, Ledger(collector), connection, agent)
