"""Remember the last readings of totals that live outside of the process, as bytes for a state file. Pure.

Before a frame is sent the first time, the readings that it stands on are remembered. A writer that is killed at any
moment then goes on from there: nothing that a frame told is counted again, and at most the one frame is lost that was
on its way. SPEC.md knows nothing of this: on the wire they are counters like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

from utilityfog_frontend.telemetry.foreign.readings import FamilyReadings, LastReadings, Mark, Reading
from utilityfog_frontend.telemetry.kinds import as_plain, from_plain
from utilityfog_frontend.telemetry.model import Labels

FORMAT: Final = "fog outside totals"
VERSION: Final = 1
MAX_SERIES: Final = 100_000
"""LastReadings that are remembered. A series beyond has a new baseline in the next life of the program."""
MAX_VANISHED: Final = 1_000
"""LastReadings of series that the last keyframe did not have; the oldest are forgotten first."""

_PLAIN: Final = (int, float)

FamilyKey = tuple[str, tuple[float, ...]]


class TotalsError(Exception):
    """The bytes are not what was written; the text says why."""


@dataclass(slots=True)
class _Entry:
    """One series: its labels and all of it as text, and the keyframe with or before which it was told last."""

    order: int
    keyframe: int
    labels: bytes
    line: bytes


@dataclass(slots=True)
class _Family:
    read_at: float
    entries: dict[Labels, _Entry] = field(default_factory=dict)


class OutsideTotals:
    """The readings that were told. Not thread-safe.

    Attributes:
        refused: series that were beyond the limit.
    """

    def __init__(self) -> None:
        self.refused = 0
        self._families: dict[FamilyKey, _Family] = {}
        self._keyframes = 0
        self._count = 0

    def take(self, marks: Iterable[Mark], *, completes: bool) -> None:
        """Remember the readings that a frame stands on; forget old ones when it completes a keyframe."""
        for mark in marks:
            key = (mark.family.name, mark.family.bounds)
            family = self._families.setdefault(key, _Family(mark.read_at))
            entry = family.entries.get(mark.labels)
            if entry is None and self._count >= MAX_SERIES:
                self.refused += 1
            elif entry is None or mark.order >= entry.order:
                self._count += entry is None
                family.read_at = max(family.read_at, mark.read_at)
                labels = (entry and entry.labels) or _text(mark.labels)
                line = _line(labels, mark.reading)
                family.entries[mark.labels] = _Entry(mark.order, self._keyframes, labels, line)
        if completes:
            self._forget_vanished()
            self._keyframes += 1

    def forget(self, series: Iterable[tuple[FamilyKey, Labels]]) -> None:
        """Forget some readings."""
        for key, labels in series:
            self._count -= self._families[key].entries.pop(labels, None) is not None

    def chunks(self) -> Iterator[bytes]:
        """Return all of it as bytes: a line that vouches for the others, then families and their series."""
        lines = []
        for (name, bounds), family in self._families.items():
            lines.append(_dump([name, bounds, family.read_at, len(family.entries)]))
            lines += [entry.line for entry in family.entries.values()]
        body = b"".join(lines)
        yield _dump({"format": FORMAT, "version": VERSION, "crc32": crc32(body)})
        yield body

    @classmethod
    def decode(cls, data: bytes) -> tuple[OutsideTotals, LastReadings]:
        """Read what `chunks` gave; also as readings, to go on from.

        Raises:
            TotalsError: it is damaged, or of another version.
        """
        head, _, body = data.partition(b"\n")
        try:
            about = json.loads(head)
            if about["format"] != FORMAT or about["version"] != VERSION:
                raise TotalsError(f"it says that it is {about['format']!r} version {about['version']!r}")
            if about["crc32"] != crc32(body):
                raise TotalsError("its checksum is wrong")
            return cls._decoded(body)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise TotalsError(f"it cannot be read: {error}") from error

    @classmethod
    def _decoded(cls, body: bytes) -> tuple[OutsideTotals, LastReadings]:
        totals, readings = cls(), {}
        lines = iter(body.splitlines(keepends=True))
        for line in lines:
            name, bounds, read_at, count = json.loads(line)
            key = (str(name), tuple(float(bound) for bound in bounds))
            family = totals._families[key] = _Family(float(read_at))
            series: dict[Labels, Reading] = {}
            for _ in range(count):
                raw = next(lines, b"")
                labels, value, created, incarnation = json.loads(raw)
                known: Labels = tuple((str(label), str(text)) for label, text in labels)
                series[known] = Reading(from_plain(value), created, str(incarnation))
                family.entries[known] = _Entry(0, -1, b"", raw)
            totals._count += count
            readings[key] = FamilyReadings(family.read_at, series)
        return totals, readings

    def _forget_vanished(self) -> None:
        """Forget the oldest of the series that were told before this keyframe, and not since."""
        vanished = [
            (entry.keyframe, key, labels)
            for key, family in self._families.items()
            for labels, entry in family.entries.items()
            if entry.keyframe < self._keyframes
        ]
        vanished.sort(key=lambda one: one[0], reverse=True)
        self.forget((key, labels) for _, key, labels in vanished[MAX_VANISHED:])


def _line(labels: bytes, reading: Reading) -> bytes:
    value, created, incarnation = as_plain(reading.value), reading.created, reading.incarnation
    plain = repr(value).encode() if type(value) in _PLAIN else _text(value)  # json takes 3 us for a number
    return b"[%b,%b,%b,%b]\n" % (
        labels,
        plain,
        b"null" if created is None else _text(created),
        _incarnation(incarnation),
    )


@lru_cache(maxsize=16)
def _incarnation(incarnation: str) -> bytes:
    return _text(incarnation)


def _text(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _dump(content: Any) -> bytes:
    return _text(content) + b"\n"
