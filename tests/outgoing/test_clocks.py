"""Steps of a wrong clock: a sender with real requests, and a history whose steps are the test's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

import pytest

from fog_aggregator.components.outgoing import sender
from fog_aggregator.components.outgoing.client import Client
from fog_aggregator.components.outgoing.leasing import Leasing
from fog_aggregator.components.outgoing.metrics import OutgoingMetrics, ReceiverMetrics
from fog_aggregator.components.outgoing.sender import Around, Sender
from fog_aggregator.components.outgoing.steps import OutgoingSteps
from fog_aggregator.history.step import WHOLE
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.outgoing.formats import make_format
from fog_aggregator.outgoing.receivers import parse_receivers
from fog_aggregator.outgoing.sending import Limits, Sending
from fog_testing.waiting import eventually
from tests.history.building import STEP, Tables
from tests.outgoing.receiving import Receiver, receiving
from utilityfog_frontend.telemetry import TelemetryCollector

AHEAD = 1_800_000


class Rig:
    """A sender to a receiver, and the history that it sends.

    Attributes:
        now: The server's time, and the receiver's; milliseconds.
        core: The state of the sender.
        store: Has the steps.
        steps: Hands them to the sender.
    """

    def __init__(self, taking: Receiver, now: int) -> None:
        self.now = now
        self.core = Sending(Limits(), lambda: 1.0)
        self.store = HistoryStore(HistoryLimits())
        self.steps = OutgoingSteps(self.store, threading.Lock(), STEP)
        self.own = TelemetryCollector(reserved_names=True)
        self._tables = Tables()
        taking.ahead = now / 1000 - time.time()
        [self._receiver] = parse_receivers(f'[[receiver]]\nname = "r"\nurl = "{taking.url}"\n', "test")

    def keep(self, *times: int) -> None:
        """Keep steps."""
        for at in times:
            self.store.append(self._tables.step(at, {WHOLE: {"x_total": 1}}))
            self.steps.note(at)

    def counted(self, name: str, **label: str) -> float:
        """Return what a counter has counted."""
        [family] = [one for one in self.own.collect() if one.family.name == f"fog_aggregator_outgoing_{name}"]
        [value] = [one.value for one in family.series if label.items() <= dict(one.labels).items()]
        assert isinstance(value, int | float)
        return value

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send."""
        self.steps.begin()
        client, metrics = Client(self._receiver), ReceiverMetrics(OutgoingMetrics(self.own), "r", lambda: 0.0)
        with ThreadPoolExecutor(1) as threads:
            formats = partial(make_format, instance="i", version="0")
            around = Around(self.steps, dict, lambda: self.now / 1000, formats, threads, no_lease)
            task = asyncio.ensure_future(Sender(self._receiver, self.core, client, around, metrics).run())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await client.close()


def no_lease(receiver: object, core: Sending) -> Leasing:
    """Fail: no receiver here has one."""
    raise AssertionError((receiver, core))


def present() -> int:
    """Return the time of a step, about now, milliseconds."""
    return int(time.time() * 1000) // STEP * STEP


async def test_steps_go_out_again_after_the_clock_was_set_back() -> None:
    """The receiver's clock was as wrong: it has steps of a time that has not come, and gets those of the present."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now + AHEAD)
        rig.core.cursor = now - 10 * STEP
        async with rig.sending():
            rig.keep(now - STEP, now, now + AHEAD - STEP, now + AHEAD)
            await eventually(lambda: taking.has("x_total", 4))
            await eventually(lambda: rig.core.cursor == now + AHEAD)
            taking.series.clear()  # it forgets them as well
            rig.now, taking.ahead = now + 2 * STEP, 2 * STEP / 1000
            rig.store.forget_from(now + STEP)
            rig.keep(now + STEP, now + 2 * STEP)
            await eventually(lambda: taking.has("x_total", 2))
            await eventually(lambda: rig.core.cursor == now + 2 * STEP)
            assert rig.steps.first <= now + STEP
    [own] = taking.series.values()
    assert sorted(own) == [now + STEP, now + 2 * STEP]


async def test_a_receiver_that_refuses_the_present_is_a_loss() -> None:
    """It has steps of a time that has not come, and takes none before them: nobody may say that it had these."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now + AHEAD)
        rig.core.cursor = now
        async with rig.sending():
            rig.keep(now + AHEAD)
            await eventually(lambda: rig.core.cursor == now + AHEAD)
            rig.store.forget_from(now + STEP)
            rig.keep(now + STEP)
            await eventually(lambda: rig.core.cursor == now + STEP)
            assert rig.counted("samples_total", result="refused") == 1
            assert not rig.counted("samples_total", result="known")


async def test_a_checkpoint_of_a_time_that_has_not_come_keeps_no_step() -> None:
    """The clock was set back while nobody sent, and the history was in memory."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now)
        rig.core.cursor = now + AHEAD
        async with rig.sending():
            await eventually(lambda: rig.core.cursor == now - 1)
            taking.ahead += STEP / 1000
            rig.keep(now + STEP)
            await eventually(lambda: taking.has("x_total"))


async def test_a_step_that_is_forgotten_while_it_is_sent_is_not_done() -> None:
    """The receiver takes it late: the step of the present comes next."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now + AHEAD)
        rig.core.cursor = now
        taking.statuses = [204, *[503] * 3]
        async with rig.sending():
            rig.keep(now + AHEAD)
            await eventually(lambda: rig.core.trouble != "")
            rig.now, taking.ahead = now + STEP, STEP / 1000
            rig.store.forget_from(now + STEP)
            rig.keep(now + STEP)
            await eventually(lambda: taking.has("x_total"))
    assert rig.core.cursor <= now + STEP
    assert all(now + STEP in own for own in taking.series.values())


async def test_forgotten_steps_are_counted_once() -> None:
    """The step after them waits for the receiver's clock, and is looked at again and again."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now)
        rig.core.cursor = now - 5 * STEP
        taking.ahead = (now - 3000) / 1000 - time.time()
        async with rig.sending():
            rig.keep(now)
            await eventually(lambda: taking.has("x_total"))
            assert rig.counted("steps_dropped_total", reason="forgotten") == 4


async def test_no_step_is_lost_to_a_wrong_date() -> None:
    """The receiver's clock is a day ahead: no step is too old by ours, and all are sent."""
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now)
        rig.core.cursor, taking.ahead = now - STEP, 86_400.0
        async with rig.sending():
            rig.keep(now)
            await eventually(lambda: taking.has("x_total"))
            assert not rig.counted("steps_dropped_total", reason="old")


async def test_a_receivers_time_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its clock was an hour behind for one answer: steps wait until another one has the right time."""
    monkeypatch.setattr(sender, "_ASK", 0.1)
    now = present()
    async with receiving() as taking:
        rig = Rig(taking, now)
        rig.core.cursor, taking.ahead = now - STEP, -3600.0
        async with rig.sending():
            rig.keep(now)
            await eventually(lambda: "s behind" in caplog.text)
            taking.ahead = 0.0
            await eventually(lambda: taking.has("x_total"))
