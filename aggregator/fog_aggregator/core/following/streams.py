"""Follow the streams that hold a scope's subjects: which there are, and how far each was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_aggregator.core.saved import DamagedError, Saved, as_text
from fog_bus.filters import overlap
from fog_bus.ports import Position

GONE_SECONDS: Final = 60.0
"""So long a stream is waited for that holds no subject of ours any more, has unread messages, and does not answer."""
_KINDS: Final = frozenset({METRICS, EVENTS, ROLLUPS, CONTROL})


class Change(NamedTuple):
    """A change of the streams that are read.

    Args:
        appeared: Streams that nobody here has read yet, though others were read.
        gone: Streams that were read, and are not any more.
        unread: The ones that went without an answer, and may hold unread messages.
    """

    appeared: list[str]
    gone: list[str]
    unread: list[str]


class Streams:
    """The streams of one engine. As a part of the checkpoint it saves the kind of each.

    Args:
        scope: The subjects that are read, and the names of streams while no others are found.

    Attributes:
        cursors: How far each stream was read, by the stream's name.
        counted: The cursors of metrics and of rollups.
        of_counts: The cursors of all streams but those of commands, for which nothing waits (R12.48).
        reference: The stream by whose server's clock all is dated: the first of metrics, or of rollups without these.
    """

    def __init__(self, scope: Scope) -> None:
        self.cursors: dict[str, StreamCursor] = {}
        self.counted: dict[str, StreamCursor] = {}
        self.of_counts: dict[str, StreamCursor] = {}
        self.reference = ""
        self._scope = scope
        self._kinds: dict[str, str] = {}
        self._saved: dict[str, Position] = {}
        self._saved_kinds: dict[str, str] = {}
        self._missed_since: dict[str, float] = {}
        self._selective = True
        self._have_looked = False
        self.begin({})

    def begin(self, positions: Mapping[str, Position]) -> None:
        """Begin anew, from a checkpoint's positions, with the streams that the scope names until others are found."""
        self._saved, self._have_looked = dict(positions), False
        self._missed_since.clear()
        self.cursors.clear()
        self._set(self._scope.names)

    def follow(self, found: Mapping[str, str], now: float, *, selective: bool = True) -> Change:
        """Follow other streams: these, by name with their kinds, each from where it was read to.

        A stream that is not among them is read to its end before it goes: also one of a checkpoint, which may have
        lost our subjects to another stream while nobody read it. A kind that is not among them is awaited under the
        name that the scope has; where rollups are, those of nodes are not, as no node need stand outside of branches.

        Args:
            found: The streams.
            now: Monotonic seconds.
            selective: Whether streams may be asked for some subjects alone, where the scope is of few. Once for all:
                told otherwise, all cursors are made anew, where they are.
        """
        unread = self._unread(found)
        given_up = [name for name in unread if self._is_out_of_reach(name, now)]
        kinds = {name: kind for name, kind in unread.items() if name not in given_up} | dict(found)
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
        self._saved, self._saved_kinds, self._have_looked = {}, {}, True
        return Change(appeared, gone, [name for name in given_up if name in gone])

    def _unread(self, found: Mapping[str, str]) -> dict[str, str]:
        """Return the streams beside those found that may hold unread messages, with their kinds.

        Of a stream of a checkpoint that was not looked at yet nobody knows that it holds none.
        """
        waiting = {name: self._saved_kinds[name] for name in self._saved if name in self._saved_kinds}
        waiting |= {name: self._kinds[name] for name, cursor in self.cursors.items() if cursor.has_unread}
        read = (name for name, cursor in self.cursors.items() if not cursor.has_unread)
        done = {*found, *read}
        unread = {name: kind for name, kind in waiting.items() if name not in done and self._scope.filters(kind)}
        self._missed_since = {name: since for name, since in self._missed_since.items() if name in unread}
        return unread

    def _is_out_of_reach(self, name: str, now: float) -> bool:
        """Tell whether a stream with unread messages was waited for long enough: it may be another's by now."""
        since = self._missed_since.setdefault(name, now)
        cursor = self.cursors.get(name)
        spoke_at = since if cursor is None else max(since, cursor.spoke_at)
        return now - spoke_at >= GONE_SECONDS

    def image(self) -> Saved:
        """Return the kind of each stream that was read."""
        kinds = self._saved_kinds | self._kinds
        return Saved({"kinds": [(name, kinds[name]) for name in self.positions if name in kinds]})

    def restore(self, saved: Saved) -> None:
        """Take over the kinds of the streams whose positions `begin` is given next.

        Raises:
            DamagedError: One is no kind.
        """
        kinds = dict(saved.records("kinds", as_text, as_text))
        if not _KINDS.issuperset(kinds.values()):
            raise DamagedError(f"{kinds} are no kinds of streams")
        self._saved_kinds = kinds

    def kind(self, stream: str) -> str:
        """Return the kind of a stream."""
        return self._kinds[stream]

    def of_kind(self, kind: str) -> dict[str, StreamCursor]:
        """Return the streams of a kind."""
        return {stream: cursor for stream, cursor in self.cursors.items() if self._kinds[stream] == kind}

    @property
    def of_nodes(self) -> list[str]:
        """The streams of what nodes send; none before they were looked for: the scope's names may be others'."""
        if not self._have_looked:
            return []
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
    def caught_up(self) -> bool:
        """Whether all that the streams held when their readers began has been handled."""
        return all(cursor.caught_up for cursor in self.of_counts.values())

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
        self.of_counts = {name: one for name, one in self.cursors.items() if kinds[name] != CONTROL}
        self.reference = min(self.counted, key=lambda name: (kinds[name] != METRICS, name))
