"""The nodes of a large fog: those of `fog swarm`, which cost a small part of an agent, in a process of their own."""

from __future__ import annotations

import asyncio
from typing import Final

from fog_bus.nats.options import NatsOptions
from fog_cli.actions.books import Book
from fog_cli.demo.aggregator_stats import AggregatorView
from fog_cli.errors import CommandError
from fog_cli.swarm.child import Child
from fog_cli.swarm.plan import Plan
from fog_cli.swarm.process import GO, HOLD
from fog_cli.swarm.writers import Chances
from fog_schema.subjects import DEFAULT_PREFIX
from fog_testing.waiting import eventually

SERIES: Final = 20
CONNECTIONS: Final = 4
LOOK_EVERY: Final = 0.5
END_SECONDS: Final = 75.0
"""Seconds that they have for their last counts: more than they give themselves."""


def plan_of(root: str, nodes: int, branching: int, options: NatsOptions, interval: float, seed: int) -> Plan:
    """Plan so many nodes, level by level, each below one with `branching` children at most."""
    numbers = range(nodes)
    return Plan(options, DEFAULT_PREFIX, (root,), branching, numbers, SERIES, interval, CONNECTIONS, Chances(), seed)


class LightNodes:
    """Nodes that count and send, and neither talk nor fail.

    While the aggregator is behind they let their intervals pass, so that it need not catch up at the end.

    Args:
        plan: Their number, their tree and their series.
        view: The aggregator that reads them.
    """

    def __init__(self, plan: Plan, view: AggregatorView) -> None:
        self._plan = plan
        self._view = view
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, stop: asyncio.Event) -> None:
        """Start their process, unless told to stop; they connect and begin to publish by themselves."""
        if not stop.is_set():
            self._child = Child.start(self._plan)
            self._watch = asyncio.create_task(self._hold_back(self._child))

    async def _hold_back(self, child: Child) -> None:
        """Hold the nodes while the aggregator has not read what they send in an interval."""
        while True:
            numbers = await self._view.numbers()
            is_behind = numbers is None or numbers.lag > len(self._plan.numbers)
            child.tell(HOLD if is_behind else GO)
            await asyncio.sleep(LOOK_EVERY)

    def advance(self, _now: float) -> None:
        """See that they live: they follow the clock by themselves.

        Raises:
            CommandError: Their process has ended.
        """
        if self._child is not None:
            self._child.check()

    @property
    def dropped(self) -> float:
        """How many seconds a node has left out so far, on average."""
        report = {} if self._child is None else self._child.report
        return float(report.get("dropped", 0)) * self._plan.interval / len(self._plan.numbers)

    async def stop(self, deadline: float = END_SECONDS) -> bool:
        """Let every node hand over its last counts; True when all of it was acknowledged.

        Raises:
            CommandError: They did not end in time.
        """
        if self._child is None or self._watch is None:
            return True
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        try:
            self._child.tell()
            await eventually(self._child.has_ended, deadline=deadline)
        except TimeoutError:
            raise CommandError(f"the nodes did not end within {deadline:g} s") from None
        return bool(self._child.report["whole"])

    def close(self) -> None:
        """End their process, whatever it does."""
        if self._child is not None and self._watch is not None:
            self._watch.cancel()
            self._child.close()

    def book(self) -> Book:
        """Return what all of them have counted."""
        return {} if self._child is None else dict(self._child.report["book"])
