"""Run one process of a swarm: let its nodes live until it is told to stop, and report what they counted."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from multiprocessing.connection import Connection as Pipe
from typing import Any, Final

import numpy as np

from fog_bus.nats.inbox import REFUSED_SUBJECT
from fog_cli.swarm.families import Families
from fog_cli.swarm.plan import Plan
from fog_cli.swarm.publishing import Publisher
from fog_cli.swarm.timeline import Timeline
from fog_cli.swarm.writers import Writer, Writers
from fog_schema.codec import decode_request
from fog_schema.errors import FrameError, PathError
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

SLICE: Final = 0.05
"""Seconds between two looks at who is due: many frames go together, and their acknowledgements come together."""
MOST_AT_ONCE: Final = 1000
REPORT_SECONDS: Final = 1.0
END_SECONDS: Final = 60.0
"""Seconds that all nodes together have to hand over their last counts."""
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
"""Signals that a terminal, or one who ends a group of processes, sends to all of them."""
HOLD: Final = "hold"
GO: Final = "go"
END: Final = "end"
"""Words of the parent: let intervals pass in which nobody counts; count again; end."""


def run(plan: Plan, pipe: Pipe) -> None:
    """Live until the word for it, or the end, comes out of the pipe; the last word that goes into it is the book."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # it reaches the parent too, which stops us in order
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_Process(plan, pipe).run())


class _Process:
    def __init__(self, plan: Plan, pipe: Pipe) -> None:
        self._plan = plan
        self._pipe = pipe
        self._subjects = Subjects(plan.prefix)
        self._rng = np.random.default_rng(plan.seed)
        count = len(plan.numbers)
        self._writers = Writers(Families(plan.series), count, plan.interval, plan.chances, self._rng)
        self._nodes: dict[Path, Writer] = {}
        self._names = 0
        self._patience = END_SECONDS
        self._is_held = False
        self._publishers = [Publisher(plan.nats, self._writers.acknowledged) for _ in range(plan.connections)]
        self._unheard: Counter[str] = Counter()

    async def run(self) -> None:
        """Begin, live, end, and tell."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._obey, stop)
        below = self._subjects.resync(self._plan.root)
        asked_at = dict.fromkeys([below, f"{below}.>", *self._subjects.asks(self._plan.root)[:-1]])
        await self._publishers[0].link.listen(asked_at, self._requested)  # which is for all
        self._publishers[0].connection.on_error.append(self._refused)
        async with AsyncExitStack() as stack:
            for publisher in self._publishers:
                await stack.enter_async_context(publisher.connection)
            for publisher in self._publishers:
                await publisher.connection.connected(END_SECONDS)
            now = time.monotonic()
            for row, path in enumerate(self._plan.paths()):
                self._enter(path, row, now)
            self._timeline = Timeline(self._nodes.values(), self._plan.interval, now)
            await self._live(stop)
            is_whole = await self._end()
        self._tell(self._report() | {"book": self._writers.book(), "whole": is_whole})

    def _obey(self, stop: asyncio.Event) -> None:
        """Do as the parent says, and stop when it is gone: nobody waits for the last counts then."""
        try:
            word = self._pipe.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._patience, word = 0.0, END
        self._is_held = word == HOLD
        if word == END:
            stop.set()

    async def _live(self, stop: asyncio.Event) -> None:
        reported_at = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            due = [] if self._is_held else self._timeline.due(now, MOST_AT_ONCE)
            for gone in [writer for writer in due if writer.is_gone]:
                self._replace(gone, now)
            self._send(self._writers.interval(due, now))
            if now - reported_at >= REPORT_SECONDS:
                reported_at = now
                self._tell(self._report())
                for publisher in self._publishers:
                    publisher.repeat(now)
            spent = time.monotonic() - now
            await asyncio.sleep(max(0.0, SLICE - spent))

    async def _end(self) -> bool:
        """Let all nodes end in good order that have sent anything; tell whether all of them could."""
        began = time.monotonic()
        begun = [one for one in self._nodes.values() if one.seq]
        while (left := [one for one in begun if not one.is_gone]) and time.monotonic() - began < self._patience:
            now = time.monotonic()
            waiting = [one for one in left if not one.in_flight][:MOST_AT_ONCE]
            self._send(self._writers.finals(waiting, now))
            for publisher in self._publishers:
                publisher.repeat(now)
            await asyncio.sleep(SLICE)
        return not left

    def _send(self, frames: Iterable[tuple[Writer, bytes]]) -> None:
        for writer, _ in frames:
            self._publishers[writer.row % len(self._publishers)].send(writer)

    def _enter(self, path: Path, row: int, now: float) -> None:
        writer = self._nodes[path] = Writer(path, row, self._subjects.metrics(path))
        self._writers.begin(writer, now)

    def _replace(self, gone: Writer, now: float) -> None:
        """Let a new node take the row of one that left, beside it in the tree."""
        del self._nodes[gone.path]
        self._names += 1
        parent = gone.path[:-1] or gone.path
        gone.path = (*parent, f"n{self._plan.numbers.start}-{self._names}")
        gone.subject = self._subjects.metrics(gone.path)
        gone.is_gone = gone.is_leaving = False
        self._writers.begin(gone, now)
        self._nodes[gone.path] = gone

    def _requested(self, subject: str, data: bytes) -> None:
        """Let those who are asked send a keyframe as their next frame, which is within an interval."""
        try:
            _, asked = self._subjects.path_of(subject)
            request = decode_request(data)
        except (FrameError, PathError):
            return
        for writer in self._asked(asked, request.epoch):
            writer.keyframe_due = True

    def _refused(self, text: str) -> None:
        """Note requests that may not be heard; what is refused of frames their publishers note."""
        if (found := REFUSED_SUBJECT.search(text)) is not None and found[1] == "subscription":
            self._unheard[text] += 1

    def _asked(self, path: Path, epoch: int) -> list[Writer]:
        if epoch:
            named = self._nodes.get(path)
            return [named] if named is not None and named.epoch == epoch else []
        if len(path) <= len(self._plan.root):
            return list(self._nodes.values())
        return [writer for name, writer in self._nodes.items() if name[: len(path)] == path]

    def _report(self) -> dict[str, Any]:
        refused: Counter[str] = Counter()
        for publisher in self._publishers:
            refused.update(publisher.refused)
        refused.update(self._unheard)
        return asdict(self._writers.tally) | {
            "pid": os.getpid(),
            "acked": sum(one.acked for one in self._publishers),
            "repeated": sum(one.repeated for one in self._publishers),
            "refused": dict(refused),
            "dropped": self._timeline.dropped,
            "cpu_seconds": time.process_time(),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def _tell(self, words: dict[str, Any]) -> None:
        with suppress(OSError):  # when nobody is there any more, the pipe has told us to stop
            self._pipe.send(words)
