"""Reads a stream from end to end and for ever, whatever happens to server, stream and connection.

    reader = StreamReader(link, "FOG_METRICS", subjects.subtree("metrics", path), state.handle, position=checkpoint)
    await reader.run()

It lives in generations. Each begins with what the stream is now (`where_to_start`) and a consumer that starts with the
last message we have handled, which must still be the same. Each ends at the first sign that something is not as it
should be; the next finds out what that was. Reading twice does no harm, so whenever in doubt it reads from the start.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nats.errors import Error as NatsError

from fog_bus.nats.api import JetStream, JetStreamError, parse_stream_info
from fog_bus.nats.connection import Client, backoff
from fog_bus.nats.consumer import ConsumerEndedError, PullConsumer
from fog_bus.nats.cursor import is_known, matcher, until_gap, where_to_start
from fog_bus.nats.link import Link
from fog_bus.ports import Discontinuity, Message, Position, StreamInfo
from fog_bus.rate_limited_log import RateLimitedLog

LOGGER: Final = logging.getLogger("fog_aggregator")
_STEADY: Final = 10.0
"""A generation that lived this many seconds was a good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How patient a reader is, in seconds."""

    heartbeat: float = 2.0
    """How often the server speaks when it has nothing to deliver; three missed ones end a generation."""
    check: float = 5.0
    """How often the stream is looked at: whether it is still the same, and how full."""
    stalled: float = 30.0
    """How long the stream may grow while nothing comes for us; then a new consumer finds out why."""
    longest_pause: float = 5.0
    """Between two generations that got nowhere."""


class StreamReader:
    """Hands every message of a stream to `handle`, in order, from `position` on. Belongs to one event loop.

    `position` moves as `handle` returns, with no await between: state and position read together belong together.
    What `handle` raises ends `run`.

    Args:
        link: The connection and its requests.
        stream: The stream's name.
        filters: Subjects to hand on, such as `Subjects.subtree` gives; empty for all. The stream is read whole and
            sorted out here, at 6 µs a message: for two filters the server looks through all subjects for each message
            (among 11,000 of them 500 µs of its CPU, and 500 messages/s). A branch that grows large gets a stream.
        handle: Takes messages, some hundreds at a time and 2,000 at most; must not block.
        position: Where an earlier reader left off.
        on_discontinuity: Called before messages are read again, or when some were missed.
        timing: How patient to be.
        rng: For the jitter of pauses.

    Attributes:
        stream: The name of the stream.
        position: What has been handled.
        info: The stream when last looked at.
        lag: How many messages the stream had beyond the last one that was handled.
        caught_up: Whether all that the stream held at the beginning of this generation has been handled.
        restarts: How many generations ended, by reason.
    """

    def __init__(
        self,
        link: Link,
        stream: str,
        filters: Sequence[str],
        handle: Callable[[list[Message]], None],
        *,
        position: Position | None = None,
        on_discontinuity: Callable[[Discontinuity], None] = lambda _: None,
        timing: Timing | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.stream = stream
        self.position = position
        self.info: StreamInfo | None = None
        self.lag = 0
        self.caught_up = False
        self.restarts: Counter[str] = Counter()
        self._connection = link.connection
        self._jetstream = JetStream(link)
        self._wanted = matcher(filters)
        self._handle = handle
        self._on_discontinuity = on_discontinuity
        self._timing = timing or Timing()
        self._rng = rng or random.Random()
        self._missing = False
        self._log = RateLimitedLog(lambda: asyncio.get_running_loop().time(), logger=LOGGER)

    @property
    def last_seq(self) -> int:
        """The stream's last sequence as far as we know."""
        return max(self._seq, self.info.last_seq if self.info is not None else 0)

    @property
    def read_until(self) -> float:
        """The server's time until which all that was stored is handled, unix seconds; 0 while that is not known."""
        position, info = self.position, self.info
        if position is None:
            return 0.0
        read = position.timestamp_ns / 1e9
        all_of_it = info is not None and info.created == position.created and position.seq >= info.last_seq
        return max(read, info.now) if info is not None and all_of_it else read

    @property
    def until_gap(self) -> float | None:
        """Seconds until the stream may remove what was not read, were we to stop now; None when it never does."""
        return until_gap(self.position, self.info) if self.info is not None else None

    async def run(self) -> None:
        """Reads until cancelled."""
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            await self._connection.connected()
            started, before = loop.time(), self.position
            try:
                if (client := self._connection.client) is not None:
                    await self._generation(client)
            except (ConsumerEndedError, JetStreamError, NatsError) as end:
                self._ended(end)
            got_on = self.position != before or loop.time() - started > _STEADY
            attempt = 0 if got_on else attempt + 1
            await asyncio.sleep(backoff(attempt, self._rng, first=0.05, longest=self._timing.longest_pause))

    async def _generation(self, client: Client) -> None:
        self.caught_up = False
        info = await self._look()
        start = where_to_start(self.position, info)
        if start.because is not None:
            self._discontinuity(start.because)
        if not start.known:  # nothing before `start` will be read
            self.position = Position(info.created, start.seq - 1, 0)
        consumer = PullConsumer(self._jetstream, client, self.stream, heartbeat=self._timing.heartbeat)
        try:
            await consumer.open(start.seq)
            if start.known:
                await self._recognise(consumer)
            await self._read(consumer, info)
        finally:
            await consumer.close()

    async def _recognise(self, consumer: PullConsumer) -> None:
        """The first message is the last one we handled, or the stream is not the one we read."""
        messages: list[Message] = []
        while not messages and consumer.pending:
            messages = await consumer.next()
        known = self.position
        if messages and is_known(messages[0], known):
            self._take(messages[1:], consumer)
            return
        info = await self._look()
        if where_to_start(known, info).known:  # it should be there, and is not: older and grown past us
            self.position = None
            self._discontinuity(Discontinuity.ROLLED_BACK)
        raise ConsumerEndedError("changed", "the last message we handled is not there any more")

    async def _read(self, consumer: PullConsumer, info: StreamInfo) -> None:
        loop = asyncio.get_running_loop()
        heard = looked = loop.time()
        while True:
            self.caught_up = self.caught_up or consumer.pending == 0 or self._seq >= info.last_seq
            messages = await consumer.next()
            now = loop.time()
            if messages:
                heard = now
                self._take(messages, consumer)
            if now - looked >= self._timing.check:
                looked = now
                await self._check(now - heard)
            await asyncio.sleep(0)  # a backlog must not keep everyone else waiting

    def _take(self, messages: list[Message], consumer: PullConsumer) -> None:
        if not messages or self.position is None:
            return
        last = messages[-1]
        if last.seq - self.position.seq != len(messages):
            self._discontinuity(Discontinuity.TRIMMED)
        if wanted := [message for message in messages if self._wanted(message.subject)]:
            self._handle(wanted)
        self.position = Position(self.position.created, last.seq, last.timestamp_ns)
        self.lag = consumer.pending

    async def _check(self, quiet: float) -> None:
        """The watchdog: another stream, one that went back, or one that grows without us."""
        info = await self._look()
        if where_to_start(self.position, info).because in (Discontinuity.REPLACED, Discontinuity.ROLLED_BACK):
            raise ConsumerEndedError("changed", "it is not the stream that was read")
        if info.last_seq > self._seq and quiet >= self._timing.stalled:
            raise ConsumerEndedError("stalled", f"it grows, and nothing has come for {quiet:.0f} s")

    async def _look(self) -> StreamInfo:
        try:
            self.info = parse_stream_info(await self._jetstream.call(f"STREAM.INFO.{self.stream}"))
        except JetStreamError as error:
            if error.missing and not self._missing:
                self._missing = True
                self._discontinuity(Discontinuity.MISSING)
            raise
        self._missing = False
        return self.info

    @property
    def _seq(self) -> int:
        return self.position.seq if self.position is not None else 0

    def _discontinuity(self, what: Discontinuity) -> None:
        self._log(logging.WARNING, what, f"stream {self.stream}: {_DISCONTINUITIES[what]}")
        self._on_discontinuity(what)

    def _ended(self, end: ConsumerEndedError | JetStreamError | NatsError) -> None:
        reason = "disconnected" if isinstance(end, NatsError) else end.reason
        self.restarts[reason] += 1
        if reason != "disconnected":  # the connection has said so
            self._log(logging.WARNING, reason, f"stream {self.stream}: reading begins anew: {end}")


_DISCONTINUITIES: Final = {
    Discontinuity.REPLACED: "it is another one of the same name; reading it from the start",
    Discontinuity.ROLLED_BACK: "it has lost messages that were read; reading it from the start",
    Discontinuity.TRIMMED: "messages are gone that were not read yet; reading on",
    Discontinuity.MISSING: "it is not there; `fog streams apply` creates it",
}
