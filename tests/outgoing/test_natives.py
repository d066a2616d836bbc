"""Exponential histograms: read back from the history as they were counted, and written as protobuf does."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE as CUMULATIVE

from fog_aggregator.core.kinds.buckets.ladder import ladder_of
from fog_aggregator.core.kinds.buckets.rows import rows_of
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.history.step import WHOLE
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.outgoing.answers import Answer
from fog_aggregator.outgoing.items import NO_SCHEMAS, About, Encoder, Item, ItemKind, Moment
from fog_aggregator.outgoing.natives import ENDED, divided, native_value, with_schemas
from fog_aggregator.outgoing.otlp import Otlp
from fog_aggregator.outgoing.reader import Choice, PartOfStep, StepReader
from fog_aggregator.outgoing.remote_write import RemoteWrite
from fog_aggregator.outgoing.remote_write_2 import RemoteWrite2
from fog_aggregator.outgoing.sending import Limits, Sending
from fog_aggregator.outgoing.series import chooses_buckets, with_buckets
from fog_aggregator.promql.labels import NAME, Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import STALE, is_stale
from tests.history.building import STEP, Tables
from tests.outgoing.messages import REMOTE, REMOTE_2
from tests.telemetry.test_exponential import counted, observations
from utilityfog_frontend.telemetry.exponential.value import ExponentialValue
from utilityfog_frontend.telemetry.exposition.native import NativeHistogram, dense, native_of, spans_of
from utilityfog_frontend.telemetry.exposition.samples import render_bound

NOW: Final = 1_795_000_000_123
TOOK: Final = About(ItemKind.EXPONENTIAL, "How long it took", "seconds")
ORDERS: Final = About(ItemKind.COUNTER, "Orders")
ABOUT: Final = {"took": TOOK, "orders_total": ORDERS}
LOCK: Final = threading.Lock()
values = st.builds(counted, observations, st.integers(-4, 8))


def columns_of(several: Sequence[ExponentialValue]) -> tuple[tuple[float, ...], list[list[float]]]:
    """Return the bounds of some histograms of one metric, and what a history has of each."""
    bounds, counts = ladder_of(rows_of(several))
    found = counts.cumsum(axis=1).astype(np.float64).tolist()
    return bounds, [[*own, one.sum, own[-1]] for own, one in zip(found, several, strict=True)]


def native_item(bounds: Sequence[float], **labels: str) -> Item:
    """Return the item of a native histogram."""
    return Item("took", make_labels(labels), TOOK, (make_labels({NAME: "took", **labels}),), tuple(bounds))


def items_of(several: Sequence[ExponentialValue]) -> tuple[list[Item], Moment]:
    """Return histograms of one metric as items with their values."""
    bounds, columns = columns_of(several)
    items = [native_item(bounds, n=str(number)) for number in range(len(several))]
    numbers = np.array([number for own in columns for number in own])
    schemas = with_schemas(NO_SCHEMAS, divided(items)[1], numbers)
    return items, Moment(NOW, numbers, [NOW - 1000 - at for at in range(len(items))], schemas)


def read(several: Sequence[ExponentialValue], schemas: Mapping[str, int] | None = None) -> list[NativeHistogram]:
    """Return histograms as they are read from the history."""
    items, moment = items_of(several)
    natives = divided(items)[1]
    return [*natives.values(Moment(NOW, moment.values, moment.starts, schemas or moment.schemas))]


def plain(native: NativeHistogram) -> tuple[object, ...]:
    """Return a histogram without its sum."""
    return native.schema, native.count, [*native.positive], [*native.negative], native.zero_count


@given(st.lists(values, min_size=1, max_size=5))
def test_the_history_has_all_that_native_histograms_need(several: list[ExponentialValue]) -> None:
    """Each is read back exactly, at the lowest schema of its metric's series."""
    found = read(several)
    for one, native in zip(several, found, strict=True):
        expected = native_of(one.at(min(one.schema, native.schema)))
        assert plain(native)[1:] == plain(expected)[1:]
        assert native.sum == one.sum or np.isnan(one.sum)
    assert len({native.schema for native in found}) == 1


@given(st.lists(values, min_size=1, max_size=5), st.integers(-4, 8))
def test_a_schema_that_was_lower_once_stays(several: list[ExponentialValue], known: int) -> None:
    """The same observations as if they had been counted there."""
    items, moment = items_of(several)
    [(_, schema)] = with_schemas({"took": known}, divided(items)[1], moment.values).items()
    assert schema == min(known, moment.schemas["took"])
    for one, native in zip(several, read(several, {"took": schema}), strict=True):
        assert native.schema == schema
        assert plain(native)[1:] == plain(native_of(one.at(min(schema, one.schema))))[1:]


def test_bounds_that_are_no_buckets_have_ended() -> None:
    """In a step of the past the metric may have had other bounds: nothing is made up."""
    for bounds in ((0.1, 0.5), (0.5, 2.0), (-0.3,), (1e-300,)):
        item = native_item(bounds)
        numbers = np.arange(1.0, len(bounds) + 4)
        assert native_value(item, numbers, NO_SCHEMAS) is ENDED
        assert with_schemas({"took": 3}, divided([item])[1], numbers) == {"took": 3}


def test_counts_at_their_limit_are_written() -> None:
    """They stay at the most that a message can have."""
    item = native_item((1.0, 2.0))
    native = native_value(item, np.array([2.0**63, 2.0**64, 2.0**64, 0.0, 2.0**64]), NO_SCHEMAS)
    assert native.count == 2**63 - 1
    request = REMOTE["WriteRequest"].FromString(
        RemoteWrite().prepare([item]).message(Moment(NOW, np.array([2.0**63, 2.0**64, 2.0**64, 0.0, 2.0**64]), [0]))
    )
    assert request.timeseries[0].histograms[0].zero_count_int == 2**63 - 1024


MIXED: Final = [
    counted([], 3),
    counted([0.0, 0.0], 3),
    counted([-1.5, -1.5, 0.0, 0.7, 0.8, 2.0, 1e6], 3),
    counted([1.0] * 300, 3),
]


def mixture() -> tuple[list[Item], Moment]:
    """Return native histograms among counters; the last one has ended."""
    items, moment = items_of([*MIXED, MIXED[-1]])
    ended = items[-1].value_count
    orders = [Item("orders_total", (("k", k),), ORDERS, (make_labels({NAME: "orders_total", "k": k}),)) for k in "ab"]
    numbers = np.concatenate([[7.0], moment.values[:-ended], np.full(ended, STALE), [0.0]])
    starts = [NOW - 5, *moment.starts, 0]
    return [orders[0], *items, orders[1]], Moment(NOW, numbers, starts, moment.schemas)


def parts_of(items: Sequence[Item], moment: Moment) -> tuple[list[tuple[Item, float, int]], Any]:
    """Return the samples with their starts, and the native histograms with theirs."""
    at, samples, natives = 0, [], []
    for item, start in zip(items, moment.starts, strict=True):
        own = moment.values[at : at + item.value_count]
        at += item.value_count
        if item.is_native:
            natives.append((item, native_value(item, own, moment.schemas), start))
        else:
            samples.append((item, float(own[0]), start))
    return samples, natives


def fill(message: Any, native: NativeHistogram, start: int = 0) -> None:
    """Put a native histogram into the message of protobuf's library."""
    message.count_int, message.sum, message.schema = native.count, native.sum, native.schema
    message.zero_threshold, message.zero_count_int, message.timestamp = native.zero_threshold, native.zero_count, NOW
    for side, buckets in (("negative", native.negative), ("positive", native.positive)):
        spans = spans_of(buckets)
        for offset, length in spans.spans:
            getattr(message, f"{side}_spans").add(offset=offset, length=length)
        getattr(message, f"{side}_deltas").extend(spans.deltas)
    if start:
        message.start_timestamp = start


def test_remote_write_is_what_protobuf_writes() -> None:
    """Samples first, then histograms as spans and differences; the end of one is a stale marker in its sum."""
    items, moment = mixture()
    samples, natives = parts_of(items, moment)
    request = REMOTE["WriteRequest"]()
    for item, value, _ in samples:
        series = request.timeseries.add()
        for name, text in item.rows[0]:
            series.labels.add(name=name, value=text)
        series.samples.add(value=value, timestamp=NOW)
    for item, native, _ in natives:
        series = request.timeseries.add()
        for name, text in item.series:
            series.labels.add(name=name, value=text)
        fill(series.histograms.add(), native)
    data = RemoteWrite().prepare(items).message(moment)
    assert data == request.SerializeToString(deterministic=True)
    assert is_stale(np.array([request.timeseries[-1].histograms[0].sum])).all()
    assert len(natives) == 5


def test_remote_write_2_is_what_protobuf_writes() -> None:
    """With the time at which each began to count, and its description."""
    items, moment = mixture()
    symbols = {"": 0}

    def place(text: str) -> int:
        return symbols.setdefault(text, len(symbols))

    for item in items:  # the table is in the order of items
        for text in (item.about.help, item.about.unit, *(text for pair in item.series for text in pair)):
            place(text)
    samples, natives = parts_of(items, moment)
    request = REMOTE_2["Request"](symbols=list(symbols))
    for item, value, start in [*samples, *natives]:
        refs = [place(text) for pair in item.series for text in pair]
        series = request.timeseries.add(labels_refs=refs)
        if item.is_native:
            fill(series.histograms.add(), value, start)
        else:
            series.samples.add(value=value, timestamp=NOW, start_timestamp=start)
        series.metadata.type = 3 if item.is_native else 1
        series.metadata.help_ref, series.metadata.unit_ref = place(item.about.help), place(item.about.unit)
    prepared = RemoteWrite2().prepare(items)
    for _ in range(2):
        assert prepared.message(moment) == request.SerializeToString(deterministic=True)


def test_otlp_is_what_opentelemetry_writes() -> None:
    """Buckets by numbers that are one lower, without gaps; cumulative, and an end is a point without a value."""
    items, moment = mixture()
    _, natives = parts_of(items, moment)
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add(resource={}).scope_metrics.add()
    scope.scope.name = "fog_aggregator"
    metric = scope.metrics.add(name="took", description=TOOK.help, unit="seconds")
    metric.exponential_histogram.aggregation_temporality = CUMULATIVE
    for item, native, start in natives:
        point = metric.exponential_histogram.data_points.add()
        point.attributes.add(key="n").value.string_value = dict(item.labels)["n"]
        point.start_time_unix_nano, point.time_unix_nano = start * 1_000_000, NOW * 1_000_000
        if native is ENDED:
            point.flags = 1
            continue
        point.count, point.sum, point.scale = native.count, native.sum, native.schema
        point.zero_count, point.zero_threshold = native.zero_count, native.zero_threshold
        for side, buckets in ((point.positive, native.positive), (point.negative, native.negative)):
            if buckets:
                side.offset, counts = dense(buckets)
                side.bucket_counts.extend(counts)
    own = [at for at, item in enumerate(items) if item.is_native]
    some = Moment(NOW, moment.values[1:-1], [moment.starts[at] for at in own], moment.schemas)
    data = Otlp(()).prepare([items[at] for at in own]).message(some)
    assert data == request.SerializeToString(deterministic=True)


# from the history


def history(*steps: Sequence[ExponentialValue] | None) -> HistoryStore:
    """Return a history with a step for each: the histograms of one metric, as a view has them."""
    made, tables = HistoryStore(HistoryLimits()), Tables()
    for at, several in enumerate(steps, 1):
        numbers: dict[str, float] = {"orders_total": at}
        bounds, columns = columns_of(several) if several is not None else ((), [])
        for n, own in enumerate(columns):
            names = [f"took_bucket/n={n}/le={render_bound(bound)}" for bound in (*bounds, np.inf)]
            numbers |= {name: int(value) for name, value in zip(names, own[:-2], strict=True)}
            numbers |= {f"took_sum/n={n}": own[-2], f"took_count/n={n}": int(own[-1])}
        made.append(tables.step(at * STEP, {WHOLE: numbers}))
    return made


def reader(store: HistoryStore, encoder: Encoder | None = None) -> StepReader:
    """Return a reader of the whole."""
    return StepReader(store, Choice([WHOLE]), encoder or RemoteWrite(), lambda: ABOUT)


def histograms(parts: Sequence[PartOfStep]) -> dict[str, Any]:
    """Return the native histograms of all requests, by their label."""
    found = {}
    for part in parts:
        for series in REMOTE["WriteRequest"].FromString(part.message(RemoteWrite(), 0, len(part.items))).timeseries:
            for one in series.histograms:
                found[{label.name: label.value for label in series.labels}["n"]] = one
    return found


def test_a_step_has_native_histograms() -> None:
    """One series each; bounds come and go without an end, and the schema does not rise when the coarse one has gone."""
    fine, more = counted([1.0, 1.1], 3), counted([1.0, 1.1, 50.0], 3)
    coarse = counted([3.0], 0)
    reading = reader(history([fine], [more, coarse], [more], None))
    first, second, third, ended = (histograms(reading.step(at * STEP, LOCK, reading.schemas)) for at in (1, 2, 3, 4))
    assert [first["0"].schema, first["0"].count_int] == [3, 2]
    assert [second["0"].schema, second["0"].count_int, second["1"].schema] == [0, 3, 0]
    assert [third["0"].schema, third["0"].count_int] == [0, 3]
    assert is_stale(np.array([third["1"].sum, ended["0"].sum])).all()
    assert reading.schemas == {"took": 0}
    [part] = reading.step(STEP, LOCK)
    assert part.series(0, len(part.items)) == 2


def test_halves_of_a_part_have_the_same_histograms() -> None:
    """Also when they are made anew, as after a refusal."""
    reading = reader(history([counted([float(n)], 3) for n in range(1, 40)]))
    [part] = reading.step(STEP, LOCK)
    halves = [part.part(0, 10), part.part(10, len(part.items))]
    both = histograms([halves[0]]) | histograms([halves[1]])
    assert both == histograms([part])
    assert len(both) == 39


def test_many_histograms_fit_into_a_request() -> None:
    """It counts the series that are sent, and not the buckets that they come from."""
    wide = counted([2.0 ** (n / 8) for n in range(150)], 3)
    parts = reader(history([wide] * 400)).step(STEP, LOCK)
    assert len(parts) == 1
    assert len(histograms(parts)) == 400


def test_receivers_without_them_get_buckets() -> None:
    """As any other histogram; so do selectors that choose some of the buckets."""
    store = history([counted([1.0, 1.1], 3)])
    reading = StepReader(store, Choice([WHOLE]), RemoteWrite(), lambda: with_buckets(ABOUT))
    [part] = reading.step(STEP, LOCK)
    assert {item.name: item.about.kind for item in part.items}["took"] is ItemKind.HISTOGRAM
    assert part.series(0, len(part.items)) == 1 + len(columns_of([counted([1.0, 1.1], 3)])[0]) + 3
    assert chooses_buckets([[Matcher(MatchKind.EQUAL, "le", "1.0")]])
    assert not chooses_buckets([[Matcher(MatchKind.EQUAL, NAME, "took_bucket")]])


def test_schemas_outlive_a_restart() -> None:
    """They are part of the checkpoint; one of an earlier version has none, and a damaged one is refused."""
    core, other = Sending(Limits(), lambda: 0.5), Sending(Limits(), lambda: 0.5)
    core.cursor, core.schemas = 5, {"took": -2}
    other.restore(Saved(core.image().plain))
    assert (other.cursor, other.schemas) == (5, {"took": -2})
    other.restore(Saved({"cursor": 6}))
    for damaged in ({"took": 9}, {"took": "x"}, {3: 3}, 7):
        with pytest.raises(DamagedError):
            other.restore(Saved({"cursor": 6, "schemas": damaged}))


@pytest.mark.parametrize(
    ("answer", "lacks"),
    [
        (Answer(500, "native histograms are disabled"), True),
        (Answer(400, "Native histograms not supported"), True),
        (Answer(400, "received a native histogram sample with too many buckets"), False),
        (Answer(204), False),
        (Answer(204, drops_natives=True), True),
        (Answer(204, written=5, histograms=0), True),
        (Answer(204, written=0, histograms=2), False),
        (Answer(None, "no answer"), False),
    ],
)
def test_what_says_that_there_are_none(answer: Answer, *, lacks: bool) -> None:
    """Words of Prometheus, a header of VictoriaMetrics, a count of none in 2.0."""
    assert answer.lacks_natives is lacks
