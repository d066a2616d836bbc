"""Steps and blocks come back from their bytes; damage costs what follows it, and is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.history.records import Journal, LoadedBlock, RecordError, block_bytes, read_records
from fog_aggregator.history.step import WHOLE, Step
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from tests.history.building import STEP, Tables, samples

SERIES = ["a_total/n=1", "a_total/n=2/m=ü", "b", 'b/text=a"\\\n', "c_total"]
STEPS = st.lists(
    st.dictionaries(
        st.sampled_from((WHOLE, 0, 3)),
        st.dictionaries(st.sampled_from(SERIES), st.integers(0, 2**63 - 1) | st.floats(0, 1e300)),
    ),
    min_size=1,
    max_size=6,
)

Given = list[dict[int, dict[str, float]]]


def made(steps: Given) -> list[Step]:
    """Return steps."""
    tables = Tables(born=5.5)
    return [tables.step(number * STEP, levels) for number, levels in enumerate(steps, 1)]


@given(STEPS)
def test_a_journal_has_its_steps(steps: Given) -> None:
    """Each step comes back with its label sets, which are written when they change; integers stay integers."""
    journal = Journal()
    originals = made(steps)
    found = list(read_records(b"".join(journal.records(step) for step in originals)))
    for step, original in zip(found, originals, strict=True):
        assert isinstance(step, Step)
        assert step.time == original.time
        for depth, columns in original.levels.items():
            own = step.levels[depth]
            assert list(own.table.labels) == list(columns.table.labels)
            for one, other in ((own.raw, columns.raw), (own.integer, columns.integer)):
                assert one.tolist() == other.tolist()
            assert np.array_equal(own.table.born, columns.table.born, equal_nan=True)


@given(STEPS)
def test_a_block_has_its_series(steps: Given) -> None:
    """A history that is made of a block's bytes answers as the one that wrote it."""
    store = HistoryStore(HistoryLimits())
    for step in made(steps):
        store.append(step)
    block = store.encode_head()
    [loaded] = read_records(block_bytes(block, {depth: store.labels(depth) for depth in block.levels}))
    assert isinstance(loaded, LoadedBlock)
    other = HistoryStore(HistoryLimits())
    other.insert(loaded.times, loaded.levels)
    for depth in (WHOLE, 0, 3):
        found, wanted = (samples(one.find(depth, [], 0, 9**9), births=True) for one in (other, store))
        assert found == wanted
    assert other.newest == store.newest
    assert other.append(made([{}] * (len(steps) + 1))[-1])


def times_of(record: Step | LoadedBlock) -> int:
    """Return the time of a step."""
    assert isinstance(record, Step)
    return record.time


def readable(data: bytes) -> tuple[list[Step | LoadedBlock], str]:
    """Return what can be read, and the text of the error that ends it."""
    found = []
    try:
        for record in read_records(data):
            found.append(record)  # noqa: PERF402 - what came before the damage counts
    except RecordError as error:
        return found, str(error)
    return found, ""


def records() -> bytes:
    """Return the bytes of three steps."""
    journal = Journal()
    return b"".join(journal.records(step) for step in made([{0: {"a_total": at, "b": at / 7}} for at in range(3)]))


@given(st.data())
def test_damage_costs_what_follows(data: st.DataObject) -> None:
    """A byte that is flipped, or bytes that are missing at the end, leave the steps before as they were."""
    good = records()
    integer = list(read_records(good))
    at = data.draw(st.integers(0, len(good) - 1))
    cut = data.draw(st.booleans())
    bad = good[:at] if cut else good[:at] + bytes([good[at] ^ (1 << data.draw(st.integers(0, 7)))]) + good[at + 1 :]
    found, error = readable(bad)
    assert error or cut  # a cut between two records is not seen
    assert [times_of(step) for step in found] == [times_of(step) for step in integer[: len(found)]]
    assert len(found) < 3


@pytest.mark.parametrize(("bad", "words"), [(b"", "does not begin"), (b"FOGHIST2....", "does not begin")])
def test_other_files_are_refused(bad: bytes, words: str) -> None:
    """A file of something else says so."""
    with pytest.raises(RecordError, match=words):
        list(read_records(bad))
