"""Send the steps of the history to one receiver, as `Sending` says."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from fog_aggregator.components.outgoing.client import Client, Login, read_login
from fog_aggregator.components.outgoing.compression import compressed
from fog_aggregator.components.outgoing.leasing import Leasing, until
from fog_aggregator.components.outgoing.metrics import FORGOTTEN, KNOWN, OLD, REFUSED, SENT, ReceiverMetrics
from fog_aggregator.components.outgoing.steps import OutgoingSteps
from fog_aggregator.core.engine.steps import most_ahead
from fog_aggregator.outgoing.answers import Answer, Verdict
from fog_aggregator.outgoing.formats import Format
from fog_aggregator.outgoing.items import Item
from fog_aggregator.outgoing.reader import PartOfStep, StepReader
from fog_aggregator.outgoing.receivers import Protocol, Receiver
from fog_aggregator.outgoing.sending import LONGEST_PAUSE, Batch, Sending
from fog_aggregator.outgoing.series import Described, chooses_buckets, with_buckets
from fog_aggregator.outgoing.suspects import Suspects
from fog_aggregator.promql.labels import show
from fog_aggregator.tasks import cancel
from fog_bus.rate_limited_log import RateLimitedLog

_T = TypeVar("_T")

LOGGER: Final = logging.getLogger("fog_aggregator.outgoing")
_LOOK: Final = 1.0
"""Seconds between two looks at the clock while a step waits for the receiver's time."""
_ASK: Final = 30.0
"""Seconds after which a receiver that is behind is asked for its time again."""
_DESCRIBE: Final = 60.0
"""Seconds after which metrics are described again: Mimir forgets what it is not told for ten minutes."""
_DESCRIBED: Final = 500
"""Metrics that one request describes."""
_BEFORE_ALL: Final = 1
"""The cursor of a receiver that is to get all steps: there was none when it was first heard of."""
_NAMED: Final = 10
"""Series that one line of the log names."""


class NotUnderstoodError(Exception):
    """The receiver takes requests of another format alone."""


class NoNativesError(Exception):
    """The receiver takes no native histograms."""


@dataclass(frozen=True, slots=True)
class Around:
    """The things that senders share.

    Attributes:
        steps: The steps of the history.
        describe: Tells what is known of metrics.
        server_time: Tells the server's time, unix seconds.
        lease: Makes the lease of a receiver.
        make_format: Makes the format of a protocol.
        threads: Where steps are read and requests are made.
    """

    steps: OutgoingSteps
    describe: Callable[[], Described]
    server_time: Callable[[], float]
    make_format: Callable[[Protocol], Format]
    threads: Executor
    lease: Callable[[Receiver, Sending], Leasing]


@dataclass(slots=True)
class _Past:
    """The things that were done for a receiver, and when.

    Attributes:
        asked: When the receiver was last asked for its time, monotonic seconds.
        described: When it was last told what metrics are, monotonic seconds.
        size_told: The log has the size of a step.
        suspects: The items that were refused last.
    """

    asked: float = 0.0
    described: float = -math.inf
    size_told: bool = False
    suspects: Suspects = field(default_factory=Suspects)


@dataclass(frozen=True, slots=True)
class _Terms:
    """The form in which a receiver gets numbers, as far as is known.

    Attributes:
        protocol: The protocol.
        natives: It takes native histograms.
    """

    protocol: Protocol
    natives: bool


class Sender:
    """Sends to one receiver, one step after the other. Belongs to the event loop.

    Args:
        receiver: The receiver.
        client: Posts to it.
        around: The things that senders share.
        metrics: Takes the counts.

    Attributes:
        core: Decides what is sent; part of the checkpoint.
        name: The receiver's name.
        leasing: Its lease; None where all send.
    """

    def __init__(
        self, receiver: Receiver, core: Sending, client: Client, around: Around, metrics: ReceiverMetrics
    ) -> None:
        self.core = core
        self.name = receiver.name
        self._receiver = receiver
        self._client = client
        self._around = around
        self._metrics = metrics
        self._past = _Past()
        self._say = RateLimitedLog(time.monotonic, logger=LOGGER)
        natives = receiver.native_histograms and not chooses_buckets(receiver.choice.selectors)
        self._speak(_Terms(receiver.protocol, natives))
        self.leasing = around.lease(receiver, core) if receiver.lease else None
        around.steps.on_set_back.append(self._set_back)

    def _speak(self, terms: _Terms) -> None:
        """Write requests in a format from now on."""
        receiver, around, self._terms = self._receiver, self._around, terms
        self._format = around.make_format(terms.protocol)
        self._reader = StepReader(around.steps.store, receiver.choice, self._format.encoder, self._described)

    def _described(self) -> Described:
        """Return what is known of metrics, as the receiver gets them."""
        described = self._around.describe()
        return described if self._terms.natives else with_buckets(described)

    async def run(self) -> None:
        """Send for ever, or whenever the lease is ours."""
        if self.leasing is None:
            await self._go_on()
            return
        keeping = asyncio.ensure_future(self.leasing.run())
        try:
            while True:
                await self.leasing.until_ours()
                LOGGER.info("%s is ours to send to", self.name)
                self._metrics.lease(ours=True)
                await until(self._go_on(), self.leasing.lost())
                self._metrics.lease(ours=False)
                LOGGER.warning("%s is another one's to send to, or nobody's: the lease is not ours any more", self.name)
        finally:
            await cancel(keeping)

    async def _go_on(self) -> None:
        steps, core = self._around.steps, self.core
        steps_known = steps.newest
        if core.cursor:
            now = round(self._around.server_time() * 1000)
            core.doubtful = max(steps_known, now)
            if core.cursor > max(steps_known, now + most_ahead(steps.length)):
                self._set_back(now)  # no step is there that the history would forget
        else:
            core.cursor = steps_known or _BEFORE_ALL  # begin with what comes from now on
        is_greeted = False
        while True:
            try:
                if not is_greeted:
                    await self._greet()
                    is_greeted = True
                await self._send(await self._next())
            except NotUnderstoodError:
                self._fall_back()
            except NoNativesError:
                self._do_without_natives()
            except Exception:
                LOGGER.exception("a fault of ours: %s waits", self.name)
                await asyncio.sleep(LONGEST_PAUSE)

    async def let_go(self) -> None:
        """Let another one send."""
        if self.leasing is not None:
            await self.leasing.let_go()

    def leave(self) -> None:
        """Hear of the clock no more: another one sends, or nobody."""
        self._around.steps.on_set_back.remove(self._set_back)

    def _set_back(self, at: int) -> None:
        """Send the steps from a moment on: those that came before were of a time that has not come."""
        if self.core.set_back(at):
            LOGGER.warning(
                "the server's clock was set back: %s gets steps from %d ms on; it may refuse them: it has later ones",
                self.name,
                at,
            )

    def _fall_back(self) -> None:
        LOGGER.warning("%s does not confirm what remote write 2.0 sends: it gets 1.0 from now on", self.name)
        self._speak(replace(self._terms, protocol=Protocol.REMOTE_WRITE))

    def _do_without_natives(self) -> None:
        LOGGER.warning("%s takes no native histograms: exponential ones have buckets from now on", self.name)
        self._speak(replace(self._terms, natives=False))

    async def _greet(self) -> None:
        """Send nothing, until there is an answer: it tells the receiver's time, and whether it knows the format."""
        failures, self._past.asked = 0, time.monotonic()
        while True:
            answer = await self._client.post(*await self._aside(self._greeting))
            self.core.note_date(answer, time.monotonic())
            verdict = answer.verdict
            if self._format.confirms and (
                answer.status == 415 or (verdict is Verdict.TAKEN and answer.written is None)
            ):
                self._fall_back()
            elif verdict in (Verdict.LATER, Verdict.UNUSABLE):
                failures += 1
                self._complain(answer)
                await asyncio.sleep(max(answer.retry_after or 0.0, self.core.pauses.length(failures)))
            else:
                return

    def _greeting(self) -> tuple[bytes, Format, Login]:
        return compressed(self._format.empty, self._format.compression), self._format, read_login(self._receiver)

    async def _next(self) -> int:
        """Wait for the next step that may be sent; leave out those that are too old or forgotten."""
        steps, core = self._around.steps, self.core
        while True:
            due = steps.next(core.cursor)
            if not due.time:
                await steps.wait()
                continue
            if due.is_oldest and core.cursor > _BEFORE_ALL:
                self._metrics.dropped(FORGOTTEN, (due.time - core.cursor) // steps.length - 1)
                core.skip(due.time - steps.length)
            if core.is_old(due.time, self._receivers_time()):
                self._metrics.dropped(OLD, 1)
                core.skip(due.time)
                await asyncio.sleep(0)
            elif ahead := core.seconds_ahead(due.time, time.monotonic()):
                await self._wait_for_clock(ahead)
            else:
                return due.time

    async def _wait_for_clock(self, ahead: float) -> None:
        """Wait for the receiver's time, and ask for it again now and then: one answer may have had a wrong one."""
        if ahead > _ASK:
            self._say(logging.WARNING, "clock", f"{self.name} waits: the receiver's clock is {ahead:.0f} s behind")
        if time.monotonic() - self._past.asked > _ASK:
            await self._greet()
        else:
            await asyncio.sleep(min(ahead, _LOOK))

    def _receivers_time(self) -> float:
        """Return the receiver's time, unix seconds, or ours if that is earlier: nothing is lost to a wrong clock."""
        known, ours = self.core.receivers_time(time.monotonic()), self._around.server_time()
        return ours if known is None else min(known, ours)

    async def _send(self, step: int) -> None:
        """Send a step, until all of it is taken or given up."""
        read, core = self._reader.step, self.core
        core.step = step
        parts = self._past.suspects.apart(await self._aside(lambda: read(step, self._around.steps.lock, core.schemas)))
        core.schemas = self._reader.schemas
        self._tell_size(sum(part.series(0, len(part.items)) for part in parts))
        if core.step:  # it is not forgotten meanwhile
            await self._send_parts(step, parts)
            core.finish()
            if self.leasing is not None:
                await self.leasing.write()
            await self._describe(parts)

    async def _describe(self, parts: Sequence[PartOfStep]) -> None:
        """Describe the metrics of a step now and then, where a format does so apart; that it fails costs no sample."""
        describe, now = self._format.describe, time.monotonic()
        if describe is None or now < self._past.described + _DESCRIBE:
            return
        self._past.described = now
        metrics = [*{item.name: item.about for part in parts for item in part.items}.items()]
        for first in range(0, len(metrics), _DESCRIBED):
            some = dict(metrics[first : first + _DESCRIBED])
            message = await self._aside(partial(describe, some))
            body, login = await self._aside(partial(self._compressed, message))
            answer = await self._client.post(body, self._format, login)
            self._metrics.request(answer.verdict)
            self._metrics.bytes.increment(len(body))
            if answer.verdict is not Verdict.TAKEN:
                self._complain(answer)
                return

    def _tell_size(self, series: int) -> None:
        """Say once how much a step is: somebody may pay for each series."""
        if not self._past.size_told:
            self._past.size_told = True
            none = "" if series else ": no level that the history keeps has one that `match` finds"
            LOGGER.log(
                logging.INFO if series else logging.WARNING, "%s gets %d series a step%s", self.name, series, none
            )
        self._metrics.series.set(series)

    async def _send_parts(self, step: int, parts: Sequence[PartOfStep]) -> None:
        core, tasks = self.core, set[asyncio.Task[None]]()
        core.begin(step, [len(part.items) for part in parts])
        try:
            while core.step and not (core.is_done and not tasks):
                while len(tasks) < self._receiver.requests and (batch := core.take(time.monotonic())) is not None:
                    tasks.add(asyncio.ensure_future(self._exchange(parts, batch)))
                if core.is_old(step, self._receivers_time()) and not tasks:
                    self._metrics.dropped(OLD, 1)
                    core.skip(step)
                    return
                pause = core.seconds_to_wait(time.monotonic()) if core.is_waiting else None
                if not tasks:
                    await asyncio.sleep(min(pause or 0.0, _LOOK))
                    continue
                if len(tasks) == self._receiver.requests:
                    pause = None
                done, tasks = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _exchange(self, parts: Sequence[PartOfStep], batch: Batch) -> None:
        """Send a batch, and take the answer."""
        part, (first, stop) = parts[batch.part], batch.places
        body, login = await self._aside(lambda: self._body(part, first, stop))
        answer = await self._client.post(body, self._format, login)
        if self._format.confirms and answer.verdict is Verdict.TAKEN and answer.written is None:
            raise NotUnderstoodError
        if self._terms.natives and answer.lacks_natives and any(one.is_native for one in part.items[first:stop]):
            raise NoNativesError
        result = self.core.answered(batch, answer, time.monotonic())
        self._metrics.request(result.verdict)
        self._metrics.bytes.increment(len(body))
        refused, taken = part.series(*result.lost), part.series(*result.taken)
        rejected = min(answer.rejected, taken)
        self._metrics.samples(SENT, taken - rejected)
        is_known = self.core.step > self.core.mistaken  # or it has others of a time that has not come
        self._metrics.samples(KNOWN if is_known else REFUSED, part.series(*result.known))
        self._metrics.samples(REFUSED, refused + rejected)
        self._past.suspects.learn(part.items, result)
        if refused or answer.rejected:
            self._name(part.items[slice(*result.lost)], answer)
        elif result.verdict in (Verdict.LATER, Verdict.UNUSABLE):
            self._complain(answer)

    def _body(self, part: PartOfStep, first: int, stop: int) -> tuple[bytes, Login]:
        """Make the body of a request, and read the login. Blocks."""
        return self._compressed(part.message(self._format.encoder, first, stop))

    def _compressed(self, message: bytes) -> tuple[bytes, Login]:
        return compressed(message, self._format.compression), read_login(self._receiver)

    async def end_series(self, deadline: float) -> None:
        """Tell the receiver that all series end, if it has everything before: they would come back otherwise."""
        core, steps = self.core, self._around.steps
        if not self._receiver.end_at_stop or core.cursor <= _BEFORE_ALL or steps.next(core.cursor).time:
            return
        cursor, read = core.cursor, self._reader.step
        parts = [part.ended() for part in await self._aside(lambda: read(cursor, steps.lock, core.schemas))]
        try:
            async with asyncio.timeout(deadline):
                await self._send_parts(cursor + 1, parts)
        except (TimeoutError, NotUnderstoodError, NoNativesError):
            LOGGER.warning("%s was not told that the series have ended", self.name)
        core.cursor = min(core.cursor, cursor)

    async def _aside(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._around.threads, work)

    def _complain(self, answer: Answer) -> None:
        status = "" if answer.status is None else f"it says {answer.status}: "
        self._say(logging.WARNING, "trouble", f"{self.name} takes nothing: {status}{answer.text}")

    def _name(self, items: Sequence[Item], answer: Answer) -> None:
        names = ", ".join(show(item.series) for item in items[:_NAMED]) or f"{answer.rejected} points"
        self._say(logging.WARNING, "refused", f"{self.name} refuses {names}: {answer.status}: {answer.text}")
