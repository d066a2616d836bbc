"""A hub and a leaf, a JetStream domain each: frames stay in the site, totals go up, the hub goes and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_bus.nats.api import JetStream
from fog_bus.ports import Outcome
from fog_bus.streams import METRICS, ROLLUPS
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.aggregator.services import running, serving, total
from tests.bus.broker import connected
from tests.cli.processes import run
from tests.deployments.shipped import configuration, passwords
from utilityfog_frontend.telemetry import TelemetryCollector

OWN = f"{METRICS}_fog_0"
"""The stream of the site's frames."""


@dataclass(frozen=True)
class Site:
    """A hub, and a site that is a leaf of it."""

    hub: NatsServer
    leaf: NatsServer


@asynccontextmanager
async def site(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    """Start both, with the streams that each needs."""
    port = free_port()
    above = configuration("hub.conf").replace("0.0.0.0:7422", f"127.0.0.1:{port}")
    below = configuration("leaf.conf")
    with passwords(above, below):
        monkeypatch.setenv("FOG_DOMAIN", "site-0")
        monkeypatch.setenv("FOG_HUB_URL", f'"nats-leaf://leaf:secret-FOG_LEAF_PASSWORD@127.0.0.1:{port}"')
        async with NatsServer(config=above) as hub, NatsServer(config=below) as leaf:
            for server, of_the_site in ((hub, []), (leaf, []), (leaf, ["--path", "fog/0", "--update"])):
                options = ["--nats", server.url, "--user", "admin", "--password", "secret-FOG_ADMIN_PASSWORD"]
                made = await asyncio.to_thread(run, "streams", "apply", *options, *of_the_site)
                assert made.returncode == 0, made.stderr
            async with admin(leaf) as jetstream:
                await jetstream.call(f"STREAM.DELETE.{ROLLUPS}")  # the totals belong to the hub alone
            yield Site(hub, leaf)


@asynccontextmanager
async def admin(server: NatsServer) -> AsyncIterator[JetStream]:
    """Provide a server's JetStream with all rights."""
    async with connected(server.url, user="admin", password="secret-FOG_ADMIN_PASSWORD") as link:
        yield JetStream(link)


def login(server: NatsServer, user: str, password: str, inbox: str) -> NatsOptions:
    """Return a user of the shipped configuration."""
    return NatsOptions.parse(server.url, user=user, password=f"secret-{password}_PASSWORD", inbox_prefix=inbox)


WORDS = "no stream in reach takes this subject: one of another JetStream domain than site-0 is out of reach"


async def test_the_hub_has_the_totals_and_the_site_its_frames(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A site counts on while the hub is away, and says so; the root has all of it later; no frame leaves the site."""
    caplog.set_level("WARNING")
    async with site(monkeypatch) as servers:
        at_root: dict[str, Any] = {"nats": login(servers.hub, "aggregator", "FOG_AGGREGATOR", "_INBOX_AGG")}
        user = login(servers.leaf, "aggregator-fog-0", "FOG_AGGREGATOR_0", "_INBOX_BRANCH.fog.0")
        at_site: dict[str, Any] = {"nats": user}
        common: dict[str, Any] = {"listen": ("127.0.0.1", 0), "create_streams": False}
        branch = AggregatorConfig(path=("fog", "0"), publish_rollup=True, rollup_interval=0.1, **at_site, **common)
        root = AggregatorConfig(branches=(("fog", "*"),), **at_root, **common)
        async with serving(branch) as below, running(root) as (above, _):
            await _count(servers, below, above, caplog)


async def _count(servers: Site, below: Aggregator, above: Aggregator, caplog: pytest.LogCaptureFixture) -> None:
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    node = login(servers.leaf, "fog-0-3", "FOG_0_3", "_INBOX_AGENT.fog.0.3")
    async with Agent(collector, path="fog/0/3", options=node, interval=0.1) as agent:
        work.increment(3)
        assert await agent.flush()
        await eventually(lambda: total(above, "work_total") == 3)
        servers.hub.kill()
        work.increment(4)
        assert await agent.flush(), "the site needs no hub"
        await eventually(lambda: total(below, "work_total") == 7)
        assert total(above, "work_total") == 3
        await eventually(lambda: WORDS in caplog.text, what="the branch's publisher says what it waits for")
        servers.hub.start()
        await eventually(lambda: total(above, "work_total") == 7)
    at_hub, at_site = await _stored(servers.hub, METRICS), await _stored(servers.leaf, OWN)
    assert (at_hub, at_site > 0) == (0, True)
    who = {"user": "fog-0-3", "password": "secret-FOG_0_3_PASSWORD", "inbox_prefix": "_INBOX_AGENT.fog.0.3"}
    async with connected(servers.hub.url, **who) as link:
        assert (await link.publish("fog.v1.metrics.fog.0.3", b"of the hub", 5)).outcome is Outcome.ACKED
    assert await _stored(servers.hub, METRICS) == 1
    assert [await _stored(servers.leaf, name) for name in (OWN, METRICS)] == [at_site, 0], "nor does one come in"


async def _stored(server: NatsServer, stream: str) -> int:
    async with admin(server) as jetstream:
        messages: int = (await jetstream.call(f"STREAM.INFO.{stream}"))["state"]["messages"]
        return messages
