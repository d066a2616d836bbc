"""Commands reach the engine by a stream of their own, for which nothing else waits."""

from __future__ import annotations

from typing import Any

import pytest

from fog_aggregator.core.commands.forget_queue import MOST_WAITING, ForgetQueue
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Discontinuity, Message, StreamInfo
from fog_schema.codec import encode
from fog_schema.commands import FORGET, REBASE, UNSILENCE, Command, encode_command
from fog_schema.errors import FrameError
from fog_schema.frames import EVENTS, KEYFRAME, LAST_PART, Event, Frame
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.branch_root import counted
from tests.aggregator.rollups import Reporter
from utilityfog_frontend.telemetry import TelemetryCollector

PATH = ("fog", "0")
NOON = 1_700_000_000
SUBJECTS = Subjects()


def info(last: int = 0, now: float = NOON, max_age: float = 1.0) -> StreamInfo:
    """Make a stream that holds `last` messages."""
    return StreamInfo("monday", 1, last, last, 0, 0.0, None, max_age, now=now, tail=last)


def message(subject: str, data: bytes, at: float, seq: int = 1) -> Message:
    """Make a message that was stored at a time."""
    return Message(subject, data, seq, int(at * 1e9))


class Reading:
    """An engine whose streams are read by hand.

    Attributes:
        engine: The engine.
        network: Shows its fleet.
        taken: The commands that are not its own, each with its path and time.
        said: The warnings.
        own: Its own metrics.
    """

    def __init__(self, path: Path = (), branches: tuple[Path, ...] = ()) -> None:
        self.taken: list[tuple[Path, Command, float]] = []
        self.said: list[str] = []
        self.own = TelemetryCollector(self_metrics=False, reserved_names=True)
        fleet, events = Fleet(), EventList()
        self.network = network = NetworkCollector(fleet, events, self.own, lambda: 0.0)
        around = Surroundings(network, SelfMetrics(self.own), lambda _, text, __: self.said.append(text), self.take)
        of = BranchPatterns(branches)
        scope = Scope(subjects=SUBJECTS, path=path, branches=of, metrics="M", events="E", rollups="R", control="C")
        self.engine = Engine(scope, fleet, events, around)

    def take(self, *command: Any) -> None:
        """Take a command that is not the engine's own."""
        self.taken.append(command)

    def begin(self, stream: str, now: float = NOON, what: StreamInfo | None = None) -> None:
        """Begin to read a stream; it holds nothing yet unless it is told."""
        self.engine.cursors[stream].begin(info(now=now) if what is None else what, 0.0)

    def read(self, stream: str, *messages: Message) -> None:
        """Read messages of a stream."""
        self.engine.on_batch(stream, messages, 0.0)

    def refused(self) -> dict[str, object]:
        """Return the messages refused, by the reasons that occurred."""
        [found] = [one for one in self.own.collect() if one.family.name == "fog_aggregator_messages_refused_total"]
        return {dict(one.labels)["reason"]: one.value for one in found.series if one.value}


def test_readiness_waits_for_no_commands() -> None:
    """A fog whose stream of commands nobody has made is ready, and its time goes on (R12.48)."""
    reading = Reading()
    reading.begin("M")
    reading.begin("E")
    reading.engine.on_discontinuity("C", Discontinuity.MISSING, 0.0)
    assert reading.engine.tick(0.0).became_ready
    assert reading.engine.tick(1.0).observed_seconds == 1.0


def test_a_lost_stream_of_commands_asks_for_no_keyframes() -> None:
    """It says nothing of counts (R12.48); a lost stream of events does."""
    reading = Reading()
    reading.begin("M")
    frame = Frame(KEYFRAME, epoch=7, seq=1, flags=LAST_PART)
    reading.read("M", message("fog.v1.metrics.fog.0", encode(frame), NOON))
    reading.engine.on_discontinuity("C", Discontinuity.ROLLED_BACK, 0.0)
    assert not reading.engine.fleet.gapped
    reading.engine.on_discontinuity("E", Discontinuity.ROLLED_BACK, 0.0)
    assert reading.engine.fleet.gapped


def test_the_stream_of_commands_may_be_kept_for_ever() -> None:
    """No count comes back from it: it has no horizon."""
    reading = Reading()
    reading.begin("M")
    reading.begin("E")
    reading.engine.cursors["C"].begin(info(max_age=1e9), 0.0)
    assert reading.engine.tick(0.0).became_ready


@pytest.mark.parametrize("where", ["fog", "fog.0", "fog.0.3", "fog.1"])
def test_commands_to_the_places_above_are_heard(where: str) -> None:
    """An aggregator of a subtree does what is said to the tree, to it, and below it; nothing else (R12.46)."""
    reading = Reading(PATH)
    command = Command(UNSILENCE, "a")
    reading.begin("C")
    reading.read("C", message(f"fog.v1.control.{where}", encode_command(command), NOON))
    heard = [(tuple(where.split(".")), command, float(NOON))]
    assert reading.taken == ([] if where == "fog.1" else heard)


def test_what_is_no_command_is_counted() -> None:
    """By its reason; the others of its batch are done."""
    reading = Reading()
    reading.begin("C")
    subject = SUBJECTS.control(PATH)
    bad = [b"junk", encode(Frame(EVENTS, 7, 1, events=(Event("e", None, {}, {}, 1.0),)))]
    good = encode_command(Command(UNSILENCE, "a"))
    reading.read("C", *(message(subject, data, NOON, seq) for seq, data in enumerate([*bad, good], 1)))
    assert reading.refused() == {"not_a_frame": 1, "malformed": 1}
    assert len(reading.taken) == 1


def test_requests_to_forget_are_bounded() -> None:
    """One more than may wait is refused; the same one read again is the same."""
    queue = ForgetQueue()
    for number in range(MOST_WAITING):
        queue.add(PATH, float(number))
        if not number:
            queue.add(PATH, 0.0)
    assert len(queue) == MOST_WAITING
    with pytest.raises(FrameError, match="1000 requests"):
        queue.add(PATH, -1.0)


def test_waiting_requests_are_saved() -> None:
    """They are the same after a restart, in the checkpoint's own terms (R12.47)."""
    queue, other = ForgetQueue(), ForgetQueue()
    queue.add(PATH, 5.0)
    queue.add(("fog",), 7.0)
    other.add(("lab",), 1.0)
    other.restore(queue.image())
    assert other.pop_ready(6.0) == [(PATH, 5.0)]
    assert other.pop_ready(8.0) == [(("fog",), 7.0)]
    with pytest.raises(DamagedError):
        other.restore(Saved({"waiting": [("fog", 5.0)]}))


def test_an_event_of_a_node_is_no_command() -> None:
    """Its name is an aggregator's own: it is counted, its number is seen, and nothing is done (R12.50)."""
    reading = Reading()
    reading.begin("E")
    events = (Event("fog_forget", None, {}, {}, 1.0), Event("login", None, {}, {}, 1.0))
    reading.read("E", message("fog.v1.events.fog.0", encode(Frame(EVENTS, 7, 1, events=events)), NOON))
    assert [event.name for event in reading.engine.events.events] == ["login"]
    assert (reading.engine.events.refused, reading.engine.events.total) == (1, 1)
    assert not reading.engine.events.wanted
    assert not reading.engine.parts["forget_queue"].image().plain["waiting"]


def test_a_request_to_forget_is_done_once_its_frames_are_read() -> None:
    """It waits in the queue until then, and is done at the time at which it was stored."""
    reading = Reading()
    reading.begin("M")
    reading.begin("E")
    reading.begin("C", NOON)
    old = encode(Frame(KEYFRAME, epoch=7, seq=1, flags=LAST_PART))
    reading.read("M", message("fog.v1.metrics.fog.0", old, NOON - 8_000))
    reading.engine.cursors["M"].look(info(2, NOON), 0.0)
    reading.read("C", message(SUBJECTS.control(("fog",)), encode_command(Command(FORGET)), NOON))
    assert reading.engine.tick(0.0).forgotten == []
    reading.read("M", message("fog.v1.metrics.fog.1", old, NOON + 1, 2))
    assert reading.engine.tick(1.0).forgotten == [(("fog",), float(NOON), [PATH])]


def rollup(frame: Frame, at: float, seq: int) -> Message:
    """Make a message of a branch's aggregator."""
    return message(SUBJECTS.rollups(PATH), encode(frame), at, seq)


def work(reading: Reading) -> object:
    """Return the fleet's count."""
    totals = reading.engine._around.read_side.totals().values  # type: ignore[attr-defined]  # noqa: SLF001
    return totals.get(0)


def test_a_rebase_is_done_between_the_frames_before_and_after_it() -> None:
    """The growth counts from its moment on, however many frames are read at once; an event tells of it."""
    reading, anew = Reading(branches=(PATH,)), Reporter(2, Origin(2))
    for stream in "MERC":
        reading.begin(stream)
    rebase = encode_command(Command(REBASE, author="jo", comment="disks"))
    reading.read("C", message(SUBJECTS.control(PATH), rebase, NOON + 2.5))
    frames = [
        rollup(Reporter(1, Origin(1)).keyframe(counted(10), final=True), NOON + 0.5, 1),
        rollup(anew.keyframe(counted(4)), NOON + 1, 2),
        rollup(anew.delta(counted(5)), NOON + 2, 3),
        rollup(anew.delta(counted(7)), NOON + 3, 4),
    ]
    reading.read("R", *frames)
    assert work(reading) == 12
    (event,) = [one for one in reading.engine.events.events if one.open().name == "rebased"]
    assert event.open().value == {"why": "disks", "author": "jo"}
    reading.read("C", message(SUBJECTS.control(PATH), rebase, NOON + 2.5, 2))
    reading.read("R", rollup(anew.delta(counted(8)), NOON + 4, 5))
    assert work(reading) == 13
    assert any("nothing is rebased" in text for text in reading.said)


def test_a_rebase_that_waits_is_part_of_the_checkpoint() -> None:
    """It is done after a restart as well."""
    reading, other = Reading(branches=(PATH,)), Reading(branches=(PATH,))
    reading.begin("C")
    rebase = encode_command(Command(REBASE, author="jo", comment="disks"))
    reading.read("C", message(SUBJECTS.control(PATH), rebase, NOON + 2.5))
    other.engine.parts["rebases"].restore(reading.engine.parts["rebases"].image())
    assert other.engine.parts["rebases"].image().plain == {"waiting": [(PATH, NOON + 2.5, "disks", "jo")]}
