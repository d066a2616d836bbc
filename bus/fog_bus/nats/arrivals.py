"""Where a subscription's messages arrive, past nats-py's queue and its task. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from fog_bus.ports import Message

_NUMBER: Final = rb"(\d{1,19})"
_NUMBERS: Final = rb"\.".join([_NUMBER] * 4)

Arrived: TypeAlias = tuple[str, bytes, bytes, dict[str, str] | None]
"""A message as it arrived: subject, reply, data, and headers if it has any."""


class DeliveryRun(NamedTuple):
    """Deliveries that came one after the other."""

    messages: list[Message]
    consumer_seqs: list[int]
    """Their numbers in the consumer."""
    pending: int
    """How many more of the consumer's messages the stream had at the last one."""


class Deliveries:
    """Read the deliveries of one consumer, many at once.

    A server that has much to deliver sends one message after the other, which differ in a few numbers. One expression
    finds these, and they are read together. All that looks otherwise is left to the parser.

    Args:
        sid: The number of its subscription, in the connection.
        beginning: The beginning of the deliveries' reply subjects.
    """

    def __init__(self, sid: bytes, beginning: bytes) -> None:
        head = rb"MSG ([^ \r\n]+) %b %b%b (\d{1,10})\r\n"
        self._match = re.compile(head % (re.escape(sid), re.escape(beginning), _NUMBERS)).match

    def read(self, buffer: bytes, at: int) -> tuple[int, DeliveryRun | None]:
        """Read the deliveries at a place up to the first that is not complete, or that looks otherwise.

        Returns:
            Where the next bytes are, and the deliveries; None for none.
        """
        match, datas, facts, end = self._match, [], [], len(buffer)
        while (found := match(buffer, at)) is not None:
            begin = found.end()
            after = begin + int(found[6])
            if after + 2 > end:
                break
            datas.append(buffer[begin:after])
            facts.append(found.groups())
            at = after + 2
        if not facts:
            return at, None
        subjects, seqs, consumer_seqs, stamps, pending, _ = zip(*facts, strict=True)
        texts = b" ".join(subjects).decode(errors="replace").split(" ")
        messages = map(Message._make, zip(texts, datas, map(int, seqs), map(int, stamps), strict=True))
        return at, DeliveryRun(list(messages), list(map(int, consumer_seqs)), int(pending[-1]))


class Arrivals:
    """The messages of a subscription that have arrived, past nats-py's queue and its task.

    Args:
        beginning: The beginning of the reply subjects of a consumer's deliveries; empty for what is no consumer's.
        wake: Called when some have.

    Attributes:
        messages: All that have arrived, in order; whoever reads them takes them out.
        deliveries: Reads many at once; None while the subscription's number is not known.
    """

    def __init__(self, beginning: bytes, wake: Callable[[], None]) -> None:
        self.messages: list[Arrived | DeliveryRun] = []
        self.deliveries: Deliveries | None = None
        self._beginning = beginning
        self._wake = wake

    def begin(self, sid: bytes) -> None:
        """Take note of the subscription's number in its connection."""
        self.deliveries = Deliveries(sid, self._beginning) if self._beginning else None

    def put(self, message: Arrived | DeliveryRun) -> None:
        """Take a message, or a run of them, and wake whoever reads them."""
        self.messages.append(message)
        self._wake()
