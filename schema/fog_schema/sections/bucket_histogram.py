"""Histograms, grouped by their number of buckets: bucket counts as integer counters, sums as fractional ones."""

from __future__ import annotations

from typing import NamedTuple

from fog_schema import limits
from fog_schema.columns import Column, Ids, column_from_wire, column_to_wire, ids_from_wire
from fog_schema.errors import FrameError
from fog_schema.sections.field import FLOATS, UNSIGNED, Field, check_limit, new


class Histograms(NamedTuple):
    """Histograms of one width.

    `counts` is row-major, one row of `width` buckets for each id (not cumulative, the last is +Inf); `sums` has the
    sum of observations for each id, as its value in this epoch.
    """

    width: int
    ids: Ids
    counts: Column
    sums: Column


def encode(groups: tuple[Histograms, ...]) -> object | None:
    """Encode the groups, if there are any."""
    check_limit(len(groups), limits.MAX_ITEMS, "widths of histograms")
    return [(width, ids, column_to_wire(counts), column_to_wire(sums)) for width, ids, counts, sums in groups] or None


def decode(value: object) -> tuple[Histograms, ...]:
    """Check a list of groups."""
    if type(value) is not tuple:
        raise FrameError("malformed", "histograms: not a list of groups")
    return tuple([_group(group) for group in value])


def _group(group: object) -> Histograms:
    if type(group) is not tuple or len(group) != 4:
        raise FrameError("malformed", "histograms: a group is width, ids, counts and sums")
    width = group[0]
    if type(width) is not int or not 1 <= width <= limits.MAX_BOUNDS + 1:
        raise FrameError("limit", f"histograms: a width is a number from 1 to {limits.MAX_BOUNDS + 1}")
    ids = ids_from_wire(group[1], "histograms")
    rows = ids.size
    counts = column_from_wire(group[2], UNSIGNED, rows * width, "bucket counts")
    return new(Histograms, (width, ids, counts, column_from_wire(group[3], FLOATS, rows, "sums")))


FIELDS = (Field(7, "histograms", decode, encode),)
