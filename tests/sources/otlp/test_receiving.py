"""A receiver of OTLP with OpenTelemetry's SDK and exporter on the other side, over HTTP."""

from __future__ import annotations

import asyncio
import gzip
import math
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.metrics import Histogram
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from fog_agent.sources.otlp import listener
from fog_agent.sources.otlp.answers import MAX_BODY, Answer, RefusalError
from fog_testing.waiting import wait_until
from tests.sources.otlp.programs import Program, Receiver, receiving
from tests.sources.otlp.requests import request, resource, total
from utilityfog_frontend.telemetry.exposition.wire import block
from utilityfog_frontend.telemetry.model import ExponentialValue, HistogramValue

SHOP = (("service_name", "shop"),)
HEAD = b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
EXPONENTIAL = (View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation()),)


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@pytest.mark.parametrize("compression", list(Compression), ids=lambda one: one.value)
def test_counters_of_two_processes_are_one(compression: Compression, *, delta: bool) -> None:
    """Each tells several times; one ends and another one comes in its place."""
    with receiving() as node:
        programs = [Program(node.source.port, name, delta=delta, compression=compression) for name in "ab"]
        counters = [one.meter.create_counter("http.requests", unit="{request}") for one in programs]
        for add in (1, 10):
            for program, counter in zip(programs, counters, strict=True):
                counter.add(add, {"path": "/"})
                program.tell()
        for program in programs:
            program.end()
        assert node.values("http_requests_total") == {(("path", "/"), *SHOP): 22}
        again = Program(node.source.port, "a", delta=delta, compression=compression)
        again.meter.create_counter("http.requests", unit="{request}").add(5, {"path": "/"})
        again.end()
        assert node.value("http_requests_total") == 27
        assert not node.refused()


def test_up_down_counters_and_gauges() -> None:
    """An up-down counter is the sum of its processes, a gauge the latest."""
    with receiving(promote=[]) as node:
        for name, value in (("a", 5), ("b", -2)):
            program = Program(node.source.port, name)
            program.meter.create_up_down_counter("jobs").add(value)
            program.meter.create_gauge("heat", unit="Cel").set(value + 0.5)
            program.end()
        assert node.values("jobs") == {(): 3}
        assert node.values("heat_celsius") == {(): -1.5}


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
def test_explicit_histograms(*, delta: bool) -> None:
    """Their buckets, with the bounds of the SDK, of two processes."""
    with receiving() as node:
        for name in "ab":
            program = Program(node.source.port, name, delta=delta)
            histogram = program.meter.create_histogram("took", unit="s", explicit_bucket_boundaries_advisory=[1.0, 2.0])
            for value in (0.5, 1.0, 1.5, 7.0):
                histogram.record(value)
                program.tell()
            program.end()
        assert node.value("took_seconds") == HistogramValue((4, 2, 2), 20.0)


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
def test_exponential_histograms(*, delta: bool) -> None:
    """They stay exponential: each bucket has what an instrument here, which observed the same values, has in it."""
    values = [0.001 * 1.7**step for step in range(30)] + [0.0]
    with receiving() as node:
        ours = node.collector.register_histogram("own", buckets="exponential")
        for name in "ab":
            program = Program(node.source.port, name, delta=delta, views=EXPONENTIAL)
            histogram = program.meter.create_histogram("size", unit="By")
            for value in values:
                histogram.record(value)
                ours.observe(value)
            program.end()
        found, own = node.value("size_bytes"), node.value("own")
        assert isinstance(found, ExponentialValue)
        schema = min(found.schema, own.schema)
        assert (found.zero, found.count) == (2, 2 * len(values))
        assert math.isclose(found.sum, own.sum)
        assert found.at(schema).positive == own.at(schema).positive


def test_a_program_outlives_the_agent() -> None:
    """A count from before is a baseline to the new agent, which counts what comes after it: never twice."""
    with receiving() as node:
        port = node.source.port
        program = Program(port, "a")
        counter = program.meter.create_counter("hits")
        counter.add(5)
        program.tell()
        assert node.value("hits_total") == 5
    with receiving(port) as node:
        program.tell()
        assert node.value("hits_total") == 0
        counter.add(3)
        program.end()
        assert node.value("hits_total") == 3


def test_a_retry_after_503_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer is 503, the exporter sends the same again: it counts once, also as delta."""
    with receiving() as node:
        take, tries = node.source._programs.apply, []  # noqa: SLF001

        def busy(*arguments: Any) -> Any:
            tries.append(1)
            outcome = take(*arguments)  # taken, and the answer says that it was not
            if len(tries) == 1:
                raise RefusalError(503, "busy", "try again", **{"Retry-After": "0"})
            return outcome

        monkeypatch.setattr(node.source._programs, "apply", busy)  # noqa: SLF001
        program = Program(node.source.port, "a", delta=True)
        program.meter.create_counter("hits").add(5)
        program.end()
        assert (node.value("hits_total"), len(tries)) == (5, 2)


def test_partial_success_says_how_many_and_why() -> None:
    """The good points count; the answer has the number of the others, and a text."""
    with receiving() as node:
        sent = request()
        metrics = resource(sent)
        total(metrics, "bad", -1)
        total(metrics, "good", 1, start=0)
        status, body, headers = node.ask(sent.SerializeToString())
        answer = ExportMetricsServiceResponse.FromString(body)
        assert (status, headers["Content-Type"]) == (200, "application/x-protobuf")
        assert answer.partial_success.rejected_data_points == 1
        assert "bad: a count is -1" in answer.partial_success.error_message
        assert (node.refused(), node.value("good_total")) == ({"value": 1}, 0)
        total(sent.resource_metrics[0].scope_metrics[0].metrics, "new", 1)
        del sent.resource_metrics[0].scope_metrics[0].metrics[0]
        assert node.ask(sent.SerializeToString())[:2] == (200, b"")


@pytest.mark.parametrize(
    ("status", "reason", "words", "arguments"),
    [
        (400, "malformed", "no ExportMetricsServiceRequest", {"body": b"\xff\xff"}),
        (400, "malformed", "cannot be unpacked", {"body": b"plain", "Content_Encoding": "gzip"}),
        (400, "malformed", "cut off", {"body": gzip.compress(b"")[:-3], "Content_Encoding": "gzip"}),
        (413, "too_large", "at most", {"body": gzip.compress(bytes(MAX_BODY + 1)), "Content_Encoding": "gzip"}),
        (413, "too_large", "at most", {"body": bytes(MAX_BODY + 1)}),
        (413, "too_large", "more than", {"body": block(1, block(2, b"\x12\x00" * 60_000))}),
        (415, "content_type", "http/protobuf", {"body": b"{}", "Content_Type": "application/json"}),
        (415, "content_encoding", "zstd", {"body": b"", "Content_Encoding": "zstd"}),
        (404, "traces", "OTEL_TRACES_EXPORTER=none", {"body": b"", "path": "/v1/traces"}),
        (404, "logs", "OTEL_LOGS_EXPORTER=none", {"body": b"", "path": "/v1/logs"}),
        (404, "path", "/v1/metrics", {"body": b"", "path": "/"}),
        (405, "method", "POST", {"body": b"", "method": "GET"}),
        (411, "malformed", "Content-Length", {"body": iter(()), "Transfer_Encoding": "identity"}),
    ],
)
def test_requests_that_are_refused(status: int, reason: str, words: str, arguments: dict[str, Any]) -> None:
    """Each has its status and a text that says what to do: as a Status to who speaks protobuf, else plain."""
    with receiving() as node:
        got, body, headers = node.ask(**arguments)
        assert got == status
        assert words.encode() in body
        assert headers["Content-Type"] == arguments.get("Content_Type", "application/x-protobuf") or status == 415
        assert node.refused() == {reason: 1}
        assert status != 405 or headers["Allow"] == "POST"


def test_chunks_and_a_connection_that_is_used_again() -> None:
    """Exporters in JavaScript send chunks; all keep their connection."""
    sent = request()
    total(resource(sent), "hits", 3, start=0)
    data = sent.SerializeToString()
    with receiving() as node, socket.create_connection(("127.0.0.1", node.source.port), 10) as connection:
        head = (
            b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(2):
            connection.sendall(head + b"".join(b"1\r\n%c\r\n" % byte for byte in data) + b"0\r\n\r\n")
            assert connection.recv(4_096).startswith(b"HTTP/1.1 200 ")
        assert node.value("hits_total") == 0


class Sender:
    """A connection at whose other end nobody is; the listener is stopped while it drains."""

    def __init__(self, listener: listener.Listener) -> None:
        self.listener = listener
        self.stopped: asyncio.Task[None] | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send nothing."""

    async def drain(self) -> None:
        """Let the stop come after this, and before who waits for this."""
        asyncio.get_running_loop().call_soon(self._stop)

    def close(self) -> None:
        """Close nothing."""

    def _stop(self) -> None:
        self.stopped = asyncio.ensure_future(self.listener.stop())


async def test_a_stop_ends_a_connection_that_has_just_been_answered() -> None:
    """Its cancellation comes when what it waits for is done: `wait_for` of Python 3.11 takes that for none."""
    reader = asyncio.StreamReader()
    reader.feed_data(HEAD + b"Content-Length: 0\r\n\r\n")
    listening = listener.Listener(lambda *_: Answer(200), lambda _: None)
    sender: Any = Sender(listening)
    connection = asyncio.ensure_future(listening.serve(reader, sender))
    async with asyncio.timeout(30):
        await asyncio.wait([connection])
        assert sender.stopped is not None
        await sender.stopped


def test_slow_and_broken_senders_stop_nobody() -> None:
    """Connections that say nothing, half a head, or half a body: another one is served, and a stop does not wait."""
    with receiving() as node:
        idle = [socket.create_connection(("127.0.0.1", node.source.port), 10) for _ in range(3)]
        idle[1].sendall(b"POST /v1/metr")
        idle[2].sendall(
            b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 99\r\n\r\nx"
        )
        assert node.ask(b"")[0] == 200
        node.source.stop()
        assert not any(thread.name == "source-otel" for thread in threading.enumerate())
        for one in idle:
            one.close()


def test_idle_connections_shut_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that has been idle for longest goes; those that are sending stay, and only they are too many."""
    monkeypatch.setattr(listener, "MOST_CONNECTIONS", 3)
    half = b"POST /v1/metrics HTTP/1.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\nx"
    with receiving() as node:
        idle = [socket.create_connection(("127.0.0.1", node.source.port), 10) for _ in range(3)]
        for _ in range(4):
            assert node.ask(b"")[0] == 200
        assert idle[0].recv(1) == b""
        for one in idle:
            one.close()
        busy = []

        def is_refused() -> bool:
            busy.append(socket.create_connection(("127.0.0.1", node.source.port), 10))
            with suppress(OSError):
                busy[-1].sendall(half)
            return "busy" in node.refused()

        try:
            wait_until(is_refused, deadline=30)
        finally:
            for one in busy:
                one.close()
        assert len(busy) > 3


def test_a_taken_address_is_told() -> None:
    """The error names the address."""
    with receiving() as node, pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{node.source.port}"):
        Receiver(node.source.port).source.start()
