"""Clients of Prometheus ask an aggregator as one: promtool, prometheus-api-client, prometheus-pandas; and Grafana."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.aggregator.api.asking import Asked, asking
from tests.promql.asking import load, repeat

PROMTOOL = shutil.which("promtool")
NOW = 590.0
SAMPLES = load(
    f'orders_total{{kind="pizza"}} {repeat(60)}',
    f'orders_total{{kind="pasta"}} {repeat(60, 5, 2)}',
    f"heat {repeat(60, 1.5)}",
)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    """Provide the API over three series, at the moment of their last samples."""
    async with asking(SAMPLES, now=NOW) as asked:
        yield asked


async def promtool(asked: Asked, command: str, *arguments: str) -> tuple[int, str]:
    """Run promtool query, arguments with a dash before the server; return its exit code and all that it prints."""
    if PROMTOOL is None:
        pytest.skip("promtool is not installed: it comes with Debian's package prometheus")
    flags = [one for one in arguments if one.startswith("-")]
    rest = [one for one in arguments if not one.startswith("-")]
    line = [PROMTOOL, "query", command, *flags, asked.url, *rest]
    ran = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stdout + ran.stderr


async def test_promtool_asks_at_a_moment(asked: Asked) -> None:
    """Vectors, scalars, and an error in its words."""
    assert await promtool(asked, "instant", "--time=590", "sum(orders_total)") == (0, "{} => 182 @[590]\n")
    assert (await promtool(asked, "instant", "--time=590", "1 + 1"))[1].startswith("scalar: 2 @[590")
    assert await promtool(asked, "instant", "orders_total") == (0, "\n")  # today: the samples are of 1970
    code, out = await promtool(asked, "instant", "rate(")
    assert code == 1
    assert "bad_data: invalid parameter" in out
    assert "unclosed left parenthesis" in out


async def test_promtool_asks_over_a_range(asked: Asked) -> None:
    """By a form, with a step of its own."""
    code, out = await promtool(asked, "range", "--start=0", "--end=590", "--step=295s", "heat")
    assert (code, out) == (0, "heat =>\n1.5 @[0]\n30.5 @[295]\n60.5 @[590]\n")


async def test_promtool_lists_series_and_values(asked: Asked) -> None:
    """Times far away are fine: without any it sends ten thousand hours around today."""
    code, out = await promtool(asked, "series", "--match=orders_total", "--start=0", "--end=99999999999")
    assert code == 0
    assert sorted(out.splitlines()) == [
        '{__name__="orders_total", kind="pasta"}',
        '{__name__="orders_total", kind="pizza"}',
    ]
    code, out = await promtool(asked, "labels", "--start=0", "--end=99999999999", "kind")
    assert (code, out.split()) == (0, ["pasta", "pizza"])
    assert await promtool(asked, "series", "--match=orders_total") == (0, "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # its use of pandas
async def test_prometheus_api_client_finds_its_way(asked: Asked) -> None:
    """Connection, names, labels, values at a moment and over a range, raw samples, targets."""
    from prometheus_api_client import MetricRangeDataFrame, MetricSnapshotDataFrame, PrometheusConnect

    def ask() -> dict[str, Any]:
        client = PrometheusConnect(url=asked.url, disable_ssl=True)
        begin, end = datetime.fromtimestamp(300, UTC), datetime.fromtimestamp(590, UTC)
        ranged = client.get_metric_range_data("orders_total{kind='pizza'}", start_time=begin, end_time=end)
        return {
            "alive": client.check_prometheus_connection(),
            "names": client.all_metrics(),
            "labels": client.get_label_names(),
            "kinds": client.get_label_values("kind"),
            "now": MetricSnapshotDataFrame(client.get_current_metric_value("orders_total"))["value"].tolist(),
            "query": client.custom_query("sum(orders_total)"),
            "range": client.custom_query_range("sum(orders_total)", begin, end, "145"),
            "raw": len(MetricRangeDataFrame(ranged)),
            "series": client.get_series(begin, end, params={"match[]": "heat"}),
            "targets": client.get_targets(),
            "target metadata": client.get_target_metadata({}),
            "metadata": client.get_metric_metadata("requests_total"),
            "pools": client.get_scrape_pools(),
        }

    found = await asyncio.to_thread(ask)
    assert found["alive"] is True
    assert found["names"] == ["heat", "orders_total"]
    assert set(found["labels"]) >= {"__name__", "kind"}
    assert (found["kinds"], sorted(found["now"])) == (["pasta", "pizza"], [59.0, 123.0])
    assert found["query"] == [{"metric": {}, "value": [590, "182"]}]
    assert found["range"] == [{"metric": {}, "values": [[300, "95"], [445, "137"], [590, "182"]]}]
    assert found["raw"] == 29
    assert found["series"] == [{"__name__": "heat"}]
    assert found["targets"] == {"activeTargets": [], "droppedTargets": []}
    assert found["target metadata"] == found["pools"] == []
    assert found["metadata"][0]["type"] == "counter"


async def test_prometheus_pandas_makes_frames(asked: Asked) -> None:
    """A series of a vector, and a frame of a range."""
    from prometheus_pandas.query import Prometheus

    def ask() -> tuple[Any, Any, Any]:
        client = Prometheus(asked.url)
        vector = client.query("orders_total", "1970-01-01T00:09:50Z")
        frame = client.query_range("orders_total", "1970-01-01T00:00:00Z", "1970-01-01T00:09:50Z", "295s")
        return dict(vector), frame.shape, client.query("1 + 1", 4)

    vector, shape, scalar = await asyncio.to_thread(ask)
    assert sorted(vector.values()) == [59.0, 123.0]
    assert (shape, scalar[1]) == ((3, 2), 2.0)


async def test_questions_of_grafana(asked: Asked) -> None:
    """In the order and the forms in which its data source asks them, as its code says."""
    assert await asked.data("query", {"query": "1+1", "time": "4"}) == {"resultType": "scalar", "result": [4, "2"]}
    build = await asked.data("status/buildinfo")
    assert "version" in build
    assert not build.get("features")
    assert await asked.data("rules") == {"groups": []}
    assert (
        await asked.data("query_exemplars", {"query": "test", "start": "1764136800000", "end": "1764140400000"}) == []
    )
    names = await asked.data("label/__name__/values?start=0&end=590&limit=40000")
    assert names == ["heat", "orders_total"]
    assert isinstance(await asked.data("metadata"), dict)
    labels = {"start": "0", "end": "590", "match[]": '{__name__!=""}', "limit": "40000"}
    assert "kind" in await asked.data("labels", labels)
    assert len(await asked.data("series", labels)) == 3
    panel = {"query": "sum(rate(orders_total[1m]))", "start": "60", "end": "585", "step": "15.000"}
    answer = await asked.ask("/api/v1/query_range", form=panel)
    assert answer.text.startswith('{"status":"success","data":{"resultType":"matrix","result":[')
    ((series,), *_) = (json.loads(answer.body)["data"]["result"],)
    assert len(series["values"]) == 36
    assert (await asked.ask("/api/v1/label/kind/values", form={})).status == 405
