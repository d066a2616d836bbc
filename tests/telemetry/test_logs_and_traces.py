"""Log records become events; events and exemplars carry the current trace."""

import logging
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from tests.telemetry.helpers import problems
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.logs import TelemetryHandler
from utilityfog_frontend.telemetry.model import Exemplar
from utilityfog_frontend.telemetry.support.trace import current_trace


@pytest.fixture
def logger(collector: TelemetryCollector) -> Iterator[logging.Logger]:
    """Provide a logger whose records become events."""
    logger = logging.getLogger("tests.telemetry.app")
    handler = TelemetryHandler(collector)
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def test_a_log_record_becomes_an_event(collector: TelemetryCollector, logger: logging.Logger) -> None:
    """With message, level, logger and traceback; below the level nothing."""
    logger.info("quiet")
    logger.warning("disk %s is %d%% full", "sda", 93)
    try:
        os.environ["LOST"]
    except KeyError:
        logger.exception("failed")
    first, second = collector.get_events()
    assert (first.name, first.value) == ("log", "disk sda is 93% full")
    assert first.labels == {"level": "WARNING", "logger": "tests.telemetry.app"}
    assert second.labels["level"] == "ERROR"
    assert "KeyError: 'LOST'" in second.metadata["exception"]


def test_logging_from_a_hook_does_not_go_round_in_circles(
    collector: TelemetryCollector, logger: logging.Logger
) -> None:
    """Neither a hook that logs, nor the telemetry's own complaint about one that fails."""

    def hook(_event: object) -> None:
        logger.error("while recording")
        raise RuntimeError

    own = logging.getLogger("utilityfog_frontend.telemetry")
    handler = TelemetryHandler(collector)
    own.addHandler(handler)
    collector.add_hook("log", hook)
    logger.warning("once")
    own.removeHandler(handler)
    assert [event.value for event in collector.get_events()] == ["once"]
    assert problems(collector) == {"hook": 1}


def test_a_broken_record_never_raises(
    collector: TelemetryCollector, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told on standard error, as the standard handlers do."""
    propagate, logger.propagate = logger.propagate, False
    logger.warning("%d", "no number")
    logger.propagate = propagate
    assert collector.get_events() == []
    assert "Logging error" in capsys.readouterr().err


def test_events_and_exemplars_carry_the_current_trace(collector: TelemetryCollector) -> None:
    """In hexadecimal, as every tracing system shows them."""
    histogram = collector.register_histogram("latency", "L", [1.0])
    with TracerProvider().get_tracer("test").start_as_current_span("work") as span:
        histogram.observe(0.5)
        collector.record_event("tick", metadata={"own": 1})
    context = span.get_span_context()
    ids = {"trace_id": format(context.trace_id, "032x"), "span_id": format(context.span_id, "016x")}
    [event] = collector.get_events()
    assert event.metadata == {"own": 1, **ids}
    snapshot = collector.collect()[-1]
    assert snapshot.series[0].exemplars == {0: Exemplar(tuple(sorted(ids.items())), 0.5, 1000.0)}


def test_outside_of_a_sampled_span_there_is_none(collector: TelemetryCollector) -> None:
    """A trace that nobody keeps is no use."""
    histogram = collector.register_histogram("latency")
    histogram.observe(0.5)
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("test").start_as_current_span("work"):
        histogram.observe(0.5)
        collector.record_event("tick")
    assert collector.get_events()[0].metadata == {}
    assert collector.collect()[-1].series[0].exemplars is None


@pytest.mark.parametrize("module", [None, SimpleNamespace()])
def test_without_opentelemetry_or_with_half_of_it_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, module: object
) -> None:
    """It is no dependency."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert current_trace() is None
