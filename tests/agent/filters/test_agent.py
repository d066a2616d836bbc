"""An agent with filters: what it publishes over a bus, and what it refuses at its start."""

from __future__ import annotations

from pathlib import Path

import pytest

from fog_agent import Agent
from fog_agent.core.filters.parsing import AGGREGATE_KEY, RELABEL_KEY, FilterError
from fog_agent.core.filters.rules import Decision, Filters
from fog_bus.memory import MemoryBus
from fog_testing.fleet import Fleet
from tests.agent.filters.node import Node, named
from utilityfog_frontend.telemetry import TelemetryCollector

RULES = """
aggregate = [{match = "http_*", without = ["path"]}]

[[metric_relabel_configs]]
source_labels = ["__name__"]
regex = "noise_.*"
action = "drop"
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write a file of rules."""
    file = tmp_path / "filters.toml"
    file.write_text(RULES)
    return file


async def test_a_fleet_has_what_filters_let_through(rules: Path) -> None:
    """Over a bus, with the counts of what they kept back."""
    bus = MemoryBus()
    async with Fleet(bus=bus) as fleet:
        collector = TelemetryCollector(self_metrics=False)
        requests = collector.register_counter("http_requests_total", "Requests", ["path"])
        collector.register_counter("noise_total", "Noise").increment()
        agent = Agent(collector, path="fog/0", bus=bus, interval=0.1, filters=rules)
        await agent.start()
        for path in ("/a", "/b", "/c"):
            requests.labels(path).increment(2)
        await agent.stop()
        await fleet.settle()
        assert fleet.value("http_requests_total") == 6
        assert fleet.value("fog_agent_series_filtered_total", rule="relabel 1 drop") == 1
        assert fleet.value("fog_agent_series_filtered_total", rule="aggregate 1") == 2
        assert fleet.value("fog_agent_series_filtered_total", rule="collision") == 0


async def test_gauges_that_do_not_say_how_they_merge_are_refused_at_the_start(rules: Path) -> None:
    """In words that say what to do."""
    collector = TelemetryCollector(self_metrics=False)
    collector.register_gauge("http_depth", "Depth", ["path"]).labels("/a").set(1)
    with pytest.raises(FilterError, match="would merge gauges of http_depth: give them a rollup="):
        await Agent(collector, path="fog/0", bus=MemoryBus(), filters=rules).start()


async def test_a_journal_and_filters_exclude_each_other(rules: Path, tmp_path: Path) -> None:
    """A journal is ended by another process, which knows no filters."""
    collector = TelemetryCollector(self_metrics=False, journal=str(tmp_path / "journal"))
    with pytest.raises(FilterError, match="filters cannot be used with a journal"):
        await Agent(collector, path="fog/0", bus=MemoryBus(), filters=rules).start()


async def test_filters_stay_as_long_as_the_collector(rules: Path) -> None:
    """A second agent of a collector has the same ones, else counts would begin twice."""
    collector, bus = TelemetryCollector(self_metrics=False), MemoryBus()
    first = Agent(collector, path="fog/0", bus=bus, filters=rules)
    await first.start()
    await first.stop()
    with pytest.raises(FilterError, match="was published with other filters"):
        await Agent(collector, path="fog/0", bus=bus).start()
    second = Agent(collector, path="fog/0", bus=bus, filters=str(rules))
    await second.start()
    await second.stop()


@pytest.mark.parametrize("filters", [5, ["x"], b"x"])
def test_filters_of_a_wrong_type_are_refused(filters: object) -> None:
    """At once, in words."""
    with pytest.raises(TypeError, match="filters must be the path of a file"):
        Agent(TelemetryCollector(), path="fog/0", filters=filters)  # type: ignore[arg-type]


def test_a_series_is_judged_once_whatever_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule is evaluated for a sample: only where a series is first met."""
    judged: list[str] = []
    decide = Filters.decide

    def counted(filters: Filters, labels: dict[str, str]) -> Decision:
        judged.append(labels["path"])
        return decide(filters, labels)

    monkeypatch.setattr(Filters, "decide", counted)
    node = Node(
        {
            AGGREGATE_KEY: [{"match": "http_*", "without": ["path"]}],
            RELABEL_KEY: [{"source_labels": ["path"], "regex": "/d", "action": "drop"}],
        }
    )
    requests = node.collector.register_counter("http_requests_total", "Requests", ["path"])
    for paths in (["/a", "/b", "/d"], ["/a", "/b", "/d"], ["/a", "/c", "/d"], ["/a"]):
        for path in paths:
            requests.labels(path).increment()
        node.send(keyframe=path == "/d")
    assert sorted(judged) == ["/a", "/b", "/c", "/d"]
    assert named(node.totals(), "http_requests_total") == {(): 7}
