"""METRICS.md lists each metric that the system tells of itself: whole names, one a row, with their types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from fog_agent.core.writer import Settings
from fog_agent.edge.selfmetrics import SelfMetrics as AgentMetrics
from fog_agent.sources.host import HostMetrics
from fog_agent.sources.jobs.settings import read as read_jobs
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from fog_agent.sources.statsd.listener import ListenerCounters
from fog_agent.sources.tables import Table
from fog_aggregator.components.below.asking import BranchQuestions
from fog_aggregator.components.below.options import BelowOptions
from fog_aggregator.components.history.metrics import HistoryMetrics
from fog_aggregator.components.http.below.levels import LevelParts
from fog_aggregator.components.http.page.feed import FeedMetrics
from fog_aggregator.components.http.prometheus.metrics import ApiMetrics
from fog_aggregator.components.notifications.metrics import NotificationMetrics
from fog_aggregator.components.outgoing.metrics import OutgoingMetrics
from fog_aggregator.components.past.metrics import PastMetrics
from fog_aggregator.components.rollup.options import RollupOptions
from fog_aggregator.components.rollup.publication import RollupPublication, RollupSource
from fog_aggregator.components.rules.metrics import RuleMetrics
from fog_aggregator.components.rules.storage import RuleSeries
from fog_aggregator.components.shares.shares import Shares
from fog_aggregator.components.unread.unread import UnreadBranches
from fog_aggregator.core.budget.division import divide
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.memory.keeping import MemoryMetrics
from fog_aggregator.path_costs import costliest
from fog_aggregator.query.fleet_view import FamilySamples
from fog_aggregator.rules.rule_set import RuleSet
from fog_aggregator.selfmetrics import SelfMetrics as AggregatorMetrics
from fog_aggregator.tasks import Loops
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.link import Link
from fog_bus.ports import Log
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import Fleet, counting
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import FamilySnapshot
from utilityfog_frontend.telemetry.support.problems import REASONS

PAGE = (Path(__file__).parents[2] / "METRICS.md").read_text("utf-8")


def rows() -> list[list[str]]:
    """Return the cells of each row of the tables, without the heads and what is under them."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if not re.match(r"\|( metric |-)", line)
    ]


def told(snapshots: Iterable[FamilySnapshot | FamilySamples], prefix: str) -> dict[str, str]:
    """Return the families of a prefix and their types."""
    families = (snapshot.family for snapshot in snapshots)
    return {family.name: family.type.value for family in families if family.name.startswith(prefix)}


def program() -> TelemetryCollector:
    """Return a collector with its own metrics alone, and a source that has none: it is counted by its name."""
    collector = TelemetryCollector()
    collector.add_source(list)
    return collector


def agent() -> TelemetryCollector:
    """Return an agent's registry, with what the host's sources add for `fog agent`."""
    collector = TelemetryCollector(self_metrics=False)
    agent = AgentMetrics(collector, Settings())
    assert agent.recovery is not None  # made by an agent that looks for journals
    agent.expect_filters(["relabel 1 drop"])  # … that has filters
    HostMetrics(collector)
    sources = SourceMetrics(collector)
    sources.expect("app", "line")  # … and sources
    make_source(read_jobs(Table({"name": "jobs"})), Context(collector, sources, 10))
    ListenerCounters(collector, "statsd")
    return collector


def aggregator() -> TelemetryCollector:
    """Return an aggregator's registry."""
    collector = TelemetryCollector(self_metrics=False, reserved_names=True)
    AggregatorMetrics(collector)
    return collector


def of_a_program() -> dict[str, str]:
    """Return a collector's own."""
    return told(program().collect(), "telemetry_")


def of_an_agent() -> dict[str, str]:
    """Return an agent's registry."""
    return told(agent().collect(), "fog_")


class Present:
    """An engine that is connected and current."""

    def is_connected(self, now: float) -> bool:
        """Return that it is, always."""
        return now >= 0

    def is_current(self, now: float) -> bool:
        """Return that it is, always."""
        return now >= 0


async def no_logs() -> list[Log]:
    """Return no stream."""
    return []


def of_an_aggregator() -> dict[str, str]:
    """Return an aggregator's registry with all that it may hold, and its coverage."""
    fleet = Fleet()
    for path in ("fog/0", "fog/1"):
        counting(path, {"as many as there can be": 2**62}, fleet)
    AggregatorMetrics(fleet.own).watch(fleet.network, (), Present())
    MemoryMetrics(divide(2**30, 0, 0, 0), fleet.network, fleet.own)
    accounts = Accounts(Subjects())
    accounts.open("fog.v1.metrics.fog")
    fleet.own.add_source(lambda: [costliest(accounts, fleet.network)])
    ApiMetrics(fleet.own)
    FeedMetrics(fleet.own)
    PastMetrics(fleet.own)
    RuleMetrics(fleet.own, RuleSet(), RuleSeries())
    NotificationMetrics(fleet.own, ("log",), lambda: 0.0)
    HistoryMetrics(fleet.own)
    OutgoingMetrics(fleet.own)
    Shares(tuple, Subjects(), fleet.own, Loops())
    branches, unread = BranchPatterns(), fleet.network.unread
    UnreadBranches(no_logs, Subjects(), branches, unread, lambda: True, fleet.own, Loops())
    link, source = Link(Connection(NatsOptions())), RollupSource(fleet.network.totals, lambda: False, Origin)
    RollupPublication(("fog",), RollupOptions(), Subjects(), source, fleet.own, link, Loops())
    BranchQuestions(BelowOptions(), fleet.own)
    [unanswered] = LevelParts(1, missing={("fog",): ""}).unanswered()
    return told([unanswered, *fleet.network.collect(), *fleet.network.view().sampled()], "fog_")


def test_each_row_has_one_whole_name() -> None:
    """A name that is cut short is found by nobody who looks for it."""
    for cells in rows():
        assert re.fullmatch(r"`[a-z][a-z0-9_]*`", cells[0]), cells[0]
    names = [cells[0] for cells in rows()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("prefix", "metrics"),
    [("telemetry_", of_a_program()), ("fog_agent_", of_an_agent()), ("fog_aggregator_", of_an_aggregator())],
    ids=["program", "agent", "aggregator"],
)
def test_what_is_listed_is_what_there_is(prefix: str, metrics: dict[str, str]) -> None:
    """Both ways: names and types."""
    listed = {name.strip("`"): kind.partition(",")[0] for name, kind, *_ in rows() if name.startswith(f"`{prefix}")}
    assert listed == metrics
    assert all(name.startswith(prefix) for name in metrics)


@pytest.mark.parametrize("collector", [program(), agent(), aggregator()], ids=["program", "agent", "aggregator"])
def test_counters_by_reason_have_every_reason_from_the_start(collector: TelemetryCollector) -> None:
    """At 0, and METRICS.md names each: a loss is an increase only where there was a 0 before it."""
    meanings = {cells[0].strip("`"): cells[2] for cells in rows()}
    found = [snapshot for snapshot in collector.collect() if snapshot.family.name in meanings]
    by_reason = [one for one in found if one.family.type.value == "counter" and " by `" in meanings[one.family.name]]
    assert by_reason
    for snapshot in by_reason:
        [label, *named] = re.findall(r"`(\w+)`", meanings[snapshot.family.name].partition(" by ")[2])
        values = {dict(series.labels)[label]: series.value for series in snapshot.series}
        assert values, snapshot.family.name
        assert set(values.values()) == {0}
        assert not named or set(values) == set(named), snapshot.family.name
    undocumented = {one.family.name for one in found if one.family.type.value == "counter" and not one.series}
    assert not undocumented, "a counter without a series at the start"


def test_the_reasons_of_problems_are_documented() -> None:
    """In the page of the SDK, each with what is lost."""
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text("utf-8")
    table = page.partition("| reason | what happened | lost |")[2].partition("\n\n")[0]
    firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(firsts))) == sorted(REASONS)


def test_a_counter_ends_in_total_and_nothing_else_does() -> None:
    """As Prometheus wants it."""
    for metrics in (of_a_program(), of_an_agent(), of_an_aggregator()):
        for name, kind in metrics.items():
            assert name.endswith("_total") == (kind == "counter"), name


def test_what_only_grows_is_a_counter() -> None:
    """Seconds of CPU, above all: `rate()` of a gauge is an error that nobody is told of."""
    metrics = of_an_aggregator()
    assert metrics["fog_aggregator_process_cpu_seconds_total"] == "counter"
    fleet = Fleet()
    AggregatorMetrics(fleet.own)
    assert "fog_aggregator_process_cpu_seconds_total " in fleet.own.export_to_prometheus()
