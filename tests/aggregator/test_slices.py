"""A batch is applied in slices of time: whatever a frame costs, others have their turn after it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

from fog_aggregator.brain import Brain
from fog_aggregator.core.costs.accounts import Accounts, Budget
from fog_aggregator.core.costs.slices import RUN_BYTES, SLICE_SECONDS, Portion
from fog_aggregator.core.engine.clock import NOTHING_DATED, Dated
from fog_bus.ports import Message
from fog_schema.codec import encode
from fog_schema.commands import FORGET, Command, encode_command
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.subjects import Subjects
from tests.aggregator.slicing import BEGIN, READ_AT, SlicedEngine, frame_of


def keyframes(count: int, path: str = "fog/0") -> list[Message]:
    """Make the frames of one node, numbered from 1."""
    return [frame_of(path, seq) for seq in range(1, count + 1)]


def test_a_slice_ends_when_its_time_is_over() -> None:
    """The position stands behind the last frame that was applied, and the next slice goes on there."""
    reading = SlicedEngine(SLICE_SECONDS / 3.9)
    messages = keyframes(10)
    assert reading.engine.on_batch("M", messages, 0.0, pending=100) == 4
    cursor = reading.engine.cursors["M"]
    assert (cursor.seq, cursor.lag) == (4, 106)
    reading.read(messages[4:])
    assert reading.handed == [4, 2]
    assert cursor.seq == 10
    assert reading.total("fog_aggregator_frames_total", outcome="applied") == 10


def test_what_kernels_merge_at_once_is_bounded_in_bytes() -> None:
    """256 of the longest deltas would be some 60 MB: tenths of a second without a pause."""
    messages = [Message("fog.v1.metrics.fog.0", bytes(200_000), seq, int(1e18)) for seq in range(1, 257)]
    portion, runs = Portion(messages, lambda: 0.0, Accounts(Subjects())), []
    while (run := portion.ahead(256)).messages:
        runs.append(len(run.messages))
        portion.done(run)
    assert (set(runs[:-1]), sum(runs)) == ({1 + RUN_BYTES // 200_000}, 256)
    small = [message._replace(data=bytes(300)) for message in messages]
    assert len(Portion(small, lambda: 0.0, Accounts(Subjects())).ahead(256).messages) == 256


def test_a_message_that_is_left_out_is_looked_at_once() -> None:
    """To leave out the messages of a flood costs less than to merge them."""
    messages = [Message("fog.v1.metrics.fog.0", b"", seq, int(1e18)) for seq in range(1, 2001)]
    looked_at: list[int] = []

    class Noted(list[Message]):
        def __getitem__(self, key: Any) -> Any:
            some = super().__getitem__(key)
            looked_at.append(len(some))
            return some

    portion = Portion(Noted(messages), lambda: 0.0, Accounts(Subjects(), Budget(rate=0.0)))
    assert portion.ahead(256).messages == []
    assert (portion.taken, portion.left_out) == (2000, messages)
    assert sum(looked_at) == 2000


def test_a_frame_that_is_longer_than_a_slice_is_alone_in_it() -> None:
    """Every slice applies at least one: reading goes on."""
    reading = SlicedEngine(5 * SLICE_SECONDS)
    reading.read(keyframes(3))
    assert reading.handed == [1, 1, 1]


def test_without_cost_a_batch_is_one_slice() -> None:
    """Cheap frames are merged together."""
    reading = SlicedEngine()
    reading.read(keyframes(2000))
    assert reading.handed == [2000]


def test_frames_of_others_are_passed_over() -> None:
    """A slice that ends before one of ours has passed those of others in front of it, and none of ours."""
    reading = SlicedEngine(SLICE_SECONDS, path=("fog", "0"))
    messages = [frame_of(f"fog/{node}", seq) for seq, node in enumerate((1, 0, 1, 1, 0, 1), 1)]
    reading.read(messages)
    assert reading.handed == [4, 2]
    assert reading.total("fog_aggregator_frames_total", outcome="applied") == 2


def test_missing_messages_are_counted_once() -> None:
    """However many slices a batch is applied in."""
    reading = SlicedEngine(SLICE_SECONDS)
    messages = keyframes(10)
    reading.read([*messages[:5], *messages[8:]])
    assert reading.handed == [1] * 7
    assert reading.engine.cursors["M"].trimmed == 3
    assert [key for key, _ in reading.said] == ["trimmed M"]


def test_events_and_commands_come_in_slices_too() -> None:
    """None is lost, none is taken twice."""
    reading = SlicedEngine(SLICE_SECONDS)
    event = Event("door_opened", None, {}, {}, BEGIN)
    data = [encode(Frame(EVENTS, 7, seq, events=(event,))) for seq in (1, 2, 3)]
    reading.read([Message("fog.v1.events.fog.0", one, seq, int(BEGIN * 1e9)) for seq, one in enumerate(data, 1)], "E")
    assert (reading.handed, reading.engine.events.total) == ([1, 1, 1], 3)
    forget = encode_command(Command(FORGET))
    reading.read([Message("fog.v1.control.fog.0", forget, seq, int(BEGIN * 1e9)) for seq in (1, 2)], "C")
    assert (reading.handed, reading.engine.cursors["C"].seq) == ([1, 1], 2)


def test_others_have_their_turn_between_slices() -> None:
    """The loop that reads lets go of the fleet, and of the loop, after each slice."""
    reading, turns = SlicedEngine(SLICE_SECONDS), []

    class Network:
        lock = threading.Lock()

    async def pause() -> None:
        assert not Network.lock.locked()
        turns.append(reading.engine.cursors["M"].seq)

    nobody = cast("Any", None)
    network = cast("Any", Network())
    brain = Brain(reading.engine, network, nobody, nobody, nobody, nobody, nobody, pause=pause)
    asyncio.run(brain.take("M", keyframes(4), 0))
    assert turns == [1, 2, 3]


def test_a_batch_is_judged_once_though_others_are_applied_between_its_slices() -> None:
    """A message of another month is misdated once, however often the rest of its batch is handed over."""
    reading = SlicedEngine(SLICE_SECONDS)
    batch = [one._replace(timestamp_ns=int((READ_AT + 30 * 86_400) * 1e9)) for one in keyframes(4)]
    event = Event("door_opened", None, {}, {}, BEGIN)
    others = [
        Message("fog.v1.events.fog.0", encode(Frame(EVENTS, 7, seq, events=(event,))), seq, int(READ_AT * 1e9))
        for seq in range(1, 5)
    ]
    for number in range(4):
        assert reading.engine.on_batch("M", batch[number:], float(number)) == 1
        assert reading.engine.on_batch("E", others[number : number + 1], float(number)) == 1
    assert reading.engine.cursors["M"].dates.misdated == 4


def test_a_batch_is_judged_once_and_handed_over_in_pieces() -> None:
    """Slices and portions of a batch have the times that were judged first; another batch is judged for itself."""
    messages = [Message("a", b"", number, number * 10**9) for number in range(1, 9)]
    judged = [one._replace(timestamp_ns=7) for one in messages]
    dated = Dated(messages, judged)
    assert dated.part(messages[2:5]) == judged[2:5]
    assert dated.part(messages) == judged
    assert dated.part([]) is None
    assert dated.part(messages[:1] + messages[2:4]) is None
    assert dated.part([messages[0]._replace(data=b"other")]) is None
    assert dated.part([*messages, Message("a", b"", 9, 9)]) is None
    assert dated.after(messages[2:5]) is dated
    assert dated.after(messages[5:]) == NOTHING_DATED
