"""Keep an aggregator within its memory: divide it, measure what is taken, tell who is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.budget.budget import STONE_BYTES
from fog_aggregator.core.budget.division import Division, divide
from fog_aggregator.core.budget.newcomers import REFUSED
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.limits import FleetLimits, MemoryLimits
from fog_aggregator.memory.machine import default_memory, resident_bytes
from fog_aggregator.network import NetworkCollector
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

_BYTES: Final = Family(
    "fog_aggregator_memory_bytes", MetricType.GAUGE, "Memory by what it is for, as it is charged", unit="bytes"
)
_LIMIT: Final = Family("fog_aggregator_memory_limit_bytes", MetricType.GAUGE, "All memory (--memory)", unit="bytes")
_REFUSED: Final = Family(
    "fog_aggregator_memory_refused_total", MetricType.COUNTER, "Newcomers refused for want of memory, by what they were"
)
_STONE_SHARE: Final = 16
_LEARNED_SHARE: Final = 16
_PLAN_BYTES: Final = 16
_SUBJECT_BYTES: Final = 1000
"""Bytes of a subject with its path: at most 2,400, and of a usual one 400."""


def within_memory(config: AggregatorConfig, later: int = 0) -> tuple[AggregatorConfig, Division]:
    """Divide the memory that the options give, or a share of what there is; return options that keep to it.

    Args:
        config: the options.
        later: bytes that the program itself is still to take.

    Raises:
        MemoryTooSmallError: it is less than the program itself needs.
    """
    total = config.memory or default_memory()
    division = divide(total, resident_bytes() + later, config.history_memory, config.past_memory)
    return replace(config, history_memory=division.history, past_memory=division.past), division


def empty_fleet(config: AggregatorConfig, division: Division) -> tuple[Fleet, EventList]:
    """Return a fleet and a list of events, with nothing in them, within their parts of the memory."""
    tombstones = min(FleetLimits().tombstones, division.state // _STONE_SHARE // STONE_BYTES)
    part = division.caches // 4
    memory = MemoryLimits(
        fleet=division.state,
        definitions=part,
        plans=2 * part // _PLAN_BYTES,
        subjects=part // _SUBJECT_BYTES,
        learned=division.state // _LEARNED_SHARE if config.expect.learned else 0,
    )
    limits = FleetLimits(tombstones=tombstones, memory=memory)
    events = EventList(config.max_events, division.events // 2, division.events // 2)
    return Fleet(horizon=config.horizon, limits=limits, named=config.expect.paths), events


class MemoryMetrics:
    """Show what is taken, as metrics of the aggregator's own and to /api/status.

    Args:
        division: the parts of the memory.
        network: shows the fleet.
        own: the aggregator's own metrics.
    """

    def __init__(self, division: Division, network: NetworkCollector, own: TelemetryCollector) -> None:
        self._division = division
        self._network = network
        own.add_source(self._families)

    def status(self) -> dict[str, object]:
        """Return the limit, what is taken by account, and how many newcomers were refused."""
        with self._network.lock:
            accounts, refused = self._accounts(), self._network.fleet.parts.budget.refused
            found = {what: refused[what] for what in REFUSED}
        return {"limit_bytes": self._division.total, "bytes": accounts, "refused": found}

    def _accounts(self) -> dict[str, int]:
        division, network = self._division, self._network
        return {
            "program": division.program,
            "history": division.history,
            "past": division.past,
            "caches": division.caches,
            "events": network.events.taken_bytes,
            **network.fleet.parts.budget.used,
        }

    def _families(self) -> list[FamilySnapshot]:
        """Read what is taken without the lock: a fork asks while a checkpoint holds it, and would wait in vain."""
        accounts, refused = self._accounts(), dict(self._network.fleet.parts.budget.refused)
        return [
            FamilySnapshot(_BYTES, [SeriesSnapshot((("account", name),), size) for name, size in accounts.items()]),
            FamilySnapshot(_LIMIT, [SeriesSnapshot((), self._division.total)]),
            FamilySnapshot(_REFUSED, [SeriesSnapshot((("what", what),), refused.get(what, 0)) for what in REFUSED]),
        ]
