"""The state of the service, as it is told over HTTP."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fog_aggregator.components.checkpoints.saving import Checkpoints
from fog_aggregator.components.http.status import StreamStatus
from fog_aggregator.components.notifications.notifier import Notifications
from fog_aggregator.components.rules.evaluation import Rules
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.memory.keeping import MemoryMetrics
from fog_aggregator.notifications.alert_log import AlertLog
from fog_aggregator.notifications.silences_json import silence_json
from fog_aggregator.path_costs import PathCost, costs_by_path
from fog_aggregator.promql.labels import Labels
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class StatusParts:
    """The components that have something to tell."""

    checkpoints: Checkpoints
    memory: MemoryMetrics
    notifications: Notifications
    rules: Rules


class ServiceStatus:
    """Answers of the running service to the questions of HTTP.

    Args:
        engine: Tells how far it has read.
        parts: The components that have something to tell.
        reload: Reads files anew; returns what is wrong with them, or nothing.
        branch_events: The events of branches' nodes are listed here too.
    """

    def __init__(
        self,
        engine: Engine,
        parts: StatusParts,
        reload: Callable[[], Awaitable[str]],
        *,
        branch_events: bool,
    ) -> None:
        self._engine = engine
        self._parts = parts
        self._reload = reload
        self._branch_events = branch_events

    def ready(self) -> tuple[bool, str]:
        """Tell whether the numbers may be shown, and why not; once ready it stays so."""
        return self._engine.readiness.ready, self._engine.readiness.why_not()

    def is_connected(self) -> bool:
        """Tell whether the server answers for every stream; else all that is shown is of an earlier moment."""
        return self._engine.is_connected(time.monotonic())

    def is_current(self) -> bool:
        """Tell whether the numbers are complete and of this moment: what `fog_aggregator_ready` says."""
        return self._engine.is_current(time.monotonic())

    def late_writers(self) -> int:
        """Return how many writers that are heard have not sent a keyframe that is wanted: their counts are late."""
        return len(self._engine.fleet.awaited(self._server_time()))

    def unread_commands(self) -> dict[str, str]:
        """Return the streams from which no commands come, with the reason for people."""
        return self._engine.unread_commands(time.monotonic())

    def lists_events_of_branches(self) -> bool:
        """Tell whether the events of branches' nodes are listed here too."""
        return self._branch_events

    def failed_checkpoints(self) -> int:
        """Return how many checkpoints were not written since the last one that was."""
        return self._parts.checkpoints.failures

    async def reload(self) -> str:
        """Read files anew; return what is wrong with them, or nothing."""
        return await self._reload()

    def streams(self) -> list[StreamStatus]:
        """Tell how far each stream was read."""
        return [
            StreamStatus(
                name=stream,
                sequence=cursor.seq,
                last_sequence=cursor.last_seq,
                lag=cursor.lag,
                bytes=cursor.info.bytes if cursor.info else 0,
                max_bytes=cursor.info.max_bytes if cursor.info else None,
                seconds_until_gap=cursor.until_gap,
                restarts=dict(cursor.restarts),
            )
            for stream, cursor in self._engine.cursors.items()
        ]

    def memory(self) -> dict[str, object]:
        """Tell how much memory there is, what takes it, and how many newcomers were refused."""
        return self._parts.memory.status()

    def costs(self) -> Mapping[Path, PathCost]:
        """Return the cost of every path since the start; may take a while."""
        return costs_by_path(self._engine.accounts)

    async def silenced_until(self, alerts: Sequence[Labels]) -> list[float]:
        """Return when the last silence of each alert ends, unix seconds; 0 for one that is not silenced."""
        return await self._parts.notifications.silenced_until(alerts)

    def alert_log(self) -> AlertLog:
        """Return what is remembered of alerts that began and ended."""
        return self._parts.rules.alert_log

    def pair(self) -> list[dict[str, Any]]:
        """Return the other aggregators of the same part of the tree that were heard, the newest word first."""
        return self._parts.rules.others()

    def silences(self) -> list[dict[str, Any]]:
        """Return the silences, as Alertmanager writes them, the newest first."""
        now, silences = int(self._server_time() * 1000), self._parts.notifications.silences
        return [silence_json(one, now) for one in sorted(silences, key=lambda one: -one.updated_at)]

    def _server_time(self) -> float:
        return self._engine.server_time(time.monotonic())
