"""A fog, its streams, its aggregator, and the one who looks at them: what each step does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from fog_aggregator.core.engine.observed import LONGEST_TICK
from fog_aggregator.core.engine.readiness import ROUND_INTERVALS
from fog_bus.memory import Fate
from fog_bus.ports import Message
from fog_proving.sim.aggregator import Aggregator
from fog_proving.sim.books import HORIZON, INTERVAL, PATHS, Violation
from fog_proving.sim.bus import OF_STREAMS, SUBJECTS, USUAL, Operator, Stage, Stream, fate, note_orders, scope_of
from fog_proving.sim.checks import LEVELS, LIMITS, Ears, Watcher
from fog_proving.sim.program import Bounds, Program
from fog_proving.sim.quiet.fleet import Accounts, events_once, must_be_all
from fog_proving.sim.quiet.hoard import Ending, budget_holds
from fog_proving.sim.quiet.tiers import at_rest
from fog_proving.sim.reference_model import Lineage
from fog_proving.sim.shelf import Shelf
from fog_proving.sim.steps import DAMAGED, Step
from fog_proving.sim.tiers import OF_TIERS, Tiers
from fog_schema.codec import decode
from fog_schema.commands import FORGET, LIFT, QUARANTINE
from fog_schema.frames import Request
from fog_schema.paths import Path

START: Final = 1_700_000_000.0
MOST_PROGRAMS: Final = 8
WAITS: Final = {
    "wait": (2.0, 10.0, 25.0, 70.0, 400.0),
    "long_wait": (1_000.0, 4_000.0, 90_000.0, 200_000.0),
    "very_long_wait": (300_000.0, 650_000.0, 1_300_000.0),
}
PAUSES: Final = (4.0, 40.0, 4_000.0, 650_000.0)
"""Seconds during which the machines of all aggregators are suspended."""
COSTS: Final = (USUAL, 0.3, 1.0, 5.0)
"""Seconds of work that a message takes from then on: with the longest a writer's frames are soon left out."""
ROUNDS: Final = 80
"""So many intervals must be enough to come to rest: the longest pause between two requests is 300 s."""

OF_PROGRAMS: Final[dict[str, Callable[[Program, int], object]]] = {
    "count": lambda program, how: program.workload.count(how, how // 8),
    "remove": lambda program, how: program.workload.remove(how, how // 4),
    "reset": lambda program, how: program.workload.reset(how),
    "tick": lambda program, _: program.tick(),
    "send": lambda program, how: program.send(fate(how)),
    "flush": lambda program, _: program.flush(),
    "flow": lambda program, _: program.flow(),
    "kill": lambda program, _: program.kill(),
    "bury": lambda program, how: program.bury(fate(how)),
    "stop": lambda program, how: program.stop(online=how % 4 != 0, what=fate(how // 4)),
    "attach": lambda program, _: program.attach(),
}


class World:
    """One history as it unfolds.

    Raises:
        Violation: by any step, when a promise was broken.
    """

    def __init__(self) -> None:
        self._stage = Stage(START)
        operator = self._operator
        self._watcher = Watcher(self._stage.books)
        self._programs: list[Program] = []
        self._events = 0
        self._ending = Ending()
        self._bounds = Bounds()
        self._limits = LIMITS
        self._tiers: Tiers | None = None
        self._shelf = Shelf(Lineage())
        self._aggregator: Aggregator | None = self._start()
        self._caught_up_at: float | None = None
        self._of_the_world: dict[str, Callable[[int, int], object]] = {
            "fog": self._fog,
            "tiers": lambda _, __: self._add_tiers(),
            "spawn": self._spawn,
            "snapshot": self._snapshot,
            "event": lambda who, _: self._event(self._programs[who % len(self._programs)]) if self._programs else None,
            "beat": lambda _, __: self._beat(),
            "read": lambda _, how: self._read(1 + how % 12 if how % 4 else 1000),
            "second": lambda _, how: self._second(how),
            "ask": lambda who, how: self._ask([(PATHS[who % len(PATHS)][: 1 + how % 3], Request())]),
            "scrape": lambda _, __: self._scrape(LEVELS),
            "checkpoint": lambda _, __: self._checkpoint(),
            "forget": lambda who, _: operator.give(FORGET, PATHS[who % len(PATHS)]),
            "quarantine": lambda who, how: operator.give(QUARANTINE, PATHS[who % len(PATHS)][: 1 + how % 3]),
            "lift": lambda who, how: operator.lift(self._out, PATHS[who % len(PATHS)], how),
            "clock": lambda who, how: self._stage.clocks.set(who, how) if self._limits == LIMITS else None,
            "crash": lambda _, how: self._restart(how),
            "outage": self._outage,
            "start": lambda _, how: self._start_up(how % 2),
            "strain": lambda _, how: self._stage.processor.work_for(COSTS[how % len(COSTS)]),
            "begin_anew": lambda who, _: self._begin_anew(who),
            "pause": lambda _, how: self._stage.advance(PAUSES[how % len(PAUSES)]),
            "away": lambda _, how: self._crash(DAMAGED[how % len(DAMAGED)]),
        }

    @property
    def now(self) -> float:
        """The one time there is, seconds."""
        return self._stage.now

    _operator = property(lambda self: Operator(self._stage))

    @property
    def _out(self) -> Iterable[Path]:
        return self._aggregator.fleet.quarantine.in_force if self._aggregator is not None else ()

    def do(self, step: Step) -> None:
        """Let one thing happen, and look."""
        kind, who, how = step
        if kind in WAITS:
            self._wait(WAITS[kind][how % len(WAITS[kind])])
        elif kind in OF_STREAMS:
            for stream in self._pick(who) if kind != "copy" or self._stage.clocks.may_copy() else ():
                OF_STREAMS[kind](stream, how)
        elif kind in OF_TIERS:
            for member in self._tiers.members[who % 3 :][:1] if self._tiers is not None else ():
                self._stage.advance(member.pause if kind == "tier_send" else 0)
                OF_TIERS[kind](member, how)
        elif kind not in OF_PROGRAMS:
            self._of_the_world[kind](who, how)
        elif self._programs:
            program = self._programs[who % len(self._programs)]
            self._stage.advance(program.pause(kind, how))
            OF_PROGRAMS[kind](program, how)
        if self._aggregator is not None:
            self._watcher.look(self._aggregator.fleet)
        if self._tiers is not None:
            self._tiers.look()

    def rest(self) -> None:
        """Heal everything, wait until it is quiet, and look at all that must hold then."""
        self._stage.processor.work_for(USUAL)
        for stream in self._stage.streams.every():
            stream.refuse(refusing=False)
        for program in self._programs:
            program.attach()
            any(program.bury(Fate.STORED) for _ in range(ROUNDS))
            if self._ending.with_events:
                self._event(program)
        aggregator = self._up()
        if self._tiers is not None:
            self._tiers.start()
        self._come_to_rest(aggregator)
        while self._out:
            must_be_all(aggregator, self._watcher.lineage, self._programs, self._accounts())
            for path in self._out:
                self._operator.give(LIFT, path)
            self._beat()
            self._come_to_rest(aggregator)
        self._must_be_all(aggregator)
        if self._ending.hoards and self._tiers is None:
            budget_holds(aggregator, self._stage, self._programs, self._beat, self._wait)

    def _come_to_rest(self, aggregator: Aggregator) -> None:
        """Wait until nothing is to be done any more, and for those that are gone to be stale."""
        for _ in range(ROUNDS):
            self._beat()
            self._watcher.look(aggregator.fleet)
            if not (restless := self._restless(aggregator)):
                break
        else:
            raise Violation(f"not at rest after {ROUNDS} intervals: {restless}")
        for _ in range(7):  # all that are gone are stale then, also if the stream was made anew now
            self._beat()

    def _must_be_all(self, aggregator: Aggregator) -> None:
        """Check that all is there."""
        stage, lineage = self._stage, self._watcher.lineage
        stage.clocks.check(aggregator.engine.server_time(self.now), self.now)
        must_be_all(aggregator, lineage, self._programs, self._accounts())
        long_ago = self.now - START > HORIZON
        asked = lambda epoch: self._ending.with_events or aggregator.fleet.was_asked(epoch)  # noqa: E731
        events_once(aggregator.engine.events, self._programs, stage.books, self.now, asked, long_ago=long_ago)
        if self._tiers is not None:
            about = self._accounts(Lineage()), self._programs, stage.books, self._beat, stage.clock
            at_rest(self._tiers, *about, long_ago=long_ago)

    def _accounts(self, lineage: Lineage | None = None) -> Accounts:
        lineage = lineage or self._watcher.lineage
        return Accounts(self._stage.books, lineage, self._programs, self._stage.streams.metrics, self.now)

    def text(self) -> str:
        """Describe how things are, in a line for people."""
        stream, aggregator = self._stage.streams.metrics, self._aggregator
        running = sum(program.agent is not None for program in self._programs)
        text = f"{running} agents, stream {stream.messages[0].seq if stream.messages else '-'} to {stream.last_seq}"
        if aggregator is None:
            return f"{text}, no aggregator"
        state, read = aggregator.fleet, aggregator.engine.cursors["metrics"].seq
        epochs = sum(len(node.epochs) for node in state.places.values())
        ready = "ready" if aggregator.engine.readiness.ready else "not ready"
        gapped, closed = len(state.gapped), len(state.parts.tombstones)
        return f"{text}, read {read}, {epochs} epochs, {gapped} gapped, {closed} closed, {ready}"

    def _restless(self, aggregator: Aggregator) -> str:
        """Say what is still to be done; empty when all is quiet."""
        writers = {program.book.id: program for program in self._programs if program.agent is not None}
        busy = [program.path for program in writers.values() if program.agent and not program.agent.publisher.idle]
        gapped = [path for epoch, path in aggregator.fleet.gapped.items() if epoch.id in writers]
        lineage, out = self._watcher.lineage, aggregator.fleet.quarantine.over
        returning = ((key, model) for key, model in lineage.epochs.items() if model.closed and not out(key[0]))
        closed = [key for key, _ in returning if key[1] in writers]
        wanted = [one for one in aggregator.engine.wanted(self.now) if one.epoch in writers]
        parts: dict[str, object] = {"busy": busy, "gapped": gapped, "closed": closed, "wanted": wanted}
        parts["not ready"] = [] if aggregator.engine.readiness.ready else [()]
        sent = {SUBJECTS.metrics(program.path): program.path for program in writers.values()}
        spent = [subject for subject, one in aggregator.engine.accounts.by_subject.items() if one.dropping]
        parts["out of working time"] = [sent[subject] for subject in spent if subject in sent]
        parts["commands not read"] = list(aggregator.engine.unread_commands(self._stage.clock()))
        parts["requests to forget"] = sorted(self._operator.requests_to_forget() - lineage.requests_done)
        if self._tiers is not None:
            parts["tiers"] = self._tiers.restless(writers)
        return ", ".join(f"{what} {which}" for what, which in parts.items() if which)

    def _fog(self, who: int, how: int) -> None:
        """Draw how little everything may hold, and whether events at the very end show that others are missing."""
        self._ending = Ending(who // 12 % 2 == 0, who // 24 % 10 == 0)
        self._bounds = Bounds((100_000, 250)[who % 2], (64, 3, 2)[who // 2 % 3], (1000, 4)[who // 6 % 2])
        self._limits = replace(LIMITS, silent_per_path=(64, 2, 1)[how % 3])
        self._crash(2)
        self._up()

    def _add_tiers(self) -> None:
        """Give a subtree aggregators of its own, and them a root, beside the one that reads everything."""
        if self._tiers is None:
            self._tiers = Tiers(self._stage, self._bounds, self._ask, selective=not self._ending.with_events)

    def _begin_anew(self, who: int) -> None:
        if self._tiers is not None:
            self._tiers.begin_anew(self._programs, who, self._beat)

    def _pick(self, number: int) -> list[Stream]:
        return self._stage.streams.pick(number, tiers=self._tiers is not None)

    def _spawn(self, who: int, how: int) -> None:
        if len(self._programs) < MOST_PROGRAMS:
            path, shared, fine, journaled = PATHS[who % len(PATHS)], how % 3 == 0, how % 5 == 0, how // 15 % 7 > 3
            self._programs.append(
                Program(self._stage, path, self._bounds, shared=shared, fine=fine, journaled=journaled)
            )

    def _snapshot(self, who: int, how: int) -> None:
        """Restore a machine from an image; the frames that it repeats are read before the true ones."""
        self._read(1000)
        self._scrape(LEVELS)
        for program in self._programs[who % max(1, len(self._programs)) :][:1]:
            program.snapshot(how)
        self._read(1000)
        self._scrape(LEVELS)

    def _event(self, program: Program) -> None:
        self._events += 1
        program.record(self._events)

    def _beat(self) -> None:
        """Let an interval pass in which all goes well."""
        self._stage.advance(INTERVAL)
        for program in self._programs:
            program.flow()
        self._read(1000)
        self._second(0)
        self._scrape()
        if self._tiers is not None:
            self._tiers.beat()

    def _wait(self, seconds: float) -> None:
        """Let time pass while every aggregator ticks."""
        self._second(0)
        self._stage.advance(seconds)
        self._second(0, seconds)
        if self._tiers is not None:
            self._tiers.wait(seconds)

    def _read(self, count: int) -> None:
        if self._aggregator is not None:
            self._watcher.lineage.listen_until(self.now)
            self._aggregator.read(count)

    def _second(self, lost: int, longest_tick: float = LONGEST_TICK) -> None:
        """Let the aggregator tick; `lost` says which of its requests nobody hears."""
        aggregator, lineage = self._aggregator, self._watcher.lineage
        if aggregator is None:
            return
        lineage.listen_until(self.now, longest_tick)
        engine = aggregator.engine
        engine.follow({name: engine.streams.kind(name) for name in engine.cursors}, self._stage.clock())  # as it looks
        effects = aggregator.second(longest_tick)
        self._watcher.check_orders(aggregator.fleet, aggregator.engine.cursors["metrics"].read_until, effects)
        if not self._stage.clocks.stepped:
            lineage.check_silences(aggregator.fleet, aggregator.engine.server_time(self.now))
        if aggregator.engine.is_current(self.now) and not aggregator.engine.caught_up:
            raise Violation("it says that its numbers are of this moment, and has not read all that the streams held")
        lineage.observed_seconds += min(effects.observed_seconds, longest_tick)
        if aggregator.engine.observed.current:
            lineage.complete, lineage.now = True, max(lineage.now, self.now)
        for _, at, gone in effects.forgotten:
            self._operator.must_have_waited(at, aggregator.engine.cursors["metrics"].seq)
            lineage.forget(gone, at)
            lineage.requests_done.add(at)
        lineage.retired.update(effects.swept.retired)
        lineage.close_silent(aggregator.fleet, HORIZON)
        if aggregator.engine.caught_up and self._caught_up_at is None:
            self._caught_up_at = self.now
        if effects.became_ready:
            if not all(reader.has_read_goal for reader in aggregator.readers if reader.stream.name != "control"):
                raise Violation("it is ready before all was read that the streams held when reading began")
            self._watcher.became_ready(self._answered(), self.now)
            lineage.needs_round = False
        if (effects.swept.retired or effects.swept.label_sets or effects.forgotten) and not self._scrape(LEVELS):
            self._watcher.forget()  # nobody sees it, but what has ended now may begin anew
        self._ask([request for place, request in enumerate(effects.requests) if not lost >> place & 1])

    def _note_doubt(self) -> None:
        """Note that the aggregator doubts a stream: before it is ready again, everybody must have been asked."""
        lineage, aggregator = self._watcher.lineage, self._aggregator
        lineage.needs_round |= aggregator is not None and not aggregator.engine.readiness.ready

    def _answered(self) -> set[int]:
        """Return the epochs whose writers were heard lately and asked, and did not make it wait for too long."""
        waited = self.now - (self._caught_up_at or self.now)
        if waited >= ROUND_INTERVALS * INTERVAL or not self._watcher.lineage.needs_round:
            return set()
        attached = {program.book.id for program in self._programs if program.agent is not None}
        return attached & self._watcher.lineage.heard_lately()

    def _ask(self, requests: Iterable[tuple[Path, Request]]) -> None:
        for path, request in requests:
            for program in self._programs:
                program.requested(path, request)
            if self._tiers is not None:
                self._tiers.requested(path, request)

    def _scrape(self, levels: Sequence[int] = ()) -> bool:
        """Check what is exported; True when anything is."""
        if self._aggregator is None or not self._aggregator.engine.readiness.ready:
            return False
        self._watcher.scrape(self._aggregator.network, levels)
        return True

    def _checkpoint(self) -> None:
        if self._aggregator is not None:
            self._aggregator.checkpoint()
            self._shelf.note(self._watcher.lineage.copy())

    def _crash(self, damaged: int) -> None:
        """Crash the aggregator, with some of the newest checkpoints damaged, and do not start it again."""
        self._watcher.crashed()
        self._shelf.damage(damaged)
        lineage = self._watcher.lineage = self._shelf.newest_note.copy()
        lineage.complete |= self._shelf.newest > 0  # it begins with a checkpoint, of whatever moment
        self._aggregator = self._caught_up_at = None

    def _outage(self, who: int, how: int) -> None:
        """Let the power fail where streams and aggregator are."""
        for stream in self._pick(who):
            OF_STREAMS[("lose", "lose", "wipe")[who // 3 % 3]](stream, how)
        self._restart(how)

    def _restart(self, how: int) -> None:
        self._crash(DAMAGED[how % len(DAMAGED)])
        self._start_up(how // len(DAMAGED) % 2)

    def _start_up(self, catches_up: int) -> None:
        """Start the aggregator; it may have time to read all there is, and to show it, before anybody sends more."""
        self._up()
        for _ in range(catches_up):
            self._read(1000)
            self._second(0)
            self._scrape(LEVELS)

    def _up(self) -> Aggregator:
        if self._aggregator is None:
            self._aggregator = self._start()
        return self._aggregator

    def _start(self) -> Aggregator:
        ears = Ears(self._took, self._note_doubt, lambda found: note_orders(found, self._watcher.lineage))
        return Aggregator(self._stage, scope_of(), self._limits, self._shelf, ears)

    def _took(self, messages: Sequence[Message]) -> None:
        """Let the reference model take the frames that the aggregator has taken."""
        lineage, fleet = self._watcher.lineage, self._up().fleet
        newcomer: tuple[Path, int] = ((), 0)
        for message in messages:
            frame, path = decode(message.data), SUBJECTS.path_of(message.subject)[1]
            newcomer, at = (path, frame.epoch), self._stage.streams.metrics.stored_at(message)
            refused = (path, frame.epoch, frame.seq) in fleet.ghosts
            ghost = lineage.check_ghost(path, frame, self.now - at, refused=refused, slack=self._stage.clocks.slack)
            lineage.read(path, frame, at, ghost=ghost)
        lineage.check_kept_out(fleet, lineage.kept_out)
        lineage.close_crowd(fleet, newcomer, self._limits.silent_per_path)
