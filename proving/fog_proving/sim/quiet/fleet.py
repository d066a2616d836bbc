"""Check a fog that has been quiet for a while: every count is there, except what is not promised.

ARCHITECTURE.md, "What is not promised", lists the exceptions; `least` is this list in code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Selection
from fog_proving.sim.aggregator import Aggregator
from fog_proving.sim.books import PATHS, RETENTION, SUM, Books, Cell, Cells, EpochBook, Labels, Violation, add
from fog_proving.sim.bus import Stream
from fog_proving.sim.checks import cell_text, named, retired_by_name, totals_of
from fog_proving.sim.program import Program
from fog_proving.sim.reference_model import EpochModel, Lineage, acknowledged
from fog_schema.codec import decode
from fog_schema.frames import FINAL
from fog_schema.paths import Path, ancestors
from utilityfog_frontend.telemetry.model import FamilySnapshot


class Accounts:
    """Compute what the fleet must show of each epoch, from the books and from what was read.

    Args:
        books: the books.
        lineage: what was read.
        programs: all there were, also those killed.
        stream: of metrics.
        now: the time, seconds.

    Attributes:
        out: the paths that an operator has taken out.
        in_part: those that had retired before: what they counted until then is shown, and what they count now is not.
    """

    def __init__(self, books: Books, lineage: Lineage, programs: Sequence[Program], stream: Stream, now: float) -> None:
        self.books = books
        self._lineage = lineage
        self._running = {program.book.id for program in programs if program.alive}
        self._alive = {id(program.counts) for program in programs if program.alive}
        self._removed = stream.removed
        self._now = now
        self.out: set[Path] = set()
        self.in_part: set[Path] = set()

    def bounds(self, under: Path) -> dict[Cell, tuple[float, float]]:
        """Return the least and the most that the fleet may show at and under a path."""
        least: Cells = {}
        vague: set[Cell] = set()
        for (path, _), book in self.books.epochs.items():
            if path[: len(under)] == under and path not in self.out:
                share, certain = self._least(book) if path not in self.in_part else ({}, set())
                add(least, share)
                vague |= {cell for cell in book.counted() if cell.name not in certain}
        truth = self.books.without(under, self.out)
        return {
            cell: (least.get(cell, 0), truth[cell] if cell.part != SUM else least.get(cell, 0))
            for cell in truth
            if cell.part != SUM or cell not in vague
        }

    def _least(self, book: EpochBook) -> tuple[Cells, set[str]]:
        """Compute what must be shown of one epoch, and the metrics for which this is exactly its count."""
        model = self._lineage.epochs.get((book.path, book.id), EpochModel())
        lost = self._has_lost(book, model)
        least = model.total()  # of a writer that is gone: what was read ...
        if not (lost or model.comeback.happened or book.repeated):
            for cell, number in acknowledged(book).items():  # ... and that is at least what was acknowledged
                if cell.part != SUM:
                    least[cell] = max(least.get(cell, 0), number)
        certain = self._certain(book, model, lost=lost)
        exactly = book.counted()
        add(exactly, model.comeback.forgiven, -1)
        least |= {cell: number for cell, number in exactly.items() if cell.name in certain}
        return least, certain

    def _certain(self, book: EpochBook, model: EpochModel, *, lost: bool) -> set[str]:
        """Name the metrics whose every count must be there: its writer lives, or its final is safe."""
        if book.repeated or book.owed is False:
            return set()
        ended_safely = id(book.counts) in self._alive or bool(book.owed) or _is_final_safe(book)
        has_ended = book.end is not None and ended_safely
        if book.id not in self._running and not (has_ended and (model.final or not lost)):
            return set()
        # A living writer does not repeat a series that left it more than 15 minutes ago.
        return {cell.name for cell in book.counted()} - (book.let_go(self._now) if lost else set())

    def _has_lost(self, book: EpochBook, model: EpochModel) -> bool:
        """Whether a frame was not read that the stream had acknowledged: it was dropped, or its path was out."""
        kept_out = (book.path, book.id) in self._lineage.kept_out
        return kept_out or any(
            data in self._removed and decode(data).seq not in model.taken for data in book.acknowledged
        )


def _is_final_safe(book: EpochBook) -> bool:
    return any(decode(data).flags & FINAL for data in book.acknowledged)


def conserved(accounts: Accounts, state: Fleet, lineage: Lineage, books: Books) -> None:
    """Every count is there: of the fleet, and of each path that has kept its own.

    Raises:
        Violation: one is not.
    """
    totals = totals_of(state)
    retired = retired_by_name(state)
    moved = {place for path in lineage.retired for place in ancestors(path)}
    for under in ((), *(path for path in state.places if path not in moved)):
        shown = totals.get(under, {})
        missing: dict[str, float] = defaultdict(float)
        for cell, (least, most) in accounts.bounds(under).items():
            number = shown.get(cell, 0)
            slack = books.slack(cell, most)
            if cell.name in retired:
                missing[cell.name] += max(0, least - number - slack) if cell.part != SUM else 0
            elif not least - slack <= number <= most + slack:
                what = f"{named(under)}: {cell_text(cell)} is {number} after quiet"
                raise Violation(f"{what}, but must be at least {least} and at most {most}")
        for name, number in missing.items():
            if not under and number > max(0, retired[name]) * (1 + 1e-12):  # a sum of fractions may be -2.8e-17
                raise Violation(f"{name}: {number} are missing, and only {retired[name]} are in the retired counts")


def must_be_all(aggregator: Aggregator, lineage: Lineage, programs: Sequence[Program], accounts: Accounts) -> None:
    """Every count and every gauge is there, but for those of paths that an operator has taken out.

    Raises:
        Violation: one is not, or is there.
    """
    fleet, books = aggregator.fleet, accounts.books
    accounts.out = lineage.taken_out(fleet.quarantine.in_force, books.own)
    accounts.in_part = {path for path in lineage.retired if fleet.quarantine.over(path) is not None}
    conserved(accounts, fleet, lineage, books)
    shown = [path for path in sorted(set(PATHS)) if fleet.quarantine.over(path) is None]
    gauges_equal(aggregator.network, programs, shown)


def gauges_equal(network: NetworkCollector, programs: Sequence[Program], paths: Sequence[Path]) -> None:
    """Each path shows what the living set there last: all that share it, or the latest-born one; and nothing else.

    Raises:
        Violation: one does not.
    """
    for path in paths:
        here = who_shows(programs, path)
        if here is None:
            continue
        expected: dict[tuple[str, Labels], float] = defaultdict(float)
        for program in here:
            for key, value in program.gauges.items():
                expected[key] += value
        shown = dict(_gauges(network.collect(Selection(path, own=True))))
        if shown != expected:
            raise Violation(f"{named(path)} shows gauges {shown}, but they are {dict(expected)}")


def who_shows(programs: Sequence[Program], path: Path) -> list[Program] | None:
    """Return the programs whose gauges count at a path, when all is quiet; None when nobody can say."""
    here = [program for program in programs if program.path == path and program.alive]
    alone = sorted(program.book.birth for program in here if not program.book.shared)
    if any(program.book.repeated for program in programs) or (
        len(alone) > 1 and alone[-1] - alone[-2] < here[0].birth_slack
    ):
        return None
    return [program for program in here if program.book.shared or program.book.birth == alone[-1]]


def _gauges(families: Sequence[FamilySnapshot]) -> Iterator[tuple[tuple[str, Labels], float]]:
    for family in families:
        if not family.family.type.incremental and not family.family.name.startswith("fog_"):
            for series in family.series:
                if not isinstance(series.value, int | float):
                    raise Violation(f"a gauge that is no number: {series}")
                yield (family.family.name, series.labels), series.value


def events_once(
    events: EventList,
    programs: Sequence[Program],
    books: Books,
    now: float,
    asked: Callable[[int], bool],
    *,
    long_ago: bool,
) -> None:
    """Each event is listed once; those that are not have been let go of by their writers, and are counted as lost.

    Args:
        events: the list.
        programs: all there were.
        books: what they recorded.
        now: the time, seconds.
        asked: whether an epoch was asked for what it holds since the stream has lost events.
        long_ago: it all takes longer than the horizon, after which it is forgotten what was seen of an epoch.

    Raises:
        Violation: one is listed twice, never happened, or is missing.
    """
    listed = _listed_once(events, books)
    missing = lost = 0
    for program in programs:
        if program.agent is not None and not program.book.repeated:
            book, log = program.book, program.event_log
            lost += log.lost
            seen = [number for number in book.events if (book.path, book.id, number) in listed]
            newest = max(seen, default=0)
            for number in book.events.keys() - seen:
                if number > newest and not asked(book.id):
                    continue  # nothing has shown yet that there was one more: its writer says so within the hour
                age, room = now - book.events[number][1], program.bounds.events
                if log.repeatable[0] <= number or (age < RETENTION and number > log.last - room):
                    raise Violation(f"{named(book.path)}: event {number} is held, and not listed")
                missing += min(seen, default=0) < number < newest  # what comes next shows the others
    if missing > lost + events.lost and not long_ago:
        raise Violation(f"{missing} events are missing, {lost + events.lost} are counted as lost")


def _listed_once(events: EventList, books: Books) -> set[tuple[Path, int, int]]:
    """Check that each listed event is one that was recorded, and is listed once; return which are listed."""
    of_programs = [event for event in events.events if event.epoch]
    listed = {(event.path, event.epoch, event.number): event.open().value for event in of_programs}
    if len(listed) < len(of_programs):
        raise Violation("an event is listed twice")
    for (path, epoch, number), value in listed.items():
        if books.epochs[path, epoch].events.get(number, (None,))[0] != value:
            raise Violation(f"{named(path)}: event {number} is listed as {value}, and was another one")
    return set(listed)
