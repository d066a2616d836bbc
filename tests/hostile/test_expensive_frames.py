"""A real aggregator under frames that cost it much for few bytes: it answers, saves, and counts others in full."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp

from fog_agent import Agent
from fog_aggregator.service import Aggregator
from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from fog_proving.soak.attacks import ids_of_one_set, widest_histograms
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

HOSTILE: Final = ("fog", "evil")
BYTES: Final = 15 * 125_000
"""Of fifteen seconds, sent at once: with as many bytes a second one path once took all of an aggregator's time."""
ANSWERS: Final = 5
"""Answers, one after the other, that are given while these are read."""


def expensive() -> list[bytes]:
    """Return frames that define thousands of ids, as counters and as histograms with many buckets."""
    found: list[bytes] = []
    random = Random(1)
    while sum(map(len, found)) < BYTES:
        for attack in (ids_of_one_set, widest_histograms):
            found += [sent.data for sent in islice(attack(random), 1)]
    return found


def read_of(aggregator: Aggregator) -> int:
    """Return how many hostile messages were read, or left out."""
    cost = aggregator.costs().get(HOSTILE)
    return 0 if cost is None else cost.frames + cost.refused


async def ask(session: aiohttp.ClientSession, aggregator: Aggregator, what: str) -> str:
    """Ask an aggregator over HTTP."""
    host, port = aggregator.web.address
    async with session.get(f"http://{host}:{port}{what}") as answer:
        assert answer.status == 200
        return await answer.text()


async def answers_while(unread: Callable[[], bool], question: Callable[[], Any]) -> list[Any]:
    """Ask again and again as long as frames are unread; return the answers that came before the last one was read."""
    found = []
    while unread():
        answer = await question()
        if unread():
            found.append(answer)
    return found


async def test_it_answers_saves_and_counts_while_it_reads_them(fog_nats: NatsServer, tmp_path: Path) -> None:
    """It is asked as long as such frames wait to be read; a healthy node counts all the while, and is exact."""
    collector, frames = TelemetryCollector(), expensive()
    work = collector.register_counter("work_total", "Work")
    agent = Agent(collector, path="fog/good", servers=fog_nats.url, interval=0.1)
    async with (
        serving(config(fog_nats, state_dir=tmp_path, checkpoint_interval=0.1)) as aggregator,
        agent,
        Connection(NatsOptions(servers=(fog_nats.url,))) as connection,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        assert await connection.connected(10)
        for data in frames:
            await connection.client.publish(Subjects().metrics(HOSTILE), data)  # type: ignore[union-attr]

        async def healthy() -> str:
            work.increment()
            return await ask(session, aggregator, "/-/healthy")

        async def written() -> str:
            page = await ask(session, aggregator, "/metrics?name=fog_aggregator_checkpoints_total")
            return "".join(re.findall(r'result="written"\} (\d+)', page))

        unread = lambda: read_of(aggregator) < len(frames)  # noqa: E731
        answers, saved = await asyncio.gather(answers_while(unread, healthy), answers_while(unread, written))
        assert set(answers) == {"healthy\n"}
        assert len(answers) >= ANSWERS
        assert len(set(saved)) > 1, "checkpoints are written meanwhile"
        assert await agent.flush()
        await eventually(lambda: total(aggregator, "work_total") == work.get_value().value)
        assert '"fog/evil"' in await ask(session, aggregator, "/api/nodes?sort=cpu_seconds&limit=1")
