"""What the books of all processes say together: how much there must be of everything, and how much there may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fog_testing.chaos.books import Book, Cell, Fate, Row, life_key, samples, total
from fog_testing.chaos.judge import FLEET, View
from fog_testing.chaos.processes import Child


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

    def all_acknowledged(self) -> bool:
        """Whether all that it counted until now is in the stream."""
        return all(row.acknowledged == row.counted for row in self.book.rows)


@dataclass(slots=True)
class Accounts:
    """Every process of nodes that there ever was."""

    lives: list[Life] = field(default_factory=list)

    def most(self) -> View:
        """What was counted until now."""
        return self._view(lambda _, row: row.counted)

    def least(self) -> View:
        """What must be there when it is quiet: of a node that was killed what was acknowledged, of others all."""
        return self._view(_sure)

    def levels(self) -> View:
        """The gauge of each node that runs."""
        return {
            (path, ("chaos_level", "")): row.counted[Cell.LEVEL]
            for life in self.lives
            if life.running
            for path, row in life.nodes()
        }

    def events(self) -> dict[tuple[str, int], tuple[int, int]]:
        """By path and life: how many events must be listed, and how many may be."""
        return {
            (path, life.number): (int(_sure(life, row)[Cell.EVENTS]), int(row.counted[Cell.EVENTS]))
            for life in self.lives
            for path, row in life.nodes()
        }

    def _view(self, cells_of: Callable[[Life, Row], list[float]]) -> View:
        by_path: dict[str, list[list[float]]] = defaultdict(list)
        view: View = {}
        for life in self.lives:
            acts = 0.0
            for path, row in life.nodes():
                cells = cells_of(life, row)
                by_path[path].append(cells)
                view[path, life_key(life.number)] = cells[Cell.LIFE]
                acts += cells[Cell.LIFE]
            view[FLEET, life_key(life.number)] = acts
        totals = {path: total(rows) for path, rows in by_path.items()}
        totals[FLEET] = total(totals.values())
        for path, cells in totals.items():
            view |= {(path, key): value for key, value in samples(cells).items()}
        return view


def _sure(life: Life, row: Row) -> list[float]:
    return row.counted if life.running or row.fate is Fate.FINISHED else row.acknowledged
