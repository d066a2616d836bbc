"""The demo's nodes of programs that do not know the SDK: an agent with a source reads each."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fog_agent.edge.agent import Agent
from fog_agent.sources.configuration import SourcesError, parse_sources
from fog_agent.sources.making import make_source
from fog_agent.sources.metrics import SourceMetrics
from fog_agent.sources.ports import Context
from fog_agent.sources.running import Sources
from fog_bus.nats.connection import Connection
from fog_bus.nats.options import NatsOptions
from fog_cli.actions.books import Book, Ledger, add
from fog_cli.demo.nodes import FLUSH_SECONDS
from fog_cli.demo.programs import CronProgram, ExporterProgram, Program, StatsdProgram
from fog_cli.errors import CommandError
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry.collector import TelemetryCollector

PLACE: Final = "programs"
"""The branch of their nodes, below the demo's root."""
FIRST_READING: Final = 10.0
"""Seconds that a source has to read a page for the first time."""
LAST_READING: Final = 10.0
"""Seconds that sources have to take what a program has counted last."""


@dataclass(slots=True)
class _Node:
    """A program and its agent.

    Attributes:
        program: works on threads of its own.
        sources: how the agent reads it.
        ledger: what the agent has counted.
        agent: sends it.
        connection: by which the agent does.
        link: keeps the connection; None before it is there.
    """

    program: Program
    sources: Sources
    ledger: Ledger
    agent: Agent
    connection: Connection
    link: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Let the sources read, then the agent send, then the program work."""
        await asyncio.to_thread(self.sources.start)
        self.link = asyncio.create_task(self.connection.run())
        await self.agent.start()
        with suppress(TimeoutError):  # which the books will show
            await eventually(lambda: self.ledger.book().keys() >= set(self.program.shows), deadline=FIRST_READING)
        await asyncio.to_thread(self.program.start)

    async def stop(self, deadline: float) -> bool:
        """Let the program end, then the sources read the last of it, then the agent flush; True if all was sent."""
        await asyncio.to_thread(self.program.stop)
        with suppress(TimeoutError):  # which the books will show
            await eventually(self._has_all, deadline=LAST_READING)
        await asyncio.to_thread(self.sources.stop)
        flushed = await self.agent.stop(deadline)
        await self.connection.close()
        if self.link is not None:
            await self.link
        await asyncio.to_thread(self.program.close)
        return flushed

    def book(self) -> Book:
        """Return what the program has counted by its own account, and all else that the agent has."""
        return self.ledger.book() | self.program.book()

    def _has_all(self) -> bool:
        return self.program.book().items() <= self.ledger.book().items()


class ProgramNodes:
    """The nodes of all programs.

    Args:
        root: of the tree.
        directory: for their sockets.
        options: how to connect.
        interval: seconds between frames, and between two readings of a page.
        seed: of what chance decides.
    """

    def __init__(self, root: str, directory: Path, options: NatsOptions, interval: float, seed: int) -> None:
        self._nodes = [
            _node(program, f"{root}/{PLACE}/{program.name}", options, interval)
            for program in _programs(directory, interval, seed)
        ]

    @property
    def names(self) -> str:
        """Their names."""
        return ", ".join(node.program.name for node in self._nodes)

    async def start(self) -> None:
        """Begin to work, and to publish."""
        await asyncio.gather(*(node.start() for node in self._nodes))

    async def stop(self, deadline: float = FLUSH_SECONDS) -> bool:
        """End all, and flush their last counts; True when all of it was acknowledged."""
        return all(await asyncio.gather(*(node.stop(deadline) for node in self._nodes)))

    def book(self) -> Book:
        """Add up the counts of all."""
        return add(node.book() for node in self._nodes)


def _programs(directory: Path, interval: float, seed: int) -> Iterator[Program]:
    chance = random.Random(seed)
    yield StatsdProgram(directory, chance.getrandbits(32))
    yield ExporterProgram(chance.getrandbits(32), interval)
    if hasattr(socket, "SO_PASSCRED"):  # else a system does not tell who has sent a message, and jobs cannot be taken
        yield CronProgram(directory)


def _node(program: Program, path: str, options: NatsOptions, interval: float) -> _Node:
    collector = TelemetryCollector()
    context = Context(collector, SourceMetrics(collector), interval)
    try:
        found = parse_sources(dict(program.tables))
    except SourcesError as error:
        raise CommandError(f"the demo's {program.name} cannot be read: {error}") from None
    sources = Sources([make_source(one, context) for one in found], context.metrics)
    connection = Connection(replace(options, name=f"fog demo {path}"))
    agent = Agent(collector, path=path, connection=connection, interval=interval, info={"role": "demo"})
    return _Node(program, sources, Ledger(collector), agent, connection)
