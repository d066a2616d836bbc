"""Follow the streams that hold a scope's subjects: which there are, and how far each was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_bus.filters import overlap
from fog_bus.ports import Position


class Change(NamedTuple):
    """A change of the streams that are read.

    Args:
        appeared: Streams that nobody here has read yet, though others were read.
        gone: Streams that were read, and are not any more.
    """

    appeared: list[str]
    gone: list[str]


class Streams:
    """The streams of one engine.

    Args:
        scope: The subjects that are read, and the names of streams while no others are found.

    Attributes:
        cursors: How far each stream was read, by the stream's name.
        counted: The cursors of metrics and of rollups.
    """

    def __init__(self, scope: Scope) -> None:
        self.cursors: dict[str, StreamCursor] = {}
        self.counted: dict[str, StreamCursor] = {}
        self._scope = scope
        self._kinds: dict[str, str] = {}
        self._saved: dict[str, Position] = {}
        self._selective = True
        self._have_looked = False
        self.begin({})

    def begin(self, positions: Mapping[str, Position]) -> None:
        """Begin anew, from a checkpoint's positions, with the streams that the scope names until others are found."""
        self._saved, self._have_looked = dict(positions), False
        self.cursors.clear()
        self._set(self._scope.names)

    def follow(self, found: Mapping[str, str], *, selective: bool = True) -> Change:
        """Follow other streams: these, by name with their kinds, each from where it was read to.

        A stream that is not among them is read to its end before it goes. A kind that is not among them is awaited
        under the name that the scope has; where rollups are, those of nodes are not, as no node need stand outside of
        branches.

        Args:
            found: The streams.
            selective: Whether streams may be asked for some subjects alone, where the scope is of few. Once for all:
                told otherwise, all cursors are made anew, where they are.
        """
        unread = {name: self._kinds[name] for name, cursor in self.cursors.items() if cursor.has_unread}
        kinds = unread | dict(found)
        for name, kind in self._scope.names.items():
            needed = kind not in (METRICS, EVENTS) or ROLLUPS not in found.values()
            if kind not in found.values() and needed:
                kinds[name] = kind
        before = self.positions
        known = before.keys() | (self.cursors.keys() if self._have_looked else ())
        appeared = [name for name in found if name not in known] if before else []
        gone = [name for name in before if name not in kinds]
        if selective is not self._selective:
            self._selective, self._saved = selective, before
            self.cursors.clear()
        self._set(kinds)
        self._saved, self._have_looked = {}, True
        return Change(appeared, gone)

    def kind(self, stream: str) -> str:
        """Return the kind of a stream."""
        return self._kinds[stream]

    def of_kind(self, kind: str) -> dict[str, StreamCursor]:
        """Return the streams of a kind."""
        return {stream: cursor for stream, cursor in self.cursors.items() if self._kinds[stream] == kind}

    @property
    def of_nodes(self) -> list[str]:
        """The streams of what nodes send."""
        return [stream for stream, kind in self._kinds.items() if kind in (METRICS, EVENTS)]

    def holding(self, filters: Sequence[str]) -> list[str]:
        """Return the streams of metrics that may hold messages of any of these filters, as far as is known of them."""
        cursors = self.of_kind(METRICS).items()
        known = {stream: cursor.info.subjects for stream, cursor in cursors if cursor.info is not None}
        return [
            stream
            for stream, taken in known.items()
            if any(overlap(one, wanted) for one in taken for wanted in filters)
        ]

    @property
    def of_counts(self) -> dict[str, StreamCursor]:
        """The streams on which counts stand: all but those of commands, for which nothing waits (R12.48)."""
        return {stream: cursor for stream, cursor in self.cursors.items() if self._kinds[stream] != CONTROL}

    @property
    def caught_up(self) -> bool:
        """Whether all that the streams held when their readers began has been handled."""
        return all(cursor.caught_up for cursor in self.of_counts.values())

    @property
    def reference(self) -> str:
        """The stream by whose server's clock all is dated: the first of metrics, or of rollups without these."""
        return min(self.counted, key=lambda stream: (self._kinds[stream] != METRICS, stream))

    @property
    def positions(self) -> dict[str, Position]:
        """How far each stream was read, those too that are not found yet."""
        read = {stream: cursor.position for stream, cursor in self.cursors.items()}
        return self._saved | {stream: position for stream, position in read.items() if position is not None}

    @property
    def read_until(self) -> float:
        """The server's time until which all that counts was read, unix seconds."""
        return min(cursor.read_until for cursor in self.counted.values())

    def _set(self, kinds: Mapping[str, str]) -> None:
        """Have a cursor for each of these streams, and for no other."""
        self._kinds = dict(kinds)
        for name in [name for name in self.cursors if name not in kinds]:
            del self.cursors[name]
        for name, kind in kinds.items():
            if name not in self.cursors:
                selective = self._selective and self._scope.is_selective(kind)
                filters = self._scope.filters(kind, selective=selective)
                self.cursors[name] = StreamCursor(name, filters, self._saved.get(name), selective=selective)
        self.counted.clear()
        self.counted |= {name: one for name, one in self.cursors.items() if kinds[name] not in (EVENTS, CONTROL)}
