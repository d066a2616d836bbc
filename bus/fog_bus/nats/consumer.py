"""A consumer of our own on a stream: pull requests in flight, no acknowledgements, no message that goes missing unseen.

nats-py has consumers, but their messages cost 25 µs each, or they wait in silence when the stream is not what it was.
This one gives 1,000 messages at a time the cheapest way there is (`cb=` on a core subscription) and ends at the first
sign that something is not as it should be. Its user decides what to do then.
"""

from __future__ import annotations

import asyncio
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.arrivals import Arrivals, Arrived, DeliveryRun
from fog_bus.nats.connection import Client
from fog_bus.ports import LogError, Message

_BATCH: Final = 1000
_BATCH_BYTES: Final = 16 * 1024 * 1024
_OVERHEAD: Final = 64 * 1024
"""Bytes that subject, reply and headers may add to a payload. A request smaller than a message is never served."""
_IN_FLIGHT: Final = 2
_EXPIRES: Final = 30.0
FORGOTTEN_AFTER: Final = 60.0
"""The server removes the consumer when nobody has asked it for so long."""
_MISSED_HEARTBEATS, _FEWEST_MISSED = 3, 2
_LONG_SILENCE: Final = 8.0
"""Seconds after which the fewest will do: a reader's end is known before its user takes the server for cut off."""
_ROUTINE_STATUSES: Final = ("404", "408")
"""A request that ended because there was nothing more."""
_ROUTINE_409: Final = ("Batch Completed", "Message Size Exceeds MaxBytes")
"""A request that ended because its size was reached; other texts tell of the consumer's end."""
_NS: Final = 1_000_000_000


class Delivery(NamedTuple):
    """The facts that the server tells of a message that it delivers."""

    seq: int
    """In the stream."""
    consumer_seq: int
    """In this consumer: 1, 2, 3, …"""
    timestamp_ns: int
    pending: int
    """How many more of this consumer's messages the stream has."""


class _Address(NamedTuple):
    """The names by which a consumer is spoken to."""

    stream: str
    name: str
    inbox: str
    mark: str
    """The part of a delivery's reply subject that names it."""
    beginning: bytes
    """The beginning of its deliveries' reply subjects, where no domain is in them."""

    def subject(self, verb: str) -> str:
        """Return the API's subject of a verb about this consumer, without prefix."""
        return f"CONSUMER.{verb}.{self.stream}.{self.name}"


def from_sequence(seq: int, subjects: Sequence[str] = ()) -> dict[str, Any]:
    """Let a consumer of some subjects, or of all, begin with the first message at or after a sequence."""
    ours = {"filter_subjects": list(subjects)} if subjects else {}
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": seq, **ours}


def from_time(timestamp: float, subjects: Sequence[str]) -> dict[str, Any]:
    """Let a consumer of some subjects begin with the first message stored at or after a moment, unix seconds.

    The moment is rounded down to a microsecond, also where the double that it is was rounded up from the server's
    nanoseconds: a message may be too early by two microseconds.
    """
    at = datetime.fromtimestamp(math.floor((timestamp - math.ulp(timestamp)) * 1e6) / 1e6, UTC).isoformat()
    return {"deliver_policy": "by_start_time", "opt_start_time": at, "filter_subjects": list(subjects)}


def patience(heartbeat: float) -> float:
    """Return the seconds of silence that end a reader: three missed heartbeats, or two where three take long."""
    return max(_FEWEST_MISSED * heartbeat, min(_MISSED_HEARTBEATS * heartbeat, _LONG_SILENCE))


class PullConsumer:
    """One consumer, from one place of a stream on. Belongs to one client: it does not survive a reconnect.

    Its memory is bounded by what it asks for: two requests in flight, each of 1,000 messages and 16 MiB at most.

    Args:
        jetstream: The API.
        client: The connection's client now.
        stream: The stream's name.
        name: The consumer's name; a random one when it is empty.
        heartbeat: Seconds after which the server says that it has nothing; see `patience`.

    Attributes:
        pending: How many messages the stream had beyond the last one it delivered: the view of the replica that has the
            consumer, which may lag behind.
    """

    def __init__(
        self, jetstream: JetStream, client: Client, stream: str, *, name: str = "", heartbeat: float = 2.0
    ) -> None:
        self.pending = 0
        self._jetstream = jetstream
        self._client = client
        self._heartbeat = heartbeat
        prefix = jetstream.link.connection.options.inbox_prefix or "_INBOX"
        inbox = f"{prefix}.{secrets.token_hex(12)}.read"
        name = name or f"fog-{secrets.token_hex(8)}"
        beginning = f"$JS.ACK.{stream}.{name}.1.".encode()
        self._address = _Address(stream, name, inbox, f".{stream}.{name}.", beginning)
        self._subscription: Subscription | None = None
        self._wake = asyncio.Event()
        self._arrivals = Arrivals(beginning, self._wake.set)
        self._asked = 0
        self._received = 0
        self._end: LogError | None = None
        self._exists = False

    @property
    def name(self) -> str:
        """The consumer's name."""
        return self._address.name

    async def open(self, start: Mapping[str, Any], *, anew: bool = False) -> None:
        """Create the consumer.

        Args:
            start: Where it begins, and which subjects it delivers: `from_sequence`, `from_time`.
            anew: A consumer of ours of this name may be there: the server is to forget it first.

        Raises:
            JetStreamError: The server refused it or did not answer.
        """
        arrivals = self._arrivals

        async def on_message(message: Msg) -> None:
            arrivals.put((message.subject, message.reply.encode(), message.data, message.headers))

        self._jetstream.link.connection.on_disconnect.append(self._wake.set)
        self._subscription = await self._client.subscribe(
            self._address.inbox, cb=on_message, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._client.deliver(self._subscription, arrivals)
        config = {
            "name": self._address.name,
            "description": secrets.token_hex(8),  # else one of the same name and place would be taken for ours
            **start,
            "ack_policy": "none",
            "inactive_threshold": int(FORGOTTEN_AFTER * _NS),
            "mem_storage": True,
            "num_replicas": 1,
        }
        request = {"stream_name": self._address.stream, "config": config, "action": "create"}
        if anew:
            with suppress(JetStreamError):
                await self._jetstream.call(self._address.subject("DELETE"))
        self._exists = True  # as far as we know, until the server has said no
        try:
            answer = await self._jetstream.call(self._address.subject("CREATE"), request)
        except JetStreamError as error:
            self._exists = not error.code
            raise
        self.pending = answer["num_pending"]

    async def next(self) -> list[Message]:
        """Wait for the server to speak; return the messages that have come, none when it had nothing to deliver.

        Raises:
            LogError: Nothing more will come, or something has not come that should have.
        """
        if self._end is None:
            await self._ask()
            await self._listen()
        if self._end is not None:
            raise self._end
        arrived = self._arrivals.messages[:]
        self._arrivals.messages.clear()
        return self._sort(arrived)

    async def close(self) -> bool:
        """Forget the consumer, and let the server forget it too. Does not wait and does not raise.

        Returns:
            Whether the server was told, as far as there is something to tell.
        """
        connection = self._jetstream.link.connection
        connection.on_disconnect.remove(self._wake.set)
        self._client.forget(self._arrivals)
        if self._subscription is not None and connection.client is self._client:
            with suppress(NatsError):
                await self._subscription.unsubscribe()
            if self._exists:  # else it may be somebody else's
                return await self._jetstream.link.send(self._jetstream.subject(self._address.subject("DELETE")), b"")
        return not self._exists

    async def _ask(self) -> None:
        """Keep two requests in flight; the second covers the time that asking takes."""
        request = {
            "batch": _BATCH,
            "max_bytes": max(_BATCH_BYTES, self._client.max_payload + _OVERHEAD),
            "expires": int(_EXPIRES * _NS),
            "idle_heartbeat": int(self._heartbeat * _NS),
        }
        subject = self._jetstream.subject(self._address.subject("MSG.NEXT"))
        while self._asked <= (_IN_FLIGHT - 1) * _BATCH:
            await self._client.publish(subject, json.dumps(request).encode(), reply=self._address.inbox)
            self._asked += _BATCH

    async def _listen(self) -> None:
        seconds = patience(self._heartbeat)
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            self._end = LogError("silent", f"nothing heard for {seconds:g} s")
        self._wake.clear()
        if self._jetstream.link.connection.client is not self._client:
            self._end = LogError("disconnected")

    def _sort(self, arrived: list[Arrived | DeliveryRun]) -> list[Message]:
        """Pick the messages among what arrived. Messages before a sign of the end count; `next` raises the next time.

        Only what the server delivers from a stream has a reply subject of `$JS.ACK` with this consumer's name; headers
        prove nothing, as anyone who may publish can store some that look like a status. All else is somebody else's, or
        sent here by a stranger, and left out.
        """
        messages: list[Message] = []
        for one in arrived:
            if isinstance(one, DeliveryRun):
                self._take(one, messages)
            elif one[1]:
                if (delivery := self._delivery(one[1])) is not None:
                    seq, consumer_seq, timestamp_ns, pending = delivery
                    message = Message(one[0], one[2], seq, timestamp_ns)
                    self._take(DeliveryRun([message], [consumer_seq], pending), messages)
            elif one[3]:
                self._end = self._status(one[3])
            if self._end is not None:
                break
        return messages

    def _take(self, run: DeliveryRun, messages: list[Message]) -> None:
        """Take the messages of a run that follow on those that were received, up to the first that is missing."""
        expected, count = self._received + 1, len(run.messages)
        if run.consumer_seqs != list(range(expected, expected + count)):
            count = next(at for at, seq in enumerate(run.consumer_seqs) if seq != expected + at)
            self._end = LogError("hole", f"delivery {expected + count} is missing")
        else:
            self.pending = run.pending
        self._received += count
        self._asked -= count
        messages += run.messages[:count]

    def _delivery(self, reply: bytes) -> tuple[int, ...] | None:
        """Return the facts in a reply subject, as `Delivery` has them; None when it is not one of this consumer."""
        beginning = self._address.beginning
        try:
            if reply.startswith(beginning) and len(tokens := reply[len(beginning) :].split(b".")) == 4:
                return tuple(map(int, tokens))
            text = reply.decode(errors="replace")
            return parse_delivery(text) if self._address.mark in text else None
        except ValueError:
            return None

    def _status(self, headers: dict[str, str]) -> LogError | None:
        status, text = headers.get("Status"), headers.get("Description", "")
        if status is None:
            return None
        if status == "100":  # idle heartbeat
            if _number(headers, "Nats-Last-Consumer", self._received) > self._received:
                return LogError("hole", "the last deliveries are missing")
            return None
        if status in _ROUTINE_STATUSES or text in _ROUTINE_409:
            self._asked -= _number(headers, "Nats-Pending-Messages", 0)
            return None
        return LogError("consumer", f"the server ended the consumer: {status} {text.strip()}")


def _number(headers: Mapping[str, str], name: str, default: int) -> int:
    """Return the number in a header; what is none is as good as none at all."""
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else default


def parse_delivery(reply: str) -> Delivery:
    """Read the reply subject of a delivered message.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<timestamp>.<pending>`: 9 tokens; with a domain and
    an account's hash before the stream 11, and a random token behind makes 12.

    Raises:
        ValueError: It is not one.
    """
    tokens = reply.split(".")
    match len(tokens):
        case 9:
            _, _, _, _, _, seq, consumer_seq, timestamp, pending = tokens
        case 11 | 12:
            seq, consumer_seq, timestamp, pending = tokens[7:11]
        case _:
            raise ValueError(f"not the reply subject of a delivery: {reply!r}")
    return Delivery(int(seq), int(consumer_seq), int(timestamp), int(pending))
