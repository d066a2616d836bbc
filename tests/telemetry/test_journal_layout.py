"""A journal says after any kill what its process had counted, and never reads a damaged file as if it were whole."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from utilityfog_frontend.telemetry.journal.kinds import Shape
from utilityfog_frontend.telemetry.journal.layout import (
    AT_SEGMENTS,
    AT_VERSION,
    CELL,
    HEADER_BYTES,
    MAX_BYTES,
    JournalError,
)
from utilityfog_frontend.telemetry.journal.live import SEQS_RESERVED, LiveJournal
from utilityfog_frontend.telemetry.journal.reading import Left, read
from utilityfog_frontend.telemetry.journal.slots import Slot
from utilityfog_frontend.telemetry.model import Family, HistogramValue, Labels, MetricType, Value

ORDERS = Family("orders_total", MetricType.COUNTER, "Orders taken")
DELAY = Family("delay_seconds", MetricType.HISTOGRAM, "", "seconds", (0.1, 1 / 3))
LEVEL = Family("level", MetricType.GAUGE)
A, B = (("kind", "a"),), (("kind", "ä\ud800\n"),)


def made(limit: int = MAX_BYTES, epoch: int = 2**64 - 1) -> LiveJournal:
    """Begin a journal in memory that may become so long."""
    left = [limit - HEADER_BYTES]

    def grow(size: int) -> bytearray | None:
        left[0] -= size
        return bytearray(size) if left[0] >= 0 else None

    return LiveJournal(bytearray(HEADER_BYTES), grow, {"pid": 1}, epoch=epoch, now=100.0)


def count(place: tuple[Slot, Shape] | None, value: Value) -> None:
    """Let a series have counted `value`."""
    assert place is not None
    slot, shape = place
    slot.write(8, shape.pack(value))


def left(journal: LiveJournal) -> Left:
    """Read what the process leaves when it is killed now."""
    return read(journal.image())


def values(journal: LiveJournal, epoch: int = -1) -> dict[tuple[Family, Labels], Value]:
    """Return what one epoch's final will say, by family and labels."""
    return {(one.family, one.labels): one.value for one in left(journal).epochs[epoch].series}


def test_counts_come_back_bit_by_bit() -> None:
    """Whole counts stay whole, doubles keep their bits, and so do bounds and labels."""
    journal = made()
    counted: dict[tuple[Family, Labels], Value] = {
        (ORDERS, A): 2**63 - 1,
        (ORDERS, B): 0.1 + 0.2,
        (DELAY, A): HistogramValue((1, 0, 2), -1 / 3),
    }
    for (family, labels), value in counted.items():
        count(journal.add(family, labels), value)
    assert values(journal) == counted
    assert {type(value) for value in values(journal).values()} == {int, float, HistogramValue}
    [epoch] = left(journal).epochs
    assert (epoch.epoch, epoch.seq, epoch.last_sent, epoch.birth) == (2**64 - 1, 0, None, 100.0)
    assert left(journal).publication is None


def test_what_was_never_counted_nor_sent_is_not_ended() -> None:
    """A process that counted nothing leaves no epoch; one that may have sent a frame does."""
    journal = made()
    journal.add(ORDERS, A)
    assert left(journal).epochs == ()
    assert journal.add(LEVEL, ()) is None
    journal.reserve(journal.epoch, 1, 200.0)
    [epoch] = left(journal).epochs
    assert (epoch.seq, epoch.last_sent, epoch.series) == (1 + SEQS_RESERVED, 200.0, ())


def test_seqs_are_reserved_before_they_are_used() -> None:
    """After every reservation the journal knows a seq that is not below the one to be used."""
    journal = made()
    for seq in range(1, 3 * SEQS_RESERVED):
        journal.reserve(journal.epoch, seq, 1.0)
        assert left(journal).epochs[0].seq >= seq


def test_a_removed_series_stays_until_it_is_released() -> None:
    """It is marked as removed; released, it is gone, and its place is another series' once nobody holds it."""
    journal = made()
    place = journal.add(ORDERS, A)
    assert place is not None
    count(place, 5)
    journal.number([(place[0], 7)], 8)
    journal.end(place[0])
    [one] = left(journal).epochs[0].series
    assert (one.id, one.removed, one.value) == (7, True, 5)
    journal.release(place[0])
    assert left(journal).epochs == ()
    other = journal.add(ORDERS, B)
    assert other is not None
    assert other[0].address != place[0].address  # an increment may still be under way there
    address = place[0].address
    del place
    again = journal.add(ORDERS, A)
    assert again is not None
    assert again[0].address == address
    assert left(journal).epochs == ()  # nothing of the old count, nor of its id


def test_an_epoch_ends_in_one_store() -> None:
    """Before its final is acknowledged both epochs are left, and one count is in exactly one of them."""
    journal = made(epoch=5)
    lives, ends, late = journal.add(ORDERS, A), journal.add(DELAY, A), journal.add(ORDERS, ())
    assert lives is not None
    assert ends is not None
    assert late is not None
    count(lives, 3.5)
    count(ends, HistogramValue((1, 0, 0), 0.05))
    journal.number([(lives[0], 0), (ends[0], 1)], 2)
    journal.reserve(5, 3, 50.0)
    journal.end(ends[0])
    journal.end_epoch([(lives[0], 3.5)], [ends[0]], epoch=6, now=60.0)
    count(lives, 4.75)
    count(late, 2)
    first, second = left(journal).epochs
    assert [(one.id, one.removed, one.value) for one in first.series] == [
        (0, False, 3.5),
        (1, True, HistogramValue((1, 0, 0), 0.05)),
    ]
    assert (first.epoch, second.epoch) == (5, 6)
    assert (first.final_sent, second.final_sent) == (60.0, None)
    assert values(journal) == {(ORDERS, A): 1.25, (ORDERS, ()): 2}
    assert [one.id for one in second.series] == [None, None]
    journal.reserve(5, first.seq + 1, 61.0)  # its final was too long for the server, and is encoded again
    assert [epoch.seq for epoch in left(journal).epochs] == [first.seq + 1 + SEQS_RESERVED, 0]
    journal.acknowledge()
    [only] = left(journal).epochs
    assert only.epoch == 6
    journal.number([(lives[0], 0), (late[0], 1)], 2)
    journal.end_epoch([(lives[0], 4.75), (late[0], 2)], [], epoch=7, now=70.0)
    count(late, 9)
    assert [one.value for one in left(journal).epochs[0].series] == [1.25, 2]
    assert values(journal) == {(ORDERS, ()): 7}


def test_a_kill_within_the_end_of_an_epoch_leaves_one_of_the_two_states() -> None:
    """Every count is in the old epoch until the ordinal changes, whatever of the rest is written."""
    journal = made(epoch=5)
    place = journal.add(ORDERS, A)
    assert place
    count(place, 3)
    journal.number([(place[0], 0)], 1)
    journal.reserve(5, 1, 1.0)
    before = journal.image()
    journal.end_epoch([(place[0], 3)], [], epoch=6, now=2.0)
    after = journal.image()
    cells = [at for at in range(0, len(before), CELL) if before[at : at + CELL] != after[at : at + CELL]]
    ordinal = [at for at in cells if at == 2 * CELL]
    torn = bytearray(before)
    for at in [at for at in cells if at not in ordinal]:  # in any order, even: the ordinal is the last one
        torn[at : at + CELL] = after[at : at + CELL]
        assert [(epoch.epoch, epoch.series[0].value) for epoch in read(bytes(torn)).epochs] == [(5, 3)]
    assert len(ordinal) == 1


def test_the_publication_is_the_old_one_or_the_new_one() -> None:
    """The text that does not hold is written first."""
    journal = made()
    for interval in (1, 2, 3):
        journal.publish({"path": "fog/0", "interval": interval})
        assert left(journal).publication == {"path": "fog/0", "interval": interval}
    with pytest.raises(ValueError, match="do not fit"):
        journal.publish({"path": "x" * 40_000})
    assert left(journal).publication == {"path": "fog/0", "interval": 3}


def test_a_journal_that_may_not_grow_refuses_newcomers_alone() -> None:
    """A series that has a place keeps it."""
    journal = made(limit=HEADER_BYTES + 64 * 1024)
    places: list[tuple[Slot, Shape]] = []
    while (place := journal.add(ORDERS, (("n", str(len(places))),))) is not None:
        count(place, 1)
        places.append(place)
    assert 100 < len(places) < 1000
    assert len(values(journal)) == len(places)


def test_ten_thousand_children_fit_and_come_back() -> None:
    """Segments follow each other."""
    journal = made()
    for number in range(10_000):
        place = journal.add(ORDERS, (("n", str(number)),))
        count(place, number + 1)
    assert sorted(map(float, values(journal).values())) == list(range(1, 10_001))  # type: ignore[arg-type]
    assert len(journal.image()) < 4 * 1024 * 1024


def test_a_file_that_is_cut_off_is_torn() -> None:
    """At every length but its own."""
    journal = made()
    count(journal.add(ORDERS, A), 1)
    image = journal.image()
    for length in (0, 7, CELL, HEADER_BYTES - 1, HEADER_BYTES, len(image) - 1):
        with pytest.raises(JournalError, match=r"cut off|at least") as caught:
            read(image[:length])
        assert caught.value.reason == "torn"


def test_another_version_is_not_read() -> None:
    """Nor what is no journal at all."""
    journal = made()
    image = bytearray(journal.image())
    image[AT_VERSION * CELL] += 1
    for foreign in (bytes(image), b"\x7fELF" + bytes(HEADER_BYTES), random.Random(1).randbytes(HEADER_BYTES * 2)):
        with pytest.raises(JournalError) as caught:
            read(foreign)
        assert caught.value.reason == "version"


def test_damage_never_raises_anything_else() -> None:
    """Whatever bits a disk has turned, reading ends, with values or with the one error."""
    journal = made()
    for number in range(50):
        count(journal.add(DELAY if number % 2 else ORDERS, (("n", str(number)),)), HISTOGRAM[number % 2])
    journal.publish({"path": "fog/0"})
    image, rng = journal.image(), random.Random(7)
    used = (*range(96 * CELL), *range(1024, 1100), *range(2048, 2100), *range(HEADER_BYTES, HEADER_BYTES + 12_000))
    torn = 0
    for _ in range(2000):
        damaged = bytearray(image)
        for _ in range(rng.choice((1, 1, 8))):
            damaged[rng.choice(used)] = rng.randrange(256)
        try:
            read(bytes(damaged))
        except JournalError:
            torn += 1
    assert torn > 500


HISTOGRAM = (5, HistogramValue((1, 2, 3), 1.5))


def test_segments_longer_than_the_file_are_torn() -> None:
    """A length in the header that the file does not have."""
    journal = made()
    image = bytearray(journal.image())
    image[AT_SEGMENTS * CELL : (AT_SEGMENTS + 1) * CELL] = (1 << 40).to_bytes(8, "little")
    with pytest.raises(JournalError, match="cut off"):
        read(bytes(image))


def test_a_batch_counts_as_a_whole_from_one_store_on() -> None:
    """Killed before it, nothing of it is counted; killed after it, all is, however much of it was made."""
    journal = made()
    orders, delay = journal.add(ORDERS, A), journal.add(DELAY, A)
    assert orders is not None
    assert delay is not None
    count(orders, 5)
    before = values(journal)
    assert left(journal).file == ""
    assert journal.begin_batch({orders[0]: [3, 0.5, 2.0], delay[0]: [0.1, 7.0]}, "/spool/ä")
    after = {(ORDERS, A): 10.5, (DELAY, A): HistogramValue((1, 0, 1), 7.1)}
    assert values(journal) == after
    assert left(journal).file == "/spool/ä"
    count(orders, 8)  # some of it is made
    assert values(journal) == after
    count(orders, 10.5)
    count(delay, HistogramValue((1, 0, 1), 7.1))
    journal.end_batch()
    assert left(journal).file == ""
    assert values(journal) == after != before


def test_a_batch_may_be_of_any_length_and_has_room_or_is_not_begun() -> None:
    """A longer one gets another place, whose old one is free again."""
    journal = made(limit=HEADER_BYTES + 64 * 1024)
    place = journal.add(ORDERS, A)
    assert place is not None
    for length in (10, 1_000, 3_000):
        assert journal.begin_batch({place[0]: [1]}, "x" * length)
        assert left(journal).file == "x" * length
        journal.end_batch()
    assert not journal.begin_batch({place[0]: [1]}, "x" * 100_000)
    assert left(journal).file == ""
    assert journal.begin_batch({}, "none")
    assert left(journal).epochs == ()


def test_a_batch_that_is_not_whole_is_torn() -> None:
    """Whatever stands in its cells, the journal is read or refused."""
    journal = made()
    place = journal.add(ORDERS, A)
    assert place is not None
    journal.begin_batch({place[0]: [1]}, "file")
    whole = journal.image()
    at = int.from_bytes(whole[4 * CELL : 5 * CELL], "little")
    for cell in range(at, at + 7 * CELL, CELL):
        for bad in (0, 1, 2**40, -8):
            with_fault = bytearray(whole)
            with_fault[cell : cell + CELL] = bad.to_bytes(8, "little", signed=True)
            with suppress(JournalError):
                read(bytes(with_fault))


def test_batches_that_grow_take_little_room() -> None:
    """Each a little longer than the last one: old places are of no use to them."""
    journal = made(limit=HEADER_BYTES + 64 * 1024)
    place = journal.add(ORDERS, A)
    assert place is not None
    for length in range(1, 10_000, 50):
        assert journal.begin_batch({place[0]: [1]}, "x" * length), length
        journal.end_batch()


def test_a_settled_batch_undoes_no_later_count() -> None:
    """Its file is still there, and its values are in the cells already."""
    journal = made()
    place = journal.add(ORDERS, A)
    assert place is not None
    journal.begin_batch({place[0]: [1]}, "file")
    count(place, 1)
    journal.settle_batch()
    count(place, 11)
    assert values(journal) == {(ORDERS, A): 11}
    assert left(journal).file == "file"
