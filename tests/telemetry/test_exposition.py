"""Text that every Prometheus reads: golden files, other people's parsers, and the rules one by one."""

import math
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from utilityfog_frontend.telemetry import (
    TelemetryCollector,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.exposition import (
    generate_openmetrics,
    generate_text,
    iter_openmetrics,
    iter_text,
    negotiate,
)
from utilityfog_frontend.telemetry.exposition.classic import as_classic
from utilityfog_frontend.telemetry.exposition.samples import render_bound, render_number
from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import (
    Exemplar,
    Family,
    FamilySnapshot,
    HistogramValue,
    MetricType,
    SeriesSnapshot,
    Value,
)

GOLDEN = Path(__file__).parent / "golden"

FAMILIES = [
    FamilySnapshot(
        Family("http_requests_total", MetricType.COUNTER, "Total HTTP requests"),
        [
            SeriesSnapshot((("method", "GET"), ("status", "200")), 1027, 1632150000.0),
            SeriesSnapshot((("method", "PUT"), ("status", "500")), 0.5, 1632150001.25),
        ],
    ),
    FamilySnapshot(
        Family("memory_usage_bytes", MetricType.GAUGE, "Memory usage", "bytes"), [SeriesSnapshot((), 1048576)]
    ),
    FamilySnapshot(
        Family("odd", MetricType.GAUGE, 'Help with \\ and\nnewline and "quotes"'),
        [
            SeriesSnapshot((("text", 'back\\slash "quote"\nnewline ü'),), math.nan),
            SeriesSnapshot((("text", "infinite"),), math.inf),
            SeriesSnapshot((("text", "less"),), -math.inf),
            SeriesSnapshot((("text", ""),), 1e300),
        ],
    ),
    FamilySnapshot(
        Family("request_duration_seconds", MetricType.HISTOGRAM, "Duration", "seconds", (0.005, 1.0, 1e6)),
        [
            SeriesSnapshot(
                (("route", "/"),),
                HistogramValue((3, 0, 1, 2), 2000001.5),
                1632150000.0,
                {0: Exemplar((("trace_id", "abc"),), 0.004, 1632150002.5)},
            ),
            SeriesSnapshot((("route", "/idle"),), HistogramValue((0, 0, 0, 0), 0.0), 1632150000.0),
        ],
    ),
    FamilySnapshot(Family("jobs", MetricType.COUNTER, "A counter without the suffix"), [SeriesSnapshot((), 2)]),
    FamilySnapshot(Family("nothing_yet", MetricType.GAUGE), []),
]


@pytest.mark.parametrize(
    ("name", "accept"),
    [
        ("text-0.0.4.txt", ""),
        ("text-1.0.0.txt", "text/plain;version=1.0.0"),
        ("openmetrics-1.0.0.txt", "application/openmetrics-text;version=1.0.0"),
    ],
)
def test_golden(name: str, accept: str) -> None:
    """The reviewed text stays as it is, byte for byte; in chunks or as a whole."""
    chosen = negotiate(accept)
    assert chosen.generate(FAMILIES).decode() == (GOLDEN / name).read_text("utf-8")
    assert b"".join(chosen.iter(FAMILIES)) == chosen.generate(FAMILIES)


def test_as_documented(bare: TelemetryCollector) -> None:
    """The very block of the documentation."""
    bare.register_counter("http_requests_total", "Total HTTP requests").increment(1027)
    bare.register_gauge("memory_usage_bytes", "Memory usage in bytes").set(1048576)
    assert bare.export_to_prometheus() == (
        "# HELP http_requests_total Total HTTP requests\n"
        "# TYPE http_requests_total counter\n"
        "http_requests_total 1027\n"
        "\n"
        "# HELP memory_usage_bytes Memory usage in bytes\n"
        "# TYPE memory_usage_bytes gauge\n"
        "memory_usage_bytes 1048576\n"
    )


def test_an_empty_collector_is_valid(bare: TelemetryCollector) -> None:
    """No metric, no text; OpenMetrics has its end mark."""
    assert generate_text(bare.collect()) == b""
    assert generate_openmetrics(bare.collect()) == b"# EOF\n"


def test_a_cached_rendering_is_used() -> None:
    """A source that makes snapshots on the fly can keep the rendered labels, which cost more than all the rest."""
    family = Family("a", MetricType.GAUGE)
    snapshot = FamilySnapshot(family, [SeriesSnapshot((("x", "1"),), 2, rendered='x="cached"')])
    assert b'a{x="cached"} 2\n' in generate_text([snapshot])


def test_series_may_be_made_on_the_fly() -> None:
    """Each is asked for once, in order, and only the chunk at hand is held."""

    class Lazy(list[SeriesSnapshot]):
        def __iter__(self) -> Iterator[SeriesSnapshot]:
            return (SeriesSnapshot((("x", str(index)),), index) for index in range(5000))

    chunks = list(iter_text([FamilySnapshot(Family("a", MetricType.GAUGE), Lazy())]))
    assert len(chunks) > 3
    assert b"".join(chunks).count(b"\na{") == 5000


def test_openmetrics_ends_only_when_all_was_written() -> None:
    """A body that breaks off must not look whole."""

    def breaks_off() -> Iterator[FamilySnapshot]:
        yield FAMILIES[0]
        raise ConnectionError

    written: list[bytes] = []
    with pytest.raises(ConnectionError):
        written.extend(iter_openmetrics(breaks_off()))
    assert b"# EOF" not in b"".join(written)


def test_exemplars_that_openmetrics_forbids_are_left_out() -> None:
    """Label names and values together have at most 128 code points."""
    family = Family("a", MetricType.HISTOGRAM, bounds=(1.0,))
    for length, kept in ((120, True), (121, False)):
        exemplar = Exemplar((("trace_id", "x" * length),), 0.5, 1.0)
        series = SeriesSnapshot((), HistogramValue((1, 0), 0.5), exemplars={0: exemplar})
        assert (b"trace_id" in generate_openmetrics([FamilySnapshot(family, [series])])) is kept


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (1, "1.0"),
        (0.005, "0.005"),
        (1e6, "1e+06"),
        (999999.5, "999999.5"),
        (1234567, "1.234567e+06"),
        (-2.5e7, "-2.5e+07"),
        (1e-5, "1e-05"),
        (1e21, "1e+21"),
        (0.1 + 0.2, "0.30000000000000004"),
        (0.0, "0.0"),
        (100000.0, "100000.0"),
        (math.inf, "+Inf"),
    ],
)
def test_bounds_are_what_prometheus_makes_of_them(bound: float, text: str) -> None:
    """Otherwise the `le` of a series would change with the scraper's version."""
    assert render_bound(bound) == text
    assert float(text) == bound


@given(st.one_of(st.floats(), st.integers(-(2**63), 2**63)))
def test_numbers_are_read_back_as_they_were(number: float) -> None:
    """To the last bit, NaN included; whole ones have no fraction."""
    text = render_number(number)
    if isinstance(number, int):
        assert text == str(number)
    elif math.isnan(number):
        assert text == "NaN"
    else:
        assert float(text) == number
        assert not text.endswith(".0")


label_texts = st.text(st.characters(codec="utf-8"), max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def families(draw: st.DrawFn) -> list[FamilySnapshot]:
    """Families of every type with odd labels, help texts and values."""
    found = []
    for index, kind in enumerate(draw(st.lists(st.sampled_from(list(MetricType)), max_size=4))):
        suffix = "_total" if kind is MetricType.COUNTER else ""
        # Neither format keeps blanks around a help text.
        help_text = draw(label_texts.map(str.strip))
        bounds = (0.25, 1.0, 1e6) if kind is MetricType.HISTOGRAM else ()
        family = Family(f"metric_{index}{suffix}", kind, help_text, bounds=bounds)
        labels = draw(
            st.lists(st.dictionaries(st.sampled_from("abc"), label_texts), max_size=3, unique_by=sorted_labels)
        )
        found.append(
            FamilySnapshot(family, [SeriesSnapshot(sorted_labels(one), draw(value_of(kind)), 1.5) for one in labels])
        )
    return found


def value_of(kind: MetricType) -> st.SearchStrategy[Value]:
    """Values that a type can have."""
    if kind is MetricType.COUNTER:
        return st.one_of(st.integers(0, 2**53), st.floats(0, 1e300))
    if kind is MetricType.GAUGE:
        return st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False))
    if kind is MetricType.EXPONENTIAL_HISTOGRAM:
        observed = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9).map(sorted)
        return observed.map(lambda values: Store(3, 160).count(values).value(sum(values)))
    counts = st.tuples(*[st.integers(0, 2**40)] * 4)
    return st.builds(HistogramValue, counts, finite)


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def expected(snapshots: Iterable[FamilySnapshot], *, openmetrics: bool) -> Samples:
    """Return the samples of these families, the obvious way."""
    samples: Samples = {}
    for snapshot in map(as_classic, snapshots):
        name, kind = snapshot.family.name, snapshot.family.type
        for series in snapshot.series:
            if isinstance(series.value, HistogramValue):
                for index, bound in enumerate((*snapshot.family.bounds, math.inf)):
                    labels = sorted_labels({**dict(series.labels), "le": render_bound(bound)})
                    samples[name + "_bucket", labels] = sum(series.value.counts[: index + 1])
                signed = min(snapshot.family.bounds, default=0) < 0
                if not openmetrics or not (signed or series.value.sum < 0):
                    samples[name + "_sum", series.labels] = series.value.sum
                    samples[name + "_count", series.labels] = series.value.count
            else:
                samples[name, series.labels] = size_of(series.value)
            if openmetrics and kind is not MetricType.GAUGE and series.created is not None:
                samples[name.removesuffix("_total") + "_created", series.labels] = series.created
    return samples


def parsed(metrics: Iterable[Any]) -> Samples:
    """Return the samples that a parser of prometheus_client found."""
    return {
        (sample.name, sorted_labels(sample.labels)): sample.value for metric in metrics for sample in metric.samples
    }


def strictly_parsed(snapshots: Iterable[FamilySnapshot]) -> list[Any]:
    """Parse with prometheus_client's OpenMetrics parser, which checks order, grouping, suffixes and the end."""
    return list(parse_openmetrics(generate_openmetrics(snapshots).decode()))  # type: ignore[no-untyped-call]


@given(families())
def test_text_survives_a_round_trip(snapshots: list[FamilySnapshot]) -> None:
    """Names, labels and values, through prometheus_client's parser."""
    text = generate_text(snapshots).decode()
    assert parsed(parse_text(text)) == expected(snapshots, openmetrics=False)


@given(families())
def test_openmetrics_survives_a_round_trip(snapshots: list[FamilySnapshot]) -> None:
    """As text, and help texts as well."""
    found = strictly_parsed(snapshots)
    assert parsed(found) == expected(snapshots, openmetrics=True)
    assert [metric.documentation for metric in found] == [snapshot.family.help for snapshot in snapshots]


def test_openmetrics_keeps_units_and_exemplars() -> None:
    """Through the strict parser."""
    found = {metric.name: metric for metric in strictly_parsed(FAMILIES)}
    assert found["memory_usage_bytes"].unit == "bytes"
    assert found["http_requests"].type == "counter"
    assert found["jobs"].samples[0].name == "jobs_total"
    exemplar = found["request_duration_seconds"].samples[0].exemplar
    assert exemplar is not None
    assert (exemplar.labels, exemplar.value, float(exemplar.timestamp)) == ({"trace_id": "abc"}, 0.004, 1632150002.5)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_finds_nothing_to_complain_of() -> None:
    """Prometheus's own checker, on what a program with all ready-made metrics exposes.

    But for the one name that the documentation fixes: it ends in `_count` and is no histogram's.
    """
    collector = TelemetryCollector()
    for setup in (setup_coordination_hooks, setup_messaging_hooks, setup_health_hooks):
        setup(collector)
    collector.register_counter("http_requests_total", "Requests", ["method"]).labels("GET").increment()
    collector.register_histogram("request_duration_seconds", "Duration").observe(0.1)
    collector.register_info("app_info", "The program", {"version": "1"})
    checked = subprocess.run(
        ["promtool", "check", "metrics"],  # noqa: S607 - wherever it is installed
        input=generate_text(collector.collect()),
        capture_output=True,
        check=False,
    )
    complaints = [line for line in checked.stderr.decode().splitlines() if "telemetry_metrics_count" not in line]
    assert complaints == []
    assert checked.stdout == b""


def test_lone_surrogates_become_question_marks(collector: TelemetryCollector) -> None:
    """A file name that is no UTF-8 must not break the page, in any format."""
    collector.register_counter("a_total", "A\ud800", ["file"]).labels("\udce9t\xe9").increment()
    families = collector.collect()
    assert 'a_total{file="?t\xe9"} 1' in generate_text(families).decode()
    assert 'a_total{file="?t\xe9"} 1' in generate_openmetrics(families).decode()
