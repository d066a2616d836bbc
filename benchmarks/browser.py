"""Measure the operators' page in headless Chromium with a large fleet, beside its budgets.

    python -m benchmarks.browser [--nodes 100000] [--openings 5] [--json]

A nats-server, an aggregator, and the load generator's frames. Times are of this machine while it does all of that.
The overview is opened several times in one browser that runs, as a user's does. Each time it has a profile of its own,
so that it keeps no file of the time before. Figures of an opening are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from fog_aggregator.components.http.web.files import page_files
from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_testing.nats_server import NatsServer
from tests.cli.aggregators import free_address
from tests.cli.bus import make_streams
from tests.cli.processes import fog
from tests.page.browser import Tab, browser, tab

STUCK: Final = 180.0
"""Seconds in which no further node is heard before that is an error: a busy machine takes long, and goes on."""
LONGEST: Final = "longest task after loading ms"
BUDGETS: Final = {
    "HTML, CSS and JS kB gzip": 40,
    "requests to open": 8,
    "columns kB gzip": 300,
    "DOM elements": 1500,
    "overview complete ms": 1000,
    "first problem after its answer ms": 300,
    "tree opened ms": 20,
    "one pass of prefix sums ms": 0.7,
    "map by health ms": 4,
    "map by health p99 ms": 16,
    "search to its list ms": 50,
    LONGEST: 50,
    "heap MB": 60,
    "heap after an hour MB": 60,
    "DOM elements after an hour": 1500,
    "a row far down found": 1,
}
"""The largest value that each figure may have; the last one is a number of rows."""

_FIGURES: Final = """async (columns) => {
    const { Tree } = await import('./data/tree.js');
    const { paint } = await import('./draw/icicle.js');
    const middle = (values, share = 0.5) => [...values].sort((a, b) => a - b)[Math.floor(values.length * share)];
    const timed = (work) => { const began = performance.now(); work(); return performance.now() - began; };
    const opened = Array.from({ length: 7 }, () => timed(() => new Tree(columns)));
    const tree = new Tree(columns);
    const canvas = Object.assign(document.createElement('canvas'), { width: 932, height: 324 });
    const pen = canvas.getContext('2d');
    const view = { width: 932, height: 324, from: 0, to: tree.total, levels: [0, Math.min(6, tree.levels.length)] };
    const sums = [];
    const paints = [];
    for (let frame = 0; frame < 120; frame += 1) {
        for (let place = frame % 7; place < tree.size; place += 7) {
            if (tree.hasNode(place)) tree.state[place] = (frame + place) % 3;
        }
        tree.count();
        sums.push(timed(() => tree._sum()));
        paints.push(timed(() => { paint(pen, tree, view); pen.getImageData(0, 0, 1, 1); }));
    }
    return { opened: middle(opened), sums: middle(sums), paint: middle(paints), paint99: middle(paints, 0.99) };
}"""
_WATCH: Final = """() => {
    window.tasks = [];
    const long = new PerformanceObserver((list) => {
        tasks.push(...list.getEntries().map((one) => [one.startTime, one.duration]));
    });
    long.observe({ type: 'longtask', buffered: true });
    const look = () => {
        if (!window.firstProblem && document.querySelector('.problem')) window.firstProblem = performance.now();
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
}"""


_HOUR: Final = """(status) => {
    const real = window.fetch;
    const now = () => Date.now() / 1000;
    const write = (kind, data, id) => new TextEncoder().encode(
        `id: 00000000-${id}\\nevent: ${kind}\\ndata: ${JSON.stringify(data)}\\n\\n`,
    );
    let number = 0;
    const tell = (to) => {
        number += 1;
        const path = `fog/${number % 10}/${number % 9}`;
        const labels = { number: String(number) };
        const event = { path, name: `event_${number % 7}`, timestamp: now(), labels, metadata: {}, value: number };
        to.enqueue(write('status', { ...status, now: now() }, number));
        to.enqueue(write('event', event, number));
        if (number % 5 === 0) to.enqueue(write('alert', { path, state: 'pending' }, number));
    };
    const stream = (signal) => new ReadableStream({
        start(to) {
            const beat = setInterval(() => tell(to), 2000);
            signal.addEventListener('abort', () => { clearInterval(beat); to.close(); });
        },
    });
    window.fetch = (url, options) => (
        String(url).includes('api/stream') ? Promise.resolve(new Response(stream(options.signal))) : real(url, options)
    );
}"""
"""A stream that beats by the browser's clock, which is hurried on: a status and an event each 2 s, an alert in 10 s."""


@contextmanager
def fleet(nodes: int, interval: str) -> Iterator[str]:
    """Let so many nodes send, and the aggregator read them; its address."""
    address = free_address()
    with NatsServer() as server, tempfile.TemporaryDirectory() as state:
        asyncio.run(make_streams(server.url))
        options = ("--nats", server.url, "--listen", address, "--state-dir", state)
        swarm = ("--nodes", str(nodes), "--series", "5", "--interval", interval, "--branching", "10", "--path", "fog")
        with (
            fog("aggregator", *options, "--expect", "fog/never/heard"),
            fog("swarm", "--nats", server.url, "--api", address, "--no-check", *swarm),
        ):
            yield address


def heard(address: str) -> int:
    """Return how many nodes were heard; none while nobody answers, or it is not ready."""
    try:
        status = Api(address).json("/api/status")
    except CommandError:
        return 0
    nodes = status["coverage"]["nodes"]  # a machine that is too slow leaves intervals out: then some are stale
    return int(nodes["live"] + nodes["stale"]) if status["ready"] else 0


async def all_heard(address: str, nodes: int) -> None:
    """Wait until all nodes are heard, as long as there are more of them.

    Raises:
        TimeoutError: with how many there are, when there were no more for too long.
    """
    most, grown = 0, time.monotonic()
    while (number := await asyncio.to_thread(heard, address)) < nodes:
        if number > most:
            most, grown = number, time.monotonic()
        if time.monotonic() - grown > STUCK:
            raise TimeoutError(f"{most:,} of {nodes:,} nodes are heard, and no more for {STUCK:.0f} s")
        await asyncio.sleep(0.2)


async def looked(opened: Tab, complete: float) -> dict[str, Any]:
    """Return what the page has noted of itself."""
    found: dict[str, Any] = await opened.page.evaluate(
        """(complete) => {
            const answer = performance.getEntriesByType('resource').find(({ name }) => name.includes('api/alerts'));
            return {
                elements: document.querySelectorAll('*').length, heap: performance.memory.usedJSHeapSize / 1e6,
                problem: window.firstProblem - answer.responseEnd,
                task: Math.max(0, ...window.tasks.filter(([start]) => start > complete).map(([, took]) => took)),
            };
        }""",
        complete,
    )
    return found


async def opening(opened: Tab, url: str) -> dict[str, float]:
    """Open the overview, and return what it took."""
    sizes: dict[str, int] = {}
    tools = await opened.page.context.new_cdp_session(opened.page)
    names: dict[str, str] = {}
    await tools.send("Network.enable")
    tools.on("Network.responseReceived", lambda one: names.__setitem__(one["requestId"], one["response"]["url"]))
    tools.on(
        "Network.loadingFinished",
        lambda one: sizes.__setitem__(names.get(one["requestId"], ""), one["encodedDataLength"]),
    )
    await opened.page.add_init_script(f"({_WATCH})()")
    await opened.page.goto(url)
    await opened.page.locator(".problem").first.wait_for(timeout=60_000)
    await opened.page.locator(".legend", has_text=re.compile(r"\d nodes")).wait_for()  # the tree is there, and drawn
    changes = opened.page.locator("[aria-label='What changed']").locator("td, p")
    await changes.filter(has_not_text="asking").first.wait_for()
    complete = await opened.evaluate("performance.now()")
    await opened.page.wait_for_timeout(3000)  # what comes after loading, for tasks that are too long
    found = await looked(opened, complete)
    assets = sum(
        len(file.packed["gzip"]) for file in page_files() if file.path in {urlsplit(name).path for name in sizes}
    )
    columns = next(size for name, size in sizes.items() if "format=columns" in name)
    return {
        "HTML, CSS and JS kB gzip": assets / 1e3,
        "requests to open": len({name.partition("?")[0] for name in opened.asked}),
        "columns kB gzip": columns / 1e3,
        "DOM elements": found["elements"],
        "overview complete ms": complete,
        "first problem after its answer ms": found["problem"],
        LONGEST: found["task"],
        "heap MB": found["heap"],
    }


async def openings(url: str, times: int) -> dict[str, float]:
    """Open the overview several times; the median of each figure, the longest task of all, and all faults."""
    found: list[dict[str, float]] = []
    faults = 0
    for _ in range(times):
        async with tab("about:blank") as opened:
            found.append(await opening(opened, url))
            faults += len(opened.said)
    figures = {name: statistics.median(one[name] for one in found) for name in found[0]}
    figures[LONGEST] = max(one[LONGEST] for one in found)
    return figures | {"faults": faults}


async def searching(opened: Tab) -> float:
    """Type in the search, and return how long its list takes."""
    await opened.page.keyboard.press("/")
    took: float = await opened.page.evaluate(
        """() => new Promise((resolve) => {
            const field = document.querySelector('.find input');
            const list = document.getElementById('results');
            const look = () => { if (list.querySelector('li')) resolve(performance.now() - began); };
            new MutationObserver(look).observe(list, { childList: true, subtree: true, attributes: true });
            field.value = '9/9';
            const began = performance.now();
            field.dispatchEvent(new InputEvent('input', { bubbles: true }));
        })"""
    )
    return took


async def aging(url: str, status: dict[str, Any], nodes: int, minutes: int) -> dict[str, float]:
    """Leave the overview open for some minutes of its clock, with all that a stream tells; what it holds then."""
    async with tab("about:blank") as opened:
        await opened.page.clock.install()
        await opened.page.add_init_script(f"({_HOUR})({json.dumps(status)})")
        await opened.page.goto(url)
        await opened.page.clock.run_for(3000)
        await opened.shows("Live", "#pill")
        await opened.shows(f"{nodes + 1:,} nodes", ".legend")  # the tree has come, with the one that was never heard
        for _ in range(minutes * 6):
            await opened.page.clock.run_for(10_000)
        await opened.shows("Live", "#pill")
        tools = await opened.page.context.new_cdp_session(opened.page)
        await tools.send("HeapProfiler.collectGarbage")
        heap = await tools.send("Runtime.getHeapUsage")
        elements = await opened.evaluate("document.querySelectorAll('*').length")
        faults = len(opened.said)
    return {"heap after an hour MB": heap["usedSize"] / 1e6, "DOM elements after an hour": elements, "late": faults}


async def measure(address: str, options: argparse.Namespace) -> dict[str, float]:
    """Return all figures."""
    await all_heard(address, options.nodes)
    async with browser():
        return await figures_of(address, options)


async def figures_of(address: str, options: argparse.Namespace) -> dict[str, float]:
    """Return what the page takes with a fleet that is there."""
    url = f"http://{address}"
    columns = await asyncio.to_thread(Api(address).json, "/api/tree", {"format": "columns"})
    last = (await asyncio.to_thread(Api(address).json, "/api/nodes", {"sort": "path", "limit": 1, "q": "9*9"}))["nodes"]
    figures = await openings(url, options.openings)
    async with tab(url) as opened:
        await opened.shows(f"{options.nodes + 1:,} nodes", ".legend")
        figures["search to its list ms"] = await searching(opened)
        await opened.page.goto(f"{url}/#/?view=nodes&state=all&q={last[0]['path']}")
        row = opened.page.locator("table a.path", has_text=last[0]["path"].rpartition("/")[2])
        await row.first.wait_for(timeout=30_000)
        figures["a row far down found"] = min(1, await row.count())
        figures["faults"] += len(opened.said)
    status = await asyncio.to_thread(Api(address).json, "/api/status")
    aged = await aging(url, status, options.nodes, options.minutes)
    figures["faults"] += aged.pop("late")
    figures |= aged
    async with tab(f"{url}/modules.html#/?view=metrics") as opened:
        found = await opened.page.evaluate(_FIGURES, columns)
    names = ("tree opened ms", "one pass of prefix sums ms", "map by health ms", "map by health p99 ms")
    return figures | dict(zip(names, (found["opened"], found["sums"], found["paint"], found["paint99"]), strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--interval", default="60s", help="how often each node sends: so long it takes to hear all")
    parser.add_argument("--minutes", type=int, default=60, help="of the hour that a tab is left open for")
    parser.add_argument("--openings", type=int, default=5, help="how often the overview is opened")
    parser.add_argument("--json", action="store_true", help="print an object in place of the table")
    options = parser.parse_args()
    with fleet(options.nodes, options.interval) as address:
        figures = asyncio.run(measure(address, options))
    if options.json:
        faults = figures.pop("faults")
        print(json.dumps({"figures": figures, "budgets": BUDGETS, "faults": faults}))
        return
    print(f"Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(f"| {options.nodes:,} nodes | measured | budget |\n|---|---|---|")
    for name, budget in BUDGETS.items():
        print(f"| {name} | {figures[name]:,.3g} | {budget} |")
    print(f"errors in the console: {figures['faults']:.0f}")


if __name__ == "__main__":
    main()
