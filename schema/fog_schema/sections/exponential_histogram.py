"""Exponential histograms: each with its schema, and with a run of buckets on each side of zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from fog_schema import limits
from fog_schema.columns import Column, Ids, column_from_wire, column_to_wire
from fog_schema.errors import FrameError
from fog_schema.sections.field import FLOATS, INTEGERS, UNSIGNED, Field, check_limit, decode_rows

_FIRST: Final = -128
_LAST: Final = 1024
"""Exponents of two: buckets begin above 2^-128, and the last one ends at 2^1024."""


class Exponentials(NamedTuple):
    """Exponential histograms, a row for each id.

    `schemas` has the schema of each, `zeros` the observations at zero. `firsts` and `lengths` have two for each: the
    number of the first bucket, and how many there are, above zero and then below. `counts` has the counts of all
    these buckets, id by id, by ascending magnitude, not cumulative; `sums` has the sum of observations, as its value in
    this epoch.
    """

    ids: Ids
    schemas: Column
    zeros: Column
    firsts: Column
    lengths: Column
    counts: Column
    sums: Column


def bucket_range(schema: int) -> tuple[int, int]:
    """Return the first and the last bucket that a schema has."""
    if schema < 0:
        return -(-_FIRST >> -schema) + 1, _LAST >> -schema
    return (_FIRST << schema) + 1, _LAST << schema


def encode(section: Exponentials | None) -> object | None:
    """Encode the histograms, if there are any."""
    if section is None:
        return None
    ids, *columns = section
    check_limit(ids.size, limits.MAX_DEFINED, "exponential histograms")
    for buckets in _sizes(section.lengths):
        check_limit(buckets, limits.MAX_EXPONENTIAL_BUCKETS, "buckets of an exponential histogram")
    return [ids, *map(column_to_wire, columns)]


def decode(value: object) -> Exponentials:
    """Check ids and six columns, and that there are as many counts as the lengths say."""
    ids, columns = decode_rows(value, 7, "exponential histograms")
    rows = ids.size
    check_limit(rows, limits.MAX_DEFINED, "exponential histograms")
    schemas = column_from_wire(columns[0], INTEGERS, rows, "schemas")
    zeros = column_from_wire(columns[1], UNSIGNED, rows, "observations at zero")
    firsts = column_from_wire(columns[2], INTEGERS, 2 * rows, "first buckets")
    lengths = column_from_wire(columns[3], UNSIGNED, 2 * rows, "numbers of buckets")
    total = 0
    for buckets in _sizes(lengths):
        check_limit(buckets, limits.MAX_EXPONENTIAL_BUCKETS, "buckets of an exponential histogram")
        total += buckets
    _check_buckets(schemas, firsts.tolist(), lengths.tolist())
    counts = column_from_wire(columns[4], UNSIGNED, total, "bucket counts")
    return Exponentials(
        ids, schemas, zeros, firsts, lengths, counts, column_from_wire(columns[5], FLOATS, rows, "sums")
    )


def _sizes(lengths: Column) -> list[int]:
    """Return how many buckets each histogram has."""
    numbers = lengths.tolist()
    return [int(above + below) for above, below in zip(numbers[::2], numbers[1::2], strict=True)]


def _check_buckets(schemas: Column, firsts: Sequence[float], lengths: Sequence[float]) -> None:
    """Check that each schema is one, and that its buckets are some that it has; no buckets begin at 0."""
    for row, schema in enumerate(schemas.tolist()):
        if not limits.MIN_SCHEMA <= schema <= limits.MAX_SCHEMA:
            raise FrameError("column", f"schema {schema} is not from {limits.MIN_SCHEMA} to {limits.MAX_SCHEMA}")
        least, most = bucket_range(int(schema))
        for side in (2 * row, 2 * row + 1):
            first, length = firsts[side], lengths[side]
            if not (least <= first <= first + length - 1 <= most if length else first == 0):
                raise FrameError("column", f"{length} buckets from {first} on: schema {schema} has {least} to {most}")


FIELDS = (Field(16, "exponentials", decode, encode),)
