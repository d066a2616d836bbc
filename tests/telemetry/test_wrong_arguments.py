"""Misuse of any public function of the SDK raises at once, on purpose, and says which argument it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Final

import pytest

from tests.telemetry.wrong import outcomes
from utilityfog_frontend import telemetry
from utilityfog_frontend.telemetry import TelemetryCollector, exporter
from utilityfog_frontend.telemetry.bridges import PrometheusBridge, prometheus_source
from utilityfog_frontend.telemetry.bridges.opentelemetry import OpenTelemetryReader
from utilityfog_frontend.telemetry.exposition import negotiate
from utilityfog_frontend.telemetry.logs import TelemetryHandler

Call = Callable[[TelemetryCollector, Any], object]

_numbers = count()
NUMBERS: Final = {"negative", "zero", "one", "half", "huge", "nan", "true"}
SECONDS: Final = {"one", "half"}
TEXTS: Final = {"empty", "text"}
MAPS: Final = {"map", "of numbers"}
LABELS: Final = {"None", "list", *MAPS, "texts"}


def new() -> str:
    """Return a name that is not taken."""
    return f"m{next(_numbers)}"


REGISTER: Final[dict[str, tuple[Call, set[str]]]] = {
    f"register_{kind}({argument})": (call, taken)
    for kind in ("counter", "gauge", "histogram")
    for argument, call, taken in (
        ("name", lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(wrong), {"text"}),
        ("description", lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(new(), wrong), TEXTS),
        ("labels", lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(new(), "", labels=wrong), LABELS),
        ("unit", lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(new(), unit=wrong), {"empty"}),
        ("ttl", lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(new(), ttl=wrong), {"None", *SECONDS}),
        (
            "max_children",
            lambda c, wrong, kind=kind: getattr(c, f"register_{kind}")(new(), max_children=wrong),
            {"one"},
        ),
    )
}

CASES: Final[dict[str, tuple[Call, set[str]]]] = REGISTER | {
    "register_gauge(rollup)": (lambda c, wrong: c.register_gauge(new(), rollup=wrong), {"list", "map"}),
    "register_histogram(buckets)": (
        lambda c, wrong: c.register_histogram(new(), "", wrong),
        {"None", "numbers", "by number"},
    ),
    "register_info(info)": (lambda c, wrong: c.register_info(new(), "", wrong), {"None", *MAPS}),
    "register_state_set(name)": (lambda c, wrong: c.register_state_set(wrong, "", ["a"]), {"text"}),
    "register_state_set(states)": (lambda c, wrong: c.register_state_set(new(), "", wrong), {"of numbers", "texts"}),
    "add_source": (lambda c, wrong: c.add_source(wrong), {"class"}),
    "add_source(name)": (lambda c, wrong: c.add_source(list, name=wrong), {"None", *TEXTS}),
    "add_source(rollup)": (lambda c, wrong: c.add_source(list, rollup=wrong), {"None", "map"}),
    "add_source(one rollup)": (lambda c, wrong: c.add_source(list, rollup={"*": wrong}), {"list", "map"}),
    "add_source(since)": (lambda c, wrong: c.add_source(list, since=wrong), set()),
    "add_source(incarnation)": (
        lambda c, wrong: c.add_source(list, since="outside", incarnation=wrong),
        {"None", "class"},
    ),
    "read_every": (lambda c, wrong: c.read_every(wrong), SECONDS),
    "refresh": (lambda c, wrong: c.refresh(wrong), {"None", "zero", *SECONDS}),
    "prometheus_source": (lambda _, wrong: prometheus_source(wrong), set()),
    "PrometheusBridge": (lambda _, wrong: PrometheusBridge(wrong), set()),
    "OpenTelemetryReader": (lambda _, wrong: OpenTelemetryReader(wrong), set()),
    "get_metric": (lambda c, wrong: c.get_metric(wrong), TEXTS),
    "record_event(name)": (lambda c, wrong: c.record_event(wrong), TEXTS),
    "record_event(labels)": (lambda c, wrong: c.record_event("a", 1, wrong), {"None", *MAPS}),
    "record_event(metadata)": (lambda c, wrong: c.record_event("a", 1, {}, wrong), {"None", *MAPS}),
    "get_events": (lambda c, wrong: c.get_events(wrong), {"None", "zero", "one"}),
    "watch_events": (lambda c, wrong: c.watch_events(wrong), {"zero", "one"}),
    "add_hook(type)": (lambda c, wrong: c.add_hook(wrong, print), TEXTS),
    "add_hook(callback)": (lambda c, wrong: c.add_hook("a", wrong), {"class"}),
    "remove_hook(type)": (lambda c, wrong: c.remove_hook(wrong, print), TEXTS),
    "export_to_json(indent)": (lambda c, wrong: c.export_to_json(indent=wrong), {"None", "zero", "one"}),
    "collection_interval": (lambda _, wrong: TelemetryCollector(wrong), SECONDS),
    "max_events": (lambda _, wrong: TelemetryCollector(max_events=wrong), {"one"}),
    "journal": (lambda _, wrong: TelemetryCollector(journal=wrong if wrong != "x" else None), {"None", "text"}),
    "clock": (lambda _, wrong: TelemetryCollector(clock=wrong), {"class"}),
    "monotonic": (lambda _, wrong: TelemetryCollector(monotonic=wrong), {"class"}),
    "counter.increment": (lambda c, wrong: c.register_counter("a").increment(wrong), NUMBERS - {"negative"}),
    "gauge.set": (lambda c, wrong: c.register_gauge("a").set(wrong), NUMBERS),
    "gauge.increment": (lambda c, wrong: c.register_gauge("a").increment(wrong), NUMBERS),
    "gauge.decrement": (lambda c, wrong: c.register_gauge("a").decrement(wrong), NUMBERS),
    "histogram.observe": (lambda c, wrong: c.register_histogram("a").observe(wrong), NUMBERS),
    "observe(exemplar)": (
        lambda c, wrong: c.register_histogram("a").observe(1, exemplar=wrong),
        {"None", "empty", "zero", "list", *MAPS},
    ),
    "counter.labels()": (lambda c, wrong: c.register_counter("a").labels(wrong), set()),
    "child.labels()": (lambda c, wrong: c.register_counter("a", "", ["x"]).labels("1").labels(x=wrong), set()),
    "labels(two)": (lambda c, wrong: c.register_counter("a", "", ["x"]).labels(wrong, wrong), set()),
    "labels(another)": (lambda c, wrong: c.register_counter("a", "", ["x"]).labels(y=wrong), set()),
    "remove(another)": (lambda c, wrong: c.register_counter("a", "", ["x"]).remove(y=wrong), set()),
    "labeled without labels": (lambda c, wrong: c.register_counter("a", "", ["x"]).increment(wrong), set()),
    "labels=, labelled": (lambda c, wrong: c.register_gauge("a", "", ["a"]).set(1, wrong), {"of numbers"}),
    "labels=, unlabelled": (
        lambda c, wrong: c.register_gauge("a").set(1, wrong),
        {"None", "empty", "zero", "list", "map"},
    ),
    "set_function": (lambda c, wrong: c.register_gauge("a").set_function(wrong), {"class"}),
    "count_exceptions": (lambda c, wrong: c.register_counter("a").count_exceptions(wrong), set()),
    "time() of no function": (lambda c, wrong: c.register_histogram("a").time()(wrong), {"class"}),
    "state_set.set": (lambda c, wrong: c.register_state_set("a", "", ["x"]).set(wrong), {"text"}),
    "PrometheusAdapter(file)": (lambda _, wrong: exporter.PrometheusAdapter(wrong), {"None", "text"}),
    "JSONExporter(attempts)": (lambda _, wrong: exporter.JSONExporter(attempts=wrong), {"one"}),
    "JSONExporter(backoff)": (lambda _, wrong: exporter.JSONExporter(backoff=wrong), {"zero", *SECONDS}),
    "MultiExporter": (lambda _, wrong: exporter.MultiExporter(wrong), {"list", "map"}),
    "PeriodicExporter(exporter)": (lambda c, wrong: exporter.PeriodicExporter(wrong, c), set()),
    "PeriodicExporter(collector)": (lambda _, wrong: exporter.PeriodicExporter(exporter.JSONExporter(), wrong), set()),
    "PeriodicExporter(interval)": (
        lambda c, wrong: exporter.PeriodicExporter(exporter.JSONExporter(), c, wrong),
        SECONDS,
    ),
    "export_metrics": (lambda _, wrong: asyncio.run(exporter.JSONExporter().export_metrics(wrong)), set()),
    "TelemetryHandler(collector)": (lambda _, wrong: TelemetryHandler(wrong), set()),
    "TelemetryHandler(event_name)": (lambda c, wrong: TelemetryHandler(c, event_name=wrong), TEXTS),
    "negotiate": (lambda _, wrong: negotiate(wrong), {"None", *TEXTS}),
    "setup_coordination_hooks": (lambda _, wrong: telemetry.setup_coordination_hooks(wrong), set()),
    "setup_messaging_hooks": (lambda _, wrong: telemetry.setup_messaging_hooks(wrong), set()),
    "setup_health_hooks": (lambda _, wrong: telemetry.setup_health_hooks(wrong), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_misuse_is_said(case: str) -> None:
    """Each wrong argument is refused on purpose, or it is one of those that make sense here."""
    call, taken = CASES[case]
    found = outcomes(lambda wrong: call(TelemetryCollector(), wrong))
    assert found == dict.fromkeys(taken, "taken")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.register_counter("a_total").labels(kind="x"), "metric 'a_total': labels({'kind': 'x'})"),
        (lambda c: c.register_counter("a_total").increment("1"), "counter 'a_total': a number is needed, not '1'"),
        (lambda c: c.register_gauge("a").decrement(None), "gauge 'a': a number is needed, not None"),
        (lambda c: c.register_histogram("a").observe("1"), "histogram 'a': a number is needed, not '1'"),
        (lambda c: c.register_gauge("a", unit=3), "metric 'a': its unit must be a string, not 3"),
        (lambda c: c.register_gauge("a", unit="§"), "metric 'a': unit '§'"),
        (lambda c: c.register_gauge("a", "", ["x"], ttl="1h"), "metric 'a': ttl must be a number of seconds, not '1h'"),
        (lambda c: c.register_histogram("a", "", ["1"]), "histogram 'a': bucket bound: a number is needed, not '1'"),
        (lambda c: c.register_counter("a", "", 7), "metric 'a': labels must be a mapping of labels or a sequence"),
        (
            lambda _: TelemetryCollector("30"),  # type: ignore[arg-type]
            "collection_interval must be a number of seconds, not '30'",
        ),
    ],
)
def test_the_error_names_the_metric_and_the_unit(call: Callable[[Any], object], words: str) -> None:
    """And the value that it was given."""
    with pytest.raises((TypeError, ValueError)) as refusal:
        call(TelemetryCollector())
    assert words in str(refusal.value)
