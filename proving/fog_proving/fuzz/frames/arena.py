"""Let an engine live through an attack, healthy nodes beside it; look after each step whether a promise is broken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.checkpoint import read_image
from fog_aggregator.core.fleet.fleet import Fleet
from fog_bus.ports import Message
from fog_proving.epoch_counts import EpochCounts
from fog_proving.fuzz.frames import checks
from fog_proving.fuzz.frames.engine import (
    BRANCH,
    LIMITS,
    STREAMS,
    BrokenPromiseError,
    Tally,
    info,
    make_engine,
    make_ingest,
)
from fog_proving.fuzz.frames.healthy import frames
from fog_proving.fuzz.frames.messages import METRICS, PLACES, TICK, Step
from fog_schema.codec import decode
from fog_schema.errors import FrameError, PathError
from fog_schema.frames import EVENTS as EVENTS_KIND
from fog_schema.subjects import Subjects

START: Final = 1_700_000_000
MOST_CPU: Final = 30.0
"""Seconds of CPU that an attack may take, its checks included."""


class Arena:
    """An engine, with healthy nodes beside the hostile ones.

    Attributes:
        tally: Notes of all that has happened.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self._now = float(START)
        self._engine, self._network = make_engine(self.tally, lambda: self._now)
        self._numbers = dict.fromkeys(STREAMS.values(), 0)
        self._turn = 0
        self._plain = Fleet(limits=LIMITS)  # the same frames one by one, as long as nothing else happens
        self._by_kernels = make_ingest(self.tally)  # and by kernels
        self._counts = EpochCounts()
        for stream in STREAMS.values():
            self._engine.cursors[stream].begin(info(self._now), self._now)
        self._let_healthy_speak()

    def live_through(self, steps: Sequence[Step]) -> None:
        """Let all steps happen; messages of one stream that follow each other are one batch.

        Raises:
            BrokenPromiseError: a promise was broken.
        """
        began = time.process_time()
        for kind, batch in groupby(steps, attrgetter("kind")):
            if kind == TICK:
                self._tick(list(batch))
            else:
                self._read(kind, list(batch))
            if wrong := self._counts.wrong(self._engine.fleet):
                raise BrokenPromiseError(wrong)
            self._let_healthy_speak()
        checks.check_bounds(self._engine)
        for frame in frames()[self._turn - 1]:
            checks.check_healthy(self._network, frame)
        checks.look_at_view(self._network, len(steps))
        if {step.kind for step in steps} <= {METRICS}:
            self._compare()
        self._save_and_read()
        if (took := time.process_time() - began) > MOST_CPU:
            raise BrokenPromiseError(f"{len(steps)} steps took {took:.1f} s of CPU")

    def _tick(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._now += step.seconds
            for cursor in self._engine.cursors.values():
                cursor.look(info(self._now, cursor.position), self._now)
            self._engine.tick(self._now)

    def _read(self, kind: int, steps: Sequence[Step]) -> None:
        messages = []
        for step in steps:
            self._now += step.seconds
            messages.append(self._message(STREAMS[kind], PLACES[step.place], step.data))
        self._engine.on_batch(STREAMS[kind], messages, self._now)
        if kind == METRICS:
            self._read_plainly(messages)

    def _let_healthy_speak(self) -> None:
        spoken = [self._message("metrics", ".".join(one.path), one.data) for one in frames()[self._turn]]
        self._engine.on_batch("metrics", spoken, self._now)
        self._read_plainly(spoken)
        self._turn += 1

    def _message(self, stream: str, place: str, data: bytes) -> Message:
        self._numbers[stream] += 1
        return Message(f"fog.v1.{stream}.{place}", data, self._numbers[stream], int(self._now * 1e9))

    def _read_plainly(self, messages: Sequence[Message]) -> None:
        """Apply frames by kernels, and one by one, by the general way: no batch, no short cuts."""
        unread = [message for message in messages if not f"{message.subject}.".startswith(f"{BRANCH}.")]
        while unread:
            unread = unread[self._by_kernels[1].slice_of_metrics(unread, lambda: 0.0, self._now) :]
        for message in messages:
            try:
                _, path = Subjects().path_of(message.subject)
                frame = decode(message.data)
                if path[:2] != ("fog", "b") and frame.kind != EVENTS_KIND:
                    self._plain.apply(path, frame, message.timestamp)
            except (FrameError, PathError):
                pass

    def _compare(self) -> None:
        plain = checks.totals_of(self._plain)
        for how, fleet in (("in a batch", self._engine.fleet), ("by kernels", self._by_kernels[0])):
            if (batched := checks.totals_of(fleet)) != plain:
                differing = [pair for pair in zip(batched, plain, strict=False) if pair[0] != pair[1]][:2]
                raise BrokenPromiseError(f"{how} and one by one: {differing or (len(batched), len(plain))}")

    def _save_and_read(self) -> None:
        """Whatever the state, it can be saved and read back, and has the same counts then."""
        saved = b"".join(bytes(chunk) for chunk in self._engine.image(self._network.ratchet).chunks())
        engine, network = make_engine(self.tally, lambda: self._now)
        resume(engine, network, read_image(saved), self._now)
        if checks.totals_of(engine.fleet) != checks.totals_of(self._engine.fleet):
            raise BrokenPromiseError("what was read back from a checkpoint is not what was saved")
        checks.look_at_view(network, len(saved))
