"""Server-sent events, as far as /api/stream uses them. Pure."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MOST_CHARACTERS: Final = 8 * 1024 * 1024
"""Of one message: the stream's ring has no more bytes."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its event, its data, and the id after which a client goes on that comes back."""

    kind: str
    data: Any
    id: str = ""


class Messages:
    """Takes the bytes of a stream apart, as they come."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Return the messages that are complete with this piece.

        Raises:
            ValueError: This is no such stream: a message is too long, or its data is not JSON.
        """
        *blocks, self._rest = (self._rest + self._decoder.decode(piece)).split("\n\n")
        if len(self._rest) > MOST_CHARACTERS:
            raise ValueError("a message is longer than 8 MiB")
        for block in blocks:
            fields = dict.fromkeys(("id", "event", "data"), "")
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                if name in fields:
                    fields[name] = value.removeprefix(" ")
            if fields["data"]:
                yield Message(fields["event"] or "message", json.loads(fields["data"]), fields["id"])
