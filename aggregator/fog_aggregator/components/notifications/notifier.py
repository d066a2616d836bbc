"""Deliver alerts: a task for each receiver, so that a dead one costs the others nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from fog_aggregator.components.notifications.client import HttpClient
from fog_aggregator.components.notifications.metrics import LOST, NotificationMetrics
from fog_aggregator.components.notifications.receivers import Receiver, Verdict
from fog_aggregator.core.saved import Saved, as_list, as_text
from fog_aggregator.notifications.deliveries import DeliveryOrder
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.notifications.outbox import Batch
from fog_aggregator.notifications.silences import Silences
from fog_aggregator.promql.labels import Labels
from fog_aggregator.tasks import Loops, cancel
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator.alerts")
_EVERY: Final = 1.0
_SELDOM: Final = 60.0
"""Seconds between two looks at what a receiver is owed, and at what it has been told of and still fires."""
_MUCH: Final = 1_000
"""Comparisons of alerts with silences that are made at once: some milliseconds."""
_PATIENCE: Final = 30.0
"""Seconds after the start in which silences that are not read yet are waited for, before people are told."""


class Notifications:
    """A component that tells receivers of the alerts that rules hand over. One event loop calls every method.

    The knowledge of each receiver is part of the checkpoint. At the end nothing more is told: the next run goes on.

    Args:
        receivers: The receivers.
        client: Their HTTP client, which ends with the component.
        silences: Keeps alerts from receivers that have none of their own.
        order: Knows what other aggregators have told.
        server_time: Tells the time by which alerts are told, unix seconds.
        silences_known: Tells whether the commands that were stored so far are read.
        collector: Takes the counts.
        loops: Runs the loops.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        client: HttpClient,
        silences: Silences,
        order: DeliveryOrder,
        server_time: Callable[[], float],
        silences_known: Callable[[], bool],
        collector: TelemetryCollector,
        loops: Loops,
    ) -> None:
        self._receivers = {receiver.outbox.name: receiver for receiver in receivers}
        self._wakes = {name: asyncio.Event() for name in self._receivers}
        self._client = client
        self.silences = silences
        self.order = order
        order.join(name for name, receiver in self._receivers.items() if receiver.takes_turns)
        self._begun = asyncio.Event()
        self._server_time = server_time
        self._silences_known = silences_known
        self._loops = loops
        self._until = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._metrics = NotificationMetrics(collector, self._receivers, self._count_active)

    def submit(self, notices: Sequence[Notice], at: int) -> None:
        """Take over the newest states of alerts: what fires, handed over once a minute, and what has resolved.

        Args:
            notices: The alerts.
            at: The time of the evaluation, milliseconds. Deliveries go by the time of now.
        """
        del at
        now = self._now()
        for name, receiver in self._receivers.items():
            receiver.outbox.submit(notices, now)
            self._wakes[name].set()

    def begin(self) -> None:
        """Begin to tell: what was restored may be over, and the rules know by now."""
        self._begun.set()

    async def start(self) -> None:
        """Begin to deliver, once `begin` was called."""
        self._until = time.monotonic() + _PATIENCE
        self._tasks = [self._loops.spawn(self._deliver(name)) for name in self._receivers]

    async def stop(self, deadline: float) -> None:
        """End; nothing more is sent."""
        del deadline  # a request under way is given up, and repeated by the next run
        await cancel(*self._tasks)
        await self._client.close()

    def image(self) -> Saved:
        """Return what each receiver is owed, and what it was told."""
        return Saved({"receivers": [(name, one.outbox.records()) for name, one in self._receivers.items()]})

    def restore(self, saved: Saved) -> None:
        """Take over what was saved; receivers that are new begin with nothing, and those that are gone are dropped."""
        for name, records in saved.records("receivers", as_text, as_list):
            if name in self._receivers:
                self._receivers[name].outbox.restore(records)

    async def _deliver(self, name: str) -> None:
        wake, receiver = self._wakes[name], self._receivers[name]
        await self._begun.wait()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_pause(receiver)):
                    await wake.wait()
            wake.clear()
            if not receiver.heeds_silences or self._silences_known() or time.monotonic() >= self._until:
                await self._flush(receiver)

    async def _flush(self, receiver: Receiver) -> None:
        """Tell a receiver all that is due; the first failure ends it."""
        if receiver.heeds_silences:
            await self._ask_silences(receiver.outbox.news())
        outbox, now = receiver.outbox, self._now()
        others = self.order.others(outbox.name) if receiver.takes_turns else None
        for batch in outbox.due(now, lambda notice: bool(self.silences.silencing(notice, now)), others):
            if not await self._tell(receiver, batch, now):
                break
            await asyncio.sleep(0)  # a flood must not keep everyone else waiting
        if outbox.lost:
            self._metrics.count(outbox.name, LOST, outbox.lost)
            LOGGER.warning("%d notices to %s are given up", outbox.lost, outbox.name)
            outbox.lost = 0

    async def _ask_silences(self, notices: Sequence[Notice]) -> None:
        """Find out which silences cover alerts: in a thread when there is much to compare, as it takes seconds then."""
        questions = self.silences.questions(notices)
        if sum(len(one.tests) for one in questions) < _MUCH:
            return
        answers = await asyncio.to_thread(lambda: [one.answer() for one in questions])
        for question, covering in zip(questions, answers, strict=True):
            self.silences.learn(question, covering)

    async def silenced_until(self, alerts: Sequence[Labels]) -> list[float]:
        """Return when the last silence of each alert ends, unix seconds; 0 for one that is not silenced."""
        now = self._now()
        ends = {one.id: one.ends_at / 1000 for one in self.silences if one.state(now) == "active"}
        if not ends:
            return [0.0] * len(alerts)
        notices = [Notice(labels, (), 0, 0, firing=True) for labels in alerts]
        await self._ask_silences(notices)
        found = (self.silences.silencing(notice, now) for notice in notices)
        return [max((ends[one] for one in silences if one in ends), default=0.0) for silences in found]

    async def _tell(self, receiver: Receiver, batch: Batch, now: int) -> bool:
        """Tell of a batch, and note what came of it; return False when the receiver should have a pause."""
        verdict = await self._verdict(receiver, batch, now)
        if verdict is Verdict.REFUSED and receiver.splits and len(batch) > 1:
            for notice in batch.notices:
                if not await self._tell(receiver, Batch((notice,)), now):
                    return False
            return True
        self._metrics.count(receiver.outbox.name, verdict, len(batch))
        if verdict is Verdict.SENT:
            receiver.outbox.sent(batch, now)
            if receiver.takes_turns:
                self.order.tell(receiver.outbox.name, batch.notices, now)
        elif verdict is Verdict.REFUSED:
            receiver.outbox.refused(batch)
        else:
            receiver.outbox.failed(now, batch)
        return verdict is not Verdict.FAILED

    async def _verdict(self, receiver: Receiver, batch: Batch, now: int) -> Verdict:
        try:
            return await receiver.tell(batch, now)
        except Exception:
            LOGGER.exception("a fault of ours: a notice to %s cannot be written", receiver.outbox.name)
            return Verdict.FAILED

    def _count_active(self) -> float:
        now = self._now()
        return sum(one.state(now) == "active" for one in self.silences)

    def _now(self) -> int:
        return int(self._server_time() * 1000)


def _pause(receiver: Receiver) -> float | None:
    """Return the seconds after which to look again; None for not before there is news."""
    if receiver.outbox.waits():
        return _EVERY
    return _SELDOM if len(receiver.outbox) else None
