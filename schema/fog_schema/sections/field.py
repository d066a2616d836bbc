"""A field of a frame's body, and checks that several sections share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from fog_schema import limits
from fog_schema.columns import F64, I64, U8, U64, Column, Ids, column_from_wire, column_to_wire, ids_from_wire
from fog_schema.errors import FrameError
from fog_schema.packed import ALL_BITS, NEAR, SCALED, SPARSE

new: Final = tuple.__new__
"""Makes a NamedTuple of a tuple, at half the price of calling it: for each section of each frame."""

UNSIGNED: Final = frozenset((*range(U8, U64 + 1), *ALL_BITS, SPARSE))
INTEGERS: Final = frozenset((*range(U8, I64 + 1), *ALL_BITS))
FLOATS: Final = frozenset((F64, NEAR, SCALED))
ANY: Final = INTEGERS | FLOATS
"""Codes of columns that a section may have."""


class Field(NamedTuple):
    """One field of a body.

    Args:
        number: its key on the wire.
        attribute: the attribute of `Frame` that holds it.
        decode: checks what msgpack read, and makes the attribute's value of it; raises FrameError.
        encode: makes what msgpack writes of the attribute's value, None to leave the field out; raises FrameError.
            Without it msgpack writes the value as it is.
    """

    number: int
    attribute: str
    decode: Callable[[object], Any]
    encode: Callable[[Any], object | None] | None = None


class Numbers(NamedTuple):
    """One value for each id."""

    ids: Ids
    values: Column


def numbers_decoder(allowed: frozenset[int], what: str) -> Callable[[object], Numbers]:
    """Make the function that checks a pair of ids and a column of an allowed type; `what` is for its errors."""

    def decode(value: object) -> Numbers:
        if type(value) is not tuple or len(value) != 2:
            raise FrameError("malformed", f"{what}: not a pair of ids and values")
        ids = ids_from_wire(value[0], what)
        return new(Numbers, (ids, column_from_wire(value[1], allowed, ids.size, what)))

    return decode


def encode_rows(section: Sequence[Any] | None) -> object | None:
    """Encode a section of ids and columns."""
    return None if section is None else (section[0], *map(column_to_wire, section[1:]))


def decode_rows(value: object, length: int, what: str) -> tuple[Ids, tuple[Any, ...]]:
    """Check the ids with which a section of `length` elements begins; return them and its columns, not checked yet."""
    if type(value) is not tuple or len(value) != length:
        raise FrameError("malformed", f"{what}: not {length} elements that begin with ids")
    return ids_from_wire(value[0], what), value[1:]


def check_limit(count: int, limit: int, what: str) -> None:
    """Refuse what is more than any reader would look at."""
    if count > limit:
        raise FrameError("limit", f"{count} {what}, at most {limit} are read")


def decode_removed(value: object) -> Ids:
    """Check the ids that a frame says were removed."""
    removed = ids_from_wire(value, "removed")
    check_limit(removed.size, limits.MAX_DEFINED, "removed ids")
    return removed


def encode_removed(removed: Ids | None) -> object | None:
    """Encode the ids that a frame says were removed."""
    check_limit(removed.size if removed else 0, limits.MAX_DEFINED, "removed ids")
    return removed
