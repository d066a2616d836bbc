"""Read the deliveries of one consumer from the bytes of its connection, many at once.

A server that has much to deliver sends one message after the other, which differ in a few numbers. What differs is
found by one expression, and its numbers are read together. All that looks otherwise is left to the connection's parser.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from fog_bus.ports import Message

_NUMBER: Final = rb"(\d{1,19})"
_NUMBERS: Final = rb"\.".join([_NUMBER] * 4)


class Run(NamedTuple):
    """Deliveries that came one after the other."""

    messages: list[Message]
    consumer_seqs: list[int]
    """Their numbers in the consumer."""
    pending: int
    """How many more of the consumer's messages the stream had at the last one."""


class Deliveries:
    """Know how the deliveries of one consumer look.

    Args:
        sid: The number of its subscription, in the connection.
        beginning: The beginning of the deliveries' reply subjects.
    """

    def __init__(self, sid: bytes, beginning: bytes) -> None:
        head = rb"MSG ([^ \r\n]+) %b %b%b (\d{1,10})\r\n"
        self._match = re.compile(head % (re.escape(sid), re.escape(beginning), _NUMBERS)).match

    def read(self, buffer: bytes, at: int) -> tuple[int, Run | None]:
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
        return at, Run(list(messages), list(map(int, consumer_seqs)), int(pending[-1]))
