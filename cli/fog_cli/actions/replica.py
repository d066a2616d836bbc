"""Follow one node's counts frame by frame: the other side of an audit. Pure.

It is no second aggregator: it knows one epoch at a time, from a whole keyframe on, and forgets it at the first gap.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from fog_schema.definitions import definitions_of
from fog_schema.frames import DELTA, EVENTS, LAST_PART, Definition, Frame, Numbers

KEPT_FRAMES: Final = 64
"""Frames whose values are kept: an aggregator that is asked in between stands at one of them."""

Labels: TypeAlias = tuple[tuple[str, str], ...]


class Total(NamedTuple):
    """A histogram: observations by bucket, and their sum."""

    counts: tuple[int, ...]
    sum: float


Value: TypeAlias = int | float | Total


class Name(NamedTuple):
    """The series that an id of an epoch stands for."""

    family: str
    labels: Labels


@dataclass(slots=True)
class Replica:
    """One epoch of a node: the values of its counters and histograms, by id, after each of its latest frames.

    Attributes:
        names: what each id stands for; gauges are not in it.
        after: the values after a frame, by its seq; empty until a keyframe was whole.
    """

    names: dict[int, Name] = field(default_factory=dict)
    after: OrderedDict[int, Mapping[int, Value]] = field(default_factory=OrderedDict)
    _values: dict[int, Value] = field(default_factory=dict)
    _last: int = 0
    _is_complete: bool = False

    def apply(self, frame: Frame) -> None:
        """Take the next frame of the epoch. After a gap nothing is known until the next whole keyframe."""
        if frame.kind == EVENTS or frame.seq <= self._last:
            return
        is_next = frame.seq == self._last + 1
        self._last = frame.seq
        self._define(definitions_of(frame))
        if frame.kind == DELTA:
            self._is_complete = self._is_complete and is_next
        elif frame.part == 0 or not is_next:
            self._is_complete = False
            self._values = {} if frame.part == 0 else self._values
        self._values |= dict(self._read(frame))
        if frame.kind != DELTA and frame.flags & LAST_PART:
            self._is_complete = frame.part == 0 or is_next
        if self._is_complete:
            self.after[frame.seq] = dict(self._values)
            if len(self.after) > KEPT_FRAMES:
                self.after.popitem(last=False)

    def _define(self, definitions: list[Definition]) -> None:
        for definition in definitions:
            if definition.incremental:
                self.names |= {number: Name(definition.name, labels) for number, labels in definition.series()}

    def _read(self, frame: Frame) -> Iterator[tuple[int, Value]]:
        added = frame.kind == DELTA
        for number, value in _pairs(frame.counters):
            before = self._values.get(number, 0) if added else 0
            yield number, value + before if isinstance(before, int) else value
        yield from _pairs(frame.fractions)
        for group in frame.histograms:
            counts = [int(count) for count in group.counts.tolist()]
            for row, (number, total) in enumerate(zip(group.ids.tolist(), group.sums.tolist(), strict=True)):
                mine = tuple(counts[row * group.width : (row + 1) * group.width])
                known = self._values.get(number)
                if added and isinstance(known, Total):
                    mine = tuple(new + old for new, old in zip(mine, known.counts, strict=True))
                yield number, Total(mine, total)


def _pairs(numbers: Numbers | None) -> list[tuple[int, int | float]]:
    return [] if numbers is None else list(zip(numbers.ids.tolist(), numbers.values.tolist(), strict=True))
