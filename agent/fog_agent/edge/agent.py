"""The agent: drains a collector into frames and publishes them under its path, for as long as the program runs."""

from __future__ import annotations

import asyncio
import logging
import platform
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from fog_agent.core.publication import Publication
from fog_agent.core.schedule import phase_of
from fog_agent.core.writer import Settings
from fog_agent.edge.attach import attach
from fog_agent.edge.options import AgentOptions
from fog_agent.edge.sender import Sender
from fog_agent.edge.signals import HeldSignals
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.link import Link
from fog_bus.nats.options import DEFAULT_SERVER
from fog_bus.ports import Bus
from fog_schema import __version__
from fog_schema.limits import MAX_INTERVAL_MS, MIN_INTERVAL_MS
from fog_schema.paths import Path, format_path, parse_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry.collector import TelemetryCollector

log = logging.getLogger("fog_agent")


@dataclass(frozen=True, slots=True)
class Sent:
    """How far an agent's publication has come: its epoch, its last frame encoded, its last event numbered."""

    epoch: int
    seq: int
    event: int


class Agent:
    """Publishes a collector's metrics and events under a path of the tree.

        async with Agent(collector, path="fog/0/3", servers="nats://10.0.0.1:4222"):
            await the_program()

    It never raises into the program once it runs: without a server it keeps trying and memory stays bounded. On exit
    the last counts are flushed, under a deadline.

    Args:
        collector: what to publish. Its counts belong to the path from the collector's creation on.
        path: where in the tree, ``fog/0/3``.
        servers: NATS URLs; ignored when `connection` is given.
        interval: seconds between frames, from 0.1 to 3,600; the moment is spread by a hash of the path.
        prefix: subject prefix.
        shared: several processes publish under this path (prefork workers) and each one's gauges count too.
        ephemeral: the node comes and goes; that it leaves is no alert.
        info: facts about the node for people, beside version, os and host name.
        options: credentials, TLS and the rest, in place of `servers`.
        connection: a running connection to share with other agents of the process; the caller closes it.
        bus: any other bus, such as `fog_bus.memory.MemoryBus` in a test; the caller closes it.
        handle_signals: on SIGTERM and SIGINT flush first, then let the signal do what it did before; a second one does
            not wait. Publishing goes on until `stop`, so a program that drains loses nothing. Only in the main thread.
        deadline: seconds that stopping may take at most.

    Raises:
        PathError: for a path that is none.
        ValueError: for an interval out of bounds.

    Thread-safety: use an agent from the event loop that started it; instruments may be used from any thread.
    """

    def __init__(  # noqa: PLR0913 - all but the collector and the path are keywords with defaults
        self,
        collector: TelemetryCollector,
        *,
        path: str,
        servers: str | Sequence[str] = DEFAULT_SERVER,
        interval: float = AgentOptions.interval,
        prefix: str = AgentOptions.prefix,
        shared: bool = AgentOptions.shared,
        ephemeral: bool = AgentOptions.ephemeral,
        info: dict[str, str] | None = None,
        options: NatsOptions | None = None,
        connection: Connection | None = None,
        bus: Bus | None = None,
        handle_signals: bool = False,
        deadline: float = AgentOptions.deadline,
    ) -> None:
        if not MIN_INTERVAL_MS / 1000 <= interval <= MAX_INTERVAL_MS / 1000:
            raise ValueError(f"interval {interval!r} is out of bounds: give seconds from 0.1 to 3600")
        self.path: Path = parse_path(path)
        self.deadline = deadline
        self._collector = collector
        self._settings = Settings(interval, shared, ephemeral, tuple(_about(info).items()))
        self._subjects = Subjects(prefix)
        self._own: Connection | None = None
        if bus is None:
            if connection is None:
                connection = self._own = Connection(options or _options(servers, self.path))
            bus = Link(connection)
        self._bus = bus
        self._handle_signals = handle_signals
        self._publication: Publication | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sender: Sender | None = None
        self._signals: HeldSignals | None = None

    async def start(self) -> None:
        """Begin to publish. Returns at once, with or without a server.

        Raises:
            RuntimeError: when it runs already, or another agent has this collector and path.
        """
        if self._sender is not None:
            raise RuntimeError(f"the agent at {format_path(self.path)} runs already")
        self._publication = attach(self._collector, self.path, self._settings, time.monotonic())
        metrics, events = self._subjects.metrics(self.path), self._subjects.events(self.path)
        self._sender = Sender(self._publication, self._bus, metrics, events, phase=phase_of(self.path))
        await self._bus.listen(self._subjects.listens(self.path), self._sender.requested)
        if self._own is not None:
            self._spawn(self._own.run(), "connection")
        self._spawn(self._sender.run(), "sender")
        if self._handle_signals:
            self._signals = HeldSignals(asyncio.get_running_loop(), self.flush)
        log.debug("agent at %s publishes every %g s", format_path(self.path), self._settings.interval)

    async def stop(self, deadline: float | None = None) -> bool:
        """Flush the last counts and stop, within `deadline` seconds; True when all of it was acknowledged.

        Frames that were not stay on the collector, and the next agent of this collector and path sends them first.
        """
        if self._sender is None or self._publication is None:
            return True
        signals = self._signals
        if signals is None:
            return await self._stop(self._sender, self._publication, deadline)
        signals.postpone()
        try:
            return await self._stop(self._sender, self._publication, deadline)
        finally:
            signals.close()

    async def _stop(self, sender: Sender, publication: Publication, deadline: float | None) -> bool:
        flushed = False
        try:
            flushed = await sender.finish(self.deadline if deadline is None else deadline)
            if not flushed:
                log.warning("agent at %s stops with frames that were not acknowledged in time", format_path(self.path))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            publication.in_use = False
            self._tasks, self._sender, self._publication, self._signals = [], None, None, None
        return flushed

    @property
    def sent(self) -> Sent:
        """How far the publication has come.

        Raises:
            RuntimeError: when the agent does not run.
        """
        if self._publication is None:
            raise RuntimeError(f"the agent at {format_path(self.path)} does not run")
        epoch = self._publication.epoch
        return Sent(epoch.writer.epoch, epoch.writer.seq, epoch.events.last)

    async def flush(self) -> bool:
        """Send what was counted until now and wait until it is acknowledged, or the deadline; True when it was."""
        return self._sender is not None and await self._sender.flush(self.deadline)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"fog-agent-{name}")
        task.add_done_callback(_report)
        self._tasks.append(task)


def _about(info: dict[str, str] | None) -> dict[str, str]:
    facts = {"version": __version__, "os": platform.system().lower(), "host": platform.node()}
    return {name: value[:256] for name, value in (facts | (info or {})).items()}


def _options(servers: str | Sequence[str], path: Path) -> NatsOptions:
    addresses = tuple(servers.split(",")) if isinstance(servers, str) else tuple(servers)
    return NatsOptions(servers=addresses, name=f"fog-agent {format_path(path)}")


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("agent's task %s ended: %r; metrics are no longer sent", task.get_name(), error, exc_info=error)
