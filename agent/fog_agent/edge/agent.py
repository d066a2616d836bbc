"""The agent: drains a collector into frames and publishes them under its path, for as long as the program runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import time
import warnings
from collections.abc import Callable, Coroutine, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from fog_agent.core.filters.rules import Filters
from fog_agent.core.journal.recovery import Address
from fog_agent.core.publication import Publication
from fog_agent.core.schedule import phase_of
from fog_agent.core.writer import Settings
from fog_agent.edge import forks
from fog_agent.edge.attach import Tenure, attach, hold_state, release_state
from fog_agent.edge.checks import check_arguments
from fog_agent.edge.driving.listening import listen
from fog_agent.edge.driving.worker import Aside, InPlace, Worker
from fog_agent.edge.endings import LastCall
from fog_agent.edge.filter_file import filters_from
from fog_agent.edge.options import AgentOptions, Beside
from fog_agent.edge.recovery import Recovery, journals_of
from fog_agent.edge.sender import Sender
from fog_agent.edge.signals import HeldSignals
from fog_agent.edge.thread import PATIENCE, AgentThread
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.link import Link
from fog_bus.nats.options import DEFAULT_SERVER
from fog_bus.off_loop import off_loop
from fog_bus.ports import Bus, Endpoint, Transport
from fog_bus.transports import open_transport
from fog_schema import __version__
from fog_schema.paths import Path as TreePath
from fog_schema.paths import format_path, parse_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry.collector import TelemetryCollector

log = logging.getLogger("fog_agent")

_of_parents: Final[list[object]] = []
"""Tasks of loops that did not come along in a fork: they are never cleaned up, as that would write to the parent's."""


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
    the last counts are flushed, under a deadline; if its loop ends without `stop`, when the process ends, unless it, or
    another agent of the collector, is started in another loop before.

    In a forked child it begins anew, in a thread, once the child has counted something: see `docs/in-real-servers.md`.

    Args:
        collector: what to publish. Its counts belong to the path from the collector's creation on.
        path: where in the tree, ``fog/0/3``.
        servers: NATS URLs; ignored when `connection` is given.
        interval: seconds between frames, from 0.1 to 3,600; the moment is spread by the path's hash.
        prefix: subject prefix.
        shared: several processes publish under this path (prefork workers) and each one's gauges count too.
        ephemeral: the node comes and goes; that it leaves is no alert.
        info: facts about the node for people, beside version, os and host name.
        options: credentials, TLS and the rest, in place of `servers`: `NatsOptions`, or those of another transport.
        connection: a running connection to share with other agents of the process; the caller closes it.
        bus: any other bus, as `fog_bus.memory.MemoryBus`; the caller closes it.
        journal: a directory of journals, by default that of the collector's own: epochs of killed processes end here.
        handle_signals: on SIGTERM and SIGINT flush first, then let the signal do what it did before; a second one does
            not wait. Publishing goes on until `stop`, so a program that drains loses nothing. Only in the main thread.
        deadline: seconds that stopping may take at most.
        filters: a file with rules of what is sent (see `docs/filters.md`); the agent's own metrics are, always.
        state_dir: where it remembers the last readings of sources with `since="outside"`, for the next agent; None to
            begin anew each time. One agent of a path at a time.

    Raises:
        PathError: for a path that is none.
        ValueError: for an interval or a deadline out of bounds.
        TypeError: for an argument of another type.

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
        options: NatsOptions | Endpoint | None = None,
        connection: Connection | None = None,
        bus: Bus | None = None,
        journal: str | os.PathLike[str] | None = AgentOptions.journal,
        handle_signals: bool = False,
        deadline: float = AgentOptions.deadline,
        filters: Filters | Path | str | None = AgentOptions.filters,
        state_dir: Path | str | None = AgentOptions.state_dir,
    ) -> None:
        given = {"interval": interval, "deadline": deadline, "prefix": prefix, "info": info, "options": options}
        check_arguments(collector, path, servers, given | {"connection": connection, "state_dir": state_dir})
        self.path: TreePath = parse_path(path)
        self.deadline = deadline
        self._collector = collector
        self._settings = Settings(interval, shared, ephemeral, tuple(_about(info).items()))
        self._subjects = Subjects(prefix)
        self._route = _Route(options or _options(servers, self.path), connection, bus)
        self._parent: int | None = None  # the process that it was forked from, and to which it leaves the gauges
        self._journals = journals_of(journal, collector)
        self._handle_signals = handle_signals
        self.forkable: forks.Forkable = self
        self._running: _Running | None = None
        self._beside = Beside(None if state_dir is None else Path(state_dir).absolute(), filters_from(filters))

    async def start(self, *, aside: bool = True) -> None:
        """Begin to publish. Returns at once, with or without a server.

        Args:
            aside: read and encode on a thread of its own, as the loop is the program's and must not be held.

        Raises:
            RuntimeError: when it runs already, or another agent has this collector and path, or the state directory
                cannot be used (`StateDirError`).
        """
        if self._running is not None:
            if self._running.tenure.lasts:
                raise RuntimeError(f"the agent at {format_path(self.path)} runs already")
            self._forget(self._running)
        if other := forks.make_way(self):
            await off_loop(other.leave)
        running = _Running(self._at_exit)
        address = Address(self.path, self._subjects.prefix, self._settings)
        terms = (time.monotonic(), running.tenure, self._shows_gauges, self._beside)
        publication = attach(self._collector, address, *terms)
        try:
            await self._begin(running, publication, address, aside=aside)
        except BaseException:
            publication.holder = None
            raise
        log.debug("agent at %s publishes every %g s", format_path(self.path), self._settings.interval)

    async def _begin(self, running: _Running, publication: Publication, address: Address, *, aside: bool) -> None:
        await self._hold_state(publication)
        bus = self._route.open()
        metrics, events = self._subjects.metrics(self.path), self._subjects.events(self.path)
        worker: Worker = Aside("fog-agent-encoding") if aside else InPlace()
        refresh = self._collector.refresh
        sender = Sender(publication, bus, metrics, events, phase=phase_of(self.path), worker=worker, refresh=refresh)
        await listen(bus, self._subjects, self.path, sender.requested)
        running.publication, running.sender, running.worker = publication, sender, worker
        self._running = running
        forks.note_running(self.forkable)
        running.last_call.arm()
        if self._route.own is not None:
            running.spawn(self._route.own.run(), "connection")
        running.spawn(sender.run(), "sender")
        if self._journals is not None:
            running.recovery = Recovery(self._journals, bus, address)
            running.spawn(running.recovery.run(publication.metrics), "recovery")
        if self._handle_signals:
            running.signals = HeldSignals(running.tenure.loop, self.flush)

    async def _hold_state(self, publication: Publication) -> None:
        if self._beside.state_dir is not None:
            await off_loop(hold_state, self._collector, publication, self._beside.state_dir, self.path)

    async def stop(self, deadline: float | None = None) -> bool:
        """Flush the last counts and stop, within `deadline` seconds; True when all of it was acknowledged.

        Frames that were not stay on the collector, and the next agent of this collector and path sends them first.
        """
        running = self._running
        if running is not None and not running.tenure.lasts:
            self._forget(running)
            if running.tenure.lost:
                return False  # the agent that took over stops it
            await self.start()  # its event loop is gone: this one goes on from there
            running = self._running
        if running is None:
            return True
        signals = running.signals
        if signals is None:
            return await self._stop(running, deadline)
        signals.postpone()
        try:
            return await self._stop(running, deadline)
        finally:
            signals.close()

    async def _stop(self, running: _Running, deadline: float | None) -> bool:
        flushed = False
        try:
            end = time.monotonic() + (self.deadline if deadline is None else deadline)
            flushed = await running.sender.finish(end - time.monotonic())
            if flushed and running.recovery is not None:  # a short program would else never have the time for it
                await running.recovery.swept(end - time.monotonic())
            if not flushed:
                log.warning("agent at %s stops with frames that were not acknowledged in time", format_path(self.path))
        finally:
            await running.end()
            if flushed:
                release_state(self._collector, running.publication, self.path)
            self._forget(running)
        return flushed

    def _forget(self, running: _Running) -> None:
        """Be ready to start again, in this loop or another."""
        running.last_call.disarm()
        forks.note_ended(self.forkable)
        self._running = None
        self._route.close()
        if running.tenure.loop.is_running():
            return
        self._route = self._route.anew()
        if running.signals is not None:
            running.signals.close()

    def _at_exit(self) -> None:
        """Send the last counts of an agent that nobody has stopped, at the end of its process."""
        tenure = None if self._running is None else self._running.tenure
        if tenure is not None and not (tenure.lasts or tenure.lost):
            AgentThread(self).stop()
        elif tenure is not None and tenure.is_elsewhere:
            stop = asyncio.run_coroutine_threadsafe(self.stop(), tenure.loop)
            with contextlib.suppress(Exception):  # it takes too long, or its loop ends meanwhile
                stop.result(self.deadline + PATIENCE)

    @property
    def interval(self) -> float:
        """Seconds between frames."""
        return self._settings.interval

    @property
    def sent(self) -> Sent:
        """How far the publication has come.

        Raises:
            RuntimeError: when the agent does not run.
        """
        if self._running is None:
            raise RuntimeError(f"the agent at {format_path(self.path)} does not run")
        epoch = self._running.publication.epoch
        return Sent(epoch.writer.epoch, epoch.writer.seq, epoch.events.last)

    async def flush(self) -> bool:
        """Send what was counted until now and wait until it is acknowledged, or the deadline; True when it was."""
        running = self._running
        return running is not None and running.tenure.lasts and await running.sender.flush(self.deadline)

    @property
    def key(self) -> forks.Key:
        """The collector and the path: two agents with the same would count everything twice."""
        return id(self._collector), self.path

    def forked(self, parent: int) -> AgentThread | None:
        """In a child of the process `parent`, where it has no loop: return a thread in which it begins anew."""
        _of_parents.append((self._running, self._route))
        self._route.disown()
        if self._running is not None:
            self._running.worker.disown()
            with contextlib.suppress(RuntimeError):  # its loop is closed, or of a thread that is not here
                self._running.cancel()
        self._running, self._route = None, self._route.anew()
        if self._route.comes_along:
            return copy(self).inherit(self, parent)
        text = f"the agent at {format_path(self.path)} was given a bus, which does not come along in a fork"
        log.warning("%s: start an agent in the child, or nothing that it counts is published", text)
        warnings.warn(text, RuntimeWarning, stacklevel=1)
        return None

    def inherit(self, original: Agent, parent: int) -> AgentThread:
        """Become the one that publishes in a child of `parent`, as a copy of the original."""
        self._route = self._route.anew()
        self._handle_signals = False
        self._parent = None if self._settings.shared and self._parent is None else parent
        self._settings = replace(self._settings, shared=True)
        self._beside = self._beside.of_child()
        if self.forkable is original:
            self.forkable = self
        return AgentThread(self, lambda: self._shows_gauges() or self._collector.has_counted())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def _shows_gauges(self) -> bool:
        """Whether this process's gauges count: a forked child's do when they are shared, or when its parent is gone."""
        return self._parent is None or os.getppid() != self._parent


class _Running:
    """An agent's parts from its start to its end."""

    publication: Publication
    sender: Sender

    def __init__(self, at_exit: Callable[[], None]) -> None:
        self.tenure = Tenure(self)
        self.last_call = LastCall(at_exit)
        self.worker: Worker = InPlace()
        self.signals: HeldSignals | None = None
        self.recovery: Recovery | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        """Run `work` until the end."""
        task = asyncio.create_task(work, name=f"fog-agent-{name}")
        task.add_done_callback(_report)
        self._tasks.append(task)

    def cancel(self) -> None:
        """Have all that was spawned end, if their loop still runs; the sender ends at once."""
        if hasattr(self, "sender"):
            self.sender.stop()
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """End all that was spawned, and let go of the publication."""
        self.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if await self.worker.close() and self.publication.holder is self.tenure:
            self.publication.holder = None


class _Route:
    """The bus of an agent, one after the other: the given one, or one of its own to the same servers for each loop."""

    def __init__(self, options: NatsOptions | Endpoint, connection: Connection | None, bus: Bus | None) -> None:
        self._options = connection.options if connection else options
        self.given = connection
        self.own: Transport | None = None
        self.comes_along = bus is None  # in a fork
        self.bus = bus or (Link(connection) if connection else None)
        self.open()  # options that cannot be used are refused at once

    def open(self) -> Bus:
        """Return the bus; `own` is the same one when somebody has to run it."""
        if self.bus is None:
            self.bus = self.own = open_transport(self._options)
        return self.bus

    def close(self) -> None:
        """Forget a connection that was its own: it belongs to the loop in which it was."""
        if self.own is not None:
            self.own = self.bus = None

    def disown(self) -> None:
        """In a forked child: leave the connection to the parent."""
        for connection in (self.own, self.given):
            if connection is not None:
                connection.disown()

    def anew(self) -> _Route:
        """Return the same for a forked child, to be opened there."""
        route = copy(self)
        if self.comes_along:
            route.own = route.bus = route.given = None
        return route


def _about(info: dict[str, str] | None) -> dict[str, str]:
    facts = {"version": __version__, "os": platform.system().lower(), "host": platform.node()}
    return {name: value[:256] for name, value in (facts | (info or {})).items()}


def _options(servers: str | Sequence[str], path: TreePath) -> NatsOptions:
    addresses = tuple(servers.split(",")) if isinstance(servers, str) else tuple(servers)
    return NatsOptions(servers=addresses, name=f"fog-agent {format_path(path)}")


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("agent's task %s ended: %r; metrics are no longer sent", task.get_name(), error, exc_info=error)
