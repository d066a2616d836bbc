"""Names, matchers, labels and nodes' information over real HTTP, with real agents, judged by Prometheus's own tools."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fog_agent import Agent
from fog_aggregator.components.http.prometheus.routes import API_ROUTES
from fog_aggregator.components.http.view_parameters import MOST_MATCHERS, MOST_NAMES, VIEW
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.serving import Served, sample_fleet, serving
from utilityfog_frontend.telemetry import TelemetryCollector

GUIDE = Path(__file__).parents[2] / "docs" / "http.md"
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
VIEWS = [
    "?name=requests_total",
    "?name[]=requests_total&name[]=wait_seconds_count",
    "?name=nobody_has_it",
    "?match=path=/a",
    "?match=path!=/a&level=1",
    "?match=path=nobody",
    "?by=path",
    "?by=nothing,path&level=2",
    "?by=nothing&node=fog/0",
    "?group=version",
    "?group=os&by=path&path=fog/0",
    "?group=nobody_tells_it",
    "?name=fog_node_info",
]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Serve a small fleet."""
    async with serving(sample_fleet()) as served:
        yield served


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read an exposition: each sample by name and labels; none twice."""
    found = {}
    for family in parse_text(text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def names(text: str) -> set[str]:
    """List the names of an exposition's samples."""
    return {name for name, _ in samples(text)}


@pytest.mark.parametrize("view", VIEWS)
async def test_prometheus_parses_every_view(served: Served, view: str) -> None:
    """Both formats and JSON are valid, also of what nobody has."""
    answer = await served.ask("/metrics" + view)
    assert answer.status == 200, answer.text
    samples(answer.text)
    answer = await served.ask("/metrics" + view, Accept=OPENMETRICS)
    list(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]
    assert answer.text.endswith("# EOF\n")
    assert set(await served.json("/api/snapshot" + view)) == {"timestamp", "metrics", "events_count", "running"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Debian's package prometheus")
@pytest.mark.parametrize("view", VIEWS)
async def test_promtool_has_no_complaint_about_the_format(served: Served, view: str) -> None:
    """Every line is what it should be."""
    answer = await served.ask("/metrics" + view)
    judged = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=answer.body, capture_output=True, check=False
    )
    assert judged.returncode == 0, judged.stderr.decode()


async def test_names_choose_families(served: Served) -> None:
    """By the family's name or any of its samples', as `name` or as scrapers send it; nothing else is shown."""
    buckets = {"wait_seconds_bucket", "wait_seconds_sum", "wait_seconds_count"}
    assert names((await served.ask("/metrics?name=wait_seconds")).text) == buckets
    assert names((await served.ask("/metrics?name[]=wait_seconds_sum")).text) == buckets
    both = (await served.ask("/metrics?name=requests_total&name[]=fog_aggregator_frames_total")).text
    assert names(both) == {"requests_total", "fog_aggregator_frames_total"}
    assert (await served.ask("/metrics?name=nobody_has_it")).text == ""
    assert set((await served.json("/api/snapshot?name=level&level=1"))["metrics"]) == {"level"}


async def test_matchers_choose_series(served: Served) -> None:
    """All of them must be true; a label that is not there is the empty value; coverage stays."""
    text = (await served.ask("/metrics?match=path=/a")).text
    of_nodes = {f"fog_aggregator_{name}" for name in ("nodes", "nodes_gapped", "oldest_frame_age_seconds")}
    assert names(text) == {"requests_total"} | of_nodes
    assert samples(text)["requests_total", frozenset({("path", "/a")})] == 28
    assert ("requests_total", frozenset({("path", "/b")})) not in samples(text)
    assert "requests_total" not in names((await served.ask("/metrics?match=path=/a&match=path!=/a")).text)
    assert "wait_seconds_sum" in names((await served.ask("/metrics?match=path=")).text)
    quoted = await served.ask("/metrics?match=" + quote('path="/a"'))
    assert samples(quoted.text).keys() == samples(text).keys()


async def test_labels_are_summed_over(served: Served) -> None:
    """Counters add, histograms merge, a gauge is merged as its family asks; a level stays one level."""
    found = samples((await served.ask("/metrics?by=nothing")).text)
    assert samples((await served.ask("/metrics?by=")).text) == found
    assert found["requests_total", frozenset()] == 28 + 7 * 0.5
    found = samples((await served.ask("/metrics?by=nothing&level=1&name=requests_total")).text)
    assert found["requests_total", frozenset({("fog_level", "1"), ("fog_path", "fog/0")})] == 2 + 3 + 4 + 3 * 0.5
    assert sum(found.values()) == 28 + 7 * 0.5


async def test_nodes_are_grouped_by_what_they_tell(served: Served) -> None:
    """A sum for each value, coverage beside it; the values add up to the whole."""
    collector = served.fleet.join("fog/2", version="0.2").collector
    collector.register_counter("requests_total", "Requests", ["path"]).labels("/a").increment(100)
    served.fleet.members[-1].send()
    found = samples((await served.ask("/metrics?group=version&match=path=/a")).text)

    def of(version: str, **labels: str) -> frozenset[tuple[str, str]]:
        return frozenset({("fog_group", "version"), ("fog_value", version), *labels.items()})

    assert found["requests_total", of("0.1", path="/a")] == 28
    assert found["requests_total", of("0.2", path="/a")] == 100
    assert found["fog_aggregator_nodes", of("0.1", state="live")] == 7
    info = samples((await served.ask("/metrics?name=fog_node_info&path=fog/2")).text)
    assert info == {("fog_node_info", frozenset({("fog_path", "fog/2"), ("version", "0.2")})): 1}


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("name=", "name='': a metric's name is needed: at most 256 of a-z, A-Z, 0-9, _ and :, no digit first"),
        ("name[]=a{b}", "name='a{b}': a metric's name is needed"),
        ("name=" + "a" * 257, "name='" + "a" * 80 + "': a metric's name is needed"),
        ("&".join(["name=a"] * 65), f"the parameter 'name' is given 65 times: ask for at most {MOST_NAMES} at once"),
        ("match=path", "match='path': label=value or label!=value is needed, as in match=method=GET"),
        ("match=9=a", "match='9=a': label=value or label!=value is needed"),
        ("match=path=~a.*", "match='path=~a.*': regular expressions are not offered"),
        ("match=path!~a.*", "match='path!~a.*': regular expressions are not offered"),
        ('match=path="a', "match='path=\"a': a value that begins with \" must end with it"),
        ("match=path=" + "a" * 1025, "match='path=" + "a" * 75 + "': no label's value is longer than 1024"),
        ("&".join(["match=a=b"] * 17), f"the parameter 'match' is given 17 times: ask for at most {MOST_MATCHERS}"),
        ("match=le=5", "match='le=5': a histogram is selected whole"),
        ("by=a,,b", "by='a,,b': '' is not the name of a label"),
        ("by=le", "by='le': 'le' is no label of a node's metric: the buckets of a histogram always stay apart"),
        ("by=fog_path", "by='fog_path': 'fog_path' is no label of a node's metric: level=N gives a sum for each path"),
        ("by=" + ",".join("a" * 33), f"by='{','.join('a' * 33)}': these are 33 labels, and no metric has more than 32"),
        ("by=a&by=b", "the parameter 'by' is given more than once"),
        ("group=", "group='': a key of 1 to 256 characters is needed, as in group=version"),
        ("group=version&level=1", "level= and group= both say which nodes are added up: give one of them"),
        ("group=version&node=fog/0", "node= stands alone: it shows one node's own values"),
    ],
)
async def test_a_bad_question_gets_one_clear_line(served: Served, query: str, line: str) -> None:
    """It says what was wrong, with which value, and what to do."""
    answer = await served.ask("/metrics?" + query)
    assert answer.status == 400
    assert answer.text.startswith(line)
    assert answer.text.count("\n") == 1


async def test_the_guide_is_true(served: Served) -> None:
    """Each parameter is in it; each address is answered, but for those of the past and the stream."""
    text = GUIDE.read_text("utf-8")
    assert [one.name for one in VIEW if f"`{one.name}=" not in text] == []
    addresses = re.findall(
        r"(/(?:metrics|api(?!/at|/blame|/changes|/likeness|/silences/|/stream|/unlike))[^\s`|]*)", text
    )
    of_prometheus = {address for address in addresses if address.startswith("/api/v1")}
    assert of_prometheus <= {"/api/v1", *(route.path for route in API_ROUTES)}
    addresses = [address for address in addresses if address not in of_prometheus]
    assert len(addresses) > len(VIEW)
    for address in addresses:
        assert (await served.ask(address)).status == 200, address


def counted(fleet: Fleet) -> float:
    """Return the fleet's total; 0 before anybody was heard."""
    with contextlib.suppress(KeyError):
        return fleet.value("work_total")
    return 0


async def test_real_agents_are_asked_every_way(fog_nats: NatsServer, fog_fleet: Fleet) -> None:
    """Every view of an aggregator that read a server's streams has what two programs counted and told."""
    programs = [TelemetryCollector(self_metrics=False) for _ in range(2)]
    for number, program in enumerate(programs):
        work = program.register_counter("work_total", "Work", ["kind", "zone"])
        work.labels("a", "x").increment(number + 1)
        work.labels("b", "x").increment(10)
        program.register_histogram("wait_seconds", "Waiting", [1.0]).observe(0.5)
    address = {"servers": fog_nats.url, "interval": 0.1}
    one = Agent(programs[0], path="fog/0/1", info={"version": "1"}, **address)  # type: ignore[arg-type]
    other = Agent(programs[1], path="fog/1/1", info={"version": "2"}, **address)  # type: ignore[arg-type]
    async with one, other, aiohttp.ClientSession() as session:

        async def asked(query: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
            async with session.get(f"{fog_fleet.url}/metrics?{query}") as response:
                assert response.status == 200
                return samples(await response.text())

        await eventually(lambda: counted(fog_fleet) == 23, what="both programs' counts are there")
        assert set(await asked("name=work_total&by=kind")) == {
            ("work_total", frozenset({("kind", kind)})) for kind in "ab"
        }
        assert (await asked("match=kind=a&by=zone"))["work_total", frozenset({("zone", "x")})] == 3
        assert (await asked("name[]=wait_seconds_count"))["wait_seconds_count", frozenset()] == 2
        grouped = await asked("group=version&match=kind=a&name=work_total")
        labels = [("fog_group", "version"), ("kind", "a"), ("zone", "x")]
        assert grouped["work_total", frozenset({*labels, ("fog_value", "2")})] == 2
        assert (await asked("name=work_total&by=none&path=fog/1"))["work_total", frozenset()] == 12
        told = [dict(labels)["version"] for _, labels in await asked("name=fog_node_info")]
        assert sorted(told) == ["1", "2"]
