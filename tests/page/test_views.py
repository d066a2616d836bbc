"""Stories on the page: a real aggregator, real agents, a real browser, and a keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Route

from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.page.browser import DESKTOP, OF_EVERY_VIEW, PHONE, browser, needs_browser, tab

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
OF_THE_FLEET = {"changes?window=1h", "events?limit=100", "v1/query_range?step=60", "v1/query_range?step=900"}
"""Questions of the overview: of all lines of an hour together, and of the day."""
NODES = [f"fog/{place}/{node}" for place in "abc" for node in range(2)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    """Let six nodes at three places count orders; the address. A busy machine makes no node of it stale."""
    with NatsServer() as server:
        async with browser(), Fleet(server.url, interval=1.0) as fleet:
            for path in NODES:
                collector = await fleet.node(path)
                collector.register_counter("orders_total", "Orders").increment(3)
            await fleet.settle()
            yield fleet.url


@pytest.mark.parametrize("size", [DESKTOP, (820, 900), PHONE])
async def test_all_is_well(url: str, size: tuple[int, int]) -> None:
    """The calm page, at each width: few questions, no error, nothing scrolls sideways, nothing is coloured."""
    async with tab(url, size) as opened:
        await opened.shows("All well", "h1")
        await opened.shows("6 of 6 nodes are live")
        await opened.shows("Nothing is wrong")
        assert await opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert await opened.evaluate("document.querySelectorAll('*').length") <= 1500
        assert opened.questions <= OF_EVERY_VIEW | OF_THE_FLEET
        assert opened.said == []


async def test_a_keyboard_alone_goes_everywhere(url: str) -> None:
    """Search, open, up, the views, the sheet of keys: and typing is no command."""
    async with tab(url) as opened:
        press = opened.page.keyboard.press
        await opened.shows("All well", "h1")
        await press("/")
        await opened.page.keyboard.type("b/1")
        await opened.shows("fog/b/1", "#results")
        await press("Enter")
        await opened.shows("Live", "h1")
        assert opened.page.url.endswith("#/fog/b/1")
        await opened.shows("sum of the above")
        await press("Backspace")
        await eventually(lambda: opened.page.url.endswith("#/fog/b"))
        await opened.shows("All well here", "h1")
        await press("g")
        await press("n")
        await eventually(lambda: "view=nodes" in opened.page.url)
        await opened.page.locator(".chip", has_text="all").first.click()
        await opened.shows("fog/b/1", "table")
        for key, view in (("a", "alerts"), ("e", "events"), ("m", "metrics")):
            await press("g")
            await press(key)
            await opened.page.wait_for_url(f"**view={view}*")
        await opened.shows("orders_total", "table")
        await press("?")
        await opened.shows("search places, nodes, alerts, metrics", "dialog")
        await press("Escape")
        assert opened.said == []


async def test_what_is_typed_stays(url: str) -> None:
    """A filter keeps its focus and its text while the page is drawn anew; its letters are no commands."""
    async with tab(f"{url}/#/?view=nodes&state=all") as opened:
        await opened.shows("fog/b/1", "table")
        await opened.page.keyboard.press("f")
        await opened.page.keyboard.type("gen/b*", delay=400)
        assert await opened.evaluate("document.activeElement.value") == "gen/b*"
        await opened.page.keyboard.press("Control+a")
        await opened.page.keyboard.type("fog/b/1")
        await opened.shows("1 of 1 shown")
        assert "view=nodes" in opened.page.url
        assert opened.said == []


async def test_a_tab_that_is_opened_behind_another(url: str) -> None:
    """It takes what its head has asked for at once: a browser would give it the same answer an hour later."""
    async with tab("about:blank") as opened:
        await opened.page.add_init_script("Object.defineProperty(document, 'hidden', { value: true })")
        await opened.page.goto(url)
        await opened.shows("keys", "footer")
        assert [address.partition("/api/")[2] for address in opened.asked].count("status") == 1
        assert not any("/api/stream" in address for address in opened.asked)
        assert opened.said == []


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_stream_that_cannot_be_had(url: str, is_answered: bool) -> None:  # noqa: FBT001 - a case
    """As many follow as may, or something between holds it up: it asks each 10 s, says so, and loads what it shows."""

    async def refuse(route: Route) -> None:
        if is_answered:
            await route.fulfill(status=503, json={"error": "as many clients follow as may"})

    async with tab("about:blank") as opened:
        await opened.page.clock.install()
        await opened.page.route("**/api/stream", refuse)
        await opened.page.goto(f"{url}/#/?view=events")
        await opened.shows("in the span", "main")
        states = []
        for _ in range(60):
            await opened.page.clock.run_for(1_000)
            await opened.evaluate("fetch('-/ready').then(() => null)")  # by then what was asked before is answered, too
            states.append(await opened.page.locator("#pill").get_attribute("data-state"))
        assert "disconnected" not in states
        assert set(states[20:]) == {"polling"}
        for question in ("alerts", "events"):
            assert sum(f"/api/{question}" in address for address in opened.asked) > 4


async def test_a_tab_that_was_left_for_an_hour(url: str) -> None:
    """Out of sight it asks nothing; on return it asks anew, and then says that it is live: nothing jumped to zero."""
    turn = """(hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    async with tab("about:blank") as opened:
        await opened.page.clock.install()
        await opened.page.goto(url)
        await opened.shows("All well", "h1")
        await opened.shows("Too young", "[aria-label='What changed']")
        await opened.evaluate(f"({turn})(true)")
        before = len(opened.asked)
        await opened.page.clock.fast_forward("01:00:00")
        await opened.page.clock.run_for(20_000)
        assert opened.asked[before:] == []
        assert await opened.text(".figures dd") == "6"
        await opened.evaluate(f"({turn})(false)")
        await opened.shows("Live", "#pill")
        await opened.shows("All well", "h1")
        assert any("/api/stream" in address for address in opened.asked[before:])
        assert opened.said == []
