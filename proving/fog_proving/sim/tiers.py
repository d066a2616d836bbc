"""A fog of two tiers: two aggregators of one subtree publish its totals, and a root adds up what they say.

They read the same streams as the one aggregator of every history, beside it. Each is a process of its own: it lags, is
away, crashes to an older checkpoint or to none, and ends in good order or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from fog_agent.core.writer import Settings
from fog_agent.edge.selfmetrics import WriterMetrics
from fog_aggregator.components.rollup.replica import Replica
from fog_aggregator.core.engine.observed import LONGEST_TICK
from fog_aggregator.core.following.scope import Scope
from fog_bus.memory import Fate
from fog_proving.sim.agent import Agent
from fog_proving.sim.aggregator import Aggregator
from fog_proving.sim.books import INTERVAL, RETENTION
from fog_proving.sim.bus import SUBJECTS, Operator, Stage, fate, scope_of
from fog_proving.sim.checks import LEVELS, LIMITS, Ears, Watcher
from fog_proving.sim.program import Bounds, Program
from fog_proving.sim.shelf import Shelf
from fog_proving.sim.steps import DAMAGED
from fog_schema.commands import REBASE
from fog_schema.frames import Request
from fog_schema.paths import Path, is_under
from utilityfog_frontend.telemetry import TelemetryCollector

BRANCH: Final[Path] = ("f", "0")
SMALLEST_FRAME: Final = 400
"""A merged gauge with its definition needs more than what is enough for a node's series, bytes."""

Ask: TypeAlias = Callable[[Iterable[tuple[Path, Request]]], None]


class Member:
    """The place of one aggregator: of the subtree, whose totals it publishes, or of the whole, which reads them.

    Attributes:
        name: for people.
        scope: what it reads, and the branch that it publishes.
        aggregator: its present run, if it runs.
        agent: what publishes the subtree's totals, from when the aggregator is ready.
    """

    def __init__(
        self,
        name: str,
        scope: Scope,
        stage: Stage,
        bounds: Bounds,
        ask: Ask,
    ) -> None:
        self.name = name
        self.scope = scope
        self.aggregator: Aggregator | None = None
        self.agent: Agent | None = None
        self._stage = stage
        self._bounds = Bounds(max(bounds.frame_bytes, SMALLEST_FRAME), bounds.outbox_frames)
        self._ask = ask
        self._watcher = Watcher(stage.books)
        self._shelf = Shelf(0)  # with how much the streams had lost at each checkpoint
        self.start()
        self._watcher.began_anew = False

    @property
    def began_anew(self) -> bool:
        """Whether it was ever started again without a checkpoint."""
        return self._watcher.began_anew

    @property
    def running(self) -> Aggregator:
        """Its present run.

        Raises:
            RuntimeError: it does not run.
        """
        if self.aggregator is None:
            raise RuntimeError(f"{self.name} does not run")
        return self.aggregator

    def start(self) -> None:
        """Start it, if it does not run: from its last checkpoint that is left."""
        if self.aggregator is None:
            self._known_losses = self._shelf.newest_note
            self._excuse()
            self._watcher.began_anew |= not self._shelf.newest
            self.aggregator = Aggregator(self._stage, self.scope, LIMITS, self._shelf, Ears())
            self._replica = self._new_replica(self.aggregator)

    def crash(self, damaged: int) -> None:
        """End it at once; its newest checkpoints may be gone too."""
        self._watcher.crashed()
        self._shelf.damage(damaged)
        self.aggregator = self.agent = None

    def restart(self, damaged: int) -> None:
        """Crash it, and start it again at once."""
        self.crash(damaged)
        self.start()

    def read(self, count: int) -> None:
        """Read at most so many messages of each stream."""
        if self.aggregator is not None:
            self.aggregator.read(count)

    def second(self, lost: int, longest_tick: float = LONGEST_TICK) -> None:
        """Let it tick; `lost` says which of its requests nobody hears."""
        if self.aggregator is not None:
            effects = self.aggregator.second(longest_tick)
            if effects.became_ready:
                self._excuse()
            if (effects.swept.retired or effects.swept.label_sets or effects.forgotten) and not self.scrape():
                self._watcher.forget()  # nobody sees it, but what has ended now may begin anew
            self._ask([request for place, request in enumerate(effects.requests) if not lost >> place & 1])
            if self.scope.path:
                self._publish(may_publish=self.aggregator.engine.may_publish)

    @property
    def pause(self) -> float:
        """Seconds until there may be something to send; at most an interval."""
        pause = self.agent.until_frame if self.agent is not None else 0.0
        return pause if pause <= INTERVAL else 0.0

    def checkpoint(self) -> None:
        """Save state and positions."""
        if self.aggregator is not None:
            self.aggregator.checkpoint()
            self._shelf.note(self._losses())

    def look(self, *, with_retired: bool = True) -> None:
        """Nothing is above the truth."""
        if self.aggregator is not None:
            self._watcher.look(self.aggregator.fleet, with_retired=with_retired)

    def scrape(self) -> bool:
        """Check that exported and sent numbers are never above the truth and never fall; True when it exports."""
        if self.aggregator is None or not (self.aggregator.engine.readiness.ready or self.agent is not None):
            return False
        self._watcher.scrape(self.aggregator.network, LEVELS)
        return True

    def may_fall(self) -> None:
        """Allow what it exports to fall: by an operator's order below it."""
        self._watcher.forget()

    def tick(self) -> None:
        """End an interval: send the totals."""
        if self.agent is not None:
            self.agent.publisher.tick(self._stage.now)
            self.scrape()

    def send(self, what: Fate) -> bool:
        """Publish the next frame once; whether there was any."""
        frame = self.agent.next_frame() if self.agent is not None else None
        if self.agent is None or frame is None:
            return False
        answer = self._stage.streams.rollups.publish(SUBJECTS.rollups(self.scope.path), frame.data, what)
        self.agent.answered(frame, answer)
        return True

    def flow(self) -> None:
        """Let an interval pass in which all goes well, unless the server does not want it."""
        self.read(1000)
        self.second(0)
        self.tick()
        for _ in range(50):
            if self._stage.streams.rollups.refusing or not self.send(Fate.STORED):
                break

    def stop(self, what: Fate) -> None:
        """End it in good order: each part of the final is sent once, and the state is saved."""
        if self.agent is not None:
            self.agent.finish(online=True)
            if self.send(what):
                for _ in self.agent.publication.finals[:]:
                    self.send(what)
        self.checkpoint()
        self.crash(0)

    def requested(self, path: Path, request: Request) -> None:
        """Somebody's request is heard."""
        if self.agent is not None and is_under(self.scope.path, path):
            self.agent.publisher.requested(request, self._stage.now)

    @property
    def wanted(self) -> list[int]:
        """The epochs from whose writers it wants something."""
        engine = self.aggregator.engine if self.aggregator is not None else None
        return [one.epoch for one in engine.wanted(self._stage.now)] if engine is not None else []

    def must_list(self, program: Program) -> bool:
        """Tell whether it has asked a program which events it holds since the stream lost any, and has not given up."""
        engine, epoch = self.running.engine, program.book.id
        seen = engine.events.seen.get((program.path, epoch))
        may_ask = seen is not None and self._stage.now - seen.last_seen < RETENTION
        return may_ask and not self._stage.clocks.stepped and self.running.fleet.was_asked(epoch)

    def _new_replica(self, aggregator: Aggregator) -> Replica:
        settings = Settings(interval=INTERVAL)
        metrics = WriterMetrics(
            TelemetryCollector(self_metrics=False, reserved_names=True), settings, "fog_aggregator_rollup"
        )
        origin = lambda: aggregator.engine.origin  # noqa: E731
        return Replica(aggregator.network.totals, settings, metrics, self._stage.draw_epoch, origin)

    def _publish(self, *, may_publish: bool) -> None:
        """Begin to publish, if its time has come."""
        if (publication := self._replica.begin(may_publish=may_publish, now=self._stage.now)) is not None:
            self._bounds.apply(publication.epoch)
            self.agent = Agent(publication, self._bounds.frame_bytes, self._stage.clock)

    def _excuse(self) -> None:
        """Allow the loss of what it had read before it crashed, if a stream lost a message that it has not reread."""
        if self._losses() > self._known_losses:
            self._watcher.forget()

    def _losses(self) -> int:
        return self._stage.streams.metrics.losses + self._stage.streams.rollups.losses


class Tiers:
    """Two replicas and a root, selective or not; arguments as of `Member`."""

    def __init__(self, stage: Stage, bounds: Bounds, ask: Ask, *, selective: bool = False) -> None:
        about, self._metrics, self._clock = (stage, bounds, ask), stage.streams.metrics, stage.clock
        self._operator = Operator(stage)
        self.replicas = [Member(name, scope_of(BRANCH), *about) for name in ("one replica", "the other replica")]
        self.root = Member("the root", scope_of(branches=(BRANCH,), selective=selective), *about)
        self.members = (*self.replicas, self.root)

    def begin_anew(self, programs: Sequence[Program], who: int, beat: Callable[[], None]) -> None:
        """Let the subtree's aggregators lose their state, and the store what they had read of a program that died."""
        below = [one for one in programs if one.alive and is_under(one.path, BRANCH)]
        for program in below[who % max(1, len(below)) :][:1]:
            program.workload.count(0, who)
            for _ in range(3):
                beat()
            program.kill()
        self._metrics.wipe()
        for replica in self.replicas:
            replica.restart(2)

    def order_rebase(self) -> None:
        """Give the command that lets the subtree count on from what it has."""
        self._operator.give(REBASE, BRANCH)

    def look(self) -> None:
        """Nothing is above the truth, at no tier.

        The root's retired counts are not looked at once a replica has begun anew: it counts in full what returns, and
        the root cannot tell that it had retired some of it.
        """
        for replica in self.replicas:
            replica.look()
        self.root.look(with_retired=not any(replica.began_anew for replica in self.replicas))

    def beat(self) -> None:
        """Let an interval pass in which all goes well."""
        for member in self.members:
            member.flow()
        self.root.scrape()

    def requested(self, path: Path, request: Request) -> None:
        """Somebody's request is heard."""
        for member in self.replicas:
            member.requested(path, request)

    def wait(self, seconds: float) -> None:
        """Let all of them tick all the time that has passed."""
        for member in self.members:
            member.second(0, seconds)

    def start(self) -> None:
        """Start those that do not run."""
        for member in self.members:
            member.start()

    def restless(self, writers: Iterable[int]) -> str:
        """Say what is still to be done; empty when all is quiet.

        Args:
            writers: the epochs of the programs that are attached.
        """
        agents = [member.agent for member in self.replicas if member.agent is not None]
        writing = {*writers, *(agent.publication.epoch.writer.epoch for agent in agents)}
        running = [member.aggregator for member in self.members if member.aggregator is not None]
        parts = {
            "replicas busy": sum(not agent.publisher.idle for agent in agents),
            "tiers not ready": sum(not aggregator.engine.readiness.ready for aggregator in running),
            "gapped in tiers": sum(epoch.id in writing for one in running for epoch in one.fleet.gapped),
            "wanted by the root": sum(epoch in writing for epoch in self.root.wanted),
            "commands not read": sum(bool(one.engine.unread_commands(self._clock())) for one in running),
        }
        return ", ".join(f"{what} {count}" for what, count in parts.items() if count)


OF_TIERS: Final[dict[str, Callable[[Member, int], object]]] = {
    "tier_flow": lambda member, _: member.flow(),
    "tier_read": lambda member, how: member.read(1 + how % 12 if how % 4 else 1000),
    "tier_second": lambda member, how: member.second(how),
    "tier_tick": lambda member, _: member.tick(),
    "tier_scrape": lambda member, _: member.scrape(),
    "tier_checkpoint": lambda member, _: member.checkpoint(),
    "tier_send": lambda member, how: member.send(fate(how)),
    "tier_stop": lambda member, how: member.stop(fate(how)),
    "tier_crash": lambda member, how: member.restart(DAMAGED[how % len(DAMAGED)]),
    "tier_away": lambda member, how: member.crash(DAMAGED[how % len(DAMAGED)]),
    "tier_start": lambda member, _: member.start(),
}
