"""Know the nodes that an operator expects: paths, how many lie under one, and those heard before. Without numpy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from fog_schema.errors import PathError
from fog_schema.paths import Path, is_under, parse_path

MOST_EXPECTED: Final = 1_000_000
LEARNED: Final = "learned"
"""In place of a path: all nodes that were heard on two days. A node of that path is `/learned`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Nodes that an operator expects.

    Attributes:
        paths: the paths at which a node is expected.
        counts: how many nodes are expected at and under some paths; none lies under another.
        learned: nodes that were heard on two days are expected as well, see `core/places/learned.py`.
    """

    paths: frozenset[Path] = frozenset()
    counts: Mapping[Path, int] = field(default_factory=dict)
    learned: bool = False

    def __bool__(self) -> bool:
        return bool(self.paths or self.counts or self.learned)

    @property
    def total(self) -> int:
        """How many nodes are named or counted; paths under a path with a count are among that count."""
        return sum(self.counts.values()) + sum(not self._is_counted(path) for path in self.paths)

    def missing(
        self, known: Container[Path], counted: Mapping[Path, int], learned: Iterable[Path] = ()
    ) -> list[tuple[Path, int]]:
        """Return how many nodes were never heard, and where, in path order.

        Args:
            known: the paths about which something is known.
            counted: how many nodes were heard at and under each path with a count.
            learned: nodes that were heard before, are expected for that, and are not known any more.
        """
        found = dict.fromkeys(chain((path for path in self.paths if path not in known), learned), 1)
        for under, expected in self.counts.items():
            named = sum(is_under(path, under) for path in found)
            if (more := expected - counted.get(under, 0) - named) > 0:
                found[under] = found.get(under, 0) + more
        return sorted(found.items())

    def _is_counted(self, path: Path) -> bool:
        return any(is_under(path, under) for under in self.counts)


NOBODY_EXPECTED: Final = Expected()


def parse_expected(texts: Iterable[str]) -> Expected:
    """Parse paths, as in `fog/0/3`, counts, as in `fog/0=48`, and `learned`.

    Raises:
        ValueError: One is neither, or there are too many; the text says what to write.
    """
    paths: set[Path] = set()
    names = [text.strip() for text in texts]
    counts: dict[Path, int] = {}
    for text in (name for name in names if name != LEARNED):
        name, equals, count = text.partition("=")
        try:
            path = parse_path(name.strip())
        except PathError as error:
            raise ValueError(f"expected node {text!r} is not allowed: {error}") from None
        if not equals:
            paths.add(path)
        elif count.strip().isascii() and count.strip().isdigit() and len(count.strip()) < 8:
            counts[path] = int(count)
        else:
            raise ValueError(f"expected nodes {text!r} are not allowed: write how many there are, as in fog/0=48")
        if len(paths) > MOST_EXPECTED:
            raise ValueError(f"more than {MOST_EXPECTED:,} expected nodes: write how many there are, as in fog/0=48")
    for path in counts:
        if any(other != path and is_under(path, other) for other in counts):
            raise ValueError(f"the expected count of {'/'.join(path)} lies under another: leave one of them out")
    return Expected(frozenset(paths), counts, LEARNED in names)
