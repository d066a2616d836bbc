"""PromQL about places below a branch, and events there, are answered by the branch's own aggregator.

With real aggregators, agents and a real nats-server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path as FilePath
from urllib.parse import quote

import numpy as np
import pytest
from aiohttp import web

from fog_aggregator.components.below import asking
from fog_aggregator.components.below.samples import (
    NoSamplesError,
    Wanted,
    begin_of,
    first_of,
    read_samples,
    wanted,
    with_groups_until,
)
from fog_aggregator.history.routing import Level, NodeOwn, Subtree
from fog_aggregator.promql.labels import Matcher, MatchKind, make_labels
from fog_aggregator.promql.storage import Part, Selection, is_stale
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving_all
from tests.aggregator.test_below import (
    Asked,
    addresses_of,
    ask,
    branch,
    guarded,
    kill,
    nodes,
    pair_and_one,
    root_above,
    standing_in,
    token,
)

NAMED = (Matcher(MatchKind.EQUAL, "__name__", "work_total"),)


async def query(root: Aggregator, text: str, **headers: str) -> Asked:
    """Ask for an expression now."""
    return await ask(root, f"/api/v1/query?query={quote(text)}", **headers)


def found(answer: Asked) -> dict[str, float]:
    """Return the values of an answer by place."""
    assert answer.status == 200, answer.text
    rows = json.loads(answer.text)["data"]["result"]
    return {row["metric"].get("fog_path", row["metric"].get("fog_node", "")): float(row["value"][1]) for row in rows}


async def test_expressions_about_places_below_a_branch_are_answered(fog_nats: NatsServer) -> None:
    """A node, a subtree, levels of all branches, and several of them in one expression; events of a node too."""
    async with pair_and_one(fog_nats) as (root, tasks):
        for text, values in (
            ('work_total{fog_node="fog/0/a"}', {"fog/0/a": 2}),
            ('work_total{fog_path="fog/0/b"}', {"fog/0/b": 4}),
            ('work_total{fog_level="1"}', {"fog": 1, "fog/0": 6, "fog/1": 24}),
            ('work_total{fog_level="2"}', {"fog": 1, "fog/0/a": 2, "fog/0/b": 4, "fog/1/a": 8, "fog/1/b": 16}),
            ('work_total{fog_level="2",fog_path=~"fog/1/.*"}', {"fog/1/a": 8, "fog/1/b": 16}),
            ('sum(work_total{fog_level="3"})', {"": 31}),
            ('sum(work_total{fog_node="fog/0/a"}) + sum(work_total{fog_node="fog/1/b"}) + sum(work_total)', {"": 49}),
        ):
            await eventually(partial(_is, root, text, values), what=text)
        selector = quote('work_total{fog_node="fog/1/a"}')
        listed = await ask(root, f"/api/v1/series?match[]={selector}")
        assert '"fog_node":"fog/1/a"' in listed.text
        over = await ask(root, "/api/events?path=fog/0")
        assert over.headers[asking.MISSING].startswith("fog/0: the events of its nodes are its own")
        below = await ask(root, "/api/events?path=fog/0/a")
        assert (below.status, '"events": ' in below.text, asking.MISSING in below.headers) == (200, True, False)
        await kill(tasks[2])
        cut = await query(root, 'work_total{fog_level="2"}')
        assert found(cut) == {"fog": 1, "fog/0/a": 2, "fog/0/b": 4, "fog/1": 24}
        assert "fog/1 is shown as one: its aggregator gives no usable answer" in json.loads(cut.text)["warnings"]
        gone = await query(root, 'work_total{fog_node="fog/1/a"}')
        assert (gone.status, "fog/1/a lies below the branch fog/1: its aggregator gives" in gone.text) == (503, True)
        assert (await ask(root, "/api/events?path=fog/1/a")).status == 502


async def _is(root: Aggregator, text: str, values: Mapping[str, float], **headers: str) -> bool:
    answer = await query(root, text, **headers)
    return answer.status == 200 and found(answer) == values


async def values(root: Aggregator, label: str, more: str = "") -> tuple[set[str], list[str]]:
    """Return the values of a label, and the warnings."""
    answer = await ask(root, f"/api/v1/label/{label}/values{more}")
    assert answer.status == 200, answer.text
    told = json.loads(answer.text)
    return set(told["data"]), told.get("warnings", [])


async def test_places_below_branches_are_listed_as_values_of_labels(fog_nats: NatsServer) -> None:
    """Nodes, paths and levels of all branches, also where a selector names no place; a branch that is gone is told."""
    below = {"fog/0/a", "fog/0/b/c", "fog/1/a", "fog/1/b"}
    async with pair_and_one(fog_nats) as (root, tasks):
        for more in ("", "?match[]=work_total"):
            listed, warnings = await values(root, "fog_node", more)
            assert (listed >= {"fog", *below}, warnings) == (True, []), listed
        assert (await values(root, "fog_path"))[0] == {"fog", "fog/0", "fog/0/b", "fog/1", *below}
        assert (await values(root, "fog_level"))[0] == {"0", "1", "2", "3"}
        selector = quote('work_total{fog_node="fog/0/a"}')
        chosen, _ = await values(root, "fog_node", f"?match[]={selector}")
        assert chosen == {"fog/0/a"}
        await kill(tasks[2])
        listed, warnings = await values(root, "fog_node")
        assert below & listed == {"fog/0/a", "fog/0/b/c"}
        assert warnings == ["places below fog/1 are missing: its aggregator gives no usable answer"]


async def test_a_list_of_other_places_is_left_out(fog_nats: NatsServer) -> None:
    """A branch's aggregator tells a place of another branch: none of its list is taken, and the answer says so."""
    asked: list[web.Request] = []

    async def others(_: web.Request) -> web.StreamResponse:
        body = json.dumps({"status": "success", "data": ["fog/1/a", "fog/0/x"]}).encode()
        return web.Response(body=body, content_type="application/json")

    async with standing_in(others, asked) as port, root_above(fog_nats, port) as root:
        listed, warnings = await values(root, "fog_node")
        assert not listed & {"fog/1/a", "fog/0/x"}
        assert warnings == ["places below fog/1 are missing: its answer is about other places, or no list of them"]


async def _with_own_group(root: Aggregator) -> Asked | None:
    """Ask for the level of the branch until the root's own group is whole: at first its history may have less."""
    level = await query(root, 'work_total{fog_level="2"}')
    return level if found(level).get("fog/1") == 24 else None


async def test_a_query_that_goes_in_a_circle_ends(fog_nats: NatsServer) -> None:
    """A branch tells the root's own address: the root asks itself once, and sees its own mark."""
    port = free_port()
    async with root_above(fog_nats, port, listen=("127.0.0.1", port)) as root:
        answer = await query(root, 'work_total{fog_node="fog/1/a"}')
        assert (answer.status, "the question came back" in answer.text) == (503, True)
        level = await eventually(partial(_with_own_group, root))
        assert level is not None
        assert "answer has a series that was not asked for" in level.text or "came back" in level.text
        wrong = await query(root, 'work_total{fog_node="fog/1/a"}', Fog_Passed_On="fog/*")
        assert (wrong.status, "Fog-Passed-On" in wrong.text) == (422, True)


async def test_nobody_is_asked_where_nothing_is_passed_on(fog_nats: NatsServer) -> None:
    """A level says that its branches are shown as one."""
    asked: list[web.Request] = []

    async def nothing(_: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound

    async with standing_in(nothing, asked) as port, root_above(fog_nats, port, below_allow=()) as root:
        level = await eventually(partial(_with_own_group, root))
        assert level is not None
        assert "fog/1 is shown as one: this aggregator passes no questions on: see --below.allow" in level.text
    assert asked == []


async def test_a_login_is_shown_its_subtree_alone(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """It lies below a branch; the root asks with a token of its own."""
    async with guarded(fog_nats, tmp_path) as fog:
        root, login = fog.root, fog.login
        for text in ("work_total", 'work_total{fog_level="3"}'):
            await eventually(partial(_is, root, text, {"fog/1/a": 8}, Authorization=login), what=text)
        refused = await query(root, 'work_total{fog_node="fog/1/b"}', Authorization=login)
        assert (refused.status, "fog/1/a alone is shown to you" in refused.text) == (422, True)
        assert (await ask(root, "/api/events?path=fog/1/b", Authorization=login)).status == 403


async def _gossips(request: web.Request) -> web.StreamResponse:
    """Answer with a place that only some are shown: in a warning, and about a node in an error."""
    if "fog_node" in request.query["query"] or "refuse" in request.query["query"]:
        return web.json_response({"error": "fog/1/secret is broken"}, status=422)
    answer = {"data": {"result": []}, "warnings": ["fog/1/secret is silent"]}
    return web.Response(body=json.dumps(answer).encode(), headers={"Content-Type": "application/json"})


async def test_a_login_learns_nothing_of_other_branches(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """Not that they are there, and nothing of what their aggregators say; of its own branch no more than its part."""
    asked: list[web.Request] = []
    shown = {"all": (), "other": ("fog", "0"), "part": ("fog", "1", "a"), "own": ("fog", "1")}
    logins = {name: token(name, path) for name, path in shown.items()}
    (tmp_path / "users").write_text("".join(line for _, line in logins.values()))

    async def warnings(root: Aggregator, login: str, text: str) -> list[str]:
        answer = await query(root, text, Authorization=f"Bearer {logins[login][0]}")
        assert answer.status in (200, 503), answer.text
        found = json.loads(answer.text)
        told = [*found.get("warnings", ()), *([found["error"]] if "error" in found else [])]
        return [one for one in told if "the past of these series is not kept" not in one]

    async with standing_in(_gossips, asked) as port:
        others = {"below_allow": (f"http://127.0.0.1:{port}",), "http_token_file": str(tmp_path / "users")}
        top = config(fog_nats, branches=(("fog", "1"),), **others)
        below = branch(fog_nats, "fog/1", port, listen=("127.0.0.1", 0))
        async with serving_all(top, below) as (root, _), nodes(fog_nats):
            await eventually(lambda: addresses_of(root, ("fog", "1")), what="its address is known")
            for text in ('work_total{fog_level="2"}', 'refuse_total{fog_level="3"}'):
                assert await warnings(root, "other", text) == []
            assert asked == [], "a branch elsewhere is not even asked"
            level, refuse = 'work_total{fog_level="2"}', 'refuse_total{fog_level="2"}'
            told = "fog/1/a: the branch above it has warnings, which are not shown to you"
            assert await warnings(root, "part", level) == [told]
            why = "its aggregator refuses the question, with a reason that is not shown to you"
            assert await warnings(root, "part", refuse) == [f"fog/1/a is not shown: {why}"]
            node = await warnings(root, "part", 'work_total{fog_node="fog/1/a"}')
            assert node == [f"fog/1/a lies below the branch fog/1: {why}"]
            for login in ("own", "all"):
                assert "fog/1: fog/1/secret is silent" in await warnings(root, login, level)
                said = "fog/1 is shown as one: its aggregator says: fog/1/secret is broken"
                assert said in await warnings(root, login, refuse)


def test_a_branch_is_asked_for_its_own_places_alone() -> None:
    """Whatever the selector chooses."""
    at = ("fog", "0")
    level = Level(2, (), (Matcher(MatchKind.REGEX, "fog_path", "fog/.*"),))
    asked = wanted(at, level, NAMED, 1_000, 2_000).query
    assert asked == '{__name__="work_total",fog_level="2",fog_path=~"fog/.*",fog_path=~"fog/0(/.*)?"}[1001ms]'
    node = wanted(at, NodeOwn(("fog", "0", "a")), NAMED, 5, 5).query
    assert node == '{__name__="work_total",fog_node="fog/0/a"}[1ms]'
    assert 'fog_path="fog/0/b"' in wanted(at, Subtree(("fog", "0", "b")), NAMED, 5, 5).query


def _answer(*rows: tuple[dict[str, str], list[list[object]]]) -> bytes:
    result = [{"metric": labels, "values": values} for labels, values in rows]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


MINE = {"__name__": "work_total", "fog_node": "fog/0/a"}
ASKED = wanted(("fog", "0"), NodeOwn(("fog", "0", "a")), NAMED, 1_000, 3_000)


def test_samples_are_read() -> None:
    """Each series with its own times."""
    read = read_samples(_answer((MINE, [[1.0, "1"], [2.5, "+Inf"]]), (MINE | {"job": "x"}, [[3.0, "NaN"]])), ASKED)
    (part,) = read.parts
    assert (part.sizes, part.times.tolist()) == ([2, 1], [1000, 2500, 3000])
    assert part.values[:2].tolist() == [1.0, float("inf")]
    assert read_samples(_answer(), ASKED) == Selection((), ())


@pytest.mark.parametrize(
    ("others", "left"),
    [
        ([1.0, 1.5, 2.0, 2.5], [1000, 1500, "stale"]),
        ([1.0, 1.5, 2.0], [1000, 1500]),
        ([1.2, 1.7, 2.2], [1000, 1500]),
        ([1.5], [1000, 1500]),
    ],
)
def test_a_series_ends_where_others_go_on(others: list[float], left: list[object]) -> None:
    """The branch's own marker is in no answer; a sample that may just be late, or of other steps, is no end."""
    rows = [(MINE, [[1.0, "1"], [1.5, "1"]]), (MINE | {"job": "x"}, [[time, "1"] for time in others])]
    (part,) = read_samples(_answer(*rows), ASKED).parts
    times, values = _row_of(part, 0)
    assert [value if value == "stale" else time for time, value in zip(times, values, strict=True)] == left
    assert "stale" not in _row_of(part, 1)[1]
    assert len(times) < 3 or times[2] == 2000, "one step after its last sample"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{}", "none of samples"),
        (b"[" * 100_000, "none of samples"),
        (_answer((MINE | {"fog_node": "fog/1/a"}, [[1.0, "1"]])), "a series that was not asked for"),
        (_answer((MINE | {"__name__": "other"}, [[1.0, "1"]])), "a series that was not asked for"),
        (_answer((MINE, [[2.0, "1"], [2.0, "1"]])), "times do not ascend"),
        (_answer((MINE, [])), "times do not ascend, or are none"),
        (_answer((MINE, [[0.9, "1"]])), "asked for 1.000 to 3.000, it answers 0.900 to 0.900"),
        (_answer((MINE, [[3.1, "1"]])), "asked for 1.000 to 3.000, it answers 3.100 to 3.100"),
        (_answer((MINE, [[1e400, "1"]])), "none of samples"),
        (_answer((MINE, [[1.0, "many"]])), "none of samples"),
        (_answer((MINE, [[1.0, "1"]]), (MINE, [[1.0, "1"]])), "a series twice"),
    ],
)
def test_what_was_not_asked_for_is_no_answer(body: bytes, why: str) -> None:
    """Other places, names or times, and what is none at all: nothing of it is taken in, and the reason is told."""
    with pytest.raises(NoSamplesError, match=why):
        read_samples(body, ASKED)


def test_groups_of_branches_end_where_their_own_answers_begin() -> None:
    """Of series that share their times, and of those that have their own; before that the branch is shown as one."""
    labels = [make_labels({"fog_path": path}) for path in ("fog/0", "fog/1", "fog")]
    times = np.array([1, 2, 3], np.int64)
    shared = Part(labels, times, np.arange(9.0).reshape(3, 3))
    own = Part(labels, np.array([1, 1, 2, 2], np.int64), np.arange(4.0), np.array([0, 1, 3, 4], np.int64))
    left = with_groups_until(Selection((shared, own)), {("fog", "1"): 2})
    rows = [(each, *_row_of(part, row)) for part in left.parts for row, each in enumerate(part.labels)]
    assert sorted(rows, key=str) == sorted(
        [
            (labels[0], [1, 2, 3], [0.0, 1.0, 2.0]),
            (labels[2], [1, 2, 3], [6.0, 7.0, 8.0]),
            (labels[1], [1, 2], [3.0, "stale"]),
            (labels[0], [1], [0.0]),
            (labels[1], [1, 2], [1.0, "stale"]),
            (labels[2], [2], [3.0]),
        ],
        key=str,
    )
    assert with_groups_until(Selection((Part(labels[1:2], times, np.ones((1, 3))),)), {("fog", "1"): 1}).parts == []
    assert first_of(Selection((own, shared))) == 1
    assert first_of(Selection(())) is None


@pytest.mark.parametrize(
    ("theirs", "left"),
    [
        ([59], []),
        ([59, 119], []),
        ([290, 350], []),
        ([400, 1000, 1600], []),
        ([400, 460], [5, 20, 35, 350, "end"]),
        ([], [5, 20, 35, 350, 400, 415]),
    ],
)
def test_a_branch_is_not_counted_twice_where_a_window_begins(theirs: list[int], left: list[object]) -> None:
    """Samples of other steps begin a little later than ours: only a span without any is a time before the branch."""
    own = Selection((_seconds("fog/1", [5, 20, 35, 350, 400, 415]),))
    begin = begin_of(Selection((_seconds("fog/1/a", theirs),)), own, 0)
    shown = with_groups_until(own, {} if begin is None else {("fog", "1"): begin})
    rows = [_row_of(part, row) for part in shown.parts for row, _ in enumerate(part.labels)]
    times = [
        time // 1000 if value != "stale" else "end"
        for times, values in rows
        for time, value in zip(times, values, strict=True)
    ]
    assert times == left


def _seconds(path: str, times: list[int]) -> Part:
    """Return one series with samples at some seconds."""
    offsets = np.array([0, len(times)], np.int64)
    return Part([make_labels({"fog_path": path})], np.array(times, np.int64) * 1000, np.ones(len(times)), offsets)


def _row_of(part: Part, row: int) -> tuple[list[int], list[float | str]]:
    span = slice(None) if part.offsets is None else slice(int(part.offsets[row]), int(part.offsets[row + 1]))
    values = part.values[row] if part.offsets is None else part.values[span]
    marked = ["stale" if stale else value for value, stale in zip(values.tolist(), is_stale(values), strict=True)]
    return part.times[span].tolist(), marked


def test_a_question_is_of_the_times_that_are_asked_for() -> None:
    """The range is open at its left end: one millisecond more."""
    assert Wanted(("fog",), NAMED, 10, 19).query.endswith("[10ms]")
