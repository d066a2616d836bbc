"""Three tiers: a root above regions, a region above sites, and nodes beside the branches of each."""

from __future__ import annotations

from contextlib import AsyncExitStack

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import running, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

NODES = {"fog/0/0/1": 1, "fog/0/0/2": 20, "fog/0/9": 300, "fog/9": 4000}
"""The count of each node, by path: two of the site fog/0/0, one beside the sites of fog/0, one beside the regions."""


def tier(server: NatsServer, path: str, branches: str) -> AggregatorConfig:
    """Return the settings of an aggregator of a subtree, which sends its totals up unless it is the root's."""
    place = tuple(path.split("/")) if path else ()
    return AggregatorConfig(
        nats=NatsOptions.parse(server.url),
        listen=("127.0.0.1", 0),
        path=place,
        branches=(tuple(branches.split("/")),) if branches else (),
        publish_rollup=bool(place),
        rollup_interval=0.1,
    )


async def test_each_tier_has_what_is_below_it(fog_nats: NatsServer) -> None:
    """The middle one is away for a while, and what was counted meanwhile comes through it once it is back."""
    async with AsyncExitStack() as stack:
        root, _ = await stack.enter_async_context(running(tier(fog_nats, "", "fog/0")))
        site = await stack.enter_async_context(serving(tier(fog_nats, "fog/0/0", "")))
        counters = {}
        for path, number in NODES.items():
            collector = TelemetryCollector()
            counters[path] = collector.register_counter("work_total", "Work")
            counters[path].increment(number)
            await stack.enter_async_context(Agent(collector, path=path, servers=fog_nats.url, interval=0.1))

        async def all_have(**expected: tuple[Aggregator, int]) -> None:
            await eventually(lambda: all(total(one, "work_total") == number for one, number in expected.values()))

        region_settings = tier(fog_nats, "fog/0", "fog/0/0")
        async with serving(region_settings) as region:
            await all_have(site=(site, 21), region=(region, 321), root=(root, 4321))
        counters["fog/0/0/1"].increment(5)
        await all_have(site=(site, 26), root=(root, 4321))
        async with serving(region_settings) as region:
            await all_have(region=(region, 326), root=(root, 4326))
