"""The JSON interface over real HTTP: what it says, and that its own description is true."""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

import pytest

from fog_aggregator.components.http.output import JSON
from fog_aggregator.components.http.routes import ROUTES
from fog_aggregator.components.http.status import StreamStatus
from fog_aggregator.components.http.web.files import page_files
from fog_aggregator.core.quarantine.orders import Order
from fog_proving.fuzz.http.schema import Checker
from tests.aggregator.fleet import START, Fleet
from tests.aggregator.serving import Served, sample_fleet, serving

STREAM = StreamStatus("FOG_METRICS", 90, 100, 10, 4_000, 1_000_000, 3_600.0, {"missed heartbeats": 2})


def nodes_of(**several: int) -> dict[str, int]:
    """Return nodes by state; nobody is in those that are not named."""
    return dict.fromkeys(("live", "stale", "departed", "ended", "missing", "quarantined", "unread"), 0) | several


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Provide a small fleet, served."""
    async with serving(sample_fleet()) as served:
        served.status.listed = [STREAM]
        yield served


def paths(tree: Mapping[str, Any]) -> dict[str, int]:
    """Every place of a tree with its count of nodes."""
    found = {tree["path"]: tree["count"]}
    for child in tree["children"]:
        found |= paths(child)
    return found


async def test_the_tree_has_every_place_with_its_coverage(served: Served) -> None:
    """Counts are of the subtree, the state is the node's own; `depth` and `path` choose what is shown."""
    tree = await served.json("/api/tree")
    assert paths(tree) == {
        "": 7,
        "fog": 7,
        "fog/0": 3,
        "fog/0/1": 1,
        "fog/0/2": 1,
        "fog/1": 2,
        "fog/1/1": 1,
        "fog/1-a": 1,
    }
    assert (tree["state"], tree["children"][0]["state"]) == (None, "live")
    assert paths(await served.json("/api/tree?depth=1")) == {"": 7, "fog": 7}
    assert paths(await served.json("/api/tree?path=fog/0&depth=0")) == {"fog/0": 3}
    assert paths(await served.json("/api/tree?path=/fog/0/")) == {"fog/0": 3, "fog/0/1": 1, "fog/0/2": 1}


async def test_an_inner_place_need_not_be_a_node() -> None:
    """It has no state of its own, and the coverage of what lies under it."""
    fleet = Fleet()
    for path in ("fog/a/b/c", "fog/a/d", "other"):
        fleet.join(path)
    fleet.send()
    async with serving(fleet) as served:
        assert paths(await served.json("/api/tree")) == {
            "": 3,
            "fog": 2,
            "fog/a": 2,
            "fog/a/b": 1,
            "fog/a/d": 1,
            "other": 1,
        }
        tree = await served.json("/api/tree?path=fog/a")
        assert (tree["state"], tree["nodes"], tree["depth"]) == (
            None,
            nodes_of(live=2),
            2,
        )


async def test_nodes_are_listed_with_their_lives(served: Served) -> None:
    """Each node with its last frame, its time and its completeness; by state, by path, page by page."""
    fleet = served.fleet
    fleet.now += 5
    fleet.members[1].skip()
    fleet.members[1].send()
    fleet.now += 26
    fleet.members[1].send()
    found = await served.json("/api/nodes?limit=2&offset=1")
    assert (found["total"], found["offset"], found["limit"]) == (7, 1, 2)
    assert [node["path"] for node in found["nodes"]] == ["fog/0", "fog/0/1"]
    assert found["nodes"][0] == {
        "path": "fog/0",
        "state": "live",
        "last_heard_age_seconds": 0.0,
        "interval_seconds": 10.0,
        "epochs": 1,
        "series": 5,
        "gaps": 1,
        "awaits_keyframe": True,
        "folded": 0,
        "baselines": 0,
        "ephemeral": False,
        "branch": False,
        "first_heard": START,
        "info": {"version": "0.1", "os": "linux"},
        "frames": 0,
        "bytes": 0,
        "cpu_seconds": 0.0,
        "refused": 0,
    }
    assert found["nodes"][1]["state"] == "stale"
    live = await served.json("/api/nodes?state=live")
    assert [node["path"] for node in live["nodes"]] == ["fog/0"]
    assert (await served.json("/api/nodes?state=stale&path=fog/0"))["total"] == 2
    fleet.now += 3600
    assert (await served.json("/api/nodes?state=departed"))["total"] == 6
    assert (await served.json("/api/nodes?state=retired"))["total"] == 0
    assert (await served.json("/api/nodes?offset=99"))["nodes"] == []


async def test_nodes_are_listed_the_costliest_first(served: Served) -> None:
    """By any part of the cost, page by page; nodes that cost nothing follow in path order."""
    in_order = [node["path"] for node in (await served.json("/api/nodes"))["nodes"]]
    expected = ["fog/1", *(path for path in in_order if path != "fog/1")]
    assert expected != in_order
    for sort in ("frames", "bytes", "cpu_seconds", "refused"):
        found = await served.json(f"/api/nodes?sort={sort}")
        assert [node["path"] for node in found["nodes"]] == expected
    first = found["nodes"][0]
    assert [first[what] for what in ("frames", "bytes", "cpu_seconds", "refused")] == [3, 1000, 0.5, 2]
    page = await served.json("/api/nodes?sort=bytes&limit=3&offset=1")
    assert ([node["path"] for node in page["nodes"]], page["total"]) == (expected[1:4], 7)
    assert (await served.json("/api/nodes?sort=bytes&path=fog/0"))["nodes"][0]["path"] == "fog/0"


async def test_events_are_asked_by_path_name_time_and_number(served: Served) -> None:
    """The newest, oldest first."""
    fleet = served.fleet
    for seq in range(2, 5):
        fleet.now += 1
        fleet.event("fog/0/1", "boom" if seq % 2 else "hush", seq, seq=seq)
    fleet.event("fog/1", "boom", 9)
    numbers = [(event["path"], event["number"]) for event in (await served.json("/api/events"))["events"]]
    assert numbers == [("fog/0/1", 1), ("fog/0/1", 2), ("fog/0/1", 3), ("fog/0/1", 4), ("fog/1", 1)]

    async def asked(query: str) -> list[int]:
        return [event["number"] for event in (await served.json("/api/events?" + query))["events"]]

    assert await asked("path=fog/0&name=boom") == [1, 3]
    assert await asked(f"path=fog/0&since={START + 1}") == [3, 4]
    assert await asked(f"until={START + 2}&limit=2") == [1, 2]
    assert await asked("limit=2") == [4, 1]
    assert await asked("limit=0") == []
    assert await asked("path=nobody") == []
    page = await served.json("/api/events?limit=2")
    assert page["next"] == f"{START + 3}/1/4/fog/0/1"
    page = await served.json(f"/api/events?limit=2&before={page['next']}")
    assert [event["number"] for event in page["events"]] == [2, 3]
    page = await served.json(f"/api/events?limit=2&before={page['next']}")
    assert ([event["number"] for event in page["events"]], page["next"]) == ([1], None)
    everything = await served.json("/api/events")
    assert (everything["kept"], everything["next"], everything["evicted"]) == (5, None, 0)


@pytest.mark.parametrize("query", ["/api/events?limit=2", "/api/explain?path=fog&name=requests_total"])
async def test_an_answer_that_is_known_is_not_sent_again(served: Served, query: str) -> None:
    """As long as it says the same; another answer has another tag, and the document of the interface says so."""
    first = await served.ask(query)
    again = await served.ask(query, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    served.fleet.event("fog/1", "boom", 9)
    served.fleet.members[1].finish()
    later = await served.ask(query, If_None_Match=first.headers["ETag"])
    assert (later.status, later.headers["ETag"] != first.headers["ETag"]) == (200, True)
    document = await served.json("/api/openapi.json")
    assert "304" in document["paths"][query.partition("?")[0]]["get"]["responses"]


async def test_whatever_an_event_holds_is_json(served: Served) -> None:
    """NaN and infinities, numbers beyond 2^53, and an epoch that JavaScript could not hold."""
    served.fleet.event("fog/1", "odd", {"n": float("-inf"), "big": 2**60, "deep": [[[None]]]}, epoch=2**64 - 1)
    event = (await served.json("/api/events"))["events"][-1]
    assert event["epoch"] == "ffffffffffffffff"
    assert event["value"] == {"n": "-Inf", "big": 2**60, "deep": [[[None]]]}


async def test_a_number_is_explained_by_what_it_is_made_of(served: Served) -> None:
    """Each epoch's value, the closed total, and what each child contributes: the parts add up to the whole."""
    fleet = served.fleet
    fleet.members[1].finish()
    again = fleet.join("fog/0")
    again.collector.register_counter("requests_total", "Requests", ["path"]).labels("/a").increment(10)
    again.send()
    found = await served.json("/api/explain?path=fog/0&name=requests_total")
    totals = {sample["labels"]["path"]: sample["value"] for sample in found["total"]}
    assert totals == {"/a": 2 + 3 + 4 + 10, "/b": 1.5}
    contributions = {
        (sample["labels"]["fog_path"], sample["labels"]["path"]): sample["value"] for sample in found["contributions"]
    }
    assert sum(value for (_, label), value in contributions.items() if label == "/a") == totals["/a"]
    assert contributions["fog/0/2", "/a"] == 4
    assert [(child["path"], child["own"]) for child in found["children"]] == [
        ("fog/0", True),
        ("fog/0/1", False),
        ("fog/0/2", False),
    ]
    node = found["node"]
    assert node["folded"] == 1
    assert {(held["labels"]["path"], held["value"]) for held in node["closed"]} == {("/a", 2), ("/b", 0.5)}
    (epoch,) = node["epochs"]
    assert (epoch["seq"], epoch["keyframes"], epoch["gaps"], epoch["awaits_keyframe"]) == (1, 1, 0, False)
    assert [(held["labels"], held["value"], held["live"]) for held in epoch["values"]] == [({"path": "/a"}, 10, True)]


async def test_every_kind_of_metric_is_explained(served: Served) -> None:
    """Gauges by their statistics, histograms whole; of everything, there is no node."""
    found = await served.json("/api/explain?name=wait_seconds")
    assert found["total"][0]["value"] == {"counts": [0, 7, 0], "sum": 3.5, "count": 7}
    assert found["node"] is None
    assert found["families"][0]["bounds"] == [0.1, 1.0]
    found = await served.json("/api/explain?name=health_status&path=fog/0/1")
    assert found["families"][0]["rollup"] == ["max", "count_values"]
    assert found["node"]["epochs"][0]["values"][0]["value"] == 2
    served.fleet.now += 60  # everybody is stale
    found = await served.json("/api/explain?name=health_status&path=fog/0/1")
    assert found["total"] == []
    assert found["node"]["epochs"][0]["values"][0]["value"] == 2
    for query in ("name=nothing", "name=nothing&path=fog/0"):
        answer = await served.ask("/api/explain?" + query)
        assert (answer.status, "no metric 'nothing'" in answer.text) == (404, True)


async def test_what_is_in_quarantine_is_explained(served: Served) -> None:
    """The values that are known of the node are shown, though no total has them; of others it is said why."""
    fleet = served.fleet.network.fleet
    fleet.order(("fog", "0", "1"), Order(START, out=True, why="lies", author="jo"))
    fleet.settle_orders(START + 1)
    found = await served.json("/api/explain?path=fog/0/1&name=requests_total")
    assert (found["total"], found["node"]["quarantined"]) == ([], "lies")
    assert found["node"]["epochs"][0]["values"][0]["value"] == 3
    answer = await served.ask("/api/explain?path=fog/0/1&name=nothing")
    assert (answer.status, "fog/0/1 is in quarantine, and in no number: lies" in answer.text) == (404, True)
    assert (await served.ask("/api/explain")).status == 400
    assert (await served.ask("/api/explain?name=x&path=fog/7")).status == 404


async def test_conflicts_name_the_nodes(served: Served) -> None:
    """Every version with who holds it; bounds that differ are versions too."""
    assert await served.json("/api/conflicts") == {"total": 0, "offset": 0, "limit": 100, "families": []}
    odd = served.fleet.join("fog/odd").collector
    odd.register_gauge("requests_total", "Oh no").set(1)
    odd.register_histogram("wait_seconds", "Waiting", [0.7], unit="seconds").observe(0.5)
    served.fleet.send()
    (requests, wait) = (await served.json("/api/conflicts"))["families"]
    assert [(one["type"], one["shown"], one["nodes"]) for one in requests["versions"]] == [
        ("counter", True, 7),
        ("gauge", False, 1),
    ]
    assert requests["versions"][1]["paths"] == ["fog/odd"]
    assert [(one["bounds"], one["shown"]) for one in wait["versions"]] == [([0.1, 1.0], True), ([0.7], False)]


async def test_what_is_no_longer_exported_is_in_the_books(served: Served) -> None:
    """The ledger, label sets that are about to join it, and groups of retired nodes."""
    assert await served.json("/api/retired") == {"families": [], "groups": []}
    state = served.fleet.state
    requests = next(number for number, family in enumerate(state.catalog.families) if family.key.type == 0)
    state.parts.retired.by_family[requests] = 5
    assert (await served.json("/api/retired"))["families"] == [
        {"name": "requests_total", "type": "counter", "counted": 5}
    ]


async def test_status_says_what_the_numbers_stand_on(served: Served) -> None:
    """Readiness, streams, coverage and versions."""
    found = await served.json("/api/status")
    assert found["streams"] == [asdict(STREAM)]
    assert found["versions"] == {"0.1": 7}
    assert found["coverage"]["nodes"] == nodes_of(live=7)
    assert (found["ready"], found["now"]) == (True, START)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/api/nodes?limit=10001", "limit='10001': a whole number from 0 to 10000 is needed"),
        ("/api/nodes?limit=" + "9" * 5000, "a whole number from 0 to 10000 is needed"),
        ("/api/nodes?sort=weight", "sorted by one of path, worst, silence, frames, bytes, cpu_seconds, refused"),
        (
            "/api/nodes?state=well",
            "one of live, stale, departed, ended, missing, quarantined, unread, retired",
        ),
        ("/api/events?since=yesterday", "since='yesterday': unix seconds are needed"),
        ("/api/events?since=nan", "since='nan': unix seconds are needed"),
        ("/api/events?since=1_000", "since='1_000': unix seconds are needed"),
        ("/api/events?since=%207", "since=' 7': unix seconds are needed"),
        ("/api/events?since=%D9%A3", "unix seconds are needed"),
        ("/api/events?name=", "name='': it is empty"),
        ("/api/tree?depth=17", "depth='17': a whole number from 0 to 16 is needed"),
        ("/api/status?x=1", "unknown parameter 'x'; /api/status knows: none"),
        ("/api/explain", "the parameter 'name' is missing: the metric's name"),
    ],
)
async def test_a_bad_question_gets_one_clear_line(served: Served, path: str, line: str) -> None:
    """As JSON with `error`."""
    answer = await served.ask(path)
    assert answer.status == 400
    assert answer.headers["Content-Type"].startswith("application/json")
    assert line in answer.text


async def test_the_description_is_true(served: Served) -> None:
    """Each route is described with exactly its parameters, and each JSON answer is as its schema says."""
    served.fleet.join("fog/odd").collector.register_gauge("requests_total", "Oh no").set(float("nan"))
    served.fleet.join("fog/0/1").collector.register_gauge("requests_total", "Oh no").set(1)
    served.fleet.state.parts.retired.by_family[0] = 1
    served.fleet.send()
    document = await served.json("/api/openapi.json")
    assert list(document["paths"]) == [route.path for route in ROUTES]
    checker = Checker(document["components"]["schemas"])
    for route in (one for one in ROUTES if "GET" in one.methods):
        operation = document["paths"][route.path]["get"]
        described = [parameter["name"] for parameter in operation["parameters"]]
        names = [(parameter.name, parameter.alias) for parameter in route.parameters]
        assert described == [name for both in names for name in both if name]
        if route.path.startswith("/api/") and route.media == (JSON,):
            query = "?name=requests_total&path=fog/odd" if route.path == "/api/explain" else ""
            answer = await served.json(route.path + query)
            checker.check(answer, operation["responses"]["200"]["content"]["application/json"]["schema"])
        answer = await served.ask(route.path + "?nonsense=1")
        assert answer.status == 400
        assert str(answer.status) in operation["responses"]


async def test_the_page_has_all_it_needs(served: Served) -> None:
    """Its parts are served by us and nobody else, and what it links to is there."""
    page = await served.ask("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "http://" not in page.text
    assert "https://" not in page.text
    links = [part for part in re.findall(r'(?:href|src)="([^"]*)"', page.text) if part[0] not in "#d"]
    assert {"page.js", "api/openapi.json"} <= {link.partition("?")[0] for link in links}
    for link in links:
        assert not link.startswith("/"), "it would not work behind a proxy's path"
        assert (await served.ask(f"/{link}")).status == 200, link


@pytest.mark.parametrize("path", ["/api/silences", "/api/conflicts", "/api/retired", "/api/tree", "/api/alerts"])
async def test_a_list_that_is_the_same_is_not_sent_again(served: Served, path: str) -> None:
    """Each has a tag, by which a browser learns so."""
    answer = await served.ask(path)
    again = await served.ask(path, If_None_Match=answer.headers["ETag"])
    assert (answer.status, again.status, again.text) == (200, 304, "")


async def test_a_file_of_the_page_is_sent_once(served: Served) -> None:
    """Each import of its modules is there, and each file has a tag, by which a browser learns that it is the same."""
    for file in page_files():
        for found in re.findall(r'^import .* from "([^"]+)"', file.body.decode(), re.MULTILINE):
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), found))
            assert wanted in {one.path for one in page_files()}, (file.path, found)
        answer = await served.ask(file.path)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        again = await served.ask(file.path, If_None_Match=answer.headers["ETag"])
        assert (again.status, again.text) == (304, ""), file.path
