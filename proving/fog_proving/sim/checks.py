"""Check at every step, whatever has happened: no number is above the truth, no exported one falls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple, Self, TypeAlias

from fog_aggregator.core.engine.effects import Effects
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.outcome import Outcome, Status
from fog_aggregator.core.places.limits import FleetLimits, MemoryLimits
from fog_aggregator.core.quarantine.orders import QUARANTINED, Order
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping
from fog_bus.ports import Discontinuity, Message
from fog_proving.epoch_counts import EpochCounts
from fog_proving.sim.books import COUNT, HORIZON, SUM, Books, Cell, Cells, Labels, Violation, cells_of
from fog_proving.sim.bus import SUBJECTS, Streams
from fog_proving.sim.programs.spread import LADDER, SPREAD, row_of_numbers
from fog_proving.sim.programs.workload import BOUNDS
from fog_proving.sim.reference_model import EpochModel, Lineage
from fog_schema.frames import Frame
from fog_schema.paths import RETIRED, Path, format_path, is_under
from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.model import ExponentialValue, Family, HistogramValue, SeriesSnapshot

DOUBTS: Final = {
    f"{what} {stream}"
    for what in {*Discontinuity} - {Discontinuity.MISSING}
    for stream in ("metrics", "events", "rollups")
}
"""Warnings about a stream after which everybody must be asked for a keyframe."""
LEVELS: Final = (0, 1, 2)
LIMITS: Final = FleetLimits(memory=MemoryLimits(fleet=32 * 1024 * 1024, share=0.006))
"""A path may take 200 kB: far more than the programs of a history take, and little for one that hoards."""
INFINITY: Final = float("inf")

Line: TypeAlias = tuple[str, Labels, float | None]
"""One exported line: a counter, or a histogram's ladder at an upper bound."""


def numbers_of(state: Fleet) -> Iterator[tuple[Path, Cell, int | float]]:
    """Every number of a state, straight from its tables, with the path that it counts for."""
    for path, series, values in state.counts():
        entry = state.catalog.series[series]
        name = state.catalog.families[entry.family].key.name
        bounds, row = (LADDER.bounds, row_of_numbers(values)) if name == SPREAD else (entry.bounds, values)
        for cell, number in cells_of(name, entry.labels, bounds, row):
            yield path, cell, number


def totals_of(state: Fleet) -> dict[Path, Cells]:
    """Add up a state at and under each path; groups of retired nodes count for the path that they are at."""
    totals: dict[Path, Cells] = defaultdict(dict)
    for path, cell, number in numbers_of(state):
        place = place_of(path)
        for depth in range(len(place) + 1):
            cells = totals[place[:depth]]
            cells[cell] = cells.get(cell, 0) + number
    return totals


def retired_by_name(state: Fleet) -> dict[str, float]:
    """Add up a state's retired counts by the name of the metric; of histograms the observations."""
    return {state.catalog.families[family].key.name: count for family, count in state.parts.retired.by_family.items()}


def count_of(name: str, cells: Cells) -> float:
    """All that some cells say of a metric; of a histogram the observations."""
    return sum(number for cell, number in cells.items() if cell.name == name and cell.part != SUM)


def place_of(path: Path) -> Path:
    """Return the path that a node, or a group of retired ones, counts for."""
    return path[:-1] if path and path[-1] == RETIRED else path


class Watcher:
    """Looks at a state and at what is exported of it, the books beside it. It outlives the aggregator.

    Attributes:
        lineage: what the present aggregator has read.
        began_anew: the aggregator was started again without a checkpoint.
    """

    def __init__(self, books: Books) -> None:
        self.lineage = Lineage()
        self.began_anew = False
        self._books = books
        self._read: dict[tuple[Path, int], set[int]] = defaultdict(set)
        self._floors: dict[tuple[int, Path], dict[Line, float]] = {}
        self._turn = 0
        self._in_force: dict[Path, Order] = {}
        self._shown_out: set[Path] = set()

    def look(self, state: AskedFleet, *, with_retired: bool = True) -> None:
        """At no moment is any path above the truth, nor, `with_retired`, the fleet with its retired counts.

        Raises:
            Violation: one is, or a count of an epoch is negative or has fallen.
        """
        state.check_counts()
        totals, out = totals_of(state), self._out(state)
        for place, cells in totals.items():
            truth = self._books.without(place, out)
            for cell, number in cells.items():
                counted = truth.get(cell, 0)
                if cell.part != SUM and number > counted + self._books.slack(cell, counted):
                    raise Violation(f"{named(place)}: {cell_text(cell)} is {number}, but {counted} were counted")
        for name, moved in retired_by_name(state).items() if with_retired else ():
            shown, counted = count_of(name, totals[()]) + moved, count_of(name, self._books.truth[()])
            if shown > counted * (1 + 1e-12):
                raise Violation(f"{name} is {shown} with the retired counts, but {counted} were counted")

    def scrape(self, network: NetworkCollector, levels: Sequence[int] = ()) -> None:
        """No exported line is above the truth, and none falls. Without `levels`, each time another one is looked at.

        Raises:
            Violation: one is, or does.
        """
        self._turn += 1
        in_force = dict(network.fleet.quarantine.in_force)
        if in_force != self._in_force:
            self._floors, self._in_force = {}, in_force  # an operator's word is the one reason to fall
        self._shown_out = self._out(network.fleet)
        for level in levels or (LEVELS[self._turn % len(LEVELS)],):
            self._scrape(network, level)

    def _scrape(self, network: NetworkCollector, level: int) -> None:
        found: dict[Path, dict[Line, float]] = defaultdict(dict)
        for family in network.collect(grouping=Grouping(level)):
            if family.family.type.incremental:
                for series in family.series:
                    path, labels = _group(series.labels)
                    found[path].update(_lines(family.family, series, labels))
        for path, lines in found.items():
            floors = self._floors.get((level, path), {})
            for line, value in lines.items():
                self._compare(path, line, value, floors.get(line, 0))
        # A series that is not there any more has ended, and may begin anew.
        self._floors = {key: floors for key, floors in self._floors.items() if key[0] != level}
        self._floors |= {(level, path): lines for path, lines in found.items()}

    def _out(self, state: Fleet) -> set[Path]:
        """Return the paths that must be in no number of a state."""
        in_force = state.quarantine.in_force
        return self.lineage.taken_out(in_force, self._books.own) if in_force else set()

    def check_orders(self, state: Fleet, until: float, effects: Effects) -> None:
        """Check that those paths are out that an operator took out by orders before which all is read, and no others.

        A request to forget that was given before such an order is done before it, both maybe at one tick.

        Raises:
            Violation: they are not, or a node that has moved to a group of retired nodes was out.
        """
        moved = [path for path in effects.swept.retired if state.quarantine.over(path)]
        moved += [path for _, at, gone in effects.forgotten for path in gone if self.lineage.is_out(path, at)]
        if moved:
            raise Violation(f"a path that is out has moved to its parent's group: {moved}")
        expected, found = self.lineage.in_force(until), set(state.quarantine.in_force)
        if expected != found:
            raise Violation(f"{sorted(found)} are out, and {sorted(expected)} should be")

    def crashed(self) -> None:
        """Note that the aggregator is gone, and with it what it has read since its checkpoint."""
        for key, model in self.lineage.epochs.items():
            self._read[key] |= model.taken
        for floors in self._floors.values():  # and the last digits of sums of fractions that its ratchet held
            for line, value in floors.items():
                if type(value) is float:
                    floors[line] = value * (1 - 1e-12)

    def forget(self) -> None:
        """Allow exported numbers to fall: messages that were read may be in no stream any more."""
        self._floors = {}

    def became_ready(self, answered: set[int], now: float) -> None:
        """Allow counts to fall that were read and are in no stream any more, unless their writer has repeated them.

        Args:
            answered: the epochs whose writers were asked and must have answered.
            now: the time, seconds.
        """
        for key, read in self._read.items():
            model = self.lineage.epochs.get(key, EpochModel())
            let_go = read - model.taken and self._books.epochs[key].let_go(now)
            unsaid = (model.seq < max(read) or not model.is_complete) and (not model.seq or key[1] not in answered)
            forgiven = model.comeback.happened and bool(read - model.taken)  # its keyframe is the baseline once more
            if let_go or forgiven or (unsaid and not model.final):
                self._floors = {
                    group: floors for group, floors in self._floors.items() if not is_under(key[0], place_of(group[1]))
                }
        self._read.clear()

    def _compare(self, path: Path, line: Line, value: float, floor: float) -> None:
        name, labels, upper = line
        truth = self._books.without(place_of(path), self._shown_out)
        cells = [cell for cell in _cells(name, labels, upper) if cell in truth]
        counted = sum(truth[cell] for cell in cells)
        if value > counted + sum(self._books.slack(cell, counted) for cell in cells):
            raise Violation(f"{named(path)}: {line_text(line)} is exported as {value}, but {counted} were counted")
        if value < floor:
            raise Violation(f"{named(path)}: {line_text(line)} is exported as {value}, and was as {floor}")


class Ears(NamedTuple):
    """Hear what an aggregator takes, and its doubts about a stream."""

    frames: Callable[[Sequence[Message]], None] = lambda _: None
    doubt: Callable[[], None] = lambda: None
    commands: Callable[[Sequence[Message]], None] = lambda _: None


class NothingRefused:
    """Counts where nothing may be refused: all that is sent is in order, so what is refused was misread.

    Attributes:
        left_out_numbers: The subjects and sequences of messages that there was no time for.
    """

    def __init__(self, streams: Streams) -> None:
        self.left_out_numbers: set[tuple[str, int]] = set()
        self._streams = streams

    def frames_applied(self, tally: Counter[str]) -> None:
        """Check that what came of a batch of frames can be counted."""
        if min(tally.values(), default=0) < 0:
            raise Violation(f"a count is negative: {tally}")

    def refused(self, reason: str) -> None:
        """Break the history: a message was no frame, or met a fault of ours; but for an operator's word."""
        if reason == QUARANTINED:
            return
        raise Violation(f"a frame is refused: {reason}")

    def taken(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages that were not left out of those that were read just now."""
        taken = [one for one in messages if (one.subject, one.seq) not in self.left_out_numbers]
        self.left_out_numbers.clear()  # a stream that lost its end gives a number again
        return taken

    def left_out(self, messages: Sequence[Message]) -> None:
        """Note what was left out: to the reader it is as if the stream had lost it."""
        self.left_out_numbers.update((message.subject, message.seq) for message in messages)
        for message in messages:
            kind, _ = SUBJECTS.path_of(message.subject)
            stream = self._streams.events if kind == "events" else self._streams.metrics
            stream.removed.add(message.data)
            stream.losses += 1

    def events_listed(self, events: EventList) -> None:
        """Do nothing: the totals are checked when all is quiet."""


class AskedFleet(Fleet):
    """A fleet that notes which epochs were asked for keyframes because of a doubt, or must have been.

    Args:
        limits: The sizes that it may grow to.
        losses: Tells how often the stream of events has lost something.

    Attributes:
        asked: By epoch, how often the stream of events had lost something when the epoch was asked last.
        ghosts: The frames that were refused as too old: path, epoch and seq.
    """

    def __init__(self, limits: FleetLimits, losses: Callable[[], int]) -> None:
        super().__init__(horizon=HORIZON, limits=limits)
        self.asked: dict[int, int] = {}
        self.ghosts: set[tuple[Path, int, int]] = set()
        self._losses = losses
        self._counts = EpochCounts()

    def fresh(self) -> Self:
        """Return an empty fleet of this sort."""
        return type(self)(self.limits, self._losses)

    def check_counts(self) -> None:
        """Check that no count of an epoch is negative, and that none has fallen since the last look.

        Raises:
            Violation: one is, or has.
        """
        if wrong := self._counts.wrong(self):
            raise Violation(wrong)

    def apply(self, path: Path, frame: Frame, timestamp: float, *, rollup: bool = False) -> Outcome:
        """Note frames that are refused as too old."""
        outcome = super().apply(path, frame, timestamp, rollup=rollup)
        if outcome.status is Status.TOO_OLD:
            self.ghosts.add((path, frame.epoch, frame.seq))
        return outcome

    def require_keyframes(self) -> None:
        """Note every epoch that is known."""
        self.must_ask()
        super().require_keyframes()

    def must_ask(self, of_branches: Iterable[int] = ()) -> None:
        """Note every epoch that is known, and others: a branch's nodes, which a root knows by their events alone."""
        known = (number for place in self.places.values() for number in place.epochs)
        self.asked |= dict.fromkeys((*known, *of_branches), self._losses())

    def was_asked(self, epoch: int) -> bool:
        """Tell whether an epoch was asked, or must have been, since the stream of events has lost something."""
        return self.asked.get(epoch) == self._losses()


def named(path: Path) -> str:
    """Return a path for people."""
    return format_path(path) or "the fleet"


def cell_text(cell: Cell) -> str:
    """Return a cell for people."""
    place = {COUNT: "", SUM: "'s sum"}.get(cell.part, f", bucket {cell.part} of {cell.bounds}")
    return f"{cell.name}{dict(cell.labels) or ''}{place}"


def line_text(line: Line) -> str:
    """Return an exported line for people."""
    name, labels, upper = line
    return f"{name}{dict(labels) or ''}" + ("" if upper is None else f" up to {upper:g}")


def _cells(name: str, labels: Labels, upper: float | None) -> list[Cell]:
    """Return the count of a line."""
    if upper is None:
        return [Cell(name, labels)]
    known = (LADDER.bounds,) if name == SPREAD else BOUNDS
    every = (Cell(name, labels, bounds, part) for bounds in known for part in range(len(bounds) + 1))
    return [cell for cell in every if cell.upper <= upper]


def _lines(family: Family, series: SeriesSnapshot, labels: Labels) -> Iterator[tuple[Line, float]]:
    if isinstance(series.value, ExponentialValue):
        for upper, value in zip((*LADDER.bounds, INFINITY), accumulate(LADDER.place(series.value)), strict=True):
            yield (family.name, labels, upper), value
    elif isinstance(series.value, HistogramValue):
        for upper, value in zip((*family.bounds, INFINITY), accumulate(series.value.counts), strict=True):
            yield (family.name, labels, upper), value
    else:
        yield (family.name, labels, None), size_of(series.value)


def _group(labels: Labels) -> tuple[Path, Labels]:
    """Return the path whose group a sample is of, and its own labels."""
    path = dict(labels)["fog_path"]
    return tuple(path.split("/")), tuple(pair for pair in labels if not pair[0].startswith("fog_"))
