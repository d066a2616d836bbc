"""With nats-server away nothing is known of any node: it is said so, and no node is called silent for it."""

from __future__ import annotations

import time
from typing import Any

import aiohttp

from fog_agent import Agent
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from utilityfog_frontend.telemetry import TelemetryCollector

INTERVAL = 1.0


def gauges(aggregator: Aggregator) -> tuple[float, float]:
    """Return whether it says that it is connected, and ready."""
    found = {family.family.name: family for family in aggregator.network.own.collect()}
    connected, ready = (found[f"fog_aggregator_{name}"].series[0].value for name in ("connected", "ready"))
    assert isinstance(connected, int | float)
    assert isinstance(ready, int | float)
    return connected, ready


def nodes(aggregator: Aggregator) -> dict[str, int]:
    """Return how many nodes there are by state, those states that somebody is in."""
    [family] = [one for one in aggregator.network.collect() if one.family.name == "fog_aggregator_nodes"]
    counts = {dict(series.labels)["state"]: int(series.value) for series in family.series}  # type: ignore[arg-type]
    return {state: count for state, count in counts.items() if count}


async def ask(aggregator: Aggregator, path: str) -> tuple[int, Any]:
    """Return status and body of an answer, as JSON where it is."""
    host, port = aggregator.web.address
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}{path}") as response:
        if response.content_type == "application/json":
            return response.status, await response.json()
        return response.status, await response.text()


async def is_told(aggregator: Aggregator) -> None:
    """Check what all answers say of a server that is away."""
    assert await ask(aggregator, "/-/ready") == (
        200,
        "ready, and cut off from NATS: numbers are of an earlier moment\n",
    )
    _, status = await ask(aggregator, "/api/status")
    assert (status["ready"], status["connected"], status["current"]) == (True, False, False)
    _, listed = await ask(aggregator, "/api/nodes")
    assert [node["state"] for node in listed["nodes"]] == ["live", "live"]
    assert max(node["last_heard_age_seconds"] for node in listed["nodes"]) <= 3 * INTERVAL
    _, text = await ask(aggregator, "/metrics")
    assert {"level 14", 'fog_aggregator_nodes{state="live"} 2'} <= set(text.splitlines())


async def test_a_server_that_is_away_silences_nobody(fog_nats: NatsServer) -> None:
    """Killed and started again: `connected` and `ready` say so, states and ages stand still, and go on."""
    collectors = [TelemetryCollector(), TelemetryCollector()]
    for collector in collectors:
        collector.register_gauge("level", rollup="sum").set(7)
    agents = [
        Agent(collector, path=f"fog/{number}", servers=fog_nats.url, interval=INTERVAL)
        for number, collector in enumerate(collectors)
    ]
    seen: list[dict[str, int]] = []

    def look() -> list[dict[str, int]]:
        seen.append(nodes(aggregator))
        return seen

    async with serving(config(fog_nats)) as aggregator:
        for agent in agents:
            await agent.start()
        await eventually(lambda: nodes(aggregator) == {"live": 2})
        await eventually(lambda: gauges(aggregator) == (1, 1))

        fog_nats.kill()
        killed = time.monotonic()
        await eventually(lambda: look() and gauges(aggregator) == (0, 0))
        await eventually(lambda: look() and time.monotonic() - killed > 5 * INTERVAL)  # 3 would have been enough
        await is_told(aggregator)

        fog_nats.start()
        await eventually(lambda: look() and gauges(aggregator) == (1, 1), deadline=60)
        assert set(map(str, seen)) == {"{'live': 2}"}
        for agent in agents:
            await agent.stop()
        await eventually(lambda: nodes(aggregator) == {"ended": 2})
