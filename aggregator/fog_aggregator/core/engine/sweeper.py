"""Let time do its work on a fleet every few seconds, and find what an operator has to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.notices import Notices
from fog_aggregator.core.engine.ports import ReadSide
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.sweep import Swept
from fog_schema.frames import Request
from fog_schema.paths import Path, format_path

SWEEP_SECONDS: Final = 10.0
MOST_REPORTED: Final = 100
"""Paths of one kind of finding that one sweep tells of; the next ones tell of the others, as long as they are found."""
_TEXTS: Final = {
    "several_writers": "has several writers at once that are not marked as shared",
    "families_disagree": "is not of one type, unit, bounds or rollup choice on all nodes: see /api/conflicts",
    "budget_is_spent": "has messages left out, as they take more working time than a path may",
    "branch_lost_counts": "has lost counts: its totals stand still until `fog rebase` lets it go on from what it has",
    "memory_is_full": "has newcomers refused, as all memory of the fleet is taken: raise --memory",
    "memory_share_is_full": "has newcomers refused, as it has taken the share of the memory that one path may have",
}
"""By the name of the event that is listed."""


@dataclass(slots=True)
class Findings:
    """The result of one sweep.

    Attributes:
        swept: The epochs that were folded, and the nodes and label sets that left.
        contended: How many paths have several writers at once.
        conflicting: How many families nodes disagree about.
        lost_branches: How many branches have lost counts.
        warnings: A line for each finding that is new.
        requests: Requests that tell writers of a finding.
    """

    swept: Swept = field(default_factory=Swept)
    contended: int = 0
    conflicting: int = 0
    lost_branches: int = 0
    warnings: list[str] = field(default_factory=list)
    requests: list[tuple[Path, Request]] = field(default_factory=list)


class Sweeper:
    """The regular sweep of a fleet, and what it has reported.

    Args:
        accounts: Know which paths had messages left out.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._notices = Notices()
        self._reported: dict[str, set[str]] = {event: set() for event in _TEXTS}
        self._swept_at: float | None = None

    def is_due(self, now: float) -> bool:
        """Tell whether it is time for a sweep at `now` (monotonic seconds)."""
        if self._swept_at is None:
            self._swept_at = now
        return now - self._swept_at >= SWEEP_SECONDS

    def sweep(self, fleet: Fleet, events: EventList, read_side: ReadSide, now: float, server_now: float) -> Findings:
        """Fold, retire and forget what is due, and list an event for each finding that is new."""
        self._swept_at = now
        swept = fleet.sweep()
        if swept.retired or swept.label_sets:
            read_side.forget_ended()
        events.expire(server_now - fleet.horizon)
        writers = {format_path(path): path for path in fleet.contended(server_now)}
        families = read_side.disagreements()
        lost = {format_path(path): path for path in fleet.lost_branches()}
        findings = Findings(swept, len(writers), len(families), len(lost))
        refused: dict[bool, dict[str, Path]] = {False: {}, True: {}}
        for path, is_share in fleet.take_refused().items():
            refused[is_share][format_path(path)] = path
        full, share = refused[False], refused[True]
        found_now = {
            "several_writers": writers,
            "families_disagree": families,
            "budget_is_spent": {format_path(path): path for path in self._accounts.take_overdrawn()},
            "branch_lost_counts": lost,
            "memory_is_full": full,
            "memory_share_is_full": share,
        }
        for event, found in found_now.items():
            findings.warnings += self._report(event, found, events, server_now)
        alone = [(path, epoch) for path in writers.values() for epoch in fleet.unshared(path, server_now)]
        findings.requests = self._notices.due(alone, now)
        return findings

    def _report(self, event: str, found: Mapping[str, Path], events: EventList, server_now: float) -> list[str]:
        """List an event for each path with subjects that were not told of before; return a line for each."""
        reported = self._reported[event]
        reported.intersection_update(found)
        fresh: dict[Path, list[str]] = defaultdict(list)
        for subject in sorted(found.keys() - reported):
            fresh[found[subject]].append(subject)
        lines = []
        for path, subjects in islice(fresh.items(), MOST_REPORTED):
            reported.update(subjects)
            text = _TEXTS[event]
            if len(subjects) > 1:
                text = f"{text} (and {len(subjects) - 1} more like it at {format_path(path)})"
            events.report(path, event, {"subject": subjects[0], "text": text}, server_now)
            lines.append(f"{subjects[0]} {text}")
        return lines
