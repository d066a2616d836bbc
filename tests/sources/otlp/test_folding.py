"""Series of several programs are added into one: exactly, and never more than was counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_agent.sources.otlp.folding import Fold, Outcome
from fog_agent.sources.otlp.limits import Limits
from fog_agent.sources.otlp.request import Parser
from tests.sources.otlp.requests import CUMULATIVE, DELTA, SECOND, put, request, resource, total
from utilityfog_frontend.telemetry.model import FamilySnapshot, HistogramValue, MetricType, SeriesSnapshot

BEGAN = 1_000
NOW = 2_000.0


class Node:
    """A fold with its parser."""

    def __init__(self, **arguments: Any) -> None:
        self.fold = Fold(BEGAN * SECOND, **arguments)
        self.parser = Parser()
        self.now = NOW

    def post(self, sent: Any) -> Outcome:
        """Take a request."""
        return self.fold.apply(self.parser.parse(sent.SerializeToString()), self.now)

    def families(self) -> dict[str, FamilySnapshot]:
        """Return all families by name."""
        return {one.family.name: one for one in self.fold.families(self.now)}

    def series(self, name: str) -> list[SeriesSnapshot]:
        """Return the series of a family."""
        families = self.families()
        return list(families[name].series) if name in families else []

    def count(self, name: str) -> Any:
        """Return the value of the only series of a family; 0 without any."""
        found = self.series(name)
        return found[0].value if found else 0


def one(value: float, process: str = "a", **arguments: Any) -> Any:
    """Return a request with one sum of one process."""
    sent = request()
    total(resource(sent, **{"service.instance.id": process}), "hits", value, **arguments)
    return sent


class Process:
    """A program with a counter: its value, what of it was reported since its start, and what must be counted of it."""

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.value = self.reported = self.counted = 0
        self.known = False
        self.latest: Any = None

    def told(self, time: int, *, turned: bool) -> Any:
        """Return its request at a time; its attributes are in the other order when it is turned."""
        attributes = {"a": "1", "b": "2"}
        if turned:
            attributes = {"b": "2", "a": "1"}
        sent = request()
        metrics = resource(sent, **({"id": self.name, "x": "y"} if turned else {"x": "y", "id": self.name}))
        total(metrics, "hits", self.value, start=self.start, time=time, attributes=attributes)
        return sent


DEEDS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(("count", "tell", "turned", "again", "restart", "forget"))),
    max_size=60,
)


class Story:
    """Three processes and a node, and what the node must have counted."""

    def __init__(self, *, old: bool) -> None:
        self.node = Node(limits=Limits(idle=600, stale=60))
        self.processes = [Process(str(number), BEGAN + 1 + number - 10 * old) for number in range(3)]
        self.time = BEGAN + 10
        self.forgotten = False

    def play(self, who: int, deed: str) -> None:
        """Let a process do something."""
        process = self.processes[who]
        self.time += 1 if deed != "forget" else 1_000
        self.node.now = float(self.time)
        if deed == "count":
            process.value += who + 1
        elif deed == "restart":
            process.start, process.value, process.reported = self.time, 0, 0
        elif deed == "forget":
            self.node.families()
            self.forgotten = True
        elif deed != "again":
            self._tell(process, turned=deed == "turned")
        elif process.latest is not None:
            self.node.post(process.latest)

    def _tell(self, process: Process, *, turned: bool) -> None:
        process.latest = process.told(self.time, turned=turned)
        self.node.post(process.latest)
        baseline = process.start <= BEGAN and not process.known
        process.known = True
        process.counted += 0 if baseline else process.value - process.reported
        process.reported = process.value


@given(DEEDS, st.integers(0, 1))
def test_totals_of_processes_are_added_exactly(deeds: list[tuple[int, str]], old: int) -> None:
    """Processes count, tell, tell again, and begin anew in any order: the total is what they have told of.

    One that began before the source is exact from its first telling on. A forgotten one never counts twice.
    """
    story = Story(old=bool(old))
    for who, deed in deeds:
        story.play(who, deed)
    count, counted = story.node.count("hits_total"), sum(process.counted for process in story.processes)
    if story.forgotten:
        assert count <= counted
    else:
        assert count == counted


def test_two_processes_are_one_series() -> None:
    """Their instance ids are dropped; a restart of one goes on from what it has counted."""
    node = Node()
    for request_ in (one(5, "a"), one(7, "b"), one(6, "a"), one(2, "a", start=1_900)):
        assert not node.post(request_).refused
    assert node.count("hits_total") == 3  # without what was there before
    node = Node()
    for value, process, start in ((5, "a", 1_001), (7, "b", 1_002), (6, "a", 1_001), (2, "a", 1_900)):
        node.post(one(value, process, start=start))
    (series,) = node.series("hits_total")
    assert (series.value, series.labels, series.created) == (15, (), 1_001.0)


def test_workers_that_share_a_resource_are_kept_apart_by_their_start() -> None:
    """Forked workers with one resource between them tell two totals in turn: each is added by itself."""
    node = Node()
    for value, start in ((5, 1_001), (3, 1_002), (6, 1_001), (4, 1_002)):
        node.post(one(value, start=start))
    assert node.count("hits_total") == 10


def test_a_late_copy_is_no_new_beginning() -> None:
    """A request that was sent again and comes after a newer one is not counted."""
    node = Node()
    for value, time in ((5, 1_010), (9, 1_020), (5, 1_010), (10, 1_030)):
        node.post(one(value, start=1_001, time=time))
    assert node.count("hits_total") == 10


def test_a_total_that_falls_began_anew_only_where_it_says_so() -> None:
    """With another start, or where it tells none. Else two programs tell it: what is above both counts, and once."""
    node = Node()
    for value, start, time in ((5, 1_001, 1_010), (9, 1_001, 1_020), (2, 1_025, 1_030)):
        node.post(one(value, start=start, time=time))
    assert node.count("hits_total") == 11
    node = Node()
    for value, time in ((5, 1_010), (9, 1_020), (2, 1_030)):
        node.post(one(value, start=0, time=time))
    assert node.count("hits_total") == 6
    node = Node()
    outcomes = [node.post(one(value, start=1_001, time=1_010 + at)) for at, value in enumerate((9, 2, 9, 3, 10))]
    assert node.count("hits_total") == 10
    assert sum(outcome.refused["fell"] for outcome in outcomes) == 2


def test_without_a_start_the_first_value_is_a_baseline() -> None:
    """Nobody knows what was counted before."""
    node = Node()
    for value in (5, 9):
        node.post(one(value, start=0))
    assert node.count("hits_total") == 4


def test_deltas_add_and_a_copy_does_not() -> None:
    """A while's count is added; the same while sent again, as after a lost answer, is not."""
    node = Node()
    for value, start, time in ((5, 1_000, 1_010), (5, 1_000, 1_010), (2, 1_010, 1_020)):
        node.post(one(value, start=start, time=time, temporality=DELTA))
    assert node.count("hits_total") == 7


def test_what_was_forgotten_never_counts_in_full_again() -> None:
    """A process that was silent for long comes back: its first value is a baseline, a new process's is not."""
    node = Node(limits=Limits(idle=600))
    node.post(one(5, start=1_500))
    assert node.count("hits_total") == 5
    node.now += 10_000
    node.families()
    assert node.families() == {}
    assert (node.fold.series, node.fold.resources) == (0, 0)
    node.post(one(8, start=1_500))
    node.post(one(9, start=1_500))
    assert node.count("hits_total") == 1
    node.post(one(3, "b", start=1_400))
    assert node.count("hits_total") == 4


def test_up_and_down_adds_processes_and_gauges_take_the_latest() -> None:
    """A sum that is not monotonic is a gauge that adds up; of a gauge the latest value counts."""
    node = Node()
    for process, value in (("a", 5), ("b", -2), ("a", 4)):
        sent = request()
        metrics = resource(sent, **{"service.instance.id": process})
        total(metrics, "jobs", value, monotonic=False)
        metrics.add(name="heat", unit="Cel").gauge.data_points.add(as_double=value, time_unix_nano=1)
        node.now += 1
        node.post(sent)
    families = node.families()
    jobs, heat = families["jobs"], families["heat_celsius"]
    assert (jobs.family.type, jobs.family.rollup, jobs.series[0].value) == (MetricType.GAUGE, ("sum",), 2)
    assert (heat.family.unit, heat.series[0].value) == ("celsius", 4)
    node.now += 299.5
    assert node.count("jobs") == 4  # the other one is silent for too long
    node.now += 1
    assert "jobs" not in node.families() or not node.series("jobs")


def test_changes_of_a_gauge_add() -> None:
    """An up-down counter that tells its changes."""
    node = Node()
    for value, time in ((5, 1_010), (5, 1_010), (-2, 1_020)):
        node.post(one(value, time=time, temporality=DELTA, monotonic=False))
    assert node.count("hits") == 3


def test_no_recorded_value_ends_a_gauge_and_leaves_a_count() -> None:
    """The flag says that a series is no more: a count of it stays true."""
    node = Node()
    for flags in (0, 1):
        sent = request()
        metrics = resource(sent)
        metrics.add(name="heat").gauge.data_points.add(as_int=3, flags=flags)
        total(metrics, "hits", 4, start=1_001).flags = flags
        assert not node.post(sent).refused
        assert len(node.series("heat")) == 1 - flags
        assert node.count("hits_total") == 4


def test_histograms_of_processes_are_added() -> None:
    """Explicit ones bucket by bucket; with other bounds they are refused; a restart of the process counts on."""
    node = Node()
    refused = 0
    told = (("a", [1, 0], 1_001), ("b", [2, 2], 1_002), ("a", [1, 3], 1_001), ("a", [0, 1], 1_900))
    for process, counts, start in told:
        sent = request()
        metric = resource(sent, id=process).add(name="took", unit="s")
        metric.histogram.aggregation_temporality = CUMULATIVE
        metric.histogram.data_points.add(
            start_time_unix_nano=start * SECOND,
            count=sum(counts),
            sum=float(sum(counts)),
            explicit_bounds=[1.0],
            bucket_counts=counts,
        )
        metric.histogram.data_points.add(count=1, explicit_bounds=[2.0], bucket_counts=[1, 0])
        refused += node.post(sent).refused["bounds"]
    assert refused == 4
    family = node.families()["took_seconds"]
    assert (family.family.type, family.family.bounds) == (MetricType.HISTOGRAM, (1.0,))
    assert family.series[0].value == HistogramValue((3, 6), 9.0)


def test_exponential_histograms_far_apart_are_added_at_a_coarse_schema() -> None:
    """Observations at both ends of the numbers, at the finest scale: one exact value, and nothing large between."""
    node = Node()
    for process, offset, scale in (("a", -30_000, 8), ("b", 200_000, 8), ("c", 5, 20)):
        sent = request()
        metric = resource(sent, id=process).add(name="size", unit="By")
        metric.exponential_histogram.aggregation_temporality = CUMULATIVE
        point = metric.exponential_histogram.data_points.add(
            start_time_unix_nano=1_001 * SECOND, count=3, sum=6.0, scale=scale
        )
        point.positive.offset = offset
        point.positive.bucket_counts.extend([1, 2])
        assert not node.post(sent).refused
    family = node.families()["size_bytes"]
    assert family.family.type is MetricType.EXPONENTIAL_HISTOGRAM
    value = family.series[0].value
    assert (value.count, value.sum) == (9, 18.0)  # type: ignore[union-attr]
    assert len(value.positive.counts) <= 160  # type: ignore[union-attr]


def test_a_summary_is_gauges_and_counts() -> None:
    """Its quantiles are a gauge, its count and sum are counts."""
    node = Node()
    for count in (3, 5):
        sent = request()
        point = (
            resource(sent)
            .add(name="wait", unit="s")
            .summary.data_points.add(count=count, sum=count / 2, start_time_unix_nano=1_001 * SECOND)
        )
        put(point.attributes, {"path": "/"})
        point.quantile_values.add(quantile=0.5, value=0.25)
        point.quantile_values.add(quantile=0.99, value=2.0)
        assert not node.post(sent).refused
    assert node.count("wait_seconds_count") == 5
    assert node.count("wait_seconds_sum") == 2.5
    assert {one.labels: one.value for one in node.series("wait_seconds")} == {
        (("path", "/"), ("quantile", "0.5")): 0.25,
        (("path", "/"), ("quantile", "0.99")): 2,
    }


def test_resources_are_dropped_unless_promoted() -> None:
    """A promoted attribute is a label; a point's own attribute of that name wins."""
    sent = request()
    metrics = resource(sent, **{"service.name": "shop", "host.name": "h"})
    total(metrics, "hits", 1, start=1_001)
    total(metrics, "misses", 1, start=1_001, attributes={"service.name": "own"})
    node = Node(promote=("service.name",), scope_labels=True)
    node.post(sent)
    assert node.series("hits_total")[0].labels == (("otel_scope_name", "library"), ("service_name", "shop"))
    assert dict(node.series("misses_total")[0].labels)["service_name"] == "own"


def test_two_names_that_become_one_are_told_once() -> None:
    """They are added, and somebody hears of it."""
    node = Node()
    sent = request()
    metrics = resource(sent)
    total(metrics, "a.b", 1, start=1_001)
    total(metrics, "a_b", 2, start=1_001)
    assert "'a_b' and 'a.b' both become a_b_total" in node.post(sent).texts["name_clash"]
    assert "name_clash" not in node.post(sent).texts
    assert node.count("a_b_total") == 3


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        ("value", {"value": -1}),
        ("value", {"value": float("nan")}),
        ("temporality", {"value": 1, "temporality": 0}),
        ("name", {"value": 1, "name": "fog_up"}),
        ("name", {"value": 1, "name": ""}),
        ("name", {"value": 1, "name": "x" * 300}),
        ("labels", {"value": 1, "attributes": {f"k{number}": "v" for number in range(40)}}),
        ("labels", {"value": 1, "attributes": {"k": "v" * 2_000}}),
    ],
)
def test_what_is_refused_has_a_reason(reason: str, arguments: dict[str, Any]) -> None:
    """The others of the request are taken."""
    node = Node()
    sent = request()
    metrics = resource(sent)
    total(metrics, **{"name": "bad", **arguments})
    total(metrics, "good", 1, start=1_001)
    outcome = node.post(sent)
    assert (dict(outcome.refused), outcome.taken, node.count("good_total")) == ({reason: 1}, 1, 1)


def test_a_name_has_one_kind() -> None:
    """A family that changes its kind is refused as long as the other one is there."""
    node = Node()
    sent = request()
    metrics = resource(sent)
    metrics.add(name="x").gauge.data_points.add(as_int=1)
    total(metrics, "x", 1, monotonic=False)
    metrics.add(name="x").histogram.aggregation_temporality = CUMULATIVE
    metrics[-1].histogram.data_points.add(count=1, explicit_bounds=[2.0], bucket_counts=[1, 0])
    assert dict(node.post(sent).refused) == {"family": 1}


def test_limits() -> None:
    """Processes, series and newcomers are bounded; what is known goes on, and a refused total is whole later."""
    node = Node(limits=Limits(resources=2, series=15, new_series=1))
    sent = request()
    metrics = resource(sent)
    for number in range(12):
        total(metrics, "hits", 5, start=1_001, attributes={"number": str(number)})
    assert dict(node.post(sent).refused) == {"new_series": 2}
    node.now += 2
    assert not node.post(sent).refused
    assert sum(one.value for one in node.series("hits_total")) == 60  # type: ignore[misc]
    node.now += 100
    for number in range(12, 17):
        total(metrics, "hits", 5, start=1_001, attributes={"number": str(number)})
    assert dict(node.post(sent).refused) == {"series": 2}
    node.fold.families(node.now)
    assert dict(node.post(one(1, "b")).refused) == {"series": 1}
    assert dict(node.post(one(1, "c")).refused) == {"resources": 1}
