"""Publish frames of many writers over few connections, each until it is acknowledged."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Final

from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_bus.ports import Outcome, Publish, Refusal
from fog_cli.swarm.writers import Writer

ACK_SECONDS: Final = 5.0
"""Seconds that a frame waits for its acknowledgement."""
PAUSE: Final = 1.0
"""Seconds after which a frame is sent again that was not acknowledged."""
_REQUESTS: Final = 10_000
"""Requests for keyframes that may wait for their turn: an aggregator asks 100 nodes at once, and 2,000 in a second."""
_PROVIDE: Final = "fog streams apply"


class Publisher:
    """One connection. A lost one is made again, and what was on its way is sent again.

    Args:
        options: How to connect.
        on_ack: Called with each writer whose frame is in a stream.

    Attributes:
        connection: The connection; run it.
        link: Listens over it.
        acked: How many frames were acknowledged.
        repeated: How many were sent again.
        refused: How many were refused, by the server's words. Publishes without the right to them are counted together,
            under the first such subject, as there may be one for each node.
    """

    def __init__(self, options: NatsOptions, on_ack: Callable[[Writer], None]) -> None:
        self.connection = Connection(options)
        self.link = Link(self.connection, _REQUESTS)
        self.acked = 0
        self.repeated = 0
        self.refused: Counter[str] = Counter()
        self._on_ack = on_ack
        self._forbidden = ""
        self._again: deque[tuple[float, Writer]] = deque()  # and from when on
        self._tasks: set[asyncio.Task[Publish]] = set()

    def send(self, writer: Writer) -> None:
        """Send the frame that a writer has in flight; without a connection it is sent later."""
        answered = partial(self._answered, writer)
        if not self.link.post(writer.subject, writer.in_flight, ACK_SECONDS, answered):
            task = asyncio.ensure_future(self.link.publish(writer.subject, writer.in_flight, ACK_SECONDS))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, answered))

    def repeat(self, now: float) -> None:
        """Send again what was not acknowledged."""
        while self._again and self._again[0][0] <= now:
            self.repeated += 1
            self.send(self._again.popleft()[1])

    def _ended(self, answered: Callable[[Publish], None], task: asyncio.Task[Publish]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():  # the process ends
            answered(task.result())

    def _answered(self, writer: Writer, answer: Publish) -> None:
        if answer.outcome is Outcome.ACKED:
            self.acked += 1
            self._on_ack(writer)
            return
        if answer.outcome is Outcome.REFUSED:
            self.refused[self._why(answer)] += 1
        self._again.append((asyncio.get_running_loop().time() + PAUSE, writer))

    def _why(self, answer: Publish) -> str:
        if answer.refusal is Refusal.PERMISSION:
            self._forbidden = self._forbidden or answer.text
            return self._forbidden
        return f"{answer.text} ({_PROVIDE})" if answer.refusal is Refusal.NO_STREAM else answer.text
