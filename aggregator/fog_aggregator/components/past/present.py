"""The present, to which every answer about the past is tied: what the aggregator holds, and how far it has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.components.past.errors import PastError
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.fleet_view import FleetView
from fog_aggregator.query.selection import Selection
from fog_bus.ports import Position
from fog_schema.paths import Path, format_path
from fog_schema.subjects import Subjects

Numbers: TypeAlias = dict[tuple[Path, int], int]
"""The number of the last frame of each writer, by its path and epoch."""


@dataclass(frozen=True, slots=True)
class Present:
    """The numbers of a place, as the aggregator holds them.

    Attributes:
        view: the numbers.
        stream: the stream that has the frames of the place.
        position: how far the stream was read for them.
        numbers: of the last frame of each writer.
        now: server's time.
        orders: what an operator has taken out, and in again, by path, as far as the numbers know it.
    """

    view: FleetView
    stream: str
    position: Position
    numbers: Numbers
    now: float
    orders: Mapping[Path, Sequence[Order]]


MOST_NODES: Final = 20_000
"""Nodes of a subtree whose past is read from the stream."""


class PresentState:
    """Tells what an aggregator holds. Any thread may ask.

    Args:
        engine: knows how far streams were read.
        network: shows the fleet.
        subjects: turns paths into subjects.
        branches: the paths that are read as rollups: the stream has no totals of them.
    """

    def __init__(self, engine: Engine, network: NetworkCollector, subjects: Subjects, branches: BranchPatterns) -> None:
        self._engine = engine
        self._network = network
        self._subjects = subjects
        self._branches = branches

    def now(self) -> float:
        """Return the server's time, unix seconds."""
        return self._network.now()

    def look(self, selection: Selection) -> Present:
        """Look at the numbers, and at how far the stream was read for them, in one go.

        Raises:
            PastError: nothing was read yet, or the frames lie in several streams.
        """
        with self._network.lock:
            stream = self._stream_of(selection)
            position = self._engine.cursors[stream].position
            if position is None:
                raise PastError(f"the stream {stream} was not read yet", 503)
            view = self._network.view(selection)
            orders = self._network.orders()
            return Present(view, stream, position, self.numbers(selection), self._network.now(), orders)

    def _stream_of(self, selection: Selection) -> str:
        """Return the one stream that has the frames of a place."""
        path, subjects = selection.under, self._subjects
        found = self._engine.streams.holding(
            [subjects.metrics(path)] if selection.own else subjects.subtree("metrics", path)
        )
        where = format_path(path) or "the whole fleet"
        if not found:
            raise PastError(f"no stream that has the frames of {where} was read yet", 503)
        if len(found) > 1:
            raise PastError(
                f"the frames of {where} lie in several streams, {', '.join(sorted(found))}: ask for a deeper path; of "
                "whole levels the history has rollups at hand"
            )
        return found[0]

    def numbers(self, selection: Selection) -> Numbers:
        """Return the number of the last frame of each writer that has not ended."""
        return self._network.writers(selection)

    def check(self, path: Path, *, own: bool) -> None:
        """Check that questions about a path have an answer.

        Raises:
            PastError: they have none.
        """
        if not self._engine.readiness.ready:
            raise PastError(f"not ready: {self._engine.readiness.why_not()}", 503)
        where = format_path(path) or "the whole fleet"
        if self._branches.meet(path):
            raise PastError(
                f"{where} is read as rollups of branches: the past of its nodes, their own aggregators know"
            )
        if not (self._network.life_of(path) is not None if own else self._network.knows(path)):
            raise PastError(f"no node at {'' if own else 'or under '}{where}", 404)
        nodes = 1 if own else self._network.size(path)
        if nodes > MOST_NODES:
            raise PastError(f"{where} has {nodes:,} nodes, and {MOST_NODES:,} can be read: ask for a deeper path")
