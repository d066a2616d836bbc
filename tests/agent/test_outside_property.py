"""Totals that live outside of the process: any history of counts, resets, restarts and crashes, at any moment."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_agent.core.outside_totals import OutsideTotals
from fog_agent.core.writer import Encoded, Settings, Writer
from tests.agent.reader import Reader
from tests.examples import examples
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.foreign.readings import LastReadings
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, Labels, SeriesSnapshot

NAMES = ("a", "b", "c")
FAMILY = Family("outside_total", MetricType.COUNTER)
BIG, SMALL = 10_000, 700
"""Sizes of frames: all series in one, and a keyframe in several parts."""


class World:
    """Things that count outside, and an observer of each reading who never forgets and sees every reset.

    Attributes:
        observed: what came between the first reading that was remembered and the last one.
        seen: the last reading of each: the boot and the total.
        untold: what a life that was killed had read and not sent, until it is read again.
        lost: of this, what was reset before it was read again.
    """

    def __init__(self) -> None:
        self.totals = dict.fromkeys(NAMES, 1000)
        self.boot = 1
        self.hidden: set[str] = set()
        self.observed: dict[str, int] = defaultdict(int)
        self.untold: dict[str, int] = {}
        self.lost: dict[str, int] = defaultdict(int)
        self.seen: dict[str, tuple[int, int]] = {}

    def read(self) -> list[FamilySnapshot]:
        """Tell the totals."""
        shown = [name for name in NAMES if name not in self.hidden]
        for name in shown:
            self.untold.pop(name, None)
            boot, total = self.seen.get(name, (self.boot, self.totals[name]))
            self.observed[name] += self.totals[name] - (total if boot == self.boot else 0)
            self.seen[name] = (self.boot, self.totals[name])
        return [FamilySnapshot(FAMILY, [SeriesSnapshot(labels_of(name), self.totals[name]) for name in shown])]

    def reset(self) -> None:
        """Begin anew."""
        self.boot += 1
        self.totals = dict.fromkeys(NAMES, 0)
        for name, untold in self.untold.items():
            self.lost[name] += untold
        self.untold = {}

    def leave(self, name: str, remembered: tuple[int, int], missing: int) -> None:
        """Note of what a life that was killed had read and not sent, what can be read again."""
        boot, total = self.seen[name]
        again = total - (remembered[1] if boot == remembered[0] else 0) if boot == self.boot else 0
        self.untold[name] = min(missing, again)
        self.lost[name] += missing - self.untold[name]

    def forget(self, names: set[str]) -> None:
        """Let the first readings of some be the next ones: none of theirs was remembered."""
        for name in names & self.seen.keys():
            del self.seen[name]
            self.observed.pop(name)


def labels_of(name: str) -> Labels:
    """Make labels so long that a few of them fill a small frame."""
    return (("l", name * 300),)


class History:
    """Lives of an agent, one after the other, beside a world; and what a fleet has heard of them."""

    def __init__(self, *, incarnation: bool) -> None:
        self.world = World()
        self.readers: list[Reader] = []
        self.disk = b""
        self.doubt: dict[str, int] = defaultdict(int)  # what frames told that were on their way when a life ended
        self.known: dict[str, tuple[int, int]] = {}  # the last readings that are on the disk
        self.epoch = 0
        self.clock = 1e9
        self.incarnation = (lambda: str(self.world.boot)) if incarnation else None
        self.live()

    def live(self) -> None:
        """Begin a life with what is on the disk."""
        readings: LastReadings = {}
        self.totals = OutsideTotals()
        if self.disk:
            self.totals, readings = OutsideTotals.decode(self.disk)
        self.world.forget(set(NAMES) - self.known.keys())
        self.epoch += 1
        collector = TelemetryCollector(self_metrics=False, clock=lambda: self.clock)
        collector.add_source(self.world.read, since="outside", incarnation=self.incarnation)
        self.totals.forget(collector.resume_totals(readings))
        self.writer = Writer([collector.watch_series()], Settings(), epoch=self.epoch, now=0.0)
        self.outbox: list[tuple[Encoded, dict[str, int], dict[str, tuple[int, int]]]] = []
        self.remembered = 0
        self.readers.append(Reader())

    def exported(self, name: str) -> int:
        """Add up all epochs, as the fleet does."""
        return sum(reader.total("outside_total", l=name * 300) for reader in self.readers)  # type: ignore[misc]

    # Things that may happen

    def count(self, name: str) -> None:
        """Let something happen outside."""
        self.world.totals[name] += 7

    def reset(self, _: str) -> None:
        """Let whatever counts start anew."""
        self.world.reset()

    def hide(self, name: str) -> None:
        """Hide a series for a while, or show it again."""
        self.world.hidden ^= {name}

    def delta(self, _: str) -> None:
        """Let an interval pass."""
        self.clock += 1
        if self.writer.keyframe_due or self.writer.within_keyframe:
            self.part("a")
        elif (frame := self.writer.encode_delta(self.clock, BIG)) is not None:
            self.outbox.append((frame, dict(self.world.observed), dict(self.world.seen)))

    def keyframe(self, _: str) -> None:
        """Ask for a keyframe."""
        self.writer.request_keyframe()

    def part(self, name: str) -> None:
        """Encode the next part of a keyframe; small ones bear a series or two."""
        self.clock += 1
        frame = self.writer.encode_part(self.clock, SMALL if name != "a" else BIG)
        self.outbox.append((frame, dict(self.world.observed), dict(self.world.seen)))

    def drop(self, _: str) -> None:
        """Let the outbox overflow."""
        self.outbox.clear()
        self.writer.dropped()

    def remember(self, _: str) -> None:
        """Put the head's readings on the disk, before it is sent."""
        if self.outbox and self.outbox[0][0].seq > self.remembered:
            frame, seen = self.outbox[0][0], self.outbox[0][2]
            self.known |= {mark.labels[0][1][0]: seen[mark.labels[0][1][0]] for mark in frame.marks}
            self.totals.take(frame.marks, completes=frame.completes)
            self.disk = b"".join(self.totals.chunks())
            self.remembered = frame.seq

    def send(self, _: str) -> None:
        """Let the head arrive; its acknowledgement is still on its way."""
        self.remember("")
        if self.outbox:
            self.readers[-1].read(self.outbox[0][0].data)

    def acknowledge(self, _: str) -> None:
        """Let the head arrive, and take it off."""
        self.send("")
        if self.outbox:
            self.outbox.pop(0)

    def crash(self, _: str) -> None:
        """Kill the agent at any moment: of a frame on its way nobody knows whether it arrived."""
        if self.outbox and self.outbox[0][0].seq == self.remembered:
            for name, told in self.outbox[0][1].items():
                self.doubt[name] += max(0, told - self.exported(name) - self.doubt[name] - self.world.lost[name])
        for name, reading in self.known.items():
            missing = self.world.observed[name] - self.exported(name) - self.doubt[name] - self.world.lost[name]
            self.world.leave(name, reading, missing)
        self.live()

    def stop(self, _: str) -> None:
        """End in good order."""
        while self.outbox:
            self.acknowledge("")
        for frame in self.writer.finish(self.clock, BIG):
            self.outbox.append((frame, dict(self.world.observed), dict(self.world.seen)))
        while self.outbox:
            self.acknowledge("")
        self.live()

    def check(self, *, exact: bool) -> None:
        """Never more than was observed, and once all has arrived no less than it but what was in doubt."""
        for name in NAMES:
            exported, observed = self.exported(name), self.world.observed[name]
            assert exported <= observed, name
            if exact:
                assert exported >= observed - self.doubt[name] - self.world.lost[name], name


HAPPENINGS = (
    *("count", "delta", "acknowledge") * 4,
    *("send", "remember", "part", "keyframe", "crash", "stop", "reset", "drop", "hide"),
)
STEPS = st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.sampled_from(NAMES)), max_size=80)


def play(steps: list[tuple[str, str]], *, incarnation: bool) -> History:
    """Let it happen, then let all arrive."""
    history = History(incarnation=incarnation)
    for what, name in steps:
        getattr(history, what)(name)
        history.check(exact=False)
    history.world.hidden.clear()
    history.delta("")
    history.stop("")
    return history


@settings(max_examples=examples(300), deadline=None)
@given(STEPS)
def test_nothing_is_counted_twice_and_a_crash_loses_one_frame_at_most(steps: list[tuple[str, str]]) -> None:
    """With an incarnation every reset is seen."""
    play(steps, incarnation=True).check(exact=True)


@settings(max_examples=examples(200), deadline=None)
@given(STEPS)
def test_without_an_incarnation_nothing_is_counted_twice(steps: list[tuple[str, str]]) -> None:
    """A reset that the totals have made up for since is not seen: less is counted then, never more."""
    has_reset = any(what == "reset" for what, _ in steps)
    play(steps, incarnation=False).check(exact=not has_reset)


@pytest.mark.parametrize("moment", ["delta", "remember", "send", "acknowledge"])
def test_a_crash_at_each_moment(moment: str) -> None:
    """Encoded, remembered, arrived, acknowledged: only what was remembered and did not arrive is lost."""
    history = play([("delta", "a"), ("acknowledge", "a"), ("count", "a")], incarnation=True)
    for what in ("delta", "acknowledge", "count", "delta", moment, "crash", "count"):
        getattr(history, what)("a")
    history.delta("")
    history.stop("")
    assert (history.world.observed["a"], history.exported("a")) == (21, 14 if moment == "remember" else 21)
