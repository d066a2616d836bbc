"""Real aggregators with a real nats-server and agents, asked by `fog query` and by clients of Prometheus."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest

from fog_agent import Agent
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.api.test_clients import PROMTOOL
from tests.aggregator.services import config, serving
from tests.cli.aggregators import free_address, is_healthy
from tests.cli.processes import fog, run
from utilityfog_frontend.telemetry import TelemetryCollector

ORDERS = {"fog/0/1": 3, "fog/0/2": 4, "fog/1/1": 5}


async def with_orders(fleet: Fleet) -> str:
    """Let three nodes count orders; the address, once their numbers can be asked for."""
    for path, count in ORDERS.items():
        collector: TelemetryCollector = await fleet.node(path)
        collector.register_counter("orders_total", "Orders", ["kind"]).labels(kind="pizza").increment(count)
        collector.register_histogram("wait_seconds", "Waiting", [0.1, 1.0], unit="seconds").observe(0.5)
    await fleet.settle()
    await eventually(lambda: asked(fleet.url, "sum(orders_total)"), deadline=30)
    return fleet.url


async def asked(url: str, expression: str) -> dict[str, float]:
    """Evaluate now; each series' value by its path, its node, or nothing."""
    found = (await asyncio.to_thread(fetch, f"{url}/api/v1/query?{urlencode({'query': expression})}"))["result"]
    if found and not isinstance(found[0], dict):  # a scalar
        return {"": float(found[1])}
    return {one["metric"].get("fog_path", one["metric"].get("fog_node", "")): float(one["value"][1]) for one in found}


def fetch(url: str) -> Any:
    """Return the data of an answer."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.loads(answer.read())["data"]


async def becomes(url: str, expression: str, expected: dict[str, float]) -> None:
    """Ask until the answer is the expected one: some views have a step every ten seconds."""

    async def there() -> bool:
        return await asked(url, expression) == expected

    await eventually(there, deadline=30, what=expression)


async def test_every_view_is_asked_in_promql(fog_fleet: Fleet) -> None:
    """The whole, a level, some of a level, a subtree and a node; sums of one expression agree."""
    url = await with_orders(fog_fleet)
    await becomes(url, "orders_total", {"": 12})
    await becomes(url, 'orders_total{fog_level="1"}', {"fog/0": 7, "fog/1": 5})
    await becomes(url, 'orders_total{fog_level="2", fog_path=~"fog/0/.*"}', {"fog/0/1": 3, "fog/0/2": 4})
    await becomes(url, 'sum by (fog_path) (orders_total{fog_path="fog/0"})', {"fog/0": 7})
    await becomes(url, 'orders_total{fog_node="fog/1/1"}', {"fog/1/1": 5})
    await becomes(url, 'sum(orders_total{fog_level="2"}) - sum(orders_total)', {"": 0})
    buckets = 'histogram_quantile(0.5, sum by (le, fog_path) (wait_seconds_bucket{fog_level="1"}))'
    await becomes(url, buckets, {"fog/0": 0.55, "fog/1": 0.55})
    names = await asyncio.to_thread(fetch, f"{url}/api/v1/label/__name__/values")
    assert {"orders_total", "wait_seconds_bucket"} <= set(names)


async def test_steps_are_kept_and_asked_over_a_range(fog_nats: NatsServer) -> None:
    """A range shows the growth between steps, in each view alike."""
    settings = config(fog_nats, history_step=1.0)
    async with AsyncExitStack() as stack:
        aggregator = await stack.enter_async_context(serving(settings))
        host, port = aggregator.web.address
        url = f"http://{host}:{port}"
        counters = []
        for path in ORDERS:
            collector = TelemetryCollector()
            await stack.enter_async_context(Agent(collector, path=path, servers=fog_nats.url, interval=0.2))
            counters.append(collector.register_counter("orders_total", "Orders"))
        for round_ in (1, 2, 3):
            for counter in counters:
                counter.increment(round_)
            await becomes(url, "orders_total", {"": 3 * round_ * (round_ + 1) / 2})
        now = await asked(url, "time()")
        ranged = {"start": now[""] - 60, "end": now[""], "step": 1}
        answers = {
            expression: await asyncio.to_thread(ask_range, url, expression, ranged)
            for expression in (
                "sum(orders_total)",
                'sum(orders_total{fog_level="1"})',
                'sum(orders_total{fog_level="2"})',
                'sum(orders_total{fog_path="fog"})',
            )
        }
        whole = answers["sum(orders_total)"]
        assert {9.0, 18.0} <= set(whole.values())
        assert list(whole.values()) == sorted(whole.values())
        assert all(answer == whole for answer in answers.values())


def ask_range(url: str, expression: str, ranged: dict[str, float]) -> dict[float, float]:
    """Evaluate over a range; the value of the only series at each moment."""
    form = urlencode({"query": expression} | ranged).encode()
    with urllib.request.urlopen(f"{url}/api/v1/query_range", form, timeout=60) as answer:
        (series,) = json.loads(answer.read())["data"]["result"]
    return {moment: float(value) for moment, value in series["values"]}


async def test_fog_query_asks_an_aggregator(fog_fleet: Fleet) -> None:
    """As a table and as JSON; exit codes for what was asked wrongly and for what has no value."""
    url = await with_orders(fog_fleet)
    done = await asyncio.to_thread(run, "query", "--api", url, "sum(orders_total)")
    assert (done.returncode, done.stdout) == (0, "{}  12\n")
    done = await asyncio.to_thread(run, "query", "--json", "sum(orders_total)", FOG_API_URL=url, FOG_API=url)
    assert (done.returncode, json.loads(done.stdout)["result"][0]["value"][1]) == (0, "12")
    done = await asyncio.to_thread(run, "query", "--api", url, "sum(")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    both = await asyncio.to_thread(run, "query", "--api", url, "vector(1) + on () (vector(1) or fog_aggregator_nodes)")
    assert (both.returncode, "execution" in both.stderr) == (1, True)


async def test_promtool_asks_an_aggregator(fog_fleet: Fleet) -> None:
    """At a moment, over a range, for series and values."""
    if PROMTOOL is None:
        pytest.skip("promtool is not installed: it comes with Debian's package prometheus")
    url = await with_orders(fog_fleet)

    async def promtool(*arguments: str) -> str:
        line = [str(PROMTOOL), "query", *arguments]
        ran = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    assert (await promtool("instant", url, "sum(orders_total)")).startswith("{} => 12 @[")
    assert (await promtool("range", url, "sum(orders_total)")).startswith("{} =>\n12 @[")
    assert await promtool("series", "--match=orders_total", url) == '{__name__="orders_total", kind="pizza"}\n'
    assert (await promtool("labels", url, "kind")).split() == ["pizza"]
    assert {"fog/0", "fog/1"} <= set((await promtool("labels", url, "fog_path")).split())


def endless() -> str:
    """Write an expression that computes for most of a minute, half a second at a time."""
    return " + ".join(["sum_over_time(vector(1)[5000s:1ms])"] * 100)


async def test_an_interrupt_ends_an_aggregator_and_its_queries(fog_nats: NatsServer) -> None:
    """While a query has most of a minute before it; whoever asked it is told, or cut off."""
    address = free_address()
    with tempfile.TemporaryDirectory() as state:
        options = ("--listen", address, "--state-dir", str(Path(state)), "--nats", fog_nats.url)
        with fog("aggregator", *options, "--query-samples", "10000000000") as process:
            await eventually(lambda: is_healthy(address), deadline=60)
            await eventually(lambda: is_ready(address), deadline=30)
            seen = psutil.Process(process.pid)
            before = seen.cpu_times().user
            pending = asyncio.create_task(asyncio.to_thread(outcome, address, endless()))
            await eventually(lambda: seen.cpu_times().user > before + 0.5, deadline=60)
            process.send_signal(signal.SIGINT)
            _, errors = await asyncio.to_thread(process.communicate, timeout=30)
            assert "Traceback" not in errors
            assert await pending in {"canceled", "cut off"}


async def is_ready(address: str) -> bool:
    """Whether an aggregator is ready."""
    try:
        await asyncio.to_thread(urllib.request.urlopen, f"http://{address}/-/ready", timeout=5)
    except OSError:
        return False
    return True


def outcome(address: str, expression: str) -> str:
    """Ask for long; the type of the error, or that the connection broke."""
    body = urlencode({"query": expression}).encode()
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/query", body, timeout=120):
            return "answered"
    except urllib.error.HTTPError as error:
        return str(json.loads(error.read())["errorType"])
    except OSError:
        return "cut off"
