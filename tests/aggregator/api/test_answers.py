"""Answers are those of a Prometheus: recorded, and compared with a real one on the same samples."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from fog_aggregator.promql import MemoryStorage
from tests.aggregator.api import recorded
from tests.aggregator.api.asking import NOW, Asked, asking
from tests.promql.asking import load, repeat
from tests.promql.grammar import random_series
from tests.promql.prometheus import BINARY, WHY_NOT, Prometheus, running_prometheus

SAMPLES = load(
    f'orders_total{{kind="pizza",fog="a"}} {repeat(60)}',
    f'orders_total{{kind="pasta",fog="a"}} {repeat(60, 5, 2)}',
    f'heat{{zone="é\\"x"}} {repeat(60, 1.5)}',
)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Provide the API over three series of ten minutes from 1970 on."""
    async with asking(SAMPLES) as asked:
        yield asked


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a Prometheus without samples; the test is skipped where none is installed."""
    if BINARY is None:
        pytest.skip(WHY_NOT)
    with running_prometheus(tmp_path_factory.mktemp("beside")) as server:
        yield server


def as_json(body: bytes | str) -> Any:
    """Decode, if it is JSON."""
    try:
        return json.loads(body)
    except ValueError:
        return body


@pytest.mark.parametrize(("path", "status", "body"), recorded.GET, ids=[path for path, _, _ in recorded.GET])
async def test_recorded_answers_of_a_prometheus(path: str, status: int, body: str) -> None:
    """Status, type and body, without samples."""
    async with asking(MemoryStorage({})) as asked:
        answer = await asked.ask("/api/v1/" + path)
        assert (answer.status, answer.headers["Content-Type"]) == (status, recorded.JSON)
        assert json.loads(answer.body) == json.loads(body)
        assert answer.body.decode().startswith(body[:40])  # the status first, the type before the result


def without_position(answer: Any) -> Any:
    """Take out what ours has not: the position in an expression; and the name that ours has in ranges as well."""
    if isinstance(answer, dict) and "error" in answer:
        text = re.sub(r"\d+:\d+: ", "", answer["error"]).replace("Invalid time value for 'time': ", "")
        return answer | {"error": text.replace('invalid parameter "query": ', "")}
    return answer


@pytest.mark.parametrize(("path", "status", "body"), recorded.GET, ids=[path for path, _, _ in recorded.GET])
def test_a_prometheus_still_says_so(beside: Prometheus, path: str, status: int, body: str) -> None:
    """The installed one answers as is recorded."""
    try:
        with urllib.request.urlopen(f"{beside.url}/api/v1/{path}", timeout=60) as answer:
            found, code = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        found, code = error.read(), error.code
    assert code == status
    assert without_position(json.loads(found)) == without_position(json.loads(body))


@pytest.mark.parametrize("path", recorded.FORMS)
async def test_long_questions_come_as_forms(asked: Asked, path: str) -> None:
    """The same answer by GET, by a form, and by a form with a part in the address."""
    every = {"query": "orders_total", "match[]": "orders_total", "start": "0", "end": "600", "step": "60"}
    by_address = await asked.ask(f"/api/v1/{path}?{urlencode(every)}")
    by_form = await asked.ask(f"/api/v1/{path}", form=every)
    assert (by_address.status, by_address.body) == (by_form.status, by_form.body) == (200, by_form.body)
    query = every.pop("query")
    assert (await asked.ask(f"/api/v1/{path}?query={query}", form=every)).body == by_form.body


@pytest.mark.parametrize("path", recorded.READ_ONLY)
async def test_other_questions_are_not_asked_with_forms(asked: Asked, path: str) -> None:
    """405 and a text, on which Grafana asks again with GET."""
    answer = await asked.ask(f"/api/v1/{path}", form={})
    assert (answer.status, answer.headers["Content-Type"]) == (405, recorded.TEXT)
    assert (await asked.ask(f"/api/v1/{path}")).status == 200


@pytest.mark.parametrize("path", recorded.UNKNOWN)
async def test_unknown_addresses_are_not_found(asked: Asked, path: str) -> None:
    """404 and a text."""
    answer = await asked.ask(f"/api/v1/{path}")
    assert (answer.status, answer.headers["Content-Type"]) == (404, recorded.TEXT)


async def test_errors_of_evaluation_are_told_from_those_of_questions(asked: Asked) -> None:
    """422 where an expression can be read and its result is not defined."""
    status, error_type, text = await asked.error("query", {"query": "orders_total + on (fog) orders_total", "time": 60})
    assert (status, error_type) == (422, "execution")
    assert "many-to-many matching not allowed" in text


async def test_series_labels_and_values_are_listed(asked: Asked) -> None:
    """By one selector or several, each series once, in order, and only with samples in the time that is asked for."""
    pizza = {"__name__": "orders_total", "kind": "pizza", "fog": "a"}
    heat = {"__name__": "heat", "zone": 'é"x'}
    by_pattern = urlencode({"match[]": 'orders_total{kind=~"pi.*"}'})
    assert await asked.data(f"series?{by_pattern}") == [pizza]
    both = [("match[]", "heat"), ("match[]", 'orders_total{kind="pizza"}'), ("match[]", "{__name__=~'h.*'}")]
    assert await asked.data("series", both) == [heat, dict(sorted(pizza.items()))]
    assert await asked.data("series", [*both, ("start", 601)]) == []
    assert await asked.data("labels?match[]=heat") == ["__name__", "zone"]
    assert await asked.data("label/kind/values") == ["pasta", "pizza"]
    assert await asked.data("label/kind/values?match[]=heat") == []
    assert await asked.data('label/__name__/values?match[]={__name__!=""}') == ["heat", "orders_total"]
    assert await asked.data("label/U__kind/values") == ["pasta", "pizza"]
    far = {"start": NOW - 36_000_000, "end": NOW + 36_000_000}
    assert await asked.data(f"label/kind/values?{urlencode(far)}") == []
    assert await asked.data(f"label/kind/values?start=-36000000&end={far['end']}") == ["pasta", "pizza"]


async def test_the_fogs_own_labels_are_listed_by_its_places(asked: Asked) -> None:
    """No series of the whole has them, and yet they may be asked for."""
    assert await asked.data("labels") == ["__name__", "fog", "fog_level", "fog_node", "fog_path", "kind", "zone"]
    assert await asked.data("label/fog_level/values") == ["0", "1", "2"]
    nodes = ["fog", "fog/0", "fog/0/1", "fog/0/2", "fog/1", "fog/1-a", "fog/1/1"]
    assert await asked.data("label/fog_node/values") == await asked.data("label/fog_path/values") == nodes


async def test_an_alert_does_not_hide_the_other_places() -> None:
    """A series of the whole that is about one place has its labels; without a selector all places are listed still."""
    alert = load(f'ALERTS{{alertstate="firing",fog_level="2",fog_path="fog/0/1"}} {repeat(60, 1, 0)}')
    async with asking(alert) as asked:
        assert await asked.data("label/fog_level/values") == ["0", "1", "2"]
        assert "fog/1" in await asked.data("label/fog_path/values")
        assert await asked.data("label/fog_path/values?match[]=ALERTS") == ["fog/0/1"]
        assert await asked.data("label/fog_level/values?match[]=fog_aggregator_nodes") == ["0", "1", "2"]


async def test_limits_of_an_answer_are_kept_and_told(asked: Asked) -> None:
    """As many as asked for, and a warning where there are more."""
    for path in ("labels", "label/kind/values", "series?match[]=orders_total", "query?query=orders_total&time=60"):
        sign = "&" if "?" in path else "?"
        cut = as_json((await asked.ask(f"/api/v1/{path}{sign}limit=1")).body)
        listed = cut["data"]["result"] if path.startswith("query") else cut["data"]
        assert (len(listed), cut["warnings"]) == (1, ["results truncated due to limit"]), path
        every = as_json((await asked.ask(f"/api/v1/{path}{sign}limit=100")).body)
        assert "warnings" not in every, path
    ranged = "query_range?query=orders_total&start=0&end=60&step=10&limit=1"
    assert len((await asked.data(ranged))["result"]) == 1
    assert len((await asked.data(f"query?query={quote('orders_total[1m]')}&time=60&limit=1"))["result"]) == 1


async def test_warnings_and_infos_are_part_of_an_answer(asked: Asked) -> None:
    """Infos apart from warnings."""
    found = as_json((await asked.ask("/api/v1/query", form={"query": "rate(heat[1m])", "time": 60})).body)
    assert found["infos"][0].startswith("PromQL info: metric might not be a counter")
    found = as_json((await asked.ask("/api/v1/query", form={"query": "quantile(2, heat)", "time": 60})).body)
    assert found["warnings"][0].startswith("PromQL warning: quantile value should be between 0 and 1")


async def test_metadata_is_that_of_the_fleet(asked: Asked) -> None:
    """Nodes' families, coverage and the aggregator's own; a list for each name."""
    every = await asked.data("metadata")
    assert every["requests_total"] == [{"type": "counter", "help": "Requests", "unit": ""}]
    assert every["wait_seconds"] == [{"type": "histogram", "help": "Waiting", "unit": "seconds"}]
    assert {"fog_aggregator_nodes", "fog_aggregator_frames_total"} <= set(every)
    assert await asked.data("metadata?metric=level") == {"level": [{"type": "gauge", "help": "No choice", "unit": ""}]}
    assert list(await asked.data("metadata?limit=2")) == sorted(every)[:2]


async def test_cardinality_is_counted(asked: Asked) -> None:
    """By name, by label and by pair."""
    found = await asked.data("status/tsdb?limit=1")
    assert found["headStats"] == {"numSeries": 3, "numLabelPairs": 6, "chunkCount": 0, "minTime": 0, "maxTime": 590_000}
    assert found["seriesCountByMetricName"] == [{"name": "orders_total", "value": 2}]
    assert found["labelValueCountByLabelName"] == [{"name": "__name__", "value": 2}]
    assert found["seriesCountByLabelValuePair"] == [{"name": "__name__=orders_total", "value": 2}]


async def test_a_version_is_told_without_features(asked: Asked) -> None:
    """Grafana reads the version; features would make it look for rulers."""
    found = await asked.data("status/buildinfo")
    assert re.fullmatch(r"3\.\d+\.\d+\+fog\..+", found["version"])
    assert set(found) == {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}


async def test_answers_are_those_of_a_prometheus_with_the_same_samples(prometheus: Prometheus) -> None:
    """Listings, vectors, matrices and errors, by their JSON."""
    async with asking(MemoryStorage(random_series(1))) as asked:
        for path, form in (
            ("series", {"match[]": '{__name__!=""}'}),
            ("labels", {"match[]": '{__name__!=""}'}),
            ("query", {"query": "load", "time": "1000000900"}),
            ("query", {"query": "load[90s]", "time": "1000000905"}),
            ("query", {"query": "1e21", "time": "1000000905.25"}),
            ("query_range", {"query": "load", "start": "1000000000", "end": "1000001200", "step": "35"}),
        ):
            ours = json.loads((await asked.ask(f"/api/v1/{path}", form=form)).body)
            theirs = await asyncio.to_thread(prometheus.ask, path, **form)
            assert in_order(ours) == in_order(theirs), path


def in_order(answer: Any) -> Any:
    """Put the series of a vector in the order of their labels: it has none."""
    data = answer.get("data")
    if isinstance(data, dict) and data.get("resultType") == "vector":
        data["result"].sort(key=lambda series: sorted(series["metric"].items()))
    return without_position(answer)
