"""Publishing to JetStream and listening for requests: every outcome is a value, nothing is ever queued.

    link = Link(connection)
    result = await link.publish("fog.v1.metrics.fog.0.3", frame, deadline=5)
    if result.outcome is Outcome.ACKED: ...

Proof of delivery is JetStream's acknowledgement, nothing less. A message that timed out may have arrived all the same:
repeat it, byte for byte. No header is sent, so no `Nats-Msg-Id` either: the server remembers those for a whole stream,
where another node could use ours first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

from nats.aio.msg import Msg

from fog_bus.filters import matches
from fog_bus.nats.connection import Client, Connection
from fog_bus.nats.inbox import GONE, REFUSED_SUBJECT
from fog_bus.ports import Outcome, Publish, Refusal, RequestCallback, RequestError
from fog_bus.posting import Answered
from fog_bus.rate_limited_log import RateLimitedLog

_MESSAGE_ID: Final = "Nats-Msg-Id"
_WAITING_REQUESTS: Final = 64
"""Requests on a subject that wait for their callback; more are dropped, as their senders will ask again."""


class Link:
    """Publish and listen over a `Connection`, in its loop. Implements `fog_bus.ports.Bus`, and `Posting`.

    Args:
        connection: The connection.
        waiting_requests: How many requests on a subject wait for their callback: more for a link of many nodes.
    """

    def __init__(self, connection: Connection, waiting_requests: int = _WAITING_REQUESTS) -> None:
        self.connection = connection
        self._waiting_requests = waiting_requests
        self._inbox = connection.inbox
        self._requests: list[tuple[str, RequestCallback]] = []
        self._instead: dict[str, str] = {}
        self._again: set[asyncio.Future[None]] = set()
        self._log = RateLimitedLog(lambda: asyncio.get_running_loop().time())
        connection.on_connect.append(self._listen)
        connection.on_error.append(self._refused)

    @property
    def max_payload(self) -> int | None:
        """The longest message in bytes that the server takes; None while not connected."""
        return self.connection.max_payload

    async def connected(self, deadline: float | None = None) -> bool:
        """Wait for a connection, at most `deadline` seconds; tell whether there is one."""
        return await self.connection.connected(deadline)

    async def publish(self, subject: str, payload: bytes, deadline: float) -> Publish:
        """Publish once and wait at most `deadline` seconds for JetStream's acknowledgement."""
        answer = await self.exchange(subject, payload, deadline)
        return _outcome(answer)

    def post(self, subject: str, payload: bytes, deadline: float, answered: Answered) -> bool:
        """Publish as `publish` does, without a task; False, and nothing was sent, where `publish` has to do it."""
        client = self.connection.client
        return client is not None and self._inbox.post(client, subject, payload, deadline, partial(_judge, answered))

    async def request(self, subject: str, payload: bytes, deadline: float) -> bytes:
        """Ask the server of `subject`, the API of JetStream for one, and return the answer.

        Raises:
            RequestError: There was none; it says why.
        """
        answer = await self.exchange(subject, payload, deadline)
        if isinstance(answer, Publish):
            raise RequestError(subject, answer)
        return answer

    async def send(self, subject: str, payload: bytes, *, message_id: str = "") -> bool:
        """Publish without asking for an acknowledgement; False when there is no connection."""
        client = self.connection.client
        if client is None:
            return False
        try:
            await client.publish(subject, payload, headers={_MESSAGE_ID: message_id} if message_id else None)
        except GONE:
            return False
        return True

    async def listen(
        self, subjects: Iterable[str], callback: RequestCallback, *, instead: Mapping[str, str] | None = None
    ) -> None:
        """Call back for each message on any of `subjects`, from now on and after every reconnect.

        A subject that the server does not let this user hear is replaced with the one that `instead` has for it.

        An exception of the callback is logged; at most `waiting_requests` messages of a subject wait for it. A message
        of another subject is left out: the server brings the messages of a stream wherever whoever reads it says.
        """
        requests = [(subject, callback) for subject in subjects]
        self._requests += requests
        self._instead |= instead or {}
        if self.connection.client is not None:
            for request in requests:
                await self._subscribe(self.connection.client, *request)

    async def exchange(
        self, subject: str, payload: bytes, deadline: float, headers: dict[str, str] | None = None
    ) -> bytes | Publish:
        """Send one message and return its answer, or what stood in the way."""
        client = self.connection.client
        if client is None:
            return Publish(Outcome.DISCONNECTED)
        return await self._inbox.exchange(client, subject, payload, deadline, headers)

    async def _listen(self, client: Client) -> None:
        """Subscribe anew, with each new connection."""
        for request in self._requests:
            await self._subscribe(client, *request)

    async def _subscribe(self, client: Client, subject: str, callback: RequestCallback) -> None:
        async def on_message(message: Msg) -> None:
            if not matches(subject, message.subject):
                return  # of a stream: whoever makes a reader of one may have its messages brought here
            try:
                callback(message.subject, message.data)
            except Exception as error:  # noqa: BLE001 — one bad request must not silence those after it
                self._log(logging.ERROR, subject, f"a request on {message.subject} failed: {error!r}")

        await client.subscribe(subject, cb=on_message, pending_msgs_limit=self._waiting_requests)

    def _refused(self, text: str) -> None:
        """Listen to what a subject is to be replaced with, if the server does not let this user hear the subject."""
        found = REFUSED_SUBJECT.search(text)
        if found is None or found[1] != "subscription":
            return
        for subject, callback in self._requests:
            if subject in self._instead and subject.lower() == found[2]:
                again = asyncio.ensure_future(self._listen_instead(self._instead[subject], callback))
                self._again.add(again)
                again.add_done_callback(self._again.discard)

    async def _listen_instead(self, subject: str, callback: RequestCallback) -> None:
        if self.connection.client is not None:
            with suppress(*GONE):  # the next connection asks for the first subject again
                await self._subscribe(self.connection.client, subject, callback)


WRONG_LAST: Final = "wrong last sequence"
"""The server's words where a subject has another last message than was expected."""
_NO_JETSTREAM: Final = frozenset({10039, 10076})
_STORE_FAILED: Final = 10077
_NO_ROOM: Final = frozenset({10023, 10028, 10047})
_MESSAGE_TOO_LARGE: Final = 10054


_USUAL_ACK: Final = re.compile(rb'\{"stream":"([ !#-\[\]-~]*)", ?"seq":(0|[1-9][0-9]{0,17})\}')
"""A plain acknowledgement, as the server writes it: JSON's general rules take three times as long."""


def parse_ack(answer: bytes) -> Publish:
    """Read JetStream's answer to a publish: JSON, and nothing else than JetStream's will do."""
    if (usual := _USUAL_ACK.fullmatch(answer)) is not None:
        return Publish(Outcome.ACKED, stream=usual[1].decode(), seq=int(usual[2]))
    try:
        match json.loads(answer):
            case {"error": {"err_code": int(code), "description": str(text)}}:
                return Publish(Outcome.REFUSED, _refusal(code, text), text)
            case {"stream": str(stream), "seq": int(seq)}:
                return Publish(Outcome.ACKED, stream=stream, seq=seq)
    except (ValueError, RecursionError):
        pass
    return Publish(Outcome.REFUSED, Refusal.OTHER, f"not an answer of JetStream: {answer[:100]!r}")


def _outcome(answer: bytes | Publish) -> Publish:
    return answer if isinstance(answer, Publish) else parse_ack(answer)


def _judge(answered: Answered, answer: bytes | Publish) -> None:
    answered(_outcome(answer))


def _refusal(code: int, text: str) -> Refusal:
    """Codes of nats-server's errors.json."""
    if code in _NO_JETSTREAM:
        return Refusal.NO_STREAM
    if code in _NO_ROOM or (code == _STORE_FAILED and text.startswith("maximum ")):
        return Refusal.FULL
    return Refusal.TOO_LARGE if code == _MESSAGE_TOO_LARGE else Refusal.OTHER
