"""Check that a path over its share of the memory loses nothing, and that what it took comes back, once all is quiet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fog_aggregator.core.fleet.fleet import Fleet
from fog_bus.memory import Fate
from fog_proving.sim.aggregator import Aggregator
from fog_proving.sim.books import SUM, Cells, Violation
from fog_proving.sim.bus import Stage
from fog_proving.sim.checks import cell_text, named, numbers_of, retired_by_name
from fog_proving.sim.program import Bounds, Program
from fog_schema.paths import Path

HOARDER: Final[Path] = ("f", "2")
"""Nobody else is there."""
MANY: Final = 90
"""So many families, each with a long description, are more than a path's share of the memory."""
FEW: Final = 12
"""So many fit."""
TOLD: Final = "memory_share_is_full"
FAMILY_BYTES: Final = 3_000
"""A family that is known for its retired counts alone, at most."""
WAIT: Final = 200_000.0
WAITS: Final = 8
"""So many of these seconds, with intervals of all that live in between, are two horizons and more."""
BEATS: Final = 2
"""After such a wait a reader takes its stream for stalled and begins anew; where a replica lags, with the second."""


class Ending(NamedTuple):
    """Say how a history ends.

    Args:
        with_events: each program records one event more, so that the last ones before show.
        hoards: a program hoards.
    """

    with_events: bool = True
    hoards: bool = False


def budget_holds(
    aggregator: Aggregator,
    stage: Stage,
    programs: list[Program],
    beat: Callable[[], None],
    wait: Callable[[float], None],
) -> None:
    """Let a program bring more families than its path may have, count on in them, remove them, and bring others.

    Args:
        aggregator: the one that reads everything.
        stage: what all share.
        programs: all there are; the hoarder becomes one of them.
        beat: an interval in which all goes well.
        wait: time passes while it ticks.

    Raises:
        Violation: a count is lost or wrong, too much is taken, nobody is told, or the memory does not come back.
    """
    fleet, hoarder = aggregator.fleet, Program(stage, HOARDER, Bounds())
    stage.streams.metrics.limit(0)
    programs.append(hoarder)
    before, taken = _others(fleet), fleet.parts.budget.used["catalog"]
    admitted = _fill(fleet, hoarder, stage, beat)
    _refusals_told(aggregator)
    if (others := _others(fleet)) != before:
        raise Violation(f"others lose counts to a path that hoards: {dict(before.items() ^ others.items())}")
    for number in range(MANY):
        hoarder.workload.drop(f"hoard_{number}_total")
    _let_horizons_pass(beat, wait)
    _let_go(fleet, stage, {cell.name for cell in admitted}, taken)
    _hoard(hoarder, "fresh", FEW, 1)
    for _ in range(3):
        beat()
    if len(fresh := _counted_in_full(fleet, stage, "fresh")) != FEW:
        raise Violation(f"after two horizons {len(fresh)} of {FEW} families are let in where {len(admitted)} were")
    hoarder.stop(online=True, what=Fate.STORED)


def _let_horizons_pass(beat: Callable[[], None], wait: Callable[[float], None]) -> None:
    """Let two horizons pass, and a bit, that the aggregator observes."""
    for _ in range(WAITS):
        for _ in range(BEATS):
            beat()
        wait(WAIT)
    beat()


def _fill(fleet: Fleet, hoarder: Program, stage: Stage, beat: Callable[[], None]) -> Cells:
    """Let a program bring more and more; return the families that are let in."""
    admitted: Cells = {}
    for turn, amount in enumerate((1, 3, 0), 1):  # each time some are new, and those that were let in count on
        _hoard(hoarder, "hoard", turn * MANY // 3, amount)
        for _ in range(3):
            beat()
        _bounded(fleet)
        now = _counted_in_full(fleet, stage, "hoard")
        if gone := admitted.keys() - now.keys():
            raise Violation(f"{cell_text(min(gone))} was let in, and has made room for others")
        admitted = now
    if not FEW < len(admitted) < MANY:
        raise Violation(f"{len(admitted)} of {MANY} families of a path that hoards are let in")
    return admitted


def _hoard(hoarder: Program, prefix: str, many: int, amount: int) -> None:
    """Count in each second one of many families; the others have counted nothing."""
    for number in range(many):
        hoarder.workload.hoard(f"{prefix}_{number}_total", amount * (number % 2))


def _others(fleet: Fleet) -> Cells:
    """Add up all that others have counted."""
    cells: Cells = {}
    for path, cell, number in numbers_of(fleet):
        if path != HOARDER and cell.part != SUM:
            cells[cell] = cells.get(cell, 0) + number
    return cells


def _bounded(fleet: Fleet) -> None:
    taken, most = fleet.parts.bytes_of(fleet.places[HOARDER]), fleet.parts.budget.most_of_a_path()
    if taken > most:
        raise Violation(f"{named(HOARDER)} takes {taken} bytes, and may take {most}")


def _counted_in_full(fleet: Fleet, stage: Stage, prefix: str) -> Cells:
    """Return the families with a prefix that are let in; each has all that was counted in it.

    Raises:
        Violation: one has not.
    """
    admitted: Cells = {}
    for path, cell, number in numbers_of(fleet):
        if path == HOARDER and cell.name.startswith(prefix):
            admitted[cell] = admitted.get(cell, 0) + number
    truth = stage.books.own[HOARDER]
    for cell, number in admitted.items():
        if number != truth[cell]:
            raise Violation(f"{named(HOARDER)}: {cell_text(cell)} is let in, and is {number} of {truth[cell]}")
    return admitted


def _refusals_told(aggregator: Aggregator) -> None:
    """Refusals are counted by what was refused, and an event names the path."""
    counted = aggregator.fleet.parts.budget.refused
    events: Sequence[Path] = [one.path for one in aggregator.engine.events.events if one.name == TOLD]
    if not counted["series"] or HOARDER not in events:
        raise Violation(f"newcomers are refused, and {dict(counted)} are counted, and events tell of {events}")


def _let_go(fleet: Fleet, stage: Stage, admitted: set[str], taken: int) -> None:
    """Families that nobody holds are let go of, and their bytes with them; counts that are in them are not."""
    known = {family.key.name for family in fleet.catalog.families if family.is_known} & admitted
    counted = {cell.name: number for cell, number in stage.books.own[HOARDER].items() if cell.name in admitted}
    retired = retired_by_name(fleet)
    for name, number in counted.items():
        if number and retired.get(name) != number:
            raise Violation(f"{name} was let go of with {retired.get(name)} of {number} counts")
    if idle := [name for name in known if not counted[name]]:
        raise Violation(f"nobody holds {len(idle)} families for two horizons, and they are not let go of")
    most = taken + len(known) * FAMILY_BYTES
    if (now := fleet.parts.budget.used["catalog"]) > most:
        raise Violation(f"families and label sets take {now} bytes after two horizons, and may take {most}")
