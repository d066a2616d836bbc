"""Real agents of many nodes in this process, and an aggregator in another: what stories are told with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from fog_agent.edge.agent import Agent
from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import free_address, is_healthy
from tests.cli.processes import fog
from utilityfog_frontend.telemetry import TelemetryCollector

INTERVAL: Final = 1.0
PATIENCE: Final = 1.0
"""Seconds in which a node hands over its last counts: those that were cut off never do."""
RULES: Final = """
groups:
  - name: stories
    interval: 1s
    rules:
      - alert: FogBranchSilent
        expr: fog_aggregator_silent{fog_kind="subtree"} > 0
        for: 1s
        labels: {severity: critical}
      - alert: ErrorsRise
        expr: error_ratio{fog_level="3"} > 0.1
        for: 1s
        labels: {severity: critical}
        annotations: {summary: "{{ $value | humanizePercentage }} of the orders at {{ $labels.fog_path }} fail."}
"""
"""The shipped rule of silent branches with less patience, and one of a user's own."""
SITES: Final = tuple(f"fog/s{site}/r{rack}/n{node}" for site in range(5) for rack in range(4) for node in range(10))
"""Two hundred nodes: five sites of four racks with ten nodes each."""


@dataclass(slots=True)
class Node:
    """One node, and what it tells."""

    agent: Agent
    orders: Any
    errors: Any
    ratio: Any
    collector: TelemetryCollector


class Crowd:
    """Nodes that count orders. Each group has a connection of its own, which can be cut.

    Args:
        server: URL of the nats-server.
        paths: Of the nodes.
        group: Names the connection of a path.

    Attributes:
        nodes: By path.
    """

    def __init__(self, server: str, paths: Iterable[str], group: Callable[[str], str] = lambda _: "all") -> None:
        self._options = NatsOptions.parse(server, name="stories")
        self._group = group
        self._connections: dict[str, Connection] = {}
        self._links: dict[str, asyncio.Task[None]] = {}
        self.nodes = {path: self._node(path) for path in paths}

    def _node(self, path: str) -> Node:
        group = self._group(path)
        if group not in self._connections:
            self._connections[group] = Connection(replace(self._options, name=f"stories {group}"))
        collector = TelemetryCollector()
        orders = collector.register_counter("orders_total", "Orders taken")
        errors = collector.register_counter("order_errors_total", "Orders that failed")
        ratio = collector.register_gauge("error_ratio", "Share of orders that fail", rollup=("max",))
        orders.increment(3)
        ratio.set(0.0)
        info = {"version": "2.4.0", "role": "edge"}
        agent = Agent(collector, path=path, connection=self._connections[group], interval=INTERVAL, info=info)
        return Node(agent, orders, errors, ratio, collector)

    async def __aenter__(self) -> Self:
        for group, connection in self._connections.items():
            self._links[group] = asyncio.create_task(connection.run())
        for node in self.nodes.values():
            await node.agent.start(aside=False)
        return self

    async def cut(self, group: str) -> None:
        """Lose the connection of a group, as when its power fails: nothing more is sent, no farewell either."""
        link = self._links.pop(group)
        link.cancel()
        await asyncio.gather(link, return_exceptions=True)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(node.agent.stop(PATIENCE) for node in self.nodes.values()))
        for connection in self._connections.values():
            await connection.close()
        await asyncio.gather(*self._links.values(), return_exceptions=True)


@asynccontextmanager
async def watched(server: NatsServer, directory: Path, *arguments: str) -> AsyncIterator[Watcher]:
    """Run an aggregator with the stories' rules."""
    rules = directory / "stories.yml"
    rules.write_text(RULES)
    address = free_address()
    command = ("aggregator", "--nats", server.url, "--listen", address, "--rules", str(rules), "--history-step", "1s")
    async with AsyncExitStack() as stack:
        watcher = Watcher(address, (*command, "--state-dir", str(directory / "state"), *arguments), stack)
        await watcher.start()
        await eventually(lambda: is_healthy(address, "/-/ready"), deadline=60, what="it is ready")
        yield watcher


class Watcher:
    """An aggregator that can be stopped and started again."""

    def __init__(self, address: str, command: tuple[str, ...], stack: AsyncExitStack) -> None:
        self._address = address
        self._command = command
        self._stack = stack
        self._process: Any = None

    @property
    def url(self) -> str:
        """Return the page's address."""
        return f"http://{self._address}"

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = self._stack.enter_context(fog(*self._command))
        await eventually(lambda: is_healthy(self._address), deadline=60)

    async def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        self._process.terminate()
        await asyncio.to_thread(self._process.wait, 60)
