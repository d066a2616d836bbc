"""Healthy programs in this process whose series and events come and go, and what they have counted."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from fog_agent import Agent
from fog_cli.actions.books import Book, Ledger, add
from utilityfog_frontend.telemetry import TelemetryCollector

ROOT: Final = "fog/churn"
_NODES: Final = 4
_LIVE: Final = 20
"""Series of each that live at a time."""


class Churn:
    """Some agents on a server.

    Args:
        server: Its URL.
    """

    def __init__(self, server: str) -> None:
        self._server = server
        self._collectors = [TelemetryCollector(self_metrics=False) for _ in range(_NODES)]
        self._counters = [one.register_counter("churn_total", "Counts", ["turn"]) for one in self._collectors]
        self._ledgers = [Ledger(one) for one in self._collectors]
        self.events = 0

    async def run(self, stop: asyncio.Event) -> bool:
        """Count until `stop` is set; tell whether all of it was acknowledged."""
        agents = [
            Agent(collector, path=f"{ROOT}/{number}", servers=self._server, interval=1.0, deadline=60.0)
            for number, collector in enumerate(self._collectors)
        ]
        async with AsyncExitStack() as stack:
            for agent in agents:
                await stack.enter_async_context(agent)
            turn = 0
            while not stop.is_set():
                self._live(turn)
                turn += 1
                await asyncio.sleep(0.2)
            return all(await asyncio.gather(*(agent.flush() for agent in agents)))

    def book(self) -> Book:
        """Return what was counted, series that are gone included."""
        return add(one.book() for one in self._ledgers)

    def _live(self, turn: int) -> None:
        for collector, counter in zip(self._collectors, self._counters, strict=True):
            counter.labels(str(turn)).increment(turn % 7 + 1)
            if turn >= _LIVE:
                counter.remove(turn=str(turn - _LIVE))
            collector.record_event("turn", turn)
            self.events += 1
