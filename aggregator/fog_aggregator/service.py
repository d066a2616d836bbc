"""The aggregator as a service: streams in, HTTP and files out, and the second hand in between.

Started sink first (HTTP answers before anything is read), stopped source first (the last export is written, reading
ends, the last rollup is sent, the state is saved, then HTTP goes).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from fog_aggregator.components.checkpoints.saving import Saving
from fog_aggregator.components.http import StreamStatus, WebServer, make_app
from fog_aggregator.components.rollup import RollupPublication
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.branches import Branches
from fog_aggregator.core.clock import ServerClock
from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.eventlist import EventList, FleetEvent
from fog_aggregator.core.forgetting import Forgetting
from fog_aggregator.core.lifecycle import contended
from fog_aggregator.core.readiness import Readiness
from fog_aggregator.core.requests import KeyframeRequests
from fog_aggregator.core.state import State
from fog_aggregator.ingest import Ingest
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.family_variants import FamilyVariant
from fog_aggregator.reading import ReadingLoop
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.tasks import running
from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.log import NatsLog
from fog_bus.nats.provision import apply
from fog_bus.ports import Discontinuity, Message, Position
from fog_bus.streams import (
    EVENTS,
    MAX_AGE,
    METRICS,
    ROLLUPS,
    StreamSettings,
    events_stream,
    metrics_stream,
    rollups_stream,
)
from fog_schema.codec import encode_request
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import (
    JSONExporter,
    MetricsExporter,
    PeriodicExporter,
    PrometheusAdapter,
    TelemetryCollector,
)

Handle: TypeAlias = Callable[[list[Message]], None]

LOGGER: Final = logging.getLogger("fog_aggregator")
_SECOND: Final = 1.0
_SWEEP_SECONDS: Final = 10.0
_IN_FLIGHT: Final = 2_000
"""Messages that may be on their way to a reader that is up to date."""
_STREAM_RETRY: Final = 5.0
FORGET: Final = "fog_forget"
"""The event that asks to forget the departed nodes at and under its path."""


_DISCONTINUITIES: Final = {
    Discontinuity.REPLACED: "it is another one of the same name; reading it from the start",
    Discontinuity.ROLLED_BACK: "it has lost messages that were read; reading it from the start",
    Discontinuity.TRIMMED: "messages are gone that were not read yet; reading on",
    Discontinuity.MISSING: "it is not there; `fog streams apply` creates it",
}


class HorizonError(ValueError):
    """The horizon is shorter than twice what a stream keeps; the text says what to do."""


class Aggregator:
    """Reads a tree, or a subtree, and serves it.

    Attributes:
        network: the network-wide collector, readable by any exporter.
        web: the HTTP server; its address is known once `run` has started it.
    """

    def __init__(self, config: AggregatorConfig) -> None:
        self.config = config
        self._subjects = Subjects(config.prefix)
        self._clock = ServerClock()
        own = TelemetryCollector(self_metrics=False)
        self.network = NetworkCollector(
            State(horizon=config.horizon),
            EventList(config.max_events),
            own,
            self._now,
            config.departed_after,
        )
        self._metrics = SelfMetrics(own)
        branches = Branches(config.branches)
        self._ingest = Ingest(self.network, self._metrics, self._subjects, self._clock, time.monotonic, branches)
        self._publication = self._make_publication(own) if config.publish_rollup else None
        self._readiness = Readiness(needs_round=True)
        self._became_ready = asyncio.Event()
        self._forgetting = Forgetting()
        self._told: dict[str, set[str]] = defaultdict(set)
        self._streams_looked_after = asyncio.Event()
        self._saving = Saving(config, self.network, self._metrics, self._read_positions)
        self._ingest.on_events = self._on_events
        self._requests = KeyframeRequests()
        self._readers: tuple[StreamCursor, ...] = ()
        self.web = WebServer(make_app(self.network, self), config.listen)

    async def run(self, stop: asyncio.Event, on_listening: Callable[[], object] = lambda: None) -> None:
        """Serve until `stop` is set; `on_listening` is called once HTTP answers.

        Raises:
            ListenError: the address is taken.
            StateDirError: the state directory cannot be used, or belongs to another aggregator or another fleet.
            HorizonError: the horizon is shorter than twice what a stream keeps.
        """
        await self.web.start()
        on_listening()
        try:
            async with self._saving.going_on() as positions, self._reading(positions), self._exporting():
                await stop.wait()
        finally:
            self.network.active = False
            await self.web.stop()

    def ready(self) -> tuple[bool, str]:
        """Whether the numbers are complete, and why not."""
        return self._readiness.ready, self._readiness.why_not()

    def streams(self) -> list[StreamStatus]:
        """How far each stream was read."""
        return [
            StreamStatus(
                name=reader.stream,
                sequence=reader.position.seq if reader.position else 0,
                last_sequence=reader.last_seq,
                lag=reader.lag,
                bytes=reader.info.bytes if reader.info else 0,
                max_bytes=reader.info.max_bytes if reader.info else None,
                seconds_until_gap=reader.until_gap,
                restarts=dict(reader.restarts),
            )
            for reader in self._readers
        ]

    @contextlib.asynccontextmanager
    async def _reading(self, positions: Mapping[str, Position] | None) -> AsyncIterator[None]:
        self._readiness.needs_round = self.network.state.in_doubt
        if positions is not None:
            self._clock.note(self.network.state.now, time.monotonic())
        connection = Connection(self.config.nats)
        link = Link(connection)
        self._readers, loops = self._make_readers(link, positions or {})
        self._metrics.watch(self.network, self._readers, lambda: self._readiness.ready)
        reading = running(*(self._read(loop) for loop in loops), self._every_second(link))
        publishing: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()
        if self._publication is not None:
            publishing = self._publication.going_on(link, self._became_ready.wait)
        async with running(connection.run(), self._keep_streams(link)), publishing, reading:
            yield
        await connection.close()

    def _make_publication(self, own: TelemetryCollector) -> RollupPublication:
        config = self.config
        return RollupPublication(config.path, config.rollup_interval, self._subjects, self.network.totals, own)

    async def _read(self, loop: ReadingLoop) -> None:
        await self._streams_looked_after.wait()
        await loop.run()

    def _make_readers(
        self, link: Link, known: Mapping[str, Position]
    ) -> tuple[tuple[StreamCursor, ...], list[ReadingLoop]]:
        ingest = self._ingest
        what: dict[str, tuple[str, Handle]] = {METRICS: ("metrics", ingest.frames), EVENTS: ("events", ingest.events)}
        if self.config.branches:
            what[ROLLUPS] = ("rollups", ingest.rollups)
        cursors, loops = [], []
        for stream, (kind, handle) in what.items():
            cursor = StreamCursor(stream, self._subjects.subtree(kind, self.config.path), known.get(stream))
            cursors.append(cursor)
            take = partial(self._handle, cursor, handle)
            loops.append(ReadingLoop(NatsLog(link, stream), cursor, take, partial(self._discontinuity, stream)))
        return tuple(cursors), loops

    def _handle(self, cursor: StreamCursor, handle: Handle, messages: Sequence[Message], pending: int) -> None:
        if messages:
            if (what := cursor.missed(messages)) is not None:
                self._discontinuity(cursor.stream, what)
            if ours := cursor.ours(messages):
                handle(ours)
        cursor.take(messages, pending, time.monotonic())

    def _read_positions(self) -> dict[str, Position]:
        return {reader.stream: reader.position for reader in self._readers if reader.position is not None}

    def _discontinuity(self, stream: str, what: Discontinuity) -> None:
        """The stream is not what was read: what is missing, only the nodes can tell."""
        LOGGER.warning("stream %s: %s", stream, _DISCONTINUITIES[what])
        if what is not Discontinuity.MISSING:
            self._readiness.needs_round = True
            with self.network.lock:
                self._ingest.distrust()
                self.network.state.in_doubt = not self._readiness.ready  # else all that was shown is in it

    async def _keep_streams(self, link: Link) -> None:
        """In development the aggregator makes its streams, also anew when they were wiped."""
        settings, said = self._stream_settings(), set[str]()
        if not self.config.create_streams:
            self._streams_looked_after.set()
            return
        while True:
            await link.connection.connected()
            try:
                for one in settings:
                    for difference in await apply(JetStream(link), one):
                        if str(difference) not in said:
                            LOGGER.warning("%s; `fog streams apply` changes it", difference)
                            said.add(str(difference))
            except JetStreamError as error:
                LOGGER.warning("streams cannot be made: %s", error)
            self._streams_looked_after.set()
            await asyncio.sleep(_STREAM_RETRY)

    def _stream_settings(self) -> list[StreamSettings]:
        config, max_age = self.config, min(MAX_AGE, self.config.horizon / 2)
        kinds = [metrics_stream, events_stream]
        if config.branches or config.publish_rollup:
            kinds.append(rollups_stream)
        return [kind(self._subjects, max_age=max_age) for kind in kinds]

    async def _every_second(self, link: Link) -> None:
        last = swept = time.monotonic()
        while True:
            await asyncio.sleep(_SECOND)
            now = time.monotonic()
            self._check_horizon()
            if link.connection.client is not None and self._up_to_date():
                self._note_server_time()
                self._watched(now - last)
            last = now
            self._update_readiness()
            self._forget()
            await self._ask(link)
            if now - swept >= _SWEEP_SECONDS:
                swept = now
                self._sweep()

    def _watched(self, seconds: float) -> None:
        """Nothing was left to read for so long. Time goes on for the state also when nobody sends."""
        state = self.network.state
        with self.network.lock:
            state.watched += seconds
            state.now = max(state.now, self._now())
            state.complete = True

    def _check_horizon(self) -> None:
        """A stream that remembers for longer than half the horizon could bring back what was given up."""
        for reader in self._readers:
            if reader.info is None:
                continue
            kept = reader.info.max_age
            if kept is None or 2 * kept > self.config.horizon:
                age = "for ever" if kept is None else f"for {kept:g} s"
                raise HorizonError(
                    f"the stream {reader.stream} keeps messages {age}, and the horizon of {self.config.horizon:g} s "
                    "must be at least twice that: set a longer --horizon, or a shorter max_age with `fog streams apply`"
                )

    def _up_to_date(self) -> bool:
        return all(reader.caught_up and reader.lag <= _IN_FLIGHT for reader in self._readers)

    def _sweep(self) -> None:
        """Let time do its work, and tell of what somebody has to look at."""
        network, now = self.network, self._now()
        with network.lock:
            swept = network.sweep()
            network.events.expire(now - self.config.horizon)
            writers = {format_path(path): path for path in contended(network.state, now)}
            families = {name: self._somebody(versions) for name, versions in network.conflicts().items()}
        self._metrics.contended.set(len(writers))
        self._metrics.conflicting.set(len(families))
        self._tell("several_writers", writers, "has several writers at once that are not marked as shared")
        self._tell("families_disagree", families, "is not of one type, unit or bounds on all nodes: see /api/conflicts")
        if swept.retired:
            LOGGER.info("retired: %s", ", ".join(map(format_path, swept.retired[:10])))

    def _somebody(self, versions: list[FamilyVariant]) -> Path:
        """One of the nodes whose version of a family is not shown."""
        tree, hidden = self.network.tree, versions[-1]
        return tree.paths[int(tree.rank[hidden.nodes[0]])]

    def _tell(self, event: str, found: Mapping[str, Path], what: str) -> None:
        """List an event and log a line for each subject that was not found the last time."""
        for subject in found.keys() - self._told[event]:
            with self.network.lock:
                self.network.events.report(found[subject], event, {"subject": subject, "text": what}, self._now())
            LOGGER.warning("%s %s", subject, what)
        self._told[event] = set(found)

    def _on_events(self, events: list[FleetEvent]) -> None:
        """A wish to forget travels as an event, so that replays and a hot pair agree on it."""
        for event in events:
            if event.name == FORGET:
                self._forgetting.want(event.path, event.received)

    def _forget(self) -> None:
        """Forget whom somebody wished to, as soon as it is known who had departed by then."""
        frames = next(reader for reader in self._readers if reader.stream == METRICS)
        for under, at in self._forgetting.due(frames.read_until):
            gone = self.network.forget(under, at)
            LOGGER.info("forgotten under %s: %d departed nodes", format_path(under), len(gone))

    def _note_server_time(self) -> None:
        """The server's own clock tells the time also when nobody sends."""
        for reader in self._readers:
            if reader.caught_up and not reader.lag and reader.info is not None:
                self._clock.note(reader.info.now, time.monotonic())

    def _update_readiness(self) -> None:
        state, caught_up = self.network.state, all(reader.caught_up for reader in self._readers)
        if self._readiness.begins_round(caught_up=caught_up):
            with self.network.lock:
                self._ingest.distrust()
        became_ready = self._readiness.update(
            caught_up=caught_up,
            gapped=len(state.gapped),
            nodes=len(state.nodes),
            longest_interval=float(state.rows.interval.max(initial=0.0)),
            now=time.monotonic(),
        )
        if became_ready:
            LOGGER.info("ready: %d nodes", len(state.nodes))
            state.in_doubt = False
            self._became_ready.set()

    async def _ask(self, link: Link) -> None:
        """Ask for the keyframes and events that are missing."""
        with self.network.lock:
            wishes = self._ingest.wishes
        if not all(reader.caught_up for reader in self._readers):
            return
        for path, request in self._requests.due(wishes.values(), time.monotonic()):
            if await link.send(self._subjects.resync(path), encode_request(request)):
                self._metrics.requests.increment()

    @contextlib.asynccontextmanager
    async def _exporting(self) -> AsyncIterator[None]:
        exporters: list[MetricsExporter] = []
        if self.config.export_prometheus is not None:
            exporters.append(PrometheusAdapter(str(self.config.export_prometheus)))
        if self.config.export_json is not None:
            exporters.append(JSONExporter(str(self.config.export_json)))
        periodic = [PeriodicExporter(one, self.network, interval=self.config.export_interval) for one in exporters]
        for one in periodic:
            await one.start()
        try:
            yield
        finally:
            for one in periodic:
                await one.stop()

    def _now(self) -> float:
        return self._clock.now(time.monotonic())
