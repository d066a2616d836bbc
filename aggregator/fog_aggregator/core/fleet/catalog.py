"""Know families and label sets, each once, by a small number.

Families are keyed by (name, type, unit); a series by its family, its bounds and its labels, so that histograms of
other bounds are other series until a rollup merges them on the union.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

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
    as_text,
    as_texts,
)
from fog_aggregator.core.series import FORGOTTEN, Bounds, Labels, SeriesEntry
from fog_schema.definitions import decode_definitions
from fog_schema.frames import TYPE_NAMES, Definition

RESERVED: Final = "fog_"
ALLOWED: Final = "fog_agent_"
"""Of the names that begin with ``fog_`` a node may only send these."""
_RESOLVED_BYTES: Final = 1000
_ID_BYTES: Final = 16
"""Bytes of opened definitions, and of each id that they define."""


class FamilyKey(NamedTuple):
    """Identify a family: nodes that agree on these are merged."""

    name: str
    type: int
    unit: str

    @property
    def type_name(self) -> str:
        """Name the type: counter, gauge or histogram."""
        return TYPE_NAMES[self.type]


@dataclass(slots=True)
class Family:
    """A family with what most live nodes say of it; see `FamilyWords`."""

    key: FamilyKey
    help: str
    rollup: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A frame's definitions in the catalog's numbers.

    Attributes:
        groups: kind as defined -> (ids ascending, series), both of shape (n,).
        refused: series that were refused: reserved names, and newcomers at the limit.
        profile: in which words the families are described.
        too_large: those of them for which there are no bytes left.
    """

    groups: dict[Kind, tuple[Int64s, Int64s]]
    refused: int
    profile: Profile = ()
    too_large: int = 0

    @property
    def bytes(self) -> int:
        """Return what they take."""
        return _RESOLVED_BYTES + sum(_ID_BYTES * len(ids) for ids, _ in self.groups.values())


class Catalog:
    """Families and series by number. Numbers are dense.

    Args:
        cache_bytes: how many bytes opened definitions may take that are remembered.

    Attributes:
        bytes: how many bytes families and series take.
        families: families by number.
        series: series by number.
        free: numbers to be given out again.
        shapes: every (family, bounds) that a series ever had, with its number.
        shape_of: the shape of each series; -1 for one that was let go of.
        version: another one whenever a number stands for another series.
    """

    def __init__(self, cache_bytes: int = 64 * 1024 * 1024) -> None:
        self.bytes = 0
        self.families: list[Family] = []
        self.series: list[SeriesEntry] = []
        self.free: list[int] = []
        self.shapes: dict[tuple[int, Bounds], int] = {}
        self.shape_of = array("i")
        self.version = 0
        self._family_numbers: dict[FamilyKey, int] = {}
        self._numbers: dict[tuple[int, Labels], int] = {}
        """By shape and labels: the bounds of a histogram may be many, and are not looked at for each of its series."""
        self._opened: Opened[Resolved] = Opened(cache_bytes)
        self._full_at = Room(UNLIMITED, UNLIMITED, UNLIMITED)
        self._bounds: list[Bounds] = []

    @property
    def known(self) -> int:
        """Count the label sets that are known."""
        return len(self._numbers)

    @property
    def entries(self) -> int:
        """Count the families and label sets that are known."""
        return len(self.families) + len(self._numbers)

    @property
    def taken(self) -> Room:
        """Return how much of each there is that newcomers may add."""
        return Room(self.entries, self.bytes, len(self.families))

    def resolve(self, packed: bytes, room: Room) -> Resolved:
        """Open packed definitions; equal ones, as a fleet's nodes send them, are opened once.

        Args:
            packed: as a frame has them.
            room: entries, bytes and families that they may add.

        Raises:
            FrameError: see `decode_definitions`.
        """
        known = self._opened.get(packed)
        if known is not None:
            return known
        self._full_at = Room(*(taken + more for taken, more in zip(self.taken, room, strict=True)))
        resolved = self._number(decode_definitions(packed))
        if not resolved.refused:
            self._opened.add(packed, resolved)
        return resolved

    def family_number(self, key: FamilyKey, help_: str, rollup: tuple[str, ...]) -> int:
        """Return the family's number, a new one when it was not known."""
        number = self._family_numbers.get(key)
        if number is None:
            number = self._family_numbers[key] = len(self.families)
            self.families.append(Family(key, help_, rollup))
            self.bytes += family_bytes(*key, help_)
        return number

    def describe(self, words: Words) -> None:
        """Describe a family in other words from now on; views that have it keep the former ones."""
        family = self.families[words.family]
        if (family.help, family.rollup) != words[1:]:
            self.families[words.family] = Family(family.key, words.help, words.rollup)

    def family_of(self, series: int) -> Family:
        """Return the family of a series."""
        return self.families[self.series[series].family]

    def with_other_bounds(self, chosen: Bools) -> Bools:
        """Add to some series, by number, those that differ from one of them in their bounds alone (R12.45)."""
        shapes_of: dict[int, list[int]] = defaultdict(list)
        for (family, _), shape in self.shapes.items():
            shapes_of[family].append(shape)
        if len(shapes_of) == len(self.shapes):
            return chosen
        several = np.array([len(shapes_of[family]) > 1 for family, _ in self.shapes])
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
        self.bytes += series_bytes(entry.labels)
        self.version += 1
        return number

    def forget(self, numbers: Iterable[int]) -> None:
        """Let go of series that have no slots any more; their numbers are given out again."""
        for number in numbers:
            entry = self.series[number]
            del self._numbers[self.shape_of[number], entry.labels]
            self.bytes -= series_bytes(entry.labels)
            self.series[number] = FORGOTTEN
            self.shape_of[number] = -1
            self.free.append(number)
        self.version += 1
        self._opened.clear()

    def image(self) -> Saved:
        """Return all families and series; those of one set of bounds share it."""
        bounds = {one: number for number, one in enumerate(dict.fromkeys(entry.bounds for entry in self.series))}
        return Saved(
            {
                "families": [(family.key, family.help, family.rollup) for family in self.families],
                "series": [(entry.family, entry.labels, bounds[entry.bounds]) for entry in self.series],
                "bounds": list(bounds),
                "free": self.free,
            }
        )

    def restore(self, saved: Saved) -> None:
        """Take over the families and series of a checkpoint."""
        for key, help_, rollup in saved.records("families", _family_key, as_text, as_texts):
            self.family_number(key, help_, rollup)
        if len(self.families) != len(saved.plain["families"]):
            raise DamagedError("families has one family twice")
        self.series = _series(saved)
        self.free = [as_count(number) for number in saved.value("free", as_list)]
        for number in self.free:
            if number >= len(self.series):
                raise DamagedError(f"free has {number}, and there are {len(self.series)} series")
            self.series[number] = FORGOTTEN
        for entry in self.series:
            if entry is not FORGOTTEN:
                self._check(entry)
        shapes = [-1 if one is FORGOTTEN else self._shape(one.family, one.bounds) for one in self.series]
        self.shape_of = array("i", shapes)
        entries = enumerate(zip(shapes, self.series, strict=True))
        self._numbers = {(shape, entry.labels): number for number, (shape, entry) in entries if shape >= 0}
        if len(self._numbers) + len(set(self.free)) != len(self.series) or len(set(self.free)) != len(self.free):
            raise DamagedError("series has one label set twice, or free one number")
        self.bytes += sum(series_bytes(labels) for _, labels in self._numbers)
        self.version += 1

    def kinds_of_shapes(self) -> list[Kind]:
        """Return the kind that the series of each shape are defined as, by the shape's number."""
        return [kind_of_family(self.families[family].key.type, bounds) for family, bounds in self.shapes]

    def _check(self, entry: SeriesEntry) -> None:
        """Check that a series of a checkpoint is of a family, and has bounds as that family's type has them."""
        if not 0 <= entry.family < len(self.families):
            raise DamagedError(f"series has one of family {entry.family}, and there are {len(self.families)}")
        key = self.families[entry.family].key
        try:
            kind_of_family(key.type, entry.bounds)
        except ValueError as error:
            raise DamagedError(f"{key.name}: {error}") from None

    def _shape(self, family: int, bounds: Bounds) -> int:
        number = self.shapes.get((family, bounds))
        if number is None:
            number = self.shapes[family, bounds] = len(self.shapes)
            self._bounds.append(bounds)
            self.bytes += shape_bytes(bounds)
        return number

    def _number(self, definitions: list[Definition]) -> Resolved:
        found: dict[Kind, dict[int, int]] = {}
        profile: list[Words] = []
        refused = too_large = 0
        for definition in definitions:
            if definition.name.startswith(RESERVED) and not definition.name.startswith(ALLOWED):
                refused += definition.ids.size
                continue
            key = FamilyKey(definition.name, definition.type, definition.unit)
            if key not in self._family_numbers and (lacking := self._lacks(key, definition.help)) is not None:
                refused += definition.ids.size
                too_large += definition.ids.size if lacking == "bytes" else 0
                continue
            family = self.family_number(key, definition.help, definition.rollup)
            profile.append(Words(family, definition.help, definition.rollup))
            group = found.setdefault(kind_of_family(definition.type, definition.bounds), {})
            number, short = self._number_series(definition, family, group)
            refused, too_large = refused + number, too_large + short
        groups = {kind: _columns(group) for kind, group in found.items() if group}
        return Resolved(groups, refused, merged(profile), too_large)

    def _number_series(self, definition: Definition, family: int, group: dict[int, int]) -> tuple[int, int]:
        """Add the series' number of each id of a definition to `group`.

        Returns:
            How many were refused, and how many of these for their bytes.
        """
        ids, bounds, full_at = definition.ids.tolist(), definition.bounds, self._full_at
        if (family, bounds) not in self.shapes and self.bytes + shape_bytes(bounds) > full_at.bytes:
            return len(ids), len(ids)
        shape = self._shape(family, bounds)
        bounds, found, known, short = self._bounds[shape], [], self._numbers.get, 0
        for labels in _label_sets(definition) if ids else ():
            series = known((shape, labels))
            if series is None and self.entries < full_at.entries:
                if self.bytes + series_bytes(labels) <= full_at.bytes:
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


def _family_key(value: Any) -> FamilyKey:
    """Check that a value is a family's name, type and unit."""
    name, type_, unit = as_list(value) if len(as_list(value)) == 3 else ("", -1, "")
    if as_integer(type_) not in TYPE_NAMES:
        raise DamagedError(f"{value!r} does not name a family")
    return FamilyKey(as_text(name), type_, as_text(unit))


def _columns(group: dict[int, int]) -> tuple[Int64s, Int64s]:
    ids = np.fromiter(group.keys(), np.int64, len(group))
    series = np.fromiter(group.values(), np.int64, len(group))
    order = np.argsort(ids, kind="stable")
    return ids[order], series[order]
