"""Publish frames of many writers over few connections, each until it is acknowledged."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, ConnectionDrainingError, OutboundBufferLimitError

from fog_bus.nats.connection import Client, Connection
from fog_bus.nats.inbox import REFUSED_SUBJECT
from fog_bus.nats.link import parse_ack
from fog_bus.nats.options import NatsOptions
from fog_bus.ports import Outcome
from fog_cli.swarm.writers import Writer

AGAIN_AFTER: Final = 5.0
"""Seconds after which a frame is sent again that nobody acknowledged."""
_GONE: Final = (ConnectionClosedError, ConnectionDrainingError, OutboundBufferLimitError)
_NO_STREAM: Final = "no stream takes this subject, or JetStream is off (fog streams apply)"
_ACK: Final = b'{"stream":'
_QUEUE: Final = 1_000_000
"""Acknowledgements that may wait for their turn; each is small, and of one frame."""


class Publisher:
    """One connection. A lost one is made again, and what was on its way is sent again.

    Args:
        options: How to connect.
        on_ack: Called with each writer whose frame is in a stream.
        subjects: Subjects of requests to listen to.
        on_request: Called with the subject and the bytes of a request.

    Attributes:
        connection: The connection; run it.
        acked: How many frames were acknowledged.
        repeated: How many were sent again.
        refused: How many were refused, by the server's words. Publishes without the right to them are counted together,
            under the first such subject, as there may be one for each node.
    """

    def __init__(
        self,
        options: NatsOptions,
        on_ack: Callable[[Writer], None],
        subjects: tuple[str, ...],
        on_request: Callable[[str, bytes], None],
    ) -> None:
        self.connection = Connection(options)
        self.acked = 0
        self.repeated = 0
        self.refused: Counter[str] = Counter()
        self._on_ack = on_ack
        self._subjects = subjects
        self._on_request = on_request
        self._inbox = ""
        self._forbidden = ""
        self._serial = 0
        self._waiting: dict[str, tuple[float, Writer]] = {}
        self.connection.on_connect.append(self._listen)
        self.connection.on_error.append(self._refused)

    async def send(self, writer: Writer, now: float) -> None:
        """Send the frame that a writer has in flight; without a connection it is sent later."""
        self._serial += 1
        token = str(self._serial)
        self._waiting[token] = (now, writer)
        client = self.connection.client
        if client is not None and self._inbox:
            with suppress(*_GONE):  # it is sent again
                await client.publish(writer.subject, writer.in_flight, reply=f"{self._inbox}.{token}")

    async def repeat(self, now: float) -> None:
        """Send again what nobody acknowledged for too long."""
        late = []
        for token, (at, writer) in self._waiting.items():  # in the order in which they were sent
            if now - at < AGAIN_AFTER:
                break
            late.append((token, writer))
        for token, writer in late:
            del self._waiting[token]
            self.repeated += 1
            await self.send(writer, now)

    async def _listen(self, client: Client) -> None:
        inbox = f"{self.connection.options.inbox_prefix or '_INBOX'}.{secrets.token_hex(12)}"
        await client.subscribe(f"{inbox}.*", cb=self._answered, pending_msgs_limit=_QUEUE)
        for subject in self._subjects:
            await client.subscribe(subject, cb=self._requested)
        self._inbox = inbox

    def _refused(self, text: str) -> None:
        # No answer comes to a publish without the right to it; the server tells the whole connection.
        if REFUSED_SUBJECT.search(text):
            self._forbidden = self._forbidden or text
            self.refused[self._forbidden] += 1

    async def _answered(self, message: Msg) -> None:
        token = message.subject.rpartition(".")[2]
        if token not in self._waiting:
            return  # sent again meanwhile
        data = message.data
        if not data.startswith(_ACK):
            refusal = parse_ack(data) if data else None
            if refusal is None or refusal.outcome is not Outcome.ACKED:
                self.refused[refusal.text if refusal else _NO_STREAM] += 1
                return  # it stays, and is sent again
        _, writer = self._waiting.pop(token)
        self.acked += 1
        self._on_ack(writer)

    async def _requested(self, message: Msg) -> None:
        self._on_request(message.subject, message.data)
