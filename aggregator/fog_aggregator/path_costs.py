"""Name the paths that cost their reader most: ``fog_aggregator_path_cost``, and the columns of ``/api/nodes``."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from heapq import nlargest
from operator import attrgetter
from typing import Final

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.network import NetworkCollector
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

MOST_NAMED: Final = 10
"""Paths that are named in the exposition."""
_COST: Final = Family(
    "fog_aggregator_path_cost", MetricType.GAUGE, "Cost of the paths that took most time since the start, by what it is"
)


@dataclass(slots=True)
class PathCost:
    """The cost of all subjects of a path since the aggregator began.

    Attributes:
        frames: Messages that were read, those included that were refused; not those left out.
        bytes: Their size.
        cpu_seconds: The time that decoding and merging them took.
        refused: Messages that were refused, an operator's quarantine included, or left out.
    """

    frames: int = 0
    bytes: int = 0
    cpu_seconds: float = 0.0
    refused: int = 0


COSTS: Final = ("frames", "bytes", "cpu_seconds", "refused")
"""The parts of a cost, by which nodes may be sorted."""
NOTHING: Final = PathCost()


def costs_by_path(accounts: Accounts, wanted: Container[Path] | None = None) -> Mapping[Path, PathCost]:
    """Return the cost of every path, or of those that are wanted. Thread-safe: accounts are copied in one go."""
    costs: dict[Path, PathCost] = {}
    for account in list(accounts.by_subject.values()):
        if wanted is not None and account.path not in wanted:
            continue
        cost = costs.setdefault(account.path, PathCost())
        cost.frames += account.messages
        cost.bytes += account.bytes
        cost.cpu_seconds += account.seconds
        cost.refused += account.refused
    return costs


def costliest(accounts: Accounts, network: NetworkCollector) -> FamilySnapshot:
    """Return the costs of the ten paths that took most time. Thread-safe, and asks nobody to hold the fleet still.

    A fork asks for it while the fleet is held for a checkpoint: it would wait in vain.
    """
    first = nlargest(MOST_NAMED, list(accounts.by_subject.values()), key=attrgetter("seconds", "refused"))
    series = []
    for path, cost in costs_by_path(accounts, {account.path for account in first}).items():
        place = network.fleet.place(path)
        slots = 0 if place is None else place.slots()
        for what, value in (
            ("bytes", cost.bytes),
            ("cpu", cost.cpu_seconds),
            ("frames", cost.frames),
            ("refused", cost.refused),
            ("slots", slots),
        ):
            series.append(SeriesSnapshot((("path", format_path(path)), ("what", what)), value))
    return FamilySnapshot(_COST, series)
