"""A state as bytes and back: everything that was read, and how far the streams were read, as one unit.

The tables go out as they are, array by array; what is an object in memory (nodes, epochs, events) goes out as columns.
Which slot an id has stands in the tables themselves. The file is: magic, length of the index, the index (msgpack: plain
values, and where each array is), the arrays, a BLAKE2b checksum of all of it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgpack
import numpy as np

from fog_aggregator.core.catalog import FamilyKey
from fog_aggregator.core.eventlist import EventList, FleetEvent
from fog_aggregator.core.exported import Exported
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.bucket_histogram import BUCKET_HISTOGRAMS, BucketHistogram
from fog_aggregator.core.kinds.fractional_counter import FRACTIONAL_COUNTER
from fog_aggregator.core.kinds.gauge import GAUGE
from fog_aggregator.core.kinds.gauge_summary import GAUGE_SUMMARY, SummaryTable
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.nodes import CLOSED, Epoch, Node, Run
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.core.state import State, Tombstone
from fog_bus.ports import Position
from fog_schema.frames import CoverageNumbers
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path

MAGIC: Final = b"FOGCKPT1"
VERSION: Final = 4
_LENGTH: Final = struct.Struct("<Q")
_DIGEST_SIZE: Final = 16
START_BYTES: Final = 64
"""So much of a file tells its version."""
_WIDTHS: Final[dict[Kind, int]] = {INTEGER_COUNTER: 0, GAUGE: -1, FRACTIONAL_COUNTER: -2, GAUGE_SUMMARY: -3}
_KINDS: Final = {width: kind for kind, width in _WIDTHS.items()}

Arrays: TypeAlias = dict[str, np.ndarray]
Plain: TypeAlias = dict[str, Any]
Scope: TypeAlias = tuple[str, Path, tuple[Path, ...]]
"""Subject prefix, subtree, and the branches of it that come as rollups."""


class CheckpointError(ValueError):
    """Bytes that are not a usable checkpoint; the text says why."""


class LaterVersionError(Exception):
    """A checkpoint that a later version of the program has written: nothing is wrong with it.

    Attributes:
        version: The checkpoint's.
    """

    def __init__(self, version: int) -> None:
        super().__init__(f"it is of version {version}, and this program reads versions up to {VERSION}")
        self.version = version


@dataclass(slots=True)
class Image:
    """A state at one moment. The tables' columns are the state's own: write them before it changes, or in a fork."""

    plain: Plain
    arrays: Arrays

    @property
    def scope(self) -> Scope:
        """What it is of."""
        prefix, path, branches = self.plain["scope"]
        return prefix, tuple(path), tuple(map(tuple, branches))

    def chunks(self) -> Iterable[bytes | memoryview]:
        """The bytes of the file, piece by piece."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        index = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
        head: bytes = msgpack.packb({"version": VERSION, "plain": self.plain, "arrays": index})
        digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
        start: list[bytes | memoryview] = [MAGIC, _LENGTH.pack(len(head)), head]
        for chunk in start + [array.data.cast("B") for array in arrays.values() if array.size]:
            digest.update(chunk)
            yield chunk
        yield digest.digest()


def claimed_version(start: bytes) -> int:
    """Read the version that a file claims to be of; 0 when it does not begin as a checkpoint must.

    Magic, length and an index whose first entry is the version stand at the beginning in every version.

    Args:
        start: The file's first bytes, `START_BYTES` of them.
    """
    unpacker = msgpack.Unpacker()
    unpacker.feed(start[len(MAGIC) + _LENGTH.size :])
    try:
        if start[: len(MAGIC)] == MAGIC and unpacker.read_map_header() and unpacker.unpack() == "version":
            version = unpacker.unpack()
            return version if isinstance(version, int) else 0
    except (ValueError, msgpack.UnpackException):
        pass
    return 0


def check_whole(data: bytes) -> None:
    """Check that bytes are a whole checkpoint, of any version.

    Raises:
        CheckpointError: They are not.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise CheckpointError("it does not begin as a checkpoint must")
    body, checksum = memoryview(data)[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if hashlib.blake2b(body, digest_size=_DIGEST_SIZE).digest() != checksum:
        raise CheckpointError("its checksum is wrong: it is damaged or was not written to its end")


@contextmanager
def decoding() -> Iterator[None]:
    """Turn what decoding raises on a wrong inside (a missing key, a wrong type or length) into CheckpointError.

    The checksum tells what a disk has done; a wrong inside is the work of a program.
    """
    try:
        yield
    except CheckpointError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise CheckpointError(f"it is whole, but its inside is wrong: {error!r}") from error


def read_image(data: bytes) -> Image:
    """The image in a file's bytes.

    Raises:
        CheckpointError: when they are damaged, or of an earlier version that is not read.
        LaterVersionError: when they are of a later version.
    """
    check_whole(data)
    version = claimed_version(data[:START_BYTES])
    if version > VERSION:
        raise LaterVersionError(version)
    with decoding():
        return _decode(data)


def _decode(data: bytes) -> Image:
    at = len(MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(data[len(MAGIC) : at])
    head = msgpack.unpackb(data[at : at + length], strict_map_key=False)
    if head["version"] != VERSION:
        raise CheckpointError(f"it is of version {head['version']}, this program reads version {VERSION}")
    at += length
    arrays = {}
    for name, dtype, shape in head["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(data, np.dtype(dtype), count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    return Image(head["plain"], arrays)


def take_image(
    state: State, events: EventList, ratchet: Exported, streams: Mapping[str, Position], scope: Scope
) -> Image:
    """Everything that must survive.

    Args:
        state: what was read.
        events: the list of events.
        ratchet: what was exported of fractional counters.
        streams: how far each stream was read.
        scope: what it is of; a checkpoint of another scope is another fleet.
    """
    arrays: Arrays = {}
    for kind, table in state.tables.items():
        columns = {name: getattr(table, name)[: table.size] for name in table.COLUMNS}
        sums = {} if "sums" in columns else {"sums": np.zeros(0)}
        for name, column in (columns | sums).items():
            arrays[f"table/{_width(kind)}/{name}"] = column
    _nodes_out(state, arrays)
    arrays["series/held"] = state.series_held
    plain: Plain = {
        "scope": scope,
        "now": state.now,
        "watched": state.watched,
        "ledger": [(family, value) for family, value in state.ledger.items()],
        "folded_early": state.folded_early,
        "in_doubt": state.needs_keyframe_round,
        "streams": {name: tuple(mark) for name, mark in streams.items()},
        "families": [(family.key, family.help, family.rollup) for family in state.catalog.families],
        "series": [(entry.family, entry.labels, entry.bounds) for entry in state.catalog.series],
        "series_free": state.catalog.free,
        "nodes": [(node.path, node.info, node.ephemeral, node.baselines, node.folded) for node in state.nodes.values()],
        "replicas": _replicas_out(state),
        "runs": _runs_out(state),
        "tombstones": [(*key, stone.expires, stone.final, stone.seq) for key, stone in state.tombstones.items()],
        "ratchet": [(*key, value) for key, value in list(ratchet.exported.items())],
        "ratchet_grouped": ratchet.grouped_image(),
        "events": _events_out(events),
    }
    return Image(plain, arrays)


def restore(image: Image, state: State, events: EventList, ratchet: Exported) -> dict[str, Position]:
    """Put an image into an empty state, event list and ratchet; return how far the streams were read."""
    plain = image.plain
    for key, help_, rollup in plain["families"]:
        state.catalog.family_number(FamilyKey(*key), help_, tuple(rollup))
    entries = [
        SeriesEntry(family, tuple(map(tuple, labels)), tuple(bounds)) for family, labels, bounds in plain["series"]
    ]
    state.catalog.restore(entries, plain["series_free"])
    tables = {int(name.split("/")[1]) for name in image.arrays if name.startswith("table/")}
    for width in sorted(tables):
        prefix = f"table/{width}/"
        columns = {name.removeprefix(prefix): array for name, array in image.arrays.items() if name.startswith(prefix)}
        kind = _kind(width)
        if kind is GAUGE_SUMMARY:
            none = np.zeros(0, np.int64)
            columns |= {"value_counts.slot": none, "value_counts.value": np.zeros(0), "value_counts.nodes": none}
        state.tables[kind].restore(columns)
    _nodes_in(state, plain["nodes"], image.arrays)
    _replicas_in(state, plain["replicas"])
    _runs_in(state, plain["runs"])
    state.series_held = image.arrays["series/held"]
    for path, epoch, *stone in plain["tombstones"]:
        state.tombstones[tuple(path), epoch] = Tombstone(*stone)
    for own, path, series, value in plain["ratchet"]:
        ratchet.exported[own, tuple(path), series] = value
    ratchet.restore_grouped(plain.get("ratchet_grouped", ()))
    _events_in(events, plain["events"])
    state.now, state.watched = plain["now"], plain["watched"]
    state.ledger = dict(plain["ledger"])
    state.folded_early = plain["folded_early"]
    state.complete, state.needs_keyframe_round = True, plain["in_doubt"]
    return {name: Position(*mark) for name, mark in plain["streams"].items()}


def _width(kind: Kind) -> int:
    return kind.buckets if isinstance(kind, BucketHistogram) else _WIDTHS[kind]


def _kind(width: int) -> Kind:
    return BUCKET_HISTOGRAMS.of_size(width) if width > 0 else _KINDS[width]


def _nodes_out(state: State, arrays: Arrays) -> None:
    nodes = list(state.nodes.values())
    owned = [(node.row, epoch) for node in nodes for epoch in (node.closed, *node.epochs.values())]
    epochs = [epoch for _, epoch in owned]
    arrays["node/row"] = np.array([node.row for node in nodes], np.int64)
    arrays["node/first_heard"] = np.array([node.first_heard for node in nodes], np.float64)
    arrays["node/branch"] = state.rows.branch[arrays["node/row"]]
    arrays["node/retired"] = state.rows.retired[arrays["node/row"]]
    arrays["node/heard"] = state.rows.heard[arrays["node/row"]]
    arrays["node/interval"] = state.rows.interval[arrays["node/row"]]
    arrays["epoch/node"] = np.array([row for row, _ in owned], np.int64)
    arrays["epoch/id"] = np.array([epoch.id for epoch in epochs], np.uint64)
    for name in ("row", "seq", "gaps", "keyframes"):
        arrays[f"epoch/{name}"] = np.array([getattr(epoch, name) for epoch in epochs], np.int64)
    for name in ("birth", "heard", "watched"):
        arrays[f"epoch/{name}"] = np.array([getattr(epoch, name) for epoch in epochs], np.float64)
    for name in ("shared", "gapped", "returning", "huge"):
        arrays[f"epoch/{name}"] = np.array([getattr(epoch, name) for epoch in epochs], np.bool_)


def _nodes_in(state: State, plain: list[Any], arrays: Arrays) -> None:
    by_row: dict[int, Node] = {}
    rows = arrays["node/row"].tolist()
    for (path, info, ephemeral, baselines, folded), row, branch, first in zip(
        plain, rows, arrays["node/branch"].tolist(), arrays["node/first_heard"].tolist(), strict=True
    ):
        node = Node(tuple(path), row, Epoch(-1, CLOSED), branch, {}, info, ephemeral, first, baselines, folded)
        by_row[row] = state.nodes[node.path] = node
    names = (
        "id",
        "row",
        "seq",
        "birth",
        "heard",
        "watched",
        "shared",
        "gapped",
        "returning",
        "huge",
        "gaps",
        "keyframes",
    )
    columns = (arrays[f"epoch/{name}"].tolist() for name in names)
    by_epoch_row: dict[int, Epoch] = {}
    for node_row, *values in zip(arrays["epoch/node"].tolist(), *columns, strict=True):
        epoch = Epoch(**dict(zip(names, values, strict=True)))
        by_epoch_row[epoch.row] = epoch
        node = by_row[node_row]
        if epoch.id == CLOSED:
            node.closed = epoch
            continue
        node.epochs[epoch.id] = epoch
        if epoch.gapped:
            state.gapped[epoch] = node.path
    state.rows.restore(
        rows, arrays["node/heard"], arrays["node/interval"], arrays["epoch/row"].tolist(), arrays["epoch/node"]
    )
    for kind, table in state.tables.items():
        _maps_in(kind, table, by_epoch_row)
    state.rows.retired[rows], state.rows.branch[rows] = arrays["node/retired"], arrays["node/branch"]
    for node in state.nodes.values():
        if node.branch:
            state.rows.adds_up[[epoch.row for epoch in node.epochs.values()]] = False
        state.elect(node)
    state.tree_version += 1


def _replicas_out(state: State) -> list[Any]:
    """What only branches have."""
    table = state.tables[GAUGE_SUMMARY]
    counted = table.value_counts if isinstance(table, SummaryTable) else {}
    return [
        (
            node.path,
            node.coverage,
            [
                (epoch.id, number, counted[slot][0].tolist(), counted[slot][1].tolist())
                for epoch in node.epochs.values()
                for number, slot in zip(*(column.tolist() for column in epoch.map(GAUGE_SUMMARY).items()), strict=True)
                if slot in counted
            ],
        )
        for node in state.branches()
    ]


def _replicas_in(state: State, plain: list[Any]) -> None:
    for path, coverage, value_counts in plain:
        node = state.nodes[tuple(path)]
        node.coverage = None if coverage is None else CoverageNumbers(*coverage)
        for epoch, number, values, nodes in value_counts:
            slot = int(node.epochs[epoch].map(GAUGE_SUMMARY).known(np.array([number], np.int64))[0])
            table = state.tables[GAUGE_SUMMARY]
            if isinstance(table, SummaryTable):
                table.count_values(slot, (np.array(values, np.float64), np.array(nodes, np.int64)))


def _runs_out(state: State) -> list[Any]:
    """How far keyframes have come. That of an epoch which returns is its baseline: where it ends must not move."""
    return [
        (node.path, epoch.id, epoch.run.next_part, [(_width(kind), ids.tobytes()) for kind, ids in epoch.run.ids])
        for node in state.nodes.values()
        for epoch in node.epochs.values()
        if epoch.run is not None
    ]


def _runs_in(state: State, plain: list[Any]) -> None:
    for path, epoch, next_part, ids in plain:
        known = [(_kind(width), np.frombuffer(packed, np.int64)) for width, packed in ids]
        state.nodes[tuple(path)].epochs[epoch].run = Run(next_part, known)


def _maps_in(kind: Kind, table: Table, epochs: Mapping[int, Epoch]) -> None:
    """Which slot each id has, from the slots themselves."""
    slots = table.used()
    if not len(slots):
        return
    order = np.lexsort((table.ids[slots], table.epoch[slots]))
    slots = slots[order]
    rows, starts = np.unique(table.epoch[slots], return_index=True)
    for row, mine in zip(rows.tolist(), np.split(slots, starts[1:]), strict=True):
        epochs[row].map(kind).add(table.ids[mine], mine)


def _events_out(events: EventList) -> Plain:
    listed = [
        (e.path, e.epoch, e.number, e.received, e.name, e.value, e.labels, e.metadata, e.timestamp)
        for e in events.events
    ]
    seen = [(*key, seen.ranges, seen.heard) for key, seen in events.seen.items()]
    wanted = [(*key, numbers) for key, numbers in events.wanted.items()]
    totals = (events.total, events.repeated, events.lost)
    return {"listed": listed, "seen": seen, "wanted": wanted, "totals": totals}


def _events_in(events: EventList, plain: Plain) -> None:
    for path, *rest in plain["listed"]:
        events.events.append(FleetEvent(tuple(path), *rest))
    for path, epoch, ranges, heard in sorted(plain["seen"], key=itemgetter(3)):
        events.heard(tuple(path), epoch, heard).ranges = [(low, high) for low, high in ranges]
    for path, epoch, (first, last) in plain["wanted"]:
        events.wanted[tuple(path), epoch] = first, last
    events.total, events.repeated, events.lost = (min(total, MAX_WHOLE) for total in plain["totals"])
