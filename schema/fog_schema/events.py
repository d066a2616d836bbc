"""Events on the wire: each packed on its own, so that what a program put into one cannot swell a frame.

The bytes are the msgpack array ``[name, value, labels, metadata, timestamp]``. Values are plain: what JSON has, and
NaN and infinities, to a depth of `MAX_EVENT_DEPTH`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgpack

from fog_schema.errors import FrameError
from fog_schema.frames import Event
from fog_schema.limits import (
    MAX_EVENT_BYTES,
    MAX_EVENT_DEPTH,
    MAX_ITEMS,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_TIMESTAMP,
)

_SCALARS = frozenset({type(None), bool, int, float, str})


def pack_event(event: Event) -> bytes:
    """Return an event's bytes; characters that UTF-8 does not have (lone surrogates) become question marks.

    Raises:
        FrameError: reason ``limit``, when they are more than any reader would look at.
    """
    entry = (event.name, event.value, event.labels, event.metadata, event.timestamp)
    packed: bytes = msgpack.packb(entry, unicode_errors="replace")
    if len(packed) > MAX_EVENT_BYTES:
        raise FrameError("limit", f"an event of {len(packed)} bytes, at most {MAX_EVENT_BYTES} are read")
    return packed


def unpack_event(packed: object) -> Event:
    """Open and check one event.

    Raises:
        FrameError: reason ``event`` or ``limit``.
    """
    if type(packed) is not bytes:
        raise FrameError("event", "an event is not packed bytes")
    if len(packed) > MAX_EVENT_BYTES:
        raise FrameError("limit", f"an event of {len(packed)} bytes, at most {MAX_EVENT_BYTES} are read")
    try:
        entry: object = msgpack.unpackb(packed, max_array_len=MAX_ITEMS, max_map_len=MAX_ITEMS, max_ext_len=0)
    except Exception as error:  # msgpack raises ValueError, its subclasses, TypeError for keys, UnicodeDecodeError, …
        raise FrameError("event", f"not msgpack, or over its limits: {error}"[:200]) from error
    if type(entry) is list and len(entry) == 5:
        name, value, labels, metadata, timestamp = entry
        if (
            type(name) is str
            and 0 < len(name) <= MAX_NAME_LENGTH
            and _are_labels(labels)
            and type(metadata) is dict
            and is_plain(metadata, MAX_EVENT_DEPTH + 1)
            and is_plain(value, MAX_EVENT_DEPTH)
            and type(timestamp) is float
            and 0 <= timestamp <= MAX_TIMESTAMP
        ):
            return Event(name, value, labels, metadata, timestamp)
    raise FrameError("event", "an event is name, plain value, labels (strings), metadata (named) and unix seconds")


class PackedEvents:
    """The events of a frame that was read: checked one by one, and left packed.

    They are equal to any list of equal events.

    Attributes:
        packed: the bytes of each.
        names: the name of each.

    Raises:
        FrameError: reason ``event`` or ``limit``.
    """

    __slots__ = ("names", "packed")

    def __init__(self, packed: tuple[bytes, ...]) -> None:
        self.names = [unpack_event(one).name for one in packed]
        self.packed = packed

    def __len__(self) -> int:
        return len(self.packed)

    def __iter__(self) -> Iterator[Event]:
        return map(unpack_event, self.packed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Iterable) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def is_plain(value: Any, depth: int) -> bool:
    """Whether `value` is made of scalars, lists and maps with strings for keys, nested at most `depth` deep."""
    if type(value) in _SCALARS:
        return True
    if depth and type(value) is list:
        return all(is_plain(entry, depth - 1) for entry in value)
    if depth and type(value) is dict:
        return all(type(key) is str and is_plain(entry, depth - 1) for key, entry in value.items())
    return False


def _are_labels(labels: object) -> bool:
    return (
        type(labels) is dict
        and len(labels) <= MAX_LABELS
        and all(type(part) is str for pair in labels.items() for part in pair)
    )
