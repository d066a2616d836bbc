"""The books: what was really counted, kept outside of everything that is tested."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from fog_schema.paths import Path, is_under

Labels: TypeAlias = tuple[tuple[str, str], ...]

HORIZON: Final = 7 * 86_400.0
INTERVAL: Final = 10.0
"""How often agents send, seconds."""

PATHS: Final = (("f", "0", "0"), ("f", "0", "1"), ("f", "1", "0"), ("f", "0"), ("f", "0", "0"))
"""Where programs are."""

RETENTION: Final = 900.0
"""How long a series that was removed can still be asked for, seconds."""

IDLING: Final = "idle_total"
"""The metric whose children leave by themselves when nobody uses them."""

COUNT: Final = -1
SUM: Final = -2
"""`Cell.part` of a histogram's sum: the only cell that may fall, as observations may be negative."""


class Violation(AssertionError):  # noqa: N818 - it is not an error of the program's
    """A promise was broken."""


class Cell(NamedTuple):
    """A number that the fleet adds up.

    Args:
        part: COUNT for a counter; a bucket's place, or SUM, for a histogram.
    """

    name: str
    labels: Labels
    bounds: tuple[float, ...] = ()
    part: int = COUNT

    @property
    def upper(self) -> float:
        """A bucket's upper bound."""
        return self.bounds[self.part] if self.part < len(self.bounds) else float("inf")


Cells: TypeAlias = dict[Cell, int | float]


def cells_of(name: str, labels: Labels, bounds: Sequence[float], row: Sequence[float]) -> Iterator[tuple[Cell, float]]:
    """Yield the cells of one series: `row` is a counter's value, or a histogram's buckets and its sum."""
    if len(row) == 1:
        yield Cell(name, labels), row[0]
        return
    for part, value in enumerate(row[:-1]):
        yield Cell(name, labels, tuple(bounds), part), value
    yield Cell(name, labels, tuple(bounds), SUM), row[-1]


def add(into: Cells, amounts: Mapping[Cell, float], sign: int = 1) -> None:
    """Add one set of numbers to another."""
    for cell, amount in amounts.items():
        into[cell] = into.get(cell, 0) + sign * amount


@dataclass(slots=True)
class EpochBook:
    """One epoch of a program, as the program knows it.

    Attributes:
        path: where its program is.
        id: its number.
        counts: everything that its program counts, also before and after this epoch.
        start: what that was when the epoch began.
        removed: when a series of the program's metrics was removed or reset for the first time, by their names.
        birth: when the epoch began.
        shared: whether it shares its path.
        end: what was counted when its final was encoded.
        acknowledged: the frames that the stream acknowledged, in their order.
        events: the value of each event, and when it happened, by its number.
        owed: whoever finds the journal of its program, which was killed, sends its final (True), or its final was never
            acknowledged, and is too old to be sent (False); None for any other.
        repeated: a restored snapshot of its machine sends under the same epoch.
    """

    path: Path
    id: int
    counts: Cells
    start: Cells
    removed: dict[str, float]
    birth: float
    shared: bool
    end: Cells | None = None
    acknowledged: list[bytes] = field(default_factory=list)
    events: dict[int, tuple[int, float]] = field(default_factory=dict)
    owed: bool | None = None
    repeated: bool = False

    def let_go(self, now: float) -> set[str]:
        """Name the metrics with a series that may have left the keyframes by `now`."""
        left = {name for name, when in self.removed.items() if now - when >= RETENTION}
        return left | {cell.name for cell in self.counts if cell.name == IDLING}

    def counted(self) -> Cells:
        """Return the counts of this epoch."""
        cells = dict(self.counts if self.end is None else self.end)
        add(cells, self.start, -1)
        return cells


class Books:
    """The truth about a fleet.

    Attributes:
        truth: all that was ever counted at and under each path.
        own: all that was ever counted at each path itself.
        fractional: the cells to which somebody added a fraction: floats are compared within 1e-12.
        epochs: every epoch there was.
    """

    def __init__(self) -> None:
        self.truth: dict[Path, Cells] = defaultdict(dict)
        self.own: dict[Path, Cells] = defaultdict(dict)
        self.fractional: set[Cell] = set()
        self.epochs: dict[tuple[Path, int], EpochBook] = {}

    def count(self, path: Path, cell: Cell, amount: float) -> None:
        """Somebody at `path` counted."""
        if type(amount) is float and not amount.is_integer():
            self.fractional.add(cell)
        for cells in (self.own[path], *(self.truth[path[:depth]] for depth in range(len(path) + 1))):
            cells[cell] = cells.get(cell, 0) + amount

    def without(self, place: Path, out: Collection[Path]) -> Cells:
        """Return all that was ever counted at and under a path, but for some paths."""
        if not out:
            return self.truth[place]
        left: Cells = {}
        for path, cells in self.own.items():
            if is_under(path, place) and path not in out:
                add(left, cells)
        return left

    def slack(self, cell: Cell, amount: float) -> float:
        """How much a number may be off: nothing, unless it is a sum of fractions."""
        return 1e-12 * abs(amount) + 1e-9 if cell in self.fractional or cell.part == SUM else 0
