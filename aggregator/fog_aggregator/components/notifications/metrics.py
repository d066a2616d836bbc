"""The instruments of notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fog_aggregator.components.notifications.receivers import Verdict
from utilityfog_frontend.telemetry import TelemetryCollector

LOST: Final = "lost"
"""The result of a notice that was given up: nobody took it for a day, or a receiver is owed too many."""


class NotificationMetrics:
    """The instruments of notifications, registered in `collector`; every result of every receiver is there from 0 on.

    Args:
        collector: The registry.
        receivers: The names of the receivers.
        active_silences: Counts the silences that are active.
    """

    def __init__(
        self, collector: TelemetryCollector, receivers: Iterable[str], active_silences: Callable[[], float]
    ) -> None:
        self._counts = collector.register_counter(
            "fog_aggregator_notifications_total", "Notices of alerts to each receiver", ["receiver", "result"]
        )
        for name in receivers:
            for result in (*Verdict, LOST):
                self._counts.labels(receiver=name, result=str(result))
        active = collector.register_gauge("fog_aggregator_silences", "Silences that are active")
        active.set_function(active_silences)

    def count(self, receiver: str, result: str, notices: int) -> None:
        """Count notices to a receiver, by what came of them."""
        self._counts.labels(receiver=receiver, result=str(result)).increment(notices)
