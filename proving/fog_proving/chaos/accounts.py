"""Add up the books of all processes: how much there must be of everything, and how much there may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fog_proving.chaos.books import LEVEL, Book, Cell, Fate, Row, life_key, samples, total
from fog_proving.chaos.judge import FLEET, View
from fog_proving.chaos.layout import Scope
from fog_proving.chaos.processes import Child


@dataclass(slots=True)
class Life:
    """One run of a process of nodes, and its book; without a child, its node lives in this process."""

    number: int
    path: str
    book: Book
    child: Child | None = None

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.child is None or not self.child.ended

    def nodes(self) -> Iterator[tuple[str, Row]]:
        """Its nodes' paths and rows."""
        return ((f"{self.path}/n{number}", row) for number, row in enumerate(self.book.rows))

    def shown(self, scope: Scope) -> Iterator[tuple[str, Row]]:
        """Its nodes' rows, and the paths under which an aggregator shows them; none when it does not read them."""
        return ((shown, row) for path, row in self.nodes() if (shown := scope.shows(path)) is not None)

    def all_acknowledged(self) -> bool:
        """Whether all that it counted until now is in the stream."""
        return all(row.acknowledged == row.counted for row in self.book.rows)


@dataclass(slots=True)
class Accounts:
    """Every process of nodes that there ever was."""

    lives: list[Life] = field(default_factory=list)

    def paths(self, scope: Scope) -> set[str]:
        """Return the paths of processes that an aggregator reads, itself or by their branch."""
        return {life.path for life in self.lives if scope.shows(life.path) is not None}

    def most(self, scope: Scope) -> View:
        """Add up what was counted until now, as an aggregator shows it."""
        return self._view(scope, lambda _, row: row.counted)

    def least(self, scope: Scope) -> View:
        """Add up what must be there when it is quiet: acknowledged counts of killed nodes, all counts of others."""
        return self._view(scope, _sure)

    def levels(self, scope: Scope) -> View:
        """Return the largest gauge of the nodes that run, for each path that is shown and for all together."""
        found: View = {}
        for life in self.lives:
            for shown, row in life.shown(scope) if life.running else ():
                for path in (shown, FLEET):
                    place, value = (path, (LEVEL, "")), row.counted[Cell.LEVEL]
                    found[place] = max(value, found.get(place, value))
        return found

    def events(self, scope: Scope) -> dict[tuple[str, int], tuple[int, int]]:
        """By path and life: how many events must be listed, and how many may be."""
        return {
            (path, life.number): (int(_sure(life, row)[Cell.EVENTS]), int(row.counted[Cell.EVENTS]))
            for life in self.lives
            if scope.lists(life.path)
            for path, row in life.nodes()
        }

    def _view(self, scope: Scope, cells_of: Callable[[Life, Row], list[float]]) -> View:
        by_path: dict[str, list[list[float]]] = defaultdict(list)
        view: View = defaultdict(float)
        for life in self.lives:
            for path, row in life.shown(scope):
                cells = cells_of(life, row)
                by_path[path].append(cells)
                view[path, life_key(life.number)] += cells[Cell.LIFE]
                view[FLEET, life_key(life.number)] += cells[Cell.LIFE]
        totals = {path: total(rows) for path, rows in by_path.items()}
        totals[FLEET] = total(totals.values())
        for path, cells in totals.items():
            view |= {(path, key): value for key, value in samples(cells).items()}
        return view


def _sure(life: Life, row: Row) -> list[float]:
    return row.counted if life.running or row.fate is Fate.FINISHED else row.acknowledged
