"""Know the nodes that an operator expects: by their paths, or by how many there are under a path. Without numpy."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fog_schema.errors import PathError
from fog_schema.paths import Path, is_under, parse_path

MOST_EXPECTED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Expected:
    """Nodes that an operator expects.

    Attributes:
        paths: the paths at which a node is expected.
        counts: how many nodes are expected at and under some paths; none lies under another.
    """

    paths: frozenset[Path] = frozenset()
    counts: Mapping[Path, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.paths or self.counts)

    @property
    def total(self) -> int:
        """How many nodes are expected; paths under a path with a count are among that count."""
        return sum(self.counts.values()) + sum(not self._is_counted(path) for path in self.paths)

    def missing(self, known: Container[Path], counted: Mapping[Path, int]) -> list[tuple[Path, int]]:
        """Return how many nodes were never heard, and where, in path order.

        Args:
            known: the paths about which something is known.
            counted: how many nodes were heard at and under each path with a count.
        """
        found = dict.fromkeys((path for path in self.paths if path not in known), 1)
        for under, expected in self.counts.items():
            named = sum(is_under(path, under) for path in found)
            if (more := expected - counted.get(under, 0) - named) > 0:
                found[under] = found.get(under, 0) + more
        return sorted(found.items())

    def _is_counted(self, path: Path) -> bool:
        return any(is_under(path, under) for under in self.counts)


NOBODY_EXPECTED: Final = Expected()


def parse_expected(texts: Iterable[str]) -> Expected:
    """Parse paths, as in `fog/0/3`, and counts, as in `fog/0=48`.

    Raises:
        ValueError: One is neither, or there are too many; the text says what to write.
    """
    paths: set[Path] = set()
    counts: dict[Path, int] = {}
    for text in texts:
        name, equals, count = text.strip().partition("=")
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
    return Expected(frozenset(paths), counts)
