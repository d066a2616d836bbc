"""Know families and label sets, each once, by a small number.

Families are keyed by (name, type, unit); a series by its family, its bounds and its labels, so that histograms of
other bounds are other series until a rollup merges them on the union.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_aggregator.core.budget.budget import (
    UNLIMITED,
    Room,
    family_bytes,
    series_bytes,
    shape_bytes,
)
from fog_aggregator.core.budget.opened import Opened
from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.families.known import Family, FamilyKey, KnownFamilies
from fog_aggregator.core.families.words import Profile, Words, merged
from fog_aggregator.core.kinds import Kind, kind_of_family
from fog_aggregator.core.saved import (
    DamagedError,
    Saved,
    as_count,
    as_integer,
    as_labels,
    as_list,
    as_numbers,
)
from fog_aggregator.core.series import FORGOTTEN, Bounds, Labels, SeriesEntry
from fog_schema.definitions import decode_definitions
from fog_schema.frames import Definition

RESERVED: Final = "fog_"
ALLOWED: Final = "fog_agent_"
"""Of the names that begin with ``fog_`` a node may only send these."""
_BETWEEN: Final = b"\xc1"
"""A byte that is in no msgpack, between the definitions of both fields of a frame."""
_RESOLVED_BYTES: Final = 1000
_ID_BYTES: Final = 16
"""Bytes of opened definitions, and of each id that they define."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A frame's definitions in the catalog's numbers.

    Attributes:
        groups: kind as defined -> (ids ascending, series), both of shape (n,).
        refused: newcomers that were refused at the limit.
        profile: in which words the families are described.
        too_large: those of them for which there are no bytes left.
        reserved: series that were refused, as they are called as only our own metrics are.
    """

    groups: dict[Kind, tuple[Int64s, Int64s]]
    refused: int
    profile: Profile = ()
    too_large: int = 0
    reserved: int = 0

    @property
    def bytes(self) -> int:
        """Return what they take."""
        return _RESOLVED_BYTES + sum(_ID_BYTES * len(ids) for ids, _ in self.groups.values())


class Catalog:
    """Families and series by number. Numbers are dense.

    Args:
        cache_bytes: how many bytes opened definitions may take that are remembered.

    Attributes:
        known_families: the families, and the bounds that each has.
        series: series by number.
        free: numbers to be given out again.
        shape_of: the shape of each series; -1 for one that was let go of.
        version: another one whenever a number stands for another series.
    """

    def __init__(self, cache_bytes: int = 64 * 1024 * 1024) -> None:
        self.known_families = KnownFamilies()
        self.series: list[SeriesEntry] = []
        self.free: list[int] = []
        self.shape_of = array("i")
        self.version = 0
        self._series_bytes = 0
        self._numbers: dict[tuple[int, Labels], int] = {}
        """By shape and labels: the bounds of a histogram may be many, and are not looked at for each of its series."""
        self._opened: Opened[Resolved] = Opened(cache_bytes)
        self._full_at = Room(UNLIMITED, UNLIMITED, UNLIMITED)

    @property
    def families(self) -> list[Family]:
        """Return families by number; another list once some were let go of."""
        return self.known_families.by_number

    @property
    def shapes(self) -> list[tuple[int, Bounds]]:
        """Return every (family, bounds) that series have, by number; NO_SHAPE for a number that is free."""
        return self.known_families.shapes

    @property
    def byte_count(self) -> int:
        """Return how many bytes families and series take."""
        return self.known_families.bytes + self._series_bytes

    @property
    def known(self) -> int:
        """Count the label sets that are known."""
        return len(self._numbers)

    @property
    def entries(self) -> int:
        """Count the families and label sets that are known."""
        return len(self.known_families) + len(self._numbers)

    @property
    def taken(self) -> Room:
        """Return how much of each there is that newcomers may add."""
        return Room(self.entries, self.byte_count, len(self.known_families))

    def resolve(self, packed: tuple[bytes, bytes], room: Room) -> Resolved:
        """Open packed definitions; equal ones, as a fleet's nodes send them, are opened once.

        Args:
            packed: as a frame has them, in both fields.
            room: entries, bytes and families that they may add.

        Raises:
            FrameError: see `decode_definitions`.
        """
        key = packed[0] + _BETWEEN + packed[1] if packed[1] else packed[0]
        known = self._opened.get(key)
        if known is not None:
            return known
        self._full_at = Room(*(taken + more for taken, more in zip(self.taken, room, strict=True)))
        resolved = self._number([*decode_definitions(packed[0]), *decode_definitions(packed[1], later=True)])
        if not (resolved.refused or resolved.reserved):
            self._opened.add(key, resolved)
        return resolved

    def family_of(self, series: int) -> Family:
        """Return the family of a series."""
        return self.families[self.series[series].family]

    def with_other_bounds(self, chosen: Bools) -> Bools:
        """Add to some series, by number, those that differ from one of them in their bounds alone (R12.45)."""
        several, shapes_of = self.known_families.several, self.known_families.shapes_of
        if not several.any():
            return chosen
        shapes = np.array(self.shape_of, np.int32)
        widened = chosen.copy()
        for number in np.flatnonzero(~chosen & (shapes >= 0) & several[shapes]).tolist():
            entry = self.series[number]
            alike = ((shape, entry.labels) for shape in shapes_of[entry.family])
            widened[number] = any(chosen[other] for one in alike if (other := self._numbers.get(one)) is not None)
        return widened

    def _add(self, shape: int, entry: SeriesEntry) -> int:
        """Return the number of a series that was not known."""
        if self.free:
            number = self.free.pop()
            self.series[number] = entry
            self.shape_of[number] = shape
        else:
            number = len(self.series)
            self.series.append(entry)
            self.shape_of.append(shape)
        self._numbers[shape, entry.labels] = number
        self._series_bytes += series_bytes(entry.labels)
        self.version += 1
        return number

    def forget(self, numbers: Iterable[int]) -> None:
        """Let go of series that have no slots any more; their numbers are given out again."""
        for number in numbers:
            entry = self.series[number]
            del self._numbers[self.shape_of[number], entry.labels]
            self._series_bytes -= series_bytes(entry.labels)
            self.series[number] = FORGOTTEN
            self.shape_of[number] = -1
            self.free.append(number)
        self.version += 1
        self._opened.clear()

    def forget_families(self, retained: Collection[int]) -> list[int]:
        """Let go of bounds and families that nobody holds, see `KnownFamilies.forget`; return these families."""
        gone = self.known_families.forget(np.array(self.shape_of, np.int32), retained)
        if gone:
            self._opened.clear()
        return gone

    def image(self) -> Saved:
        """Return all families and series; those of one set of bounds share it."""
        bounds = {one: number for number, one in enumerate(dict.fromkeys(entry.bounds for entry in self.series))}
        return Saved(
            {
                "families": self.known_families.image(),
                "series": [(entry.family, entry.labels, bounds[entry.bounds]) for entry in self.series],
                "bounds": list(bounds),
                "free": self.free,
            }
        )

    def restore(self, saved: Saved) -> None:
        """Take over the families and series of a checkpoint."""
        self.known_families.restore(saved)
        self.series = _series(saved)
        self.free = [as_count(number) for number in saved.value("free", as_list)]
        for number in self.free:
            if number >= len(self.series):
                raise DamagedError(f"free has {number}, and there are {len(self.series)} series")
            self.series[number] = FORGOTTEN
        for entry in self.series:
            if entry is not FORGOTTEN:
                self._check(entry)
        shapes = [-1 if one is FORGOTTEN else self.known_families.shape(one.family, one.bounds) for one in self.series]
        self.shape_of = array("i", shapes)
        entries = enumerate(zip(shapes, self.series, strict=True))
        self._numbers = {(shape, entry.labels): number for number, (shape, entry) in entries if shape >= 0}
        if len(self._numbers) + len(set(self.free)) != len(self.series) or len(set(self.free)) != len(self.free):
            raise DamagedError("series has one label set twice, or free one number")
        self._series_bytes += sum(series_bytes(labels) for _, labels in self._numbers)
        self.version += 1

    def _check(self, entry: SeriesEntry) -> None:
        """Check that a series of a checkpoint is of a family, and has bounds as that family's type has them."""
        if not (0 <= entry.family < len(self.families) and self.families[entry.family].is_known):
            raise DamagedError(f"series has one of family {entry.family}, which is none of the {len(self.families)}")
        key = self.families[entry.family].key
        try:
            kind_of_family(key.type, entry.bounds)
        except ValueError as error:
            raise DamagedError(f"{key.name}: {error}") from None

    def _number(self, definitions: list[Definition]) -> Resolved:
        found: dict[Kind, dict[int, int]] = {}
        profile: list[Words] = []
        refused = too_large = reserved = 0
        for definition in definitions:
            if definition.name.startswith(RESERVED) and not definition.name.startswith(ALLOWED):
                reserved += definition.ids.size
                continue
            key = FamilyKey(definition.name, definition.type, definition.unit)
            if key not in self.known_families and (lacking := self._lacks(key, definition.help)) is not None:
                refused += definition.ids.size
                too_large += definition.ids.size if lacking == "bytes" else 0
                continue
            family = self.known_families.number(key, definition.help, definition.rollup)
            profile.append(Words(family, definition.help, definition.rollup))
            group = found.setdefault(kind_of_family(definition.type, definition.bounds), {})
            number, short = self._number_series(definition, family, group)
            refused, too_large = refused + number, too_large + short
        groups = {kind: _columns(group) for kind, group in found.items() if group}
        return Resolved(groups, refused, merged(profile), too_large, reserved)

    def _number_series(self, definition: Definition, family: int, group: dict[int, int]) -> tuple[int, int]:
        """Add the series' number of each id of a definition to `group`.

        Returns:
            How many were refused, and how many of these for their bytes.
        """
        ids, bounds, full_at = definition.ids.tolist(), definition.bounds, self._full_at
        families = self.known_families
        if not families.has_shape(family, bounds) and self.byte_count + shape_bytes(bounds) > full_at.bytes:
            return len(ids), len(ids)
        shape = families.shape(family, bounds)
        bounds, found, known, short = families.shapes[shape][1], [], self._numbers.get, 0
        for labels in _label_sets(definition) if ids else ():
            series = known((shape, labels))
            if series is None and self.entries < full_at.entries:
                if self.byte_count + series_bytes(labels) <= full_at.bytes:
                    series = self._add(shape, SeriesEntry(family, labels, bounds))
                else:
                    short += 1
            found.append(series)
        if not definition.label_names:  # all ids have the same one
            found *= len(ids)
        group.update((number, series) for number, series in zip(ids, found, strict=True) if series is not None)
        return found.count(None), short

    def _lacks(self, key: FamilyKey, help_: str) -> str | None:
        """Name the room that another family lacks."""
        needed = Room(1, family_bytes(*key, help_), 1)
        room = zip(Room._fields, self.taken, needed, self._full_at, strict=True)
        return next((name for name, taken, more, most in room if taken + more > most), None)


def _series(saved: Saved) -> list[SeriesEntry]:
    """Return the series of a checkpoint; those of one set of bounds share it."""
    bounds, series = [as_numbers(one) for one in saved.value("bounds", as_list)], []
    for family, labels, shared in saved.records("series", as_integer, as_labels, as_count):
        if shared >= len(bounds):
            raise DamagedError(f"series has the bounds {shared}, and there are {len(bounds)}")
        series.append(SeriesEntry(family, labels, bounds[shared]))
    return series


def _label_sets(definition: Definition) -> Iterator[Labels]:
    """Yield the labels of each id of a definition, sorted by name; where it has none, once for all of its ids."""
    names, values = definition.label_names, definition.label_values
    if not names:
        yield ()
        return
    order = sorted(range(len(names)), key=names.__getitem__)
    sorted_names = [names[place] for place in order]
    for row in zip(*(values[place :: len(names)] for place in order), strict=True):
        yield tuple(zip(sorted_names, row, strict=True))


def _columns(group: dict[int, int]) -> tuple[Int64s, Int64s]:
    ids = np.fromiter(group.keys(), np.int64, len(group))
    series = np.fromiter(group.values(), np.int64, len(group))
    order = np.argsort(ids, kind="stable")
    return ids[order], series[order]
