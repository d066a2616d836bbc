"""The aggregator as a service: its components in order, and the engine that they share.

Components are started sink first (HTTP answers before anything is read) and stopped in the opposite order: the last
export is written, reading ends, the last rollup is sent, the state is saved, then HTTP goes. A new component is one
folder under `components/` and one line in `Aggregator.__init__`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from fog_agent.edge.attach import new_epoch
from fog_agent.edge.options import AgentOptions
from fog_aggregator.brain import Brain
from fog_aggregator.components.below.asking import BranchQuestions
from fog_aggregator.components.below.source import BelowSource
from fog_aggregator.components.bootstrap.making import make_bootstrap
from fog_aggregator.components.bootstrap.serving import CHECKPOINTS
from fog_aggregator.components.checkpoints.saving import Checkpoints
from fog_aggregator.components.file_export.export import FileExport
from fog_aggregator.components.history.history import History
from fog_aggregator.components.http.access.exposure import make_exposure
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.page.desk import CommandDesk
from fog_aggregator.components.http.past.blame import TreeAndLevels
from fog_aggregator.components.http.past.keys import PastApi
from fog_aggregator.components.http.prometheus.live import LiveSource
from fog_aggregator.components.http.prometheus.places import TreePlaces
from fog_aggregator.components.http.prometheus.queries import Queries
from fog_aggregator.components.http.prometheus.route import Api
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.components.kernels.later import LaterKernels
from fog_aggregator.components.notifications.making import Situation, make_notifications
from fog_aggregator.components.notifications.notifier import Notifications
from fog_aggregator.components.outgoing.outgoing import make_outgoing
from fog_aggregator.components.past.frames import Frames
from fog_aggregator.components.past.metrics import PastMetrics
from fog_aggregator.components.past.past import Past
from fog_aggregator.components.past.present import PresentState
from fog_aggregator.components.past.source import PastSource
from fog_aggregator.components.rollup.publication import RollupPublication, RollupSource
from fog_aggregator.components.rules.conditions import EngineConditions
from fog_aggregator.components.rules.evaluation import Rules, make_rule_set
from fog_aggregator.components.rules.files import read_rules
from fog_aggregator.components.rules.partner import Partner
from fog_aggregator.components.rules.status import RulesView
from fog_aggregator.components.rules.storage import RuleSeries
from fog_aggregator.components.rules.worker import RuleWorker
from fog_aggregator.components.shares.shares import Shares
from fog_aggregator.components.unread.unread import UnreadBranches
from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.budget.division import Division
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Say, Surroundings
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_aggregator.core.places.patterns import BranchPatterns, places_outside
from fog_aggregator.core.saved import Part
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import come_later, load
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.memory.keeping import MemoryMetrics, empty_fleet, within_memory
from fog_aggregator.memory.machine import default_memory, resident_bytes
from fog_aggregator.network import NetworkCollector
from fog_aggregator.notifications.deliveries import DeliveryOrder
from fog_aggregator.path_costs import costliest
from fog_aggregator.readers import Readers
from fog_aggregator.report import StreamRoom
from fog_aggregator.rules.rule_set import RuleSet
from fog_aggregator.selfmetrics import SelfMetrics
from fog_aggregator.sources.fleet_storage import FleetStorage
from fog_aggregator.status import ServiceStatus, StatusParts
from fog_aggregator.streams import BusConnection, wanted_streams
from fog_aggregator.tasks import Loops, done_before
from fog_bus.ports import Log, Transport
from fog_bus.rate_limited_log import RateLimitedLog
from fog_bus.streams import reader_names, stream_name
from fog_bus.transports import open_transport
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

LOGGER: Final = logging.getLogger("fog_aggregator")


class Component(Protocol):
    """A part of the service with a life of its own."""

    async def start(self) -> None:
        """Begin. An error ends the service."""

    async def stop(self, deadline: float) -> None:
        """End what was started, in `deadline` seconds; with 0 let go of everything at once, and save nothing."""


class Reloaded(Protocol):
    """A part of the service whose files are read anew."""

    def reload(self) -> None:
        """Read them; `ValueError` when one cannot be used: then nothing changes."""


class Aggregator:
    """Reads a tree, or a subtree, and serves it.

    Args:
        config: The settings.
        transport: Any bus in place of NATS, such as `fog_bus.memory.MemoryBus` in a test.

    Attributes:
        network: The network-wide collector, readable by any exporter.
        status: The state of the service, as it is told over HTTP.
        web: The HTTP server; its address is known once `run` has started it.
        notifications: Tells receivers of alerts.
        sources: The keepers of samples, in the order in which they are asked.

    Raises:
        NatsOptionsError: The TLS files cannot be used.
        RulesError: A rule file cannot be used.
        KernelsError: The compiled kernels cannot be made, and were asked for.
        MemoryTooSmallError: The memory is less than the program itself needs.
        CredentialsError, ExposureError: The file of credentials, the certificate or its key cannot be used.
        ReceiversError: The file of receivers cannot be used.
    """

    _files: tuple[Reloaded, ...]

    def __init__(self, config: AggregatorConfig, transport: Transport | None = None) -> None:
        kernels, later = _kernels(config)
        self.config, division = config, _ = within_memory(config, later)  # after the kernels: they take memory
        subjects, readers = Subjects(config.prefix), reader_names(config.path)
        self._loops, self._deadline = (loops := Loops()), 0.0  # what fails, or is cancelled, has no time
        own = TelemetryCollector(self_metrics=False, reserved_names=True)
        (fleet, events), metrics = empty_fleet(config, division), SelfMetrics(own)
        self.network = NetworkCollector(fleet, events, own, self._server_time, config.departed_after, config.expect)
        history = History(config, config.state_dir, self.network, own)
        bus = transport or open_transport(config.nats)
        rule_set, series = make_rule_set(config), RuleSeries()
        partner = Partner(bus, subjects, config.path)
        self.notifications = self._make_notifications(bus, subjects, partner.order, own, loops)
        outgoing = make_outgoing(config, bus, history, self.network, own, loops)
        parts: dict[str, Part] = {"rules": rule_set, "partner": partner, "outgoing": outgoing}
        around = self._surroundings(metrics, kernels, parts, history)
        self._engine = Engine(scope := _scope(config, subjects), fleet, events, around)
        reading = Readers(self._engine, self.network, bus, loops, readers)
        brain = Brain(self._engine, self.network, metrics, bus, subjects, loops, reading)
        past = self._make_past(lambda stream: bus.log(stream, readers), subjects, own)
        self.sources = (history.source, PastSource(past), LiveSource(self.network))
        rules = self._rules = self._make_rules(rule_set, self._make_worker(history, series), own, partner, loops)
        checkpoints = Checkpoints(config, self._engine, self.network, metrics, loops)
        self.status = self._make_status(checkpoints, division, own)
        below = BranchQuestions(config, own)
        storage = FleetStorage((BelowSource(self.network, below, self.sources), *self.sources), series)
        queries = Queries(storage, config, self._server_time, self.status.ready, own)
        self.web = self._make_web(queries, past, storage, rule_set, below, CommandDesk(bus, subjects))
        brain.pause, self._files = history.settle, (*self._files, outgoing)
        self._components: list[Component] = [
            *(self.web, checkpoints),
            make_bootstrap(config, self._engine, self.network, fleet.limits.memory.fleet, transport),
            *(*self._later_kernels(later), history, outgoing),
            BusConnection(bus, scope, wanted_streams(config, subjects), reading.follow, loops),
            self.notifications,
            brain,
            *self._make_lookouts(bus, subjects, own),
            *(rules, FileExport(self.network, config), past, queries, below),
        ]
        self._follow_ticks(brain, subjects, own, bus)

    async def run(self, stop: asyncio.Event, on_listening: Callable[[], object] = lambda: None) -> None:
        """Serve until `stop` is set; `on_listening` is called once HTTP answers.

        Raises:
            ListenError: The address is taken.
            StateDirError: The state directory cannot be used, or belongs to another aggregator or another fleet.
            HorizonError: The horizon is shorter than twice what a stream keeps.
        """
        async with contextlib.AsyncExitStack() as stack:
            for component in self._components:
                stack.push_async_callback(self._stop, component)
                if not await done_before(stop, component.start()):
                    return  # nothing was read yet: there is nothing to save
                if component is self.web:
                    on_listening()
            await self._loops.wait(stop)
            self._deadline = AgentOptions.deadline

    def _follow_ticks(self, brain: Brain, subjects: Subjects, own: TelemetryCollector, bus: Transport) -> None:
        """Look at the room of the streams, and publish the totals where that is asked for."""
        brain.after_tick.append(StreamRoom(self._engine).look)
        if not self.config.publish_rollup:
            return
        totals, may_publish = self.network.totals, lambda: self._engine.may_publish
        origin, config, loops = lambda: self._engine.origin, self.config, self._loops
        source = RollupSource(totals, may_publish, origin)
        rollup = RollupPublication(config.path, config, subjects, source, own, bus, loops)
        brain.after_tick.append(rollup.tick)
        self._components.insert(self._components.index(brain), rollup)

    def _make_notifications(
        self, bus: Transport, subjects: Subjects, order: DeliveryOrder, own: TelemetryCollector, loops: Loops
    ) -> Notifications:
        config, silences_known = self.config, self._are_commands_known
        situation = Situation(config.path, config.external_url, self._time_of_alerts, silences_known, order)
        return make_notifications(config, bus, subjects, situation, own, loops)

    def _are_commands_known(self) -> bool:
        return all(cursor.caught_up for cursor in self._engine.streams.of_kind(CONTROL).values())

    def _surroundings(
        self, metrics: SelfMetrics, kernels: Kernels | None, saved: dict[str, Part], history: History
    ) -> Surroundings:
        metrics.collector.add_source(lambda: [costliest(self._engine.accounts, self.network)])
        self.network.use(kernels)
        silences = self.notifications.silences
        parts = saved | {"silences": silences, "notifications": self.notifications}
        return Surroundings(
            read_side=self.network,
            counts=metrics,
            say=_warnings(),
            take_command=silences.take,
            parts=parts,
            history=history.recorder,
            clock=time.perf_counter,
            kernels=kernels,
            incarnation=new_epoch(),
        )

    def _later_kernels(self, later: int) -> list[Component]:
        def use(kernels: Kernels) -> None:
            self.network.use(kernels)
            self._engine.use(kernels)

        make = partial(load, Choice.AUTO, _cache(self.config))
        return [LaterKernels(lambda: self.network.fleet.slot_count, make, use, self._loops)] if later else []

    def _make_rules(
        self, rule_set: RuleSet, worker: RuleWorker, own: TelemetryCollector, partner: Partner, loops: Loops
    ) -> Rules:
        read = partial(read_rules, self.config.rules, round(self.config.history_retention * 1000))
        conditions = EngineConditions(self._engine, worker.storage, self.network.losses)
        return Rules(read, rule_set, worker, own, conditions, partner, self.notifications, loops)

    async def reload(self) -> str:
        """Read files of rules, logins, receivers and certificates anew; return what is wrong with them, or nothing."""
        try:
            for one in self._files:
                one.reload()
        except ValueError as error:
            return str(error)
        return await self._rules.reload()

    def _make_lookouts(self, bus: Transport, subjects: Subjects, own: TelemetryCollector) -> list[Component]:
        """Make what looks at the streams as a whole, every now and then."""
        streams, loops, filters = self._engine.streams, self._loops, subjects.subtree(METRICS, self.config.path)
        branches, is_ready = BranchPatterns(self.config.branches), lambda: self._engine.readiness.ready

        async def logs() -> list[Log]:
            return [bus.log(name) for name in await bus.holding(filters)]

        return [
            Shares(lambda: list(map(bus.log, streams.of_nodes)), subjects, own, loops),
            UnreadBranches(logs, subjects, branches, self.network.unread, is_ready, own, loops),
        ]

    def _make_status(self, checkpoints: Checkpoints, division: Division, own: TelemetryCollector) -> ServiceStatus:
        memory = MemoryMetrics(division, self.network, own)
        parts = StatusParts(checkpoints, memory, self.notifications, self._rules)
        return ServiceStatus(self._engine, parts, self.reload, branch_events=self.config.branch_events)

    def _make_worker(self, history: History, series: RuleSeries) -> RuleWorker:
        """Make what evaluates rules: `increase()` has the first counts of a counter there."""
        storage = FleetStorage((history.from_zero, *self.sources[1:]), series, warns=False)
        return RuleWorker(storage, series, self.network, self.config.query_samples)

    def _make_past(self, open_log: Callable[[str], Log], subjects: Subjects, own: TelemetryCollector) -> Past:
        config = self.config
        frames = Frames(open_log, subjects, config.path, config.past_messages, PastMetrics(own))
        present = PresentState(self._engine, self.network, subjects, BranchPatterns(self.config.branches))
        return Past(present, frames, self.config, self.config.history_step)

    def _make_web(
        self,
        queries: Queries,
        past: Past,
        storage: FleetStorage,
        rules: RuleSet,
        below: BranchQuestions,
        desk: CommandDesk | None,
    ) -> WebServer:
        api = Api(queries, TreePlaces(self.network), RulesView(rules))
        past_api = PastApi(past, TreeAndLevels(self.network, storage.keeps))
        exposure = make_exposure(self.config)
        self._files = exposure, below
        allowed = desk if self.config.http_silences else None
        app = make_app(self.network, self.status, api, past_api, exposure, below, allowed)
        if self.config.state_dir is not None:
            app[CHECKPOINTS] = self.config.state_dir
        return WebServer(app, self.config.listen, tls=exposure.tls)

    async def _stop(self, component: Component) -> None:
        await component.stop(self._deadline)

    def _time_of_alerts(self) -> float:
        """Return the server's time, or this machine's while none was heard: also then alerts are told."""
        return self._server_time() or time.time()

    def _server_time(self) -> float:
        return self._engine.server_time(time.monotonic())


def _kernels(config: AggregatorConfig) -> tuple[Kernels | None, int]:
    """Return the kernels to begin with, and the memory for those that come once the fleet is large, bytes."""
    memory, cache = config.memory or default_memory(), _cache(config)
    if later := come_later(config.kernels, memory, resident_bytes(), cache):
        return None, later
    return (load(Choice.NUMBA, cache) if config.kernels is Choice.NUMBA else None), 0


def _cache(config: AggregatorConfig) -> Path | None:
    return config.state_dir / "kernels" if config.state_dir else None


def _scope(config: AggregatorConfig, subjects: Subjects) -> Scope:
    branches = BranchPatterns(config.branches)
    return Scope(
        subjects=subjects,
        path=config.path,
        branches=branches,
        places=places_outside(config.path, branches),
        branch_events=config.branch_events,
        metrics=stream_name(METRICS, subjects),
        events=stream_name(EVENTS, subjects),
        rollups=stream_name(ROLLUPS, subjects),
        control=stream_name(CONTROL, subjects),
        departed_after=config.departed_after,
    )


def _warnings() -> Say:
    """Log each kind of warning once a minute at most; faults of our own with their traceback."""
    log = RateLimitedLog(time.monotonic, logger=LOGGER)

    def say(key: str, text: str, error: Exception | None) -> None:
        if error is not None:
            LOGGER.error("%s", text, exc_info=error)
        else:
            log(logging.WARNING, key, text)

    return say
