"""A real aggregator under frames that cost it much for few bytes: it answers, saves, and counts others in full."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

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


ROUNDS: Final = 8
"""So often they are sent at most: a fast machine has read them before anything else had to happen."""


def expensive(seed: int) -> list[bytes]:
    """Return frames that define thousands of ids, as counters and as histograms with many buckets."""
    found: list[bytes] = []
    random = Random(seed)
    while sum(map(len, found)) < BYTES:
        for attack in (ids_of_one_set, widest_histograms):
            found += [sent.data for sent in islice(attack(random), 1)]
    return found


def read_of(aggregator: Aggregator) -> int:
    """Return how many hostile messages were read, or left out."""
    cost = aggregator.status.costs().get(HOSTILE)
    return 0 if cost is None else cost.frames + cost.refused


async def ask(session: aiohttp.ClientSession, aggregator: Aggregator, what: str) -> str:
    """Ask an aggregator over HTTP."""
    host, port = aggregator.web.address
    async with session.get(f"http://{host}:{port}{what}") as answer:
        assert answer.status == 200
        return await answer.text()


class Flood:
    """Frames of the hostile path, and the answers that came while some of them were unread."""

    def __init__(self, aggregator: Aggregator, connection: Connection) -> None:
        self.answers: list[str] = []
        self.saved: list[str] = []
        self._aggregator = aggregator
        self._connection = connection
        self._sent = 0

    def is_enough(self) -> bool:
        """Whether it has answered often enough, and written a checkpoint meanwhile."""
        return len(self.answers) >= ANSWERS and len(set(self.saved)) > 1

    async def send(self) -> None:
        """Send frames until it is enough, the next ones when half of them are read; a few rounds of them."""
        for seed in range(ROUNDS):
            frames = expensive(seed)
            self._sent += len(frames)
            for data in frames:
                await self._connection.client.publish(Subjects().metrics(HOSTILE), data)  # type: ignore[union-attr]
            await eventually(partial(self._has_read, self._sent - len(frames) // 2), deadline=60)
            if self.is_enough():
                return

    async def ask(self, question: Callable[[], Awaitable[str]], answers: list[str], over: asyncio.Task[None]) -> None:
        """Ask again and again until it is enough; note the answers that came while frames were unread."""
        while not (self.is_enough() or over.done()):
            answer = await question()
            if read_of(self._aggregator) < self._sent:
                answers.append(answer)

    def _has_read(self, count: int) -> bool:
        return self.is_enough() or read_of(self._aggregator) > count


async def test_it_answers_saves_and_counts_while_it_reads_them(fog_nats: NatsServer, tmp_path: Path) -> None:
    """It is asked as long as such frames wait to be read; a healthy node counts all the while, and is exact."""
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    agent = Agent(collector, path="fog/good", servers=fog_nats.url, interval=0.1)
    async with (
        serving(config(fog_nats, state_dir=tmp_path, checkpoint_interval=0.1, checkpoint_share=1.0)) as aggregator,
        agent,
        Connection(NatsOptions(servers=(fog_nats.url,))) as connection,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        assert await connection.connected(10)
        flood = Flood(aggregator, connection)

        async def healthy() -> str:
            work.increment()
            return await ask(session, aggregator, "/-/healthy")

        async def written() -> str:
            page = await ask(session, aggregator, "/metrics?name=fog_aggregator_checkpoints_total")
            return "".join(re.findall(r'result="written"\} (\d+)', page))

        over = asyncio.create_task(flood.send())
        await asyncio.gather(over, flood.ask(healthy, flood.answers, over), flood.ask(written, flood.saved, over))
        assert set(flood.answers) == {"healthy\n"}
        assert flood.is_enough(), f"while they are read: {len(flood.answers)} answers, checkpoints {flood.saved}"
        assert await agent.flush()
        await eventually(lambda: total(aggregator, "work_total") == work.get_value().value)
        assert '"fog/evil"' in await ask(session, aggregator, "/api/nodes?sort=cpu_seconds&limit=1")
