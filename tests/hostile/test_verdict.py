"""The judge of a soak finds what must not be: memory that grows, late answers, counts that differ."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from fog_proving.soak.books import judge_counts
from fog_proving.soak.verdict import AGGREGATOR, COUNTS, LATE, MEMORY, Plan, Result, judge
from fog_proving.soak.watching import Memory, Watch

PLAN = Plan(400, 10, 1000, (), 1)
MIB = 2**20
TEXT = "# TYPE a_total counter\na_total 5\n# TYPE hostile_total counter\nhostile_total 9\n"


def watched(sizes: list[float]) -> Watch:
    """Return what was seen of an aggregator that took so many mebibytes, second by second."""
    watch = Watch({AGGREGATOR: 1}, "")
    watch.memory[AGGREGATOR] = Memory([float(4 * at) for at in range(100)], [round(size * MIB) for size in sizes])
    watch.answers, watch.sizes = [0.1] * 99, [10] * 99
    return watch


@pytest.mark.parametrize(
    ("sizes", "about"),
    [
        ([50 + min(at, 39) for at in range(100)], set()),
        ([50 + at % 20 for at in range(100)], set()),
        ([100 + at / 2 for at in range(100)], {MEMORY}),
        ([600] * 100, {MEMORY}),
    ],
    ids=["filling in the warm-up", "to and fro", "growing", "above the bound"],
)
def test_memory_that_grows_is_found(sizes: list[float], about: set[str]) -> None:
    """Memory that is taken and given back in turn does not grow; the warm-up does not count."""
    assert {wrong.about for wrong in judge(PLAN, watched(sizes), {}).wrong} == about


def test_a_late_answer_is_found() -> None:
    """It is told when it was asked for."""
    watch = watched([50] * 100)
    watch.failures.append("after 7 s: late, 2.1 s")
    told = [(wrong.about, wrong.text) for wrong in judge(PLAN, watch, {}).wrong]
    assert told == [(LATE, "/metrics after 7 s: late, 2.1 s")]


@pytest.mark.parametrize("missing", [0, 1])
async def test_counts_are_those_of_the_whole_fleet_and_retired(missing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label sets that have left are in the retired counts; families of the hostile path are no part of it."""
    monkeypatch.setattr("fog_proving.soak.books._END_SECONDS", 0.2)
    app = web.Application()

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text=TEXT)

    async def retired(_: web.Request) -> web.Response:
        return web.json_response({"families": [{"name": "a_total", "type": "counter", "counted": 3 - missing}]})

    app.router.add_get("/metrics", metrics)
    app.router.add_get("/api/retired", retired)
    result = Result()
    async with TestServer(app) as server:
        await judge_counts(str(server.make_url("")).rstrip("/"), [{"a_total": 6}, {"a_total": 2}], result)
    told = ["a_total: 8 were counted, and the aggregator has 7"] if missing else []
    assert [wrong.text for wrong in result.wrong if wrong.about == COUNTS] == told
