"""A receiver in this process, and OpenTelemetry's own SDK and exporter as its senders."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.otlp.settings import read
from fog_agent.sources.otlp.source import OtlpSource
from fog_agent.sources.ports import Context
from fog_agent.sources.tables import Table
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import Labels, Value

DELTA: dict[type, AggregationTemporality] = dict.fromkeys(
    (Counter, Histogram, UpDownCounter), AggregationTemporality.DELTA
)


class Receiver:
    """A receiver, and the collector of its agent."""

    def __init__(self, port: int = 0, **settings: Any) -> None:
        self.collector = TelemetryCollector()
        table = Table({"name": "otel", "listen": f"127.0.0.1:{port}", **settings})
        self.source = OtlpSource(
            read(table),
            Context(self.collector, SourceMetrics(self.collector), interval=1.0),
        )

    def values(self, name: str) -> dict[Labels, Value]:
        """Return the values of a family by labels."""
        return {
            series.labels: series.value
            for snapshot in self.collector.collect()
            if snapshot.family.name == name
            for series in snapshot.series
        }

    def value(self, name: str) -> Any:
        """Return the value of a family's only series."""
        (value,) = self.values(name).values()
        return value

    def refused(self) -> dict[str, int]:
        """Return what was refused, by reason."""
        counts = self.values("fog_agent_source_refused_total").items()
        return {dict(labels)["reason"]: int(value) for labels, value in counts if value}  # type: ignore[arg-type]

    def ask(
        self, body: bytes, path: str = "/v1/metrics", method: str = "POST", **headers: str
    ) -> tuple[int, bytes, Any]:
        """Send a request; return the status, the body and the headers of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.source.port, timeout=40)
        try:
            sent = {"Content-Type": "application/x-protobuf"}
            connection.request(method, path, body, sent | {key.replace("_", "-"): one for key, one in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()


@contextmanager
def receiving(port: int = 0, **settings: Any) -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(port, **settings)
    receiver.source.start()
    try:
        yield receiver
    finally:
        receiver.source.stop()


class Program:
    """A program with OpenTelemetry's SDK: one `MeterProvider`, as a process has it."""

    def __init__(
        self,
        port: int,
        instance: str,
        *,
        delta: bool = False,
        compression: Compression = Compression.Gzip,
        views: tuple[View, ...] = (),
    ) -> None:
        exporter = OTLPMetricExporter(
            f"http://127.0.0.1:{port}/v1/metrics",
            compression=compression,
            timeout=40,
            preferred_temporality=DELTA if delta else None,
        )
        self._reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        resource = Resource({"service.name": "shop", "service.instance.id": instance})
        self.provider = MeterProvider([self._reader], resource, views=views)
        self.meter = self.provider.get_meter("library", "1.0")

    def tell(self) -> None:
        """Post what there is."""
        assert self.provider.force_flush()

    def end(self) -> None:
        """End, with a last post."""
        self.provider.shutdown()
