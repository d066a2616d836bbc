"""The reader's rules (SPEC.md, "The reader") for one epoch, slow and obvious: what a writer's frames must add up to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from fog_schema.codec import decode, decode_definitions
from fog_schema.frames import FINAL, GAUGE, KEYFRAME, LAST_PART, Frame, Numbers

Labels = tuple[tuple[str, str], ...]
Count = int | float | tuple[tuple[int, ...], float]
"""A counter's or gauge's value, or a histogram's buckets and sum."""


@dataclass
class Reader:
    """The numbers that were read of one epoch."""

    seq: int = 0
    gapped: bool = True
    final: bool = False
    names: dict[int, tuple[str, Labels]] = field(default_factory=dict)
    types: dict[int, int] = field(default_factory=dict)
    values: dict[int, Count] = field(default_factory=dict)
    marked: set[int] = field(default_factory=set)
    folded: list[tuple[str, Labels, Count]] = field(default_factory=list)
    unknown: int = 0
    _run: set[int] | None = None
    _part: int = 0

    def read(self, *data: bytes) -> None:
        """Apply frames as they come from the stream."""
        for one in data:
            self._apply(decode(one))

    def totals(self) -> dict[tuple[str, Labels], Count]:
        """Return the epoch's count for each series, whatever ids it had."""
        totals: dict[tuple[str, Labels], Count] = defaultdict(int)
        entries = [(*self.names[number], value) for number, value in self.values.items()]
        for name, labels, value in entries + self.folded:
            totals[name, labels] = _sum(totals[name, labels], value)
        return dict(totals)

    def total(self, name: str, **labels: str) -> Count:
        """One series' total."""
        return self.totals().get((name, tuple(sorted(labels.items()))), 0)

    def _apply(self, frame: Frame) -> None:
        if frame.seq <= self.seq:
            return
        whole = frame.kind == KEYFRAME
        if frame.seq != self.seq + 1:
            self.gapped, self._run = True, None
        self.seq = frame.seq
        for definition in decode_definitions(frame.definitions):
            for number, labels in definition.series():
                self.names.setdefault(number, (definition.name, labels))
                self.types.setdefault(number, definition.type)
        self._numbers(frame.counters, whole=whole, adds=True)
        self._numbers(frame.fractions, whole=whole, adds=False)
        self._numbers(frame.gauges, whole=whole, adds=False)
        for group in frame.histograms:
            counts, sums = group.counts.tolist(), group.sums.tolist()
            for row, number in enumerate(group.ids.tolist()):
                buckets = tuple(int(count) for count in counts[row * group.width : (row + 1) * group.width])
                known = self.values.get(number)
                if not whole and isinstance(known, tuple):
                    buckets = tuple(then + new for then, new in zip(known[0], buckets, strict=True))
                self._set(number, (buckets, sums[row]))
        self._removed(frame, whole=whole)
        if whole:
            self._keyframe(frame)

    def _numbers(self, section: Numbers | None, *, whole: bool, adds: bool) -> None:
        if section is None:
            return
        for number, value in zip(section.ids.tolist(), section.values.tolist(), strict=True):
            known = self.values.get(number, 0)
            assert not isinstance(known, tuple)
            self._set(number, value + known if adds and not whole else value)

    def _set(self, number: int, value: Count) -> None:
        if number in self.names:
            self.values[number] = value
        else:
            self.unknown += 1

    def _removed(self, frame: Frame, *, whole: bool) -> None:
        removed = set(frame.removed.tolist()) if frame.removed else set()
        self.marked = removed if whole else self.marked | removed
        for number in removed:
            if self.types.get(number) == GAUGE:
                self.values.pop(number, None)

    def _keyframe(self, frame: Frame) -> None:
        if frame.part == 0:
            self._run, self._part = set(), 0
        if self._run is None or frame.part != self._part:
            self._run = None
            return
        self._part += 1
        for definition in decode_definitions(frame.definitions):
            self._run |= set(definition.ids.tolist())
        if frame.flags & LAST_PART:
            for number in set(self.values) - self._run:
                value = self.values.pop(number)
                if self.types[number] != GAUGE:
                    self.folded.append((*self.names[number], value))
            self._run, self.gapped = None, False
            self.final = bool(frame.flags & FINAL)


def _sum(one: Count, other: Count) -> Count:
    if isinstance(other, tuple):
        if not isinstance(one, tuple):
            return other
        return tuple(a + b for a, b in zip(one[0], other[0], strict=True)), one[1] + other[1]
    assert not isinstance(one, tuple)
    return one + other
