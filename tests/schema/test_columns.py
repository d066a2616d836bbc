"""Columns and id sets: round trips, sizes, the narrowest type; any bytes mean the same with numpy and without."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fog_aggregator.core.columns import column_values
from fog_schema.bits import pack_bits, unpack_bits
from fog_schema.columns import (
    BITMAP,
    F64,
    I8,
    I16,
    I32,
    I64,
    ITEM_SIZES,
    U8,
    U16,
    U32,
    U64,
    Column,
    column_from_wire,
    column_to_wire,
    ids_from_wire,
    pack_counts,
    pack_floats,
    pack_ids,
    pack_ints,
    pack_numbers,
    unpack_floats,
)
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_ID, MAX_PACKED_VALUES
from fog_schema.packed import ALL_BITS, BITS, NEAR, SCALED, SPARSE
from fog_schema.sections.field import ANY, INTEGERS, UNSIGNED
from tests import strategies

PACKED = (SPARSE, SCALED, NEAR, *ALL_BITS)
decimals = st.builds(lambda number, places: number / 10**places, st.integers(-(10**9), 10**9), st.integers(0, 9))
numbers = st.one_of(
    st.floats(), decimals, st.integers(-(2**63), 2**63 - 1), st.integers(-(2**40), 2**40).map(lambda one: one * 1024)
)


def bits_of(values: list[float]) -> list[bytes]:
    """Return the bytes of each number's double."""
    return [struct.pack("<d", value) for value in values]


def read(column: Column, count: int) -> list[float]:
    """Return a column's values as numpy and as plain Python read them: the same."""
    there = column_from_wire(column_to_wire(column), ANY | UNSIGNED, count, "a column")
    assert there == column
    plain = there.tolist()
    assert bits_of(column_values((there,)).tolist()) == bits_of(list(plain))
    return list(plain)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(st.integers(0, 2**64 - 1)) | st.lists(st.integers(0, 40)))
def test_ints_survive(values: list[int]) -> None:
    """Integers come back, also through numpy's eyes."""
    for column in (pack_ints(values), pack_counts(values)):
        assert read(column, len(values)) == values
        assert column.size == len(values)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([], U8),
        ([0], BITS + 1),
        ([0, 1], BITS + 1),
        ([3, 3], BITS + 2),
        ([0, 2**7 - 1], BITS + 7),
        ([0, 2**7], U8),
        ([0, 2**8 - 1], U8),
        ([0, 2**8], BITS + 9),
        ([2**15], U16),
        ([2**16], BITS + 17),
        ([2**31], U32),
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


@pytest.mark.parametrize(
    ("values", "code", "size"),
    [
        ([0, 0, 0, 7, 0, 0, 0, 0, 0, 9, 0, 0], SPARSE, 1 + 2 + 1),
        ([1] + [0] * 11, BITS + 1, 2),
        ([5] * 12, BITS + 3, 5),
    ],
)
def test_counts_are_sparse_where_that_is_shorter(values: list[int], code: int, size: int) -> None:
    """Buckets that are mostly empty take a bit each, and what the others need."""
    column = pack_counts(values)
    assert (column.code, len(column.data)) == (code, size)


@pytest.mark.parametrize("values", [[2**64], [-1, 2**63], [-(2**63) - 1]])
def test_ints_beyond_64_bits_raise(values: list[int]) -> None:
    """Values that fit no type are an error of the caller."""
    with pytest.raises(OverflowError):
        pack_ints(values)


@given(st.integers(0, 32), st.integers(0, 1100), st.randoms(use_true_random=False))
def test_bits_survive(width: int, count: int, random: Random) -> None:
    """Integers of every width come back, within and across what is moved together; they take no more than they need."""
    values = [random.getrandbits(width) if width else 0 for _ in range(count)]
    packed = pack_bits(values, width)
    assert len(packed) == -(-count * width // 8)
    assert int.from_bytes(packed, "little") == sum(value << place * width for place, value in enumerate(values))
    assert unpack_bits(packed, width, count) == values


@given(st.lists(st.floats()))
def test_doubles_survive_bit_for_bit(values: list[float]) -> None:
    """Every double comes back as the same bits."""
    column = pack_floats(values)
    assert column.code == F64
    assert pack_floats(unpack_floats(column.data)) == column


@given(
    st.lists(st.floats())
    | st.lists(numbers)
    | st.lists(decimals)
    | st.lists(st.floats(0.01, 100.0), min_size=2)
    | st.lists(st.integers(-(2**63), 2**63 - 1))
)
@example([0.0, -0.0, 0.5, 1.25])
@example([float("nan"), *[0.25] * 20])
@example([-(2**63), 1024, 3])
@example([2**53 + 1, *[0.5] * 30])
def test_numbers_are_the_same_doubles(values: list[float]) -> None:
    """Every double comes back as the same bits, and every integer as its double; none takes more than 8 bytes."""
    column = pack_numbers(values)
    assert bits_of(read(column, len(values))) == bits_of(values)
    assert len(column.data) <= 8 * len(values)


@pytest.mark.parametrize(
    ("values", "code", "size"),
    [
        ([0.5, 20.25, 3.0, -7.5], SCALED, 4 + 1 + 2 + 1 + 2),
        ([2**34, 1, 2**30 + 2**20], SCALED, 3 + 4 + 1 + 3),
        ([0.1 + 0.2, 3.7e-3 / 3, 91.0 / 7], NEAR, 2 + 3 * 7),
        ([0.1 + 0.2, 1e200 / 3, 91.0 / 7], F64, 24),
        ([0.1 + 0.2, -1 / 3, 91.0 / 7], F64, 24),
        ([1 / 3], F64, 8),
        ([500, 3], BITS + 9, 3),
    ],
)
def test_numbers_travel_in_few_bytes(values: list[float], code: int, size: int) -> None:
    """Decimal numbers and multiples of 1,024 by their scale, doubles of like exponents in seven bytes."""
    column = pack_numbers(values)
    assert (column.code, len(column.data)) == (code, size)


@given(st.lists(st.one_of(st.lists(st.integers(0, 300), max_size=20), st.lists(st.integers(0, 3), max_size=20))))
def test_several_columns_are_read_at_once(rows: list[list[int]]) -> None:
    """Columns of one layout are read one behind the other, whatever their widths and lengths."""
    by_layout: dict[int, list[Column]] = {}
    for row in rows:
        for column in (pack_ints(row), pack_counts(row), pack_numbers([value / 4 for value in row])):
            by_layout.setdefault(min(column.code, BITS), []).append(column)
    for columns in by_layout.values():
        values = [float(value) for column in columns for value in column.tolist()]
        assert column_values(columns).tolist() == values


@given(st.sampled_from(PACKED), st.integers(0, 40), st.binary(max_size=60))
@example(SCALED, 3, bytes([0x08, 0xF0, 0xA8, *b"\xff" * 16]))
@example(NEAR, 1, b"\xff\x0f" + b"\xff" * 7)
@example(BITS + 3, 2, b"\xff")
@example(SPARSE, 3, b"\x02\x05\xff")
@example(SPARSE, 3, b"\x00\x05")
def test_any_packed_bytes_mean_the_same_to_both_readers(code: int, count: int, data: bytes) -> None:
    """Bytes that no writer of ours would send are refused, or read as the same numbers by both readers."""
    try:
        column = column_from_wire(bytes([code]) + data, frozenset(PACKED), count, "a column")
    except FrameError:
        return
    assert len(read(column, count)) == count


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"", 0),
        (bytes([BITS]), 0),
        (bytes([BITS + 33, 0, 0, 0, 0, 0]), 1),
        (bytes([BITS + 3, 0]), 3),
        (bytes([U8, 0]), 1),
        (bytes([F64, *bytes(8)]), 1),
        ((BITS + 3, b"\0"), 1),
        ((SPARSE, b"\0\0"), 1),
        (bytes([SPARSE]), 0),
        (bytes([SPARSE, 32, 1, 0, 0, 0, 0]), 1),
        (bytes([SPARSE, 0, 4]), 2),
        (bytes([SPARSE, 1, 3]), 2),
        (bytes([SCALED, 9, *bytes(9)]), 1),
        (bytes([SCALED, 0xB0]), 1),
        (bytes([SCALED, 1]), 1),
        (bytes([SCALED, 0, 0]), 1),
        (bytes([NEAR, 0, 16, *bytes(7)]), 1),
        (bytes([NEAR, 0, 0, *bytes(6)]), 1),
        (bytes([NEAR]), 0),
        (bytes([13, 0]), 1),
        (bytes([BITS + 1, *bytes(MAX_PACKED_VALUES // 8 + 1)]), MAX_PACKED_VALUES + 1),
        ("text", 1),
        (None, 1),
    ],
)
def test_other_columns_are_refused(value: object, count: int) -> None:
    """A wrong code, form, length, width, tag or exponent, and more values than may be."""
    with pytest.raises(FrameError) as refused:
        column_from_wire(value, ANY | UNSIGNED, count, "a column")
    assert refused.value.reason == "column"


def test_a_column_has_a_code_that_its_section_allows() -> None:
    """Counters are no fractions, and are never sparse."""
    for column in (pack_numbers([0.5]), pack_counts([0, 0, 0, 0, 0, 0, 0, 0, 9, 9])):
        assert column.code in (SCALED, SPARSE)
        with pytest.raises(FrameError):
            column_from_wire(column_to_wire(column), INTEGERS, column.size, "counters")


def test_a_column_of_very_many_values_is_an_array() -> None:
    """More values than a packed column may have travel as arrays."""
    many = MAX_PACKED_VALUES + 1
    assert pack_ints([0] * many).code == pack_counts([0] * many).code == U8
    assert pack_ints([300] * many).code == U16
    assert pack_numbers([0.5] * many).code == F64


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
