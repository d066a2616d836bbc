"""Check a fog of tiers once all is quiet, and when its replicas leave one after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.query.selection import Selection
from fog_proving.sim.books import PATHS, SUM, Books, Cells, Labels, Violation
from fog_proving.sim.checks import cell_text, named, totals_of
from fog_proving.sim.program import Program
from fog_proving.sim.quiet.anew import branches_begin_anew
from fog_proving.sim.quiet.fleet import Accounts, who_shows
from fog_proving.sim.tiers import BRANCH, Member, Tiers
from fog_schema.paths import Path, is_under

UNHEARD: Final = 6
"""So many intervals after its last frame nobody shows what a replica has sent."""


def at_rest(
    tiers: Tiers,
    accounts: Accounts,
    programs: Sequence[Program],
    books: Books,
    beat: Callable[[], None],
    now: Callable[[], float],
    *,
    long_ago: bool,
) -> None:
    """Everything is at the root; and gauges are as long as there is a replica to say them.

    Args:
        tiers: the tiers, all of them running.
        accounts: what must be shown of each epoch by one who was told nothing that is not in the streams.
        programs: all there were.
        books: the books.
        beat: an interval in which all goes well.
        now: the time, seconds.
        long_ago: it all takes longer than the horizon: epochs were folded and label sets have left.

    Raises:
        Violation: something does not hold.
    """
    if not long_ago:
        for member in tiers.members:
            _conserved(member, accounts, books)
        _joined(tiers, books)
        _last_events_listed(tiers.root, programs)
        branches_begin_anew(tiers, programs, books, now, beat)
    _gauges_and_coverage(tiers.root, programs)
    counted = _totals(tiers.root)
    _leave(tiers, programs, beat)
    _out_of_sight(tiers.root)
    if _totals(tiers.root) != counted and not long_ago:
        raise Violation(f"{named(BRANCH)}: its counts have left with its aggregators")


def _leave(tiers: Tiers, programs: Sequence[Program], beat: Callable[[], None]) -> None:
    """Let the replicas leave one after the other; the last one that is there says how gauges are."""
    for replica in tiers.replicas:
        for program in programs:
            if program.alive:
                program.workload.count(6, int(program.gauges.get(("level", ()), 0)) + 1)
        replica.crash(0)
        for _ in range(UNHEARD):
            beat()
        if replica is not tiers.replicas[-1]:
            _gauges_and_coverage(tiers.root, programs)


def _totals(member: Member) -> Cells:
    return totals_of(member.running.fleet).get(BRANCH, {})


def _conserved(member: Member, accounts: Accounts, books: Books) -> None:
    """Check that all counts of the living are there, and of the others those that no stream has lost."""
    totals = totals_of(member.running.fleet)
    for under in ((), BRANCH) if not member.scope.path else (BRANCH,):
        for cell, (least, most) in accounts.bounds(under).items():
            number, slack = totals.get(under, {}).get(cell, 0), books.slack(cell, most)
            if not least - slack <= number <= most + slack:
                what = f"{member.name} has {number} of {cell_text(cell)} under {named(under)} after quiet"
                raise Violation(f"{what}, but must have at least {least} and at most {most}")


def _last_events_listed(root: Member, programs: Sequence[Program]) -> None:
    """Check that the root lists what the branch's programs hold, where it has asked; it does not read their deltas."""
    listed = {(event.path, event.epoch, event.number) for event in root.running.engine.events.events}
    for program in programs:
        if program.agent is None or program.book.repeated or not root.must_list(program):
            continue
        first, last = program.event_log.repeatable
        for number in range(first, last + 1):
            if (program.path, program.book.id, number) not in listed:
                raise Violation(f"{named(program.path)}: event {number} is held, and the root does not list it")


def _joined(tiers: Tiers, books: Books) -> None:
    """Check that the root has no less than the better of the replicas."""
    joined = _totals(tiers.root)
    for replica in tiers.replicas:
        for cell, number in _totals(replica).items():
            if cell.part != SUM and joined.get(cell, 0) < number - books.slack(cell, number):
                raise Violation(f"the root has {joined.get(cell, 0)} of {cell_text(cell)}, and {replica.name} {number}")


def _gauges_and_coverage(root: Member, programs: Sequence[Program]) -> None:
    """Check that the branch's gauges are its living programs', merged, and its nodes as many as live there."""
    network = root.running.network
    expected = _merged(programs)
    totals = network.totals(Selection(BRANCH))
    shown = {}
    for number, summary in totals.values.items():
        if not isinstance(summary, GaugeSummary):
            continue
        entry = totals.entries[number]
        shown[totals.families[entry.family].key.name, entry.labels] = (
            summary.count,
            summary.sum,
            summary.min,
            summary.max,
        )
    if expected is not None and shown != expected:
        raise Violation(f"{named(BRANCH)} shows at the root {shown}, but its gauges are {expected}")
    for under in ((), BRANCH):
        living = {program.path for program in programs if program.alive and is_under(program.path, under)}
        live, stale, departed, *_ = network.coverage(Selection(under)).total().nodes
        if live != len(living):
            what = f"{named(under)} stands at the root on {live} live, {stale} stale and {departed} departed nodes"
            raise Violation(f"{what}, but {len(living)} live")


def _out_of_sight(root: Member) -> None:
    """Nobody says how the branch is: no gauge of it is shown, and none of its nodes is live."""
    network = root.running.network
    totals, covered = network.totals(Selection(BRANCH)).values, network.coverage(Selection(BRANCH)).total()
    gauges = [total for total in totals.values() if isinstance(total, GaugeSummary)]
    if gauges or covered.nodes[0]:
        raise Violation(f"{named(BRANCH)} is not heard, and shows {gauges} of {covered.nodes[0]} live nodes")


def _merged(programs: Sequence[Program]) -> dict[tuple[str, Labels], tuple[int, float, float, float]] | None:
    """Compute the gauges under the branch; None when nobody can say whose count."""
    values: dict[tuple[str, Labels], list[float]] = defaultdict(list)
    for path in _paths_of_branch():
        here = who_shows(programs, path)
        if here is None:
            return None
        for program in here:
            for key, value in program.gauges.items():
                values[key].append(value)
    return {key: (len(each), sum(each), min(each), max(each)) for key, each in values.items()}


def _paths_of_branch() -> list[Path]:
    return sorted({path for path in PATHS if is_under(path, BRANCH)})
