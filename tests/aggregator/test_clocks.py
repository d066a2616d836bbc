"""The time of a server whose clock is wrong, steps, or differs from another's, as an engine sees it (R12.18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fog_aggregator.core.checkpoint import read_image, restore
from fog_aggregator.core.engine.clock import RECENT_SECONDS, STEP_SECONDS, ServerClock
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.ratchet import Ratchet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.memory import MemoryStream
from fog_bus.ports import Message
from fog_bus.streams import MAX_AGE, StreamSettings
from fog_schema.subjects import Subjects
from tests.aggregator.fleet import MAX_BYTES, Member
from tests.aggregator.fleet import Fleet as Writers
from utilityfog_frontend.telemetry import TelemetryCollector

NOON = 1_700_000_000.0
SUBJECTS = Subjects()
INTERVAL = 1.0
DAY = 86_400.0
MONTH = 30 * DAY
STREAMS = ("metrics", "events")


def always(ahead: float) -> Callable[[float], float]:
    """Make a clock that is ahead by the same all the time."""
    return lambda _: ahead


def between(begin: float, end: float, ahead: float) -> Callable[[float], float]:
    """Make a clock that is ahead for some seconds after noon."""
    return lambda seconds: ahead if begin <= seconds < end else 0.0


NEVER = always(0.0)


class Fog:
    """A server with a clock of its own, writers, and an engine that reads them second by second.

    Attributes:
        now: The true time, and monotonic: seconds after noon.
        ahead: How far the server's clock is ahead at a time.
        engine: The reader.
        network: Shows what it reads.
        counted: The number that each writer has counted.
    """

    def __init__(self, ahead: Callable[[float], float] = NEVER) -> None:
        self.now = 0.0
        self.ahead = ahead
        self.own = TelemetryCollector(self_metrics=False, reserved_names=True)
        self.said: list[str] = []
        settings = [StreamSettings(name=name, subjects=("fog.v1.>",), max_age=MAX_AGE) for name in STREAMS]
        self.streams = {one.name: MemoryStream(one, self.server_time) for one in settings}
        self.writers = Writers()
        self.members: list[Member] = []
        self.counted: Counter[int] = Counter()
        self.works: dict[int, Any] = {}
        self.engine = self.start()

    def start(self) -> Engine:
        """Make an engine that has read nothing."""
        fleet, events = Fleet(), EventList()
        clock = lambda: self.engine.server_time(self.now)  # noqa: E731
        self.network = NetworkCollector(fleet, events, self.own, clock)
        say = lambda _, text, __: self.said.append(text)  # noqa: E731
        scope = Scope(subjects=SUBJECTS, metrics="metrics", events="events", rollups="rollups")
        return Engine(scope, fleet, events, Surroundings(self.network, SelfMetrics(self.own), say))

    def restart(self) -> None:
        """Save a checkpoint, and go on from it."""
        image = read_image(b"".join(self.engine.image(Ratchet()).chunks()))
        self.engine = self.start()
        fleet, events = Fleet(), EventList()
        positions = restore(image, fleet, events, Ratchet(), self.engine.parts)
        self.network.adopt(fleet, events, Ratchet())
        self.engine.resume(fleet, events, positions, self.now)
        self.begin()

    def begin(self) -> None:
        """Begin to read."""
        for name, stream in self.streams.items():
            cursor, info = self.engine.cursors[name], stream.info()
            start = cursor.begin(info, self.now)
            if start.known:
                assert cursor.recognise(stream.read(start.seq, 1)[0], self.now)

    def server_time(self) -> float:
        """Return the server's time now."""
        return NOON + self.now + self.ahead(self.now)

    def join(self, path: str) -> Member:
        """Start a writer that counts, and has a gauge."""
        self.writers.now = NOON + self.now
        member = self.writers.join(path, interval=INTERVAL)
        self.works[member.writer.epoch] = member.collector.register_counter("work_total", "Work")
        member.collector.register_gauge("level", "Level").set(1)
        self.members.append(member)
        return member

    def send(self, member: Member) -> Message:
        """Count one, and let the stream store what a writer sends then."""
        self.counted[member.writer.epoch] += 1
        self.works[member.writer.epoch].increment()
        at, writer = NOON + self.now, member.writer
        frame = writer.encode_part(at, MAX_BYTES) if writer.keyframe_due else writer.encode_delta(at, MAX_BYTES)
        assert frame is not None
        self.streams["metrics"].publish(SUBJECTS.metrics(member.path), frame.data)
        return self.streams["metrics"].messages[-1]

    def read(self) -> None:
        """Read what there is, and look at the streams when it is time."""
        for name, stream in self.streams.items():
            cursor = self.engine.cursors[name]
            messages = stream.read(cursor.seq + 1, 10_000)
            self.engine.on_batch(name, messages, self.now)
            if cursor.must_look(self.now):
                cursor.check(stream.info(), self.now)

    def pass_seconds(self, seconds: float) -> None:
        """Let time pass: each second all writers send, all is read, and the engine ticks; who is asked answers."""
        for _ in range(round(seconds)):
            self.now += 1.0
            for member in self.members:
                self.send(member)
            self.read()
            for path, request in self.engine.tick(self.now).requests:
                for member in self.members:
                    if member.path[: len(path)] == path and request.epoch in (0, member.writer.epoch):
                        member.writer.request_keyframe()

    def steps(self) -> list[str]:
        """Return what the events tell of steps of the clock."""
        told = [event.open().value for event in self.engine.events.query(name="clock_stepped")]
        return [one["text"] for one in told if one["subject"] == "metrics"]

    def value(self, name: str) -> float:
        """Return a total, or how many gauges count."""
        metric: Any = self.network.get_metric(name)
        values = metric.get_value()
        if not isinstance(values, list):
            return float(values.value)
        return float(next(one.value for one in values if one.labels["stat"] == "count"))

    def check(self) -> None:
        """Check that every count and gauge is there, and that the time is the server's."""
        assert self.value("work_total") == sum(self.counted.values())
        assert self.value("level") == len(self.members)
        live = self.engine.fleet.live_rows(self.engine.server_time(self.now))
        assert all(live[place.row] for place in self.engine.fleet.places.values())
        assert abs(self.engine.server_time(self.now) - self.server_time()) < STEP_SECONDS
        for place in self.engine.fleet.places.values():
            for epoch in place.epochs.values():
                assert epoch.last_seen <= self.server_time() + STEP_SECONDS
                assert abs(self.server_time() - epoch.last_seen) < STEP_SECONDS


def fog(ahead: Callable[[float], float] = NEVER) -> Fog:
    """Make a fog of three nodes that is up to date."""
    found = Fog(ahead)
    found.begin()
    for name in "abc":
        found.join(f"fog/{name}")
    found.pass_seconds(15)
    return found


def test_one_frame_of_another_month_changes_nothing() -> None:
    """It counts, its node is heard now, and nobody else is older for it."""
    found = fog()
    found.ahead = always(MONTH)
    found.send(found.members[0])
    found.ahead = always(0.0)
    found.pass_seconds(1)
    found.check()
    found.join("fog/d")
    found.pass_seconds(1)
    found.check()
    assert not found.steps()
    assert found.engine.cursors["metrics"].dates.misdated == 1


@pytest.mark.parametrize(("ahead", "seconds"), [(MONTH, 3), (90.0, 2), (-3600.0, 3)])
def test_a_clock_that_is_wrong_for_a_moment_is_not_believed(ahead: float, seconds: float) -> None:
    """Writers that begin then and afterwards count in full, and everybody stays live."""
    found = fog(between(20, 20 + seconds, ahead))
    found.pass_seconds(6)
    found.join("fog/during")
    found.pass_seconds(2)
    found.check() if found.now >= 20 + seconds else None
    for number in range(5):
        found.join(f"fog/after_{number}")
        found.pass_seconds(1)
    found.check()
    found.pass_seconds(60)
    found.check()
    assert not found.steps()


@pytest.mark.parametrize("ahead", [40.0, 3600.0, -3600.0, MONTH, -2 * DAY])
def test_a_step_in_either_direction_is_followed_within_ten_seconds(ahead: float) -> None:
    """A new leader, or a clock that was set: meanwhile everybody stays live, and it is told once each time."""
    found = fog(between(20, 120, ahead))
    for _ in range(5 + int(RECENT_SECONDS)):
        found.pass_seconds(1)
        live = found.engine.fleet.live_rows(found.engine.server_time(found.now))
        assert all(live[place.row] for place in found.engine.fleet.places.values())
    found.check()
    assert found.steps() == [f"the clock of the server of metrics has stepped by {ahead:+.0f} s"]
    found.join("fog/d")
    found.pass_seconds(80)
    found.check()
    found.pass_seconds(20)
    found.check()
    assert len(found.steps()) == 2
    assert found.engine.cursors["metrics"].dates.clock.steps == 2


@pytest.mark.parametrize("ahead", [MONTH, 3600.0, -3600.0])
def test_a_checkpoint_saved_while_the_clock_was_wrong_recovers(ahead: float) -> None:
    """Believed or not: after a restart the clock is right again, and so is all that is known."""
    for seconds in (2, 30):
        found = fog(between(20, 20 + seconds, ahead))
        found.pass_seconds(5 + seconds)
        found.restart()
        found.pass_seconds(15)
        found.join("fog/d")
        found.pass_seconds(2)
        found.check()


def test_a_younger_writer_shows_its_gauges_also_after_a_step() -> None:
    """Births are stamps by the same offset: one that was born while the clock was ahead is not the youngest."""
    found = fog(between(10, 60, MONTH))
    found.pass_seconds(20)
    elder = found.join("fog/d")
    found.pass_seconds(40)
    younger = found.join("fog/d")
    found.pass_seconds(2)
    epochs = {epoch.id: epoch for epoch in found.engine.fleet.places["fog", "d"].epochs.values()}
    assert epochs[younger.writer.epoch].birth > epochs[elder.writer.epoch].birth
    assert found.engine.fleet.parts.roster.rows.shows_gauges[epochs[younger.writer.epoch].row]


def test_servers_of_a_cluster_may_have_clocks_of_their_own() -> None:
    """The leader of another stream is ahead: what it stored is of the time of the metrics' server."""
    found = fog()
    found.streams["events"] = MemoryStream(found.streams["events"].settings, lambda: found.server_time() + 40)
    found.engine.cursors["events"].end("changed", found.now)
    found.begin()
    found.pass_seconds(15)
    found.check()
    assert abs(found.engine.cursors["events"].dates.clock.now(found.now) - found.server_time() - 40) < 1
    said = [text for text in found.said if "clock" in text]
    assert said == ["the clock of the server of events has stepped by +40 s"]


def test_a_ghost_is_judged_by_what_the_server_tells_now() -> None:
    """Not by the newest stamp ever read. The refusal is of that frame alone: the next one is taken, and repaired."""
    found = fog()
    found.engine.fleet.parts.time.now = NOON + MONTH
    late = found.join("fog/late")
    found.ahead = always(-8 * DAY)
    found.send(late)
    found.ahead = always(0.0)
    found.send(late)
    found.restart()
    assert found.engine.fleet.now == NOON + MONTH
    found.read()
    [epoch] = found.engine.fleet.places["fog", "late"].epochs.values()
    assert (epoch.seq, epoch.gapped) == (2, True)
    found.pass_seconds(20)
    found.check()


def test_a_clock_that_was_set_back_makes_no_ghosts() -> None:
    """While the reader was cut off: what the server tells at once counts, although it is not believed yet."""
    found = fog(between(16, 40, MONTH))
    found.pass_seconds(20)
    late = found.join("fog/late")
    for cursor in found.engine.cursors.values():
        cursor.end("disconnected", found.now)
        cursor.dates.forget()
    found.now += 20
    found.send(late)
    found.begin()
    found.read()
    assert ("fog", "late") in found.engine.fleet.places
    found.pass_seconds(15)
    found.check()


def test_a_pause_is_not_silence() -> None:
    """A reader that was stopped for longer than the horizon closes nobody's epoch at its first tick, nor later.

    One tick observes 3 s at most, and nothing before the backlog is read.
    """
    found = fog()
    for _ in range(8):
        found.now += DAY
        found.send(found.members[0])
        for stream in found.streams.values():
            stream.expire()
    seconds = []
    for _ in range(12):
        effects = found.engine.tick(found.now)
        assert not effects.swept.closed
        seconds.append(effects.observed_seconds)
        found.now += 1.0
    assert seconds == [0.0] * 12
    found.pass_seconds(30)
    assert sum(len(place.epochs) for place in found.engine.fleet.places.values()) == 3
    found.check()


@pytest.mark.parametrize("ahead", [0.0, -600.0])
def test_an_older_copy_of_a_stream_is_as_old_as_it_says(ahead: float) -> None:
    """A stream loses its end, is read to where it ends, and a copy is put back that has the rest: of its true time.

    Unless the server's clock is another one by then: nobody knows what its stamps are worth (R12.55).
    """
    found = fog()
    stream = found.streams["metrics"]
    stream.copy()
    written = {message.seq: message.timestamp for message in stream.messages}
    stream.roll_back(6)
    found.engine = found.start()
    found.begin()
    found.now += 40.0
    found.read()
    drained = NOON + found.now
    found.now += 1.0
    found.ahead = always(ahead)
    stream.put_back()
    for cursor in found.engine.cursors.values():
        cursor.end("disconnected", found.now)
    found.begin()
    found.read()
    heard = [epoch.last_seen for place in found.engine.fleet.places.values() for epoch in place.epochs.values()]
    assert len(heard) == 3
    assert max(written.values()) < drained - STEP_SECONDS
    assert max(heard) == (pytest.approx(drained, abs=1) if ahead else max(written.values()))


def test_the_offset_is_the_median_of_recent_looks() -> None:
    """The first word is believed; after that a minority is not, and the majority is, in either direction."""
    clock = ServerClock()
    assert clock.now(50.0) == 0.0
    clock.note(0.0, 50.0)
    assert clock.offset is None
    clock.note(1_000.0, 50.0)
    assert clock.now(54.0) == 1_004.0
    for second in (51.0, 52.0):
        clock.note(950.0 + second, second)
        assert not clock.follow()
    for second in (53.0, 54.0, 55.0):
        clock.note(second + 5_000, second)
        assert not clock.follow()
    clock.note(56.0 + 5_000, 56.0)
    assert clock.follow() == 4_050.0
    assert (clock.now(60.0), clock.steps) == (5_060.0, 1)
    for second in (100.0, 105.0):
        clock.note(second + 950, second)
        step = clock.follow()
    assert step == -4_050.0


def test_a_small_error_is_no_step() -> None:
    """Servers' clocks drift, and words take their time."""
    clock = ServerClock()
    for second in range(20):
        clock.note(1_000.0 + second * 1.5, float(second))
        assert not clock.follow()
    assert clock.steps == 0
