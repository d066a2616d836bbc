"""A receiver that keeps what it gets by Prometheus' rules, and answers otherwise when it is told to."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any, Final

import cramjam
import numpy as np
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.storage import is_stale
from tests.outgoing.messages import REMOTE, REMOTE_2

STALE: Final = "stale"
Sample = tuple[Labels, int, float | str]


class Receiver:
    """Keeps samples as Prometheus does: none older than the newest of its series, none twice with another value.

    Attributes:
        url: Where it is.
        series: The samples of each series, by time.
        described: The type and the help of each metric, by name, as it was told.
        repeated: How many samples came again, equal.
        statuses: The statuses of its next answers; None for none at all. After them what its rules say.
        headers: The headers of all requests.
        answer_headers: Headers of its answers.
        refuses: Tells whether it refuses a series.
        confirms: It knows remote write 2.0.
        natives: It takes native histograms.
        natives_written: So many it says to have written; None for all.
        drops_natives: It takes them without a word, and stores none, as VictoriaMetrics does.
        ahead: Seconds by which its clock is ahead of ours.
        hangs: It never answers.
        rejects: Points of each request of OTLP that it says to have left out.
    """

    def __init__(self) -> None:
        self.url = ""
        self.series: dict[Labels, dict[int, float | str]] = {}
        self.described: dict[str, tuple[int, str]] = {}
        self.repeated = 0
        self.statuses: list[int | None] = []
        self.headers: list[Any] = []
        self.answer_headers: dict[str, str] = {}
        self.refuses: Callable[[Labels], bool] = lambda _: False
        self.confirms = False
        self.natives = True
        self.drops_natives = False
        self.natives_written: int | None = None
        self.ahead = 0.0
        self.rejects = 0
        self.hangs = False

    async def take(self, request: web.Request) -> web.Response:
        """Take a request."""
        self.headers.append(request.headers.copy())
        body = await request.read()
        if self.hangs:
            await asyncio.sleep(3600)
        status = self.statuses.pop(0) if self.statuses else 0
        headers = {"Date": formatdate(time.time() + self.ahead, usegmt=True)}
        headers |= self.answer_headers
        if status is None:
            assert request.transport is not None
            request.transport.abort()
            raise asyncio.CancelledError
        if status and not 200 <= status < 300:
            return web.Response(status=status, text=f"so it is: {request.path_qs}", headers=headers)
        samples = self._samples(request, body)
        histograms = sum(isinstance(value, Native | NativeEnd) for _, _, value in samples)
        if histograms and not self.natives:
            return web.Response(status=500, text="native histograms are disabled", headers=headers)
        if self.drops_natives:
            samples = [one for one in samples if not isinstance(one[2], Native)]
            headers["X-Server-Hostname"] = "vm"
        if any(self.refuses(labels) or not self._fits(labels, at, value) for labels, at, value in samples):
            return web.Response(status=400, text=f"out of order sample, {dict(request.headers)}", headers=headers)
        for labels, at, value in samples:
            self.repeated += at in self.series.setdefault(labels, {})
            self.series[labels][at] = value
        if self.confirms:
            headers["X-Prometheus-Remote-Write-Samples-Written"] = str(len(samples) - histograms)
            written = histograms if self.natives_written is None else self.natives_written
            headers["X-Prometheus-Remote-Write-Histograms-Written"] = str(written)
        if "collector" in request.path:
            answer = ExportMetricsServiceResponse()
            answer.partial_success.rejected_data_points = self.rejects
            headers["Content-Type"] = "application/x-protobuf"
            return web.Response(status=200, body=answer.SerializeToString(), headers=headers)
        return web.Response(status=204, headers=headers)

    def values(self, name: str) -> list[float | str]:
        """Return the values of the one series of a name, in the order of time."""
        [labels] = [labels for labels in self.series if ("__name__", name) in labels]
        return [value for _, value in sorted(self.series[labels].items())]

    def has(self, name: str, count: int = 1) -> bool:
        """Tell whether there are so many samples of a name."""
        return sum(len(own) for labels, own in self.series.items() if ("__name__", name) in labels) >= count

    def _fits(self, labels: Labels, at: int, value: float | str) -> bool:
        own = self.series.get(labels, {})
        newest = max(own, default=0)
        return at > newest or (at == newest and own[at] == value)

    def _samples(self, request: web.Request, body: bytes) -> list[Sample]:
        kind, coding = request.headers["Content-Type"], request.headers["Content-Encoding"]
        if coding == "gzip":  # aiohttp has undone it
            return _points(body if body[:2] != b"\x1f\x8b" else gzip.decompress(body))
        assert coding == "snappy"
        data = bytes(cramjam.snappy.decompress_raw(body)) if len(body) > 1 else b""
        if "v2" not in kind:
            written = REMOTE["WriteRequest"].FromString(data)
            self.described |= {one.metric_family_name: (one.type, one.help) for one in written.metadata}
            return _written(written)
        return _written_2(REMOTE_2["Request"].FromString(data)) if self.confirms else []


class Native(float):
    """A native histogram, by its count."""


class NativeEnd(str):
    """The stale marker of a native histogram, which counts as one that is written."""

    __slots__ = ()


def _histogram(one: Any) -> float | str:
    return NativeEnd(STALE) if is_stale(np.array([one.sum]))[0] else Native(one.count_int)


def _value(number: float) -> float | str:
    return STALE if is_stale(np.array([number]))[0] else number


def _written(request: Any) -> list[Sample]:
    found: list[Sample] = []
    for series in request.timeseries:
        labels = tuple((one.name, one.value) for one in series.labels)
        found += [(labels, sample.timestamp, _value(sample.value)) for sample in series.samples]
        found += [(labels, one.timestamp, _histogram(one)) for one in series.histograms]
    return found


def _written_2(request: Any) -> list[Sample]:
    found: list[Sample] = []
    for series in request.timeseries:
        texts = [request.symbols[at] for at in series.labels_refs]
        labels = tuple(zip(texts[0::2], texts[1::2], strict=True))
        found += [(labels, sample.timestamp, _value(sample.value)) for sample in series.samples]
        found += [(labels, one.timestamp, _histogram(one)) for one in series.histograms]
    return found


def _points(data: bytes) -> list[Sample]:
    """Return the points of sums and gauges, and the counts of histograms."""
    found: list[Sample] = []
    for resource in ExportMetricsServiceRequest.FromString(data).resource_metrics:
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            kind = metric.WhichOneof("data")
            for point in getattr(metric, kind).data_points:
                labels = {one.key: one.value.string_value for one in point.attributes} | {"__name__": metric.name}
                of_number = kind in {"sum", "gauge"}
                value = point.as_double if of_number else point.count
                value = Native(value) if kind == "exponential_histogram" else value
                at = point.time_unix_nano // 1_000_000
                found.append((make_labels(labels), at, STALE if point.flags & 1 else value))
    return found


@asynccontextmanager
async def receiving(path: str = "/api/v1/write") -> AsyncIterator[Receiver]:
    """Provide a receiver."""
    taking, app = Receiver(), web.Application(client_max_size=2**26)
    app.router.add_post("/{any:.*}", taking.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taking.url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    try:
        yield taking
    finally:
        await runner.cleanup()
