"""Name the part of the read side that a checkpoint keeps: the values that must not fall after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from fog_schema.paths import Path


class Exported(Protocol):
    """The largest values exported of fractional counters.

    Attributes:
        exported: By whether it is a node's own value, the path, and the series.
    """

    exported: dict[tuple[bool, Path, int], float]

    def grouped_image(self) -> list[tuple[Any, ...]]:
        """Return the values exported of groups by labels, as plain values."""

    def restore_grouped(self, image: Iterable[Sequence[Any]]) -> None:
        """Take over the values that `grouped_image` gave."""
