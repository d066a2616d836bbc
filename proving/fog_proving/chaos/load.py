"""The load generator: a process of nodes with real agents, which keeps the books.

    python -m fog_proving.chaos.load --life 3 --path chaos/p0 --nodes 12 --nats URL --book FILE --seed 7

With `--journaled` everything that its nodes have counted must be there after its kill -9: the agents of the others end
their epochs.

It counts until SIGTERM or the end of standard input, then flushes and ends. Lines on standard input: `pause` and `go`
(counting; frames go on), `clock N` (this process's wall clock steps by N seconds).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fog_agent import Agent
from fog_proving.chaos.books import BOUNDS, EVENT, FRACTION, JOBS, KINDS, LEVEL, LIFE, SECONDS, WHOLE, Book, Cell, Row
from utilityfog_frontend.telemetry import TelemetryCollector

ACT_SECONDS: Final = 0.05
FLUSH_SECONDS: Final = 0.7
INTERVALS: Final = (0.2, 0.5)
FRACTIONAL_AFTER: Final = 20
"""Counts of the fractional counter that are whole: it turns while it is watched."""


class Node:
    """A node that does something now and then; each count is in the book before it is anywhere else.

    `life` names the process: its counter grows with every act, so that nothing can be missing unseen. With a `journal`
    an act that has returned survives a kill -9.
    """

    def __init__(self, row: Row, life: int, rng: random.Random, journal: Path | None = None) -> None:
        self.row = row
        self.collector = TelemetryCollector(clock=_time_of_day, journal=journal)
        self._life = life
        self._rng = rng
        register = self.collector
        self._acts = register.register_counter(LIFE, "Acts of one process's nodes", ["life"]).labels(life)
        self._integers = register.register_counter(WHOLE, "Whole counts")
        self._fraction = register.register_counter(FRACTION, "Counts that become fractional")
        self._jobs = register.register_counter(JOBS, "Counts of children that come and go", ["kind"])
        self._level = register.register_gauge(LEVEL, "A level", rollup="max")
        self._seconds = register.register_histogram(SECONDS, "Durations", buckets=list(BOUNDS))
        self._does = [self._count, self._count_fraction, self._do_job, self._observe, self._set_level]
        self._rarely = [self.record, self._end_job, self._restart]

    def act(self) -> None:
        """Do one thing, drawn by chance."""
        self._note(Cell.LIFE, 1)
        self._acts.increment()
        self._rng.choice(self._rarely if self._rng.random() < 0.05 else self._does)()
        if self.collector.journal is not None:
            self.row.survive()

    def beat(self) -> None:
        """One act and one event, and nothing by chance."""
        self._note(Cell.LIFE, 1)
        self._acts.increment()
        self.record()

    def _count(self) -> None:
        amount = self._rng.randint(1, 5)
        self._note(Cell.WHOLE, amount)
        self._integers.increment(amount)

    def record(self) -> None:
        """Record an event that says which it is."""
        self._note(Cell.EVENTS, 1)
        number = int(self.row.counted[Cell.EVENTS])
        self.collector.record_event(EVENT, {"life": self._life, "number": number})

    def _count_fraction(self) -> None:
        counted = self.row.counted[Cell.FRACTION]
        amount = 1.0 if counted < FRACTIONAL_AFTER else self._rng.random()
        self._note(Cell.FRACTION, amount)
        self._fraction.increment(amount)

    def _do_job(self) -> None:
        kind = self._rng.randrange(len(KINDS))
        self._note(Cell.JOBS + kind, 1)
        self._jobs.labels(KINDS[kind]).increment()

    def _end_job(self) -> None:
        self._jobs.remove(self._rng.choice(KINDS))

    def _restart(self) -> None:
        self._rng.choice([self._integers, self._fraction, self._jobs, self._seconds]).reset()

    def _observe(self) -> None:
        value = self._rng.lognormvariate(-2, 2.5)
        self._note(Cell.BUCKETS + sum(value > bound for bound in BOUNDS), 1)
        self._note(Cell.SUM, value)
        self._seconds.observe(value)

    def _set_level(self) -> None:
        value = round(self._rng.uniform(-100, 100), 3)
        self.row.set(Cell.LEVEL, value)
        self._level.set(value)

    def _note(self, cell: int, amount: float) -> None:
        self.row.add(cell, amount)


class Load:
    """The nodes of this process, from their start to their end."""

    def __init__(self, options: argparse.Namespace) -> None:
        rng = random.Random(options.seed)
        book = Book.open(options.book)
        self.stop = asyncio.Event()
        self._counting = True
        self._nodes: list[tuple[Node, Agent]] = []
        for number, row in enumerate(book.rows):
            journal = options.journals if options.journaled else None
            node = Node(row, options.life, random.Random(rng.random()), journal)
            path, interval = f"{options.path}/n{number}", rng.uniform(*INTERVALS)
            agent = Agent(node.collector, path=path, servers=options.nats, interval=interval, journal=options.journals)
            self._nodes.append((node, agent))

    async def run(self) -> None:
        """Until `stop` is set; then every node's last words."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop.set)
        os.set_blocking(sys.stdin.fileno(), False)
        loop.add_reader(sys.stdin, self._hear)
        for _, agent in self._nodes:
            await agent.start()
        work = [asyncio.create_task(self._live(node)) for node, _ in self._nodes]
        work += [asyncio.create_task(self._flush(*each)) for each in self._nodes]
        await self.stop.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await asyncio.gather(*(self._end(*each) for each in self._nodes))

    async def _live(self, node: Node) -> None:
        while True:
            await asyncio.sleep(random.uniform(0, 2 * ACT_SECONDS))
            if self._counting:
                node.act()

    @staticmethod
    async def _flush(node: Node, agent: Agent) -> None:
        """Flush, and write into the book as acknowledged what was counted before."""
        while True:
            await asyncio.sleep(random.uniform(0, 2 * FLUSH_SECONDS))
            counted = node.row.counted
            if await agent.flush():
                node.row.acknowledge(counted)

    @staticmethod
    async def _end(node: Node, agent: Agent) -> None:
        if await agent.stop():
            node.row.finish()

    def _hear(self) -> None:
        orders = os.read(sys.stdin.fileno(), 4096).decode()
        if not orders:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self.stop.set()
        for line in orders.splitlines():
            match line.split():
                case ["pause"]:
                    self._counting = False
                case ["go"]:
                    self._counting = True
                case ["clock", seconds]:
                    _step_clock(float(seconds))


def _time_of_day() -> float:
    return time.time()  # looked up anew each time: it may have been replaced


def _step_clock(seconds: float) -> None:
    """Step the time of day of this process; no measurement of an interval may depend on it."""
    before = time.time
    time.time = lambda: before() + seconds


def main(argv: Sequence[str] | None = None) -> None:
    """Run the nodes of one process."""
    parser = argparse.ArgumentParser(prog="fog_proving.chaos.load", description=__doc__)
    parser.add_argument("--life", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--book", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--journals", type=Path, help="where the journals of all processes are")
    parser.add_argument("--journaled", action="store_true", help="this process has journals of its own")
    options = parser.parse_args(argv)

    async def run() -> None:
        await Load(options).run()

    asyncio.run(run())


if __name__ == "__main__":
    main()
