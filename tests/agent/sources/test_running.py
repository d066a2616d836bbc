"""Sources start and stop each by itself, and share their metrics."""

from __future__ import annotations

import threading

import pytest

from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.names import Names, valid_label_name, valid_metric_name
from fog_agent.sources.running import Sources
from utilityfog_frontend.telemetry import TelemetryCollector


class Source:
    """A source that cannot start the first few times, or cannot stop."""

    def __init__(self, name: str, failures: int = 0, *, stops: bool = True) -> None:
        self.name = name
        self.running = False
        self._failures = failures
        self._stops = stops

    def start(self) -> None:
        """Start, after some failures."""
        if self._failures:
            self._failures -= 1
            raise OSError("the address is in use")
        self.running = True

    def stop(self) -> None:
        """Stop, or fail."""
        self.running = False
        if not self._stops:
            raise RuntimeError("no")


def value(collector: TelemetryCollector, name: str, **labels: str) -> object:
    """Return a series' value."""
    [family] = [one for one in collector.collect() if one.family.name == name]
    return next((one.value for one in family.series if dict(one.labels) == labels), None)


def test_one_that_cannot_start_is_tried_again_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """It is down with its reason until then; so it is with one that cannot stop."""
    collector = TelemetryCollector()
    first, late, last = Source("first"), Source("late", 2), Source("last", stops=False)
    sources = Sources([first, late, last], SourceMetrics(collector))
    sources.start()
    assert (first.running, late.running, last.running) == (True, False, True)
    assert value(collector, "fog_agent_source_up", source="late") == 0
    sources.retry()
    assert (first.running, late.running) == (True, False)
    sources.retry()
    assert [one.running for one in (first, late, last)] == [True, True, True]
    assert [record.getMessage() for record in caplog.records] == [
        "source late: cannot start, and is tried again: the address is in use"
    ]
    sources.stop()
    assert not any(one.running for one in (first, late, last))
    sources.stop()
    sources.retry()
    assert not first.running


def test_all_stop_at_once() -> None:
    """Many that hang, as where no name can be looked up, must not take the time in which the agent is to end."""
    together = threading.Barrier(20)

    class Hanging(Source):
        def stop(self) -> None:
            together.wait(30)
            super().stop()

    hanging = [Hanging(str(number)) for number in range(20)]
    sources = Sources(hanging, SourceMetrics(TelemetryCollector()))
    sources.start()
    sources.stop()
    assert not any(one.running for one in hanging)


def test_what_is_refused_is_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """By reason; a reason of being down is told anew after the source was up."""
    collector = TelemetryCollector()
    metrics = SourceMetrics(collector)
    metrics.expect("app", "line", "size")
    metrics.refuse("app", "line", "no number: 'x'", 3)
    metrics.refuse("app", "line", "no number: 'y'")
    assert value(collector, "fog_agent_source_refused_total", source="app", reason="line") == 4
    assert value(collector, "fog_agent_source_refused_total", source="app", reason="size") == 0
    for _ in range(2):
        metrics.down("app", "refused")
        metrics.down("app", "refused")
        metrics.up("app", up=True)
    assert [record.getMessage() for record in caplog.records] == [
        "source app: no number: 'x'",
        "source app: refused",
        "source app: refused",
    ]


def test_names_become_valid_and_two_that_become_one_are_told_once() -> None:
    """The second name, the first, and what both became."""
    told: list[tuple[str, str, str]] = []
    names = Names(lambda *clash: told.append(clash))
    assert [names.metric(name) for name in ("a.b", "a_b", "a_b", "a.b", "1é", "x:y")] == [
        *("a_b", "a_b", "a_b", "a_b", "_1_", "x:y")
    ]
    assert told == [("a_b", "a.b", "a_b")]
    assert (names.metric("hits", "_total"), names.metric("all_total", "_total")) == ("hits_total", "all_total")
    assert [valid_label_name(name) for name in ("a-b", "__name__", "9", "x:y")] == ["a_b", "_name__", "_9", "x_y"]
    for valid in (valid_metric_name, valid_label_name):
        with pytest.raises(ValueError, match="empty"):
            valid("")
