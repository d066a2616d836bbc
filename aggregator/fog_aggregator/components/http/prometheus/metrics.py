"""Count the requests of the API, and time the evaluation of queries."""

from __future__ import annotations

from typing import Final

from utilityfog_frontend.telemetry import TelemetryCollector

SUCCESS: Final = "success"
RESULTS: Final = (SUCCESS, "bad_data", "execution", "timeout", "canceled", "unavailable", "internal")
_SECONDS: Final = [0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0]


class ApiMetrics:
    """The instruments of the API, registered in `collector`.

    Attributes:
        requests: Answers by `success` or the type of their error.
        duration: Seconds that evaluations took, without the writing of their answers.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self.requests = collector.register_counter(
            "fog_aggregator_api_requests_total", "Requests to /api/v1, by their result", ["result"]
        )
        for result in RESULTS:
            self.requests.labels(result=result)
        self.duration = collector.register_histogram(
            "fog_aggregator_query_duration_seconds", "How long queries were evaluated", _SECONDS, unit="seconds"
        )
