"""The one thing that every kind of value does for a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from fog_schema.columns import U64, Column, Ids, pack_counts, pack_ids, pack_ints
from fog_schema.frames import Frame
from fog_schema.limits import MAX_WHOLE


class Numbered(Protocol):
    """A series as a section sees it.

    Attributes:
        id: its number in the epoch.
        base: the value that was encoded before; None for none.
        fresh: its value in the epoch, for this frame.
    """

    id: int
    base: Any
    fresh: Any


def packed_ids(rows: Sequence[Numbered]) -> Ids:
    """Pack the ids of some series."""
    return pack_ids([series.id for series in rows])


def packed_buckets(values: Sequence[int]) -> Column:
    """Pack counts of buckets, many of them 0.

    Raises:
        OverflowError: One is larger than a count may be.
    """
    return _within(pack_counts(values), values)


def packed_counts(values: Sequence[int]) -> Column:
    """Pack counts.

    Raises:
        OverflowError: One is larger than a count may be.
    """
    return _within(pack_ints(values), values)


def _within(column: Column, values: Sequence[int]) -> Column:
    if column.code == U64 and max(values) > MAX_WHOLE:
        raise OverflowError(f"{max(values)} is larger than any count")
    return column


Fill: TypeAlias = Callable[[Frame, Sequence[Numbered], bool], None]
"""Packs the series of one kind, ids ascending, into a frame: for a keyframe, or what came since the base.

Raises OverflowError when a number is larger than the wire carries."""


class SectionsByType(dict[type, Fill]):
    """The sections of one type of metric, by the type of the value; a subclass counts as what it is derived from."""

    def __missing__(self, value_type: type) -> Fill:
        """Find the section of a type that was not asked for before.

        Raises:
            TypeError: no section takes such a value.
        """
        for ancestor in value_type.__mro__:
            if ancestor in self:
                self[value_type] = self[ancestor]
                return self[ancestor]
        raise TypeError(f"a series has a value of type {value_type.__name__}, which no frame carries")
