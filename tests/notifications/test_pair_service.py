"""Two aggregators of one fleet and one webhook: people are told once, whichever of the two is there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from fog_aggregator.components.notifications import receivers
from fog_aggregator.components.rules.partner import Partner
from fog_aggregator.notifications.deliveries import DeliveryOrder
from fog_aggregator.notifications.groups import Grouping
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running
from tests.cli.bus import make_streams
from tests.notifications.receiving import Hook, hook

INTERVAL: Final = 2
RULES: Final = f"""
groups:
  - name: g
    interval: {INTERVAL}s
    rules:
      - {{alert: Late, expr: vector(time()) > BEGINS}}
"""
PATIENT: Final = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "Grouping", partial(Grouping, wait=0, interval=0))


class Two:
    """Two aggregators with equal rules, the one that tells first before the other.

    Attributes:
        aggregators: The aggregators.
        tasks: Their tasks.
        taking: The webhook of both.
    """

    def __init__(self, started: list[tuple[Aggregator, asyncio.Task[None]]], files: list[Path], taking: Hook) -> None:
        started.sort(key=lambda one: order(one[0]).replica)
        self.aggregators = [aggregator for aggregator, _ in started]
        self.tasks = [task for _, task in started]
        self.taking = taking
        self._files = files

    async def let_it_fire(self) -> None:
        """Let an alert become true in both at once, a few seconds from now."""
        begins = int(time.time()) + 2 * INTERVAL
        for file in self._files:
            file.write_text(RULES.replace("BEGINS", str(begins)))
        assert [await one.reload() for one in self.aggregators] == ["", ""]

    def owed(self, number: int) -> list[tuple[Any, ...]]:
        """List what one owes the webhook, or has told it."""
        saved = dict(self.aggregators[number].notifications.image().plain["receivers"])
        return list(saved[f"webhook:{self.taking.url.rpartition('//')[2]}"])

    def is_known(self, number: int) -> bool:
        """Tell whether one knows that the webhook was told."""
        return any(record[2] for record in self.owed(number))

    def sent(self, number: int) -> int:
        """Count what one has told the webhook."""
        [family] = [
            one
            for one in self.aggregators[number].network.collect()
            if one.family.name == "fog_aggregator_notifications_total"
        ]
        counts = {
            (dict(one.labels)["receiver"].partition(":")[0], dict(one.labels)["result"]): one.value
            for one in family.series
        }
        value = counts["webhook", "sent"]
        assert isinstance(value, int | float)
        return int(value)


def order(aggregator: Aggregator) -> DeliveryOrder:
    """Return what an aggregator knows of who has told."""
    return aggregator.notifications.order


@contextlib.asynccontextmanager
async def pair(server: NatsServer, directory: Path, *, meet: bool = True) -> AsyncIterator[Two]:
    """Run two aggregators, each with a directory of its own, until both are ready and know each other."""
    await make_streams(server.url)
    files = []
    async with hook() as taking, contextlib.AsyncExitStack() as stack:
        started = []
        for name in ("one", "other"):
            files.append(directory / name / "rules.yml")
            files[-1].parent.mkdir()
            files[-1].write_text(RULES.replace("BEGINS", "1e12"))
            settings = config(server, webhook=(taking.url,), rules=(str(files[-1]),))
            started.append(await stack.enter_async_context(running(settings)))
        two = Two(started, files, taking)
        await eventually(lambda: all(one.status.ready()[0] for one in two.aggregators), deadline=PATIENT)
        if meet:
            await eventually(
                lambda: waits(two.aggregators[1], taking), deadline=PATIENT, what="one waits for the other"
            )
        yield two


def waits(aggregator: Aggregator, taking: Hook) -> bool:
    """Tell whether an aggregator lets another one tell the webhook first."""
    return order(aggregator).others(f"webhook:{taking.url.rpartition('//')[2]}").go_first


async def test_people_are_told_once(fog_nats: NatsServer, tmp_path: Path) -> None:
    """By the first one; the other one knows it before its own time has come, and tells nothing."""
    async with pair(fog_nats, tmp_path) as two:
        await two.let_it_fire()
        await eventually(lambda: two.is_known(0) and two.is_known(1), deadline=PATIENT, what="both know it")
        assert [two.sent(0), two.sent(1)] == [1, 0]
        assert two.taking.alerts() == ["Late firing"]
        assert [(one["ready"], one["silent"]) for each in two.aggregators for one in each.status.pair()] == [
            (True, False)
        ] * 2


async def test_the_other_one_tells_when_the_first_is_killed(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Between the evaluation and the telling: the webhook hears of it once, later."""
    async with pair(fog_nats, tmp_path) as two:
        two.taking.statuses = [503] * 1_000  # it takes nothing of what the first one says
        await two.let_it_fire()
        await eventually(lambda: two.owed(0) and two.owed(1), deadline=PATIENT, what="both see it")
        two.tasks[0].cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await two.tasks[0]
        assert two.taking.bodies == []
        two.taking.statuses = []
        await eventually(lambda: two.sent(1) == 1, deadline=PATIENT, what="the other one has told it")
        assert two.taking.alerts() == ["Late firing"]


async def test_a_cut_between_them_tells_twice_with_one_key(
    fog_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither knows of the other one; who takes messages can tell that it is the same one."""
    monkeypatch.setattr(Partner, "_hear", lambda *_: None)
    async with pair(fog_nats, tmp_path, meet=False) as two:
        await two.let_it_fire()
        await eventually(lambda: two.sent(0) == two.sent(1) == 1, deadline=PATIENT, what="both have told it")
        assert two.taking.alerts() == ["Late firing"] * 2
        assert len({one["Idempotency-Key"] for one in two.taking.headers}) == 1
        assert len({json.dumps(body) for body in two.taking.bodies}) == 1
