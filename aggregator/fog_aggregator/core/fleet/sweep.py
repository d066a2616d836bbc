"""Do what time does to a fleet: silent epochs are closed, departed nodes retire, label sets that nobody holds leave.

No count is ever dropped: it moves to where its group's total still includes it, at last to the retired counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from fog_aggregator.core.budget.budget import LEARNED
from fog_aggregator.core.columns import Bools
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.places.learned import heard_on_two_days
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.place import Place
from fog_aggregator.core.places.rows import CLOSED, Rows
from fog_aggregator.kernels.layout import NUMBER, OBSERVED
from fog_schema.paths import RETIRED, Path, ancestors, is_under


@dataclass(slots=True)
class Swept:
    """The results of a sweep: paths that retired, epochs closed, label sets that left, sums that stay at the most."""

    retired: list[Path] = field(default_factory=list)
    closed: int = 0
    label_sets: int = 0
    saturated: int = 0


def sweep(parts: Parts) -> Swept:
    """Do what observed time asks for; cheap when there is nothing to do."""
    swept, time = Swept(), parts.time
    for place in _silent(parts):
        for epoch in [one for one in place.epochs.values() if time.observed_seconds - one.observed > time.horizon]:
            parts.close_epoch(place, epoch, final=False)
            swept.closed += 1
        if place.may_retire(time.observed_seconds, time.horizon):
            swept.retired.append(place.path)
    _learn(parts, swept.retired)
    retire(parts, swept.retired)
    parts.tombstones.expire(time.observed_seconds)
    parts.forgotten.expire(time.observed_seconds)
    swept.label_sets = _retire_label_sets(parts)
    parts.words.prune()
    parts.forget_families()
    return swept


def forget(parts: Parts, under: Path, at: float, departed_after: float, limits: FleetLimits) -> list[Path]:
    """Retire the nodes at and under a path that had departed by `at` (server's time), on somebody's request.

    The values of their epochs are kept apart: a writer that comes back goes on where it was (R12.53).
    Nodes that were in quarantine then stay: retired, their counts would be in their parent's total again. Later orders
    may be in force already where a backlog is read, and change nothing: so all readers forget the same nodes.
    Nodes that have retired, and are expected all the same, are forgotten too.
    """
    rows = parts.roster.rows
    gone = [
        place.path
        for place in parts.roster
        if is_under(place.path, under)
        and place.forgettable
        and not parts.roster.is_retired(place)
        and at - rows.last_seen[place.row] > departed_after
        and not parts.quarantine.keeps_out(place.path, at)
    ]
    for path in gone:
        parts.keep_values(parts.roster.places[path], limits)
    ended = [path for path in gone if _is_excused(rows, parts.roster.places[path].row)]
    retire(parts, gone)
    for path in gone:
        parts.roster.learned.discard(path)
    for path in ended:
        parts.roster.learned.excuse(path)
    return gone + parts.roster.learned.forget(under)


def retire(parts: Parts, paths: list[Path]) -> None:
    """Close what is left of nodes; move their counts to groups, each below the lowest path that lives on (R12.43)."""
    if not paths:
        return
    living = Counter(where for place in parts.roster if place.path[-1] != RETIRED for where in ancestors(place.path))
    for path in paths:
        place = parts.roster.places[path]
        for epoch in list(place.epochs.values()):
            parts.close_epoch(place, epoch, final=False)
        living.subtract(ancestors(path))
        home = path
        while len(home) > 1 and not living[home]:
            home = home[:-1]
        _move(parts, place, (*home, RETIRED))
    _lift(parts, living)


def _silent(parts: Parts) -> list[Place]:
    """Return the places that have something older than the horizon; of those in quarantine nothing was heard."""
    rows, oldest = parts.roster.rows, parts.time.observed_seconds - parts.time.horizon
    of, epochs = rows.epoch_place, rows.epochs
    taken = np.flatnonzero(of >= 0)
    numbers, observed = epochs.integers[taken, NUMBER], epochs.times[taken, OBSERVED]
    silent, alone = np.zeros(len(rows.retired), np.bool_), rows.open_epochs()[of[taken]] == 0
    silent[of[taken[(observed < oldest) & ((numbers != CLOSED) | alone)]]] = True
    silent &= ~(rows.retired | parts.roster.hidden_places())
    return [place for place in parts.roster if silent[place.row]] if silent.any() else []


def _learn(parts: Parts, retiring: list[Path]) -> None:
    """Expect nodes that retire now, as far as they are to be expected, and count those that are there."""
    roster, learned = parts.roster, parts.roster.learned
    rows = roster.rows
    excused = {path for path in retiring if _is_excused(rows, roster.places[path].row)}
    for path in excused:
        learned.excuse(path)
    if not learned.limit:
        return
    numbers = np.fromiter((place.row for place in roster), np.int64, len(roster))
    first_seen = np.fromiter((place.first_seen for place in roster), np.float64, len(roster))
    expected = heard_on_two_days(rows, numbers, first_seen)
    for path in retiring:
        row = roster.places[path].row
        if path not in excused and not learned.retire(path, expected=bool(expected[row])):
            parts.budget.refused[LEARNED] += 1
        expected[row] = False
    learned.review(expected, {path: roster.places[path].row for path in learned.back})


def _is_excused(rows: Rows, row: int) -> bool:
    """Tell whether nobody misses a node: it has ended in good order, or says that it comes and goes."""
    return bool(rows.ended[row] or rows.ephemeral[row])


def _move(parts: Parts, place: Place, home: Path) -> None:
    group = parts.roster.get(home)
    if group is None:
        group = parts.roster.add_group(home)
        if (order := parts.quarantine.over(home)) is not None:
            parts.roster.take_out(group, order.at)
    parts.merge_closed(group, place)


def _lift(parts: Parts, living: Counter[Path]) -> None:
    """Move groups of retired nodes up under which nothing lives any more, so that they do not pile up."""
    out = parts.roster.out
    groups = [place.path for place in parts.roster if place.path[-1] == RETIRED and place.row not in out]
    for path in sorted(groups, key=len, reverse=True):
        home = path[:-1]
        if len(home) > 1 and not living[home]:
            _move(parts, parts.roster.places[path], (*home[:-1], RETIRED))


def _retire_label_sets(parts: Parts) -> int:
    """Note which series somebody holds; move those nobody has held for the horizon to the retired counts (R12.41)."""
    series, observed = len(parts.catalog.series), parts.time.observed_seconds
    parts.retired.note_present(parts.catalog.with_other_bounds(parts.slots.present(series)), observed)
    old = parts.left_series()
    old[parts.catalog.free] = False
    if not old.any():
        return 0
    closed = parts.roster.closed_rows() & ~parts.roster.hidden_epochs()
    movable = old & parts.slots.only_in(closed, series)  # no epoch will speak of them again ...
    movable &= ~parts.forgotten.speaks_of(series)  # ... nor one that was forgotten and comes back
    for kind in parts.slots.tables:
        _to_retired_counts(parts, kind, movable)
    numbers = np.flatnonzero(movable)
    parts.catalog.forget(numbers.tolist())
    parts.retired.renew(numbers, observed)
    return len(numbers)


def _to_retired_counts(parts: Parts, kind: Kind, movable: Bools) -> None:
    table = parts.slots.tables[kind]
    slots = table.used()
    slots = slots[movable[table.series[slots]]]
    if not len(slots):
        return
    owners: dict[int, list[int]] = defaultdict(list)
    for slot, counted in zip(slots.tolist(), kind.exact_counts(table, slots), strict=True):
        owners[int(table.epoch[slot])].append(slot)
        if kind.counted:
            parts.retired.add(parts.catalog.series[int(table.series[slot])].family, counted)
    closed = {one.row: one for place in parts.roster for one in place.closed_totals}
    for row, mine in owners.items():
        closed[row].map(kind).discard(table.ids[np.array(mine, np.int64)])
    table.release(slots)
