"""A node that floods while the aggregator is away, and what becomes of the others, with a limit and without."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fog_agent import Agent, NatsOptions
from fog_aggregator.service import Aggregator
from fog_bus.ports import Outcome
from fog_bus.streams import EVENTS, METRICS, control_stream, events_stream, metrics_stream
from fog_bus.transports import open_transport
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

MOST_BYTES = 1_000_000
FRAMES = 2_000
FLOOD = [bytes([number % 256]) * 1_000 for number in range(FRAMES)]
"""Twice what the stream holds."""
LIMIT = 100


async def provide(server: NatsServer, limit: int | None) -> None:
    """Make the streams."""
    subjects = Subjects()
    async with open_transport(NatsOptions(servers=(server.url,))) as bus:
        assert await bus.connected(10)
        for stream in (
            metrics_stream(subjects, max_bytes=MOST_BYTES, max_per_subject=limit),
            events_stream(subjects, max_per_subject=limit),
            control_stream(subjects),
        ):
            assert await bus.provide(stream) == []


async def flood(server: NatsServer) -> None:
    """Let one node publish more than the stream holds; all of it is acknowledged."""
    async with open_transport(NatsOptions(servers=(server.url,))) as bus:
        assert await bus.connected(10)
        for at in range(0, FRAMES, 100):
            answers = await asyncio.gather(
                *(bus.publish("fog.v1.metrics.fog.loud", one, 20) for one in FLOOD[at : at + 100])
            )
            assert {answer.outcome for answer in answers} == {Outcome.ACKED}


async def counts(server: NatsServer, path: str, collector: TelemetryCollector) -> None:
    """Let a program count 3 and end in good order; its last frame is all that ever tells."""
    collector.register_counter("things_total", "Things").increment(3)
    async with Agent(collector, path=path, options=NatsOptions(servers=(server.url,)), interval=60) as agent:
        assert await agent.stop()


@pytest.mark.parametrize(("limit", "found"), [(LIMIT, 9), (None, 3)])
async def test_a_flood_while_the_aggregator_is_away(
    fog_nats: NatsServer, tmp_path: Path, limit: int | None, found: int
) -> None:
    """With a limit the others' counts are exact, though they ended meanwhile; without one the loss is counted."""
    await provide(fog_nats, limit)
    settings = config(fog_nats, state_dir=tmp_path, create_streams=False)
    async with serving(settings) as aggregator:
        await counts(fog_nats, "fog/0", TelemetryCollector())
        await eventually(lambda: total(aggregator, "things_total") == 3)
    for path in ("fog/1", "fog/2"):
        await counts(fog_nats, path, TelemetryCollector())
    await flood(fog_nats)
    async with serving(settings) as aggregator:
        assert total(aggregator, "things_total") == found
        cursors = aggregator._engine.cursors  # noqa: SLF001 — the engine is nobody else's
        assert cursors[METRICS].trimmed == (FRAMES - LIMIT if limit else pytest.approx(FRAMES - 900, abs=200))
        assert cursors[EVENTS].trimmed == 0
        await eventually(lambda: shares(aggregator))
        assert max(found_shares := shares(aggregator), key=lambda path: found_shares[path]) == "fog/loud"
        assert len(found_shares) <= 3


def shares(aggregator: Aggregator) -> dict[str, float]:
    """Return the shares of nodes of the stream of metrics that the aggregator tells of, by path."""
    families = [one for one in aggregator.network.own.collect() if one.family.name == "fog_aggregator_stream_share"]
    series = [one for family in families for one in family.series if ("stream", METRICS) in one.labels]
    return {dict(one.labels)["path"]: float(str(one.value)) for one in series}
