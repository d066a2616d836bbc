"""A process of a swarm, as its parent sees it."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from typing import Any, Self

from fog_cli.errors import CommandError
from fog_cli.swarm.plan import Plan
from fog_cli.swarm.process import END, STOPPING, run


@dataclass(slots=True)
class Child:
    """One process, and its last report.

    Attributes:
        process: The process.
        pipe: Our end of the pipe to it.
        report: The last that it has told.
    """

    process: SpawnProcess
    pipe: Pipe
    report: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def start(cls, plan: Plan) -> Self:
        """Start it; it lives until it is told, or the pipe ends."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=run, args=(plan, theirs), name="fog swarm", daemon=True)
        resource_tracker.ensure_running()  # it would let signals through again when it is started with the process
        # Signals to the whole group reach it too, also before it can say that it is the parent who stops it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return cls(process, ours)

    def listen(self) -> None:
        """Take its newest report."""
        try:
            while self.pipe.poll():
                self.report = self.pipe.recv()
        except (EOFError, OSError):
            pass

    def check(self) -> None:
        """Raise CommandError when it has ended before its last report."""
        self.listen()
        if not self.process.is_alive() and "book" not in self.report:
            raise CommandError(f"a process of the swarm ended with code {self.process.exitcode}")

    def has_ended(self) -> bool:
        """Whether its last report is here: the one with its book."""
        self.check()
        return "book" in self.report

    def tell(self, word: str = END) -> None:
        """Let it end, or do what another word says."""
        with suppress(OSError):  # it has ended by itself, which `check` says
            self.pipe.send(word)

    def close(self) -> None:
        """Be done with it: the end of the pipe ends it, if nothing else did."""
        self.pipe.close()
        self.process.join(1)
        self.process.kill()
