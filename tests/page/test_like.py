"""Nodes that are one line as they lie together, a metric beside others', the life of a node: on the page."""

from __future__ import annotations

import re
from typing import Any

from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.page.browser import OF_EVERY_VIEW, needs_browser, tab

pytestmark = needs_browser
OF_THE_NODE = {
    "events?path=fog/2/0&limit=100",
    "explain?path=fog/2/0",
    "likeness?path=fog/2/0&limit=200",
    "nodes?path=fog/2/0&limit=1",
    "snapshot?node=fog/2/0",
    "v1/query_range?step=60",
    "v1/query_range?step=900",
}
"""Questions of the view of a node: of all its series, and why the first one is what it is."""


async def test_a_place_that_is_unlike_the_others(fog_nats: NatsServer) -> None:
    """A node whose siblings have the same long queue sends the reader up; its writer and its numbers are there."""
    async with Fleet(fog_nats.url, interval=1.0) as fleet:
        for rack in range(3):
            for host in range(5):
                collector = await fleet.node(f"fog/{rack}/{host}")
                collector.register_gauge("queue_size").set(100 if rack == 2 else 1 + host / 10)
                collector.register_gauge("backlog").set(500 if (rack, host) == (0, 4) else 1)
        await fleet.settle()
        async with tab(f"{fleet.url}/#/fog/2/0") as opened:
            await opened.shows("Live; its queue_size is that of 2 as a whole", "h1")
            await opened.shows("Look at 2", "[aria-label^=Verdict]")
            assert "100" in await opened.text("tr:has-text('queue_size')")
            await opened.shows("writer", "[aria-label='Life of this node']")
            together = "query_range.*(queue_size.*backlog|backlog.*queue_size)"
            await eventually(lambda: any(re.search(together, address) for address in opened.asked))
            assert opened.questions <= OF_EVERY_VIEW | OF_THE_NODE
            assert len({address for address in opened.asked if "/api/explain" in address}) == 1
            await opened.page.goto(f"{fleet.url}/#/fog/0?view=metrics")
            row = opened.page.locator("tr", has=opened.page.locator("a.path:text-is('backlog')"))
            await row.locator("a.bad", has_text="fog/0/4").wait_for(timeout=40_000)
            assert "500 \N{MULTIPLICATION SIGN} siblings" in await row.inner_text()
            assert opened.said == []


async def test_a_span_is_dragged(fog_nats: NatsServer) -> None:
    """Over a chart: the address has the span, and Now leads back."""
    async with Fleet(fog_nats.url, interval=1.0) as fleet:
        for host in range(2):
            (await fleet.node(f"fog/a/{host}")).register_counter("orders_total", "Orders").increment(3)
        await fleet.settle()
        async with tab(f"{fleet.url}/#/fog/a") as opened:
            canvas = opened.page.locator(".chart canvas").first
            await opened.page.locator(".chart .now .unit").first.wait_for(state="attached", timeout=40_000)
            box = await canvas.bounding_box()
            assert box is not None
            await opened.page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
            await opened.page.mouse.down()
            await opened.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40)
            await opened.page.mouse.up()
            await opened.page.wait_for_url("**from=*to=*")
            await opened.page.get_by_role("link", name="Now").click()
            await eventually(lambda: "from=" not in opened.page.url)
            assert opened.said == []


async def test_nodes_that_lie_together_are_one_line(fog_nats: NatsServer) -> None:
    """Of a state and a place, with the command for all of them; `e` unfolds it. The answers are made up."""
    paths = [f"fog/b/{host}" for host in range(4)]
    rows = [node("fog/a", "stale", 50), *(node(path, "departed", 4000) for path in paths)]
    groups = [{"path": "fog/b", "nodes": 4, "of": 4, "first": 1_700_000_000, "last": 1_700_000_002}]
    states = {"departed": 4, "stale": 1, "live": 1}
    listed = {"nodes": rows, "total": 5, "next": None, "states": states, "offset": 0, "limit": 200}
    async with Fleet(fog_nats.url, interval=1.0) as fleet:
        await fleet.node("fog/a")
        async with tab("about:blank") as opened:
            alerts = await (await opened.page.request.get(f"{fleet.url}/api/alerts")).json()
            alerts["nodes"] = [{"state": "departed", "nodes": 4, "groups": groups, "left_out": 0}]
            await opened.page.route("**/api/alerts*", lambda route: route.fulfill(json=alerts))
            await opened.page.route("**/api/nodes*", lambda route: route.fulfill(json=listed))
            await opened.page.goto(f"{fleet.url}/#/?view=nodes")
            await opened.shows("4 nodes, folded", "table")
            lines = opened.page.locator("tbody tr")
            assert await lines.count() == 2
            await opened.shows("fog forget fog/b", "table")
            await opened.page.keyboard.press("j")
            await opened.page.keyboard.press("e")
            await opened.shows("fog/b/3", "table")
            assert await lines.count() == 6
            assert opened.said == []


async def test_an_event_of_the_whole_fleet_has_a_place(fog_nats: NatsServer) -> None:
    """It has no path, and its link has a text. The answer is made up: no clock steps here."""
    async with Fleet(fog_nats.url, interval=1.0) as fleet:
        collector = await fleet.node("fog/a")
        collector.record_event("begun")
        await fleet.settle()
        async with tab("about:blank") as opened:
            events = await (await opened.page.request.get(f"{fleet.url}/api/events")).json()
            events["events"] = [one | {"path": "", "name": "clock_stepped"} for one in events["events"]]
            assert events["events"]
            await opened.page.route("**/api/events*", lambda route: route.fulfill(json=events))
            for address, where in (("#/", ".events-card"), ("#/?view=events", "tbody")):
                await opened.page.goto(f"{fleet.url}/{address}")
                await opened.shows("clock_stepped", where)
                assert await opened.text(f"{where} a.path") == "the fleet"
            assert opened.said == []


def node(path: str, state: str, silent: float) -> dict[str, Any]:
    """Return a row of /api/nodes."""
    nothing = dict.fromkeys(("epochs", "series", "gaps", "folded", "baselines", "first_heard", "refused"), 0)
    flags = dict.fromkeys(("awaits_keyframe", "ephemeral", "branch"), False)
    told = {"path": path, "state": state, "last_heard_age_seconds": silent, "interval_seconds": 10.0, "info": {}}
    return nothing | flags | told
