"""Define the questions that the HTTP side asks the service behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fog_aggregator.notifications.alert_log import AlertLog
from fog_aggregator.path_costs import PathCost
from fog_aggregator.promql.labels import Labels
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """How far a stream was read.

    Attributes:
        name: the stream's name.
        sequence: the last one that the numbers include.
        last_sequence: the stream's last one.
        lag: messages of ours in between.
        bytes: the stream's size.
        max_bytes: the size that it may have; None without a limit.
        seconds_until_gap: how long we may be away before it drops what was not read; None when it never does, and
            while its messages are too young to tell its rate.
        restarts: how often reading began anew, by reason.
    """

    name: str
    sequence: int
    last_sequence: int
    lag: int
    bytes: int
    max_bytes: int | None = None
    seconds_until_gap: float | None = None
    restarts: dict[str, int] = field(default_factory=dict)


class Status(Protocol):
    """The service's state."""

    def ready(self) -> tuple[bool, str]:
        """Tell whether the numbers may be shown, and why not; once ready it stays so."""

    def is_connected(self) -> bool:
        """Tell whether the server answers for every stream; else all that is shown is of an earlier moment."""

    def late_writers(self) -> int:
        """Return how many writers that are heard have not sent a keyframe that is wanted: their counts are late."""

    def unread_commands(self) -> Mapping[str, str]:
        """Return the streams from which no commands come, with the reason for people."""

    def lists_events_of_branches(self) -> bool:
        """Tell whether the events of branches' nodes are listed here too."""

    def failed_checkpoints(self) -> int:
        """Return how many checkpoints were not written since the last one that was."""

    def is_current(self) -> bool:
        """Tell whether the numbers are complete and of this moment."""

    async def reload(self) -> str:
        """Read the rule files anew; return what is wrong with them, or nothing."""

    def streams(self) -> list[StreamStatus]:
        """Return how far each stream was read."""

    def memory(self) -> dict[str, object]:
        """Return how much memory there is, what takes it, and how many newcomers were refused."""

    def costs(self) -> Mapping[Path, PathCost]:
        """Return the cost of every path since the start; may take a while."""

    async def silenced_until(self, alerts: Sequence[Labels]) -> list[float]:
        """Return when the last silence of each alert ends, unix seconds; 0 for one that is not silenced."""

    def alert_log(self) -> AlertLog | None:
        """Return what is remembered of alerts that began and ended; None where nothing is."""

    def pair(self) -> list[dict[str, Any]]:
        """Return the other aggregators of the same part of the tree that were heard, the newest word first."""

    def silences(self) -> list[dict[str, Any]]:
        """Return the silences, as Alertmanager writes them."""
