"""The messages of the stream: nodes that are in another state, alerts that are, and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from fog_aggregator.analysis.problems import PENDING
from fog_aggregator.components.http.answers import event_of
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.prometheus.ports import AlertStatus
from fog_aggregator.core.events.newest import FleetEvent
from fog_aggregator.query.listing.changes import changes
from fog_aggregator.query.nodes import NodeStates
from fog_schema.paths import Path, format_path, is_under

MOST_CHANGES: Final = 2_000
"""Nodes of one message; with more, a follower is to ask for the tree."""
MOST_AT_ONCE: Final = 200
"""Events, and alerts, of one look; with more, a follower is to ask for them."""
_CHANGE_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class States:
    """Nodes that are in another state than before.

    Attributes:
        changes: Their states by path; empty for one that is gone.
        too_many: There are more than a message has: these are left out.
    """

    kind: ClassVar[str] = "states"
    changes: Mapping[Path, str]
    too_many: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return _CHANGE_BYTES * (1 + len(self.changes))

    def shown(self, under: Path) -> bytes:
        """Return the changes at and under a path."""
        found = {format_path(path): state for path, state in self.changes.items() if is_under(path, under)}
        if not found and not self.too_many:
            return b""
        return json_bytes({"nodes": found, "ask": self.too_many})


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert that is in another state than before.

    Attributes:
        path: The place that it is about; empty for the whole.
        plain: Its name, place, state and severity.
        open_to_all: No template fills in its labels by asking the fleet: also those may see it who see a part.
    """

    kind: ClassVar[str] = "alert"
    path: Path
    plain: Mapping[str, Any]
    open_to_all: bool

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return 1_000

    def shown(self, under: Path) -> bytes:
        """Return the alert if it is of a place at or under a path."""
        return json_bytes(self.plain) if not under or (self.open_to_all and is_under(self.path, under)) else b""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a node, or of the aggregator about one."""

    kind: ClassVar[str] = "event"
    event: FleetEvent

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return self.event.size

    def shown(self, under: Path) -> bytes:
        """Return the event if it is of a place at or under a path."""
        return json_bytes(event_of(self.event)) if is_under(self.event.path, under) else b""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Messages that were too many at once."""

    kind: ClassVar[str] = "skipped"
    of: str

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return 100

    def shown(self, under: Path) -> bytes:
        """Return the kind of what was left out, to everybody."""
        del under
        return json_bytes({"kind": self.of})


def shown_state(alert: AlertStatus, silenced_until: float) -> str:
    """Return the state of an alert as people see it: one that fires may be silenced until some time, or 0."""
    return "silenced" if silenced_until and alert.state != PENDING else alert.state


def state_changes(before: NodeStates, after: NodeStates) -> States | None:
    """Compare two looks at the nodes; None where nothing is different."""
    found = changes(before, after, MOST_CHANGES)
    if found is None:
        return States({}, too_many=True)
    return States(found) if found else None


def at_most(messages: Sequence[Any], kind: str) -> Iterable[Any]:
    """Return some messages; of too many the newest, after a mark that others were left out."""
    return messages if len(messages) <= MOST_AT_ONCE else (Skipped(kind), *messages[-MOST_AT_ONCE:])
