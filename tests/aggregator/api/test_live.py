"""The present answers where nobody keeps the past: every view, the same numbers as /metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fog_aggregator.components.http.prometheus import live
from fog_aggregator.components.http.prometheus.live import LiveSource
from fog_aggregator.history.routing import Level, Whole
from fog_aggregator.promql import EvaluationError, QueryTimeoutError, instant_query
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.promql.query import VectorResult
from fog_aggregator.sources.fleet_storage import FleetStorage
from fog_aggregator.sources.ports import enough_room
from tests.aggregator.api.asking import Asked, KeptView, asking
from tests.aggregator.fleet import START
from tests.aggregator.serving import sample_fleet, serving
from tests.promql.asking import load, repeat

NOW = round(START * 1000)
ONLY_NOW = "the past of these series is not kept: the answer is of this moment alone"


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Provide the API of a fleet without a history."""
    fleet = sample_fleet()
    async with asking(FleetStorage([LiveSource(fleet.network)]), now=START) as asked:
        yield asked


@pytest.mark.parametrize(
    ("selector", "query", "label"),
    [
        ('{__name__!=""}', "", {}),
        ('{__name__!="", fog_level="1"}', "?level=1", {}),
        ('{__name__!="", fog_level="2", fog_path="fog/0"}', "?level=2&path=fog/0", {}),
        ('{__name__!="", fog_path="fog/1"}', "?path=fog/1", {"fog_path": "fog/1"}),
        ('{__name__!="", fog_node="fog/0"}', "?node=fog/0", {"fog_node": "fog/0"}),
        ('{__name__="requests_total"}', "?name=requests_total", {}),
        ('{__name__="wait_seconds_bucket", fog_level="1"}', "?name=wait_seconds_bucket&level=1", {}),
    ],
)
async def test_every_view_has_the_numbers_of_metrics(selector: str, query: str, label: dict[str, str]) -> None:
    """Sample by sample: names, labels and values, buckets and statistics of gauges too."""
    fleet = sample_fleet()
    async with serving(fleet) as served:
        text = (await served.ask("/metrics" + query)).text
    shown = {
        make_labels({"__name__": sample.name, **sample.labels, **label}): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    if "level=2&path" in query:  # a group by equality: not those under it
        shown = {labels: value for labels, value in shown.items() if dict(labels).get("fog_path") == "fog/0"}
    if "name=wait" in query:  # /metrics shows the family
        shown = {labels: value for labels, value in shown.items() if dict(labels)["__name__"].endswith("_bucket")}
    found = instant_query(selector, FleetStorage([LiveSource(fleet.network)]), NOW)
    assert isinstance(found.data, VectorResult)
    assert dict(zip(found.data.labels, found.data.values.tolist(), strict=True)) == shown
    assert shown


async def test_the_present_is_all_there_is(asked: Asked) -> None:
    """A range has its last moment, with a warning; the past is empty, with the same."""
    ranged = {"query": "requests_total", "start": START - 600, "end": START, "step": 10}
    answer = await asked.ask("/api/v1/query_range", form=ranged)
    assert f'"warnings":["{ONLY_NOW}"]' in answer.text
    (first, _) = (await asked.data("query_range", ranged))["result"]
    assert first["values"] == [[START, "28"]]
    assert (await asked.data("query", {"query": "requests_total", "time": START - 600}))["result"] == []
    late = await asked.data("query", {"query": "requests_total", "time": START - 30})
    assert len(late["result"]) == 2  # by a clock that is late, or at a step


async def test_what_a_selector_cannot_mean_is_an_error(asked: Asked) -> None:
    """With what to write."""
    status, error_type, text = await asked.error("query", {"query": 'requests_total{fog_path=~"fog/.*"}'})
    assert (status, error_type) == (400, "bad_data")
    assert 'fog_level="1", fog_path=~"fog/.*"' in text
    assert await asked.data("query", {"query": 'requests_total{fog_level="0", fog_path="fog/0/1"}'}) == {
        "resultType": "vector",
        "result": [],
    }


def test_a_view_of_many_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number, and in time."""
    source = LiveSource(sample_fleet().network)
    with pytest.raises(QueryTimeoutError):
        source.until(lambda: True, enough_room).select(Whole(), (), NOW - 1, NOW)
    monkeypatch.setattr(live, "MOST_SERIES", 10)
    with pytest.raises(EvaluationError, match="may find 10 series of the present: select fewer"):
        source.select(Level(2), (), NOW - 1, NOW)


def test_the_past_comes_first_where_it_is_kept() -> None:
    """So that two selectors of one expression are of the same moment, whatever has come since."""
    kept = load(f"requests_total {repeat(2, 4)}")
    storage = FleetStorage([KeptView(Whole(), kept), LiveSource(sample_fleet().network)])
    found = instant_query("requests_total", storage, 19_000)
    assert isinstance(found.data, VectorResult)
    assert (found.data.values.tolist(), found.warnings, storage.newest) == ([5.0], (), 10_000)
