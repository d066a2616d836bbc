"""Columns and id sets: round trips, sizes, the narrowest type."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_schema.columns import (
    BITMAP,
    F64,
    I8,
    I16,
    I32,
    I64,
    ITEM_SIZES,
    NUMPY_DTYPES,
    U8,
    U16,
    U32,
    U64,
    ids_from_wire,
    pack_floats,
    pack_ids,
    pack_ints,
    unpack_floats,
)
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_ID
from tests import strategies


@given(st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(st.integers(0, 2**64 - 1)))
def test_ints_survive(values: list[int]) -> None:
    """Whole numbers come back, also through numpy's eyes."""
    column = pack_ints(values)
    assert column.tolist() == values
    assert column.size == len(values)
    assert np.frombuffer(column.data, NUMPY_DTYPES[column.code]).tolist() == values


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([], U8),
        ([0, 2**8 - 1], U8),
        ([0, 2**8], U16),
        ([2**16], U32),
        ([2**32], U64),
        ([2**64 - 1], U64),
        ([-1, 2**7 - 1], I8),
        ([-1, 2**7], I16),
        ([-(2**7) - 1], I16),
        ([-1, 2**15], I32),
        ([-1, 2**31], I64),
    ],
)
def test_ints_travel_in_the_narrowest_type(values: list[int], code: int) -> None:
    """The type is the smallest that holds all, unsigned where it can."""
    assert pack_ints(values).code == code


@pytest.mark.parametrize("values", [[2**64], [-1, 2**63], [-(2**63) - 1]])
def test_ints_beyond_64_bits_raise(values: list[int]) -> None:
    """Values that fit no type are an error of the caller."""
    with pytest.raises(OverflowError):
        pack_ints(values)


@given(st.lists(st.floats()))
def test_doubles_survive_bit_for_bit(values: list[float]) -> None:
    """Every double comes back as the same bits."""
    column = pack_floats(values)
    assert column.code == F64
    assert pack_floats(unpack_floats(column.data)) == column


@given(strategies.id_lists)
def test_ids_survive(ids: list[int]) -> None:
    """A set of ids comes back in order, is what a reader accepts, and is as small as the better of both forms."""
    packed = pack_ids(ids)
    assert packed.tolist() == ids
    assert packed.size == len(ids)
    assert ids_from_wire(tuple(packed), "ids") == packed
    if ids:
        span = ids[-1] - ids[0]
        width = ITEM_SIZES[U8 if span < 2**8 else U16 if span < 2**16 else U32]
        assert len(packed.data) == min(len(ids) * width, ids[-1] // 8 - ids[0] // 8 + 1)


@pytest.mark.parametrize(
    "value",
    [
        (BITMAP, MAX_ID - 7, b"\1\1"),
        (BITMAP, -1, b"\1"),
        (BITMAP, MAX_ID + 1, b""),
        (U8, MAX_ID, b"\0\1"),
        (U8, 0, b"\1\0"),
        (U16, 0, b"\1"),
        (U64, 0, bytes(8)),
        (F64, 0, bytes(8)),
        (U8, 0, "text"),
        (U8, 0),
        [U8, 0, b""],
        None,
    ],
)
def test_other_ids_are_refused(value: object) -> None:
    """Out of range, not ascending, of another type or shape."""
    with pytest.raises(FrameError) as refused:
        ids_from_wire(value, "ids")
    assert refused.value.reason == "ids"
