"""/metrics and /api/snapshot over real HTTP, judged by Prometheus's own tools."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.query.totals import Totals
from tests.aggregator.fleet import Fleet
from tests.aggregator.rollups import Reporter
from tests.aggregator.serving import Served, sample_fleet, serving
from tests.telemetry.test_protobuf import delimited

VIEWS = ["", "?level=0", "?level=1", "?level=2", "?level=9", "?path=fog/0", "?path=fog/0&level=2", "?node=fog/0"]
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,*/*;q=0.1"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Provide a small fleet, served."""
    async with serving(sample_fleet()) as served:
        yield served


def total(text: str, name: str) -> float:
    """Return a sample's values added up."""
    return sum(sample.value for family in parse_text(text) for sample in family.samples if sample.name == name)


@pytest.mark.parametrize("view", VIEWS)
async def test_prometheus_parses_every_view(served: Served, view: str) -> None:
    """In both formats; and each level adds up to the same."""
    answer = await served.ask("/metrics" + view)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in parse_text(answer.text)}
    assert {"requests", "level", "health_status", "wait_seconds", "fog_aggregator_nodes"} <= names
    assert ("fog_aggregator_frames" in names) == (view == "")
    if "level" in view and "path" not in view:
        assert total(answer.text, "requests_total") == sum(range(1, 8)) + 7 * 0.5
        assert total(answer.text, "wait_seconds_count") == 7
    answer = await served.ask("/metrics" + view, Accept=OPENMETRICS)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("view", VIEWS)
async def test_who_asks_for_protobuf_gets_the_same(served: Served, view: str) -> None:
    """Each family with the samples that the text has, and counters with the time at which they began."""
    families = delimited((await served.ask("/metrics" + view, Accept=PROTOBUF)).body)
    text = (await served.ask("/metrics" + view)).text
    types = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {"requests_total", "level", "wait_seconds"} <= {one.name for one in families} <= types
    requests = [metric.counter for one in families if one.name == "requests_total" for metric in one.metric]
    assert sum(one.value for one in requests) == total(text, "requests_total")
    assert all(one.created_timestamp.seconds > 0 for one in requests)
    waits = [metric.histogram for one in families if one.name == "wait_seconds" for metric in one.metric]
    assert sum(one.sample_count for one in waits) == total(text, "wait_seconds_count")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's package prometheus")
@pytest.mark.parametrize("view", VIEWS)
async def test_promtool_has_no_complaint_about_the_format(served: Served, view: str) -> None:
    """It may find names unusual (`level` has no unit), but every line is what it should be."""
    answer = await served.ask("/metrics" + view)
    judged = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=answer.body, capture_output=True, check=False
    )
    assert judged.returncode == 0, judged.stderr.decode()


async def test_a_view_says_whose_numbers_it_has(served: Served) -> None:
    """A level labels its groups; a subtree and a node have the series' own labels only."""
    by_level = (await served.ask("/metrics?level=1")).text
    assert 'requests_total{fog_level="1",fog_path="fog/0",path="/a"} 9\n' in by_level
    assert 'fog_aggregator_nodes{fog_level="1",fog_path="fog/0",state="live"} 3\n' in by_level
    assert 'requests_total{path="/a"} 9\n' in (await served.ask("/metrics?path=fog/0")).text
    assert 'requests_total{path="/a"} 2\n' in (await served.ask("/metrics?node=fog/0")).text
    assert "level 1\n" in (await served.ask("/metrics?node=fog/0")).text


@pytest.mark.parametrize(
    ("query", "status", "line"),
    [
        ("levle=1", 400, "unknown parameter 'levle'; /metrics knows: path, level, node"),
        ("level=1&level=2", 400, "the parameter 'level' is given more than once"),
        ("level=-1", 400, "level='-1': a whole number from 0 to 15 is needed"),
        ("level=x", 400, "level='x': a whole number from 0 to 15 is needed"),
        ("level=%D9%A1", 400, "level='\u0661': a whole number from 0 to 15 is needed"),
        ("path=fog//0", 400, "path='fog//0': path 'fog//0': token 2 is empty; write tokens of letters"),
        ("path=", 400, "path='': an empty path: write tokens of letters"),
        ("path=fog/0/1&level=1", 400, "level 1 lies above fog/0/1: ask for level 2 or more"),
        ("node=fog/0&level=1", 400, "node= stands alone"),
        ("path=fog/7", 404, "no node at or under fog/7; /api/tree shows what there is"),
        ("node=fog/7", 404, "no node at fog/7"),
        ("path=fog/~retired", 404, "no node at or under fog/~retired"),
    ],
)
async def test_a_bad_question_gets_one_clear_line(served: Served, query: str, status: int, line: str) -> None:
    """As text on /metrics, as JSON in the API."""
    answer = await served.ask("/metrics?" + query)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith(line)
    assert answer.text.count("\n") == 1
    answer = await served.ask("/api/snapshot?" + query)
    assert answer.status == status
    assert json.loads(answer.text)["error"].startswith(line.replace("/metrics", "/api/snapshot"))


async def test_who_asks_below_a_branch_is_told_where_to_ask() -> None:
    """A branch has no nodes here; to say that it has no nodes at all would be wrong."""
    fleet = Fleet()
    nobody = Totals({}, [], [], Coverage((1, 0, 0, 0, 0, 0, 0), 0.0))
    fleet.state.apply(("fog", "0"), Reporter(1).keyframe(nobody), fleet.now, rollup=True)
    async with serving(fleet) as served:
        for question in ("/metrics?path=fog/0/1", "/metrics?node=fog/0/1", "/api/nodes?path=fog/0/1"):
            answer = await served.ask(question)
            assert answer.status == 404
            assert "fog/0/1 lies under the branch fog/0: what is there, its own aggregator knows" in answer.text
        assert "no node at or under fog/1" in (await served.ask("/metrics?path=fog/1")).text


async def test_nothing_is_shown_before_it_is_complete(served: Served) -> None:
    """503 with the reason; the process is healthy all the same, and the API shows what there is."""
    served.status.reason = "catching up with the stream"
    for path in ("/metrics", "/metrics?level=1", "/-/ready", "/api/snapshot"):
        answer = await served.ask(path)
        assert answer.status == 503
        assert "not ready: catching up with the stream" in answer.text
    assert (await served.ask("/-/healthy")).text == "healthy\n"
    assert (await served.json("/api/status"))["reason"] == "catching up with the stream"
    assert (await served.json("/api/nodes"))["total"] == 7
    served.status.reason = ""
    assert (await served.ask("/-/ready")).text == "ready\n"
    served.status.late = 3
    assert (await served.ask("/-/ready")).text == "ready; the counts of 3 writers wait for a keyframe\n"
    served.status.late, served.status.unwritten = 0, 2
    assert (await served.ask("/-/ready")).text == "ready\n"
    served.status.unwritten = 3
    said = "ready\nthe last 3 checkpoints were not written: a crash loses what only they had\n"
    assert (await served.ask("/-/ready")).text == said
    assert (await served.ask("/metrics")).status == 200


async def test_who_accepts_gzip_gets_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """By isal or, without it, by zlib; never for those who refuse it."""
    plain = await served.ask("/metrics?level=2", Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    for accepted in ("gzip", "br, *", "deflate;q=0.5, GZIP;q=0.2"):
        packed = await served.ask("/metrics?level=2", Accept_Encoding=accepted)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
    for refused in ("gzip;q=0", "gzip;q=nonsense", "br", ""):
        assert "Content-Encoding" not in (await served.ask("/metrics", Accept_Encoding=refused)).headers
    monkeypatch.setitem(sys.modules, "isal", None)
    packed = await served.ask("/metrics?level=2", Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body


async def test_head_says_what_get_would(served: Served) -> None:
    """The same status and headers, and no body."""
    for path in ("/metrics", "/metrics?level=1", "/api/tree", "/api/snapshot", "/-/healthy", "/"):
        got, head = await served.ask(path), await served.ask(path, "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert (await served.ask("/metrics?path=fog/7", "HEAD")).status == 404


async def test_many_scrapes_at_once_are_fine(served: Served) -> None:
    """More than are written at a time: each is whole."""
    answers = await asyncio.gather(*(served.ask(f"/metrics?level={level % 4}") for level in range(24)))
    assert {answer.status for answer in answers} == {200}
    assert {total(answer.text, "requests_total") for answer in answers} == {31.5}


async def test_the_snapshot_is_the_documented_one(served: Served) -> None:
    """The same as any source's `get_snapshot`, times apart."""
    answer = await served.json("/api/snapshot")
    expected = json.loads(served.fleet.network.export_to_json())

    def timeless(value: object) -> object:
        if isinstance(value, dict):
            return {key: timeless(item) for key, item in value.items() if key != "timestamp"}
        return [timeless(item) for item in value] if isinstance(value, list) else value

    assert timeless(answer) == timeless(expected)
    assert answer["timestamp"] == served.fleet.now
    assert list(answer) == ["timestamp", "metrics", "events_count", "running"]
    nothing = await served.json("/api/snapshot?node=fog/0")
    assert nothing["metrics"]["level"] == {"value": 1.0, "labels": {}, "timestamp": served.fleet.now}


async def test_an_empty_fleet_is_served_too() -> None:
    """Before anybody was heard."""
    async with serving(Fleet()) as served:
        assert "fog_aggregator_nodes" in (await served.ask("/metrics")).text
        assert (await served.json("/api/tree"))["children"] == []
        assert (await served.json("/api/nodes"))["nodes"] == []
        assert set((await served.json("/api/snapshot"))["metrics"]) == {
            "fog_aggregator_nodes",
            "fog_aggregator_oldest_frame_age_seconds",
            "fog_aggregator_nodes_gapped",
            "fog_aggregator_followers",
            "fog_aggregator_followers_cut_off_total",
            "fog_aggregator_silent",
        }


@pytest.mark.parametrize("path", ["/metrics", "/api/snapshot"])
async def test_there_is_no_answer_without_memory_for_it(path: str) -> None:
    """A fleet that is over its part of the memory by more than an eighth, and what is asked for takes more still."""
    fleet = sample_fleet()
    budget = fleet.state.parts.budget
    taken = budget.limit - budget.room
    async with serving(fleet) as served:
        budget.limit = taken * 9 // 10  # over it by a ninth: one at a time
        assert (await served.ask(path)).status == 200
        budget.limit = taken // 2
        answer = await served.ask(path)
        assert answer.status == 503
        assert "no memory for this answer: it takes up to 16 MiB" in answer.text
        assert "raise --memory" in answer.text
        assert (await served.ask("/api/status")).status == 200
