"""Steps go by the streams' time: whoever reads a stream, in whatever portions, takes the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from fog_aggregator.core.checkpoint import Image, restore
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.engine.steps import MOST_AHEAD, MOST_AT_ONCE
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message, StreamInfo
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import MAX_BYTES, Fleet
from utilityfog_frontend.telemetry import TelemetryCollector

BEGIN = 1_700_000_000.0
"""A multiple of the step, when the stream begins."""
STEP = 10_000


class Recorder:
    """Takes the total of one counter at each step."""

    length = STEP
    retention = 3_600_000

    def __init__(self) -> None:
        self.steps: dict[int, float] = {}
        self.live: list[bool] = []
        self.network: NetworkCollector

    def take(self, at: int, *, live: bool) -> None:
        """Take a step."""
        metric = self.network.get_metric("work_total")
        self.steps[at - int(BEGIN * 1000)] = metric.get_value().value if metric is not None else 0  # type: ignore[union-attr]
        self.live.append(live)


class Reading:
    """An engine that reads messages which are handed to it.

    Args:
        image: A checkpoint to go on from.
    """

    def __init__(self, image: Image | None = None) -> None:
        self.recorder = Recorder()
        self.now = 0.0
        own = TelemetryCollector(self_metrics=False, reserved_names=True)
        fleet, events = FleetState(), EventList()
        network = self.recorder.network = NetworkCollector(fleet, events, own, lambda: BEGIN)
        around = Surroundings(network, SelfMetrics(own), lambda *_: None, history=self.recorder)
        scope = Scope(subjects=Subjects(), metrics="M", events="E", rollups="R")
        self.engine = Engine(scope, fleet, events, around)
        if image is not None:
            positions = restore(image, fleet, events, Ratchet(), self.engine.parts)
            self.engine.resume(fleet, events, positions, 0.0)

    def begin(self, messages: Sequence[Message], now: float, ahead: float = 0.0) -> None:
        """Begin a generation on a stream that holds these messages."""
        self.look(messages, now, ahead)
        start = self.engine.cursors["M"].begin(info_of(messages, now), self.now)
        if start.known:
            assert self.engine.cursors["M"].recognise(next(one for one in messages if one.seq == start.seq), self.now)

    def look(self, messages: Sequence[Message], now: float, ahead: float = 0.0) -> None:
        """See what the stream is at a moment of the server's time, whose clock may be ahead."""
        self.now = now - ahead - BEGIN
        cursor = self.engine.cursors["M"]
        if cursor.position is not None:
            cursor.look(info_of(messages, now), self.now)

    def read(self, messages: Sequence[Message], batch: int = 1000) -> None:
        """Read what was not read yet, in batches."""
        unread = [message for message in messages if message.seq > self.engine.cursors["M"].seq]
        for start in range(0, len(unread), batch):
            rest = unread[start : start + batch]
            while rest:
                count = self.engine.until_step("M", rest, self.now)
                if count:
                    self.engine.on_batch("M", rest[:count], self.now)
                rest = rest[count:]


def info_of(messages: Sequence[Message], now: float) -> StreamInfo:
    """Describe a stream of these messages."""
    first = messages[0] if messages else None
    last = messages[-1].seq if messages else 0
    beginning = first.timestamp if first else 0.0
    return StreamInfo("then", first.seq if first else 1, last, len(messages), 1, beginning, None, 3600.0, now, last)


def frames(moments: Sequence[float]) -> Iterator[Message]:
    """Yield the frames of a node that counts 1 and sends at these moments, seconds after the beginning."""
    fleet = Fleet()
    fleet.now = BEGIN
    member = fleet.join("fog/0")
    work = member.collector.register_counter("work_total", "Work")
    for seq, moment in enumerate(moments, 1):
        fleet.now = BEGIN + moment
        work.increment()
        frame = member.writer.encode_part(fleet.now, MAX_BYTES) if seq == 1 else None
        frame = frame or member.writer.encode_delta(fleet.now, MAX_BYTES)
        assert frame is not None
        yield Message("fog.v1.metrics.fog.0", frame.data, seq, int(fleet.now * 1e9))


MOMENTS = [1, 4, 9.999, 10, 12, 25, 33, 61, 62]
TRUTH = {10_000: 3, 20_000: 5, 30_000: 6, 40_000: 7, 50_000: 7, 60_000: 7}
"""By a step's time, the messages that were stored before it."""


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_numbers_are_those_before_the_step(batch: int) -> None:
    """Batches are cut where a step lies in them; silent steps in between are taken too, with the same numbers."""
    messages, reading = list(frames(MOMENTS)), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages, BEGIN + 62)
    reading.read(messages, batch)
    assert reading.recorder.steps == TRUTH
    assert reading.recorder.live == [False] * 5 + [True]


def test_a_restart_takes_the_steps_that_it_has_missed() -> None:
    """It goes on with the first step after its checkpoint's position, and has the numbers of one that stayed."""
    messages, early = list(frames(MOMENTS)), Reading()
    early.engine.readiness.needs_round = False
    early.begin(messages[:4], BEGIN + 10)
    early.read(messages[:4])
    early.engine.fleet.needs_keyframe_round = False
    assert early.recorder.steps == {10_000: 3}
    later = Reading(early.engine.image(Ratchet()))
    later.begin(messages, BEGIN + 62)
    later.read(messages)
    assert early.recorder.steps | later.recorder.steps == TRUTH
    assert not early.recorder.steps.keys() & later.recorder.steps.keys()


def test_no_step_is_taken_again_of_a_stream_that_lost_its_end() -> None:
    """It is read from its start, with a fleet that has counted what it lost; that is so after a restart as well."""
    messages, early = list(frames(MOMENTS)), Reading()
    early.engine.readiness.needs_round = False
    early.begin(messages[:7], BEGIN + 33)
    early.read(messages[:7])
    assert list(early.recorder.steps) == [10_000, 20_000, 30_000]
    early.engine.cursors["M"].end("disconnected", 0.0)
    early.begin(messages[:2], BEGIN + 34)
    early.read(messages[:2])
    early.engine.fleet.needs_keyframe_round = False
    later = Reading(early.engine.image(Ratchet()))
    lost = [Message(*one[:2], seq, one[3]) for seq, one in enumerate((*messages[:2], *messages[7:]), 1)]
    later.begin(lost, BEGIN + 62)
    later.read(lost)
    assert later.recorder.steps == {at: TRUTH[at] for at in (40_000, 50_000, 60_000)}


def test_time_passes_while_nobody_sends() -> None:
    """The server's clock passes steps, a few in each tick, once all that it holds was read; never before."""
    messages, reading = list(frames([1, 2])), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages, BEGIN + 5)
    reading.read(messages[:1])
    reading.look(messages, BEGIN + 500)
    reading.engine.tick(reading.now)
    assert reading.recorder.steps == {}
    reading.read(messages)
    for ticks in (1, 2):
        reading.engine.tick(reading.now)
        assert list(reading.recorder.steps) == [STEP * at for at in range(1, ticks * MOST_AT_ONCE + 1)]
    assert set(reading.recorder.steps.values()) == {2}


def test_an_old_backlog_begins_where_the_history_does() -> None:
    """Of a stream of days only the steps are taken that the history keeps, of a gap as well."""
    messages, reading = list(frames([1, 7_000, 7_012, 100_000])), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages, BEGIN + 7_012)
    reading.read(messages[:3])
    assert list(reading.recorder.steps) == list(range(3_420_000, 7_020_000, STEP))
    reading.look(messages, BEGIN + 100_000)
    reading.read(messages)
    assert len(reading.recorder.steps) == 360 + 361


def test_without_a_checkpoint_no_total_is_kept_that_is_still_being_found() -> None:
    """A stream that has lost the beginning of an epoch: no steps before a keyframe of every live writer."""
    fleet = Fleet()
    fleet.now = BEGIN
    members = [fleet.join(f"fog/{name}") for name in "ab"]
    counters = [member.collector.register_counter("work_total", "Work") for member in members]
    messages: list[Message] = []
    for tick in range(12):
        for member, counter in zip(members, counters, strict=True):
            fleet.now = BEGIN + 10 * tick + 1 + len(messages) / 1000
            counter.increment()
            if tick == 6 and member is members[1]:
                member.writer.request_keyframe()
            due = member.writer.keyframe_due
            frame = (member.writer.encode_part if due else member.writer.encode_delta)(fleet.now, MAX_BYTES)
            assert frame is not None
            subject = f"fog.v1.metrics.{'.'.join(member.path)}"
            messages.append(Message(subject, frame.data, len(messages) + 1, int(fleet.now * 1e9)))
    kept = [one for one in messages if one.seq == 1 or one.seq > 2]  # the first keyframe of one of them is lost
    kept = [Message(*one[:2], seq, one[3]) for seq, one in enumerate(kept, 1)]
    reading = Reading()
    reading.begin(kept, BEGIN + 200)
    reading.read(kept)
    assert reading.recorder.steps == {at * STEP: 2 * at for at in range(7, 12)}


MONTH = 30 * 86_400.0


def test_a_clock_that_is_wrong_for_a_moment_makes_no_steps() -> None:
    """Messages of a server that was a month ahead count in the next step, which is of the server's time again."""
    messages, reading = list(frames([1, 4, 12, MONTH, MONTH + 25, 33, 41, 62])), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages, BEGIN + 62)
    reading.read(messages)
    assert {at: total for at, total in reading.recorder.steps.items() if at <= 20_000} == {10_000: 2, 20_000: 3}
    assert max(reading.recorder.steps) <= 62_000 + MOST_AHEAD + STEP


def test_a_clock_that_was_set_back_goes_on() -> None:
    """The server itself said that a month had passed, and then that it had not: steps are taken of its time again."""
    messages, reading = list(frames([1, 4, MONTH, 33, 41, 62])), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages, BEGIN + MONTH, MONTH - 4)
    reading.read(messages[:3])
    assert max(reading.recorder.steps) == MONTH * 1000
    reading.recorder.steps.clear()
    reading.look(messages, BEGIN + 35)
    reading.look(messages, BEGIN + 40)
    reading.read(messages[:5])
    reading.look(messages, BEGIN + 62)
    reading.read(messages)
    reading.engine.tick(reading.now)
    assert reading.recorder.steps == {50_000: 5, 60_000: 5}


def test_a_clock_that_stepped_ahead_leaves_out_what_never_was() -> None:
    """A month passes in a moment by the server's word: its steps are not taken, those after it are in a minute."""
    moments = [1, 4, 12, MONTH + 15, MONTH + 25, MONTH + 85, MONTH + 95]
    messages, reading = list(frames(moments)), Reading()
    reading.engine.readiness.needs_round = False
    reading.begin(messages[:3], BEGIN + 12)
    reading.read(messages[:3])
    for moment in range(15, 97):
        reading.look(messages, BEGIN + MONTH + moment, MONTH)
        reading.engine.tick(reading.now)
    reading.read(messages)
    month = int(MONTH * 1000)
    later = {at - month: total for at, total in reading.recorder.steps.items() if at > month}
    assert later == {80_000: 5, 90_000: 6}
    assert len(reading.recorder.steps) <= 3 + (MOST_AHEAD + STEP) // STEP
