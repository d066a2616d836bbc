"""Adds up the lines of statsd among what jobs tell, as a listener for statsd does."""

from __future__ import annotations

import threading
import time

from fog_agent.sources.ports import Context
from fog_agent.sources.statsd.listener import record_happening
from fog_agent.sources.statsd.plan import Limits, Plan
from fog_agent.sources.statsd.totals import Totals
from utilityfog_frontend.telemetry.model import FamilySnapshot

from .message import RefusedError
from .recording import MOST_SERIES


class StatsdLines:
    """The sums of lines of statsd. Thread-safe.

    Args:
        name: the source's.
        dialect: `statsd` or `dogstatsd`.
        context: of the agent.
    """

    def __init__(self, name: str, dialect: str, context: Context) -> None:
        self._name = name
        self._collector = context.collector
        self._metrics = context.metrics
        self._lock = threading.Lock()
        self._added = False
        self._totals = Totals(Plan(dialect, limits=Limits(series=MOST_SERIES)), self._tell_clash, self._is_taken)

    def add_source(self) -> None:
        """Show the sums in the collector from now on."""
        if not self._added:
            self._added = True
            self._collector.add_source(self._collect, name=f"statsd {self._name}")

    def take(self, lines: list[str]) -> list[RefusedError]:
        """Add up lines; what was refused of them."""
        with self._lock:
            self._totals.take("\n".join(lines).encode(), time.time())
            happenings, refused = self._totals.take_happenings(), self._totals.take_refused()
            wrong = [RefusedError(reason, f"{count} of statsd's lines: {reason}", count) for reason, count in refused]
        for one in happenings:
            record_happening(self._collector, one)
        return wrong

    def _collect(self) -> list[FamilySnapshot]:
        with self._lock:
            return self._totals.collect(time.time())

    def _is_taken(self, sample: str) -> bool:
        return self._collector.get_metric(sample) is not None

    def _tell_clash(self, name: str, first: str, valid: str) -> None:
        self._metrics.tell(self._name, f"name {valid}", f"{name!r} and {first!r} are both {valid}, and are added up")
