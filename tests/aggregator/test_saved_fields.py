"""Every field of everything that a checkpoint holds is saved, or listed as one that need not be.

The golden recipe builds a fleet with all that there can be. It is saved and restored; then both fleets are walked,
field by field. A field that is not saved differs, unless it has its default everywhere: then the recipe must set it.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.closed.forgotten import ForgottenEpoch, ForgottenEpochs
from fog_aggregator.core.closed.tombstones import Tombstone, Tombstones
from fog_aggregator.core.events.awaited import AwaitedRanges
from fog_aggregator.core.events.newest import FleetEvent, NewestEvents
from fog_aggregator.core.events.seen import Seen
from fog_aggregator.core.families.clashes import Clashes
from fog_aggregator.core.families.known import FamilyKey, KnownFamilies
from fog_aggregator.core.families.words import FamilyWords
from fog_aggregator.core.fleet.catalog import Catalog
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.fleet_time import FleetTime
from fog_aggregator.core.fleet.parts import Parts
from fog_aggregator.core.fleet.retired_counts import RetiredCounts
from fog_aggregator.core.fleet.roster import Roster
from fog_aggregator.core.fleet.slots import Slots
from fog_aggregator.core.kinds.bucket_histogram import BucketTable
from fog_aggregator.core.kinds.exponential_histogram import ExponentialTable
from fog_aggregator.core.kinds.gauge_summary import SummaryTable
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.places.branch import Branch
from fog_aggregator.core.places.epoch import Epoch, KeyframeRun, Moved
from fog_aggregator.core.places.learned import LearnedNodes
from fog_aggregator.core.places.limits import FleetLimits, MemoryLimits
from fog_aggregator.core.places.node import Node
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.places.rows import EpochColumns, RowPool, Rows
from fog_aggregator.core.places.succession import ReplicaRun, Succession
from fog_aggregator.core.quarantine.orders import Order, Quarantine, Untold
from fog_aggregator.core.quarantine.read_orders import ReadOrders
from fog_aggregator.query.ratchet import Ratchet
from fog_schema.frames import COUNTER
from tests.aggregator.golden.recipe import POSITIONS, SCOPE, Recorder, rich

WALKED: Final = (
    Parts, Roster, Rows, RowPool, Node, Branch, Epoch, KeyframeRun, Slots, Table, BucketTable, ExponentialTable,
    SummaryTable, IdMap, Catalog,
    Tombstones, Tombstone, ForgottenEpochs, ForgottenEpoch, FleetTime, RetiredCounts, EventList, NewestEvents,
    Succession, ReplicaRun, Origin,
    Seen, FleetEvent, Ratchet, Quarantine, Order, ReadOrders, FamilyWords, Clashes, LearnedNodes,
    KnownFamilies, Untold, AwaitedRanges,
)  # fmt: skip

LEARNED: Final = 10_000
"""Bytes for nodes that are expected."""
NAMED: Final = frozenset({("fog", "excused")})
"""An inventory."""
TRANSIENT: Final[dict[tuple[str, str], str]] = {
    ("Catalog", "version"): "counts changes since the program began",
    ("KnownFamilies", "shapes"): "are numbered anew, in the order of series",
    ("KnownFamilies", "shapes_of"): "as shapes",
    ("KnownFamilies", "_shape_numbers"): "as shapes",
    ("KnownFamilies", "_free_shapes"): "as shapes",
    ("KnownFamilies", "bytes"): "of shapes that no series has any more nothing is saved",
    ("Catalog", "shape_of"): "as shapes",
    ("Catalog", "_numbers"): "by shape, and shapes are numbered anew",
    ("Catalog", "_opened"): "remembers definitions that were opened",
    ("Catalog", "_full_at"): "what the last definitions might add",
    ("Parts", "budget"): "counts what the other parts hold",
    ("KeyframeRun", "profile"): "without the words of its first parts a keyframe adds words and takes none away",
    ("FamilyWords", "_sole"): "is told to the catalog, which has it",
    ("FamilyWords", "version"): "counts changes since the program began",
    ("FamilyWords", "_joined"): "remembers what the profiles say",
    ("Clashes", "_alone"): "as decided",
    ("Clashes", "_present"): "what is not decided is found anew",
    ("Table", "news"): "what changed hands since the program began",
    ("BucketTable", "news"): "as a table's",
    ("SummaryTable", "news"): "as a table's",
    ("ExponentialTable", "news"): "as a table's",
    ("Clashes", "version"): "counts changes since the program began",
    ("Clashes", "_rank"): "found anew from what is shown",
    ("Clashes", "contested"): "found among the families",
    ("Clashes", "_owners"): "as contested",
    ("Clashes", "_names"): "as contested",
    ("Clashes", "_free"): "as contested",
    ("Clashes", "_reused"): "as decided",
    ("Roster", "news"): "tells of the places that came and went since the program began",
    ("Roster", "askable"): "after a restart all that are gapped are looked at anew",
    ("FleetTime", "caught_up"): "a fleet that goes on from a checkpoint goes back to one",
    ("FleetTime", "horizon"): "configured",
    ("FleetTime", "pace"): "told by whoever reads",
    ("FleetTime", "present"): "as pace",
    ("FleetTime", "settled_at"): "an outage before a restart is seen as one gap again",
    ("Ratchet", "raised"): "counts changes since the program began",
    ("Tombstones", "limit"): "configured",
    ("LearnedNodes", "limit"): "configured",
    ("LearnedNodes", "_named"): "configured",
    ("LearnedNodes", "here"): "the next sweep counts",
    ("Roster", "_composites"): "found among the places",
    ("Roster", "info_version"): "counts changes since the program began",
    ("Node", "brought"): "what a path may bring is counted anew after a restart",
    ("Branch", "brought"): "as a node's",
    ("Node", "brought_since"): "as brought",
    ("Branch", "brought_since"): "as brought",
    ("Branch", "_addresses"): "the one that was told last is in its information",
    ("Parts", "arrivals"): "counts since the program began",
    ("Epoch", "columns"): "what they have of an epoch is a field of it",
    ("Rows", "epochs"): "as columns",
    ("ForgottenEpochs", "_columns"): "as columns",
    ("Epoch", "usual"): "the first frame after a restart says it again",
    ("RowPool", "_free"): "the rows that are free are handed out in another order",
    ("Table", "row_bytes"): "follows from the columns' types",
    ("Table", "value_bytes"): "as row_bytes",
    ("BucketTable", "row_bytes"): "as a table's",
    ("BucketTable", "value_bytes"): "as a table's",
    ("SummaryTable", "row_bytes"): "as a table's",
    ("ExponentialTable", "row_bytes"): "as a table's",
    ("SummaryTable", "value_bytes"): "as a table's",
    ("ExponentialTable", "value_bytes"): "as a table's",
    ("Table", "_free"): "the slots that are free are handed out in another order",
    ("BucketTable", "_free"): "as a table's",
    ("SummaryTable", "_free"): "as a table's",
    ("ExponentialTable", "_free"): "as a table's",
    ("EventList", "_writers"): "in the order in which writers were heard last, which is saved with what was seen",
    ("EventList", "_ranges"): "counts what was seen",
    ("EventList", "max_seen_bytes"): "configured",
    ("NewestEvents", "max_events"): "configured",
    ("NewestEvents", "max_bytes"): "configured",
    ("NewestEvents", "_loudest"): "ranks the paths, as what is listed says",
}
"""The fields that need not be saved, and why."""

FRESH: Final[dict[type, Callable[[], Any]]] = {
    Node: lambda: Node((), 0, Epoch(0, 0, EpochColumns())),
    Branch: lambda: Branch((), 0, Epoch(0, 0, EpochColumns())),
    Epoch: lambda: Epoch(0, 0, EpochColumns()),
    KeyframeRun: KeyframeRun,
    Succession: Succession,
    ReplicaRun: lambda: ReplicaRun(Origin()),
    Origin: Origin,
    Rows: Rows,
    RowPool: RowPool,
    IdMap: IdMap,
    Catalog: Catalog,
    Tombstones: lambda: Tombstones(0),
    ForgottenEpochs: ForgottenEpochs,
    FleetTime: lambda: FleetTime(0.0),
    RetiredCounts: RetiredCounts,
    EventList: EventList,
    NewestEvents: lambda: NewestEvents(10_000, 64 * 2**20),
    Seen: Seen,
    Ratchet: Ratchet,
    Quarantine: Quarantine,
    Order: lambda: Order(0.0, out=False),
    ReadOrders: ReadOrders,
    Untold: Untold,
    AwaitedRanges: AwaitedRanges,
    FamilyWords: FamilyWords,
    Clashes: Clashes,
    LearnedNodes: LearnedNodes,
    KnownFamilies: KnownFamilies,
    Roster: Roster,
    Slots: Slots,
    Table: lambda: Table(np.int64),
    BucketTable: lambda: BucketTable(1),
    SummaryTable: SummaryTable,
}
"""How each class begins that has fields with defaults."""


def fields(one: Any) -> Iterator[tuple[str, Any]]:
    """List the fields of an object, with slots or without, those included that are in a row of columns."""
    names = {name for cls in type(one).__mro__ for name in getattr(cls, "__slots__", ())}
    names |= {name for cls in type(one).__mro__ for name, value in vars(cls).items() if isinstance(value, Moved)}
    yield from ((name, getattr(one, name)) for name in sorted(names | set(getattr(one, "__dict__", {}))))


def plain(value: Any, size: int | None = None) -> Any:
    """Turn a value into one that can be compared; of a table's columns only the first `size` rows are in use."""
    if isinstance(value, np.ndarray):
        return [repr(one) for one in value[:size].tolist()]
    if isinstance(value, dict):
        empty = [key for key, one in value.items() if isinstance(one, Table | IdMap) and not len(one)]
        return {_key(key): plain(one) for key, one in value.items() if key not in empty}
    if isinstance(value, IdMap):
        return plain(value.items())  # what else it has follows from whether these are a block
    if isinstance(value, list | tuple | deque | array):
        return [plain(one) for one in value]
    if isinstance(value, WALKED):
        used = value.size if isinstance(value, Table) else None
        return {name: plain(one, used) for name, one in saved_fields(value)}
    return repr(value)


def _key(key: Any) -> str:
    return f"epoch {key.id}" if isinstance(key, Epoch) else str(plain(key))


def saved_fields(one: Any) -> Iterator[tuple[str, Any]]:
    """List the fields that must be saved."""
    return ((name, value) for name, value in fields(one) if (type(one).__name__, name) not in TRANSIENT)


def trimmed(fleet: Fleet) -> Fleet:
    """Cut the spare capacity of rows."""
    rows = fleet.parts.roster.rows
    for name in ("last_seen", "audible_at", "interval", "retired", "ended", "ephemeral", "counts_itself"):
        setattr(rows, name, getattr(rows, name)[: rows._places.size])  # noqa: SLF001
    words = fleet.parts.words
    words.of_epoch = words.of_epoch[: max(np.flatnonzero(words.of_epoch >= 0), default=-1) + 1]
    for name in ("epoch_place", "adds_up", "shows_gauges"):
        setattr(rows, name, getattr(rows, name)[: rows.epochs.rows.size])
    return fleet


def reached(root: Any) -> dict[type, list[Any]]:
    """Collect every object below some that is walked, by class; whatever holds it."""
    found: dict[type, list[Any]] = {cls: [] for cls in WALKED}
    waiting, seen = [root], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, WALKED):
            found[type(one)].append(one)
            waiting += [value for _, value in fields(one)]
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | deque):
            waiting += one
    return found


def made() -> Recorder:
    """Make the golden recipe's fleet, with what came after its files: orders, and a family that was let go of."""
    recorder = rich()
    fleet = recorder.state
    spread = recorder.join("fog/0/exponential").collector.register_histogram("spread", "", "exponential")
    spread.observe(0.3)
    recorder.members[-1].send()
    fleet.parts.catalog.known_families.number(FamilyKey("gone_total", COUNTER, ""), "", ())
    fleet.parts.forget_families()
    first, second = list(fleet.places)[:2]
    fleet.parts.roster.learned = LearnedNodes(LEARNED, NAMED)
    fleet.parts.roster.learned.excuse(("fog", "excused"))
    for path in (first, ("fog", "missing")):
        fleet.parts.roster.learned.retire(path, expected=True)
    fleet.parts.roster.learned.come_back(first)
    fleet.order(first, Order(1.0, out=True, why="it lies", author="jo", stamp=1_000))
    fleet.parts.quarantine.read.since = 5
    fleet.settle_orders(2.0)
    fleet.order(second, Order(3.0, out=True, why="it lies", author="jo", stamp=3_000))
    (branch,) = fleet.branches()
    for number in branch.epochs:
        branch.succession.hear(number, dict(Origin(7, 5, 2).as_info()))
    branch.succession.quarantined = 2
    fleet.parts.quarantine.untold.replaced.append(branch.path)
    recorder.events.awaited.begin([(("fog", "branch", "1"), 5)], 6.0)
    branch.rebase(fleet.parts.slots.tables, fleet.parts.roster.rows, 4.0)
    return recorder


def roots(recorder: Recorder) -> list[Any]:
    """Name the parts of an aggregator that are saved."""
    return [trimmed(recorder.state).parts, recorder.events, recorder.network.ratchet]


def restored(recorder: Recorder) -> list[Any]:
    """Save the parts and restore them."""
    image = take_image(recorder.state, recorder.events, recorder.network.ratchet, POSITIONS, SCOPE)
    fleet = Fleet(limits=FleetLimits(memory=MemoryLimits(learned=LEARNED)), named=NAMED)
    events, ratchet = EventList(), Ratchet()
    assert restore(read_image(b"".join(image.chunks())), fleet, events, ratchet) == POSITIONS
    return [trimmed(fleet).parts, events, ratchet]


def test_every_field_is_restored() -> None:
    """Whatever is not listed as transient is the same after a restart."""
    recorder = made()
    for before, after in zip(roots(recorder), restored(recorder), strict=True):
        for (name, mine), (_, theirs) in zip(saved_fields(before), saved_fields(after), strict=True):
            assert plain(theirs) == plain(mine), f"{type(before).__name__}.{name}"


def test_the_recipe_sets_every_field() -> None:
    """A field that has its default everywhere proves nothing: give it another value in the recipe."""
    unset = set()
    for cls, several in reached(roots(made())).items():
        assert several, f"the recipe makes no {cls.__name__}"
        if cls in FRESH:
            fresh = FRESH[cls]()
            unset |= {
                f"{cls.__name__}.{name}"
                for name, default in saved_fields(fresh)
                if all(plain(getattr(one, name)) == plain(default) for one in several)
            }
    assert unset == {"Branch.baselines"}, "a branch has none"


def test_transient_fields_are_there() -> None:
    """A list of fields that are gone hides those that come."""
    several = reached(roots(made()))
    assert set(TRANSIENT) <= {(cls.__name__, name) for cls, ones in several.items() for name, _ in fields(ones[0])}
