"""A small fog for tests: real agents, a real aggregator, a real nats-server, in one event loop.

async def test_orders_are_counted(fog_fleet):
    shop = await fog_fleet.node("fog/0/3")
    Shop(shop).sell(3)
    await fog_fleet.settle()
    assert fog_fleet.value("orders_total") == 3
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final, Self

from fog_agent import Agent, NatsOptions
from fog_aggregator.components.http.status import StreamStatus
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Selection
from fog_aggregator.service import Aggregator
from fog_bus.nats.options import DEFAULT_SERVER
from fog_bus.ports import Transport
from fog_schema.paths import parse_path
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.kinds import Distribution
from utilityfog_frontend.telemetry.model import Value, add_values

INTERVAL: Final = 0.1
DEADLINE: Final = 30.0


class Fleet:
    """Nodes with their agents, and the aggregator that reads them.

    Args:
        server: URL of a nats-server with JetStream.
        bus: Any bus in place of a server, such as `fog_bus.memory.MemoryBus`.
        interval: seconds between the nodes' frames.
        state_dir: where the aggregator's checkpoints lie; none by default.

    Attributes:
        network: the network-wide collector: any exporter works on it.
        loop: the event loop that it was entered on; only there may it be awaited.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        *,
        bus: Transport | None = None,
        interval: float = INTERVAL,
        state_dir: Path | None = None,
    ) -> None:
        self._server = server
        self._bus = bus
        self._interval = interval
        config = AggregatorConfig(nats=NatsOptions(servers=(server,)), listen=("127.0.0.1", 0), state_dir=state_dir)
        self._aggregator = Aggregator(config, bus)
        self._agents: dict[str, Agent] = {}
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def network(self) -> NetworkCollector:
        """The fleet as one collector."""
        return self._aggregator.network

    @property
    def url(self) -> str:
        """The aggregator's HTTP address, such as ``http://127.0.0.1:40123``."""
        host, port = self._aggregator.web.address
        return f"http://{host}:{port}"

    def streams(self) -> list[StreamStatus]:
        """How far the aggregator has read."""
        return self._aggregator.status.streams()

    async def node(self, path: str, collector: TelemetryCollector | None = None) -> TelemetryCollector:
        """Return a node at `path`: the collector that its program counts in, published by an agent.

        Raises:
            PathError: for a path that is none.
            RuntimeError: when the fleet has a node there, or lives on another event loop.
        """
        self._check_loop()
        if path in self._agents:
            raise RuntimeError(f"the fleet has a node at {path} already")
        collector = collector or TelemetryCollector()
        agent = Agent(collector, path=path, servers=self._server, bus=self._bus, interval=self._interval)
        await agent.start()
        self._agents[path] = agent
        return collector

    async def leave(self, path: str) -> None:
        """Stop the node at `path` in good order; its counts stay in the fleet's."""
        await self._agents.pop(path).stop()

    async def settle(self) -> None:
        """Wait until everything counted until now is in the aggregator.

        Raises:
            TimeoutError: it did not get there within 30 seconds.
            RuntimeError: it lives on another event loop.
        """
        self._check_loop()
        await eventually(self._is_ready, deadline=DEADLINE, what="the aggregator is ready")
        for path, agent in self._agents.items():
            if not await agent.flush():
                raise TimeoutError(f"the agent at {path} could not send its frames")
        await eventually(self._caught_up, deadline=DEADLINE, what="the aggregator has read every frame")

    def value(self, name: str, path: str = "", **labels: str) -> float:
        """Return the value of a counter or gauge, fleet-wide or at and under `path`, over all series with these labels.

        Counters add up; name a gauge's series by its labels.

        Raises:
            KeyError: when there is no such metric or series.
            TypeError: for a histogram.
        """
        value = self._find(name, path, labels)
        if isinstance(value, Distribution):
            raise TypeError(f"{name!r} is a histogram: ask for its count, or look at fog_fleet.network")
        return value

    def count(self, name: str, path: str = "", **labels: str) -> int:
        """How many observations a histogram has; see `value`."""
        value = self._find(name, path, labels)
        if not isinstance(value, Distribution):
            raise TypeError(f"{name!r} is not a histogram: ask for its value")
        return value.count

    def _find(self, name: str, path: str, labels: dict[str, str]) -> Value:
        selection = Selection(parse_path(path) if path else ())
        found: Value | None = None
        for snapshot in self.network.collect(selection):
            if snapshot.family.name == name:
                for series in snapshot.series:
                    if labels.items() <= dict(series.labels).items():
                        found = series.value if found is None else add_values(found, series.value)
        if found is None:
            raise KeyError(f"no series of {name!r} with labels {labels} at {path or 'any path'}")
        return found

    async def __aenter__(self) -> Self:
        self.loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._aggregator.run(self._stop))
        await eventually(self._has_begun, deadline=DEADLINE, what="the aggregator is ready")
        return self

    async def __aexit__(self, *_: object) -> None:
        for agent in self._agents.values():
            await agent.stop()
        self._stop.set()
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError(
                "this fleet lives on another event loop than the one that awaits it: run both on one "
                "(for pytest-asyncio set asyncio_default_fixture_loop_scope to the loop_scope of the test)"
            )

    def _is_ready(self) -> bool:
        return self._aggregator.status.ready()[0]

    def _caught_up(self) -> bool:
        with self.network.lock:
            return all(self._has_read(agent) for agent in self._agents.values())

    def _has_read(self, agent: Agent) -> bool:
        sent = agent.sent
        node = self.network.fleet.place(agent.path)
        epoch = node.epochs.get(sent.epoch) if node is not None else None
        seen = self.network.events.seen.get((agent.path, sent.epoch))
        return epoch is not None and epoch.seq >= sent.seq and (seen.last if seen else 0) >= sent.event

    def _has_begun(self) -> bool:
        if self._task is not None and self._task.done():
            self._task.result()  # it raises what it failed with
        return self._is_ready()
