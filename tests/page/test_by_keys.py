"""A keyboard alone, and what it copies: links open the same picture, queries give the chart's number, commands run."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Route

from fog_cli.api import Api
from fog_testing.waiting import eventually
from tests.certificates import self_signed
from tests.cli.aggregators import free_address
from tests.cli.nginx import NGINX, accepts, nginx
from tests.page.browser import PHONE, browser, needs_browser, tab
from tests.page.copying import copied, looks, same, same_map, shell
from tests.page.rich import RISING, SILENCED, Rich, rich_fleet
from tests.promql.prometheus import BINARY, WHY_NOT, running_prometheus

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
BRANCH = "#/fog/a?t=15m&m=orders_total&by=siblings"
SPARE = "fog/b/r0/n5"
"""The node that commands are tried on."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fleet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rich]:
    """Provide one fleet for all of them."""
    async with browser(), rich_fleet(tmp_path_factory.mktemp("rich")) as rich:
        yield rich


async def test_from_the_problem_to_its_cause_without_a_mouse(fleet: Rich) -> None:
    """From the problem with its place and start on: select, silence, ask why, open, copy: each by its key."""
    async with tab(fleet.url) as opened:
        press = opened.page.keyboard.press
        await opened.shows("Errors rise", "h1")
        assert RISING in await opened.text("h1")
        await press("1")
        await opened.page.locator(".problem[aria-selected=true]").wait_for()
        await press("s")
        await opened.shows("fog silence add", "dialog")
        await opened.page.locator("dialog input").focus()
        await opened.page.keyboard.type("deploy is under way")
        await opened.shows("'deploy is under way'", "dialog code")
        await press("Escape")
        await press("w")
        await opened.page.wait_for_url(f"**/#/{RISING}*")
        await opened.shows("sum of the above")
        await press("w")
        assert await opened.evaluate("document.activeElement.getAttribute('aria-label')") == "Why this number"
        assert RISING in await copied(opened, "y")
        assert await copied(opened, "c") == opened.page.url
        await press("Backspace")
        await opened.page.wait_for_url("**/#/fog/a/r0*")
        await press("[")
        await opened.page.wait_for_url("**from=*")
        await opened.shows("Now", "#span")
        assert opened.said == []


async def test_rows_of_events_and_metrics(fleet: Rich) -> None:
    """Keys go from row to row, a redrawn table keeps the row, and `Enter` opens it; `f` filters and `o` sorts."""
    focused = "document.activeElement.textContent"
    async with tab(f"{fleet.url}/#/?view=metrics") as opened:
        press = opened.page.keyboard.press
        await opened.page.locator("td.number", has_text="1").first.wait_for()
        rows = await opened.page.locator("td a.path").all_inner_texts()
        for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
            await press(key)
            assert await opened.evaluate(focused) == rows[row], (key, row)
        await press("o")
        assert await opened.evaluate(focused) == rows[1]
        assert await opened.page.locator("td a.path").all_inner_texts() != rows
        await press("Enter")
        await opened.page.wait_for_url(f"**m={rows[1]}*")
        await opened.page.goto(f"{fleet.url}/#/?view=events")
        await opened.shows("deployed", "table")
        await press("j")
        assert await opened.evaluate(focused) == await opened.text("td a.path")
        names = await opened.page.locator("tbody td b").all_inner_texts()
        await press("o")
        assert await opened.page.locator("tbody td b").all_inner_texts() == sorted(names)
        await press("f")
        assert await opened.evaluate(focused) == "all names"
        await press("k")
        await press("Enter")
        await opened.page.wait_for_url("**/#/fog/**")
        assert opened.said == []


async def test_runs_and_pauses_of_events(fleet: Rich) -> None:
    """`e` shows each event of a run; Space holds the list, from a row too; a span asks for none that came later."""
    event = {"path": "fog/a/r0/n1", "timestamp": 1000.0, "value": None, "labels": {}, "metadata": {}}
    events = [event | {"name": name} for name in ("began", "began", "began", "ended")]

    async def answer(route: Route) -> None:
        await route.fulfill(json={"events": events, "next": None, "kept": 4, "lost": 0, "repeated": 0})

    async with tab("about:blank") as opened:
        press = opened.page.keyboard.press
        await opened.page.route("**/api/events*", answer)
        await opened.page.goto(f"{fleet.url}/#/?view=events&from=900&to=1100")
        await opened.shows("2 like it", "table")
        rows = opened.page.locator("section[aria-label=Events] tbody tr")
        for number in (4, 2):
            await press("e")
            assert await rows.count() == number
        assert all("until=1160" in address for address in opened.asked if "/api/events" in address)
        await press("j")
        for state in ("true", "false"):
            await press(" ")
            await opened.page.locator(f"button[aria-pressed={state}]", has_text="Space").wait_for()
        assert opened.said == []


async def test_keys_come_back_from_where_one_types(fleet: Rich) -> None:
    """`Enter` leaves a filter as it is, `Esc` the span of time; with Ctrl the map leaves keys to the browser."""
    focused = "document.activeElement.tagName"
    async with tab(f"{fleet.url}/#/fog/a/r0") as opened:
        press = opened.page.keyboard.press
        await opened.shows("n5", "[aria-label=Children]")
        await press("f")
        await opened.page.keyboard.type("n1")
        await press("Enter")
        assert await opened.evaluate(focused) == "BODY"
        await press("t")
        assert await opened.evaluate(focused) == "SELECT"
        await press("Escape")
        assert await opened.evaluate(focused) == "BODY"
        await press("g")
        await press("a")
        await opened.page.locator("[aria-label=Firing] tr.open").first.wait_for()
        await press("j")
        await press("Enter")
        await opened.page.wait_for_url("**open=**")
        assert "error_ratio" in await copied(opened, "y")
        place = opened.page.locator("[aria-label=Firing] a.path").first
        address = await place.get_attribute("href")
        await place.focus()
        await press("Enter")  # a row opens by it, and a link in it leads on
        await opened.page.wait_for_url(f"{fleet.url}/{address}")
        await opened.page.goto(fleet.url)
        await opened.shows("nodes", ".legend")  # the tree, in which keys move
        leaves = """(key) => document.querySelector('canvas').dispatchEvent(
            new KeyboardEvent('keydown', { ...key, cancelable: true }))"""
        await opened.page.locator("canvas").first.focus()
        assert not await opened.page.evaluate(leaves, {"key": "ArrowDown"})
        assert await opened.page.evaluate(leaves, {"key": "ArrowDown", "ctrlKey": True})
        assert opened.said == []


async def test_the_list_of_metrics(fleet: Rich) -> None:
    """It has each counter's rate, each histogram's observations, no gauge's, and who describes a metric otherwise."""
    async with tab(f"{fleet.url}/#/?view=metrics") as opened:

        def row(name: str) -> Locator:
            return opened.page.locator("tr", has=opened.page.locator("a.path", has_text=re.compile(rf"^{name}$")))

        for name in ("orders_total", "order_duration_seconds"):
            await row(name).locator("td", has_text=re.compile(r"^\d[\d.]* /s$")).wait_for(timeout=40_000)
        series, rate = (row("queue_size").locator("td").nth(place) for place in (3, 4))
        await series.and_(opened.page.locator(":text-is('16')")).wait_for(
            timeout=40_000
        )  # of four kinds four statistics
        assert await rate.inner_text() == ""
        unlike = row("disk_bytes").locator("td").last
        await unlike.filter(has_text="other help").wait_for(timeout=40_000)
        assert re.search(rf"({RISING}|{SILENCED})\s+other help", await unlike.inner_text())
        assert await row("orders_total").locator("td").last.inner_text() == ""
        assert opened.said == []


async def test_a_link_opens_the_same_picture(fleet: Rich) -> None:
    """Place, span, metric and colours are in it."""
    async with tab(f"{fleet.url}/{BRANCH}") as first:
        before = await looks(first)
        link = await copied(first, "c")
        async with tab(link) as second:
            await eventually(lambda: same(second, before))
            await eventually(lambda: same_map(second, first))
            assert before["span"] == "15m"
            await second.shows("last 15 min", "[aria-label=Children] thead")
            assert second.said == []


async def test_the_address_has_what_was_chosen(fleet: Rich) -> None:
    """A selected problem, a filter, an order, a metric that is explained: a link has them, and Back undoes the last."""
    chosen = ".problem[aria-selected=true]"
    async with tab(fleet.url) as opened, tab("about:blank") as other:
        press = opened.page.keyboard.press
        await opened.shows("Errors rise", ".problem")
        await press("1")
        await opened.page.locator(chosen).wait_for()
        await other.page.goto(opened.page.url)
        await other.shows("Errors rise", chosen)
        await opened.page.go_back()
        await opened.page.locator(chosen).wait_for(state="detached")
        await opened.page.goto(f"{fleet.url}/#/fog/a/r0")
        await opened.shows("n5", "[aria-label=Children]")
        await press("o")
        await press("f")
        await opened.page.keyboard.type("n1")
        await press("Enter")
        assert opened.page.url.endswith("#/fog/a/r0?sort=value&q=n1")
        await other.page.goto(opened.page.url)
        await other.shows("n1", "[aria-label=Children]")
        assert await other.page.locator("[aria-label=Children] tbody tr").count() == 1
        assert await other.page.locator("input.filter").input_value() == "n1"
        await opened.page.go_back()  # what is typed is no step of its own
        await opened.page.wait_for_url("**/#/fog/a/r0", timeout=10_000)
        await opened.page.goto(f"{fleet.url}/#/{RISING}")
        await opened.shows("sum of the above")
        await press("j")
        await press("j")
        await opened.page.wait_for_url("**m=*", timeout=10_000)
        name = opened.page.url.partition("m=")[2]
        await other.page.goto(opened.page.url)
        await other.shows(name, "[aria-label='Why this number'] .mono")
        assert name in await other.text("[aria-label=Metrics] tr[aria-selected=true]")
        await opened.page.go_back()  # nor is each row that keys go through
        await opened.page.wait_for_url("**/#/fog/a/r0")
        assert [*opened.said, *other.said] == []


async def test_an_address_that_cannot_be(fleet: Rich) -> None:
    """It is said, once, and a view is shown all the same, of what is left of the address."""
    wrong = {
        "#/?from=20&to=10": "from “20”, to “10”",
        "#/fog/a?from=0&to=1e309": "from “0”, to “1e309”",
        "#/fog/a?t=toString": "t “toString”",
        f"#/{'x' * 65536}": "path “xxxx",
        f"#/{'a/' * 32768}": "path “a/a/",
        "#/<script>alert(1)</script>": "path “<script>",
        "#/%E0%A4%A?view=alerts": "path “%E0",
        f"#/?view=nodes&q={'y' * 65536}": "q “yyyy",
        "#/?view=constructor": "view “constructor”",
        "#/fog/a?m=nothing_total&by=nonsense&sort=nonsense": "m “nothing_total”",
    }
    odd = {
        "#/nowhere/at/all": "No node is known here",
        "#/?view=nodes&state=nonsense&sort=nonsense": "quarantined",
        "#/?view=alerts&sort=nonsense&open=nonsense": "Errors rise",
        "#/?view=events&name=nonsense&sort=nonsense": "nonsense 0",
        "#/?open=nonsense&by=nonsense": "Errors rise",
    }
    async with tab("about:blank", PHONE) as opened:
        for address, text in (wrong | odd).items():
            await opened.page.goto("about:blank")
            await opened.page.goto(f"{fleet.url}/{address}")
            await opened.shows(text, "main")
            await opened.shows("Live", "#pill")
            await opened.page.locator("#view h1, #view table").first.wait_for()
            assert await opened.page.locator("#wrong").is_visible() == (address in wrong), address
            assert await opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
            assert await opened.evaluate("document.querySelectorAll('*').length") <= 1500, address
            assert [text for text in opened.said if not text.startswith("Failed to load resource")] == [], address
        await opened.page.locator("#tabs a").first.click()
        await opened.page.locator("#wrong").wait_for(state="hidden")


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
async def test_behind_a_prefix(fleet: Rich, tmp_path: Path) -> None:
    """The page and its links work below a proxy's prefix, and nothing is asked for outside of it."""
    port = int(free_address().rpartition(":")[2])
    certificate = self_signed(tmp_path)
    with nginx(tmp_path, port, fleet.url.removeprefix("http://"), certificate):
        await eventually(lambda: accepts(port))
        root = f"https://127.0.0.1:{port}/fog"
        async with tab(f"{root}/{BRANCH}") as opened:
            await opened.shows("Live", "#pill")
            link = await copied(opened, "c")
            assert link == f"{root}/{BRANCH}"
            assert [address for address in opened.asked if not address.startswith(f"{root}/api/")] == []
            async with tab(link) as second:
                await second.shows("orders_total", ".chart")
                await second.page.locator("a", has_text="Alerts").click()
                await second.page.wait_for_url(f"{root}/#/fog/a?view=alerts*")
            assert opened.said == []


async def test_a_query_gives_the_number_of_its_chart(fleet: Rich) -> None:
    """In any client of /api/v1: a gauge exactly; of a counter the same query over five minutes."""
    async with tab(f"{fleet.url}/#/fog/a?m=queue_size") as opened:
        await opened.page.locator(".chart .now", has_text="1.5").wait_for(timeout=40_000)
        query = await copied(opened, "y")

        async def asked() -> list[Any]:
            """Ask until there is a number: on a busy machine the node may be stale for a moment, and has no gauges."""
            answer = await asyncio.to_thread(Api(fleet.url).json, "/api/v1/query", {"query": query})
            result: list[Any] = answer["data"]["result"]
            return result

        [found] = await eventually(asked, deadline=40)
        assert float(found["value"][1]) == 1.5
    async with tab(f"{fleet.url}/#/fog/a?m=orders_total") as opened:
        await opened.shows("/s", ".chart .now")
        query = await copied(opened, "y")
        assert query == 'sum (rate(orders_total{fog_level="1",fog_path="fog/a"}[5m]))'
        assert Api(fleet.url).json("/api/v1/query", {"query": query})["data"]["result"]


@pytest.mark.skipif(BINARY is None, reason=WHY_NOT)
async def test_a_query_gives_its_number_in_a_prometheus(fleet: Rich, tmp_path: Path) -> None:
    """One that scrapes the level: a gauge exactly, a rate as the aggregator has it from the same seconds."""
    target = f"static_configs: [{{targets: ['{fleet.url.removeprefix('http://')}']}}]"
    config = f"scrape_configs: [{{job_name: a, scrape_interval: 1s, params: {{level: ['1']}}, {target}}}]"
    async with AsyncExitStack() as stack:
        prometheus = await asyncio.to_thread(stack.enter_context, running_prometheus(tmp_path, config))
        opened = await stack.enter_async_context(tab("about:blank"))

        async def numbers(query: str) -> tuple[float, float] | None:
            """Ask both for the same moment; there is no answer while one of them has none."""
            given = {"query": query, "time": f"{time.time() - 2:.3f}"}
            ours = await asyncio.to_thread(Api(fleet.url).json, "/api/v1/query", given)
            theirs = await asyncio.to_thread(partial(prometheus.ask, "query", **given))
            found = [float(one["value"][1]) for answer in (ours, theirs) for one in answer["data"]["result"]]
            return (found[0], found[1]) if len(found) == 2 else None

        async def shown(metric: str) -> str:
            await opened.page.goto("about:blank")
            await opened.page.goto(f"{fleet.url}/#/fog/a?m={metric}")
            await opened.shows(metric, ".chart .name")
            return await copied(opened, "y")

        gauge = await shown("queue_size")
        await opened.page.locator(".chart .now", has_text="1.5").wait_for(timeout=40_000)
        assert await eventually(lambda: numbers(gauge), deadline=60) == (1.5, 1.5)
        counter = await shown("orders_total")
        assert await eventually(lambda: numbers(counter), deadline=60) is not None
        fleet.crowd.nodes[RISING].orders.increment(30_000)

        async def is_the_same() -> bool:
            """Tell whether both have risen by as much: each is stretched to the edges of what it knows of."""
            ours, theirs = await numbers(counter) or (0.0, 0.0)
            return 90 < ours == pytest.approx(theirs, rel=0.2)

        await eventually(is_the_same, deadline=60)


async def test_a_drag_over_a_chart_marks_what_is_chosen(fleet: Rich) -> None:
    """The mark is where the pointer went and nowhere else, and is gone where too little was chosen."""
    pixels = """(canvas) => {
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        return [100, 150, 200].map((x) => data[(Math.round(canvas.height * 0.3) * canvas.width + x) * 4 + 3]);
    }"""
    async with tab(f"{fleet.url}/#/fog/a?m=queue_size&from=1000&to=4600") as opened:
        canvas, mouse = opened.page.locator(".chart canvas").first, opened.page.mouse
        await opened.page.locator(".chart .sub span").first.wait_for(state="attached")
        await opened.shows("no value in this span", ".chart .sub")
        box = await canvas.bounding_box()
        assert box is not None
        before = await canvas.evaluate(pixels)
        await mouse.move(box["x"] + 120, box["y"] + 40)
        await mouse.down()
        await mouse.move(box["x"] + 180, box["y"] + 40)
        marked = await canvas.evaluate(pixels)
        assert (marked[0], marked[2]) == (before[0], before[2])
        assert marked[1] > before[1]
        await mouse.move(box["x"] + 122, box["y"] + 40)
        await mouse.up()
        assert await canvas.evaluate(pixels) == before
        assert "from=1000&to=4600" in opened.page.url
        await mouse.down()
        await mouse.move(box["x"] + 180, box["y"] + 40)
        await mouse.up()
        await opened.page.wait_for_url(lambda url: "from=1000&" not in url)
        assert opened.said == []


async def test_a_copied_command_runs(fleet: Rich) -> None:
    """A node's commands, a row's, and that of the silence form run as they are."""
    async with tab(f"{fleet.url}/#/{SPARE}") as opened:
        await opened.shows("sum of the above")
        commands = await opened.page.locator(".command code").all_inner_texts()
        await opened.page.goto(f"{fleet.url}/#/?view=nodes&state=quarantined")
        await opened.shows("--lift", "table")
        commands.append(await copied(opened, "c"))
    assert len(set(commands)) >= 4
    for command in commands:
        done = await asyncio.to_thread(shell, command, fleet)  # the nodes live in this loop, and answer an audit
        if command.startswith("fog audit") and done.returncode:  # another test has put the node into quarantine
            assert "not audited: no node at or under" in done.stderr
            continue
        assert (done.returncode, done.stderr) == (0, ""), command
