"""Stories of a day: what dies, what rises and what goes away, as the page tells it. Real agents, a real aggregator."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from pathlib import Path

from playwright.async_api import Locator, Route
from playwright.async_api import TimeoutError as NotThereError

from fog_testing.nats_server import NatsServer
from fog_testing.proxy import HELD, Conditions, FaultProxy
from fog_testing.waiting import eventually
from tests.page.browser import Tab, browser, needs_browser, tab
from tests.page.crowd import SITES, Crowd, watched
from tests.page.map_pixels import Picture, picture

pytestmark = needs_browser
LEVELS = (1, 5, 20, 200)
NODE, NODE_AT = "fog/s2/r1/n3", (0, 2, 9, 93)
RACK, RACK_AT = "fog/s1/r2", (0, 1, 6)
RISING, ALONE = "fog/s3/r0/n4", "fog/s0/r0/n3"
"""Places that die or rise, and their numbers in each level from the top."""


def group(path: str) -> str:
    """Return what a node's connection goes by: each rack has one, and each node that dies alone."""
    return path if path in {NODE, ALONE} else path.rpartition("/")[0]


async def lines(opened: Tab) -> list[str]:
    """Return the texts of the list of problems."""
    return await opened.page.locator(".problem").all_inner_texts()


def only_above(after: Picture, before: Picture, places: tuple[int, ...]) -> list[int]:
    """Return the levels in which a pixel changed that is not of the place or of one above it."""
    changed = after.changed(before)
    for level, place in enumerate(places):
        changed[after.row(level), after.columns(level, place)] = False
    for level in range(len(places), len(after.levels)):  # all that lies below the place
        each = after.levels[level] // after.levels[len(places) - 1]
        wide = after.pixels.shape[1] / after.levels[level]
        first = round(places[-1] * each * wide)
        changed[after.row(level), first - 1 : round(first + each * wide) + 1] = False
    return [level for level in range(len(after.levels)) if changed[after.row(level)].any()]


async def test_a_node_dies_then_a_rack_then_errors_rise(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Of 200 nodes. Each is one line and one pin; nothing else changes colour; three keys lead to where errors rise."""
    async with (
        watched(fog_nats, tmp_path) as watcher,
        Crowd(fog_nats.url, SITES, group) as crowd,
        tab(watcher.url) as opened,
    ):
        await opened.shows("200 of 200 nodes are live")
        await opened.shows("200 nodes", ".legend")  # the map is drawn, which asks for the tree beside
        well = await picture(opened, LEVELS)
        assert [well.area("stale", level) for level in range(4)] == [0, 0, 0, 0]

        await crowd.cut(NODE)
        await opened.shows("1 node is stale", "h1")
        await eventually(lambda: has_lines(opened, 1))
        [line] = await lines(opened)
        assert NODE in line
        assert await opened.page.locator(".pins .pin").count() == 1
        one_dead = await picture(opened, LEVELS)
        assert only_above(one_dead, well, NODE_AT) == []
        for level, nodes in enumerate((200, 40, 10, 1)):  # the coloured area is the share
            row = one_dead.pixels[one_dead.row(level), one_dead.columns(level, NODE_AT[level])]
            share = one_dead.area("stale", level) / (row.shape[0] * row.shape[1])
            assert 0.5 / nodes < share < 1.3 / nodes, (level, share)  # a column of four pixels has soft edges
        assert "99.5 %" in await opened.text(".figures")

        await crowd.cut(RACK)
        await opened.shows("Fog branch silent", "h1")
        await eventually(lambda: has_lines(opened, 2))
        [branch, _] = await lines(opened)
        assert RACK in branch
        assert "All 10 nodes fell silent within" in branch
        assert re.search(r"\d\d:\d\d · \d", branch)
        assert await opened.page.locator(".pins .pin").count() == 2
        assert only_above(await picture(opened, LEVELS), one_dead, RACK_AT) == []
        assert "94.5 %" in await opened.text(".figures")
        await errors_rise(crowd, opened)
        assert opened.said == []


async def has_lines(opened: Tab, number: int) -> bool:
    """Tell whether the list of problems has so many lines."""
    return await opened.page.locator(".problem").count() == number


async def errors_rise(crowd: Crowd, opened: Tab) -> None:
    """Let errors rise at a node; the list names it, the descent ends at it, and keys open it."""
    node = crowd.nodes[RISING]

    async def fail() -> None:
        """Fail ever more often: a steady rate is no rise any more once the time compared with has it too."""
        node.ratio.set(0.25)
        amount = 7.0
        while True:
            node.errors.increment(int(amount))
            amount *= 1.03
            await asyncio.sleep(0.2)

    async def shorter(route: Route) -> None:
        """Compare with some seconds ago: no test lives for an hour."""
        await route.continue_(url=route.request.url.replace("window=1h", "window=8"))

    await opened.page.route("**/api/changes*", shorter)
    failing = asyncio.create_task(fail())
    try:
        await opened.shows("Errors rise", ".problem")
        await eventually(lambda: has_lines(opened, 3))
        row = opened.page.locator("[aria-label='What changed'] tr", has_text="order_errors_total")
        await eventually(lambda: asked_anew(opened, row.locator("a", has_text="n4")), deadline=40)
        assert [await one.get_attribute("href") for one in await row.locator("a").all()][-1] == f"#/{RISING}"
        number = next(at for at, line in enumerate(await lines(opened), 1) if RISING in line)
        await opened.page.keyboard.press(str(number))
        await opened.page.keyboard.press("Enter")
        await opened.page.wait_for_url(f"**/#/{RISING}*")
        await opened.shows("Errors rise", "h1")
    finally:
        failing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await failing


async def asked_anew(opened: Tab, wanted: Locator) -> bool:
    """Mount the view anew: it asks for all of it at once, its rounds take 30 s. Tell whether something is there."""
    await opened.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    with contextlib.suppress(NotThereError):
        await wanted.wait_for(timeout=10_000)
        return True
    return False


async def watch(opened: Tab) -> None:
    """Keep every number of live nodes that the page shows from now on, and when it connects anew, by its own clock."""
    await opened.evaluate(
        """() => {
            window.counts = new Set();
            window.tries = [];
            const fetch = window.fetch;
            window.fetch = (address, ...others) => {
                if (String(address).endsWith('/api/stream')) window.tries.push(Date.now() / 1000);
                return fetch(address, ...others);
            };
            const look = () => {
                const live = document.querySelector('.figures dd');
                if (live) window.counts.add(live.textContent);
            };
            new MutationObserver(look).observe(document.getElementById('view'), { childList: true, subtree: true });
        }"""
    )


async def tries(opened: Tab) -> list[float]:
    """Return when a page tried to connect anew, once there were three tries."""
    found: list[float] = await opened.evaluate("window.tries")
    return found if len(found) >= 3 else []


async def test_the_aggregator_and_the_network_go_and_come_back(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Two readers, one on the aggregator's machine, one whose network is cut: both see since when, and no zero ever."""
    async with watched(fog_nats, tmp_path) as watcher, Crowd(fog_nats.url, SITES[:20], group) as crowd:
        host, _, port = watcher.url.removeprefix("http://").partition(":")
        async with (
            browser(),
            FaultProxy(host, int(port)) as network,
            tab(watcher.url) as here,
            tab(f"http://{host}:{network.port}") as afar,
        ):
            for opened in (here, afar):
                await opened.shows("20 of 20 nodes are live")
            await crowd.cut(ALONE)
            for opened in (here, afar):
                await opened.shows("1 node is stale", "h1")
                await opened.shows(ALONE, "[aria-label=Problems]")
                assert opened.said == []
                await watch(opened)
            network.impose(up=HELD, down=HELD)
            await watcher.stop()
            for opened in (here, afar):
                await opened.shows("Disconnected", "#pill")
                assert re.search(r"What you see is of\s+\d\d:\d\d:\d\d", await opened.text("#banner"))
                await opened.shows("1 node is stale", "h1")
                assert "19" in await opened.text(".figures")
            tried = await eventually(lambda: tries(here), what="three tries")
            pauses = [after - before for before, after in itertools.pairwise(tried)]
            assert all(pause >= 2**turn for turn, pause in enumerate(pauses, 1)), pauses  # each as long as two before
            await watcher.start()
            await here.page.get_by_role("button", name="Try now").click()
            network.impose(up=Conditions(), down=Conditions())
            for opened in (here, afar):
                await is_back(opened)


async def is_back(opened: Tab) -> None:
    """Wait until a page is live again; it told no zero, and a browser alone spoke of requests that failed."""
    await opened.shows("Live", "#pill")
    await opened.shows("1 node is stale", "h1")
    assert await opened.page.locator("#banner").is_hidden()
    shown = set(await opened.evaluate("[...window.counts]"))
    assert shown <= {"19", "20", "\N{EN DASH}"}  # a dash while it is not ready
    assert [text for text in opened.said if not text.startswith("Failed to load resource")] == []
