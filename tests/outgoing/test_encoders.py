"""Three formats, byte for byte as protobuf's own library writes them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE as CUMULATIVE

from fog_aggregator.outgoing.items import About, Item, ItemKind, Moment
from fog_aggregator.outgoing.otlp import Otlp, rejected
from fog_aggregator.outgoing.remote_write import RemoteWrite, descriptions
from fog_aggregator.outgoing.remote_write_2 import RemoteWrite2
from fog_aggregator.promql.labels import NAME, make_labels
from fog_aggregator.promql.storage import STALE, is_stale
from tests.outgoing.messages import REMOTE, REMOTE_2
from utilityfog_frontend.telemetry.exposition.native import dense, spans_of

NOW: Final = 1_795_000_000_123
COUNTER: Final = About(ItemKind.COUNTER, "Orders taken", "")
GAUGE: Final = About(ItemKind.GAUGE, "", "celsius")
HISTOGRAM: Final = About(ItemKind.HISTOGRAM, "How long it took", "seconds")


def number(name: str, about: About, **labels: str) -> Item:
    """Return an item of one series."""
    own = make_labels(labels)
    return Item(name, own, about, (make_labels({NAME: name, **labels}),))


def histogram(name: str, bounds: Sequence[float], **labels: str) -> Item:
    """Return the item of a histogram."""
    rows = [make_labels({NAME: f"{name}_bucket", "le": str(bound), **labels}) for bound in (*bounds, "+Inf")]
    rows += [make_labels({NAME: f"{name}{end}", **labels}) for end in ("_sum", "_count")]
    return Item(name, make_labels(labels), HISTOGRAM, tuple(rows), tuple(bounds))


def moment(items: Sequence[Item], values: Sequence[float], starts: Sequence[int] | None = None) -> Moment:
    """Return values of items at one step."""
    return Moment(NOW, np.array(values, np.float64), starts or [NOW - 1000] * len(items))


ITEMS: Final = [
    number("orders_total", COUNTER, kind="pizza", fog_path="fog/0"),
    number("orders_total", COUNTER, kind="salat ü", fog_path="fog/1"),
    number("temperature_celsius", GAUGE),
    histogram("took_seconds", (0.5, 1.0), fog_path="fog/0"),
    number("orders_total", COUNTER, kind="x" * 300, fog_path="fog/\udcff"),
]
VALUES: Final = [7.0, 0.0, -0.0, 1.0, 2.0, 5.0, 3.25, 5.0, STALE]


def remote_write(items: Sequence[Item], at: Moment) -> Any:
    """Return a request of 1.0, made with protobuf's library."""
    request, values = REMOTE["WriteRequest"](), iter(at.values.tolist())
    for item in items:
        for row in item.rows:
            series = request.timeseries.add()
            for name, value in row:
                series.labels.add(name=name, value=value.encode(errors="replace").decode())
            series.samples.add(value=next(values), timestamp=at.time)
    return request


def test_remote_write_is_what_protobuf_writes() -> None:
    """Zeros are left out, minus zero is not; a stale marker keeps its bits."""
    at = moment(ITEMS, VALUES)
    data = RemoteWrite().prepare(ITEMS).message(at)
    assert data == remote_write(ITEMS, at).SerializeToString(deterministic=True)
    parsed = REMOTE["WriteRequest"].FromString(data)
    last = parsed.timeseries[-1].samples[0].value
    assert is_stale(np.array([last])).all()


def test_descriptions_are_what_protobuf_writes() -> None:
    """Of each kind, with what is known of it."""
    metrics = {
        "orders_total": About(ItemKind.COUNTER, "Orders", ""),
        "depth": About(ItemKind.GAUGE),
        "took_seconds": About(ItemKind.HISTOGRAM, "Zeit ü", "seconds"),
    }
    request = REMOTE["WriteRequest"]()
    for number, (name, about) in zip((1, 2, 3), metrics.items(), strict=True):
        request.metadata.add(type=number, metric_family_name=name, help=about.help, unit=about.unit)
    assert descriptions(metrics) == request.SerializeToString()
    assert descriptions({}) == b""


def test_a_time_of_another_length_is_framed_anew() -> None:
    """One more byte of a varint, in the year 2109, changes all lengths."""
    prepared = RemoteWrite().prepare(ITEMS)
    for time in (NOW, 2**42 + 5, NOW, 1):
        at = Moment(time, np.array(VALUES), [0] * len(ITEMS))
        assert prepared.message(at) == remote_write(ITEMS, at).SerializeToString(deterministic=True)


def remote_write_2(items: Sequence[Item], at: Moment) -> Any:
    """Return a request of 2.0, made with protobuf's library."""
    request, values, symbols = REMOTE_2["Request"](), iter(at.values.tolist()), {"": 0}

    def place(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    kinds = {ItemKind.COUNTER: 1, ItemKind.GAUGE: 2, ItemKind.HISTOGRAM: 3}
    for item, start in zip(items, at.starts, strict=True):
        help_ref, unit_ref = place(item.about.help), place(item.about.unit)
        for row in item.rows:
            series = request.timeseries.add(labels_refs=[place(text) for pair in row for text in pair])
            series.samples.add(value=next(values), timestamp=at.time, start_timestamp=start)
            series.metadata.type, series.metadata.help_ref = kinds[item.about.kind], help_ref
            series.metadata.unit_ref = unit_ref
    request.symbols.extend(text.encode(errors="replace").decode() for text in symbols)
    return request


def test_remote_write_2_is_what_protobuf_writes() -> None:
    """Texts stand once; types, helps, units and times of beginning are there, also when these change."""
    prepared = RemoteWrite2().prepare(ITEMS)
    for starts in ([NOW - 5000] * 5, [0, 1, 2**40, 0, 3], [NOW - 5000] * 5):
        at = moment(ITEMS, VALUES, starts)
        assert prepared.message(at) == remote_write_2(ITEMS, at).SerializeToString(deterministic=True)


def otlp(items: Sequence[Item], at: Moment) -> Any:
    """Return a request of OTLP, made with OpenTelemetry's library."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "fog"
    scope = resource.scope_metrics.add()
    scope.scope.name, scope.scope.version = "fog_aggregator", "1"
    metrics: dict[str, Any] = {}
    row = 0
    for item, start in zip(items, at.starts, strict=True):
        own = at.values[row : row + len(item.rows)]
        row += len(item.rows)
        metric = metrics.get(item.name)
        if metric is None:
            about = item.about
            metric = metrics[item.name] = scope.metrics.add(name=item.name, description=about.help, unit=about.unit)
        _point(metric, item, own, start * 1_000_000, at.time * 1_000_000)
    return request


def _point(metric: Any, item: Item, own: np.ndarray, start: int, time: int) -> None:
    stale = bool(is_stale(own).any())
    if item.about.kind is ItemKind.HISTOGRAM:
        metric.histogram.aggregation_temporality = CUMULATIVE
        point = metric.histogram.data_points.add()
        if not stale:
            point.count, point.sum = int(own[-1]), float(own[-2])
            point.bucket_counts.extend(int(one) for one in np.diff(own[:-2], prepend=0))
            point.explicit_bounds.extend(item.bounds)
    else:
        if item.about.kind is ItemKind.COUNTER:
            metric.sum.aggregation_temporality, metric.sum.is_monotonic = CUMULATIVE, True
        data = metric.sum if item.about.kind is ItemKind.COUNTER else metric.gauge
        point = data.data_points.add()
        if not stale:
            point.as_double = float(own[0])
    point.start_time_unix_nano, point.time_unix_nano, point.flags = start, time, int(stale)
    for name, value in item.labels:
        point.attributes.add(key=name).value.string_value = value.encode(errors="replace").decode()


def test_otlp_is_what_opentelemetry_writes() -> None:
    """Counters are cumulative sums with their beginning; a series that has ended has a point without a value."""
    prepared = Otlp((("service.name", "fog"),), "1").prepare(ITEMS)
    for values in (VALUES, [STALE] * 9, [0.0] * 9, VALUES):
        for starts in ([NOW - 5000] * 5, [0, 1, 2**40, 0, 3]):
            at = moment(ITEMS, values, starts)
            assert prepared.message(at) == otlp(ITEMS, at).SerializeToString(deterministic=True)


@given(st.lists(st.tuples(st.text(max_size=5), st.floats(), st.integers(0, 2**43)), max_size=20))
def test_any_values_are_written_as_protobuf_does(rows: list[tuple[str, float, int]]) -> None:
    """Whatever texts, doubles and times there are."""
    items = [
        number("a", COUNTER if at % 2 else GAUGE, text=text or "x", n=str(at)) for at, (text, _, _) in enumerate(rows)
    ]
    items = [Item("b", item.labels, item.about, item.rows) if item.about is GAUGE else item for item in items]
    at = moment(items, [value for _, value, _ in rows], [start for _, _, start in rows])
    assert RemoteWrite().prepare(items).message(at) == remote_write(items, at).SerializeToString(deterministic=True)
    assert RemoteWrite2().prepare(items).message(at) == remote_write_2(items, at).SerializeToString(deterministic=True)
    encoded = Otlp((("service.name", "fog"),), "1").prepare(items).message(at)
    assert encoded == otlp(items, at).SerializeToString(deterministic=True)


@given(st.dictionaries(st.integers(-50, 50), st.integers(1, 1000)))
def test_spans_and_dense_buckets_say_the_same(counts: dict[int, int]) -> None:
    """Both are read back to the buckets that they were made of."""
    buckets = sorted(counts.items())
    spans = spans_of(buckets)
    read: dict[int, int] = {}
    index, count, deltas = 0, 0, iter(spans.deltas)
    for offset, length in spans.spans:
        index += offset
        for _ in range(length):
            count += next(deltas)
            read[index], index = count, index + 1
    assert {index: count for index, count in read.items() if count} == counts
    first, every = dense(buckets)
    assert {first + 1 + place: count for place, count in enumerate(every) if count} == counts


def test_a_partial_success_is_read() -> None:
    """How many points were refused and why; nothing for what is no such answer."""
    answer = ExportMetricsServiceResponse()
    assert rejected(answer.SerializeToString()) == (0, "")
    answer.partial_success.rejected_data_points, answer.partial_success.error_message = 300, "no room"
    assert rejected(answer.SerializeToString()) == (300, "no room")
    answer.partial_success.rejected_data_points = -1
    assert rejected(answer.SerializeToString()) == (0, "no room")
    for garbage in (b"not found", b"\x0a", b"\x0a\xff\xff", struct.pack("<Q", 2**64 - 1), b"\x0a\x02"):
        assert rejected(garbage) == (0, "")
