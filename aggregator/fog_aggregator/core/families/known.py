"""Know families and the bounds that each has, by small numbers; what nobody holds any more is let go of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from fog_aggregator.core.budget.budget import family_bytes, shape_bytes
from fog_aggregator.core.columns import Bools, Int32s
from fog_aggregator.core.families.words import Words
from fog_aggregator.core.kinds import Kind, kind_of_family
from fog_aggregator.core.saved import DamagedError, Saved, as_integer, as_list, as_text, as_texts
from fog_aggregator.core.series import Bounds
from fog_schema.frames import COUNTER, TYPE_NAMES

NO_SHAPE: Final[tuple[int, Bounds]] = (-1, ())
"""Stands in place of bounds that were let go of."""


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

    @property
    def is_known(self) -> bool:
        """Tell whether it is one, and does not stand for a number that is free."""
        return bool(self.key.name)


class KnownFamilies:
    """Families and their shapes. Numbers are dense, and are given out again.

    Attributes:
        bytes: how many bytes they take.
        by_number: families by number; replaced when some are let go of, so that views go on with the former list.
        shapes: every (family, bounds) that series have, by number.
        shapes_of: the numbers of the shapes of each family, by its number.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.by_number: list[Family] = []
        self.shapes: list[tuple[int, Bounds]] = []
        self.shapes_of: list[list[int]] = []
        self._numbers: dict[FamilyKey, int] = {}
        self._free: list[int] = []
        self._shape_numbers: dict[tuple[int, Bounds], int] = {}
        self._free_shapes: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, key: FamilyKey) -> bool:
        return key in self._numbers

    @property
    def several(self) -> Bools:
        """Tell which shapes are of a family with several, by number; one more, for series without a shape."""
        several = [family >= 0 and len(self.shapes_of[family]) > 1 for family, _ in self.shapes]
        return np.array([*several, False], np.bool_)

    def has_shape(self, family: int, bounds: Bounds) -> bool:
        """Tell whether a family has these bounds already."""
        return (family, bounds) in self._shape_numbers

    def number(self, key: FamilyKey, help_: str, rollup: tuple[str, ...]) -> int:
        """Return the family's number, a new one when it was not known."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._place(Family(key, help_, rollup))
            self.bytes += family_bytes(*key, help_)
        return number

    def shape(self, family: int, bounds: Bounds) -> int:
        """Return the number of a family's bounds, a new one when it did not have them."""
        number = self._shape_numbers.get((family, bounds))
        if number is None:
            if self._free_shapes:
                number = self._free_shapes.pop()
                self.shapes[number] = (family, bounds)
            else:
                number = len(self.shapes)
                self.shapes.append((family, bounds))
            self._shape_numbers[family, bounds] = number
            self.shapes_of[family].append(number)
            self.bytes += shape_bytes(bounds)
        return number

    def describe(self, words: Words) -> None:
        """Describe a family in other words from now on; views that have it keep the former ones."""
        family = self.by_number[words.family]
        if (family.help, family.rollup) != words[1:]:
            self.by_number[words.family] = Family(family.key, words.help, words.rollup)
            self.bytes += family_bytes(*family.key, words.help) - family_bytes(*family.key, family.help)

    def kinds_of_shapes(self) -> list[Kind]:
        """Return the kind that the series of each shape are defined as, by the shape's number; none is free."""
        return [kind_of_family(self.by_number[family].key.type, bounds) for family, bounds in self.shapes]

    def forget(self, shape_of: Int32s, retained: Collection[int]) -> list[int]:
        """Let go of bounds that no series has, and of families without any that are not `retained`.

        Args:
            shape_of: the shape of each series; -1 for one that was let go of.
            retained: the numbers of families that somebody still speaks of, or has counts of.

        Returns:
            The numbers of the families.
        """
        used = np.zeros(len(self.shapes) + 1, np.bool_)  # one more, for series that were let go of
        used[shape_of] = True
        used[self._free_shapes] = True
        for shape in np.flatnonzero(~used[:-1]).tolist():
            self._forget_shape(shape)
        unheld = (number for number, shapes in enumerate(self.shapes_of) if not shapes and number not in retained)
        gone = [number for number in unheld if self.by_number[number].is_known]
        if gone:
            self.by_number = list(self.by_number)
        for number in gone:
            family = self.by_number[number]
            del self._numbers[family.key]
            self.bytes -= family_bytes(*family.key, family.help)
            self.by_number[number] = _nothing(number)
            self._free.append(number)
        return gone

    def image(self) -> list[tuple[FamilyKey, str, tuple[str, ...]]]:
        """Return all families by number, those included that stand for a free one."""
        return [(family.key, family.help, family.rollup) for family in self.by_number]

    def restore(self, saved: Saved) -> None:
        """Take over the families of a checkpoint."""
        for key, help_, rollup in saved.records("families", _family_key, as_text, as_texts):
            if key.name:
                self.number(key, help_, rollup)
            else:
                self._place(_nothing(len(self.by_number)))
        if len(self.by_number) != len(saved.plain["families"]):
            raise DamagedError("families has one family twice")
        self._free = [number for number, family in enumerate(self.by_number) if not family.is_known]

    def _place(self, family: Family) -> int:
        """Give a family the next number."""
        if self._free:
            number = self._free.pop()
            self.by_number[number] = family
        else:
            number = len(self.by_number)
            self.by_number.append(family)
            self.shapes_of.append([])
        return number

    def _forget_shape(self, shape: int) -> None:
        family, bounds = self.shapes[shape]
        del self._shape_numbers[family, bounds]
        self.bytes -= shape_bytes(bounds)
        self.shapes_of[family].remove(shape)
        self.shapes[shape] = NO_SHAPE
        self._free_shapes.append(shape)


def _nothing(number: int) -> Family:
    """Return what stands in place of a family that was let go of: another one for each number, as in a checkpoint."""
    return Family(FamilyKey("", COUNTER, str(number)), "", ())


def _family_key(value: Any) -> FamilyKey:
    """Check that a value is a family's name, type and unit."""
    name, type_, unit = as_list(value) if len(as_list(value)) == 3 else ("", -1, "")
    if as_integer(type_) not in TYPE_NAMES:
        raise DamagedError(f"{value!r} does not name a family")
    return FamilyKey(as_text(name), type_, as_text(unit))
