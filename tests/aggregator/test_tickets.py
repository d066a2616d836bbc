"""A kernel moves an epoch only while its ticket is valid; whatever changes the epoch otherwise withdraws it."""

from __future__ import annotations

from random import Random

from fog_aggregator.core.places.rows import EpochColumns
from fog_aggregator.core.quarantine.orders import Order
from fog_schema.frames import EPHEMERAL, FINAL, LAST_PART
from tests.aggregator.test_plain import COMPILED, NOW, Arrived, Reader, begin, deltas, messages_of, read_both


def final(path: str, epoch: int, seq: int) -> Arrived:
    """Return the last keyframe of an epoch."""
    where, frame = begin(path, epoch, FINAL)
    frame.seq = seq
    return [(where, frame)]


def test_epochs_have_blocks_of_their_own_and_leave_the_room_to_others() -> None:
    """Epochs come, have other blocks and go. No ticket is given out twice."""
    draw, columns, known = Random(1), EpochColumns(), dict[int, list[list[int]]]()
    tickets = set[int]()
    for number in range(1, 2001):
        if len(known) == 20:
            row = draw.choice(list(known))
            if draw.random() < 0.3:
                del known[row]
                columns.end(row)
                continue
        else:
            row = columns.rows.take()
            columns.begin(row, number)
        known[row] = [[number, block, 0, 0] for block in range(draw.randrange(5))]
        ticket = columns.give_ticket(row, 0, 0, known[row], alone=True)
        assert ticket not in tickets
        tickets.add(ticket)
        for one, blocks in known.items():
            first, end = columns.integers[one, -2:].tolist()
            assert columns.blocks[first:end].tolist() == blocks
    assert len(columns.blocks) == 256, "20 epochs have 80 at most, and those of one size are used again"


def test_a_ticket_of_a_closed_epoch_opens_no_other() -> None:
    """Not even one that has its row, at the same path, within the same run."""
    arrived = [begin("0", 1), *deltas("0", 1, [2]), *final("0", 1, 3)]
    arrived += [begin("0", 9), *deltas("0", 9, [2]), *deltas("0", 1, [3]), *deltas("0", 9, [3])]
    _, by_kernels = read_both(messages_of(arrived, [100]), 1)
    assert by_kernels.counts["folded"] == 1


def test_another_epoch_of_a_path_changes_what_frames_must_say() -> None:
    """Its flags are the place's; and with it goes the choice between several."""
    arrived = [begin("0", 1), begin("0", 2), *deltas("0", 1, [2]), *deltas("0", 2, [2])]
    arrived += [*deltas("0", 2, [3], flags=EPHEMERAL), *deltas("0", 1, [3])]
    read_both(messages_of(arrived, [100]), 2)
    read_both(messages_of([*arrived[:4], *final("0", 2, 3)], [100]), 2)


def test_a_delta_between_the_parts_of_a_keyframe_breaks_it() -> None:
    """A kernel would go on with the epoch as if there were no parts, and the last one would complete it."""
    first, last = begin("0", 1), begin("0", 1)
    first[1].seq, last[1].seq, last[1].part = 2, 4, 1
    first[1].flags &= ~LAST_PART
    _, by_kernels = read_both(messages_of([begin("0", 1), first, *deltas("0", 1, [3]), last], [100]))
    assert [asked.path for asked in by_kernels.ingest.wanted(NOW)] == [("fog", "0")]


def test_kernels_tell_that_an_epoch_and_its_place_live() -> None:
    """One that sends is not closed for its silence, nor has its path ended with another writer's last frame."""
    arrived = [begin("0", 1), *deltas("0", 1, [2]), begin("0", 2), *final("0", 2, 2), *deltas("0", 1, [3])]
    messages = messages_of(arrived, [0, 0, 60_000, 0, 0])
    for one in (Reader(None), Reader(COMPILED)):
        one.read(messages[:4])
        place, rows = one.fleet.places["fog", "0"], one.fleet.parts.roster.rows
        assert rows.ended[place.row]
        one.fleet.observe(100.0, NOW + 60)
        one.read(messages[4:])
        assert (rows.ended[place.row], place.epochs[1].observed) == (False, 100.0)


def test_who_must_send_a_keyframe_has_no_ticket() -> None:
    """After a stream was lost, after messages were left out, and when a path is read again after it was out."""
    fog_0 = ("fog", "0")
    for how in ("lost", "left out", "read again"):
        reader = Reader(COMPILED)
        reader.read(messages_of([begin("0", 1), *deltas("0", 1, [2])], [0]))
        if how == "lost":
            reader.ingest.require_keyframes(NOW)
        elif how == "left out":
            reader.fleet.miss(fog_0)
        else:
            reader.fleet.order(fog_0, Order(NOW + 1, out=True, why="it lies"))
            reader.fleet.settle_orders(NOW + 1.5)
            reader.fleet.order(fog_0, Order(NOW + 2, out=False, why="it does not"))
            reader.fleet.settle_orders(NOW + 3)
        assert [asked.path for asked in reader.ingest.wanted(NOW)] == [fog_0], how
        assert reader.state, "which compares tickets with epochs"
