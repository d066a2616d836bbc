"""A place where much is alike, as the page tells it: who has most of a change, a flood, a day, many children."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Route

from fog_cli.api import Api
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.bus import make_streams
from tests.page.browser import browser, needs_browser, tab
from tests.page.crowd import Crowd, watched

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
CALM = tuple(f"fog/a/r{rack}/n{node}" for rack in range(2) for node in range(3))
FAILING = tuple(f"fog/b/r0/n{node}" for node in range(24))
MANY = tuple(f"fog/many/n{node:03}" for node in range(120))
"""They are expected and never heard: children of a place without an agent."""
RISING = "fog/a/r1/n2"
BAR = 900
"""Seconds of a bar of the day."""


@dataclass(frozen=True)
class Crowded:
    """Where it is, and its nodes."""

    url: str
    crowd: Crowd


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crowded]:
    """Let a place be calm, one be all bad, and one have many children."""
    with NatsServer() as server:
        await make_streams(server.url)
        async with (
            browser(),
            watched(server, tmp_path_factory.mktemp("crowded"), "--expect", ",".join(MANY)) as watcher,
            Crowd(server.url, (*CALM, *FAILING)) as crowd,
        ):
            for path in FAILING:
                crowd.nodes[path].ratio.set(0.5)
            await eventually(lambda: asyncio.to_thread(fires, watcher.url), deadline=60)
            yield Crowded(watcher.url, crowd)


def fires(url: str) -> bool:
    """Tell whether all bad nodes have one line."""
    return any(one["alerts"] == len(FAILING) for one in Api(url).json("/api/alerts")["problems"])


def has_risen(url: str) -> bool:
    """Tell whether a node is known to have all of a rise."""
    changes = Api(url).json("/api/changes", {"path": "fog/a", "window": "8"})["changes"]
    ends = {one["metric"]: one["way"][-1]["path"] for one in changes if one["way"]}
    return ends.get("order_errors_total") == RISING


async def test_the_child_with_most_of_a_change_is_named(crowded: Crowded) -> None:
    """Where nothing fires, the verdict of a place has the share, the metric and the child, down to the node."""
    node = crowded.crowd.nodes[RISING]

    async def fail() -> None:
        """Fail ever more often: a steady rate is no rise any more once the time compared with has it too."""
        amount = 7.0
        while True:
            node.errors.increment(int(amount))
            amount *= 1.03
            await asyncio.sleep(0.2)

    async def shorter(route: Route) -> None:
        """Compare with some seconds ago: no test lives for an hour."""
        await route.continue_(url=route.request.url.replace("window=1h", "window=8"))

    failing = asyncio.create_task(fail())
    try:
        await eventually(lambda: asyncio.to_thread(has_risen, crowded.url), deadline=40)
        async with tab("about:blank") as opened:
            await opened.page.route("**/api/changes*", shorter)
            await opened.page.goto(f"{crowded.url}/#/fog/a")
            # It is asked anew every 30 s: the first answer may hold less than all of the rise.
            await opened.shows("100 % of the rise of order_errors_total is under n2", "h1", seconds=90)
            link = opened.page.locator("[aria-label^=Verdict] .note a")
            assert await link.get_attribute("href") == f"#/{RISING}?m=order_errors_total"
            assert opened.said == []
    finally:
        failing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await failing


async def test_a_flood_says_as_how_many_lines_it_is_shown(crowded: Crowded) -> None:
    """Of 24 alerts that began together."""
    async with tab(f"{crowded.url}/#/?view=alerts") as opened:
        await opened.shows("shown as 1", "b.bad")
        assert re.fullmatch(r"24 at \d\d:\d0, shown as 1", await opened.text("b.bad"))
        await opened.shows("24 alerts were folded into 1 by place")
        assert await opened.page.locator("svg[aria-label^='at most 24'] rect[fill='var(--critical)']").count() == 1
        assert opened.said == []


async def test_a_day_has_a_strip(crowded: Crowded) -> None:
    """Where nothing is wrong it says what the worst of 24 hours was. Answers are made up: no test lives for a day."""
    last = int(time.time()) // BAR * BAR
    counts = [(last - 40 * BAR, 1), (last - 20 * BAR, 3), (last - BAR, 0)]
    series = {"metric": {}, "values": [[at, str(count)] for at, count in counts]}
    answer = {"status": "success", "data": {"resultType": "matrix", "result": [series]}}
    async with tab("about:blank") as opened:
        alerts = Api(crowded.url).json("/api/alerts") | {"problems": [], "nodes": [], "total": 0}
        await opened.page.route("**/api/alerts*", lambda route: route.fulfill(json=alerts))
        await opened.page.route("**/api/v1/query_range?query=sum*nodes*", lambda route: route.fulfill(json=answer))
        await opened.page.goto(f"{crowded.url}/#/")
        worst = time.strftime("%H:%M", time.localtime(counts[1][0]))
        await opened.shows(f"at most 3 nodes, at {worst}", ".progress-line")
        bars = opened.page.locator("svg[aria-label^='not live in'] rect")
        heights = [await bar.get_attribute("height") for bar in (await bars.all())[1:]]
        assert [round(float(height or 0), 1) for height in heights] == [12.7, 34]
        assert opened.said == []


async def test_many_children_are_drawn_as_they_are_scrolled(crowded: Crowded) -> None:
    """Of 120 some are elements, the last is reached, and a key leads back to the first."""
    async with tab(f"{crowded.url}/#/fog/many") as opened:
        rows = opened.page.locator("[aria-label=Children] tbody tr:not([aria-hidden])")
        await opened.shows("n000", "[aria-label=Children] td")
        assert await rows.count() < 60
        assert await opened.page.get_by_role("link", name="n119").count() == 0
        await opened.evaluate("document.querySelector('.scroll.tall').scrollTop = 1e6")
        await opened.shows("n119", "[aria-label=Children] td")
        assert await opened.page.get_by_role("link", name="n000").count() == 0
        assert await rows.count() < 60
        assert await opened.evaluate("document.querySelector('.scroll.tall').scrollHeight") >= 120 * 32
        await opened.page.keyboard.press("j")
        await opened.shows("n000", "[aria-label=Children] tr[aria-selected=true]")
        assert opened.said == []
