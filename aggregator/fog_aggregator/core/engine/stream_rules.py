"""Judge a stream from what was read of it and what the server tells of it now.

A stream is trusted with nothing: it may have lost its end, gone back in time and grown again past our position, or be
another of the same name. Reading anything twice does no harm, so every doubtful case is read from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from fog_bus.ports import Discontinuity, Message, Position, StreamInfo

RATE_SECONDS: Final = 60.0
"""Messages of so many seconds tell a stream's rate. It begins with keyframes of everybody, which come once."""
NEARLY_FULL: Final = 0.9
"""A stream that is full to such a part shows how long it lasts, however young its messages are."""


class HorizonError(ValueError):
    """The horizon is shorter than twice what a stream keeps; the text says what to do."""


class Start(NamedTuple):
    """Where to read from.

    Args:
        seq: The first sequence.
        known: Whether the message at `seq` was handled before: then it must bear the timestamp that is remembered.
        because: The fault of the stream, if it has one.
    """

    seq: int
    known: bool = False
    because: Discontinuity | None = None


def where_to_start(position: Position | None, info: StreamInfo) -> Start:
    """Decide where to start from what was read and what the stream is now."""
    beginning = max(1, info.first_seq)
    if position is None:
        return Start(beginning)
    if info.created != position.created:  # also when nothing was read of the one before: it may have held something
        return Start(beginning, because=Discontinuity.REPLACED)
    if position.seq == 0:
        return Start(beginning)
    if info.last_seq < position.seq:
        return Start(beginning, because=Discontinuity.ROLLED_BACK)
    if info.first_seq > position.seq:
        lost = info.first_seq > position.seq + 1
        return Start(info.first_seq, because=Discontinuity.TRIMMED if lost else None)
    return Start(position.seq, known=True)


def has_reached(goal: int, seq: int, info: StreamInfo) -> bool:
    """Tell whether a reader at `seq` has handled all that a stream held up to `goal`, the last sequence it once told.

    Both are the word of the stream's leader. The number of messages that a consumer calls pending is one replica's
    view, which may lag behind, and proves nothing. Messages at the end that are gone by now are not waited for.
    """
    return seq >= min(goal, info.tail)


def is_known(message: Message, position: Position | None) -> bool:
    """Tell whether this is the message that was handled last, and not another one with its sequence."""
    return position is not None and (message.seq, message.timestamp_ns) == (position.seq, position.timestamp_ns)


def picker(filters: Sequence[str]) -> Callable[[Sequence[Message]], list[Message]]:
    """Return a function that picks the messages whose subjects pass any of the filters.

    Args:
        filters: Each a subject, or all below one: `a.b.>`. Without any, every message passes.

    Raises:
        ValueError: A filter has other wildcards.
    """
    if any("*" in name or ">" in name.removesuffix(".>") for name in filters):
        raise ValueError(f"filters may be subjects, or end in '.>': {', '.join(filters)}")
    exact = frozenset(filters)
    below = tuple(name.removesuffix(">") for name in filters if name.endswith(".>")) if filters else ("",)

    def pick(messages: Sequence[Message]) -> list[Message]:
        return [one for one in messages if one.subject.startswith(below) or one.subject in exact]

    return pick


def retention(info: StreamInfo) -> float | None:
    """Estimate the seconds that the stream keeps a message: by age, and by size at its rate.

    None without limits, and while the messages of a stream with a size are too few seconds old to tell its rate.
    """
    if info.max_bytes is None or info.bytes <= 0:
        return info.max_age
    span, full = max(0.0, info.now - info.first_timestamp), info.bytes / info.max_bytes
    age = float("inf") if info.max_age is None else info.max_age
    if span < min(RATE_SECONDS, age / 2) and full < NEARLY_FULL:
        return None
    return min(span / full, age)


def until_gap(position: Position | None, info: StreamInfo) -> float | None:
    """Estimate the seconds until the stream may remove what was not read, if reading stopped now.

    None if never, and while that is not known yet (`retention`). A reader at the stream's end has all the time that a
    message is kept.
    """
    retained = retention(info)
    if retained is None or info.messages == 0 or (position is not None and position.seq >= info.tail):
        return retained
    oldest_unread = (
        position.timestamp_ns / 1e9 if position is not None and position.timestamp_ns else info.first_timestamp
    )
    return max(0.0, retained - (info.now - oldest_unread))


def check_horizon(horizon: float, streams: Mapping[str, StreamInfo | None]) -> None:
    """Refuse a stream that remembers for longer than half the horizon: it could bring back what was given up.

    Raises:
        HorizonError: One does.
    """
    for stream, info in streams.items():
        max_age = info.max_age if info is not None else 0.0
        if max_age is None or 2 * max_age > horizon:
            age = "for ever" if max_age is None else f"for {max_age:g} s"
            raise HorizonError(
                f"the stream {stream} keeps messages {age}, and the horizon of {horizon:g} s "
                "must be at least twice that: set a longer --horizon, or a shorter max_age with `fog streams apply`"
            )
