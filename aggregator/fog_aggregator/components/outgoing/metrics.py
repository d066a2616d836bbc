"""Count what is sent to receivers: ``fog_aggregator_outgoing_*``. METRICS.md lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fog_aggregator.outgoing.answers import Verdict
from utilityfog_frontend.telemetry import TelemetryCollector

SENT, KNOWN, REFUSED = "sent", "known", "refused"
RESULTS: Final = (SENT, KNOWN, REFUSED)
OLD, FORGOTTEN = "old", "forgotten"
REASONS: Final = (OLD, FORGOTTEN)
TAKEN, LOST = "taken", "lost"
CHANGES: Final = (TAKEN, LOST)


class OutgoingMetrics:
    """The instruments of all receivers, registered in `collector`."""

    def __init__(self, collector: TelemetryCollector) -> None:
        counter, gauge = collector.register_counter, collector.register_gauge
        of = ["receiver"]
        self.samples = counter(
            "fog_aggregator_outgoing_samples_total", "Samples by what receivers made of them", [*of, "result"]
        )
        self.steps = counter("fog_aggregator_outgoing_steps_dropped_total", "Steps never sent", [*of, "reason"])
        self.requests = counter("fog_aggregator_outgoing_requests_total", "Requests by their answers", [*of, "result"])
        self.leases = counter(
            "fog_aggregator_outgoing_lease_changes_total",
            "How often a receiver's lease was taken and lost",
            [*of, "result"],
        )
        self.bytes = counter("fog_aggregator_outgoing_bytes_total", "Bytes of bodies sent", of)
        self.series = gauge("fog_aggregator_outgoing_series", "Series of the newest step sent", of)
        self.lag = gauge("fog_aggregator_outgoing_lag_seconds", "Age of the oldest step that a receiver lacks", of)

    def forget(self, receiver: str) -> None:
        """Show no more how far a receiver is behind that gets nothing any more; its counts stay."""
        self.series.remove(receiver=receiver)
        self.lag.remove(receiver=receiver)


class ReceiverMetrics:
    """The instruments of one receiver; every result is there from 0 on.

    Args:
        metrics: The instruments of all receivers.
        receiver: Its name.
        lag: Tells how far it is behind, in seconds.
    """

    def __init__(self, metrics: OutgoingMetrics, receiver: str, lag: Callable[[], float]) -> None:
        self._metrics = metrics
        self._receiver = receiver
        self.bytes = metrics.bytes.labels(receiver=receiver)
        self.series = metrics.series.labels(receiver=receiver)
        metrics.lag.labels(receiver=receiver).set_function(lag)
        for result in RESULTS:
            metrics.samples.labels(receiver=receiver, result=result)
        for reason in REASONS:
            metrics.steps.labels(receiver=receiver, reason=reason)
        for change in CHANGES:
            metrics.leases.labels(receiver=receiver, result=change)
        for verdict in Verdict:
            metrics.requests.labels(receiver=receiver, result=verdict.value)

    def samples(self, result: str, count: int) -> None:
        """Count samples."""
        if count > 0:
            self._metrics.samples.labels(receiver=self._receiver, result=result).increment(count)

    def dropped(self, reason: str, steps: int) -> None:
        """Count steps that are not sent."""
        if steps > 0:
            self._metrics.steps.labels(receiver=self._receiver, reason=reason).increment(steps)

    def lease(self, *, ours: bool) -> None:
        """Count that the lease was taken, or lost."""
        self._metrics.leases.labels(receiver=self._receiver, result=TAKEN if ours else LOST).increment()

    def request(self, verdict: Verdict) -> None:
        """Count a request."""
        self._metrics.requests.labels(receiver=self._receiver, result=verdict.value).increment()
