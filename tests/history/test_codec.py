"""Values come back bit by bit; whole numbers beyond 2^53 as the nearest double."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fog_aggregator.history.codec import CHUNK_ROWS, Chunk, CodecError, decode, encode
from fog_aggregator.promql.storage import Floats, Ints, Mask

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 7))
INTEGERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300), st.integers(2**53 - 3, 2**53 + 3), st.just(2**63 - 1)
)
NUMBERS = st.floats() | st.integers(-50, 50).map(float) | st.sampled_from((-0.0, 0.1, 2.0**53))


def decoded(chunks: list[Chunk], rows: int, steps: int) -> Floats:
    """Decode all chunks of a matrix."""
    values, at = np.full((rows, steps), 4711.0), 0
    for chunk in chunks:
        decode(chunk, values[at : at + chunk.rows])
        at += chunk.rows
    assert at == rows
    return values


def bits(values: Floats) -> list[list[int]]:
    """Return values so that NaNs and zeros are compared as what they are."""
    return [[int(one) for one in row] for row in np.ascontiguousarray(values).view(np.int64)]


@given(st.data())
def test_any_numbers_come_back(data: st.DataObject) -> None:
    """Integers and doubles of all sizes, side by side, mixed in any order."""
    rows, steps = data.draw(SHAPES)
    integer: Mask = data.draw(arrays(np.bool_, rows))
    raw: Ints = np.zeros((rows, steps), np.int64)
    for row in range(rows):
        if integer[row]:
            raw[row] = data.draw(st.lists(INTEGERS, min_size=steps, max_size=steps))
        else:
            raw[row] = np.array(data.draw(st.lists(NUMBERS, min_size=steps, max_size=steps))).view(np.int64)
    expected = np.where(integer[:, np.newaxis], raw.astype(np.float64), raw.view(np.float64))
    assert bits(decoded(encode(raw.copy(), integer), rows, steps)) == bits(expected)


@pytest.mark.parametrize(("step", "item_bytes"), [(0, 1), (127, 1), (128, 2), (-129, 2), (2**15, 4), (2**31, 8)])
def test_increments_are_narrow(step: int, item_bytes: int) -> None:
    """A column is as wide as the largest increment needs; a negative one is an increment, too."""
    raw = 10**12 + step * np.arange(5, dtype=np.int64).reshape(1, -1)
    [chunk] = encode(raw, np.ones(1, np.bool_))
    assert chunk.item_bytes == item_bytes
    assert decoded([chunk], 1, 5).tolist() == raw.astype(float).tolist()


def test_counters_that_pass_exact_doubles_go_on() -> None:
    """Added up in doubles, a counter would stand still at 2^53."""
    raw = np.arange(2**53 - 1, 2**53 + 5, dtype=np.int64).reshape(1, -1)
    assert decoded(encode(raw.copy(), np.ones(1, np.bool_)), 1, 6).tolist() == raw.astype(float).tolist()


def test_counters_beyond_exact_doubles_are_the_nearest_double() -> None:
    """Increments of one beyond 2^53 are held exactly: the sum is rounded once, at the end, as a scrape rounds."""
    raw = (2**53 + np.arange(9, dtype=np.int64)).reshape(1, -1)
    values = decoded(encode(raw, np.ones(1, np.bool_)), 1, 9)[0]
    assert values.tolist() == [float(2**53 + one) for one in range(9)]


def test_many_rows_are_several_chunks() -> None:
    """Rows of one form stand together, a limited number in each chunk."""
    rows = 2 * CHUNK_ROWS + 3
    integer = np.arange(rows) < CHUNK_ROWS + 1
    raw = np.tile(np.arange(4, dtype=np.int64), (rows, 1))
    raw[~integer] = raw[~integer].astype(np.float64).view(np.int64)
    chunks = encode(raw, integer)
    assert [chunk.rows for chunk in chunks] == [CHUNK_ROWS, 1, CHUNK_ROWS, 2]
    assert (decoded(chunks, rows, 4) == np.arange(4)).all()


@pytest.mark.parametrize("data", [b"", b"nonsense", None])
def test_damage_is_an_error(data: bytes | None) -> None:
    """Bytes that cannot be unpacked, and some that can and are of other steps, raise one error."""
    raw = np.arange(6, dtype=np.int64).reshape(2, 3)
    [chunk] = encode(raw, np.ones(2, np.bool_))
    damaged = chunk._replace(data=data) if data is not None else chunk
    with pytest.raises(CodecError):
        decode(damaged, np.zeros((2, 3 if data is not None else 4)))
