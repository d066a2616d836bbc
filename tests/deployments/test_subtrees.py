"""Streams by subtree in one account: the shipped server, with streams of a branch's own beside those of all else."""

from __future__ import annotations

import asyncio

from fog_agent import Agent, NatsOptions
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import serving, total
from tests.cli.processes import run
from tests.deployments.shipped import configuration, passwords
from utilityfog_frontend.telemetry import TelemetryCollector

ADMIN = ("--user", "admin", "--password", "secret-FOG_ADMIN_PASSWORD")
OF_THE_BRANCH = {"FOG_V1_METRICS_fog_0", "FOG_V1_EVENTS_fog_0"}


def login(server: NatsServer, user: str, password: str, inbox: str) -> NatsOptions:
    """Return the options of a user of the shipped configuration."""
    return NatsOptions.parse(server.url, user=user, password=f"secret-{password}_PASSWORD", inbox_prefix=inbox)


def streams(aggregator: Aggregator) -> set[str]:
    """Return the names of the streams that an aggregator reads."""
    return {*aggregator._engine.cursors}  # noqa: SLF001 — the engine is nobody else's


async def test_a_branch_has_streams_of_its_own_in_one_account() -> None:
    """Its aggregator reads these, the root all others; each has every count, with no right that is not shipped."""
    text = configuration("nats-server.conf")
    with passwords(text), NatsServer(config=text) as server:
        for subtree in (("--path", "fog/0"), ()):
            made = await asyncio.to_thread(run, "streams", "apply", "--nats", server.url, *subtree, *ADMIN)
            assert made.returncode == 0, made.stderr
        node = login(server, "fog-0-3", "FOG_0_3", "_INBOX_AGENT.fog.0.3")
        branch = login(server, "aggregator-fog-0", "FOG_AGGREGATOR_0", "_INBOX_BRANCH.fog.0")
        root = login(server, "aggregator", "FOG_AGGREGATOR", "_INBOX_AGG")
        common = {"listen": ("127.0.0.1", 0), "create_streams": False}
        up = {"path": ("fog", "0"), "publish_rollup": True, "rollup_interval": 0.2}
        above = {"path": ("fog",), "branches": (("fog", "*"),)}
        collector = TelemetryCollector()
        work = collector.register_counter("work_total", "Work")
        async with (
            Agent(collector, path="fog/0/3", options=node, interval=0.1) as agent,
            serving(AggregatorConfig(nats=branch, **common, **up)) as below,  # type: ignore[arg-type]
            serving(AggregatorConfig(nats=root, **common, **above)) as whole,  # type: ignore[arg-type]
        ):
            work.increment(7)
            assert await agent.flush()
            await eventually(lambda: total(below, "work_total") == total(whole, "work_total") == 7)
            assert streams(below) >= OF_THE_BRANCH
            assert not streams(below) & {"FOG_V1_METRICS", "FOG_V1_EVENTS", "FOG_V1_ROLLUPS"}
            assert not streams(whole) & OF_THE_BRANCH
